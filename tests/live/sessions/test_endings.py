"""How sessions, processes and recordings end, and that what ended once is not gone for good."""

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path

import live_fakes
import live_program
import numpy as np
import pytest
from aioice import ice, stun
from live_helpers import Browser, Camera, serve
from waiting import until

from face3d_live.codes import HeadCodes
from face3d_live.errors import AssetError, LimitError, StorageError
from face3d_live.live import service as service_module
from face3d_live.live.limits import Limits
from face3d_live.live.recording import quota as quota_module
from face3d_live.live.recording.quota import Quota
from face3d_live.live.sessions import session as session_module
from face3d_live.live.sessions import texture_capture
from face3d_live.live.sessions.texture_capture import FrameSelector, Keyframe, TextureCapture
from face3d_live.takes.reader import read_summary

ROOT = Path(__file__).resolve().parents[3]


# --- sessions ---------------------------------------------------------------------------------------------------------


async def test_a_session_without_a_picture_gives_its_place_back():
    camera = Camera()
    camera.paused = True
    async with serve(limits=Limits(no_picture_seconds=0.4)) as served, Browser(served, camera) as browser:
        await until(lambda: not len(served.live.sessions))
        assert [notice["code"] for notice in browser.of("notice")][-1] == "no-pictures"


async def test_a_frozen_camera_has_more_time_than_none_at_all():
    limits = Limits(no_picture_seconds=0.4, frozen_seconds=3600)
    async with serve(limits=limits) as served, Browser(served) as browser:
        await browser.until(lambda: browser.avatar is not None)
        browser.camera.paused = True
        await browser.until(lambda: browser.of("notice"))  # "camera-frozen" comes after two seconds
        assert len(served.live.sessions) == 1 and browser.of("notice")[-1]["code"] == "camera-frozen"
    limits = Limits(frozen_seconds=0.4)
    async with serve(limits=limits) as served, Browser(served) as browser:
        await browser.until(lambda: browser.avatar is not None)
        browser.camera.paused = True
        await until(lambda: not len(served.live.sessions))


def vanish(browser):
    """Its sockets are closed, and nobody is told."""
    for transceiver in browser.pc.getTransceivers():
        for protocol in transceiver.sender.transport.transport._connection._protocols:
            protocol.transport.abort()


async def test_a_client_that_vanishes_is_missed(monkeypatch):
    assert ice.CONSENT_FAILURES == 12, "of aiortc_patches"
    assert ice.CONSENT_FAILURES * (1.2 * ice.CONSENT_INTERVAL + stun.RETRY_RTO) < 10
    monkeypatch.setattr(ice, "CONSENT_FAILURES", 3)
    async with serve() as served, Browser(served) as browser:
        await browser.until(lambda: browser.avatar is not None)
        vanish(browser)
        await until(lambda: not len(served.live.sessions))


async def test_who_kills_the_engine_again_and_again_has_to_wait(monkeypatch):
    """Three pictures that kill it; the next session from there is refused for a while."""
    monkeypatch.setattr(session_module, "EXPEL_SECONDS", 0.0)
    async with serve(live_fakes.WickedPipeline) as served, Browser(served, Camera(0.5)) as browser:
        await browser.until(lambda: browser.avatar is not None)
        browser.camera.level = 0.8
        await until(lambda: not len(served.live.sessions), 120)
        assert browser.of("notice")[-1]["code"] == "session-quarantined"
        offer = {"content": "v=0", "headers": {"Content-Type": "application/sdp"}}
        refused = await served.http.post("/api/sessions", **offer)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "session-quarantined")
        monkeypatch.setattr(service_module, "EXPELLED_SECONDS", 0.0)
        assert (await served.http.post("/api/sessions", **offer)).json()["error"]["code"] == "bad-sdp"


# --- processes --------------------------------------------------------------------------------------------------------


class FailingWorker:
    def __init__(self, *errors):
        self.errors, self.runs = list(errors), 0

    async def run(self, task, frames):
        self.runs += 1
        if self.errors:
            raise self.errors.pop(0)
        return live_fakes.fake_texture(None, [(np.zeros(1), None, 1)])


