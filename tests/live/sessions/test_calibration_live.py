"""Calibration over HTTP: steps, the file down and up, forgetting; and by the commands."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import live_fakes
import numpy as np
import pytest
from live_fakes import grey
from live_helpers import serve
from recording_helpers import code_of, play
from tracker_world import World, at
from waiting import until

import face3d_live
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.errors import InputError
from face3d_live.live.engine.pipeline import CalibrationResult as Outcome
from face3d_live.live.sessions import pending_calibrations
from face3d_live.paths import WEB_CLIENT
from face3d_live.takes.reader import load
from face3d_live.takes.record import record
from face3d_live.track.calibration import Calibration
from face3d_live.track.profile import Profile

JAW = INDEX["jawOpen"]


@dataclass
class JawPipeline(live_fakes.FakePipeline):
    """The fake with the tracker's own calibration: a picture's brightness is how far the jaw is open."""

    known: dict[str, Calibration | None] = field(default_factory=dict)

    def open(self, session, state):
        super().open(session, None)
        self.known[session] = state

    def process(self, session, rgb, t, view):
        result = super().process(session, rgb, t, view)
        known = self.known[session]
        codes = known.apply(result.codes) if known is not None else result.codes
        return type(result)(result.face, codes, result.raw, 0.9, result.image, result.ms)

    def calibrate(self, session, request):
        if request.step == "load":
            self.known[session] = request.state
            return Outcome(request.state)
        seen = np.zeros(52, np.float32)
        seen[JAW] = self.level[session]
        known, recent = self.known[session] or Calibration.identity(), [HeadCodes(expression=seen)] * 20
        try:
            done = known.with_neutral(recent) if request.step == "neutral" else known.with_range(request.step, recent)
        except InputError as error:
            return Outcome(error=error)
        self.known[session] = done
        return Outcome(done)


async def show(served, session, level):
    """A picture of this brightness; how far the jaw is open then."""
    await play(served, session, 1)  # a different one first
    before = session.state()["frame"]
    session.submit(grey(level), 1.0, 0.0)
    await until(lambda: session.state()["frame"] != before)
    return session.last.result.codes.expression[JAW]


async def test_steps_file_and_forgetting(tmp_path):
    async with serve(JawPipeline) as served:
        http, session = served.http, served.live.sessions.open("browser")
        url = f"/api/sessions/{session.id}"
        assert code_of(await http.get(url + "/calibration")) == (404, "not-calibrated")

        assert await show(served, session, 0.2) == pytest.approx(0.2, abs=0.01)
        assert (await http.post(url + "/calibrate")).json() == {"ok": True, "reason": ""}
        await show(served, session, 0.25)
        refused = await http.post(url + "/calibrate", json={"step": "jaw"})
        assert code_of(refused) == (409, "no-movement")
        assert "as wide as you can" in refused.json()["reason"] == refused.json()["error"]["message"]
        await show(served, session, 0.6)
        done = (await http.post(url + "/calibrate", json={"step": "jaw"})).json()
        assert done["ok"] is True and done["range"] == {"jawOpen": pytest.approx(0.6, abs=0.01)}
        assert await show(served, session, 0.6) == pytest.approx(1, abs=0.02)
        assert await show(served, session, 0.2) == pytest.approx(0, abs=0.02)

        saved = await http.get(url + "/calibration", params={"person": "Ann"})
        assert saved.json()["person"] == "Ann" and saved.json()["range"] == {"jawOpen": pytest.approx(0.6, abs=0.01)}
        assert (await http.delete(url + "/calibration")).status_code == 204
        assert await show(served, session, 0.6) == pytest.approx(0.6, abs=0.01)
        assert code_of(await http.get(url + "/calibration")) == (404, "not-calibrated")

        other = served.live.sessions.open("browser")
        elsewhere = f"/api/sessions/{other.id}/calibration"
        loaded = await http.put(elsewhere, content=saved.content, headers={"Content-Type": "application/json"})
        assert loaded.json() == {"ok": True, "reason": "", "person": "Ann"}
        assert await show(served, other, 0.6) == pytest.approx(1, abs=0.02)
        again = (await http.get(elsewhere)).json()
        assert again["range"] == saved.json()["range"] and again["expression"] == saved.json()["expression"]


async def test_wrong_requests():
    async with serve(JawPipeline) as served:
        http, session = served.http, served.live.sessions.open("browser")
        url, as_json = f"/api/sessions/{session.id}", {"Content-Type": "application/json"}
        for body in ({"step": "dance"}, {"step": 5}, {"step": ["jaw"]}, {"step": "load"}, {}, [], "jaw"):
            assert code_of(await http.post(url + "/calibrate", json=body)) == (400, "bad-request")
        assert code_of(await http.post(url + "/calibrate", content="{", headers=as_json)) == (400, "bad-request")
        for body in (b"", b"{}", b"\xff", b"[" * 5000):
            got = await http.put(url + "/calibration", content=body, headers=as_json)
            assert code_of(got) == (400, "bad-calibration")
        assert code_of(await http.put(url + "/calibration", content=b" " * 70000, headers=as_json)) == (
            413,
            "too-large",
        )
        assert code_of(await http.put(url + "/calibration", content=b"{}")) == (415, "wrong-type")
        for method in ("GET", "PUT", "DELETE"):
            got = await http.request(method, "/api/sessions/nope/calibration", json={})
            assert code_of(got) == (404, "not-found")


class BrokenPipeline(JawPipeline):
    """Its calibration has a bug."""

    def calibrate(self, session, request):
        raise RuntimeError("a bug")


async def test_every_refusal_has_a_code_whoever_refuses(monkeypatch):
    async with serve(BrokenPipeline) as served:
        session = served.live.sessions.open("browser")
        url, file = f"/api/sessions/{session.id}", json.loads(Profile.fresh(Calibration.identity()).to_text())
        for method, path, body in (
            ("POST", "/calibrate", None),
            ("PUT", "/calibration", file),
            ("DELETE", "/calibration", None),
        ):
            assert code_of(await served.http.request(method, url + path, json=body)) == (409, "calibration-failed")
        monkeypatch.setattr(pending_calibrations, "CALIBRATION_SECONDS", 0.0)
        assert code_of(await served.http.post(url + "/calibrate")) == (409, "engine-silent")


async def test_sessions_begin_with_the_given_calibration():
    neutral = np.zeros(52, np.float32)
    neutral[JAW] = 0.5
    known = Calibration(neutral, np.eye(3, dtype=np.float32), np.array([0, 0, -0.6], np.float32))
    async with serve(JawPipeline, calibration=known) as served:
        session = served.live.sessions.open("browser")
        assert await show(served, session, 0.5) == pytest.approx(0, abs=0.02)
        assert (await served.http.get(f"/api/sessions/{session.id}/calibration")).status_code == 200


# --- recording without a browser ------------------------------------------------------------------------------------


class Nods:
    """A tracker that sees how bright the picture is."""

    calibration = None

    def update(self, rgb, t):
        from face3d_live.camera import Camera
        from face3d_live.track.types import Tracked

        expression = np.zeros(52, np.float32)
        expression[JAW] = rgb.mean() / 255
        codes, nowhere = HeadCodes(expression=expression), np.full((68, 2), np.nan, np.float32)
        camera = Camera.webcam(rgb.shape[1], rgb.shape[0])
        return Tracked(rgb.mean() > 20, codes, codes, codes, codes.shape, nowhere, 1.0, 1.0, camera, codes.shape)


@pytest.fixture
def clip(tmp_path):
    """Twenty pictures that get brighter, with a hole in their times after the tenth."""
    import av

    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        for i in range(20):
            frame = av.VideoFrame.from_ndarray(grey(i / 20), "rgb24").reformat(format="bgr0")
            frame.pts = i + (10 if i >= 10 else 0)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_video_is_recorded_frame_by_frame(clip, tmp_path):
    said = record(str(clip), tmp_path / "take.jsonl", None, Nods())
    take = load(tmp_path / "take.jsonl")
    assert len(take) == 20 and "20 frames" in said and "face in 90%" in said
    assert take.expression[:, JAW] == pytest.approx(np.arange(20) / 20, abs=0.01)
    assert np.diff(take.t) == pytest.approx([0.05] * 9 + [0.55] + [0.05] * 9, abs=1e-3)
    assert [(before, gap.why) for before, gap in take.gaps] == [(10, "silent")]
    assert take.header.fps == pytest.approx(20) and take.header.source == "clip.mkv" and take.camera.width == 64


def test_only_so_many_seconds(clip, tmp_path):
    record(str(clip), tmp_path / "take.jsonl", 0.25, Nods())
    assert len(load(tmp_path / "take.jsonl")) == 5


def test_ctrl_c_closes_the_take(clip, tmp_path):
    class Impatient(Nods):
        count = 0

        def update(self, rgb, t):
            self.count += 1
            if self.count == 7:
                raise KeyboardInterrupt
            return super().update(rgb, t)

    record(str(clip), tmp_path / "take.jsonl", None, Impatient())
    take = load(tmp_path / "take.jsonl")
    assert len(take) == 6 and take.notes == ()


@pytest.mark.parametrize(("source", "out", "code"), [
    ("nothing.mp4", "a.jsonl", "missing-video"), ("clip.mkv", "a.npz", "unknown-format"),
    ("99", "a.jsonl", "missing-video"),
])  # fmt: skip
def test_what_cannot_be_recorded(clip, tmp_path, monkeypatch, source, out, code):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=code):
        record(source, tmp_path / out, None, Nods())
    assert not (tmp_path / out).exists()


def test_a_profile_is_plain_json():
    assert json.loads(Profile.fresh(Calibration.identity(), "Ann").to_text())["face3d_calibration"] == 1


def test_full_movements_and_neutral_by_the_tracker():
    """The tracker's own memory: a second and a half for movements, half a second for rest, more on a slow machine."""

    def jaw(t):
        return 0.6 if 2 < t < 4 else 0.2

    world = World({"a": lambda t: at(jawOpen=jaw(t))})
    tracker = world.tracker()
    world.play(tracker, 1.5)
    tracker.calibrate()
    with pytest.raises(InputError, match="no-movement"):
        tracker.calibrate("jaw")
    world.play(tracker, 2.3)
    tracker.calibrate("jaw")
    assert world.play(tracker, 0.1)[-1].codes.expression[JAW] == pytest.approx(1, abs=0.03)
    assert world.play(tracker, 1)[-1].codes.expression[JAW] == pytest.approx(0, abs=0.03)

    slow = World({"a": lambda t: at(jawOpen=0.2)})
    tracker = slow.tracker()
    for _ in range(6):  # four pictures a second
        slow.t += 0.22
        slow.play(tracker, 1 / 30)
    tracker.calibrate()
    assert tracker.calibration.expression[JAW] == pytest.approx(0.2, abs=0.01)


def test_the_page_says_in_chinese_why_it_did_not_measure_or_record() -> None:
    """Every code of measuring, recording, playing; three of them only a program that calls us wrongly gets to see."""
    package = Path(face3d_live.__file__).parent
    sources = (
        "track/calibration", "live/sessions/pending_calibrations", "live/engine/process", "takes/writer",
        "live/takes/recordings", "live/http/take_routes", "live/takes/player",
    )  # fmt: skip
    texts = [(package / f"{name}.py").read_text() for name in sources]
    raised = {code for text in texts for code in re.findall(r'\w+Error\(\s*"([a-z-]+)"', text)}
    said = (WEB_CLIENT / "js" / "i18n" / "zh_server.js").read_text(encoding="utf-8")
    assert {"no-face", "disk-full", "already-recording"} <= raised
    assert {code for code in raised if f'"{code}":' not in said} <= {"bad-request", "no-step", "unknown-format"}
