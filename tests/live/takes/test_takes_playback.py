"""Playing takes: every frame at its own time, by a clock that tests can turn; to streams, and drawn."""

from __future__ import annotations

import asyncio
import json
import time

import numpy as np
import pytest
import websockets
from live_fakes import grey
from live_helpers import serve
from outputs_helpers import Receiver
from pylivelinkface import FaceBlendShape, PyLiveLinkFace
from takes_support import CAMERA, HEADER, expression, frames, write
from waiting import beats, until

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.live.takes import playback
from face3d_live.live.takes.playback import Playback, play
from face3d_live.takes.clock import schedule
from face3d_live.takes.model import TakeFrame
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

    def submit_codes(self, number, t, face, codes):
        if len(self.shown) == self.until:
            raise asyncio.CancelledError
        self.shown.append((self.clock.now() - 100, number, t, face, codes))
        return True


async def test_every_frame_goes_out_at_its_time(take):
    clock = FakeClock()
    stage = Stage(clock)
    await play(Playback(take), stage, clock)
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
        await play(Playback(take, loop=True), stage, clock)
    times = np.array([at for at, *_ in stage.shown])
    assert times[20] - times[19] == pytest.approx(1 / 30) and times[40] == pytest.approx(2 * take.seconds)
    assert [number for _, number, *_ in stage.shown] == list(range(1, 66))
    assert np.array_equal(stage.shown[45][4].expression, take.expression[5])


async def test_it_may_begin_in_the_middle(take):
    clock = FakeClock()
    stage = Stage(clock, until=30)
    with pytest.raises(asyncio.CancelledError):
        await play(Playback(take, loop=True, at=float(take.t[12])), stage, clock)
    assert [number for _, number, *_ in stage.shown[:8]] == list(range(13, 21))
    assert [at for at, *_ in stage.shown[:3]] == pytest.approx(take.t[12:15] - take.t[12], abs=1e-6)
    assert np.array_equal(stage.shown[8][4].expression, take.expression[0]), "the next lap is a whole one"


async def test_after_a_stall_it_catches_up_without_losing_a_frame(take):
    clock = FakeClock(stalls=[(0.2, 0.15)])
    stage = Stage(clock)
    await play(Playback(take), stage, clock)
    late = np.array([at for at, *_ in stage.shown]) - take.t
    assert len(late) == 20 and late.min() >= -1e-9
    assert late.max() == pytest.approx(0.15, abs=0.05) and late[-1] == pytest.approx(0, abs=1e-9)


async def test_after_a_long_sleep_it_goes_on_from_there(take):
    clock = FakeClock(stalls=[(0.2, 3600)])
    stage = Stage(clock)
    await play(Playback(take), stage, clock)
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
    monkeypatch.setattr(playback, "texture_from_codes", skin)
    jaws = np.linspace(0.1, 0.9, 15)
    made = [
        TakeFrame(i, 0.5 + i / 30, i != 7, HeadCodes(expression=expression(jawOpen=jaw)), CAMERA)
        for i, jaw in enumerate(jaws)
    ]
    take = take_of(tmp_path / "take.jsonl", made)
    async with serve(playback=Playback(take, loop=True)) as served, asyncio.timeout(20):
        await until(lambda: len(served.live.sessions))
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
        assert seconds > 1.0, "39 frames at 30 a second"
        for frame in heard:
            i = (frame["frame"] - 1) % 15
            assert frame["expression"]["jawOpen"] == pytest.approx(jaws[i], abs=1e-4) and frame["face"] == (i != 7)
        assert np.diff([frame["t"] for frame in heard]) == pytest.approx(1 / 30, abs=1e-4)
        drawn = await served.http.get(f"/api/sessions/{session.id}/avatar.jpg")
        assert drawn.status_code == 200 and drawn.headers["content-type"] == "image/jpeg"


async def test_played_once_it_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr(playback, "texture_from_codes", skin)
    take = take_of(tmp_path / "take.jsonl", frames(5))
    async with serve(playback=Playback(take)) as served, asyncio.timeout(20):
        await served.live.playback_over.wait()
        assert len(served.live.sessions) == 0


