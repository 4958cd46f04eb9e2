"""The server's end of the engine process: starts it, sends it the newest frames, restarts it when it dies.

Backpressure: a session has at most one frame in the engine and one waiting here, and a newer frame replaces the waiting
one. When the engine answers, the reading thread sends the waiting frame itself. It does not go through the event loop,
so a busy loop costs the engine no time.

One supervising thread reads the socket, another writes it (`outbox`), a third kills an engine that stands still
(`watchdog`). A second process, its models loaded, waits to replace the engine (`child.Reserve`). Listeners are called
on the event loop. Every method may be called from any thread, and none waits for the engine.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from face3d_live.errors import AssetError
from face3d_live.live.engine import messages as m
from face3d_live.live.engine.connection import Death, EngineLink, State
from face3d_live.live.engine.pipeline import CalibrationResult, Pipeline
from face3d_live.live.engine.quarantine import Measure, Quarantine
from face3d_live.live.engine.session import EngineSession, Listener
from face3d_live.live.engine.stored_avatar import StoredAvatar
from face3d_live.live.engine.watchdog import HANG_SECONDS
from face3d_live.styling import AS_SEEN, Styling

logger = logging.getLogger(__name__)

#: How long a frame in progress may take when the server stops.
STOP_SECONDS = 3.0
#: After so many deaths before `Ready` in a row there is a `failure`, and starting goes on.
MAX_START_FAILURES = 3
#: An engine that has not become ready for so long, in whatever number of starts, is given up.
GIVE_UP_SECONDS = 300.0
#: Seconds before the restarts in a row; the last one repeats.
BACKOFF = (0.0, 0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
#: An engine that was ready for so long had started well: what ended it is something new.
STEADY_SECONDS = 5.0
#: An engine that has been ready for so long gets a process in reserve: the first engine later, so that loading takes no
#: time from the first sessions, one that was restarted soon, as it may die again.
RESERVE_SECONDS = (10.0, 2.0)
#: A supervising thread that has done nothing for so long is not there any more, as far as `/healthz` is concerned.
SILENT_SECONDS = 15.0


@dataclass(frozen=True)
class Beginning:
    """What a session begins with. calibration: a `CalibrationResult.state`, or None. avatar: None for the own head."""

    calibration: object = None
    avatar: StoredAvatar | None = None
    styling: Styling = AS_SEEN


class EngineClient:
    """Owns the engine process. The link's lock also guards the sessions.

    calibration, avatar: what new sessions begin with; None for nothing. failure: why the engine does not start; None
    once it has. given_up: no more starts are tried. faults: exceptions that the supervising thread has survived.
    """

    def __init__(
        self,
        factory: Callable[[], Pipeline],
        hang_seconds: float = HANG_SECONDS,
        calibration: object = None,
        avatar: StoredAvatar | None = None,
        give_up_seconds: float = GIVE_UP_SECONDS,
        styling: Styling = AS_SEEN,
    ) -> None:
        self.calibration, self.avatar, self.styling = calibration, avatar, styling
        self.device = self.precision = ""
        self.failure: AssetError | None = None
        self.given_up = False
        self.restarts = self.faults = 0
        self.quarantine = Quarantine()
        self._link = EngineLink(hang_seconds)
        self._factory = factory
        self._give_up_seconds = give_up_seconds
        self._sessions: dict[str, EngineSession] = {}
        self._numbers = itertools.count(1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready_once = False
        self._ready_at: float | None = None  # of the present engine, monotonic seconds
        self._settled = asyncio.Event()  # it is ready, or given up, or stopped; for `wait_ready`
        self._ended = asyncio.Event()  # given up, or stopped
        self._stopping = threading.Event()
        self._stopped_at: float | None = None
        self._seen = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="engine-supervisor", daemon=True)

    @property
    def state(self) -> State:
        """Whether it can be used."""
        return self._link.state

    @property
    def pid(self) -> int | None:
        """The process id of the engine that runs now."""
        return self._link.pid

    @property
    def reserve_pid(self) -> int | None:
        """The process id of what will replace it, if anything."""
        return self._link.reserve.pid

    def start(self) -> None:
        """Start the process and return at once. To be called on the event loop that the listeners live on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    @property
    def supervised(self) -> bool:
        """Whether the supervising thread does its work."""
        return self._thread.is_alive() and time.monotonic() - self._seen < SILENT_SECONDS

    async def wait_ready(self) -> None:
        """Until the engine has loaded. Raises AssetError when it is given up."""
        await self._settled.wait()
        if self.given_up and self.failure is not None:
            raise self.failure

    async def wait_ended(self) -> None:
        """Until the engine is given up, or stopped."""
        await self._ended.wait()

    async def stop(self) -> None:
        """Ask the process to end, and kill it when it does not. Idempotent."""
        if self._loop is None:
            return
        self._stopped_at = self._stopped_at or time.monotonic()
        self._stopping.set()
        self._settled.set()
        with self._link.lock:
            self._link.send(m.Stop())
        await asyncio.to_thread(self._thread.join)

    @property
    def session_count(self) -> int:
        """How many sessions share the engine."""
        return len(self._sessions)

    def attach(self, name: str, listener: Listener, begin: Beginning | None = None) -> EngineSession:
        """Begin a session, by default as all do. Raises OSError when no memory or descriptor is left."""
        number = next(self._numbers)
        if begin is None:
            begin = Beginning(self.calibration, self.avatar, self.styling)
        session = EngineSession(
            self._link, name, listener, self._on_close, begin.calibration, begin.avatar, number, begin.styling
        )
        with self._link.lock:
            self._sessions[name] = session
            session.open()
        return session

    def _on_close(self, session: EngineSession) -> None:
        """Under the link's lock."""
        self._sessions.pop(session.name, None)

    # --- the supervising thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        """Whatever goes wrong here: there is always somebody to start the engine again."""
        while not self._stopping.is_set() and not self.given_up:
            try:
                self._supervise()
            except Exception:
                self.faults += 1
                logger.exception("the engine's supervisor failed; it goes on")
                self._pause(1.0)
        self._link.reserve.discard()
        self._link.state = "failed" if self.given_up else "stopped"
        self._call(self._settled.set)
        self._call(self._ended.set)

    def _supervise(self) -> None:
        """Start the engine, and again when it has died, until it is to stop or is given up."""
        deaths = starts_failed = 0
        began = time.monotonic()  # of being without a ready engine
        while not self._stopping.is_set():
            self._ready_at = None
            try:
                self._link.spawn(self._factory)
                self._read()
            except (EOFError, OSError) as error:
                logger.info("the engine's socket closed, or it could not be started: %r", error)
            finally:
                was_ready = self._ready_at is not None
                self._bury(self._link.reap())
            if self._stopping.is_set():
                break
            now = time.monotonic()
            starts_failed, began = (0, now) if was_ready else (starts_failed + 1, began)
            if starts_failed >= MAX_START_FAILURES and self.failure is None:
                self.failure = AssetError("engine-start", "the engine process dies while it loads; the log says why")
            # At the first start a message with a cure ends it: waiting would only hide it.
            hopeless = not self._ready_once and self.failure is not None and self.failure.code != "engine-start"
            if hopeless or (self.failure is not None and now - began > self._give_up_seconds):
                self.given_up = True
                break
            deaths = 1 if self._ready_at is not None and now - self._ready_at > STEADY_SECONDS else deaths + 1
            self.restarts += 1
            logger.error("the engine process died; it is started again (%d)", self.restarts)
            self._pause(BACKOFF[min(deaths, len(BACKOFF)) - 1])

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stopping.wait(min(left, 1.0)):
            self._seen = time.monotonic()

    def _read(self) -> None:
        """Handle messages until the engine ends, is killed by the watchdog, or has had its time to stop."""
        while not self._link.hung:
            self._seen = now = time.monotonic()
            steady = RESERVE_SECONDS[min(self.restarts, 1)]
            if self._ready_at is not None and now - self._ready_at > steady and self._stopped_at is None:
                self._link.reserve.fill(self._factory)
            if (message := self._link.receive(0.25)) is not None:
                self._handle(message)
            elif self._stopped_at is not None:
                with self._link.lock:
                    self._link.send(m.Stop())  # also to an engine that was started at the last moment
                # An engine that still loads does not read messages, and can be killed at once.
                if self.state == "starting" or time.monotonic() - self._stopped_at > STOP_SECONDS:
                    logger.info("the engine is killed")
                    return

    def _bury(self, death: Death | None) -> None:
        """Clear what the sessions had in the process, and see to it that what killed it does not come again."""
        with self._link.lock:
            for session in self._sessions.values():
                session.lose_engine()
            guilty = next((s for s in self._sessions.values() if death is not None and s.number == death.session), None)
            if guilty is None or death is None or self._stopping.is_set():
                return
            measure = self.quarantine.measure(guilty.name, not death.outside, guilty.avatar is not None, death.work)
            logger.error("the engine died at work for session %s (%s): %s", guilty.name, death.work, measure.name)
            affected = self._punish(guilty, measure)
        for session in affected:
            self._call(session.listener.on_quarantined, measure)

    def _punish(self, guilty: EngineSession, measure: Measure) -> list[EngineSession]:
        """Under the lock. The sessions that lose something."""
        if measure is Measure.NOTHING:
            return []
        avatar = guilty.avatar
        if measure is not Measure.AVATAR or avatar is None:
            guilty.forget_wishes()
            return [guilty]
        self.quarantine.add_avatar(avatar.key)
        if self.avatar is not None and self.avatar.key == avatar.key:
            self.avatar = None
        shown = [s for s in self._sessions.values() if s.avatar is not None and s.avatar.key == avatar.key]
        for session in shown:
            session.avatar = session.waiting = None
        return shown

    def _handle(self, message: object) -> None:
        match message:
            case m.Ready(device=device, precision=precision):
                self._on_ready(device, precision)
            case m.Failed(code=code, message=text):
                self.failure = AssetError(code, text)
            case m.Processed(session=name):
                self._on_answer(name, message)
            case m.Taken(session=name):
                with self._link.lock:
                    if (session := self._sessions.get(name)) is not None:
                        session.on_taken()
            case m.FrameFailed(session=name, message=text):
                logger.warning("session %s: a frame failed: %s", name, text)
                self._on_answer(name, None)
            case m.TextureSet(session=name):
                with self._link.lock:
                    if (session := self._sessions.get(name)) is not None:
                        session.acknowledge_texture()
            case m.AvatarShown(session=name, error=error) if error:
                self._on_avatar_failed(name, message)
            case m.Calibrated(session=name, calibration=calibration):
                self._on_calibrated(name, calibration)

    def _on_ready(self, device: str, precision: str) -> None:
        with self._link.lock:
            self.device, self.precision, self._link.state = device, precision, "ready"
            self.failure, self._ready_once, self._ready_at = None, True, time.monotonic()
            sessions = list(self._sessions.values())
            for session in sessions:
                session.open()
                session.send_waiting()
        self._call(self._settled.set)
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

    def _on_avatar_failed(self, name: str, shown: m.AvatarShown) -> None:
        """The engine draws the own head instead. An answer about an avatar that was replaced meanwhile is nothing."""
        with self._link.lock:
            session = self._sessions.get(name)
            if session is None or session.avatar is None or session.avatar.key != shown.key:
                return
            session.avatar = None
        code, what = ("avatar-too-slow", "is too slow to draw") if shown.too_slow else ("avatar-failed", "fails")
        self._call(session.listener.on_avatar, code, f"The avatar {what}: {shown.error}. You see your own head.")

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
