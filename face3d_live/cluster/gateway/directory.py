"""What a gateway knows of the cluster: the workers, as the controller listed them last."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import ray

from face3d_live.cluster import placement
from face3d_live.cluster.names import worker_of
from face3d_live.cluster.placement import Load
from face3d_live.errors import AssetError, LimitError, NotFoundError

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 0.25
#: For the controller's answers. One that restarts needs a second or two.
ANSWER_SECONDS = 5.0
#: A table that is older than this says that the controller is away.
STALE_SECONDS = 5.0

_REFUSALS = {
    "full": LimitError("too-many-sessions", "all workers are full; try again later"),
    "address": LimitError("too-many-sessions", "your address has as many sessions as it may; close one"),
    "none": LimitError("no-worker", "no worker is ready; try again in a moment"),
}


class Directory(Protocol):
    """secret: what workers want to see as a token. stale: the controller does not answer."""

    secret: str

    @property
    def stale(self) -> bool:
        """Whether the table is old."""

    @property
    def workers(self) -> Mapping[str, Load]:
        """Those that can be asked, by name."""

    async def place(self, address: str, without: Iterable[str], resume: str) -> Load:
        """A worker for a new session. Raises LimitError "too-many-sessions", "no-worker"."""

    async def suspect(self, name: str) -> None:
        """A worker could not be reached."""


class RayDirectory:
    """Asks the controller `REFRESH_SECONDS` after its last answer. `run` has to run."""

    def __init__(self, controller: Any, secret: str) -> None:
        self.secret = secret
        self._controller = controller
        self._workers: dict[str, Load] = {}
        self._at = -STALE_SECONDS

    @property
    def stale(self) -> bool:
        """Whether the table is old."""
        return time.monotonic() - self._at > STALE_SECONDS

    @property
    def workers(self) -> Mapping[str, Load]:
        """Those that can be asked, by name."""
        return self._workers

    async def run(self) -> None:
        """Keep the table fresh, for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Ask once. The table stays as it is where nobody answers."""
        try:
            loads = await asyncio.wait_for(self._controller.table.remote(), ANSWER_SECONDS)
        except (ray.exceptions.RayError, TimeoutError) as error:
            logger.warning("the controller does not answer: %s", type(error).__name__)
            return
        self._workers = {load.name: load for load in loads if load.url}
        self._at = time.monotonic()

    async def place(self, address: str, without: Iterable[str], resume: str) -> Load:
        """A worker for a new session. While the controller is away the gateway chooses itself, by what it knew last."""
        try:
            asked = self._controller.place.remote(address, list(without), resume)
            chosen: Load | str = await asyncio.wait_for(asked, ANSWER_SECONDS)
        except (ray.exceptions.RayError, TimeoutError):
            chosen = placement.choose(self._workers.values(), without) or "none"
        if isinstance(chosen, str):
            raise _REFUSALS[chosen]
        self._workers[chosen.name] = chosen
        return chosen

    async def suspect(self, name: str) -> None:
        """A worker could not be reached: nothing is placed there before the controller has seen it."""
        if name in self._workers:
            self._workers[name] = replace(self._workers[name], ready=False)
        try:
            await asyncio.wait_for(self._controller.suspect.remote(name), ANSWER_SECONDS)
        except (ray.exceptions.RayError, TimeoutError):
            logger.info("the controller does not answer")


def owner(directory: Directory, some_id: str) -> Load:
    """The worker that has what an id names. Raises NotFoundError "not-found", AssetError "cluster-away"."""
    name = worker_of(some_id)
    found = directory.workers.get(name) if name is not None else None
    if found is None:
        if directory.stale:
            raise AssetError("cluster-away", "the cluster does not answer; try again in a moment")
        raise NotFoundError("not-found", f"nothing is called {some_id[:40]!r}; it may have ended with its worker")
    return found


def any_worker(directory: Directory) -> Load:
    """The worker with the least to do that is ready. Raises LimitError "no-worker"."""
    ready = [load for load in directory.workers.values() if load.ready and not load.draining]
    if not ready:
        raise _REFUSALS["none"]
    return min(ready, key=lambda load: (load.jobs, load.expected(), load.name))
