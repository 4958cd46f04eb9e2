"""The lifetime of the server's child processes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process

from face3d_live.live import logs

#: From SIGTERM to the end of a child whose parent says nothing. The server ends its own within `main.GRACE_SECONDS` and
#: the engine's `client.STOP_SECONDS`.
TERM_SECONDS = 15


@contextmanager
def starting_child() -> Iterator[None]:
    """A child that is started herein gets SIGTERM only when it has called `end_with_parent`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """Tie this process's life to its parent's, and log as it does. To be called first in a child process.

    SIGINT and SIGHUP are ignored: Ctrl-C and a closed terminal reach the whole process group, and the parent decides
    when the child ends. SIGTERM comes to all processes of a service that is stopped (systemd): the parent has
    `TERM_SECONDS` to say so, then SIGALRM ends this process. A killed parent sends no message, so a thread waits for
    its death and ends this process even during a long computation.
    """
    logs.inherit()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(TERM_SECONDS))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=_exit_with_parent, name="parent-watch", daemon=True).start()


def _exit_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
