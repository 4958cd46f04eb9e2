"""Recording a session: every frame or a marked gap, no waiting for the disk, clear errors, an end with the session."""

from __future__ import annotations

import errno
import io
import threading
import time
from fractions import Fraction

import av
import numpy as np
import pytest
from live_fakes import grey
from live_helpers import serve
from recording_helpers import code_of, play
from takes_support import CAMERA, HEADER, FullDisk, frames
from waiting import until

from face3d_live.codes import INDEX
from face3d_live.errors import InputError
from face3d_live.live.frame_rate import CameraRate
from face3d_live.live.recording import recorder as recording
from face3d_live.live.recording.recorder import Recorder
from face3d_live.live.takes.recordings import default_folder
from face3d_live.takes.model import Gap
from face3d_live.takes.reader import load
from face3d_live.takes.writer import TakeWriter


def recorder_at(path, trouble=None):
    return Recorder(path, HEADER, (trouble if trouble is not None else []).append)


def add(recorder, frame, dropped=0, failed=0):
    recorder.add(frame.number, frame.t, frame.face, frame.codes, CAMERA, dropped, failed)


async def ended(recorder):
    recorder.finish()
    await recorder.closed()
    return load(recorder.path)


async def test_every_frame_is_written(tmp_path):
    recorder = recorder_at(tmp_path / "a.jsonl")
    made = frames(200)
    for frame in made:
        add(recorder, frame)
    take = await ended(recorder)
    assert take.number.tolist() == [frame.number for frame in made]
    assert take.gaps == () and take.notes == ()
    assert recorder.state()["frames"] == 200 and recorder.state()["recording"] is False


async def test_what_is_missing_is_marked(tmp_path):
    recorder = recorder_at(tmp_path / "a.jsonl")
    made = frames(5)
    counts = [(7, 1), (7, 1), (10, 1), (10, 3), (10, 3)]  # what was dropped before the take is not of the take
    for frame, (dropped, failed) in zip(made, counts, strict=True):
        add(recorder, frame, dropped, failed)
    late = frames(1, start=made[-1].t + 3)[0]
    add(recorder, late, 10, 3)
    take = await ended(recorder)
    assert take.gaps == ((2, Gap(3, "busy")), (3, Gap(2, "failed")), (5, Gap(0, "silent")))


async def test_a_disk_that_falls_behind_leaves_a_marked_gap_and_delays_nobody(tmp_path, monkeypatch):
    busy, gate = threading.Event(), threading.Event()
    write = TakeWriter.write
    monkeypatch.setattr(TakeWriter, "write", lambda self, record: (busy.set(), gate.wait(), write(self, record))[2])
    monkeypatch.setattr(recording, "MAX_FRAMES", 10)
    recorder = recorder_at(tmp_path / "a.jsonl")
    made = frames(40)
    add(recorder, made[0])
    await until(busy.is_set)
    for frame in made[1:39]:
        add(recorder, frame)  # the caller must not wait for the disk, which waits for the gate
    gate.set()
    await until(lambda: recorder.state()["frames"] >= 10)
    add(recorder, made[39])
    take = await ended(recorder)
    assert len(take) + sum(gap.pictures for _, gap in take.gaps) == 40
    assert [gap.why for _, gap in take.gaps] == ["disk"] and len(take) == 12


async def test_a_disk_that_fills_ends_the_take_and_says_so(tmp_path):
    trouble, disk = [], FullDisk(tmp_path / "a.jsonl", writes=4)
    with disk.opened():
        recorder = recorder_at(tmp_path / "a.jsonl", trouble)
    for frame in frames(10):
        add(recorder, frame)
    await recorder.closed()
    assert [error.code for error in trouble] == ["disk-full"]
    assert recorder.state()["error"] == trouble[0].to_json()
    disk.file.close()
    take = load(tmp_path / "a.jsonl")
    assert len(take) == 3 and any("interrupted" in note for note in take.notes)


# --- over HTTP ------------------------------------------------------------------------------------------------------


