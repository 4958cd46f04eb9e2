"""The lifetime of the server's child processes."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing import parent_process


def end_with_parent() -> None:
    """Tie this process's life to its parent's. To be called first in a child process.

    SIGINT is ignored: Ctrl-C reaches the whole process group, and the parent decides when the child ends. A killed
    parent sends no message, so a thread waits for its death and ends this process even during a long computation.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, name="parent-watch", daemon=True).start()


def _exit_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
