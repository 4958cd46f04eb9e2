"""Playing takes: every frame at its own time, by a clock that tests can turn; to streams, and drawn."""

from __future__ import annotations

import asyncio
import json
import time

import numpy as np
import pytest
import websockets
from live_helpers import serve
from takes_support import CAMERA, HEADER, expression, frames

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.live import playback
from face3d_live.live.playback import Performance, perform
from face3d_live.takes.clock import schedule
from face3d_live.takes.model import Frame
from face3d_live.takes.reader import load
from face3d_live.takes.writer import TakeWriter

JAW = INDEX["jawOpen"]


def take_of(path, records):
    with TakeWriter(path, HEADER) as writer:
        for record in records:
            writer.write(record)
    return load(path)


@pytest.fixture
def take(tmp_path):
    return take_of(tmp_path / "take.jsonl", frames(20))


class FakeClock:
    """Time passes only when somebody sleeps; and `stalls` (when, how long) when nobody meant it to."""

    def __init__(self, stalls=()):
        self.time, self.stalls, self.slept = 100.0, list(stalls), []

    def now(self):
        return self.time

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds
        if self.stalls and self.time - 100 >= self.stalls[0][0]:
            self.time += self.stalls.pop(0)[1]


class Stage:
    """Stands in for a session."""

    def __init__(self, clock, until=10**9):
        self.clock, self.until, self.shown = clock, until, []

    def perform(self, number, t, face, codes):
        if len(self.shown) == self.until:
            raise asyncio.CancelledError
        self.shown.append((self.clock.now() - 100, number, t, face, codes))


async def test_every_frame_goes_out_at_its_time(take):
    clock = FakeClock()
    stage = Stage(clock)
    await perform(Performance(take), stage, clock)
    assert [at for at, *_ in stage.shown] == pytest.approx(take.t, abs=1e-9)
    assert [t for _, _, t, _, _ in stage.shown] == take.t.tolist()
    assert [face for _, _, _, face, _ in stage.shown] == take.face.tolist()
    for (*_, codes), i in zip(stage.shown, range(len(take)), strict=True):
        for name, values in take.codes(i).to_arrays().items():
            assert np.array_equal(getattr(codes, name), values)


async def test_a_loop_has_no_seam(take):
    clock = FakeClock()
    stage = Stage(clock, until=65)
    with pytest.raises(asyncio.CancelledError):
        await perform(Performance(take, loop=True), stage, clock)
    times = np.array([at for at, *_ in stage.shown])
    assert times[20] - times[19] == pytest.approx(1 / 30) and times[40] == pytest.approx(2 * take.seconds)
    assert [number for _, number, *_ in stage.shown] == list(range(1, 66))
    assert np.array_equal(stage.shown[45][4].expression, take.expression[5])


async def test_after_a_stall_it_catches_up_without_losing_a_frame(take):
    clock = FakeClock(stalls=[(0.2, 0.15)])
    stage = Stage(clock)
    await perform(Performance(take), stage, clock)
    late = np.array([at for at, *_ in stage.shown]) - take.t
    assert len(late) == 20 and late.min() >= -1e-9
    assert late.max() == pytest.approx(0.15, abs=0.05) and late[-1] == pytest.approx(0, abs=1e-9)


async def test_after_a_long_sleep_it_goes_on_from_there(take):
    clock = FakeClock(stalls=[(0.2, 3600)])
    stage = Stage(clock)
    await perform(Performance(take), stage, clock)
    steps = np.diff([at for at, *_ in stage.shown])
    assert len(steps) == 19 and (steps > 1).sum() == 1, "one pause, and no rush after it"
    assert steps[-3:] == pytest.approx(np.diff(take.t)[-3:], abs=1e-6)


def test_a_schedule_ends_unless_it_loops(take):
    assert len(list(schedule(take))) == 20
    laps = schedule(take, loop=True)
    assert [next(laps).lap for _ in range(41)] == [0] * 20 + [1] * 20 + [2]


def skin(report, code):
    return bytes([90]) * (512 * 512 * 4)


async def test_a_take_reaches_streams_and_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(playback, "take_skin", skin)
    jaws = np.linspace(0.1, 0.9, 15)
    made = [
        Frame(i, 0.5 + i / 30, i != 7, HeadCodes(expression=expression(jawOpen=jaw)), CAMERA)
        for i, jaw in enumerate(jaws)
    ]
    take = take_of(tmp_path / "take.jsonl", made)
    async with serve(performance=Performance(take, loop=True)) as served, asyncio.timeout(20):
        while not len(served.live.sessions):
            await asyncio.sleep(0.01)
        (session,) = served.live.sessions
        assert session.kind == "take"
        async with websockets.connect(f"{served.ws}/api/sessions/{session.id}/expressions") as stream:
            json.loads(await stream.recv())
            began, heard = time.monotonic(), []
            while len(heard) < 40:
                heard.append(json.loads(await stream.recv()))
            seconds = time.monotonic() - began
        numbers = [frame["frame"] for frame in heard]
        assert numbers == list(range(numbers[0], numbers[0] + 40)), "every frame, once"
        assert 1.0 < seconds < 3.0, "39 frames at 30 a second"
        for frame in heard:
            i = (frame["frame"] - 1) % 15
            assert frame["expression"]["jawOpen"] == pytest.approx(jaws[i], abs=1e-4) and frame["face"] == (i != 7)
        assert np.diff([frame["t"] for frame in heard]) == pytest.approx(1 / 30, abs=1e-4)
        drawn = await served.http.get(f"/api/sessions/{session.id}/avatar.jpg")
        assert drawn.status_code == 200 and drawn.headers["content-type"] == "image/jpeg"


async def test_played_once_it_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(playback, "take_skin", skin)
    take = take_of(tmp_path / "take.jsonl", frames(5))
    async with serve(performance=Performance(take)) as served, asyncio.timeout(20):
        await served.live.performed.wait()
        assert len(served.live.sessions) == 0


def test_the_real_pipeline_draws_a_take():
    """No picture and no tracker: the codes alone, drawn again as they are until the next ones."""
    from face3d_live.live.head_pipeline import HeadPipeline
    from face3d_live.live.pipeline import ViewRequest

    pipeline, view = HeadPipeline("cpu"), ViewRequest()
    pipeline.open("take", None)
    shut = pipeline.show("take", HeadCodes(), view)
    wide = pipeline.show("take", HeadCodes(expression=expression(jawOpen=1)), view)
    mouth = np.s_[300:420, 200:312]
    change = np.abs(wide.image.astype(float) - shut.image)
    assert change[mouth].mean() > 10 > 5 * change[:100].mean(), "the mouth opens, the hair stays"
    assert wide.face and wide.codes.expression[JAW] == 1
    again = pipeline.process("take", None, 100.0, view)
    assert np.array_equal(again.image, wide.image)
    turned = pipeline.process("take", None, 101.0, ViewRequest(yaw=0.7))
    assert np.abs(turned.image.astype(float) - wide.image).mean() > 3
    pipeline.close("take")
