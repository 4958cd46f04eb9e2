"""The server's end of the engine process: starts it, sends it the newest frames, restarts it when it dies.

Backpressure: a session has at most one frame in the engine and one waiting here, and a newer frame replaces the waiting
one. When the engine answers, the reading thread sends the waiting frame itself. It does not go through the event loop,
so a busy loop costs the engine no time.

One supervising thread reads the socket. Listeners are called on the event loop. Every method may be called from any
thread, and none waits for the engine.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable

from face3d_live.errors import AssetError
from face3d_live.live.engine import messages as m
from face3d_live.live.engine.connection import EngineLink, State
from face3d_live.live.engine.pipeline import CalibrationResult, Pipeline
from face3d_live.live.engine.session import EngineSession, Listener
from face3d_live.live.engine.stored_avatar import StoredAvatar

logger = logging.getLogger(__name__)

#: A frame that takes longer means that the engine hangs (a driver, a deadlock): it is killed.
HANG_SECONDS = 15.0
#: Loading may compile kernels on the first run.
START_SECONDS = 180.0
#: How long a frame in progress may take when the server stops.
STOP_SECONDS = 3.0
#: After so many deaths before `Ready` in a row the engine is not started again.
MAX_START_FAILURES = 3
#: Seconds before the restarts in a row; the last one repeats.
BACKOFF = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)


class EngineClient:
    """Owns the engine process. The link's lock also guards the sessions.

    calibration, avatar: what new sessions begin with; None for nothing.
    """

    def __init__(
        self,
        factory: Callable[[], Pipeline],
        hang_seconds: float = HANG_SECONDS,
        calibration: object = None,
        avatar: StoredAvatar | None = None,
    ) -> None:
        self.calibration, self.avatar = calibration, avatar
        self.device = self.precision = ""
        self.failure: AssetError | None = None
        self.restarts = 0
        self._link = EngineLink()
        self._factory = factory
        self._hang_seconds = hang_seconds
        self._sessions: dict[str, EngineSession] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._load_finished = threading.Event()
        self._stopping = threading.Event()
        self._stopped_at: float | None = None
        self._thread = threading.Thread(target=self._supervise, name="engine-supervisor", daemon=True)

    @property
    def state(self) -> State:
        """Whether it can be used."""
        return self._link.state

    @property
    def pid(self) -> int | None:
        """The process id of the engine that runs now."""
        return self._link.pid

    def start(self) -> None:
        """Start the process and return at once. To be called on the event loop that the listeners live on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def wait_ready(self) -> None:
        """Until the engine has loaded. Raises AssetError when it cannot."""
        await asyncio.to_thread(self._load_finished.wait)
        if self.failure is not None:
            raise self.failure

    async def stop(self) -> None:
        """Ask the process to end, and kill it when it does not. Idempotent."""
        if self._loop is None:
            return
        self._stopped_at = self._stopped_at or time.monotonic()
        self._stopping.set()
        self._load_finished.set()
        with self._link.lock:
            self._link.send(m.Stop())
        await asyncio.to_thread(self._thread.join)

    def attach(self, name: str, listener: Listener) -> EngineSession:
        """Begin a session."""
        session = EngineSession(self._link, name, listener, self._on_close, self.calibration, self.avatar)
        with self._link.lock:
            self._sessions[name] = session
            if self.state == "ready":
                session.open()
        return session

    def _on_close(self, session: EngineSession) -> None:
        """Under the link's lock."""
        self._sessions.pop(session.name, None)

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
        self._link.state = "failed" if self.failure is not None else "stopped"
        self._load_finished.set()

    def _spawn(self) -> None:
        self._link.spawn(self._factory)
        with self._link.lock:
            if self._stopping.is_set():
                self._link.send(m.Stop())

    def _read(self) -> None:
        """Handle messages until the engine ends or hangs."""
        began = time.monotonic()
        while True:
            if (message := self._link.receive(0.5)) is not None:
                self._handle(message)
            elif self._hangs(began):
                logger.log(logging.INFO if self._stopping.is_set() else logging.ERROR, "the engine hangs; it is killed")
                return

    def _hangs(self, began: float) -> bool:
        now = time.monotonic()
        if self._stopped_at is not None:
            # An engine that still loads does not read messages, and can be killed at once.
            return self.state == "starting" or now - self._stopped_at > STOP_SECONDS
        if self.state == "starting":
            return now - began > START_SECONDS
        with self._link.lock:
            busy = [s for s in self._sessions.values() if s.in_engine is not None]
            return bool(busy) and now - max(s.sent for s in busy) > self._hang_seconds

    def _reap(self) -> None:
        """End the process, and clear what the sessions had in it."""
        self._link.reap()
        with self._link.lock:
            for session in self._sessions.values():
                session.lose_engine()

    def _handle(self, message: object) -> None:
        match message:
            case m.Ready(device=device, precision=precision):
                self._on_ready(device, precision)
            case m.Failed(code=code, message=text):
                self.failure = AssetError(code, text)
            case m.Processed(session=name):
                self._on_answer(name, message)
            case m.FrameFailed(session=name, message=text):
                logger.warning("session %s: a frame failed: %s", name, text)
                self._on_answer(name, None)
            case m.TextureSet(session=name):
                with self._link.lock:
                    if (session := self._sessions.get(name)) is not None:
                        session.acknowledge_texture()
            case m.AvatarShown(session=name, error=error):
                with self._link.lock:
                    session = self._sessions.get(name)
                if session is not None:
                    self._call(session.listener.on_avatar, error)
            case m.Calibrated(session=name, calibration=calibration):
                self._on_calibrated(name, calibration)

    def _on_ready(self, device: str, precision: str) -> None:
        with self._link.lock:
            self.device, self.precision, self._link.state = device, precision, "ready"
            sessions = list(self._sessions.values())
            for session in sessions:
                session.open()
                session.send_texture()
                session.send_waiting()
        self._load_finished.set()
        logger.info("the engine is ready on %s in %s", device, precision)
        if self.restarts:
            for session in sessions:
                self._call(session.listener.on_engine_restarted)

    def _on_answer(self, name: str, answer: m.Processed | None) -> None:
        with self._link.lock:
            session = self._sessions.get(name)
            if session is None:
                return
            frame, result = session.take_answer(answer)
            session.send_waiting()
        if result is not None and frame is not None:
            self._call(session.listener.on_result, result, frame)

    def _on_calibrated(self, name: str, calibration: CalibrationResult) -> None:
        with self._link.lock:
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