async def test_record_stop_download_delete(tmp_path):
    async with serve(takes=tmp_path / "takes") as served:
        http, session = served.http, served.live.sessions.open("browser")
        url = f"/api/sessions/{session.id}/recording"
        assert (await http.get(url)).json() == {"recording": False}
        assert (await http.get("/api/takes")).json()["takes"] == []
        assert not (tmp_path / "takes").exists(), "nothing is written unless asked for"

        await play(served, session, 2)
        started = await http.post(url, json={"action": "start", "name": " My   first take/../ "})
        assert started.status_code == 201 and started.json()["recording"] is True
        take_id = started.json()["take"]
        assert started.headers["location"] == f"/api/takes/{take_id}"
        assert code_of(await http.post(url, json={"action": "start"})) == (409, "already-recording")
        assert code_of(await http.delete(f"/api/takes/{take_id}")) == (409, "take-in-use")
        assert code_of(await http.get(f"/api/takes/{take_id}")) == (409, "take-in-use")
        (active,) = (await http.get("/api/takes")).json()["takes"]
        assert active["take"] == take_id and active["recording"] is True and active["complete"] is False
        await play(served, session, 20, start=1.0)
        stopped = (await http.post(url, json={"action": "stop"})).json()
        assert stopped["frames"] == 20 and stopped["recording"] is False and stopped["bytes"] > 5000
        assert code_of(await http.post(url, json={"action": "stop"})) == (409, "not-recording")
        await play(served, session, 3, start=3.0)

        (listed,) = (await http.get("/api/takes")).json()["takes"]
        assert listed["take"] == take_id and listed["frames"] == 20 and listed["complete"] is True
        assert listed["name"] == "My first take/../" and listed["seconds"] == pytest.approx(19 / 30, abs=0.001)
        got = await http.get(f"/api/takes/{take_id}")
        assert 'filename="My-first-take.jsonl"' in got.headers["content-disposition"]
        (tmp_path / "got.jsonl").write_bytes(got.content)
        take = load(tmp_path / "got.jsonl")
        assert len(take) == 20 and take.gaps == () and take.camera.width == 64
        jaw = take.expression[:, INDEX["jawOpen"]]
        assert jaw == pytest.approx(0.1 + np.arange(20) / 100, abs=0.003)
        assert np.diff(take.t) == pytest.approx(1 / 30, abs=1e-6)

        npz = await http.get(f"/api/takes/{take_id}", params={"format": "npz"})
        with np.load(io.BytesIO(npz.content)) as arrays:
            assert np.array_equal(arrays["expression"], take.expression)
        csv = await http.get(f"/api/takes/{take_id}", params={"format": "CSV"})
        assert csv.text.count("\n") == 21 and csv.headers["content-type"].startswith("text/csv")
        assert code_of(await http.get(f"/api/takes/{take_id}?format=docx")) == (400, "unknown-format")

        renamed = await http.patch(f"/api/takes/{take_id}", json={"name": " Hello  there "})
        assert renamed.status_code == 200 and renamed.json()["name"] == "Hello there" and renamed.json()["frames"] == 20
        assert code_of(await http.patch(f"/api/takes/{take_id}", json={"name": " "})) == (400, "bad-name")
        body = (await http.get(f"/api/takes/{take_id}")).content
        assert body.split(b"\n", 1)[1] == got.content.split(b"\n", 1)[1], "the frames are untouched"
        part = {"start": 0.2, "end": 0.45, "name": "The best of it"}
        trimmed = await http.post(f"/api/takes/{take_id}/trim", json=part)
        assert trimmed.status_code == 201 and trimmed.json()["name"] == "The best of it"
        assert trimmed.json()["seconds"] == pytest.approx(0.233, abs=0.04)
        assert code_of(await http.post(f"/api/takes/{take_id}/trim", json=part | {"start": 9})) == (400, "bad-range")
        assert len((await http.get("/api/takes")).json()["takes"]) == 2
        assert (await http.delete(trimmed.headers["location"])).status_code == 204

        assert (await http.delete(f"/api/takes/{take_id}")).status_code == 204
        assert code_of(await http.delete(f"/api/takes/{take_id}")) == (404, "not-found")
        assert list((tmp_path / "takes").iterdir()) == []


async def test_pictures_replaced_before_the_engine_are_marked_too(tmp_path):
    async with serve(takes=tmp_path / "takes") as served:
        session = served.live.sessions.open("browser")
        url = f"/api/sessions/{session.id}/recording"
        await served.http.post(url, json={"action": "start"})
        await play(served, session, 2)
        session.submit(grey(0.5), 0.3, time.monotonic(), skipped=4)
        await until(lambda: session.state()["frame"] == 3)
        take_id = (await served.http.post(url, json={"action": "stop"})).json()["take"]
        assert load(tmp_path / "takes" / f"{take_id}.jsonl").gaps == ((2, Gap(4, "busy")),)
        assert session.state()["dropped"] == 4


async def test_the_end_of_the_session_and_of_the_server_close_the_take(tmp_path):
    async with serve(takes=tmp_path) as served:
        ids = []
        for _ in range(2):
            session = served.live.sessions.open("browser")
            started = await served.http.post(f"/api/sessions/{session.id}/recording", json={"action": "start"})
            ids.append(started.json()["take"])
            await play(served, session, 3)
            if len(ids) == 1:
                await served.http.delete(f"/api/sessions/{session.id}")
    for take_id in ids:
        take = load(tmp_path / f"{take_id}.jsonl")
        assert len(take) == 3 and take.notes == ()


