"""Parts of bench/cluster.py: a cluster of two nodes, an engine that only copies, a browser that acts as the page."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from face3d_live.codes import HeadCodes
from face3d_live.live.engine.pipeline import AVATAR_SIZE, CalibrationResult, Result

FPS = 30
QUIET_SECONDS = 1.0


class CopyPipeline:
    """An engine's pipeline that finds a face in every picture, and draws a grey of its brightness."""

    device, precision = "copy", "none"

    def start(self) -> None:
        """There is nothing to load."""

    def open(self, session: str, state: object) -> None:
        """There is nothing to remember."""

    def close(self, session: str) -> None:
        """Nor to forget."""

    def prepare(self, pictures: Any) -> None:
        """There is no network."""

    def process(self, session: str, rgb: Any, t: float, view: Any) -> Result:
        """The picture's brightness."""
        grey = int(rgb[::16, ::16].mean()) if rgb is not None else 0
        image = np.full((AVATAR_SIZE, AVATAR_SIZE, 3), grey, np.uint8) if view.picture else None
        return Result(True, HeadCodes(), HeadCodes(), 0.9, image, {"track": 0.5, "render": 0.5})

    def render_codes(self, session: str, codes: HeadCodes, view: Any) -> Result:
        """No takes are played."""
        return self.process(session, None, 0.0, view)

    def set_texture(self, session: str, rgba: Any) -> None:
        """There is no head."""

    def show_avatar(self, session: str, key: str, data: bytes) -> None:
        """Nor an avatar."""

    def calibrate(self, session: str, request: Any) -> CalibrationResult:
        """Nor anything to calibrate."""
        return CalibrationResult(request.state)


def copy_settings() -> Mapping[str, Any]:
    """Of a worker with that engine."""
    from face3d_live.live.main import running_on

    return {**running_on("auto", "auto", "own"), "pipeline": CopyPipeline}


@contextmanager
def cluster(engine: str) -> Iterator[tuple[str, Any]]:
    """A cluster of two nodes with a worker each, ready: its address and its controller."""
    paths = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])
    import ray
    from ray.cluster_utils import Cluster

    from face3d_live.cluster import ray_connection
    from face3d_live.cluster.options import ClusterOptions, WorkerOptions, engine_settings

    node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args=node)
    nodes.add_node(**node)
    try:
        ray_connection.connect(nodes.address)
        settings = copy_settings if engine == "copy" else engine_settings("auto", "auto", "own")
        limits = ("sessions=16", "sessions_per_address=64")
        options = ClusterOptions(WorkerOptions(1, settings=settings, limits=limits), "b" * 32, address_sessions=64)
        controller = ray_connection.start_controller(options)
        while sum(load.ready for load in ray.get(controller.table.remote())) < 2:
            time.sleep(0.2)
        yield nodes.address, controller
        ray.get(controller.close.remote())
    finally:
        ray.shutdown()
        nodes.shutdown()


class Grey(MediaStreamTrack):
    """A camera of 30 frames a second."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._began, self._n = time.monotonic(), 0
        self._frame = np.full((240, 320, 3), 128, np.uint8)

    async def recv(self) -> av.VideoFrame:
        """The next frame, when it is due."""
        self._n += 1
        await asyncio.sleep(max(0.0, self._began + self._n / FPS - time.monotonic()))
        frame = av.VideoFrame.from_ndarray(self._frame, "rgb24")
        frame.pts, frame.time_base = 90_000 // FPS * self._n, Fraction(1, 90_000)
        return frame


class Viewer:
    """One browser. shown: pictures that it got. session: the id of its session."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http, self._url = http, url
        self.shown, self.session = 0, ""
        self._at = time.monotonic()
        self._pc: RTCPeerConnection | None = None
        self._task: asyncio.Task[None] | None = None

    async def connect(self, resume: bool = False) -> float:
        """A session, or the next one. Returns the seconds of the offer's way and back."""
        await self.close()
        self._pc = pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        pc.createDataChannel("control")
        pc.addTransceiver(Grey(), direction="sendrecv")
        pc.on("track", lambda track: setattr(self, "_task", asyncio.ensure_future(self._watch(track))))
        await pc.setLocalDescription(await pc.createOffer())
        query = f"?resume={self.session}" if resume else ""
        began = time.monotonic()
        headers = {"Content-Type": "application/sdp"}
        async with self._http.post(
            f"{self._url}api/sessions{query}", data=pc.localDescription.sdp, headers=headers
        ) as got:
            got.raise_for_status()
            answer, self.session = await got.text(), got.headers["Location"].rpartition("/")[2]
        spent = time.monotonic() - began
        await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return spent

    async def pictures(self, count: int) -> None:
        """Until so many more have come."""
        wanted = self.shown + count
        while self.shown < wanted:
            await asyncio.sleep(0.005)

    async def until_gone(self) -> None:
        """Until there was no picture for a second, and the server does not know the session any more."""
        while True:
            await asyncio.sleep(0.1)
            if time.monotonic() - self._at > QUIET_SECONDS:
                async with self._http.get(f"{self._url}api/sessions/{self.session}") as got:
                    if got.status != 200:
                        return

    async def close(self) -> None:
        """No more session."""
        if self._task is not None:
            self._task.cancel()
        if self._pc is not None:
            await self._pc.close()

    async def _watch(self, track: MediaStreamTrack) -> None:
        while True:
            await track.recv()
            self.shown += 1
            self._at = time.monotonic()
