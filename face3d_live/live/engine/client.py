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
import threading
import time
from collections.abc import Callable

from face3d_live.errors import AssetError
from face3d_live.live.engine import messages as m
from face3d_live.live.engine.connection import EngineLink, State
from face3d_live.live.engine.pipeline import Calibration, Pipeline, Result
from face3d_live.live.engine.session import EngineSession, Listener
from face3d_live.live.sessions.avatars import StoredAvatar

logger = logging.getLogger(__name__)

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
    """Owns the engine process. The link's lock guards the sessions, too.

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
        self.device = self.precision = ""
        self.failure: AssetError | None = None
        self.restarts = 0
        self._link = EngineLink()
        self._factory = factory
        self._hang_seconds = hang_seconds
        self._sessions: dict[str, EngineSession] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._settled = threading.Event()
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
        self._settled.set()

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
            # While it loads it does not listen, and has nothing to lose.
            return self.state == "starting" or now - self._stopped_at > STOP_SECONDS
        if self.state == "starting":
            return now - began > START_SECONDS
        with self._link.lock:
            busy = [s for s in self._sessions.values() if s.in_engine is not None]
            return bool(busy) and now - max(s.sent for s in busy) > self._hang_seconds

    def _reap(self) -> None:
        """Make sure that the process is gone, and forget what was in it."""
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
            case m.Done(session=name):
                self._on_done(name, message)
            case m.Broken(session=name, message=text):
                logger.warning("session %s: a frame failed: %s", name, text)
                self._on_done(name, None)
            case m.Worn(session=name):
                with self._link.lock:
                    if (session := self._sessions.get(name)) is not None:
                        session.dressing = False
                        session.dress()
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
                session.dress()
                session.pump()
        self._settled.set()
        logger.info("the engine is ready on %s in %s", device, precision)
        if self.restarts:
            for session in sessions:
                self._call(session.listener.on_engine_restarted)

    def _on_done(self, name: str, done: m.Done | None) -> None:
        with self._link.lock:
            session = self._sessions.get(name)
            if session is None:
                return
            image = session.box.take_output() if done is not None else None
            cutout = session.box.take_cutout() if done is not None and done.cutout else None
            frame, session.in_engine = session.in_engine, None
            session.failed += done is None
            session.pump()
        if done is not None and image is not None and frame is not None:
            result = Result(done.face, done.codes, done.raw, done.confidence, image, done.ms, cutout)
            self._call(session.listener.on_result, result, frame)

    def _on_calibrated(self, name: str, calibration: Calibration) -> None:
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
