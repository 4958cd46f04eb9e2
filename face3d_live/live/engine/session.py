"""One session's connection to the engine process, on the server's side."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from face3d_live.codes import HeadCodes
from face3d_live.eyewear import NO_GLASSES, Glasses
from face3d_live.live.engine import messages as m
from face3d_live.live.engine.acting import Acting
from face3d_live.live.engine.connection import EngineLink
from face3d_live.live.engine.pipeline import (
    AVATAR_SIZE,
    NEUTRAL,
    CalibrationRequest,
    CalibrationResult,
    Result,
    ViewRequest,
)
from face3d_live.live.engine.quarantine import Measure
from face3d_live.live.engine.shared_memory import PLACES, SharedFrameMemory
from face3d_live.live.engine.stored_avatar import StoredAvatar
from face3d_live.styling import AS_SEEN, Styling
from face3d_live.typing import Rgb


@dataclass(frozen=True)
class Submitted:
    """A picture on its way to the engine.

    rgb: (H, W, 3), or None to draw again. t: its time, seconds. arrived: when it came, monotonic seconds. codes: of a
    take that is played, drawn in place of a picture.
    """

    rgb: Rgb | None
    t: float
    arrived: float
    codes: HeadCodes | None = None


class Listener(Protocol):
    """Gets a session's answers, on the event loop."""

    def on_result(self, result: Result, of: Submitted) -> None:
        """A frame was processed."""

    def on_calibrated(self, calibration: CalibrationResult) -> None:
        """A calibration was tried."""

    def on_avatar(self, code: str, message: str) -> None:
        """An avatar cannot be drawn any more; the own head is."""

    def on_engine_restarted(self) -> None:
        """The engine died and runs again. The session goes on with its calibration."""

    def on_quarantined(self, measure: Measure) -> None:
        """The engine died while it worked for this session, which therefore has lost something, see `quarantine`."""


