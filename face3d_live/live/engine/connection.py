"""The engine process, the socket to it, and what watches it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from face3d_live.live.engine import messages as m
from face3d_live.live.engine.child import EngineProcess, Reserve
from face3d_live.live.engine.outbox import Outbox
from face3d_live.live.engine.pipeline import Pipeline
from face3d_live.live.engine.process import GPU_LOST
from face3d_live.live.engine.progress import Work
from face3d_live.live.engine.watchdog import HANG_SECONDS, START_SECONDS, Watchdog

State = Literal["starting", "ready", "failed", "stopped"]


@dataclass(frozen=True)
class Death:
    """How an engine ended. hung: by the watchdog. outside: by a signal that nobody here has sent, while suspended, or
    as OpenGL was lost.

    session: number of the session that it was working for, 0 for none. work: at what.
    """

    hung: bool
    outside: bool
    session: int
    work: Work


@dataclass(frozen=True)
class _Running:
    child: EngineProcess
    outbox: Outbox
    watchdog: Watchdog


class EngineLink:
    """lock: guards `state` and the `EngineSession`s; nothing that may block happens under it. reserve: what replaces
    the engine.
    """

    def __init__(self, hang_seconds: float = HANG_SECONDS, start_seconds: float = START_SECONDS) -> None:
        self.lock = threading.RLock()
        self.state: State = "starting"
        self.reserve = Reserve()
        self._hang_seconds, self._start_seconds = hang_seconds, start_seconds
        self._running: _Running | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the engine that runs now."""
        running = self._running
        return running.child.pid if running is not None else None

    def spawn(self, factory: Callable[[], Pipeline]) -> None:
        """Start the engine: with what is in reserve, or a new process. It sends `Ready` when it has loaded.

        Raises OSError when no process can be made.
        """
        child = self.reserve.take() or EngineProcess.spawn(factory)
        try:
            outbox = Outbox(child.connection)
        except BaseException:
            child.discard()
            raise
        outbox.put(m.Start())
        watchdog = Watchdog(child.pid, child.progress, self._hang_seconds, self._start_seconds)
        with self.lock:
            self._running = _Running(child, outbox, watchdog)

    def receive(self, seconds: float) -> object | None:
        """The next message; None when none comes in time. Raises EOFError or OSError when the engine has ended."""
        assert self._running is not None
        connection = self._running.child.connection
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
        hung = running.watchdog.hung
        killed, code = running.child.end(0.0 if hung else 2.0)
        running.outbox.close()
        running.child.release()
        by_others = not killed and not hung and code in (-signal.SIGKILL, -signal.SIGALRM, GPU_LOST)
        outside = running.watchdog.suspended or by_others
        return Death(hung, outside, *running.child.progress.current)

    # --- under the lock --------------------------------------------------------------------------------------------

    def send(self, message: object, fd: int | None = None) -> bool:
        """Queue one small message, with a descriptor that follows it. False when no engine takes it. Never waits."""
        return self._running is not None and self._running.outbox.put(message, fd)

    def withdraw(self, session: str) -> bool:
        """Drop what waits for a session. True when the engine need not be told of its end."""
        return self._running is None or self._running.outbox.withdraw(session)
