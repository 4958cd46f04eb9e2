"""A session: one tracked face. Its pictures come from a browser, a source or a take; an observer may watch it."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.live.engine.client import Beginning, EngineClient
from face3d_live.live.engine.pipeline import (
    MAX_AVATAR_SIZE,
    NEUTRAL,
    TEXTURE_SIZE,
    CalibrationRequest,
    CalibrationResult,
    Result,
    ViewRequest,
)
from face3d_live.live.engine.quarantine import Measure
from face3d_live.live.engine.session import Submitted
from face3d_live.live.engine.stored_avatar import StoredAvatar
from face3d_live.live.frame_rate import CameraRate
from face3d_live.live.metrics import Metrics
from face3d_live.live.rate_limiter import FrameRateCounter
from face3d_live.live.recording.recorder import Recorder
from face3d_live.live.sessions.notices import ENGINE_RESTARTED, QUARANTINED
from face3d_live.live.sessions.observer import SessionFrame, SessionObserver
from face3d_live.live.sessions.pending_calibrations import PendingCalibrations
from face3d_live.live.sessions.picture_quality import PictureQuality
from face3d_live.live.sessions.picture_size import PictureSize
from face3d_live.live.sessions.texture_capture import FrameSelector, TextureCapture
from face3d_live.live.stream.hub import Hub
from face3d_live.protocols.frame import StreamFrame
from face3d_live.styling import Styling
from face3d_live.typing import Rgb


@dataclass(frozen=True)
class Portrait:
    """The newest picture with a face, (H, W, 3), and its codes: what a snapshot is made of."""

    rgb: Rgb
    codes: HeadCodes


#: Seconds between two frames at least, as far as their times say.
LEAST_STEP = 0.001
#: Seconds for which a session that nobody looks at is drawn after a still was asked for.
STILL_SECONDS = 2.0
#: Seconds from the notice to the end of a session that loses its place, so that the notice arrives.
EXPEL_SECONDS = 1.0


class Session:
    """Pictures go in by `submit`; results go to the observer and the hub.

    portrait: the newest picture with a face, in memory only. camera: measures the rate of the pictures. quality: what
    keeps them from being better. last: the newest frame. engine: the session in the engine. address: the client's.
    on_expelled: called when the session has to end.
    """

    def __init__(
        self,
        client: EngineClient,
        hub: Hub,
        metrics: Metrics,
        texture_capture: TextureCapture,
        kind: str,
        prefix: str = "",
        begin: Beginning | None = None,
        largest: float = MAX_AVATAR_SIZE,
    ) -> None:
        """largest: side of the drawn picture, pixels."""
        self.id = prefix + secrets.token_hex(8)
        self.kind = kind
        self.address = ""
        self.observer: SessionObserver | None = None
        self.portrait: Portrait | None = None
        self.camera = CameraRate()
        self.quality = PictureQuality()
        self._client = client
        self._hub = hub
        self._metrics = metrics
        self.engine = client.attach(self.id, self, begin)
        self.engine.wants_picture = self._wants_picture
        self._picture: Rgb | None = None  # the newest drawn
        self._size = PictureSize(largest)
        self.engine.side = self._size.side
        self._watchers = 0  # beside the observer
        self._still_until = 0.0  # monotonic seconds: a still is wanted
        self._texture_capture = texture_capture
        self._selector = FrameSelector(self.engine.set_texture)
        self._number = 0
        self._rose = -math.inf  # time of the newest frame
        self.last: SessionFrame | None = None
        self._dropped = self._failed = 0
        self._counter = FrameRateCounter()
        self._opened = time.monotonic()
        self._submitted = (0.0, self._opened)  # t of the newest picture, and when it came
        self._calibrations = PendingCalibrations(self.engine)
        self._recorder: Recorder | None = None
        self._new_frame = asyncio.Event()
        self.on_expelled: Callable[[], None] = self.close
        self._told = self._closed = False
        metrics.sessions.inc()
        metrics.sessions_opened.inc()

    @property
    def device(self) -> str:
        """What the network runs on."""
        return self._client.device

    def submit(self, rgb: Rgb, t: float, arrived: float, skipped: int = 0) -> None:
        """A new picture (H, W, 3), its time in seconds and its arrival (monotonic). Any thread.

        skipped: pictures before it that came but were replaced by newer ones; takes mark them as a gap.
        """
        self._submitted = (t, arrived)
        self.camera.add(t)
        self.engine.submit(rgb, t, arrived, skipped=skipped)

    def draw_again(self) -> None:
        """Draw again without a new picture: the view changed, or the camera is silent. Any thread."""
        if self.engine.idle:
            t, arrived = self._submitted
            now = time.monotonic()
            self.engine.submit(None, t + now - arrived, now)

    def set_view(self, view: ViewRequest, pixels: float | None = None) -> None:
        """Use this view from the next picture on, and at once when the camera is silent.

        pixels: of the screen, at which a side of the picture is shown.
        """
        self.engine.view = view
        self._size.wish = self._size.wish if pixels is None else pixels
        if time.monotonic() - self._submitted[1] > 0.1:
            self.draw_again()

    @property
    def styling(self) -> Styling:
        """The hair and glasses that are wished for."""
        return self.engine.styling

    def set_styling(self, styling: Styling) -> None:
        """Draw the own head with this hair and these glasses from the next picture on, and snapshots of it."""
        self.engine.styling = styling
        self.draw_again()

    def submit_codes(self, number: int, t: float, face: bool, codes: HeadCodes) -> bool:
        """Publish a take's frame at once and have the engine draw it. False when the session has ended."""
        if not self._closed:
            self._hub.publish(StreamFrame.from_codes(self.id, number, t, face, codes))
            self.engine.submit(None, t, codes=codes)
        return not self._closed

    def set_texture(self, texture: bytes) -> None:
        """Draw the head with this texture: (TEXTURE_SIZE, TEXTURE_SIZE, 4) uint8 as raw bytes."""
        if not self._closed:
            self.engine.set_texture(np.frombuffer(texture, np.uint8).reshape(TEXTURE_SIZE, TEXTURE_SIZE, 4))

    @property
    def shown_avatar(self) -> StoredAvatar | None:
        """The avatar that is drawn; None: the user's own head."""
        return self.engine.avatar

    def show_avatar(self, avatar: StoredAvatar | None) -> None:
        """Draw an avatar from the next picture on; None: the own head again."""
        self.engine.show_avatar(avatar)
        self.draw_again()

    def want_cutouts(self, one_more: bool) -> None:
        """One observer more, or one less, wants the avatar on a transparent background."""
        self.engine.cutouts += 1 if one_more else -1
        if not self._closed:
            self.draw_again()

    def want_pictures(self, one_more: bool) -> None:
        """The same of the avatar before its background."""
        self._watchers += 1 if one_more else -1
        if not self._closed:
            self.draw_again()

    async def next_frame(self, after: int) -> SessionFrame | None:
        """The newest frame, once its number is above `after`; None when the session ends."""
        while not self._closed and (self.last is None or self.last.number <= after):
            await self._new_frame.wait()
        return None if self._closed else self.last

    async def still(self) -> Rgb | None:  # (S, S, 3)
        """The newest picture, drawn now where nobody else looks; None when none comes in `STILL_SECONDS`."""
        if not self._wants_picture():
            self._picture = None
        self._still_until = time.monotonic() + STILL_SECONDS
        try:
            async with asyncio.timeout(STILL_SECONDS):
                while self._picture is None:
                    self.draw_again()
                    if await self.next_frame(self.last.number if self.last is not None else 0) is None:
                        break
        except TimeoutError:
            pass
        return self._picture

    def _wants_picture(self) -> bool:
        """Whether anybody looks at this session: otherwise its codes are computed alone. Any thread."""
        return self.observer is not None or self._shown_elsewhere or time.monotonic() < self._still_until

    @property
    def _records_pictures(self) -> bool:
        recorder = self._recorder
        return recorder is not None and recorder.records_pictures

    @property
    def _shown_elsewhere(self) -> bool:
        """Whether others than the page get the pictures."""
        return self.engine.cutouts > 0 or self._watchers > 0 or self._records_pictures

    async def calibrate(self, request: CalibrationRequest = NEUTRAL) -> CalibrationResult:
        """Calibrate: by default the current face becomes neutral."""
        return await self._calibrations.request(request)

    @property
    def calibration(self) -> object:
        """The state of the last successful calibration, or None."""
        return self.engine.saved

    def record(self, recorder: Recorder | None) -> None:
        """Give every result to this recorder from now on. The recorder before it is finished."""
        if self._recorder is not None:
            self._recorder.finish()
        self._recorder = recorder
        if recorder is not None and self._closed:
            recorder.finish()

    @property
    def recorder(self) -> Recorder | None:
        """The recorder that gets the results, or None."""
        return self._recorder

    def notify(self, code: str, message: str) -> None:
        """Send the observer a notice."""
        if self.observer is not None and not self._closed:
            self.observer.on_notice(code, message)

    def state(self) -> dict[str, object]:
        """State and timings, as plain data."""
        last = self.last
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
            "hints": list(self.quality.hints),
            "dropped": self.engine.dropped,
            "failed": self.engine.failed,
            "ms": {k: round(v, 2) for k, v in last.result.ms.items()} | {"total": round(last.total_ms, 2)}
            if last
            else {},
        }

    def close(self) -> None:
        """End the session and delete all data of its user. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._new_frame.set()
        self.record(None)
        self.engine.close()
        self._hub.end(self.id)
        self.portrait = self._picture = None
        self._selector.clear()
        self._metrics.sessions.dec()
        if self._number:
            self._metrics.fps.remove(self.id)

    # --- the engine's answers, on the event loop -------------------------------------------------------------------

    def on_result(self, result: Result, of: Submitted) -> None:
        """A frame was processed: publish, record and count it."""
        if self._closed:
            return
        now = time.monotonic()
        self._number += 1
        fresh = of.rgb is not None
        if fresh:
            self._counter.add(now)
        if result.image is not None:
            self._picture = result.image
            self._resize(len(result.image), result.ms.get("render", 0.0), now)
        if of.rgb is not None and result.face:
            self.portrait = Portrait(of.rgb, result.raw)
            if result.image is not None and self.quality.good_for_texture:
                self._texture_capture.add_frame(self._selector, of.rgb, result.raw, result.confidence)
        self._judge(of.rgb, result, now)
        fps, total_ms = self._counter.fps(now), 1000 * (now - of.arrived)
        t = self._rising(of.t)
        self.last = SessionFrame(self._number, t, result, of.arrived, fresh, fps, total_ms)
        self._new_frame.set()
        self._new_frame = asyncio.Event()
        if self.kind != "take":  # a take's frames were published by `submit_codes`, at their own times
            self._hub.publish(StreamFrame.from_codes(self.id, self._number, t, result.face, result.codes))
        if self._recorder is not None and of.rgb is not None:
            camera = Camera.webcam(of.rgb.shape[1], of.rgb.shape[0])
            counts = self.engine.dropped, self.engine.failed
            # A film has the size of its first picture, which may be drawn yet as small as the page shows it.
            image = result.image if result.image is not None and len(result.image) >= self._size.usual else None
            self._recorder.add(self._number, of.t, result.face, result.codes, camera, *counts, image)
        self._count(self.last)
        if self.observer is not None:
            self.observer.on_frame(self.last)

    def on_calibrated(self, calibration: CalibrationResult) -> None:
        """See `PendingCalibrations`."""
        self._calibrations.resolve(calibration)

    def on_avatar(self, code: str, message: str) -> None:
        """An avatar cannot be drawn any more: the observer is told."""
        self.notify(code, message)

    def on_engine_restarted(self) -> None:
        """Tell the observer why the avatar stood still, unless it was told more than that."""
        told, self._told = self._told, False
        if not told:
            self.notify("engine-restarted", ENGINE_RESTARTED)

    def on_quarantined(self, measure: Measure) -> None:
        """The engine died while it worked for this session: say what is gone."""
        code, message = QUARANTINED[measure]
        self._told = True
        self.notify(code, message)
        if measure is Measure.PLACE and not self._closed:
            asyncio.get_running_loop().call_later(EXPEL_SECONDS, self.on_expelled)

    def _rising(self, t: float) -> float:
        """Times that rise with every frame: a picture may be late, and older than when the one before was drawn again.

        A take's times are its own, and begin again with it.
        """
        self._rose = t if self.kind == "take" else max(t, self._rose + LEAST_STEP)
        return self._rose

    def _resize(self, side: int, ms: float, now: float) -> None:
        """Choose the next picture's size by what this one took. Recorded pictures keep theirs."""
        if not (self._records_pictures and side >= self._size.usual):
            self.engine.side = self._size.drawn(side, ms, now, self._client.session_count, self._shown_elsewhere)

    def _judge(self, rgb: Rgb | None, result: Result, now: float) -> None:
        if self.kind == "take" or rgb is None:
            return
        fps = self.camera.fps
        changed = self.quality.add(rgb, result.raw, now, fps) if result.face else self.quality.clear()
        if changed and self.observer is not None:
            self.observer.on_quality(self.quality.hints)

    def _count(self, frame: SessionFrame) -> None:
        metrics, engine = self._metrics, self.engine
        metrics.frames.inc()
        metrics.dropped.inc(engine.dropped - self._dropped)
        metrics.failed.inc(engine.failed - self._failed)
        self._dropped, self._failed = engine.dropped, engine.failed
        metrics.fps.labels(self.id).set(frame.fps)
        for stage, ms in (*frame.result.ms.items(), ("total", frame.total_ms)):
            metrics.stage_ms.labels(stage).observe(ms)
