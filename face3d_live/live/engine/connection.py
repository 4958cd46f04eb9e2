"""The engine process, the socket to it, and what watches it."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Literal

from face3d_live.live.engine import process as engine
from face3d_live.live.engine.outbox import Outbox
from face3d_live.live.engine.pipeline import Pipeline
from face3d_live.live.engine.progress import Progress, Work
from face3d_live.live.engine.watchdog import HANG_SECONDS, START_SECONDS, Watchdog

State = Literal["starting", "ready", "failed", "stopped"]


@dataclass(frozen=True)
class Death:
    """How an engine ended. hung: by the watchdog. outside: by a signal that nobody here has sent, or while suspended.

    session: number of the session that it was working for, 0 for none. work: at what.
    """

    hung: bool
    outside: bool
    session: int
    work: Work


@dataclass(frozen=True)
class _Running:
    process: BaseProcess
    connection: Connection
    outbox: Outbox
    progress: Progress
    watchdog: Watchdog


class EngineLink:
    """lock: guards `state` and the `EngineSession`s; nothing that may block happens under it."""

    def __init__(self, hang_seconds: float = HANG_SECONDS, start_seconds: float = START_SECONDS) -> None:
        self.lock = threading.RLock()
        self.state: State = "starting"
        self._hang_seconds, self._start_seconds = hang_seconds, start_seconds
        self._running: _Running | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the engine that runs now."""
        running = self._running
        return running.process.pid if running is not None else None

    def spawn(self, factory: Callable[[], Pipeline]) -> None:
        """Start the process. It sends `Ready` when it has loaded. Raises OSError when no process can be made."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = None
        try:
            progress = Progress()
            process = context.Process(
                target=engine.run, args=(theirs, factory, progress), name="face3d-engine", daemon=True
            )
            process.start()
            assert process.pid is not None
            outbox = Outbox(ours)
        except BaseException:
            ours.close()
            if process is not None and process.pid is not None:
                process.kill()
            raise
        finally:
            theirs.close()
        watchdog = Watchdog(process.pid, progress, self._hang_seconds, self._start_seconds)
        with self.lock:
            self._running = _Running(process, ours, outbox, progress, watchdog)

    def receive(self, seconds: float) -> object | None:
        """The next message; None when none comes in time. Raises EOFError or OSError when the engine has ended."""
        assert self._running is not None
        connection = self._running.connection
        return connection.recv() if connection.poll(seconds) else None

    @property
    def hung(self) -> bool:
        """Whether the watchdog has killed it."""
        return self._running is not None and self._running.watchdog.hung

    def reap(self) -> Death | None:
        """End the process if it still runs, and release it. How it ended; None when it was not started."""
        with self.lock:
            running, self._running = self._running, None
            self.state = "starting"
        if running is None:
            return None
        running.watchdog.end()
        killed = running.watchdog.hung
        running.process.join(0.0 if killed else 2.0)
        if running.process.is_alive():
            killed = True
            running.process.kill()
            running.process.join(5.0)
        code = running.process.exitcode
        outside = running.watchdog.suspended or (not killed and code in (-signal.SIGKILL, -signal.SIGTERM))
        running.outbox.close()
        running.connection.close()
        if code is not None:  # otherwise not even SIGKILL has ended it: a driver holds it
            running.process.close()
        return Death(running.watchdog.hung, outside, *running.progress.current)

    # --- under the lock --------------------------------------------------------------------------------------------

    def send(self, message: object, fd: int | None = None) -> bool:
        """Queue one small message, with a descriptor that follows it. False when no engine takes it. Never waits."""
        return self._running is not None and self._running.outbox.put(message, fd)

    def withdraw(self, session: str) -> bool:
        """Drop what waits for a session. True when the engine need not be told of its end."""
        return self._running is None or self._running.outbox.withdraw(session)
