"""A live server under random faults: `python bench/soak.py --minutes 30 [--seed 1] [--program SERVER.py]`.

Two sessions watch all the time, a third one has the faults. After each fault one row: the longest time that the others
had no new picture; the seconds until the own session had pictures again (of all of them where the fault is
everybody's); what is left behind. At the end the memory's slope. Status 1 when something was too long, did not come
back, or leaked.

The bounds hold on a machine that is not busy with other things: `--gap` and `--back` give others.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import resource
import signal
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from soak_parts import Client, Relay, Usage, family, slope, usage

from face3d_live.live.engine.client import RESERVE_SECONDS

ROOT = Path(__file__).resolve().parents[1]
SERVER = ROOT / "bench" / "soak_server.py"
#: Settling time after a fault before what is left is counted, at most.
SETTLE_SECONDS = 20.0


@dataclass
class Soak:
    """What a fault gets."""

    url: str
    pid: int
    takes: Path
    random: random.Random
    own: Client
    others: list[Client]

    async def post(self, path: str, **options: Any) -> int:
        """The status of a POST."""
        async with httpx.AsyncClient(timeout=90) as http:
            return (await http.post(self.url.rstrip("/") + path, **options)).status_code

    async def new_own(self, client: Client) -> None:
        """Replace the own session."""
        with contextlib.suppress(Exception):
            await self.own.close()
        self.own = client

    def engine(self) -> int:
        """The process id of the engine: besides the server, only it has the sessions' memory."""
        return max(family(self.pid)[1:], key=lambda pid: usage(pid).memfds)


# --- the faults: everybody's ------------------------------------------------------------------------------------------


async def engine_killed(soak: Soak) -> None:
    """The engine is gone at once."""
    os.kill(soak.engine(), signal.SIGKILL)


async def engine_stopped(soak: Soak) -> None:
    """The engine stands still, as in a driver."""
    os.kill(soak.engine(), signal.SIGSTOP)


async def gl_lost(soak: Soak) -> None:
    """The driver was reset: OpenGL draws nothing any more, and says nothing."""
    os.kill(soak.engine(), signal.SIGUSR1)


# --- one's own --------------------------------------------------------------------------------------------------------


async def client_vanishes(soak: Soak) -> None:
    """A browser's machine is switched off; another one comes."""
    soak.own.vanish()
    await soak.new_own(await Client(soak.url).open())


async def resolution_changes(soak: Soak) -> None:
    """A phone is turned, a camera is changed."""
    for size in ((240, 320), (64, 48), (640, 360), (1280, 720), (320, 240)):
        soak.own.camera.size = size
        await asyncio.sleep(0.4)


async def bad_network(soak: Soak) -> None:
    """Packets are lost and overtaken."""
    relay = Relay(soak.random.uniform(0.05, 0.2), soak.random.randrange(1000))
    client = await Client(soak.url, relay.edit).open()
    await client.until_pictures(5, 20)
    await asyncio.sleep(3)
    await client.close()
    await asyncio.sleep(0.2)
    relay.close()


async def network_changes(soak: Soak) -> None:
    """A phone leaves the WLAN: its packets go nowhere, and it makes a new offer, as the page does in place of an ICE
    restart."""
    relay = Relay(0.0, 0)
    client = await Client(soak.url, relay.edit).open()
    await client.until_pictures(5, 20)
    relay.loss = 1.0
    await soak.new_own(await Client(soak.url).open())
    await client.close()
    relay.close()


async def clocks_jump(soak: Soak) -> None:
    """The server's time of day and the camera's time stamps go on by an hour, and back."""
    for hours in (1, 0):
        os.kill(soak.pid, signal.SIGUSR2)
        soak.own.camera.ahead = 3600.0 * hours
        await soak.own.until_pictures(5, 20)


async def hostile_takes(soak: Soak) -> None:
    """Files in the folder of takes that are none."""
    places = [soak.takes / f"bad{i}.jsonl" for i in range(4)]
    bodies = (b"", os.urandom(5000), b'{"face3d_take":1e400}\n' * 3, b"[" * 100_000)
    for place, body in zip(places, bodies, strict=True):
        place.write_bytes(body)
        assert (status := await soak.post(f"/api/takes/{place.stem}/play", json={})) in range(400, 500), status
    for place in places:
        place.unlink()


