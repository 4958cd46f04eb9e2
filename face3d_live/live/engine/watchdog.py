"""Ends an engine process that stands still. Its own thread: it reads shared memory and /proc, and takes no lock."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path

from face3d_live.live.engine.progress import Progress

logger = logging.getLogger(__name__)

#: An engine that makes no step for so long hangs (a driver, a deadlock, a picture that never ends): it is killed.
HANG_SECONDS = 2.0
#: Taking over an avatar may take so many times as long: slow machines have no GPU for its textures.
AVATAR_STRETCH = 2.5
#: On a machine that gives the engine only a share of a processor, at most this many times as long.
MAX_STRETCH = 6.0
#: Loading may compile kernels on the first run.
START_SECONDS = 180.0
TICK_SECONDS = 0.25
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Watchdog:
    """Watches one process from its start to `end`.

    hung: it was killed. suspended: because somebody had stopped it (SIGSTOP, a debugger), and not by its own doing.
    What counts is the time that the engine has slept or computed without a step: time in which a busy machine did not
    let it run is no sign of anything.
    """

    def __init__(
        self, pid: int, progress: Progress, hang_seconds: float = HANG_SECONDS, start_seconds: float = START_SECONDS
    ) -> None:
        self.hung = self.suspended = False
        self._pid, self._progress = pid, progress
        self._hang_seconds, self._start_seconds = hang_seconds, start_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine-watchdog", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def end(self) -> None:
        """Watch no longer. To be called before the process is waited for: its id must not be another's."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        began = last = time.monotonic()
        beats, still, since, used = 0, 0.0, began, _used_seconds(self._pid)
        while not self._over.wait(TICK_SECONDS):
            now, counted, state, used_now = time.monotonic(), self._progress.beats, *_state(self._pid)
            tick = min(now - last, 2 * TICK_SECONDS)  # this thread may have been held up, too
            spent, used, last = used_now - used, used_now, now
            if counted != beats:
                beats, still, since = counted, 0.0, now
                continue
            if beats == 0 and state != "T":  # it loads
                still = 0.0
                if now - began > self._start_seconds:
                    self._kill(f"has been loading for {now - began:.0f} s", state)
                    return
                continue
            still += min(tick, spent) if state == "R" or spent > 0 else tick
            most = self._hang_seconds * (AVATAR_STRETCH if self._progress.current[1] == "avatar" else 1.0)
            if still >= most or now - since > MAX_STRETCH * most:
                self._kill(f"has made no step for {now - since:.1f} s", state)
                return

    def _kill(self, why: str, state: str) -> None:
        self.hung, self.suspended = True, state == "T"
        logger.error("the engine %s (state %s, %s of session %d): it is killed", why, state,
                     *reversed(self._progress.current))  # fmt: skip
        try:
            os.kill(self._pid, signal.SIGKILL)
        except ProcessLookupError:
            logger.info("it has ended by itself")


def _state(pid: int) -> tuple[str, float]:
    """The state of a process by /proc/PID/stat ("R", "S", "D", "T", "Z", ...), and the processor seconds it has used.

    ("?", 0.0) when they cannot be read: the process is gone, or no descriptor is left.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "?", 0.0
    return fields[0].upper(), (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def _used_seconds(pid: int) -> float:
    return _state(pid)[1]
