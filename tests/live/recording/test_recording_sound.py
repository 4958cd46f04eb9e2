"""Sound and render beside a take: where samples lie, crashes, films in step, and a microphone through WebRTC."""

from __future__ import annotations

import subprocess
import sys
import time
import wave
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack
from hypothesis import given, settings
from hypothesis import strategies as st
from live_helpers import Browser, Camera, serve
from takes_support import HEADER, frames, write
from waiting import at, until

from face3d_live.camera import Camera as Sight
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.errors import InputError
from face3d_live.live.recording.recorder import Recorder
from face3d_live.live.webrtc.audio_receiver import JITTER_BUFFER_SECONDS, AudioVideoSync, StreamClock
from face3d_live.takes import render_video, sound, tools
from face3d_live.takes.reader import load
from face3d_live.takes.record import record
from face3d_live.takes.render_video import RenderedFrame, RenderWriter
from face3d_live.takes.sound import RATE, SoundChunk, SoundWriter

LOUD = 20_000


def tone(seconds, level=LOUD):
    return np.full(round(seconds * RATE), level, np.int16)


def heard(path):
    """All samples, by Python's own reader of WAV files."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def loud(samples):
    """First and last moment at which it is loud, seconds."""
    where = np.flatnonzero(np.abs(samples.astype(int)) > LOUD // 3)
    assert len(where), "nothing is heard"
    return where[0] / RATE, (where[-1] + 1) / RATE


def written(path, pieces):
    writer = SoundWriter(path)
    for piece in pieces:
        writer.write(piece)
    writer.close()
    return heard(path)


# --- where samples lie ----------------------------------------------------------------------------------------------


def test_what_never_came_is_silence(tmp_path):
    samples = written(
        tmp_path / "a.wav", [SoundChunk(tone(0.1), 0.5), SoundChunk(tone(0.1), 0.6), SoundChunk(tone(0.2), 1.3)]
    )
    assert len(samples) == 1.5 * RATE
    for start, end, level in ((0, 0.5, 0), (0.5, 0.7, LOUD), (0.7, 1.3, 0), (1.3, 1.5, LOUD)):
        assert (samples[round(start * RATE) : round(end * RATE)] == level).all()


def test_a_drifting_clock_is_followed_without_clicks(tmp_path):
    """A microphone whose clock is 100 parts in a million off: no sample is lost or doubled until it is 20 ms off."""
    pieces = [SoundChunk(np.full(960, 1 + i % 100, np.int16), 0.02 * i * 1.0001) for i in range(9000)]
    samples = written(tmp_path / "a.wav", pieces)
    assert (samples[: 9000 * 960 // 2] > 0).all(), "no hole within the tolerance"
    assert np.abs(np.diff(samples.astype(int))).max() <= 99
    assert len(samples) / RATE == pytest.approx(180, abs=2 * sound.TOLERANCE)


@given(st.lists(st.tuples(st.floats(-1, 3), st.integers(0, 2000)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_any_times_give_a_file_whose_samples_are_near_their_times(tmp_path_factory, plan):
    path = tmp_path_factory.mktemp("sound") / "a.wav"
    pieces = [SoundChunk(np.full(count, 1 + i, np.int16), t) for i, (t, count) in enumerate(plan)]
    writer = SoundWriter(path)
    for piece in pieces:
        writer.write(piece)
    writer.close()
    if not path.exists():
        assert all(not len(p.samples) or p.t * RATE + len(p.samples) < 1 for p in pieces), (
            "a file as soon as there is sound"
        )
        return
    samples = heard(path)
    for i, piece in enumerate(pieces):
        at = np.flatnonzero(samples == 1 + i)
        low, high = piece.t - sound.TOLERANCE, piece.t + len(piece.samples) / RATE + sound.TOLERANCE
        assert len(at) <= len(piece.samples) and ((at / RATE >= low - 1e-4) & (at / RATE <= high + 1e-4)).all()


def test_sound_ends_before_the_file_cannot_count_it(tmp_path):
    writer = SoundWriter(tmp_path / "a.wav")
    with pytest.raises(InputError, match="sound-too-long"):
        writer.write(SoundChunk(tone(1), 13 * 3600.0))
    writer.close()
    (tmp_path / "b.wav").touch()
    with pytest.raises(InputError, match="take-exists"):
        SoundWriter(tmp_path / "b.wav").write(SoundChunk(tone(1), 0))


def test_any_sound_file_may_take_the_place(tmp_path):
    """Somebody cleans it up in another program, which writes stereo at another rate."""
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(np.full((44_100, 2), LOUD, "<i2").tobytes())
    samples = np.concatenate(list(sound.chunks(path)))
    assert len(samples) == pytest.approx(RATE, abs=50) and np.median(samples) == pytest.approx(LOUD, rel=0.02)
    path.write_bytes(b"no sound at all")
    with pytest.raises(InputError, match="not-a-sound"):
        list(sound.chunks(path))


CRASHING = """
import os, sys, time
import numpy as np
from pathlib import Path
from face3d_live.takes.render_video import RenderWriter, RenderedFrame
from face3d_live.takes.sound import SoundChunk, SoundWriter
folder, now = Path(sys.argv[1]), [0.0]
sound, film = (kind(folder / name, lambda: now[0]) for kind, name in ((SoundWriter, "a.wav"), (RenderWriter, "a.mkv")))
for i in range(250):
    now[0] = i / 50
    sound.write(SoundChunk(np.full(960, 9000, np.int16), i / 50))
    if i % 2 == 0:
        film.write(RenderedFrame(np.random.default_rng(i).integers(0, 255, (64, 64, 3), np.uint8), i / 50))
