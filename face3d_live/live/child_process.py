"""The lifetime of the server's child processes."""

from __future__ import annotations

import os
import signal
import threading
from multiprocessing import parent_process

from face3d_live.live import logs


def end_with_parent() -> None:
    """Tie this process's life to its parent's, and log as it does. To be called first in a child process.

    SIGINT and SIGHUP are ignored: Ctrl-C and a closed terminal reach the whole process group, and the parent decides
    when the child ends. A killed parent sends no message, so a thread waits for its death and ends this process even
    during a long computation.
    """
    logs.inherit()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, name="parent-watch", daemon=True).start()


def _exit_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
