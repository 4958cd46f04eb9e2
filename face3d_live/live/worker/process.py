"""A child process for slow tasks (snapshots, photos), so that neither the event loop nor the engine waits for them.

Tasks run one at a time, in the order of their arrival. The process starts with the first task and stays. A task that
crashes it, or takes too long, fails alone: the next task gets a new process.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from face3d_live.errors import AssetError, Face3DError
from face3d_live.live.child_process import end_with_parent

logger = logging.getLogger(__name__)

#: report(stage, fraction done)
Report = Callable[[str, float], None]
#: A module-level function: (report, *arguments) -> bytes. Its Face3DErrors are raised again in the server.
Task = Callable[..., bytes]

TASK_SECONDS = 120.0

_STOPPING = "the server is shutting down"


def _serve(connection: Connection) -> None:
    """The child's main function."""
    end_with_parent()
    try:
        while True:
            task, arguments = connection.recv()
            _run_task(connection, task, arguments)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _run_task(connection: Connection, task: Task, arguments: tuple[Any, ...]) -> None:
    try:
        done = task(lambda stage, fraction: connection.send(("progress", stage, fraction)), *arguments)
    except Face3DError as error:
        connection.send(error)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:
        logger.exception("a task failed")
        connection.send(AssetError("task-failed", f"{type(error).__name__}: {error}"))
    else:
        connection.send(("done", done))


class Worker:
    """The server's end of the process. task_seconds: the most that a task may take."""

    def __init__(self, task_seconds: float = TASK_SECONDS) -> None:
        self.task_seconds = task_seconds
        self._lock = asyncio.Lock()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._closing = threading.Event()

    @property
    def is_running(self) -> bool:
        """Whether the process has been started."""
        return self._process is not None

    async def run(self, task: Task, *arguments: Any, report: Report | None = None) -> bytes:
        """Run one task. report is called on the event loop.

        Raises the task's Face3DErrors, and AssetError "task-failed", "worker-died", "too-slow" or "stopping".
        """
        loop = asyncio.get_running_loop()

        def forward(stage: str, fraction: float) -> None:
            if report is not None:
                loop.call_soon_threadsafe(report, stage, fraction)

        async with self._lock:
            # Shielded: a client that disconnects must not leave its answer in the pipe for the next task.
            work = asyncio.ensure_future(asyncio.to_thread(self._exchange, task, arguments, forward))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                await asyncio.wait([work])
                # Retrieved, so that asyncio does not log an exception that was never retrieved.
                work.exception()
                raise

    async def stop(self) -> None:
        """End the process with its running task."""
        self._closing.set()
        async with self._lock:
            await asyncio.to_thread(self._end)

    def _exchange(self, task: Task, arguments: tuple[Any, ...], report: Report) -> bytes:
        if self._closing.is_set():
            raise AssetError("stopping", _STOPPING)
        connection = self._connected()
        try:
            connection.send((task, arguments))
            waited = 0.0
            while waited < self.task_seconds and not self._closing.is_set():
                if not connection.poll(0.25):
                    waited += 0.25
                    continue
                match connection.recv():
                    case ("progress", stage, fraction):
                        report(stage, fraction)
                    case Face3DError() as error:
                        raise error
                    case ("done", bytes() as done):
                        return done
        except (EOFError, OSError) as error:
            self._end()
            raise AssetError("worker-died", "the process that did this crashed; the log says why") from error
        self._end()
        if self._closing.is_set():
            raise AssetError("stopping", _STOPPING)
        raise AssetError("too-slow", f"gave up after {self.task_seconds:.0f} s")

    def _connected(self) -> Connection:
        if self._connection is None or self._process is None or not self._process.is_alive():
            self._end()
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), name="face3d-worker", daemon=True)
            self._process.start()
            theirs.close()
        return self._connection

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        self._connection = self._process = None