def test_the_real_pipeline_draws_a_take():
    """No picture and no tracker: the codes alone, drawn again as they are until the next ones."""
    from face3d_live.live.engine.head_pipeline import HeadPipeline
    from face3d_live.live.engine.pipeline import ViewRequest

    pipeline, view = HeadPipeline("cpu"), ViewRequest()
    pipeline.start()
    pipeline.open("take", None)
    shut = pipeline.render_codes("take", HeadCodes(), view)
    wide = pipeline.render_codes("take", HeadCodes(expression=expression(jawOpen=1)), view)
    mouth = np.s_[300:420, 200:312]
    change = np.abs(wide.image.astype(float) - shut.image)
    assert change[mouth].mean() > 10 > 5 * change[:100].mean(), "the mouth opens, the hair stays"
    assert wide.face and wide.codes.expression[JAW] == 1
    again = pipeline.process("take", None, 100.0, view)
    assert np.array_equal(again.image, wide.image)
    turned = pipeline.process("take", None, 101.0, ViewRequest(yaw=0.7))
    assert np.abs(turned.image.astype(float) - wide.image).mean() > 3
    pipeline.close("take")


# --- over HTTP --------------------------------------------------------------------------------------------------------


def script(count=30, fps=30):
    """A jaw that opens steadily."""
    jaws = np.linspace(0, 1, count)
    return [
        TakeFrame(i, i / fps, True, HeadCodes(expression=expression(jawOpen=j)), CAMERA) for i, j in enumerate(jaws)
    ]


async def test_speed_changes_nothing_but_the_times(take):
    for speed in (0.25, 3.0):
        clock = FakeClock()
        stage = Stage(clock)
        await play(Playback(take, speed=speed), stage, clock)
        assert [at for at, *_ in stage.shown] == pytest.approx(take.t / speed, abs=1e-9)
        assert [t for _, _, t, *_ in stage.shown] == pytest.approx(take.t / speed)


async def test_a_stage_that_has_gone_ends_it(take):
    class Gone(Stage):
        def submit_codes(self, number, t, face, codes):
            return super().submit_codes(number, t, face, codes) and len(self.shown) < 4

    stage = Gone(FakeClock())
    await play(Playback(take, loop=True), stage, stage.clock)
    assert len(stage.shown) == 4


async def test_play_loop_trim_speed_stop_over_http(tmp_path, monkeypatch):
    monkeypatch.setattr(playback, "texture_from_codes", skin)
    write(tmp_path / "talk.jsonl", script())
    receiver = Receiver()
    url = f"livelink://127.0.0.1:{receiver.port}?rate=120"
    async with serve(takes=tmp_path, config=tmp_path, outputs=(url,)) as served, asyncio.timeout(40):
        http = served.http
        assert (await http.get("/api/playing")).json() == {"playing": None}
        assert (await http.delete("/api/playing")).status_code == 204
        async with websockets.connect(f"{served.ws}/api/expressions") as stream:
            await stream.recv()
            wish = {"loop": True, "start": 0.2, "end": 0.6, "speed": 0.5}
            started = (await http.post("/api/takes/talk/play", json=wish)).json()
            assert (started["take"], started["name"], started["frames"]) == ("talk", HEADER.name, 12)
            assert started["loop"] is True and started["speed"] == 0.5 and started["seconds"] == pytest.approx(0.4)
            began, heard = time.monotonic(), []
            while len(heard) < 30:
                heard.append(json.loads(await stream.recv()))
            seconds = time.monotonic() - began
            now = (await http.get("/api/playing")).json()["playing"]
        assert {frame["session"] for frame in heard} == {started["session"]} == {now["session"]}
        jaws = np.linspace(0, 1, 30)[6:18]
        for i, frame in enumerate(heard):
            assert frame["frame"] == i + 1 and frame["expression"]["jawOpen"] == pytest.approx(jaws[i % 12], abs=1e-4)
        assert np.diff([frame["t"] for frame in heard]) == pytest.approx(1 / 15, abs=1e-4)
        assert seconds > 29 / 15 - 0.2
        assert 0.2 <= now["position"] <= 0.6

        assert (await http.delete("/api/playing")).status_code == 204
        assert (await http.get("/api/playing")).json() == {"playing": None} and len(served.live.sessions) == 0
        found = [PyLiveLinkFace.decode(packet) for packet in receiver.packets()]
        jaws_there = [face.get_blendshape(FaceBlendShape.JawOpen) for known, face in found if known]
        assert len(jaws_there) >= 28 and min(jaws_there) == pytest.approx(jaws[0], abs=1e-4)
        assert receiver.packets() == []
    receiver.close()


