"""What `face3d-live cluster` does: Ray's own commands, the controller, and a table of its workers."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from face3d_live.cluster import ray_connection, ray_environment
from face3d_live.cluster.options import ClusterOptions, Size, WorkerOptions
from face3d_live.cluster.placement import Load
from face3d_live.errors import AssetError, NotFoundError
from face3d_live.live.limits import parse_limits

T = TypeVar("T")

ANSWER_SECONDS = 30.0
#: Longer than a worker has for draining and ending.
DRAIN_SECONDS = 180.0
LOOK_SECONDS = 0.5


def head(
    options: WorkerOptions, size: Size, address: str | None, port: int, node_ip: str | None, dashboard: bool
) -> None:
    """Start Ray, unless it runs already at `address`, and the controller. Raises AssetError."""
    if address is None:
        node = ["--node-ip-address", node_ip] if node_ip else []
        _ray("start", "--head", "--port", str(port), f"--include-dashboard={dashboard}", "--disable-usage-stats", *node)
    ray_connection.connect(address or "auto")
    each = int(parse_limits(options.limits).sessions_per_address)
    cluster = ClusterOptions(options, secrets.token_urlsafe(32), size, address_sessions=each)
    controller = ray_connection.start_controller(cluster)
    _answer(lambda: controller.table.remote())
    import ray

    where = ray.get_runtime_context().gcs_address
    print(f"The cluster is at {where}. On every other machine, with {ray_environment.TOKEN_FILE} of this one:")
    print(f"  face3d-live cluster join {where}")
    print(f"Then, on any of them: face3d-live live --cluster {where} --host 0.0.0.0 --tls auto")
    if not ray_environment.has_token():
        print("NO TOKEN IS NEEDED: whoever reaches Ray's ports may run programs here; docs/cluster.md says what to do")


def join(address: str, node_ip: str | None, gateway_only: bool) -> None:
    """Have this machine's Ray join a cluster. Raises AssetError "ray-failed"."""
    node = ["--node-ip-address", node_ip] if node_ip else []
    nothing = ["--num-cpus", "0", "--num-gpus", "0"] if gateway_only else []
    _ray("start", "--address", address, "--disable-usage-stats", *node, *nothing)
    print("This machine is part of the cluster; ray stop takes it out. Its workers come within some seconds.")


def status(address: str) -> None:
    """Print a table of the workers. Raises AssetError "no-cluster"."""
    ray_connection.connect(address)
    controller = ray_connection.find_controller()
    loads = _answer(lambda: controller.table.remote())
    print(f"{'worker':9}{'state':10}{'sessions':>9}{'busy':>7}{'kept':>7}{'jobs':>6}  address")
    for load in sorted(loads, key=lambda load: load.name):
        sessions = f"{load.sessions}/{load.most}"
        measured = f"{sessions:>9}{load.busy:7.0%}{load.kept:7.0%}{load.jobs:6}"
        print(f"{load.name:9}{state_of(load):10}{measured}  {load.url or '-'}")
    print(f"{sum(load.sessions for load in loads)} sessions")


def state_of(load: Load) -> str:
    """A worker's state as a word."""
    if load.draining:
        return "draining"
    return "ready" if load.ready else "starting" if load.url else "waiting"


def drain(address: str, worker: str, replace: bool, wait: bool) -> None:
    """End a worker, or all of them one after the other. Raises NotFoundError "no-worker", AssetError "drain-slow"."""
    ray_connection.connect(address)
    controller = ray_connection.find_controller()
    loads = _answer(lambda: controller.table.remote())
    ready = sum(state_of(load) == "ready" for load in loads) if replace else 0
    names = [load.name for load in loads] if worker == "all" else [worker]
    for name in names:
        if not _answer(lambda name=name: controller.drain.remote(name, replace)):  # type: ignore[misc]
            raise NotFoundError(
                "no-worker", f"no worker is called {name[:20]!r}: face3d-live cluster status lists them"
            )
        print(f"{name} is drained", flush=True)
        if wait or worker == "all":
            _wait_for_end(controller, name, ready)


def _wait_for_end(controller: Any, name: str, ready: int) -> None:
    """Until a worker has ended, and so many are ready."""
    until = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < until:
        loads = _answer(lambda: controller.table.remote())
        if name not in {load.name for load in loads} and sum(state_of(load) == "ready" for load in loads) >= ready:
            print(f"{name} has ended", flush=True)
            return
        time.sleep(LOOK_SECONDS)
    raise AssetError("drain-slow", f"{name} has not ended within {DRAIN_SECONDS:.0f} s: face3d-live cluster status")


def _answer(ask: Callable[[], Awaitable[T]]) -> T:
    async def within() -> T:
        return await asyncio.wait_for(ask(), ANSWER_SECONDS)

    try:
        return asyncio.run(within())
    except TimeoutError as error:
        raise AssetError("no-cluster", "the cluster's controller does not answer; its log says why") from error


def _ray(*arguments: str) -> None:
    """Run Ray's own command. Raises AssetError "ray-failed"."""
    environment = {**os.environ, ray_environment.USAGE: "0"}
    done = subprocess.run([sys.executable, "-m", "ray.scripts.scripts", *arguments], env=environment)
    if done.returncode != 0:
        raise AssetError("ray-failed", f"ray {arguments[0]} failed: what it says stands above")
