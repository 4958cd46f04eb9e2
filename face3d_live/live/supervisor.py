"""Tasks that the server lives on: when one fails or ends it is started again, counted, and `/healthz` says so."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger(__name__)

#: Seconds before the restarts in a row of a task; the last one repeats.
BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0)
#: A task that has run for so long had recovered.
RECOVERED_SECONDS = 30.0


class TaskSupervisor:
    """restarts: of each task, by its name."""

    def __init__(self) -> None:
        self.restarts: Counter[str] = Counter()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._waiting: set[str] = set()  # for their next start

    def keep(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work()`, which has no end, until `stop`."""
        self._tasks[name] = asyncio.create_task(self._keep(name, work), name=name)

    @property
    def missing(self) -> list[str]:
        """Tasks that are not running now: they have failed, or were cancelled by somebody else."""
        return sorted(name for name, task in self._tasks.items() if task.done() or name in self._waiting)

    async def stop(self) -> None:
        """End them."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    async def _keep(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            try:
                await work()
                logger.error("%s has ended; it is started again", name)
            except Exception:
                logger.exception("%s failed; it is started again", name)
            failures = 1 if loop.time() - began > RECOVERED_SECONDS else failures + 1
            self.restarts[name] += 1
            self._waiting.add(name)
            await asyncio.sleep(BACKOFF[min(failures, len(BACKOFF)) - 1])
            self._waiting.discard(name)
