"""The server's end of the engine process: starts it, feeds it the newest frames, starts it again when it dies.

Newest frame wins: a session has at most one frame in the engine and one waiting here; a newer one replaces the waiting
one. When the engine answers, the waiting frame goes out from the reading thread itself, without a detour through the
event loop, so a busy loop costs the engine no time.

One supervising thread reads the socket; listeners are called on the event loop. Every method may be called from any
thread and none of them waits for the engine.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import send_handle
from typing import Literal

from face3d_live.errors import AssetError
from face3d_live.live import engine
from face3d_live.live import messages as m
from face3d_live.live.avatars import StoredAvatar
from face3d_live.live.engine_session import EngineSession, Listener
from face3d_live.live.pipeline import Calibration, Pipeline, Result

logger = logging.getLogger(__name__)

State = Literal["starting", "ready", "failed", "stopped"]

#: A frame that takes longer than this means that the engine hangs (a driver, a dead lock): it is killed.
HANG_SECONDS = 15.0
#: Loading may build kernels on a cold machine.
START_SECONDS = 180.0
#: What a frame in progress may take when the server stops.
STOP_SECONDS = 3.0
#: An engine that dies so often without ever getting ready will not get better by itself.
MAX_START_FAILURES = 3
#: Waits between restarts in a row; the last one repeats.
BACKOFF = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)


class EngineClient:
    """Owns the engine process. `lock` guards the sessions and all writing to the socket.

    calibration, avatar: what sessions begin with, None for nothing.
    """

    def __init__(
        self,
        factory: Callable[[], Pipeline],
        hang_seconds: float = HANG_SECONDS,
        calibration: object = None,
        avatar: StoredAvatar | None = None,
    ) -> None:
        self.calibration, self.avatar = calibration, avatar
        self.state: State = "starting"
        self.device = ""
        self.failure: AssetError | None = None
        self.restarts = 0
        self.lock = threading.RLock()
        self._factory = factory
        self._hang_seconds = hang_seconds
        self._sessions: dict[str, EngineSession] = {}
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._settled = threading.Event()
        self._stopping = threading.Event()
        self._stopped_at: float | None = None
        self._thread = threading.Thread(target=self._supervise, name="engine-supervisor", daemon=True)

    @property
    def pid(self) -> int | None:
        """The process id of the engine that runs now."""
        process = self._process
        return process.pid if process is not None else None

    def start(self) -> None:
        """Start the process and return at once. To be called on the event loop that the listeners live on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def wait_ready(self) -> None:
        """Until the engine has loaded. Raises AssetError when it cannot."""
        await asyncio.to_thread(self._settled.wait)
        if self.failure is not None:
            raise self.failure

    async def stop(self) -> None:
        """End the process, kindly first. Idempotent."""
        if self._loop is None:
            return
        self._stopped_at = self._stopped_at or time.monotonic()
        self._stopping.set()
        self._settled.set()
        with self.lock:
            self.send(m.Stop())
        await asyncio.to_thread(self._thread.join)

    def attach(self, name: str, listener: Listener) -> EngineSession:
        """Begin a session."""
        session = EngineSession(self, name, listener)
        with self.lock:
            self._sessions[name] = session
            if self.state == "ready":
                session.open()
        return session

    def detach(self, session: EngineSession) -> None:
        """End a session."""
        with self.lock:
            if session.closed:
                return
            session.closed = True
            self._sessions.pop(session.name, None)
            self.send(m.Close(session.name))
            session.box.close()
            session.waiting = session.in_engine = session.avatar = None

    # --- under the lock --------------------------------------------------------------------------------------------

    def send(self, message: object) -> bool:
        """Write one small message; False when no engine runs (its end is noticed by the supervisor)."""
        if self._connection is None:
            return False
        try:
            self._connection.send(message)
        except OSError:
            return False
        return True

    def pump(self, session: EngineSession) -> None:
        """Send the session's waiting frame if the engine has none of it."""
        frame = session.waiting
        if frame is None or session.in_engine is not None or session.closed or self.state != "ready":
            return
        height, width = frame.rgb.shape[:2] if frame.rgb is not None else (0, 0)
        if frame.rgb is not None:
            session.box.put_input(frame.rgb)
        session.waiting = None
        view = replace(session.view, cutout=session.cutouts > 0)
        if self.send(m.Frame(session.name, width, height, frame.t, view, frame.codes)):
            session.in_engine = frame
            session.sent = time.monotonic()

    def send_descriptor(self, fd: int, name: str) -> None:
        """Send memory after the message that announces it."""
        pid = self.pid
        assert pid is not None and self._connection is not None
        try:
            send_handle(self._connection, fd, pid)
        except OSError:
            logger.warning("the engine died while session %s sent it memory", name)

    # --- the supervising thread ------------------------------------------------------------------------------------

    def _supervise(self) -> None:
        deaths = starts_failed = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            self._spawn()
            try:
                self._read()
            except (EOFError, OSError):
                logger.info("the engine's socket closed")
            starts_failed = 0 if self.state == "ready" else starts_failed + 1
            self._reap()
            if starts_failed >= MAX_START_FAILURES and self.failure is None:
                self.failure = AssetError("engine-start", "the engine process dies while it loads; the log says why")
            if self._stopping.is_set() or self.failure is not None:
                break
            deaths = 0 if time.monotonic() - began > 60 else deaths + 1
            self.restarts += 1
            logger.error("the engine process died; it is started again (%d)", self.restarts)
            self._stopping.wait(BACKOFF[min(max(deaths - 1, 0), len(BACKOFF) - 1)])
        self.state = "failed" if self.failure is not None else "stopped"
        self._settled.set()

    def _spawn(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=engine.run, args=(theirs, self._factory), name="face3d-engine", daemon=True)
        process.start()
        theirs.close()
        with self.lock:
            self._process, self._connection = process, ours
            if self._stopping.is_set():
                self.send(m.Stop())

    def _read(self) -> None:
        """Handle messages until the engine ends or hangs."""
        assert self._connection is not None
        began = time.monotonic()
        while True:
            if self._connection.poll(0.5):
                self._handle(self._connection.recv())
            elif self._hangs(began):
                logger.log(logging.INFO if self._stopping.is_set() else logging.ERROR, "the engine hangs; it is killed")
                return

    def _hangs(self, began: float) -> bool:
        now = time.monotonic()
        if self._stopped_at is not None:
            # While it loads it does not listen, and has nothing to lose.
            return self.state == "starting" or now - self._stopped_at > STOP_SECONDS
        if self.state == "starting":
            return now - began > START_SECONDS
        with self.lock:
            busy = [s for s in self._sessions.values() if s.in_engine is not None]
            return bool(busy) and now - max(s.sent for s in busy) > self._hang_seconds

    def _reap(self) -> None:
        """Make sure that the process is gone, and forget what was in it."""
        with self.lock:
            process, connection = self._process, self._connection
            self._process = self._connection = None
            self.state = "starting"
            for session in self._sessions.values():
                session.in_engine = None
                session.calibrating.clear()
                session.dressing = False
                session.skin_waits = session.skin is not None
        if connection is not None:
            connection.close()
        if process is not None:
            process.join(2.0)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()

    def _handle(self, message: object) -> None:
        match message:
            case m.Ready(device=device):
                self._on_ready(device)
            case m.Failed(code=code, message=text):
                self.failure = AssetError(code, text)
            case m.Done(session=name):
                self._on_done(name, message)
            case m.Broken(session=name, message=text):
                logger.warning("session %s: a frame failed: %s", name, text)
                self._on_done(name, None)
            case m.Worn(session=name):
                with self.lock:
                    if (session := self._sessions.get(name)) is not None:
                        session.dressing = False
                        session.dress()
            case m.AvatarShown(session=name, error=error):
                with self.lock:
                    session = self._sessions.get(name)
                if session is not None:
                    self._call(session.listener.on_avatar, error)
            case m.Calibrated(session=name, calibration=calibration):
                self._on_calibrated(name, calibration)

    def _on_ready(self, device: str) -> None:
        with self.lock:
            self.device, self.state = device, "ready"
            sessions = list(self._sessions.values())
            for session in sessions:
                session.open()
                session.dress()
                self.pump(session)
        self._settled.set()
        logger.info("the engine is ready on %s", device)
        if self.restarts:
            for session in sessions:
                self._call(session.listener.on_engine_restarted)

    def _on_done(self, name: str, done: m.Done | None) -> None:
        with self.lock:
            session = self._sessions.get(name)
            if session is None:
                return
            image = session.box.take_output() if done is not None else None
            cutout = session.box.take_cutout() if done is not None and done.cutout else None
            frame, session.in_engine = session.in_engine, None
            session.failed += done is None
            self.pump(session)
        if done is not None and image is not None and frame is not None:
            result = Result(done.face, done.codes, done.raw, done.confidence, image, done.ms, cutout)
            self._call(session.listener.on_result, result, frame)

    def _on_calibrated(self, name: str, calibration: Calibration) -> None:
        with self.lock:
            session = self._sessions.get(name)
            if session is None:
                return
            session.calibrating.discard(calibration.step)
            if calibration.ok:
                session.saved = calibration.state
        self._call(session.listener.on_calibrated, calibration)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            logger.debug("the event loop has closed; an answer of the engine is dropped")
