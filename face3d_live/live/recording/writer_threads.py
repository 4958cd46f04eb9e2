"""What a recording consists of, a take's frames, its sound, its render: writers with a thread and a bounded queue each.

Encoding pictures must not delay the take's lines, and nothing may delay the event loop: `Lane.put` never waits. What
does not fit into the queue is left out and counted.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from face3d_live.errors import InputError

logger = logging.getLogger(__name__)

#: How often a thread looks whether the end has come, seconds.
TICK = 0.25


Item = TypeVar("Item")
_Written = TypeVar("_Written", contravariant=True)


class Writes(Protocol[_Written]):
    """As `takes.sound.SoundWriter` and `takes.film.FilmWriter`; InputErrors where the disk refuses."""

    path: Path

    @property
    def seconds(self) -> float:
        """How far it is."""

    @property
    def bytes(self) -> int:
        """Length of the file."""

    def write(self, item: _Written, /) -> None:
        """Append."""

    def tick(self) -> None:
        """Make safe what has waited long enough."""

    def close(self) -> None:
        """End the file."""


class Lane(Generic[Item]):
    """One writer and its thread. on_trouble is called on that thread when the disk refuses; the lane ends there."""

    def __init__(
        self, name: str, writer: Writes[Item], capacity: int, on_trouble: Callable[[InputError], None]
    ) -> None:
        self._name, self._writer, self._on_trouble = name, writer, on_trouble
        self._queue: queue.Queue[Item | None] = queue.Queue(capacity)
        self._ending = threading.Event()
        self.left_out = 0
        self.trouble: InputError | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> bool:
        """One more, whether it fits or not; never waits."""
        if self.ending:
            return False
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self.left_out += 1
            return False
        return True

    @property
    def ending(self) -> bool:
        """Whether nothing more is taken."""
        return self._ending.is_set()

    @property
    def alive(self) -> bool:
        """Whether the file is still open."""
        return self._thread.is_alive()

    def finish(self) -> None:
        """The last one has been put: the thread writes what waits and closes the file. Idempotent, never waits."""
        self._ending.set()
        with suppress(queue.Full):
            self._queue.put_nowait(None)  # wakes the thread

    def join(self) -> None:
        """Until the file is closed."""
        self._thread.join()

    def state(self) -> dict[str, object]:
        """What there is so far, as plain data."""
        writer, trouble = self._writer, self.trouble
        plain: dict[str, object] = {"seconds": round(writer.seconds, 3), "bytes": writer.bytes}
        plain["left_out"] = self.left_out
        return plain if trouble is None else plain | {"error": {"code": trouble.code, "message": trouble.message}}

    def _run(self) -> None:
        """The thread."""
        try:
            try:
                self._work()
            finally:
                self._writer.close()
        except InputError as error:
            logger.error("%s ends: %s", self._name, error)
            self._ending.set()
            self.trouble = error
            self._on_trouble(error)

    def _work(self) -> None:
        while not (self._ending.is_set() and self._queue.empty()):
            try:
                item = self._queue.get(timeout=TICK)
            except queue.Empty:
                self._writer.tick()
                continue
            if item is not None:
                self._writer.write(item)