async def test_wrong_requests(tmp_path):
    (tmp_path / "secret.jsonl").write_text("x")
    async with serve(takes=tmp_path / "takes") as served:
        http, session = served.http, served.live.sessions.open("browser")
        url = f"/api/sessions/{session.id}/recording"
        for body in ({}, {"action": "pause"}, {"action": "start", "name": 5}, [1]):
            assert code_of(await http.post(url, json=body)) == (400, "bad-request")
        json_type = {"Content-Type": "application/json"}
        assert code_of(await http.post(url, content="{", headers=json_type)) == (400, "bad-request")
        assert code_of(await http.post(url, content="[" * 4000, headers=json_type)) == (400, "bad-request")
        assert code_of(await http.post(url, content=b" " * 5000, headers=json_type)) == (413, "too-large")
        assert code_of(await http.post(url, content="{}")) == (415, "wrong-type")
        assert code_of(await http.post("/api/sessions/nope/recording", json={})) == (404, "not-found")
        for name in ("nope", "..%2Fsecret", "%2e%2e", ".hidden", "a" * 300):
            assert (await http.get(f"/api/takes/{name}")).status_code == 404
            assert (await http.delete(f"/api/takes/{name}")).status_code in (404, 405)
    assert (tmp_path / "secret.jsonl").exists()


async def test_an_unwritable_folder_is_an_error_at_once(tmp_path):
    (tmp_path / "takes").write_text("a file is in the way")
    async with serve(takes=tmp_path / "takes") as served:
        session = served.live.sessions.open("browser")
        refused = await served.http.post(f"/api/sessions/{session.id}/recording", json={"action": "start"})
        assert code_of(refused) == (507, "takes-unwritable")
        await play(served, session, 1)
        assert (await served.http.get("/api/takes")).json()["takes"] == []


async def test_a_failing_disk_is_told_to_the_user(tmp_path, monkeypatch):
    async with serve(takes=tmp_path) as served:
        session, heard = served.live.sessions.open("browser"), []

        class Observer:
            def on_frame(self, frame):
                pass

            def on_notice(self, code, message):
                heard.append((code, message))

            def on_quality(self, hints):
                pass

        session.observer = Observer()
        url = f"/api/sessions/{session.id}/recording"
        assert (await served.http.post(url, json={"action": "start"})).status_code == 201

        def full(self, record):
            raise InputError("disk-full", "no space is left")

        monkeypatch.setattr(TakeWriter, "write", full)
        await play(served, session, 2)
        await until(lambda: heard)
        assert heard == [("recording-failed", "no space is left")]
        state = (await served.http.get(url)).json()
        assert state["recording"] is False and state["error"]["code"] == "disk-full"


def test_the_default_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "face3d-live" / "takes"


def test_a_file_system_that_is_full(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="disk-full"):
        TakeWriter(tmp_path / "a.jsonl", HEADER)
    assert list(tmp_path.iterdir()) == []


# --- the camera's rate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fps", "said"), [(30, 30.0), (29.97, 30.0), (24.2, 24.0), (15, 15.0), (12.5, 12.5), (60, 60.0), (7.37, 7.37)]
)
def test_the_cameras_rate_survives_jitter_losses_and_pauses(fps, said):
    rate, rng = CameraRate(), np.random.default_rng(5)
    for i in range(150):
        if rng.random() > 0.2:  # the others are lost
            rate.add(i / fps + rng.uniform(-0.002, 0.002) + (4 if i > 100 else 0))
    assert rate.fps == pytest.approx(said, rel=0.03) and (said % 1 or rate.fps == said)
    rate.nominal = 23.976
    assert rate.fps == 23.976


def test_a_camera_of_which_little_is_known_has_no_rate():
    rate = CameraRate()
    for t in (0.0, 0.03, 0.03, 0.03, 0.03, 0.03, 0.06):
        assert rate.fps is None
        rate.add(t)
    assert rate.fps is None, "the same picture again says nothing"


async def test_a_take_states_the_rate_of_its_camera(tmp_path):
    async with serve(takes=tmp_path) as served:
        session = served.live.sessions.open("browser")
        for i in range(12):
            session.submit(grey(0.5), i / 15, time.monotonic())
        recorder = await served.live.recordings.start(session)
        await served.live.recordings.stop(session)
        assert load(recorder.path).header.fps == 15
        other = served.live.sessions.open("browser")
        recorder = await served.live.recordings.start(other)
        await served.live.recordings.stop(other)
        assert load(recorder.path).header.fps == 30, "the likeliest, of a camera that has shown nothing yet"


async def test_a_take_of_a_clip_states_the_clips_rate(tmp_path):
    clip = tmp_path / "clip.mp4"
    with av.open(str(clip), "w") as target:
        stream = target.add_stream("libx264", rate=Fraction(24000, 1001))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(24):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(grey(0.5), format="rgb24")))
        target.mux(stream.encode(None))
    async with serve(takes=tmp_path / "takes", source=str(clip)) as served:
        (session,) = await until(lambda: [each for each in served.live.sessions if each.state()["frame"] >= 2])
        recorder = await served.live.recordings.start(session)
        await served.live.recordings.stop(session)
        assert load(recorder.path).header.fps == pytest.approx(24000 / 1001)