os.kill(os.getpid(), 9)
"""


def test_a_crash_costs_a_second_at_most(tmp_path):
    done = subprocess.run([sys.executable, "-c", CRASHING, str(tmp_path)], check=False, timeout=120)
    assert done.returncode == -9
    samples = heard(tmp_path / "a.wav")  # by its header, as other programs read it
    assert 4.0 <= len(samples) / RATE <= 5.0 and (samples == 9000).all()
    with av.open(str(tmp_path / "a.mkv")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times[-1] >= 3.9 and times == pytest.approx(np.arange(len(times)) / 25, abs=1e-3)


# --- films ----------------------------------------------------------------------------------------------------------


def recorded(folder, at=1.4, seconds=3.0):
    """A take of `seconds` whose mouth opens, whose picture flashes and that is loud, all from `at` on for 0.2 s."""
    made = frames(round(30 * seconds), start=0.0)
    times = np.arange(len(made)) / 30 + 0.004 * (np.arange(len(made)) % 3)
    path = folder / "take.jsonl"
    shown, spoken = RenderWriter(path.with_suffix(".render.mkv")), SoundWriter(path.with_suffix(".wav"))
    moved = []
    for frame, t in zip(made, times, strict=True):
        on = at <= t < at + 0.2
        expression = np.zeros(52, np.float32)
        expression[INDEX["jawOpen"]] = on
        moved.append(type(frame)(frame.number, float(t), True, frame.codes.with_(expression=expression), frame.camera))
        shown.write(RenderedFrame(np.full((64, 64, 3), 240 if on else 20, np.uint8), float(t)))
    spoken.write(SoundChunk(tone(at, 0), 0.0))
    spoken.write(SoundChunk((LOUD * np.sin(np.arange(0.2 * RATE) / RATE * 2 * np.pi * 440)).astype(np.int16), at))
    spoken.write(SoundChunk(tone(seconds - at - 0.2, 0), at + 0.2))
    shown.close()
    spoken.close()
    return write(path, moved)


def flash(path):
    """First and last moment at which the picture is bright."""
    with av.open(str(path)) as container:
        bright = [frame.time for frame in container.decode(video=0) if frame.to_ndarray(format="gray").mean() > 128]
    return bright[0], bright[-1]


def test_a_render_whose_pictures_change_their_size_keeps_the_first_one(tmp_path):
    writer = RenderWriter(tmp_path / "a.render.mkv")
    for i, side in enumerate((64, 96, 64)):
        writer.write(RenderedFrame(np.full((side, side, 3), 60 * i + 40, np.uint8), i / 10))
    writer.close()
    with av.open(str(tmp_path / "a.render.mkv")) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [picture.shape for picture in shown] == 3 * [(64, 64, 3)]
    assert [picture.mean() for picture in shown] == pytest.approx([40, 100, 160], abs=4)


def test_the_recorded_render_and_the_sound_in_one_film(tmp_path):
    out = tmp_path / "film.mp4"
    take = recorded(tmp_path)
    assert "recorded render" in tools.export(take, out, seen=True)
    start, end = loud(np.concatenate(list(sound.chunks(out))))
    assert (start, end) == pytest.approx((1.4, 1.6), abs=0.025), "the encoder's delay is taken out"
    first, last = flash(out)
    assert first == pytest.approx(1.4, abs=0.04) and last == pytest.approx(1.6, abs=0.04)
    with av.open(str(out)) as container:
        export_video, audio = container.streams.video[0], container.streams.audio[0]
        assert float(export_video.duration * export_video.time_base) == pytest.approx(3.0, abs=0.06)
        assert float(audio.duration * audio.time_base) == pytest.approx(3.0, abs=0.06)
    tools.export(take, out, seen=True, silent=True)
    with av.open(str(out)) as container:
        assert not container.streams.audio
    take.with_suffix(".render.mkv").unlink()
    with pytest.raises(InputError, match="no-render"):
        tools.export(take, tmp_path / "other.mp4", seen=True)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_film_that_is_drawn_anew_has_the_sound(tmp_path, monkeypatch, suffix):
    from face3d_live.takes import export_video

    def pictures(take, size, alpha):
        for i in range(len(take)):
            yield np.full((size, size, 4), 20 + 200 * take.expression[i, INDEX["jawOpen"]], np.uint8)

    monkeypatch.setattr(export_video, "draw_pictures", pictures)
    out = tmp_path / f"film{suffix}"
    tools.export(recorded(tmp_path), out, size=64)
    start, end = loud(np.concatenate(list(sound.chunks(out))))
    first, last = flash(out)
    assert (start, end) == pytest.approx((1.4, 1.6), abs=0.03)
    assert first == pytest.approx(1.4, abs=0.04) and last == pytest.approx(1.6, abs=0.05)


def test_trim_recover_info_and_export_take_the_sound_along(tmp_path):
    take = recorded(tmp_path)
    said = tools.trim(take, tmp_path / "part.jsonl", 1.0, 2.0)
    assert "part.wav" in said and "render is left out" in said
    samples = heard(tmp_path / "part.wav")
    assert loud(samples) == pytest.approx((0.4, 0.6), abs=0.01) and len(samples) / RATE == pytest.approx(1.0, abs=0.05)
    part = load(tmp_path / "part.jsonl")
    assert part.t[part.expression[:, INDEX["jawOpen"]] > 0.5][0] == pytest.approx(0.4, abs=0.04)
    assert "recovered.wav" in tools.recover(take, None)
    assert loud(heard(tmp_path / "take-recovered.wav")) == pytest.approx((1.4, 1.6), abs=0.001)
    assert (tmp_path / "take-recovered.render.mkv").read_bytes() == take.with_suffix(".render.mkv").read_bytes()
    assert "sound    take.wav" in tools.describe(take) and "render   take.render.mkv" in tools.describe(take)
    tools.export(take, tmp_path / "only.wav")
    assert np.array_equal(heard(tmp_path / "only.wav")[: 3 * RATE], heard(take.with_suffix(".wav")))
    with pytest.raises(InputError, match="no-sound"):
        tools.export(write(tmp_path / "mute.jsonl", frames()), tmp_path / "x.wav")


class Blind:
    """A tracker that sees no face."""

    def update(self, rgb, t):
        return SimpleNamespace(face=False, codes=HeadCodes(), camera=Sight.webcam(rgb.shape[1], rgb.shape[0]))


def test_a_camera_has_no_sound_of_its_own(tmp_path):
    with pytest.raises(InputError, match="no-sound"):
        record("0", tmp_path / "a.jsonl", 1.0, Blind(), with_sound=True)


@pytest.mark.parametrize("late", [0.0, 0.25])
def test_the_sound_of_a_video_keeps_step_with_its_pictures(tmp_path, late):
    """A file whose sound begins `late` seconds after its pictures, and whose pictures do not begin at 0."""
    path, at = tmp_path / "talk.mkv", 0.8
    with av.open(str(path), "w") as container:
        picture, voice = container.add_stream("libx264", rate=30), container.add_stream("aac", rate=44_100)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        picture.codec_context.time_base = voice.codec_context.time_base = Fraction(1, 44_100)
        for i in range(60):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
            frame.pts, frame.time_base = 44_100 + 1470 * i, Fraction(1, 44_100)
            container.mux(picture.encode(frame))
        samples = np.zeros(round((2 - late) * 44_100), np.int16)
        samples[round((at - late) * 44_100) :][:4410] = LOUD
        tone = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        tone.sample_rate, tone.pts, tone.time_base = 44_100, round((1 + late) * 44_100), Fraction(1, 44_100)
        container.mux(voice.encode(tone))
        container.mux([*picture.encode(), *voice.encode()])
    said = record(str(path), tmp_path / "talk.jsonl", None, Blind(), with_sound=True)
    assert "sound 2.0" in said and len(load(tmp_path / "talk.jsonl")) == 60
    length = sound.extract(path, tmp_path / "again.wav")
    assert length == pytest.approx(2.0, abs=0.06)
    assert loud(heard(tmp_path / "talk.wav"))[0] == pytest.approx(at, abs=0.03)
    record(str(path), tmp_path / "mute.jsonl", None, Blind())
    assert not (tmp_path / "mute.wav").exists(), "only where asked for"
    assert sound.extract(path, tmp_path / "short.wav", 1.0) == pytest.approx(1.0, abs=0.001)


# --- two clocks -----------------------------------------------------------------------------------------------------


def test_arrivals_tell_the_shift_whatever_the_delays():
    random, sync = np.random.default_rng(3), AudioVideoSync()
    for i in range(200):
        now = 1000 + i / 30
        sync.video.arrived(i / 30 + 7, now + 0.05 + random.exponential(0.03))
        sync.audio.arrived(i / 30 + 2, now + 0.05 + JITTER_BUFFER_SECONDS + random.exponential(0.03))
    assert sync.shift() == pytest.approx(5.0, abs=0.01)


def test_reports_are_exact_and_outlive_wrapped_stamps():
    sync = AudioVideoSync()
    assert sync.shift() is None
    hours = 20 * 3600.0  # both streams' stamps have wrapped
    sync.video.arrived(hours, 5000.10)
    sync.audio.arrived(hours - 3, 5000.02 + JITTER_BUFFER_SECONDS)  # the sound came 80 ms sooner
    assert sync.shift() == pytest.approx(2.92, abs=1e-6)
    for clock, rate, zero in ((sync.video, 90_000, 0.0), (sync.audio, RATE, 3.0)):
        origin = 2**32 - 500
        sent = hours + 0.5
        clock.reported((origin + round((sent - zero) * rate)) % 2**32, round((9e8 + sent) * 2**32), origin)
    assert sync.shift() == pytest.approx(3.0, abs=1e-4)


def test_a_report_of_another_time_of_the_stream_is_not_believed():
    """A microphone that was exchanged may go on at other stamps."""
    sync = AudioVideoSync()
    for clock in (sync.video, sync.audio):
        clock.arrived(4.0, 100.0)
        clock.reported(0, 900 << 32, 0)
    sync.audio.reported(0, 990 << 32, 0)
    assert sync.shift() == pytest.approx(-JITTER_BUFFER_SECONDS)


def test_clock_forgets_old_arrivals():
    clock = StreamClock(90_000)
    clock.arrived(0.0, 100.0)
    for i in range(40):
        clock.arrived(1.0 + i, 101.2 + i)
    assert clock.lag == pytest.approx(100.2), "the sender's clock may drift, so the window moves"


# --- recorder -------------------------------------------------------------------------------------------------------


async def test_sound_of_a_recorder_begins_with_its_first_frame(tmp_path):
    trouble = []
    recorder = Recorder(tmp_path / "a.jsonl", HEADER, trouble.append, with_sound=True, with_render=True)
    made = frames(20, start=5.0)
    recorder.add_sound(tone(0.02), made[0].t - 0.02)
    for frame in made:
        image = np.full((64, 64, 3), 50, np.uint8)
        recorder.add(frame.number, frame.t, True, frame.codes, frame.camera, 0, 0, image)
        recorder.add_sound(tone(0.02), frame.t)
    recorder.finish()
    await recorder.closed()
    take, samples = load(recorder.path), heard(tmp_path / "a.wav")
    assert trouble == [] and loud(samples)[0] < 0.001
    assert len(samples) / RATE == pytest.approx(take.t[-1] + 0.02, abs=sound.TOLERANCE)
    with av.open(str(tmp_path / "a.render.mkv")) as container:
        assert [frame.time for frame in container.decode(video=0)] == pytest.approx(take.t, abs=0.002)
    state = recorder.state()
    assert state["sound"]["seconds"] == pytest.approx(len(samples) / RATE, abs=0.001)
    assert state["render"]["bytes"] == (tmp_path / "a.render.mkv").stat().st_size


async def test_a_disk_that_refuses_the_sound_does_not_cost_the_take(tmp_path):
    trouble = []
    (tmp_path / "a.wav").touch()
    recorder = Recorder(tmp_path / "a.jsonl", HEADER, trouble.append, with_sound=True)
    for frame in frames(10):
        recorder.add(frame.number, frame.t, True, frame.codes, frame.camera, 0, 0)
        recorder.add_sound(tone(0.02), frame.t)
    recorder.finish()
    await recorder.closed()
    assert [error.code for error in trouble] == ["take-exists"]
    assert recorder.state()["sound"]["error"]["code"] == "take-exists" and "error" not in recorder.state()
    assert len(load(recorder.path)) == 10


# --- a microphone through WebRTC --------------------------------------------------------------------------------------


class Microphone(MediaStreamTrack):
    """Silence in real time, loud between two moments of the monotonic clock."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self.loud, self.sent = (0.0, 0.0), list[float]()  # sent: the times of all loud samples, in order
        self._began, self._n = 0.0, 0

    async def recv(self):
        self._began = self._began or time.monotonic()
        if self.readyState != "live":
            raise av.error.EOFError(0, "stopped")
        # What a busy machine does not fetch in time is lost, as with real ones.
        self._n = max(self._n + 1, round((time.monotonic() - self._began - 0.04) / 0.02))
        await at(self._began + self._n * 0.02)
        times = self._began + (self._n - 1) * 0.02 + np.arange(960) / RATE
        on = (times >= self.loud[0]) & (times < self.loud[1])
        self.sent += times[on].tolist()
        wave = on * LOUD * np.sin(2 * np.pi * 440 * times)
        frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 960 * (self._n - 1), Fraction(1, RATE)
        return frame


