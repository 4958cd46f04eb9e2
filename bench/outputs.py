"""How long a frame takes to a receiver: from the server's distributor to a socket on this machine, for each format.

    python bench/outputs.py [--seconds 5] [--fps 30] [--camera]

Frames are published as sessions publish them, through the hub and the outputs' own tasks, all formats at once. delay:
from `publish` to the arrival of the frame's last packet at the receiver (for VTube Studio, of the message). encode: the
mapping and the encoder alone. --camera: from the arrival of a camera's picture at the server to the packet of its face,
with the real engine and the sample clip as the camera.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from websockets.asyncio.server import serve

from face3d_live.codes import HeadCodes
from face3d_live.live.engine.factory import make_pipeline
from face3d_live.live.outputs.address import KINDS, parse
from face3d_live.live.outputs.manager import OutputManager
from face3d_live.live.outputs.senders import make_encoder, prepare
from face3d_live.live.service import LiveService, Settings
from face3d_live.live.stream.hub import Hub
from face3d_live.live.worker import tasks
from face3d_live.mapping.apply import Mapping
from face3d_live.mapping.profile import Profile
from face3d_live.protocols.frame import StreamFrame
from face3d_live.rotations import from_euler

#: The first pictures of a session are slower.
WARM_UP = 30
SAMPLE = Path(__file__).resolve().parents[1] / "web_client" / "sample" / "sample.mp4"


def frame(number: int) -> StreamFrame:
    """A face that moves."""
    expression = 0.5 + 0.5 * np.sin(number / 9 + np.arange(52))
    codes = HeadCodes(expression=expression, rotation=from_euler(0.3 * np.sin(number / 30), 0.1, 0))
    return StreamFrame.from_codes("bench", number, number / 30, True, codes)


class Arrivals(asyncio.DatagramProtocol):
    """When the newest packet came."""

    def __init__(self) -> None:
        self.last = 0.0

    def datagram_received(self, data: bytes, addr: object) -> None:
        """A packet."""
        self.last = time.perf_counter()


async def plugin_host(socket: object, arrivals: Arrivals) -> None:
    """As little of VTube Studio as the plugin needs."""
    async for text in socket:  # type: ignore[attr-defined]
        request = json.loads(text)
        kind = request["messageType"]
        if kind.startswith("Inject"):
            arrivals.last = time.perf_counter()
        data = {"authenticationToken": "t", "authenticated": True}
        answer = {"messageType": kind.replace("Request", "Response"), "requestID": request["requestID"], "data": data}
        await socket.send(json.dumps(answer))  # type: ignore[attr-defined]


async def measure(seconds: float, fps: float) -> dict[str, list[float]]:
    """Delays in milliseconds by format."""
    loop, hub = asyncio.get_running_loop(), Hub()
    arrivals = {kind: Arrivals() for kind in KINDS}
    delays: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        outputs = OutputManager(Path(folder))
        hub.listeners.append(outputs.offer)
        async with serve(lambda socket: plugin_host(socket, arrivals["vts"]), "127.0.0.1", 0) as studio:
            ports = {"vts": studio.sockets[0].getsockname()[1]}
            for kind in KINDS.keys() - {"vts"}:
                transport, _ = await loop.create_datagram_endpoint(
                    lambda kind=kind: arrivals[kind],  # type: ignore[misc]
                    local_addr=("127.0.0.1", 0),
                )
                ports[kind] = transport.get_extra_info("sockname")[1]
            for kind, port in ports.items():
                outputs.add(f"{kind}://127.0.0.1:{port}?rate=120")
            await asyncio.sleep(1.0)
            for number in range(int(seconds * fps)):
                began = time.perf_counter()
                hub.publish(frame(number))
                await asyncio.sleep(1 / fps)
                for kind, there in arrivals.items():
                    if there.last > began:
                        delays[kind].append(1000 * (there.last - began))
            await outputs.stop()
    return delays


async def measure_camera(seconds: float) -> list[float]:
    """Milliseconds from the picture to the packet, for Live Link Face."""
    loop, arrivals = asyncio.get_running_loop(), Arrivals()
    transport, _ = await loop.create_datagram_endpoint(lambda: arrivals, local_addr=("127.0.0.1", 0))
    url = f"livelink://127.0.0.1:{transport.get_extra_info('sockname')[1]}?rate=120"
    settings = Settings(
        pipeline=functools.partial(make_pipeline, "cpu", "auto"),
        snapshot=tasks.snapshot,
        reconstruct=tasks.reconstruct_photo,
        texture=tasks.fuse_texture,
        source=str(SAMPLE),
        outputs=(url,),
    )
    live, delays = LiveService(settings), []
    await live.start()
    try:
        await live.engine.wait_ready()
        (session,), (output,) = live.sessions, live.outputs
        while output.frames < WARM_UP:
            await asyncio.sleep(0.05)
        end = time.perf_counter() + seconds
        seen = arrivals.last
        while time.perf_counter() < end:
            await asyncio.sleep(0.001)
            if arrivals.last > seen:
                seen = arrivals.last
                ms = session.state()["ms"]
                assert isinstance(ms, dict)
                delays.append(ms["total"] + output.delay)
    finally:
        await live.stop()
        transport.close()
    return delays


def encoding(kind: str, repeat: int = 300) -> float:
    """Milliseconds of mapping and encoding one frame, the median."""
    mapping = Mapping(Profile(), KINDS[kind].names or "arkit")
    prepare(kind)
    encode = make_encoder(parse(f"{kind}://127.0.0.1"), mapping.names)
    times = []
    for number in range(repeat):
        one = frame(number)
        began = time.perf_counter()
        mapped = mapping.apply(one)
        if encode is not None:
            encode(mapped)
        times.append(1000 * (time.perf_counter() - began))
    return float(np.median(times))


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--fps", type=float, default=30)
    parser.add_argument("--camera", action="store_true", help="with the engine, from the camera's picture on")
    options = parser.parse_args()
    if options.camera:
        found = asyncio.run(measure_camera(options.seconds))
        median, p95 = np.percentile(found, 50), np.percentile(found, 95)
        print(f"camera to packet: {len(found)} frames, median {median:.1f} ms, p95 {p95:.1f} ms")
        return
    delays = asyncio.run(measure(options.seconds, options.fps))
    print(f"{'format':16} {'frames':>7} {'arrived':>8} {'delay median':>13} {'p95':>8} {'encode':>8}   ms")
    for kind, got in delays.items():
        median, p95 = (np.percentile(got, q) for q in (50, 95)) if got else (np.nan, np.nan)
        sent = int(options.seconds * options.fps)
        print(f"{KINDS[kind].title:16} {sent:7d} {len(got):8d} {median:13.2f} {p95:8.2f} {encoding(kind):8.3f}")


if __name__ == "__main__":
    main()
