"""How much the server does for whom at once: requests that need a process, and bytes of uploads in memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from starlette.requests import Request

from face3d_live.errors import LimitError
from face3d_live.live.limits import Limits

T = TypeVar("T")


class Slots:
    """Refuses instead of waiting. A slot is taken when the body is there: who sends slowly takes nobody's place."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken: Counter[str] = Counter()
        self.bytes = 0

    @property
    def taken(self) -> int:
        """How many slots are taken."""
        return self._taken.total()

    @contextmanager
    def slot(self, request: Request) -> Iterator[None]:
        """Raises LimitError "too-many-requests"."""
        address = address_of(request)
        if self.taken >= self._limits.requests or self._taken[address] >= self._limits.requests_per_address:
            raise LimitError("too-many-requests", "the server does as much at once as it may; try again in a moment")
        self._taken[address] += 1
        try:
            yield
        finally:
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]

    @contextmanager
    def upload(self) -> Iterator[Upload]:
        """Counts the bytes of one body, as long as they are needed."""
        upload = Upload(self, self._limits.upload_bytes)
        try:
            yield upload
        finally:
            self.bytes -= upload.size


class Upload:
    """The bytes of one body."""

    def __init__(self, slots: Slots, limit: float) -> None:
        self._slots, self._limit = slots, limit
        self.size = 0

    def add(self, size: int) -> None:
        """More bytes have come. Raises LimitError "too-many-uploads"."""
        if self._slots.bytes + size > self._limit:
            raise LimitError("too-many-uploads", "too much is being uploaded at once; try again in a moment")
        self.size += size
        self._slots.bytes += size


def address_of(request: Request) -> str:
    """The client's address as far as this server knows."""
    return request.client.host if request.client is not None else ""


async def while_connected(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled when the client goes. The request's body must have been read.

    Raises LimitError "client-gone" then, which nobody reads.
    """
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise LimitError("client-gone", "the client has gone")
    finally:
        leaving.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue
