"""Manners of the server's child processes."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing import parent_process


def live_with_parent() -> None:
    """To be called first in a child process: it ends when its parent does, and not before the parent wants it.

    Ctrl-C reaches the whole process group, so the child ignores it. A parent that was killed cannot say goodbye, so a
    thread watches for its death and ends this process even in the middle of a long computation.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, name="parent-watch", daemon=True).start()


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
