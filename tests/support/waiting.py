"""Waiting for what comes about by itself. Only this module of the tests sleeps: tests/test_architecture.py sees to it.

Whatever has a clock of its own is given a false one instead, and what happens at a known place an event.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds of patience: machines are busy.
PATIENCE = 30.0
#: Seconds between two looks, which take the time of whoever is waited for: a tenth of the wait so far, within these.
SHORTEST, LONGEST = 0.01, 0.05


def _pause(since: float) -> float:
    """Seconds to the next look of who waits since a moment of the monotonic clock."""
    return min(max(SHORTEST, 0.1 * (time.monotonic() - since)), LONGEST)


async def until(condition: Callable[[], T | Awaitable[T]], within: float = PATIENCE) -> T:
    """The first true answer of a condition, a function or a coroutine's. Raises TimeoutError after `within` seconds."""
    began = time.monotonic()
    async with asyncio.timeout(within):
        while True:
            answer = condition()
            found = await answer if inspect.isawaitable(answer) else answer
            if found:
                return found
            await asyncio.sleep(_pause(began))


def wait_until(condition: Callable[[], T], within: float = PATIENCE) -> T:
    """The first true answer of a condition. Raises TimeoutError after `within` seconds."""
    began = time.monotonic()
    while not (found := condition()):
        if time.monotonic() > began + within:
            raise TimeoutError(f"not within {within} seconds")
        time.sleep(_pause(began))
    return found


async def beats(rate: float) -> AsyncIterator[int]:
    """0, 1, 2, ..., `rate` a second: the pace of a camera, or of whatever else stands at the other end of a socket.

    None is skipped; those that are late come at once.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in itertools.count():
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
        yield number


async def at(moment: float) -> None:
    """At a moment of the monotonic clock, or at once when it is over: for what is played in real time."""
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


class LoopClock:
    """The clock of the running event loop, which can be set forward: what is due by then happens at once."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ahead = 0.0
        true_time = self._loop.time
        self._loop.time = lambda: true_time() + self._ahead

    async def forward(self, seconds: float) -> None:
        """So many seconds later."""
        self._ahead += seconds
        for _ in range(3):  # the timers that are due, and what they set going
            await asyncio.sleep(0)


def take(seconds: float) -> None:
    """Stands for computing that takes so long, in the processes of the server."""
    time.sleep(seconds)
