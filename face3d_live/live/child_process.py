"""The server's processes: how children start, and when they end.

Children are forked from a process that has nothing but modules in it (`multiprocessing`'s "forkserver"): OpenGL
contexts and CUDA do not survive a fork of the server, and importing everything in each child takes up to half a second.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process, resource_tracker
from multiprocessing.context import ForkServerContext

from face3d_live.live import logs

#: From SIGTERM to the end of a child whose parent says nothing. The server ends its own within `main.GRACE_SECONDS` and
#: the engine's `client.STOP_SECONDS`.
TERM_SECONDS = 15
#: What is imported before any child is forked, by name: most children need it. Nothing in it starts threads.
PRELOADED = ("face3d_live.live.engine.head_pipeline", "face3d_live.live.worker.tasks")
#: Exit code of a child of which nobody knows whether it lives: what it was forked from has died.
UNKNOWN = 255


def keep_modules() -> None:
    """What has been imported and loaded stays: the garbage collector shall not look through it again, which takes tens
    of milliseconds at a time in which nothing else runs. To be called once a process has loaded what it needs.
    """
    gc.freeze()


def child_context() -> ForkServerContext:
    """For the pipe, the shared memory and the process of a child, which is started within `starting_child`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))  # read when the first child starts
    return context


@contextmanager
def starting_child() -> Iterator[None]:
    """A child that is started herein gets SIGTERM and SIGHUP only when it has called `end_with_parent`. The process
    that children are forked from starts with the first one and never gets them: it ends with the server.
    """
    resource_tracker.ensure_running()  # in Python 3.11 its start would unblock SIGTERM
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP})
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
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGHUP})
    threading.Thread(target=_exit_with_parent, name="parent-watch", daemon=True).start()


def _exit_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
