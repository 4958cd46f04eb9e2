"""What the engine is doing, in a few bytes that it shares with the server: no message, no lock, no waiting.

The engine's main thread writes before and after each step; the watchdog reads. So a stopped or hanging engine is
noticed whatever fills the socket, and after its end the server knows for which session it was working.
"""

from __future__ import annotations

import ctypes
from typing import Literal

from face3d_live.live.child_process import child_context

Work = Literal["nothing", "open", "frame", "texture", "avatar", "calibration"]
_WORK: tuple[Work, ...] = ("nothing", "open", "frame", "texture", "avatar", "calibration")
_BEATS, _SESSION, _DOING = range(3)


class Progress:
    """Picklable while a child process is being started. beats: counts up with every step, 0 while the engine loads."""

    def __init__(self) -> None:
        self._cells = child_context().RawArray(ctypes.c_uint64, 3)

    # --- the engine's side --------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """The main thread is alive."""
        self._cells[_BEATS] += 1

    def begin(self, session: int, work: Work) -> None:
        """Work for a session begins. session: its number, see `messages.Open`."""
        self._cells[_SESSION], self._cells[_DOING] = session, _WORK.index(work)
        self.beat()

    def end(self) -> None:
        """It is done. Not called for work that ends the process."""
        self._cells[_DOING] = self._cells[_SESSION] = 0
        self.beat()

    # --- the server's side --------------------------------------------------------------------------------------------

    @property
    def beats(self) -> int:
        """How many steps have been made."""
        return int(self._cells[_BEATS])

    @property
    def current(self) -> tuple[int, Work]:
        """Number of the session that is worked for, 0 for none, and at what."""
        return int(self._cells[_SESSION]), _WORK[self._cells[_DOING]]
