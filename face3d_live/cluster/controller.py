"""The controller: one named, detached Ray actor that knows the workers and places sessions.

It keeps nothing that it could not learn again: after a restart it finds the workers by their names in Ray, asks each
for its report, and pulls the states of sessions that it does not have. Media, streams and files do not pass here;
while it is away gateways go on with the table that they had.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import aiohttp
import ray

from face3d_live.cluster import placement
from face3d_live.cluster.kept_states import KeptStates
from face3d_live.cluster.names import NAMESPACE, is_worker, new_worker
from face3d_live.cluster.options import ClusterOptions
from face3d_live.cluster.placement import Load
from face3d_live.cluster.sizing import Sizing, machines
from face3d_live.cluster.supervised import Supervised
from face3d_live.cluster.worker.actor import STOP_SECONDS, WorkerActor
from face3d_live.cluster.worker.client import WorkerClient

logger = logging.getLogger(__name__)

#: Between two looks at a worker, and how many looks a second there are at most: gateways tell of workers that are away.
POLL_SECONDS = 0.5
MAX_LOOKS = 100.0
RESIZE_SECONDS = 1.0
#: After so many workers that could not start within so many seconds none is started for as long.
MAX_DEATHS, DEATH_SECONDS = 3, 60.0


def look_seconds(workers: int) -> float:
    """Between two looks at a worker, of so many."""
    return max(POLL_SECONDS, workers / MAX_LOOKS)


class Controller:
    """An async Ray actor: `__init__` runs on its event loop, and so does every method."""

    def __init__(self, options: ClusterOptions) -> None:
        self._options = options
        self._client = WorkerClient(options.secret)
        self._states = KeptStates()
        self._sizing = Sizing(options.size)
        self._workers: dict[str, Supervised] = {}
        self._deaths: deque[float] = deque(maxlen=MAX_DEATHS)  # of workers that could not start, monotonic seconds
        self._polling: set[asyncio.Task[None]] = set()
        for name in sorted(filter(is_worker, ray.util.list_named_actors())):
            with suppress(ValueError):  # it has ended meanwhile
                self._add(name, ray.get_actor(name, NAMESPACE))
        self._tasks = [asyncio.ensure_future(self._poll_all()), asyncio.ensure_future(self._resize_all())]

    # --- what gateways and commands ask -----------------------------------------------------------------------------

    async def secret(self) -> str:
        """What workers want to see as a token."""
        return self._options.secret

    async def table(self) -> list[Load]:
        """All workers."""
        return [worker.load for worker in self._workers.values()]

    async def place(self, address: str = "", without: Iterable[str] = (), resume: str = "") -> Load | str:
        """A worker for a session of a client's address, which knows the state of the session `resume`.

        Returns why there is none: "full", "address" for too many of this address, "none" for no worker at all. A
        session that goes on is one of its address already, and gets a place also where pictures are lost.
        """
        loads, goes_on = await self.table(), bool(resume) and self._states.get(resume) is not None
        if address and not goes_on and placement.of_address(loads, address) >= self._options.address_sessions:
            return "address"
        chosen = placement.choose(loads, without) or (placement.choose_any(loads, without) if goes_on else None)
        if chosen is None:
            return "full" if any(load.ready for load in loads) else "none"
        worker = self._workers[chosen.name]
        worker.place()
        await self._carry(worker, resume)
        return worker.load

    async def version(self, session_id: str) -> int:
        """Of a session's state that is kept; 0 for none."""
        return self._states.version(session_id)

    async def suspect(self, name: str) -> None:
        """A gateway could not reach a worker: look at once, and place nothing there meanwhile."""
        worker = self._workers.get(name)
        if worker is not None:
            worker.doubt()
            if not worker.busy:
                self._start_poll(worker)

    async def drain(self, name: str, again: bool) -> bool:
        """Send a worker's sessions away and end it; with `again` another one takes its place. False: no such worker."""
        worker = self._workers.get(name)
        if worker is None:
            return False
        if not worker.load.draining:
            worker.drain(self._options.drain_seconds)
            if not again:
                self._sizing.hold(worker.load.node)
        return True

    async def resize(self, least: int | None, most: int | None) -> None:
        """From now on so many workers: see `options.Size`."""
        self._sizing.size = replace(self._options.size, least=least, most=most)

    async def close(self) -> None:
        """End all workers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(self._end(worker) for worker in list(self._workers.values())))
        await self._client.close()

    # --- looking at the workers -------------------------------------------------------------------------------------

    async def _poll_all(self) -> None:
        while True:
            workers = list(self._workers.values())
            for worker in workers:
                if not worker.busy:
                    self._start_poll(worker)
                await asyncio.sleep(look_seconds(len(workers)) / len(workers))  # not all at once
            self._states.forget()
            if not workers:
                await asyncio.sleep(POLL_SECONDS)

    def _start_poll(self, worker: Supervised) -> None:
        worker.busy = True
        task = asyncio.ensure_future(self._poll(worker))
        self._polling.add(task)
        task.add_done_callback(self._polling.discard)

    async def _poll(self, worker: Supervised) -> None:
        try:
            if not worker.load.url and not await worker.find():
                if worker.dead and self._workers.pop(worker.load.name, None) is not None:
                    logger.error("worker %s does not start; Ray's log of its actor says why", worker.load.name)
                    self._deaths.append(time.monotonic())
                return
            report = await worker.look(self._client)
            self._states.update(worker.load.name, [one["id"] for one in report["sessions"]] if report else ())
            if report is not None:
                await self._pull(worker, report)
                if worker.load.draining:
                    worker.drain(self._options.drain_seconds)  # a new controller hears of it here
                    await self._drain_on(worker)
        except Exception:
            logger.exception("worker %s: looking at it failed", worker.load.name)
        finally:
            worker.busy = False

    async def _pull(self, worker: Supervised, report: dict[str, Any]) -> None:
        """The states of sessions that have changed, and avatars that are new."""
        for session in report["sessions"]:
            if session["state"] == self._states.version(session["id"]):
                continue
            try:
                state = await self._client.state(worker.load.url, worker.load.name, session)
                if state.avatar and not self._states.has_avatar(state.avatar):
                    packed = await self._client.avatar(worker.load.url, session["id"])
                    if packed:
                        self._states.put_avatar(state.avatar, packed)
                self._states.put(session["id"], state)
            except (aiohttp.ClientError, TimeoutError) as error:
                logger.info("session %s: its state is not there yet: %r", session["id"], error)

    async def _carry(self, worker: Supervised, resume: str) -> None:
        kept = self._states.get(resume) if resume else None
        if kept is None:
            return
        try:
            await self._client.carry(worker.load.url, resume, *kept)
        except (aiohttp.ClientError, TimeoutError) as error:
            logger.warning("session %s goes on without its state: %r", resume, error)

    async def _drain_on(self, worker: Supervised) -> None:
        """Send away as many sessions as there are places elsewhere; end the worker when it is empty, or in time."""
        room = placement.free_places(load for load in await self.table() if load.name != worker.load.name)
        left = await self._client.drain(worker.load.url, room)
        if left == 0 or worker.overdue:
            await self._end(worker)

    # --- their number -----------------------------------------------------------------------------------------------

    async def _resize_all(self) -> None:
        while True:
            try:
                await self._resize()
            except Exception:
                logger.exception("the number of workers cannot be changed")
            await asyncio.sleep(RESIZE_SECONDS)

    async def _resize(self) -> None:
        loads = await self.table()
        nodes = await asyncio.to_thread(machines, self._options.worker)
        wanted = self._sizing.wanted(loads, nodes)
        staying = [load for load in loads if not load.draining]
        now = time.monotonic()
        if len(self._deaths) < MAX_DEATHS or now - self._deaths[0] > DEATH_SECONDS:
            for _ in range(wanted - len(staying)):
                self._start()
        for load in self._sizing.surplus(staying, wanted):
            if load.url:
                await self.drain(load.name, again=True)
            else:
                await self._end(self._workers[load.name])

    def _start(self) -> None:
        name, options = new_worker(), self._options.worker
        handle = (
            ray.remote(WorkerActor)
            .options(
                name=name,
                namespace=NAMESPACE,
                lifetime="detached",
                num_cpus=options.cpus,
                num_gpus=options.gpus,
                max_restarts=-1,
                max_concurrency=4,
                scheduling_strategy="SPREAD",
            )
            .remote(name, self._options.secret, options)
        )
        self._add(name, handle)
        logger.info("worker %s is started", name)

    def _add(self, name: str, handle: Any) -> None:
        self._workers[name] = Supervised(handle, Load(name))

    async def _end(self, worker: Supervised) -> None:
        """End a worker in order, for good."""
        self._workers.pop(worker.load.name, None)
        if worker.load.url:
            with suppress(ray.exceptions.RayError, TimeoutError):
                await asyncio.wait_for(worker.handle.stop.remote(), STOP_SECONDS + 2)
        ray.kill(worker.handle, no_restart=True)
        self._states.update(worker.load.name, ())
        logger.info("worker %s has ended", worker.load.name)
