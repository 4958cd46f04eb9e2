"""Child processes for slow tasks (snapshots, photos, files), so that neither the event loop nor the engine waits.

Tasks run one at a time, in the order of their arrival, and only so many may wait. The process starts with the first
task and stays. A task that crashes it, takes too long or too much memory fails alone: the next task gets a new process.
What nobody waits for any more is not done.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from face3d_live.errors import AssetError, Face3DError, LimitError, TooLargeError
from face3d_live.live.child_process import UNKNOWN, child_context, end_with_parent, starting_child

logger = logging.getLogger(__name__)

#: report(stage, fraction done)
Report = Callable[[str, float], None]
#: A module-level function: (report, *arguments) -> bytes. Its Face3DErrors are raised again in the server.
Task = Callable[..., bytes]

TASK_SECONDS = 120.0
#: Tasks that may wait for one that runs: more than requests, sessions and views together can have.
MAX_WAITING = 48
#: A running task whose caller has gone is let finish for so long, as a new process has to load its models again.
ABANDONED_SECONDS = 3.0
#: Memory of the process's own (RLIMIT_DATA: heap, stacks, private mappings), bytes.
MEMORY_BYTES = 4 << 30

_STOPPING = "the server is shutting down"


def _serve(connection: Connection, memory_bytes: int) -> None:
    """The child's main function."""
    end_with_parent()
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, hard))
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
    except MemoryError:
        logger.warning("a task needs more memory than it may have")
        connection.send(TooLargeError("too-much-memory", "this needs too much memory: use a smaller file"))
    except Exception as error:
        logger.exception("a task failed")
        connection.send(AssetError("task-failed", f"{type(error).__name__}: {error}"))
    else:
        connection.send(("done", done))


class Worker:
    """The server's end of the process. task_seconds: the most that a task may take. memory_bytes: of the process.

    deaths: how often the process was ended or ended itself.
    """

    def __init__(
        self, task_seconds: float = TASK_SECONDS, memory_bytes: int = MEMORY_BYTES, max_waiting: int = MAX_WAITING
    ) -> None:
        self.task_seconds = task_seconds
        self.deaths = self.waiting = 0
        self._memory_bytes, self._max_waiting = memory_bytes, max_waiting
        self._lock = asyncio.Lock()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._closing = threading.Event()

    @property
    def is_running(self) -> bool:
        """Whether the process has been started."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """The process's id, while there is one."""
        process = self._process
        return process.pid if process is not None else None

    async def run(self, task: Task, *arguments: Any, report: Report | None = None) -> bytes:
        """Run one task. report is called on the event loop. A caller that is cancelled takes its task along.

        Raises the task's Face3DErrors, LimitError "worker-busy", TooLargeError "too-much-memory", and AssetError
        "task-failed", "worker-died", "too-slow" or "stopping".
        """
        loop = asyncio.get_running_loop()

        def forward(stage: str, fraction: float) -> None:
            if report is not None:
                loop.call_soon_threadsafe(report, stage, fraction)

        if self.waiting >= self._max_waiting:
            raise LimitError("worker-busy", f"{self.waiting} tasks are waiting already; try again in a moment")
        self.waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self.waiting -= 1
        try:
            # Shielded: a client that disconnects must not leave its answer in the pipe for the next task.
            work = asyncio.ensure_future(asyncio.to_thread(self._exchange, task, arguments, forward))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                await self._abandon(work)
                raise
        finally:
            self._lock.release()

    async def stop(self) -> None:
        """End the process with its running task."""
        self._closing.set()
        self._kill()
        async with self._lock:
            await asyncio.to_thread(self._end)

    async def _abandon(self, work: asyncio.Future[bytes]) -> None:
        """Wait for a task that nobody wants any more, but not for long."""
        done, _ = await asyncio.wait([work], timeout=ABANDONED_SECONDS)
        if not done:
            self._kill()
            await asyncio.wait([work])
        work.exception()  # retrieved, so that asyncio does not log an exception that was never retrieved

    def _exchange(self, task: Task, arguments: tuple[Any, ...], report: Report) -> bytes:
        """On a thread. Every wait in here ends when the process is killed, also for a process that reads nothing."""
        late = threading.Event()

        def too_late() -> None:
            late.set()
            self._kill()

        timer = threading.Timer(self.task_seconds, too_late)
        timer.daemon = True
        try:
            connection = self._connected()
            timer.start()
            connection.send((task, arguments))
            while True:
                match connection.recv():
                    case ("progress", stage, fraction):
                        report(stage, fraction)
                    case Face3DError() as error:
                        raise error
                    case ("done", bytes() as done):
                        return done
        except (EOFError, OSError) as error:
            self._end()
            if self._closing.is_set():
                raise AssetError("stopping", _STOPPING) from error
            if late.is_set():
                raise AssetError("too-slow", f"gave up after {self.task_seconds:.0f} s") from error
            raise AssetError("worker-died", "the process that did this crashed; the log says why") from error
        finally:
            timer.cancel()

    def _connected(self) -> Connection:
        """Raises OSError when no process can be started."""
        if self._closing.is_set():
            raise OSError(_STOPPING)
        if self._connection is None or self._process is None or not self._process.is_alive():
            self._end()
            context = child_context()
            self._connection, theirs = context.Pipe()
            try:
                arguments = theirs, self._memory_bytes
                process = context.Process(target=_serve, args=arguments, name="face3d-worker", daemon=True)
                with starting_child():
                    process.start()
                self._process = process
            finally:
                theirs.close()
            if self._closing.is_set():  # it was started when `stop` had nothing to kill yet
                raise OSError(_STOPPING)
        return self._connection

    def _kill(self) -> None:
        """Any thread: whoever waits for the process gets an EOFError or OSError."""
        process = self._process
        with suppress(ProcessLookupError, ValueError):  # ValueError: it was closed meanwhile
            if process is None or process.pid is None:
                return
            if process.is_alive() or process.exitcode == UNKNOWN:
                os.kill(process.pid, signal.SIGKILL)

    def _end(self) -> None:
        connection, process = self._connection, self._process
        self._connection = self._process = None
        if connection is not None:
            connection.close()
        if process is not None:
            self.deaths += 1
            process.kill()
            process.join()
            process.close()