async def hostile_files(soak: Soak) -> None:
    """Files that are none, and pictures that are bombs."""
    for body in (b"", os.urandom(5000), _bomb(), b"glTF" + struct.pack("<II", 2, 0xFFFFFFFF) + os.urandom(100)):
        status = await soak.post(soak.own.location.removeprefix(soak.url.rstrip("/")) + "/avatar", content=body)
        assert 400 <= status < 500, status
        status = await soak.post("/api/faces", files={"photo": ("a.png", body or b"x")})
        assert status in (200, 400, 413, 503), status


async def connections_pile_up(soak: Soak) -> None:
    """Hundreds of connections that say nothing, while the server has few descriptors."""
    soft, hard = resource.prlimit(soak.pid, resource.RLIMIT_NOFILE)
    held = len(list((Path("/proc") / str(soak.pid) / "fd").iterdir()))
    resource.prlimit(soak.pid, resource.RLIMIT_NOFILE, (held + 20, hard))
    host, port = soak.url.removeprefix("http://").strip("/").split(":")
    writers = []
    try:
        for _ in range(150):
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    writers.append((await asyncio.open_connection(host, int(port)))[1])
        await asyncio.sleep(1)
    finally:
        resource.prlimit(soak.pid, resource.RLIMIT_NOFILE, (soft, hard))
        for writer in writers:
            writer.close()
    await _until_healthy(soak.url)


async def pages_reload(soak: Soak) -> None:
    """Sessions begin and end as fast as they can."""
    for _ in range(6):
        client = await Client(soak.url).open()
        await client.close()


