"""Writer threads: each file of a recording (frames, sound, render) has a thread and a bounded queue.

Encoding pictures must not delay the take's lines, and the disk must not delay the event loop, so `WriterThread.put`
never waits. Backpressure: items that do not fit into the queue are dropped and counted.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from face3d_live.errors import InputError, StorageError

logger = logging.getLogger(__name__)

#: Interval at which a thread without items checks for its end, seconds.
TICK_SECONDS = 0.25


Item = TypeVar("Item")
_Written = TypeVar("_Written", contravariant=True)


class FileWriter(Protocol[_Written]):
    """Such as `takes.sound.SoundWriter`. Every method raises StorageError when the file cannot be written."""

    path: Path

    @property
    def seconds(self) -> float:
        """Length of what was written, seconds."""

    @property
    def bytes(self) -> int:
        """Size of the file."""

    def write(self, item: _Written, /) -> None:
        """Append."""

    def tick(self) -> None:
        """Sync to the disk what is older than a second."""

    def close(self) -> None:
        """End the file."""


class WriterThread(Generic[Item]):
    """A writer in its own thread. It ends when the file cannot be written; on_error is called then, on that thread.

    dropped: how many items did not fit into the queue. error: why it ended early, None while all is well.
    """

    def __init__(
        self, name: str, writer: FileWriter[Item], capacity: int, on_error: Callable[[InputError], None]
    ) -> None:
        self._name, self._writer, self._on_error = name, writer, on_error
        self._queue: queue.Queue[Item | None] = queue.Queue(capacity)
        self._ending = threading.Event()
        self.dropped = 0
        self.error: InputError | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> bool:
        """Queue an item, without waiting. False when it was dropped."""
        if self.ending:
            return False
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self.dropped += 1
            return False
        return True

    @property
    def ending(self) -> bool:
        """Whether no more items are accepted."""
        return self._ending.is_set()

    @property
    def alive(self) -> bool:
        """Whether the file is still open."""
        return self._thread.is_alive()

    def finish(self) -> None:
        """No more items: the thread writes what is queued and closes the file. Idempotent, never waits."""
        self._ending.set()
        with suppress(queue.Full):
            self._queue.put_nowait(None)  # wakes the thread

    def join(self) -> None:
        """Wait until the file is closed."""
        self._thread.join()

    def state(self) -> dict[str, object]:
        """What was written so far, as plain data."""
        writer, error = self._writer, self.error
        plain: dict[str, object] = {"seconds": round(writer.seconds, 3), "bytes": writer.bytes}
        plain["left_out"] = self.dropped
        return plain if error is None else plain | {"error": error.to_json()}

    def _run(self) -> None:
        """The thread."""
        try:
            try:
                self._work()
            finally:
                self._writer.close()
        except InputError as error:
            self._fail(error)
        except Exception as error:  # a bug, no memory: whoever records must be told
            logger.exception("%s failed", self._name)
            self._fail(StorageError("takes-unwritable", f"the recording failed ({type(error).__name__}): try again"))

    def _fail(self, error: InputError) -> None:
        logger.error("%s ends: %s", self._name, error)
        self._ending.set()
        self.error = error
        self._on_error(error)

    def _work(self) -> None:
        while not (self._ending.is_set() and self._queue.empty()):
            try:
                item = self._queue.get(timeout=TICK_SECONDS)
            except queue.Empty:
                self._writer.tick()
                continue
            if item is not None:
                self._writer.write(item)