@pytest.mark.parametrize(
    "error",
    [AssetError("worker-died", "x"), AssetError("too-slow", "x"), AssetError("task-failed", "x"),
     LimitError("worker-busy", "x")],
)  # fmt: skip
async def test_a_worker_that_dies_once_is_no_end_of_textures(error, monkeypatch):
    monkeypatch.setattr(texture_capture, "INTERVAL_SECONDS", 0.0)
    used, worker, spawned = [], FailingWorker(error, error), []
    capture = TextureCapture(worker, live_fakes.fake_texture, lambda work, name: spawned.append(work))
    selector = FrameSelector(lambda texture, glasses: used.append(texture))
    codes = HeadCodes(translation=np.array([0, 0, -0.5], np.float32))
    for i in range(3):
        selector.next_time = 0.0
        selector.keyframes = [Keyframe(np.zeros((48, 64, 3), np.uint8), codes, 1.0, float(i))]
        capture.add_frame(selector, np.zeros((48, 64, 3), np.uint8), codes, 1.0)
        for work in spawned:
            await work
        spawned.clear()
    assert worker.runs == 3 and len(used) == 1


async def test_after_failures_textures_are_tried_more_rarely():
    worker = FailingWorker(*[AssetError("worker-died", "x")] * 3)
    capture = TextureCapture(worker, live_fakes.fake_texture, None)
    selector = FrameSelector(lambda texture, glasses: None)
    pauses = []
    for _ in range(4):
        before = asyncio.get_running_loop().time()
        await capture.fuse(selector, [])
        pauses.append(selector.next_time - before)
    assert pauses[0] < pauses[1] < pauses[2] and pauses[3] < pauses[0]


def test_a_closed_terminal_is_no_death_and_a_stopped_service_no_crash(tmp_path):
    """Without a terminal SIGHUP is nothing; SIGTERM ends the server in order. All its processes get both (systemd)."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        live_program.command("--takes", str(tmp_path)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        assert lines[1].startswith("Face3D Live on fake"), lines
        os.killpg(process.pid, signal.SIGHUP)
        os.killpg(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGTERM)
        assert "died" not in errors


# --- recordings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "code"),
    [(Limits(take_seconds=0.3), "take-length"), (Limits(take_bytes=1500), "takes-full"),
     (Limits(free_bytes=1e18), "disk-low")],
)  # fmt: skip
async def test_a_recording_ends_in_order_at_each_limit(limits, code, tmp_path, monkeypatch):
    monkeypatch.setattr(quota_module, "CHECK_SECONDS", 0.0)
    if code == "disk-low":  # it runs low while the take is recorded
        usage, looks = shutil.disk_usage, []

        def shrinking(path):
            looks.append(path)
            return usage(path) if len(looks) > 5 else type("Usage", (), {"free": 1e19})()

        monkeypatch.setattr(shutil, "disk_usage", shrinking)
    async with serve(limits=limits, takes=tmp_path) as served, Browser(served) as browser:
        await browser.until(lambda: browser.avatar is not None)
        where = browser.location + "/recording"
        started = await served.http.post(where, json={"action": "start"})
        assert started.status_code == 201, started.text

        async def ended():
            state = (await served.http.get(where)).json()
            return not state["recording"] and state

        state = await until(ended)
        assert state["error"]["code"] == code
        await browser.until(lambda: any(notice["code"] == "recording-failed" for notice in browser.of("notice")))
        summary = read_summary(tmp_path / f"{state['take']}.jsonl")
        assert summary.frames, "the take is whole: it has its last line"
        again = await served.http.post(where, json={"action": "start"})
        assert again.status_code == (201 if code == "take-length" else 507)


def test_the_quota_of_a_folder(tmp_path):
    folder = tmp_path / "takes" / "deep"
    quota = Quota(folder, Limits(take_bytes=1000))
    quota.check_disk()  # it is not there yet
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_bytes(bytes(600))
    quota.check_disk()
    (folder / "b.mp4").write_bytes(bytes(600))
    with pytest.raises(StorageError, match="takes-full"):
        quota.check_disk()
    with pytest.raises(StorageError, match="disk-low"):
        Quota(folder, Limits(free_bytes=1e18)).check_disk()