class Actor(Camera):
    """A camera whose picture is bright between the same moments."""

    loud = (0.0, 0.0)

    async def recv(self):
        self.level = 0.9 if self.loud[0] <= time.monotonic() < self.loud[1] else 0.3
        frame = await super().recv()
        return frame


async def recorded_live(served, browser, seconds, once_started=lambda: None, **wanted):
    started = await served.http.post(f"{browser.location}/recording", json={"action": "start", **wanted})
    assert started.status_code == 201, started.text
    once_started()
    session = served.live.sessions.get(browser.session)
    await until(lambda: session.recorder.state()["seconds"] >= seconds)
    stopped = await served.http.post(f"{browser.location}/recording", json={"action": "stop"})
    return f"/api/takes/{stopped.json()['take']}", stopped.json()


async def test_a_click_and_an_expression_at_the_same_moment(tmp_path, monkeypatch):
    microphone, camera = Microphone(), Actor()
    reported, clocks = StreamClock.reported, set()
    monkeypatch.setattr(StreamClock, "reported", lambda clock, *report: (clocks.add(clock), reported(clock, *report)))

    def act():
        moment = time.monotonic() + 0.7
        microphone.loud = camera.loud = moment, moment + 0.5

    async with serve(takes=tmp_path) as served, Browser(served, camera, more=[microphone]) as browser:
        await browser.until(lambda: len(browser.of("frame")) > 5)
        await until(lambda: len(clocks) == 2)  # the sender has told when it sent what, of both tracks
        url, state = await recorded_live(served, browser, 1.8, act, sound=True, render=True)
        assert state["sound"]["seconds"] == pytest.approx(state["seconds"], abs=1) and state["sound"]["left_out"] == 0

        take_id = url.rpartition("/")[2]
        take = load(tmp_path / f"{take_id}.jsonl")
        opened = take.t[take.expression[:, INDEX["jawOpen"]] > 0.6]
        start, end = loud(heard(tmp_path / f"{take_id}.wav"))
        # aiortc's reports tell when packets were sent, and a busy machine sends them late; Chromium's are tested apart.
        assert abs(opened[0] - start) < 0.8, "the first picture after the click"
        assert end - start == pytest.approx(microphone.sent[-1] - microphone.sent[0], abs=0.15)

        (listed,) = (await served.http.get("/api/takes")).json()["takes"]
        assert listed["sound"] is True and listed["render"] is True
        assert (await served.http.get(url, params={"format": "wav"})).content == (
            tmp_path / f"{take_id}.wav"
        ).read_bytes()
        film_file = tmp_path / "got.mp4"
        got = await served.http.get(url, params={"format": "mp4"})
        assert got.headers["content-type"] == "video/mp4" and int(got.headers["content-length"]) == len(got.content)
        film_file.write_bytes(got.content)
        assert flash(film_file)[0] == pytest.approx(opened[0], abs=0.01)
        assert loud(np.concatenate(list(sound.chunks(film_file))))[0] == pytest.approx(start, abs=0.03)
        assert {path.suffix for path in tmp_path.iterdir()} == {".jsonl", ".wav", ".mkv", ".mp4"}, "no temporary file"
        assert (await served.http.delete(url)).status_code == 204
        assert list(tmp_path.iterdir()) == [film_file]


