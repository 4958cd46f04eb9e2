"""A Ray cluster in this machine: sessions through a gateway, its cost, fail-over; then a simulation of many workers.

    python bench/cluster.py [--sessions 4] [--seconds 20] [--engine copy|true] [--cost 0.3] [--no-measure]

Measured, with two nodes of one worker each: pictures a second that browsers (aiortc) get, the CPU of the gateway and of
the controller, how long an offer takes through the gateway, and from the kill of a worker's actor to the first picture
of the same browser's next session, where the browser does as the page does (asks after a second of silence). `copy` is
an engine that only copies the picture's brightness, so that two cores carry many sessions; `true` is the real one.

Simulated, and said to be: 1, 10 and 100 workers whose sessions cost what `--cost` says (the part of an engine that one
uses), with the real placement, reports half a second old, and one controller whose service time was measured.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import cluster_parts as parts

from face3d_live.cluster import placement
from face3d_live.cluster.controller import MAX_LOOKS, POLL_SECONDS, look_seconds
from face3d_live.cluster.names import NAMESPACE, worker_of
from face3d_live.cluster.placement import Load

#: An actor's call, there and back.
CALL_SECONDS = 0.001
ROOT = Path(__file__).resolve().parents[1]


def cpu_seconds(pid: int) -> float:
    """Of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def find_process(title: str) -> int:
    """The process id of a Ray actor by its class."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if (entry / "cmdline").read_bytes().startswith(f"ray::{title}".encode()):
                    return int(entry.name)
            except OSError:
                continue
    raise LookupError(title)


async def measure(address: str, controller: Any, sessions: int, seconds: float) -> float:
    """Print the measured half. Returns the controller's CPU seconds for one look at one worker."""
    command = [sys.executable, str(ROOT / "run_live.py"), "--port", "0", "--cluster", address]
    gateway = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert gateway.stdout is not None
    url = next(found[1] for line in gateway.stdout if (found := re.search(r"open (\S+/)", line)))
    try:
        async with aiohttp.ClientSession() as http:
            quiet = await gateway_share(gateway.pid, seconds)
            viewers = [parts.Viewer(http, url) for _ in range(sessions)]
            before_offers = cpu_seconds(gateway.pid)
            offers = [await viewer.connect() for viewer in viewers]
            offered = (cpu_seconds(gateway.pid) - before_offers) / sessions
            await asyncio.gather(*(viewer.pictures(10) for viewer in viewers))
            pids = {"gateway": gateway.pid, "controller": find_process("Controller")}
            idle = {name: cpu_seconds(pid) for name, pid in pids.items()}
            before, began = [viewer.shown for viewer in viewers], time.monotonic()
            await asyncio.sleep(seconds)
            spent = time.monotonic() - began
            used = {name: (cpu_seconds(pid) - idle[name]) / spent for name, pid in pids.items()}
            rates = [(viewer.shown - shown) / spent for viewer, shown in zip(viewers, before, strict=True)]
            spread = [str(worker_of(viewer.session)) for viewer in viewers]
            print(f"sessions {sessions}, on workers {[spread.count(name) for name in sorted(set(spread))]}")
            print(f"pictures a second: {statistics.mean(rates):.1f} mean, {min(rates):.1f} least")
            took = 1000 * statistics.median(offers)
            print(f"an offer through the gateway: {took:.0f} ms, {1000 * offered:.0f} of them the gateway's processor")
            more = max(used["gateway"] - quiet, 0.0001) / sessions
            print(f"gateway: {quiet:.2%} of a core without a session, {used['gateway']:.2%} with them: {more:.3%} each")
            print(f"controller: {used['controller']:.2%} of a core")
            killed = await fail_over(viewers[0], "pid", signal.SIGKILL)
            print(f"fail-over: {killed:.2f} s from the kill to the next picture")
            while sum(load.ready for load in await controller.table.remote()) < 2:
                await asyncio.sleep(0.2)
            hung = await fail_over(viewers[1], "server_pid", signal.SIGSTOP)
            print(f"fail-over: {hung:.2f} s from a worker's standstill to the next picture")
            await asyncio.gather(*(viewer.close() for viewer in viewers))
            return used["controller"] / (2 / look_seconds(2))
    finally:
        gateway.send_signal(signal.SIGINT)
        gateway.wait()


