"""Log lines of the same kind, so many in a while: an attack must not fill the disk, or slow the server down."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

#: Lines of one kind within `WINDOW_SECONDS`.
BURST = 10
WINDOW_SECONDS = 10.0
#: Kinds that are remembered.
MAX_KINDS = 1000


class LogLimiter(logging.Filter):
    """For a handler. A kind: the logger, the level, the message before its values are filled in, the exception's type.

    The first line of the next window says how many were left out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[tuple[object, ...], tuple[float, int]] = {}  # kind -> its beginning, lines in it

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        error = record.exc_info[0] if record.exc_info else None
        kind = record.name, record.levelno, str(record.msg)[:200], error
        now = self._clock()
        began, count = self._windows.get(kind, (now, 0))
        if now - began >= WINDOW_SECONDS:
            left_out = count - BURST
            if left_out > 0:
                record.msg = f"{record.msg} [{left_out} lines like this one were left out]"
            began, count = now, 0
        if len(self._windows) >= MAX_KINDS and kind not in self._windows:
            self._windows.clear()
        self._windows[kind] = began, count + 1
        return count < BURST