async def test_a_take_goes_before_the_camera_and_gives_way_again(tmp_path, monkeypatch):
    """An output gets the take while it plays, and the camera's face before and after; so does the picture."""
    monkeypatch.setattr(playback, "texture_from_codes", skin)
    wide = HeadCodes(expression=expression(jawOpen=0.9))
    write(tmp_path / "flat.jsonl", [TakeFrame(i, i / 30, True, wide) for i in range(20)])
    receiver = Receiver()
    url = f"livelink://127.0.0.1:{receiver.port}"

    async def camera(session):
        async for i in beats(30):
            session.submit(grey(0.3), i / 30, time.monotonic())

    def jaw():
        found = [PyLiveLinkFace.decode(packet) for packet in receiver.packets()]
        return {round(face.get_blendshape(FaceBlendShape.JawOpen), 1) for _, face in found}

    async with serve(takes=tmp_path, config=tmp_path, outputs=(url,)) as served, asyncio.timeout(40):
        session = served.live.sessions.open("browser")
        feeding = asyncio.create_task(camera(session))
        await until(lambda: jaw() == {0.3})
        started = (await served.http.post("/api/takes/flat/play", json={"loop": True})).json()
        await until(lambda: 0.9 in jaw())
        for _ in range(8):
            assert await until(jaw) == {0.9}
        drawn = await served.live.sessions.get(started["session"]).still()
        assert drawn.mean() / 255 == pytest.approx(0.9, abs=0.05)
        await served.http.delete("/api/playing")
        jaw()
        for _ in range(8):
            assert await until(jaw) == {0.3}
        feeding.cancel()
    receiver.close()


async def test_another_take_takes_its_place_and_ending_the_session_ends_it(tmp_path, monkeypatch):
    monkeypatch.setattr(playback, "texture_from_codes", skin)
    for name in ("a", "b"):
        write(tmp_path / f"{name}.jsonl", script())
    async with serve(takes=tmp_path, ready=False) as served, asyncio.timeout(30):
        http, live = served.http, served.live
        await http.post("/api/takes/a/play", json={"loop": True})
        other = (await http.post("/api/takes/b/play", json={"loop": True})).json()
        await until(lambda: len(live.sessions) == 1)
        assert (await http.get("/api/playing")).json()["playing"]["take"] == "b"
        await http.delete(f"/api/sessions/{other['session']}")
        await live.player.wait_idle()
        assert live.player.current is None
        once = (await http.post("/api/takes/a/play", json={"start": 0.9})).json()
        assert once["frames"] == 3
        await live.player.wait_idle()
        assert len(live.sessions) == 0


async def test_what_cannot_be_played(tmp_path):
    write(tmp_path / "a.jsonl", script())
    write(tmp_path / "empty.jsonl", [])
    (tmp_path / "bad.jsonl").write_text("{}\n")
    async with serve(takes=tmp_path, ready=False) as served:
        for take_id, body, status, code in (
            ("nope", {}, 404, "not-found"),
            ("..a", {}, 404, "not-found"),
            ("empty", {}, 409, "empty-take"),
            ("bad", {}, 400, "not-a-take"),
            ("a", {"speed": 0}, 400, "bad-request"),
            ("a", {"speed": 11}, 400, "bad-request"),
            ("a", {"speed": True}, 400, "bad-request"),
            ("a", {"start": "1"}, 400, "bad-request"),
            ("a", {"start": -1}, 400, "bad-range"),
            ("a", {"start": 0.5, "end": 0.5}, 400, "bad-range"),
            ("a", {"start": 5}, 400, "nothing-left"),
            ("a", {"loop": 1}, 400, "bad-request"),
            ("a", {"reverse": True}, 400, "bad-request"),
        ):
            refused = await served.http.post(f"/api/takes/{take_id}/play", json=body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (status, code), (take_id, body)
        headers = {"Content-Type": "application/json"}
        for body in ('{"start": NaN}', "[]", "{"):
            refused = await served.http.post("/api/takes/a/play", content=body, headers=headers)
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad-request"), body
        assert served.live.player.current is None and len(served.live.sessions) == 0
