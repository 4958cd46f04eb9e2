"""A session: one face being followed, whoever brings the pictures and whoever watches."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import Face3DError
from face3d_live.live.engine.client import EngineClient
from face3d_live.live.engine.pipeline import NEUTRAL, Calibration, CalibrationRequest, Result, ViewRequest
from face3d_live.live.engine.session import Submitted
from face3d_live.live.frame_rate import CameraRate
from face3d_live.live.metrics import Metrics
from face3d_live.live.rate_limiter import Counter
from face3d_live.live.recording.recorder import Recorder
from face3d_live.live.sessions.avatars import StoredAvatar
from face3d_live.live.sessions.observer import Frame, Watcher
from face3d_live.live.sessions.pending_calibrations import Calibrations
from face3d_live.live.sessions.texture_capture import Tailor, Wardrobe
from face3d_live.live.stream.hub import Hub
from face3d_live.protocols.frame import StreamFrame
from face3d_live.typing import Rgb

logger = logging.getLogger(__name__)


MAX_SESSIONS = 8


class LimitError(Face3DError):
    """The server is as busy as it wants to be; trying again later may work."""


@dataclass(frozen=True)
class Portrait:
    """The newest picture with a face and what was made of it: what a snapshot needs."""

    rgb: Rgb
    codes: HeadCodes


class Session:
    """Pictures go in by `submit`; answers go to the watcher and to the hub. The newest portrait is kept, in memory.

    camera: how often pictures come.
    """

    def __init__(self, client: EngineClient, hub: Hub, metrics: Metrics, tailor: Tailor, kind: str) -> None:
        self.id = secrets.token_hex(8)
        self.kind = kind
        self.watcher: Watcher | None = None
        self.portrait: Portrait | None = None
        self.camera = CameraRate()
        self._client = client
        self._hub = hub
        self._metrics = metrics
        self._engine = client.attach(self.id, self)
        self._tailor = tailor
        self._wardrobe = Wardrobe(self._engine.wear)
        self._number = 0
        self._last: Frame | None = None
        self._dropped = self._failed = 0
        self._counter = Counter()
        self._opened = time.monotonic()
        self._submitted = (0.0, self._opened)  # t of the newest picture, and when it came
        self._calibrations = Calibrations(self._engine)
        self._recorder: Recorder | None = None
        self._news = asyncio.Event()
        self._closed = False
        metrics.sessions.inc()
        metrics.sessions_opened.inc()

    @property
    def device(self) -> str:
        """What the network runs on."""
        return self._client.device

    def submit(self, rgb: Rgb, t: float, arrived: float) -> None:
        """A new picture (H, W, 3), its time in seconds and its arrival (monotonic). Any thread."""
        self._submitted = (t, arrived)
        self.camera.add(t)
        self._engine.submit(rgb, t, arrived)

    def draw_again(self) -> None:
        """Draw without a new picture, for a view that changed or a camera that gives nothing. Any thread."""
        if self._engine.idle:
            t, arrived = self._submitted
            now = time.monotonic()
            self._engine.submit(None, t + now - arrived, now)

    def set_view(self, view: ViewRequest) -> None:
        """Draw like this from the next picture on; at once when the camera is silent."""
        self._engine.view = view
        if time.monotonic() - self._submitted[1] > 0.1:
            self.draw_again()

    def perform(self, number: int, t: float, face: bool, codes: HeadCodes) -> bool:
        """A frame of a take, sent at once and drawn when the engine has time. False when the session is over."""
        if not self._closed:
            self._hub.publish(StreamFrame.from_codes(self.id, number, t, face, codes))
            self._engine.submit(None, t, codes=codes)
        return not self._closed

    def wear(self, skin: bytes, size: int) -> None:
        """Draw the head with this skin: (size, size, 4) uint8 as raw bytes."""
        if not self._closed:
            self._engine.wear(np.frombuffer(skin, np.uint8).reshape(size, size, 4))

    @property
    def shown(self) -> StoredAvatar | None:
        """The avatar that stands for the user, None: the own head."""
        return self._engine.avatar

    def show_avatar(self, avatar: StoredAvatar | None) -> None:
        """Draw an avatar from the next picture on; None: the own head again."""
        self._engine.show_avatar(avatar)
        self.draw_again()

    def want_cutouts(self, one_more: bool) -> None:
        """Somebody wants the avatar cut out of its background, or no longer does."""
        self._engine.cutouts += 1 if one_more else -1
        if not self._closed:
            self.draw_again()

    async def next_frame(self, after: int) -> Frame | None:
        """The newest frame, once its number is above `after`; None when the session ends."""
        while not self._closed and (self._last is None or self._last.number <= after):
            await self._news.wait()
        return None if self._closed else self._last

    @property
    def avatar(self) -> Rgb | None:  # (AVATAR_SIZE, AVATAR_SIZE, 3)
        """The newest avatar, if there is one yet."""
        return self._last.result.image if self._last is not None else None

    async def calibrate(self, request: CalibrationRequest = NEUTRAL) -> Calibration:
        """Take the current face as neutral, or do what else is requested."""
        return await self._calibrations.ask(request)

    @property
    def calibration(self) -> object:
        """What the engine has been calibrated to, or None."""
        return self._engine.saved

    def record(self, recorder: Recorder | None) -> None:
        """Give every picture's outcome to a recorder from now on; the one before, if any, is finished."""
        if self._recorder is not None:
            self._recorder.finish()
        self._recorder = recorder
        if recorder is not None and self._closed:
            recorder.finish()

    @property
    def recorder(self) -> Recorder | None:
        """Who writes down what the session does, if anybody does."""
        return self._recorder

    def notify(self, code: str, message: str) -> None:
        """Tell the user, if somebody watches."""
        if self.watcher is not None and not self._closed:
            self.watcher.on_notice(code, message)

    def state(self) -> dict[str, object]:
        """State and timings, as plain data."""
        last = self._last
        return {
            "session": self.id,
            "kind": self.kind,
            "device": self._client.device,
            "precision": self._client.precision,
            "engine": self._client.state,
            "age": round(time.monotonic() - self._opened, 3),
            "frame": self._number,
            "fps": round(self._counter.fps(time.monotonic()), 2),
            "face": bool(last and last.result.face),
            "confidence": round(last.result.confidence, 3) if last else 0.0,
            "dropped": self._engine.dropped,
            "failed": self._engine.failed,
            "ms": {k: round(v, 2) for k, v in last.result.ms.items()} | {"total": round(last.total_ms, 2)}
            if last
            else {},
        }

    def close(self) -> None:
        """Forget everything about the user. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._news.set()
        self.record(None)
        self._engine.close()
        self._hub.end(self.id)
        self.portrait = None
        self._wardrobe.clear()
        self._metrics.sessions.dec()
        if self._number:
            self._metrics.fps.remove(self.id)

    # --- the engine's answers, on the event loop -------------------------------------------------------------------

    def on_result(self, result: Result, of: Submitted) -> None:
        """A picture, or a drawing without one, came back."""
        if self._closed:
            return
        now = time.monotonic()
        self._number += 1
        fresh = of.rgb is not None
        if fresh:
            self._counter.add(now)
        if of.rgb is not None and result.face:
            self.portrait = Portrait(of.rgb, result.raw)
            self._tailor.consider(self._wardrobe, of.rgb, result.raw, result.confidence)
        fps, total_ms = self._counter.fps(now), 1000 * (now - of.arrived)
        self._last = Frame(self._number, of.t, result, of.arrived, fresh, fps, total_ms)
        self._news.set()
        self._news = asyncio.Event()
        if self.kind != "take":  # a take's frames went out at their own times
            self._hub.publish(StreamFrame.from_codes(self.id, self._number, of.t, result.face, result.codes))
        if self._recorder is not None and of.rgb is not None:
            camera = Camera.webcam(of.rgb.shape[1], of.rgb.shape[0])
            counts = self._engine.dropped, self._engine.failed
            self._recorder.add(self._number, of.t, result.face, result.codes, camera, *counts, result.image)
        self._count(self._last)
        if self.watcher is not None:
            self.watcher.on_frame(self._last)

    def on_calibrated(self, calibration: Calibration) -> None:
        """Tell all who asked."""
        self._calibrations.answer(calibration)

    def on_avatar(self, error: str) -> None:
        """An avatar that cannot be drawn is taken off again."""
        if error and not self._closed:
            self._engine.avatar = None
            if self.watcher is not None:
                self.watcher.on_notice("avatar-failed", f"The avatar cannot be drawn: {error}")

    def on_engine_restarted(self) -> None:
        """Tell the user why the avatar stood still."""
        self.notify(
            "engine-restarted", "The engine stopped and was started again. Your session and its calibration go on."
        )

    def _count(self, frame: Frame) -> None:
        metrics, engine = self._metrics, self._engine
        metrics.frames.inc()
        metrics.dropped.inc(engine.dropped - self._dropped)
        metrics.failed.inc(engine.failed - self._failed)
        self._dropped, self._failed = engine.dropped, engine.failed
        metrics.fps.labels(self.id).set(frame.fps)
        for stage, ms in (*frame.result.ms.items(), ("total", frame.total_ms)):
            metrics.stage_ms.labels(stage).observe(ms)


class Sessions:
    """All sessions of a server, by id."""

    def __init__(self, client: EngineClient, hub: Hub, metrics: Metrics, tailor: Tailor, limit: int) -> None:
        self._make: Callable[[str], Session] = lambda kind: Session(client, hub, metrics, tailor, kind)
        self._limit = limit
        self._sessions: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, kind: str) -> Session:
        """Begin a session. Raises LimitError "too-many-sessions"."""
        if len(self._sessions) >= self._limit:
            text = f"{self._limit} sessions are open, which is the limit; close one or try again later"
            raise LimitError("too-many-sessions", text)
        session = self._make(kind)
        self._sessions[session.id] = session
        logger.info("session %s opened (%s)", session.id, kind)
        return session

    def get(self, session_id: str) -> Session | None:
        """A session that is open, or None."""
        return self._sessions.get(session_id)

    def close(self, session: Session) -> None:
        """End a session. Idempotent."""
        if self._sessions.pop(session.id, None) is not None:
            logger.info("session %s closed", session.id)
        session.close()
