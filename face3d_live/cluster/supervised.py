"""One worker as the controller sees it: where it is, what it reported, whether it hangs."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Any

import aiohttp
import ray

from face3d_live.cluster.placement import Load
from face3d_live.cluster.report import load_from
from face3d_live.cluster.worker.client import WorkerClient

logger = logging.getLogger(__name__)

#: Reports in a row that do not come in time: the worker is killed, and Ray starts it again.
MAX_SILENT = 2
#: A session that was sent to a worker and does not show in its reports for so long has gone elsewhere.
PLACED_SECONDS = 5.0
#: For an actor to say where it is; one that waits for a machine says nothing.
FIND_SECONDS = 1.0


class Supervised:
    """handle: of the actor. load: what is known; its url is "" while nobody knows where it is. busy: somebody asks it
    right now. dead: Ray has no such actor any more.
    """

    def __init__(self, handle: Any, load: Load) -> None:
        self.handle = handle
        self.load = load
        self.busy = self.dead = False
        self._silent = 0
        self._boot = ""
        self._placed: list[tuple[float, int]] = []  # when, and how many sessions it had
        self._until: float | None = None  # of its draining
        self._where: asyncio.Future[dict[str, Any]] | None = None

    def place(self) -> None:
        """A session was sent there."""
        self._placed.append((time.monotonic(), self.load.sessions))
        self.load = replace(self.load, placed=len(self._placed))

    def doubt(self) -> None:
        """Place nothing there before its next report."""
        self.load = replace(self.load, ready=False)

    def drain(self, seconds: float) -> None:
        """From now on it is draining, for at most so long. Idempotent."""
        if self._until is None:
            self._until = time.monotonic() + seconds
        self.load = replace(self.load, draining=True)

    @property
    def overdue(self) -> bool:
        """Whether its time for draining is over."""
        return self._until is not None and time.monotonic() > self._until

    async def find(self) -> bool:
        """Ask the actor where its server is. Whether it has said so."""
        if self._where is None:
            self._where = asyncio.ensure_future(_answer(self.handle.where.remote()))
        done, _ = await asyncio.wait({self._where}, timeout=FIND_SECONDS)
        if not done:
            return False
        asked, self._where = self._where, None
        try:
            where = asked.result()
        except ray.exceptions.ActorUnavailableError:
            return False
        except ray.exceptions.RayActorError:
            self.dead = True
            return False
        self.load = replace(self.load, url=where["url"], node=where["node"])
        return True

    async def look(self, client: WorkerClient) -> dict[str, Any] | None:
        """Its report. None where it gives none: it has died, or hangs, and is killed after `MAX_SILENT` of them."""
        try:
            report = await client.report(self.load.url)
        except TimeoutError:
            self._silent += 1
            self.doubt()
            if self._silent >= MAX_SILENT:
                logger.error("worker %s hangs and is killed", self.load.name)
                ray.kill(self.handle, no_restart=False)
                self._lose()
            return None
        except aiohttp.ClientError as error:
            logger.warning("worker %s cannot be reached: %r", self.load.name, error)
            self._lose()
            return None
        if report["boot"] != self._boot:
            self._boot, self._placed = report["boot"], []
        self._silent = 0
        now = time.monotonic()
        came = max(0, len(report["sessions"]) - self.load.sessions)
        waiting = [(at, had) for at, had in self._placed if now - at < PLACED_SECONDS]
        self._placed = waiting[came:]
        self.load = replace(load_from(report, self.load, now), placed=len(self._placed))
        return report

    def _lose(self) -> None:
        """Nobody knows where it is any more."""
        self._silent, self._placed = 0, []
        self.load = Load(self.load.name, draining=self.load.draining, node=self.load.node)


async def _answer(reference: Any) -> dict[str, Any]:
    found: dict[str, Any] = await reference
    return found