async def disk_full(soak: Soak) -> None:
    """A take that cannot grow: its end is in order, and pictures go on."""
    where = soak.own.location.removeprefix(soak.url.rstrip("/")) + "/recording"
    assert await soak.post(where, json={"action": "start"}) == 201
    soft, hard = resource.prlimit(soak.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(soak.pid, resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        await asyncio.sleep(2)
    finally:
        resource.prlimit(soak.pid, resource.RLIMIT_FSIZE, (soft, hard))
    await soak.post(where, json={"action": "stop"})


async def snapshot_abandoned(soak: Soak) -> None:
    """A client that asks for much and does not wait."""
    path = soak.own.location.removeprefix(soak.url.rstrip("/")) + "/snapshot"
    host, port = soak.url.removeprefix("http://").strip("/").split(":")
    for _ in range(10):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


Fault = Callable[[Soak], Awaitable[None]]
EVERYBODYS: tuple[Fault, ...] = (engine_killed, engine_stopped, gl_lost)
FAULTS: tuple[Fault, ...] = (
    *EVERYBODYS, client_vanishes, resolution_changes, bad_network, network_changes, clocks_jump, hostile_files,
    hostile_takes, connections_pile_up, pages_reload, disk_full, snapshot_abandoned,
)  # fmt: skip


def _bomb() -> bytes:
    """A PNG of 60,000 x 60,000 pixels in some bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(7501))) + chunk(b"IEND", b"")


# --- the run ----------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def server(program: Path, takes: Path) -> AsyncIterator[tuple[str, int]]:
    """A server of our own: its address and process id."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "FACE3D_CONFIG": str(takes / "config")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), "--takes", str(takes), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    try:
        while b"http://" not in (line := await process.stdout.readline()):
            if not line:
                raise SystemExit("the server did not start")
        url = next(word for word in line.decode().split() if word.startswith("http://"))
        yield url.replace("localhost", "127.0.0.1"), process.pid
    finally:
        process.terminate()
        await process.wait()


async def _until_healthy(url: str) -> None:
    async with asyncio.timeout(30), httpx.AsyncClient() as http:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await http.get(url + "healthz")).status_code == 200:
                    return
            await asyncio.sleep(0.2)


async def settled(pid: int, before: Usage) -> tuple[Usage, list[str]]:
    """What is held once nothing leaks any more, or after `SETTLE_SECONDS`."""
    until = time.monotonic() + SETTLE_SECONDS
    while (leaks := (now := usage(*family(pid))).leaks_since(before)) and time.monotonic() < until:
        await asyncio.sleep(0.25)
    return now, leaks


async def one_fault(soak: Soak, fault: Fault, before: Usage, bounds: argparse.Namespace) -> tuple[str, Usage]:
    """A row of the table, with "!" where something is wrong."""
    for client in (soak.own, *soak.others):
        client.start_counting()
    began = time.monotonic()
    await fault(soak)
    everybodys = fault in EVERYBODYS
    if everybodys:
        await asyncio.sleep(0.3)  # what was on its way has arrived
    waiting = [soak.own, *soak.others] if everybodys else [soak.own]
    backs = await asyncio.gather(*(client.until_pictures(3, 30) for client in waiting))
    came = [seconds for seconds in backs if seconds is not None]
    back = max(came) if len(came) == len(backs) else None
    gap = max(other.longest_gap() for other in soak.others)
    now, leaks = await settled(soak.pid, before)
    late = back is None or back > (bounds.hung if fault is engine_stopped else bounds.back)
    wrong = late or bool(leaks) or (gap > bounds.gap and not everybodys)
    shown = "never" if back is None else f"{back:.2f}"
    others = "-" if everybodys else f"{gap:.2f}"
    took = time.monotonic() - began
    row = f"| {fault.__name__:20} | {others:>6} | {shown:>6} | {took:5.1f} | {now.megabytes:6.0f} | {'; '.join(leaks)}"
    return row + (" !" if wrong else ""), now


async def run(arguments: argparse.Namespace) -> int:
    """The exit status."""
    chosen = [fault for fault in FAULTS if not arguments.faults or fault.__name__ in arguments.faults]
    rows, samples = [], []
    with tempfile.TemporaryDirectory() as folder:
        async with server(arguments.program, Path(folder)) as (url, pid):
            clients = [await Client(url).open() for _ in range(3)]
            soak = Soak(url, pid, Path(folder), random.Random(arguments.seed), clients[0], clients[1:])
            assert None not in [await client.until_pictures(20, 60) for client in clients], "no pictures"
            for client in soak.others:
                client.start_counting()
            await asyncio.sleep(2)
            quiet = max(client.longest_gap() for client in soak.others)
            print(f"seed {arguments.seed}; without a fault the longest gap is {quiet:.2f} s")
            print(f"| {'fault':20} | {'others':>6} | {'back':>6} | {'took':>5} | {'MB':>6} | left behind")
            print(f"|{'-' * 22}|{'-' * 7}:|{'-' * 7}:|{'-' * 6}:|{'-' * 7}:|---")
            await asyncio.sleep(arguments.settle)
            before, began, todo = usage(*family(pid)), time.monotonic(), []
            before.processes += 3  # the processes for tasks start with their first one
            before.threads += 3 * 12
            before.descriptors += 3 * 16
            while time.monotonic() - began < 60 * arguments.minutes:
                todo = todo or soak.random.sample(chosen, len(chosen))
                row, now = await one_fault(soak, todo.pop(), before, arguments)
                samples.append((time.monotonic() - began, now.megabytes))
                rows.append(row)
                print(row, flush=True)
                await asyncio.sleep(arguments.pause)
            for client in (soak.own, *soak.others):
                await client.close()
    wrong = sum(row.endswith("!") for row in rows)
    print(
        f"{len(rows)} faults, {wrong} with something wrong; memory {slope(samples):+.2f} MB a minute in the later half"
    )
    return 1 if wrong else 0


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", type=Path, default=SERVER, help="another server, such as the tests' cheap one")
    parser.add_argument("--faults", nargs="*", help="only these")
    parser.add_argument("--gap", type=float, default=0.5, help="seconds that the others may be without a picture")
    parser.add_argument("--back", type=float, default=3.0, help="seconds until the own session is back")
    parser.add_argument("--hung", type=float, default=5.0, help="the same after the engine was stopped")
    settle = RESERVE_SECONDS[0] + 5
    parser.add_argument(
        "--settle", type=float, default=settle, help="seconds before the first fault (an engine is in reserve)"
    )
    parser.add_argument("--pause", type=float, default=3.0, help="seconds between faults")
    raise SystemExit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
