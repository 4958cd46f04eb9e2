"""An engine process as the server sees it: loading, in reserve, at work, or ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from face3d_live.live.child_process import child_context, starting_child
from face3d_live.live.engine import process as engine
from face3d_live.live.engine.pipeline import Pipeline
from face3d_live.live.engine.progress import Progress

logger = logging.getLogger(__name__)

#: Seconds until the next attempt to have a process in reserve, when one has died.
RETRY_SECONDS = 30.0


@dataclass(frozen=True)
class EngineProcess:
    """It loads its models at once, and becomes the engine with the message `Start`."""

    process: BaseProcess
    connection: Connection
    progress: Progress

    @classmethod
    def spawn(cls, factory: Callable[[], Pipeline]) -> EngineProcess:
        """Raises OSError when no process can be made."""
        context = child_context()
        ours, theirs = context.Pipe()
        process = None
        try:
            progress = Progress()
            process = context.Process(
                target=engine.run, args=(theirs, factory, progress), name="face3d-engine", daemon=True
            )
            with starting_child():
                process.start()
        except BaseException:
            ours.close()
            if process is not None and process.pid is not None:
                process.kill()
            raise
        finally:
            theirs.close()
        return cls(process, ours, progress)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process.pid is not None
        return self.process.pid

    def end(self, seconds: float) -> tuple[bool, int | None]:
        """Wait so long for its end, then kill it. Whether it was killed, and its exit code.

        No code: not even SIGKILL has ended it, as a driver holds it.
        """
        self.process.join(seconds)
        killed = self.process.is_alive()
        if killed:
            self.process.kill()
            self.process.join(5.0)
        return killed, self.process.exitcode

    def release(self) -> None:
        """Close its descriptors. To be called after `end`, when nobody writes to the connection any more."""
        self.connection.close()
        if self.process.exitcode is not None:
            self.process.close()

    def discard(self) -> None:
        """Kill and release it."""
        self.end(0.0)
        self.release()


class Reserve:
    """At most one process that has loaded its models and waits: it replaces an engine that has died.

    A restart then takes as long as OpenGL needs, which is less than half. Of the supervising thread alone.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: EngineProcess | None = None
        self._tried: float | None = None

    @property
    def pid(self) -> int | None:
        """The process id of what waits; None when nothing does."""
        waiting = self._waiting
        return waiting.pid if waiting is not None else None

    def fill(self, factory: Callable[[], Pipeline]) -> None:
        """Begin to load one if there is none. To be called now and then: one that has died is replaced."""
        if self._waiting is not None and self._waiting.process.is_alive():
            return
        self.discard()
        now = self._clock()
        if self._tried is not None and now - self._tried < RETRY_SECONDS:
            return
        self._tried = now
        try:
            self._waiting = EngineProcess.spawn(factory)
        except OSError as error:
            logger.warning("no engine is held in reserve: %s", error)

    def take(self) -> EngineProcess | None:
        """What waits, if it lives."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.process.is_alive():
            waiting.discard()
            return None
        self._tried = None  # it was good: the next one may be made at once
        return waiting

    def discard(self) -> None:
        """Let nothing wait."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.discard()