async def gateway_share(pid: int, seconds: float) -> float:
    """The part of a core that a process uses."""
    before, began = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


async def fail_over(viewer: parts.Viewer, process: str, sent: signal.Signals) -> float:
    """Seconds from a signal to a session's worker to the next session's first picture. process: see `worker.where`."""
    import ray

    where = await ray.get_actor(worker_of(viewer.session), NAMESPACE).where.remote()
    began = time.monotonic()
    os.kill(where[process], sent)
    await viewer.until_gone()
    await viewer.connect(resume=True)
    await viewer.pictures(1)
    return time.monotonic() - began


# --- simulation -------------------------------------------------------------------------------------------------------


@dataclass
class Simulated:
    """A worker: its sessions' ends, and what the controller knows of it."""

    ends: list[float]
    known: Load


def simulate(workers: int, cost: float, look: float, load: float = 0.9, hours: float = 0.5) -> str:
    """One line of the table. look: the controller's seconds for one look at one worker. load: of the places."""
    chance = random.Random(1)
    fleet = [Simulated([], Load(f"w{i:06x}", "there", ready=True)) for i in range(workers)]
    places = sum(each.known.places(cost) for each in fleet)
    mean = 600.0  # seconds of a session
    rate = load * places / mean
    between = look_seconds(workers) / workers
    now = next_look = free_at = 0.0
    at = asked = refused = 0
    waits, spreads = [], []
    while now < 3600 * hours:
        now += chance.expovariate(rate)
        while next_look <= now:
            look_at(fleet[at], next_look, cost)
            at = (at + 1) % workers
            free_at = max(free_at, next_look) + look
            next_look += between
        asked += 1
        began = time.perf_counter()
        chosen = placement.choose(each.known for each in fleet)
        service = time.perf_counter() - began + CALL_SECONDS
        free_at = max(free_at, now) + service
        waits.append(free_at - now)
        if chosen is None:
            refused += 1
            continue
        taken = next(each for each in fleet if each.known.name == chosen.name)
        heapq.heappush(taken.ends, now + chance.expovariate(1 / mean))
        taken.known = replace(taken.known, placed=taken.known.placed + 1)
        counts = [sum(end > now for end in each.ends) for each in fleet]
        spreads.append(max(counts) - min(counts))
    p95 = 1000 * sorted(waits)[int(0.95 * len(waits))]
    return (
        f"{workers:7} {places:8} {rate * 60:12.1f} {refused / asked:8.1%} {statistics.mean(spreads):7.1f} "
        f"{p95:9.1f} ms {look / between:10.1%}"
    )


def look_at(worker: Simulated, now: float, cost: float) -> None:
    """The controller hears which sessions are there."""
    while worker.ends and worker.ends[0] <= now:
        heapq.heappop(worker.ends)
    count = len(worker.ends)
    worker.known = replace(worker.known, sessions=count, placed=0, busy=cost * count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--engine", choices=("copy", "true"), default="copy")
    parser.add_argument("--cost", type=float, default=0.3)
    parser.add_argument("--no-measure", action="store_true", help="the simulation alone, by figures measured before")
    given = parser.parse_args()
    look = 0.0045
    if not given.no_measure:
        with parts.cluster(given.engine) as (address, controller):
            look = asyncio.run(measure(address, controller, given.sessions, given.seconds))
    print(f"\nSIMULATED: a session costs {given.cost:.2f} of an engine, lasts 10 min; 90 % of the places are wanted")
    print(f"a look at a worker costs the controller {1000 * look:.2f} ms")
    print("workers   places  offers/min   refused  spread  p95 placement  looks' CPU")
    for workers in (1, 10, 100, 1000):
        print(simulate(workers, given.cost, look))
    print(f"first bottleneck: the controller, {MAX_LOOKS:.0f} looks a second, {look * MAX_LOOKS:.0%} of a core")
    print(f"with more than {MAX_LOOKS * POLL_SECONDS:.0f} workers its reports get older, 10 s with 1000")


if __name__ == "__main__":
    main()
