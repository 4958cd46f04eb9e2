"""What `bench/soak.py` is made of: a browser that counts pictures, a bad network, a look at the server's processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import httpx
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError


class Camera(MediaStreamTrack):
    """A grey picture at 20 fps, whose size may change. ahead: of its time stamps, seconds."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.size, self.ahead = (320, 240), 0.0
        self._began, self._n = time.monotonic(), 0

    async def recv(self) -> av.VideoFrame:
        """The next picture, when it is due."""
        self._n += 1
        await asyncio.sleep(max(0.0, self._began + self._n / 20 - time.monotonic()))
        width, height = self.size
        picture = np.full((height, width, 3), 60 + self._n % 120, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, "rgb24")
        frame.pts, frame.time_base = int((time.monotonic() - self._began + self.ahead) * 90_000), Fraction(1, 90_000)
        return frame


class Client:
    """One session. edit: changes the answer on its way here, for a network in between. newest: number of the newest
    picture that the engine has drawn for it; arrived: when."""

    def __init__(self, url: str, edit: Callable[[str], Awaitable[str]] | None = None) -> None:
        self._url, self._edit = url, edit
        self.camera = Camera()
        self.location = ""
        self.notices: list[str] = []
        self.newest, self.arrived, self.gap = 0, time.monotonic(), 0.0
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._reader: asyncio.Task[None] | None = None

    async def open(self) -> Client:
        """Make the session. Raises httpx.HTTPStatusError when it is refused."""
        self._pc.addTransceiver(self.camera, direction="sendrecv")
        self._pc.createDataChannel("control").on("message", self._on_message)
        self._pc.on("track", self._on_track)
        await self._pc.setLocalDescription(await self._pc.createOffer())
        async with httpx.AsyncClient(timeout=30) as http:
            answer = await http.post(
                self._url + "api/sessions",
                content=self._pc.localDescription.sdp,
                headers={"Content-Type": "application/sdp"},
            )
        answer.raise_for_status()
        self.location = self._url.rstrip("/") + answer.headers["Location"]
        text = answer.text if self._edit is None else await self._edit(answer.text)
        await self._pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
        return self

    async def close(self) -> None:
        """End it in order, as the page does."""
        async with httpx.AsyncClient(timeout=30) as http:
            await http.delete(self.location)
        await self._pc.close()
        if self._reader is not None:
            self._reader.cancel()

    def vanish(self) -> None:
        """End it without a word."""
        for transceiver in self._pc.getTransceivers():
            for protocol in transceiver.sender.transport.transport._connection._protocols:
                protocol.transport.abort()

    def start_counting(self) -> None:
        """The longest time between two pictures counts from now on."""
        self.gap = 0.0

    def longest_gap(self) -> float:
        """Seconds between two pictures, or since the last one."""
        return max(self.gap, time.monotonic() - self.arrived)

    async def until_pictures(self, count: int, seconds: float) -> float | None:
        """Seconds until so many new pictures have been drawn; None when they have not come in time."""
        began, before = time.monotonic(), self.newest
        while self.newest < before + count:
            if time.monotonic() - began > seconds:
                return None
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    def _on_message(self, text: str) -> None:
        message = json.loads(text)
        if message["type"] == "notice":
            self.notices.append(message["code"])
        elif message["type"] == "frame":
            now = time.monotonic()
            self.gap = max(self.gap, now - self.arrived)
            self.newest, self.arrived = message["frame"], now

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._reader = asyncio.ensure_future(self._drain(track))

    async def _drain(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                await track.recv()


class Relay(asyncio.DatagramProtocol):
    """A bad network between a client and the server: loses and reorders UDP packets both ways."""

    def __init__(self, loss: float, seed: int) -> None:
        self.loss, self._random = loss, random.Random(seed)
        self._transport: asyncio.DatagramTransport | None = None
        self._server: tuple[str, int] | None = None
        self._client: tuple[str, int] | None = None

    async def edit(self, answer: str) -> str:
        """The answer with this relay in place of the server's address."""
        host, port = re.findall(r"^a=candidate:\S+ 1 \S+ \S+ ([\d.]+) (\d+) typ host", answer, re.M)[0]
        self._server = host, int(port)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, 0))
        own = self._transport.get_extra_info("sockname")[1]
        kept = [
            line for line in answer.splitlines() if not line.startswith("a=candidate:") or f" {host} {port} " in line
        ]
        return "\r\n".join(line.replace(f" {host} {port} ", f" {host} {own} ") for line in kept) + "\r\n"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Pass it on, perhaps."""
        if addr != self._server:
            self._client = addr
        to = self._client if addr == self._server else self._server
        if to is None or self._transport is None or self._random.random() < self.loss:
            return
        delay = self._random.choice((0.0, 0.0, 0.0, 0.015, 0.03))  # what is held up is overtaken
        asyncio.get_running_loop().call_later(delay, self._transport.sendto, data, to)

    def close(self) -> None:
        """No more packets."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None


@dataclass
class Usage:
    """What the server and its child processes hold."""

    processes: int = 0
    threads: int = 0
    descriptors: int = 0
    memfds: int = 0
    megabytes: float = 0.0
    children: dict[str, int] = field(default_factory=dict)  # name -> process id

    def leaks_since(self, before: Usage) -> list[str]:
        """What is more than it was; threads and descriptors within what a pool may grow by."""
        slack = {"processes": 0, "threads": 6, "descriptors": 6, "memfds": 0}
        return [
            f"{name} {getattr(before, name)} -> {getattr(self, name)}"
            for name, most in slack.items()
            if getattr(self, name) > getattr(before, name) + most
        ]


def family(pid: int) -> list[int]:
    """A process and its descendants, by /proc."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        with contextlib.suppress(OSError):
            for task in (Path("/proc") / str(found[-1]) / "task").iterdir():
                todo += [int(child) for child in (task / "children").read_text().split()]
    return found


def usage(*pids: int) -> Usage:
    """Of these processes together, by /proc. Zombies and those that have ended do not count."""
    total = Usage()
    for pid in pids:
        one = Path("/proc") / str(pid)
        with contextlib.suppress(OSError):
            status = (one / "status").read_text()
            if "\nState:\tZ" in status:
                continue
            links = [link.readlink().name for link in (one / "fd").iterdir()]
            total.processes += 1
            total.threads += int(re.findall(r"^Threads:\t(\d+)", status, re.M)[0])
            total.descriptors += len(links)
            total.memfds += sum(name.startswith("memfd:") or "/memfd:" in name for name in links)
            shares = (one / "smaps_rollup").read_text()  # what processes share counts once in all
            total.megabytes += int(re.findall(r"^Pss:\s+(\d+)", shares, re.M)[0]) / 1024
    return total


def slope(samples: list[tuple[float, float]]) -> float:
    """MB a minute of the later half of (seconds, MB): the median of the slopes of all pairs (Theil and Sen).

    A process that was just started, or has just loaded its models, changes it little.
    """
    later = samples[len(samples) // 2 :]
    pairs = [(b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(later) for b in later[i + 1 :] if b[0] > a[0]]
    return 60 * float(np.median(pairs)) if pairs else 0.0