async def test_sound_is_kept_only_where_it_was_asked_for_and_came(tmp_path):
    """Not asked for: no file. Asked for and never sent: no file, and the take is there."""
    microphone = Microphone()
    microphone.loud = 0.0, 1e12
    async with serve(takes=tmp_path) as served:
        async with Browser(served, more=[microphone]) as browser:
            await browser.until(lambda: len(browser.of("frame")) > 3)
            url, state = await recorded_live(served, browser, 0.7)
            assert "sound" not in state and "render" not in state
            for format_, code in (("wav", "no-sound"), ("mp4", "no-render")):
                answer = await served.http.get(url, params={"format": format_})
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)
        async with Browser(served) as browser:
            await browser.until(lambda: len(browser.of("frame")) > 3)
            _, state = await recorded_live(served, browser, 0.7, sound=True)
            assert state["sound"]["seconds"] == 0 and state["frames"] > 3
            wrong = await served.http.post(f"{browser.location}/recording", json={"action": "start", "sound": "yes"})
            assert wrong.status_code == 400 and "sound" in wrong.json()["error"]["message"]
    assert {path.suffix for path in tmp_path.iterdir()} == {".jsonl"}


async def test_a_microphone_that_stops_midway(tmp_path):
    microphone = Microphone()
    microphone.loud = 0.0, 1e12
    async with serve(takes=tmp_path) as served, Browser(served, more=[microphone]) as browser:
        await browser.until(lambda: len(browser.of("frame")) > 3)
        url = f"{browser.location}/recording"
        assert (await served.http.post(url, json={"action": "start", "sound": True})).status_code == 201
        recorder = served.live.sessions.get(browser.session).recorder
        await until(lambda: recorder.state()["sound"]["seconds"] > 0.6)
        for sender in browser.pc.getSenders():
            if sender.kind == "audio":
                sender.replaceTrack(None)
        await until(lambda: recorder.state()["seconds"] > recorder.state()["sound"]["seconds"] + 0.6)
        state = (await served.http.post(url, json={"action": "stop"})).json()
        assert 0.5 < state["sound"]["seconds"] < state["seconds"] - 0.5 and "error" not in state
        samples = heard(tmp_path / f"{state['take']}.wav")
        assert len(samples) / RATE == pytest.approx(state["sound"]["seconds"], abs=0.001)
        film_file = tmp_path / "x.mp4"
        with pytest.raises(InputError, match="no-render"):
            render_video.export_render(tmp_path / f"{state['take']}.jsonl", film_file)
