"""The engine process and the socket to it."""

from __future__ import annotations

import logging
import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import send_handle
from typing import Literal

from face3d_live.live.engine import process as engine
from face3d_live.live.engine.pipeline import Pipeline

logger = logging.getLogger(__name__)

State = Literal["starting", "ready", "failed", "stopped"]


class EngineLink:
    """lock: guards writing to the socket, `state`, and the `EngineSession`s."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.state: State = "starting"
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the engine that runs now."""
        process = self._process
        return process.pid if process is not None else None

    def spawn(self, factory: Callable[[], Pipeline]) -> None:
        """Start the process. It sends `Ready` when it has loaded."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=engine.run, args=(theirs, factory), name="face3d-engine", daemon=True)
        process.start()
        theirs.close()
        with self.lock:
            self._process, self._connection = process, ours

    def receive(self, seconds: float) -> object | None:
        """The next message; None when none comes in time. Raises EOFError or OSError when the engine has ended."""
        assert self._connection is not None
        return self._connection.recv() if self._connection.poll(seconds) else None

    def reap(self) -> None:
        """End the process if it still runs, and release it."""
        with self.lock:
            process, connection = self._process, self._connection
            self._process = self._connection = None
            self.state = "starting"
        if connection is not None:
            connection.close()
        if process is not None:
            process.join(2.0)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()

    # --- under the lock --------------------------------------------------------------------------------------------

    def send(self, message: object) -> bool:
        """Write one small message; False when no engine runs (the supervisor notices that)."""
        if self._connection is None:
            return False
        try:
            self._connection.send(message)
        except OSError:
            return False
        return True

    def send_descriptor(self, fd: int, name: str) -> None:
        """Send a file descriptor, after the message that announces it."""
        pid = self.pid
        assert pid is not None and self._connection is not None
        try:
            send_handle(self._connection, fd, pid)
        except OSError:
            logger.warning("the engine died while session %s sent it a descriptor", name)
