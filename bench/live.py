"""How fast the live server is: a browser made of aiortc plays a clip to it over the loopback and measures.

    python bench/live.py [CLIP] [--seconds 20] [--sessions 1] [--url http://localhost:8080/]

Without --url it starts `run_live.py` itself. fps: avatar frames received. delay: from a ping, which stands for the
moment in which a face moves, until the first avatar made from a later camera picture is handed to the encoder; the
picture's way back (encode, loopback, decode: 5-10 ms) is not in it. stages: as the server reports them. CPU: of one
core.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import AsyncIterator
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import aioice.ice
import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from soak_parts import family

from face3d_live.video import Video

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "web_client" / "sample" / "sample.mp4"
FPS = 30
WARM_UP = 3.0


class Clip(MediaStreamTrack):
    """A clip's frames, decoded beforehand, looped at 30 fps."""

    kind = "video"

    def __init__(self, frames: list[av.VideoFrame]) -> None:
        super().__init__()
        self._frames = cycle(frames)
        self._began, self._n = time.monotonic(), 0

    async def recv(self) -> av.VideoFrame:
        """The next frame, when it is due."""
        self._n += 1
        await asyncio.sleep(max(0.0, self._began + self._n / FPS - time.monotonic()))
        frame = next(self._frames)
        frame.pts, frame.time_base = 90_000 // FPS * self._n, Fraction(1, 90_000)
        return frame


class Viewer:
    """One session; its figures cover the time after `start_counting`."""

    def __init__(self, url: str, frames: list[av.VideoFrame]) -> None:
        self._url, self._frames = url, frames
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._channel = self._pc.createDataChannel("control")
        self._tasks: list[asyncio.Task[None]] = []
        self.avatars, self.faces, self.messages = 0, 0, 0
        self.delays: list[float] = []
        self.stages: dict[str, list[float]] = defaultdict(list)

    async def connect(self) -> None:
        """Make the session."""
        self._pc.addTransceiver(Clip(self._frames), direction="sendrecv")
        self._channel.on("message", self._on_message)
        self._pc.on("track", lambda track: self._spawn(self._watch(track)))
        await self._pc.setLocalDescription(await self._pc.createOffer())
        headers = {"Content-Type": "application/sdp"}
        request = urllib.request.Request(
            self._url + "api/sessions", self._pc.localDescription.sdp.encode(), headers, method="POST"
        )
        with await asyncio.to_thread(urllib.request.urlopen, request) as response:
            answer = response.read().decode()
        await self._pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        self._spawn(self._ping())

    def start_counting(self) -> None:
        """Forget the warm-up."""
        self.avatars = self.faces = self.messages = 0
        self.delays.clear()
        self.stages.clear()

    async def close(self) -> None:
        """End the session."""
        for task in self._tasks:
            task.cancel()
        await self._pc.close()

    def _spawn(self, work: object) -> None:
        self._tasks.append(asyncio.ensure_future(work))

    async def _watch(self, track: MediaStreamTrack) -> None:
        while True:
            await track.recv()
            self.avatars += 1

    async def _ping(self) -> None:
        for n in cycle(range(1_000_000)):
            if self._channel.readyState == "open":
                self._channel.send(json.dumps({"type": "ping", "id": n, "t": 1000 * time.monotonic()}))
            # Not in step with the camera.
            await asyncio.sleep(0.0873)

    def _on_message(self, text: str) -> None:
        message = json.loads(text)
        if message["type"] == "pong":
            self.delays.append(1000 * time.monotonic() - message["t"])
        elif message["type"] == "frame":
            self.messages += 1
            self.faces += message["face"]
            for stage, ms in message["ms"].items():
                self.stages[stage].append(ms)


def load(clip: Path) -> list[av.VideoFrame]:
    """At most 300 frames, as 640x480 I420."""
    with Video.open(clip) as video:
        pictures = (av.VideoFrame.from_ndarray(rgb, "rgb24") for rgb, _ in islice(video, 300))
        return [picture.reformat(width=640, height=480, format="yuv420p") for picture in pictures]


def cpu_seconds(root: int) -> float:
    """CPU time that a process and its descendants have taken so far."""
    total = 0.0
    for pid in family(root):
        with contextlib.suppress(FileNotFoundError):
            fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


@contextlib.asynccontextmanager
async def server(url: str | None) -> AsyncIterator[tuple[str, int | None]]:
    """The address of a server, and its process id if it is ours."""
    if url is not None:
        yield url.rstrip("/") + "/", None
        return
    command = [sys.executable, str(ROOT / "run_live.py"), "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        while b"http://" not in (line := await process.stdout.readline()):
            if not line:
                raise SystemExit("the server did not start")
        yield next(word for word in line.decode().split() if word.startswith("http://")), process.pid
    finally:
        process.terminate()
        await process.wait()


async def measure(arguments: argparse.Namespace) -> None:
    """Run and print."""
    frames = load(arguments.clip)
    async with server(arguments.url) as (url, pid):
        viewers = [Viewer(url, frames) for _ in range(arguments.sessions)]
        for viewer in viewers:
            await viewer.connect()
        await asyncio.sleep(WARM_UP)
        for viewer in viewers:
            viewer.start_counting()
        began, cpu = time.monotonic(), cpu_seconds(pid) if pid else 0.0
        await asyncio.sleep(arguments.seconds)
        took, cpu = time.monotonic() - began, cpu_seconds(pid) - cpu if pid else 0.0
        with await asyncio.to_thread(urllib.request.urlopen, url + "healthz") as response:
            device = json.load(response)["device"]
        report(viewers, took, f"{arguments.clip.name}, {device}, {os.cpu_count()} cores")
        if pid:
            print(f"| server's CPU     | {100 * cpu / took:13.0f} % |               |")
        for viewer in viewers:
            await viewer.close()


def report(viewers: list[Viewer], took: float, title: str) -> None:
    """One table over all sessions."""
    print(f"{title}, {len(viewers)} session(s), {took:.0f} s")
    print(f"| {'':16} | {'median':>15} | {'p95':>13} |\n|{'-' * 18}|{'-' * 16}:|{'-' * 14}:|")
    rates = [viewer.avatars / took for viewer in viewers]
    print(f"| avatar fps       | {statistics.median(rates):15.1f} |               |")
    stages = {"delay ms": [d for viewer in viewers for d in viewer.delays]}
    for stage in ("track", "render", "total"):
        stages[f"{stage} ms"] = [ms for viewer in viewers for ms in viewer.stages[stage]]
    for name, values in stages.items():
        if len(values) > 1:
            p95 = statistics.quantiles(values, n=20)[-1]
            print(f"| {name:16} | {statistics.median(values):15.1f} | {p95:13.1f} |")
    seen = sum(viewer.faces for viewer in viewers) / max(1, sum(viewer.messages for viewer in viewers))
    print(f"| face seen        | {100 * seen:13.0f} % |               |")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--url", help="of a server that runs already")
    arguments = parser.parse_args()
    # aioice leaves out the loopback address, the only one that a machine without a network has.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    asyncio.run(measure(arguments))


if __name__ == "__main__":
    main()
