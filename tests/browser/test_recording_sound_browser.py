"""The page records the microphone and the render, only when ticked, in a real Chromium whose microphone beeps."""

from __future__ import annotations

import re
import wave
from collections.abc import Iterator
from pathlib import Path

import av
import browser_support as support
import numpy as np
import pytest
from playwright.sync_api import expect

from face3d_live.takes.reader import load

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]
RATE = 48_000


def beeps(path: Path) -> Path:
    """A tone of 0.1 s at the beginning of every second."""
    t = np.arange(RATE) / RATE
    second = np.where(t < 0.1, 20_000 * np.sin(2 * np.pi * 600 * t), 0).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.tile(second, 10).tobytes())
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory, server, takes) -> Iterator:
    folder = tmp_path_factory.mktemp("devices")
    camera, microphone = support.camera_file(folder), beeps(folder / "beeps.wav")
    flags = [
        *support.FLAGS,
        f"--use-file-for-fake-video-capture={camera}",
        f"--use-file-for-fake-audio-capture={microphone}",
    ]
    with support.running(server.url, flags) as page:
        page.check("#panel-tabs input[value=takes]")
        yield page
    for path in takes.iterdir():
        path.unlink()


def record(page, seconds: int) -> None:
    page.click("#record")
    text = re.compile(rf"0:(0[{seconds}-9]|[1-5]\d)")
    expect(page.locator("#recording")).to_have_text(text, timeout=120_000)
    page.click("#record")
    expect(page.locator("#record span")).to_have_text("Record", timeout=120_000)


def test_a_microphone_that_is_not_allowed_is_said(page) -> None:
    page.locator("#with-microphone").click()
    expect(page.locator(".extras [role=alert]")).to_contain_text("does not allow the microphone", timeout=120_000)
    expect(page.locator("#with-microphone")).not_to_be_checked()


def test_nothing_is_kept_of_what_is_not_ticked(page, takes) -> None:
    record(page, 2)
    assert {path.suffix for path in takes.iterdir()} == {".jsonl"}


def test_voice_and_render_are_recorded_in_step(page, takes, tmp_path) -> None:
    page.context.grant_permissions(["camera", "microphone"])
    page.check("#with-microphone")
    page.check("#with-render")
    expect(page.locator(".extras meter")).to_be_visible(timeout=120_000)
    expect(page.locator(".extras .fine")).to_contain_text("only while it records")
    expect(page.locator("#record")).to_have_attribute("title", re.compile("what is ticked in Takes"))
    record(page, 4)
    (path,) = takes.glob("*.wav")
    take = load(path.with_suffix(".jsonl"))
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(int)
    assert len(samples) / RATE == pytest.approx(take.seconds, abs=1.5)
    loud = np.abs(samples) > 4000
    starts = np.flatnonzero(np.diff(loud.astype(int)) > 0) / RATE
    starts = starts[np.diff(starts, prepend=-1) > 0.3]  # a beep crosses zero often
    assert len(starts) >= 3 and np.diff(starts) == pytest.approx(np.ones(len(starts) - 1), abs=0.08)
    with av.open(str(path.with_suffix(".render.mkv"))) as film:
        times = np.array([frame.time for frame in film.decode(video=0)])
    assert len(times) > 0.8 * len(take) and times[-1] == pytest.approx(take.t[-1], abs=0.5)

    card = page.locator("#takes li").first
    expect(card).to_contain_text("♪")
    assert card.locator("select").input_value() == "mp4", "a film comes first"
    with page.expect_download(timeout=120_000) as download:
        card.get_by_text("Download").click()
    download.value.save_as(tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert film.streams.video[0].codec_context.name == "h264" and film.streams.audio[0].codec_context.name == "aac"
    card.get_by_role("button", name="Play").click()
    support.until(page, "document.querySelector('.player audio').currentTime > 0.2")
    page.get_by_role("button", name="Stop and close").click()
    page.uncheck("#with-microphone")
    expect(page.locator(".extras meter")).to_be_hidden()
    page.check("#with-microphone")
    expect(page.locator(".extras meter")).to_be_visible(timeout=120_000)
    page.click("#stop")
    expect(page.locator(".extras meter")).to_be_hidden(timeout=120_000)
    expect(page.locator("#with-microphone")).not_to_be_checked()
