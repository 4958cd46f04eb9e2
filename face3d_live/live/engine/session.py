"""One session's door to the engine process, on the server's side."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from face3d_live.codes import HeadCodes
from face3d_live.live.engine import messages as m
from face3d_live.live.engine.connection import EngineLink
from face3d_live.live.engine.pipeline import NEUTRAL, Calibration, CalibrationRequest, Result, ViewRequest
from face3d_live.live.engine.shared_memory import Mailbox
from face3d_live.live.sessions.avatars import StoredAvatar
from face3d_live.typing import Rgb


@dataclass(frozen=True)
class Submitted:
    """A picture on its way: rgb (H, W, 3) or None, its time in seconds, and when it arrived (monotonic seconds).

    codes: to be drawn in place of a picture, of a take that is played.
    """

    rgb: Rgb | None
    t: float
    arrived: float
    codes: HeadCodes | None = None


class Listener(Protocol):
    """Who gets a session's answers, on the event loop."""

    def on_result(self, result: Result, of: Submitted) -> None:
        """A frame was processed."""

    def on_calibrated(self, calibration: Calibration) -> None:
        """A calibration was tried."""

    def on_avatar(self, error: str) -> None:
        """An avatar is shown, or could not be."""

    def on_engine_restarted(self) -> None:
        """The engine died and is back; the session goes on with its calibration."""


class EngineSession:
    """`view` may be set at any time and holds from the next frame on. cutouts: how many want the avatar cut
    out. dropped, failed: counts of pictures.

    The fields below `box` are for whoever has the link's lock: saved (the state of the last calibration),
    waiting and in_engine (pictures), sent (when the latter went out), calibrating (steps that are unanswered),
    skin (worn, or to be), skin_waits (the engine has not been given it), dressing (a skin is unacknowledged), avatar
    (shown instead of the own head).
    """

    def __init__(
        self,
        link: EngineLink,
        name: str,
        listener: Listener,
        on_close: Callable[[EngineSession], None],
        saved: object = None,
        avatar: StoredAvatar | None = None,
    ) -> None:
        self.name = name
        self.view = ViewRequest()
        self.cutouts = 0
        self.dropped = 0
        self.failed = 0
        self._link = link
        self._on_close = on_close
        self.listener = listener
        self.box = Mailbox()
        self.saved = saved
        self.waiting: Submitted | None = None
        self.in_engine: Submitted | None = None
        self.sent = 0.0
        self.calibrating: set[str] = set()
        self.skin: Rgb | None = None
        self.skin_waits = False
        self.dressing = False
        self.avatar = avatar
        self.closed = False

    @property
    def idle(self) -> bool:
        """Nothing is being processed or waits."""
        return self.in_engine is None and self.waiting is None

    def submit(self, rgb: Rgb | None, t: float, arrived: float | None = None, codes: HeadCodes | None = None) -> None:
        """Hand over a picture, not to be changed afterwards; None draws again. Replaces one that still waits."""
        frame = Submitted(rgb, t, time.monotonic() if arrived is None else arrived, codes)
        with self._link.lock:
            if self.waiting is not None and self.waiting.rgb is not None:
                self.dropped += 1
            self.waiting = frame
            self.pump()

    def calibrate(self, request: CalibrationRequest = NEUTRAL) -> None:
        """Ask for a calibration; `Listener.on_calibrated` answers. Of each step one at a time, further ones join it."""
        with self._link.lock:
            waits = request.step in self.calibrating and request.step != "load"
            if not waits and self._link.state == "ready" and self._link.send(m.Calibrate(self.name, request)):
                self.calibrating.add(request.step)

    def wear(self, skin: Rgb) -> None:  # (SKIN_SIZE, SKIN_SIZE, 4)
        """Draw the head with this skin, also in an engine that is started again; not to be changed afterwards."""
        with self._link.lock:
            self.skin, self.skin_waits = skin, True
            self.dress()

    def show_avatar(self, avatar: StoredAvatar | None) -> None:
        """Draw an avatar, also in an engine that is started again; None: the own head."""
        with self._link.lock:
            self.avatar = avatar
            self._present()

    def close(self) -> None:
        """End the session in the engine and let go of its memory. Idempotent."""
        with self._link.lock:
            if self.closed:
                return
            self.closed = True
            self._on_close(self)  # no answer of the engine may find a session whose memory is gone
            self._link.send(m.Close(self.name))
            self.box.close()
            self.waiting = self.in_engine = self.avatar = None

    # --- under the link's lock ---------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Send the frame that waits if the engine has none of this session."""
        frame = self.waiting
        if frame is None or self.in_engine is not None or self.closed or self._link.state != "ready":
            return
        height, width = frame.rgb.shape[:2] if frame.rgb is not None else (0, 0)
        if frame.rgb is not None:
            self.box.put_input(frame.rgb)
        self.waiting = None
        view = replace(self.view, cutout=self.cutouts > 0)
        if self._link.send(m.Frame(self.name, width, height, frame.t, view, frame.codes)):
            self.in_engine = frame
            self.sent = time.monotonic()

    def open(self) -> None:
        """Begin in an engine that is ready, with the avatar there was in the one before."""
        if self._link.send(m.Open(self.name, self.saved)):
            self._link.send_descriptor(self.box.fd, self.name)
            if self.avatar is not None:
                self._present()

    def lose_engine(self) -> None:
        """The process is gone, and with it what it had of this session; what the next one is to be given stays."""
        self.in_engine = None
        self.calibrating.clear()
        self.dressing = False
        self.skin_waits = self.skin is not None

    def dress(self) -> None:
        """Send the newest skin unless one is on its way."""
        if self.skin is None or not self.skin_waits or self.dressing or self.closed:
            return
        if self._link.state == "ready":
            self.box.put_skin(self.skin)
            self.dressing = self._link.send(m.Wear(self.name))
            self.skin_waits = not self.dressing

    def _present(self) -> None:
        """Send the avatar, or that there is none; a session that is not open yet sends it when it is."""
        if self.closed or self._link.state != "ready":
            return
        key = self.avatar.key if self.avatar is not None else None
        if self._link.send(m.ShowAvatar(self.name, key)) and self.avatar is not None:
            self._link.send_descriptor(self.avatar.fd, self.name)