class EngineSession:
    """Sends a session's frames to the engine. One waits here at most: a newer one replaces it.

    One is in the engine; a second follows before the first is answered when the engine has taken that one's picture
    (`messages.Taken`), so that it is tracked while the first is drawn.

    view, side (of the picture, pixels): may be set at any time, hold from the next frame on. cutouts: how many
    observers want the avatar on a transparent background. wants_picture: whether anybody looks; asked on any thread,
    must not block. follow: where the person to be followed was clicked, acting: see `ViewRequest`. styling: what is
    wished; glasses that are not are those that the texture's photos show, `glasses`. dropped, failed: counts of
    pictures.

    The fields from `memory` on are guarded by the link's lock. saved: the state of the last calibration. waiting,
    in_engine: frames, the latter with the places of their answers. taken: the camera picture's memory is free.
    calibrating: steps without an answer. opened: the present engine knows the session. texture: the newest one.
    texture_waits: the engine has not been given it. texture_in_engine: it is not acknowledged. avatar: shown instead of
    the own head.
    """

    def __init__(
        self,
        link: EngineLink,
        name: str,
        listener: Listener,
        on_close: Callable[[EngineSession], None],
        saved: object = None,
        avatar: StoredAvatar | None = None,
        number: int = 0,
        styling: Styling = AS_SEEN,
    ) -> None:
        """Raises OSError when no memory or descriptor is left."""
        self.name = name
        self.number = number
        self.view = ViewRequest()
        self.cutouts = 0
        self.side = AVATAR_SIZE
        self.wants_picture: Callable[[], bool] = lambda: True
        self.follow: tuple[float, float] | None = None
        self.acting = Acting()
        self.styling, self.glasses = styling, NO_GLASSES
        self.dropped = 0
        self.failed = 0
        self._link = link
        self._on_close = on_close
        self.listener = listener
        self.memory = SharedFrameMemory()
        self.saved = saved
        self.waiting: Submitted | None = None
        self.in_engine: deque[tuple[Submitted, int]] = deque()
        self.taken = True
        self.opened = False
        self.calibrating: set[str] = set()
        self.texture: Rgb | None = None
        self.texture_waits = False
        self.texture_in_engine = False
        self.avatar = avatar
        self.closed = False

    @property
    def idle(self) -> bool:
        """No frame is being processed, and none waits."""
        return not self.in_engine and self.waiting is None

    def submit(
        self,
        rgb: Rgb | None,
        t: float,
        arrived: float | None = None,
        codes: HeadCodes | None = None,
        skipped: int = 0,
    ) -> None:
        """Send a picture, or replace the one that waits. The array must not be changed afterwards. None draws again.

        skipped: pictures that were dropped before this one came here; they count as dropped.
        """
        frame = Submitted(rgb, t, time.monotonic() if arrived is None else arrived, codes)
        with self._link.lock:
            self.dropped += skipped
            if self.waiting is not None and self.waiting.rgb is not None:
                self.dropped += 1
            self.waiting = frame
            self.send_waiting()
            if not self.closed:
                self.memory.newer_waits = self.waiting is not None and rgb is not None

    def calibrate(self, request: CalibrationRequest = NEUTRAL) -> None:
        """Ask for a calibration; `Listener.on_calibrated` answers. A step in progress is not sent a second time."""
        with self._link.lock:
            waits = request.step in self.calibrating and request.step != "load"
            if not waits and self.open() and self._link.send(m.Calibrate(self.name, request)):
                self.calibrating.add(request.step)

    def set_texture(self, texture: Rgb, glasses: Glasses = NO_GLASSES) -> None:  # (TEXTURE_SIZE, TEXTURE_SIZE, 4)
        """Draw the head with this texture and these glasses, also after an engine restart. The array must not be
        changed afterwards."""
        with self._link.lock:
            self.texture, self.texture_waits, self.glasses = texture, True, glasses
            self.send_texture()

    def show_avatar(self, avatar: StoredAvatar | None) -> None:
        """Draw an avatar, also after an engine restart. None: the own head."""
        with self._link.lock:
            self.avatar = avatar
            self._send_avatar()

    def close(self) -> None:
        """End the session in the engine and free its memory. Idempotent."""
        with self._link.lock:
            if self.closed:
                return
            self.closed = True
            self._on_close(self)  # before the memory goes: no answer may find a session without memory
            if not self._link.withdraw(self.name) and self.opened:
                self._link.send(m.Close(self.name))
            self.memory.close()
            self.in_engine.clear()
            self.waiting = self.avatar = None

    # --- under the link's lock ---------------------------------------------------------------------------------------

    def send_waiting(self) -> None:
        """Send the waiting frame if the engine has none of this session, or has taken the one that it has."""
        frame = self.waiting
        busy = not self.taken or len(self.in_engine) >= PLACES
        if frame is None or busy or self.closed or not self.open():
            return
        height, width = frame.rgb.shape[:2] if frame.rgb is not None else (0, 0)
        if frame.rgb is not None:
            self.memory.write_input(frame.rgb)
        self.waiting = None
        self.memory.newer_waits = False
        place = 1 - self.in_engine[-1][1] if self.in_engine else 0
        view = replace(
            self.view,
            cutout=self.cutouts > 0,
            picture=self.wants_picture(),
            side=self.side,
            follow=self.follow,
            acting=self.acting,
            styling=self.styling.over_glasses(self.glasses),
        )
        if self._link.send(m.ProcessFrame(self.name, width, height, frame.t, view, frame.codes, place)):
            self.in_engine.append((frame, place))
            self.taken = False

    def on_taken(self) -> None:
        """The picture in the shared memory is not needed any more."""
        self.taken = True
        self.send_waiting()

    def take_answer(self, answer: m.Processed | None) -> tuple[Submitted | None, Result | None]:
        """The frame that was in the engine and its result with pictures. answer None: the frame failed."""
        frame, place = self.in_engine.popleft() if self.in_engine else (None, 0)
        self.taken = self.taken or not self.in_engine
        if answer is None:
            self.failed += 1
            return frame, None
        image = self.memory.read_output(place, answer.image) if answer.image else None
        cutout = self.memory.read_cutout(place, answer.cutout) if answer.cutout else None
        return frame, replace(answer.result, image=image, cutout=cutout)

    def open(self) -> bool:
        """Whether a ready engine knows the session: it is told, with the avatar and texture from before a restart."""
        if self.opened or self.closed or self._link.state != "ready":
            return self.opened and not self.closed
        self.opened = self._link.send(m.Open(self.name, self.saved, self.number), self.memory.fd)
        if self.opened:
            if self.avatar is not None:
                self._send_avatar()
            self.send_texture()
        return self.opened

    def lose_engine(self) -> None:
        """The process is gone with its frame. Calibration, texture and avatar are kept for the next one."""
        self.in_engine.clear()
        self.taken = True
        self.opened = False
        self.calibrating.clear()
        self.texture_in_engine = False
        self.texture_waits = self.texture is not None

    def forget_wishes(self) -> None:
        """Drop everything but the camera: the next engine begins as for a new session."""
        self.saved = self.texture = self.avatar = self.waiting = None
        self.texture_waits = False
        self.view, self.follow, self.acting = ViewRequest(), None, Acting()
        self.styling, self.glasses = AS_SEEN, NO_GLASSES

    def acknowledge_texture(self) -> None:
        """The engine has copied the texture; a newer one that waits is sent."""
        self.texture_in_engine = False
        self.send_texture()

    def send_texture(self) -> None:
        """Send the newest texture unless one is unacknowledged."""
        if self.texture is None or not self.texture_waits or self.texture_in_engine or self.closed:
            return
        if self.open() and not self.texture_in_engine:  # opening sends it
            self.memory.write_texture(self.texture)
            self.texture_in_engine = self._link.send(m.SetTexture(self.name))
            self.texture_waits = not self.texture_in_engine

    def _send_avatar(self) -> None:
        """Send the avatar, or that there is none. A session that is not opened yet sends it when it is."""
        avatar = self.avatar
        if self.closed or not self.opened:
            return
        if avatar is None:
            self._link.send(m.ShowAvatar(self.name, None))
        else:
            self._link.send(m.ShowAvatar(self.name, avatar.key), avatar.fd)
