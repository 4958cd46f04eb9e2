"""Chromium's own clocks: what flashes and beeps at once is recorded so."""

from __future__ import annotations

import wave

import browser_support as support
import numpy as np
import pytest
from live_helpers import serve
from playwright.async_api import async_playwright
from waiting import until

from face3d_live.codes import INDEX
from face3d_live.live.limits import Limits
from face3d_live.live.webrtc.audio_receiver import StreamClock
from face3d_live.takes.reader import load

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]
RATE = 48_000

#: A camera and a microphone that flash and beep together, every 1.2 s for 0.3 s. Opening the sound begins them.
FLASHING = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
  const paint = canvas.getContext("2d"), sound = new AudioContext();
  const tone = new OscillatorNode(sound, { frequency: 500 }), gate = new GainNode(sound, { gain: 0 });
  const heard = new MediaStreamAudioDestinationNode(sound);
  tone.connect(gate).connect(heard);
  tone.start();
  let on = false;
  setInterval(() => {
    const now = performance.now() % 1200 < 300;
    if (now !== on) gate.gain.setValueAtTime(now ? 0.8 : 0, sound.currentTime);
    on = now;
    paint.fillStyle = on ? "#e8e8e8" : "#404040";
    paint.fillRect(0, 0, 320, 240);
  }, 10);
  const video = canvas.captureStream(30);
  navigator.mediaDevices.getUserMedia = async ({ audio }) => (audio ? heard.stream : video);
}"""


async def test_a_browsers_flash_and_beep_are_recorded_at_the_same_time(tmp_path, monkeypatch) -> None:
    """Chromium's own clocks and reports, through the page; the pipeline takes brightness for an open mouth."""
    reported, clocks = StreamClock.reported, set()
    monkeypatch.setattr(StreamClock, "reported", lambda clock, *report: (clocks.add(clock), reported(clock, *report)))
    async with (
        serve(takes=tmp_path, limits=Limits(picture=support.PICTURE)) as served,
        async_playwright() as playwright,
    ):
        flags = [*support.FLAGS, "--autoplay-policy=no-user-gesture-required"]
        chromium = await playwright.chromium.launch(executable_path=support.CHROMIUM, args=flags)
        page = await chromium.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        await page.goto(served.base)
        await page.evaluate(FLASHING)
        await page.click("#start")
        await page.wait_for_selector("body[data-state=live]", timeout=120_000)
        await page.check("#panel-tabs input[value=takes]")
        await page.check("#with-microphone")
        await until(lambda: len(clocks) == 2)  # Chromium has told when it sent what, of both tracks
        await page.click("#record")
        (session,) = served.live.sessions
        await until(lambda: session.recorder is not None and session.recorder.state()["seconds"] > 5.2)
        await page.click("#record")
        await page.wait_for_selector("#takes li", timeout=120_000)
        await chromium.close()
    (path,) = tmp_path.glob("*.jsonl")
    take = load(path)
    bright = take.expression[:, INDEX["jawOpen"]] > 0.6
    flashes = take.t[1:][bright[1:] & ~bright[:-1]]
    with wave.open(str(path.with_suffix(".wav"))) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(int)
    loud = np.flatnonzero(np.abs(samples) > 3000) / RATE
    starts = loud[np.diff(loud, prepend=-1) > 0.3]
    starts = starts[(starts > 0.3) & (starts < take.t[-1] - 0.3)]
    apart = [(flashes - start)[np.abs(flashes - start).argmin()] for start in starts]
    assert len(apart) >= 3 and abs(np.median(apart)) < 0.1
