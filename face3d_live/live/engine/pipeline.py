"""The interface between the live server and what the engine process runs.

The server imports no network, tracker or OpenGL; it knows only a `Pipeline`. What crosses the process boundary is one
of the frozen dataclasses below. Pictures cross it in shared memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, get_args

from face3d_live.checks import checked_finite
from face3d_live.codes import HeadCodes
from face3d_live.errors import Face3DError
from face3d_live.live.engine.acting import Acting
from face3d_live.styling import AS_SEEN, Styling
from face3d_live.typing import Rgb

Mode = Literal["avatar", "overlay", "wireframe"]
MODES: tuple[str, ...] = get_args(Mode)

#: The avatar is a square: of so many pixels a side where nobody asks for more or less, and at most.
AVATAR_SIZE, MAX_AVATAR_SIZE = 512, 1024
#: The head's texture, as a session's keyframes give it, is a square of this many texels, RGBA.
TEXTURE_SIZE = 512


@dataclass(frozen=True)
class ViewRequest:
    """How to draw a session's avatar. yaw, pitch: orbit in radians. zoom: 1 = the head fits the picture.

    cutout: draw it on a transparent background as well. picture: draw it at all; without, there are codes alone. side:
    of the square picture, pixels, even, at most MAX_AVATAR_SIZE.
    follow: where in the camera's picture the person to be followed was last clicked, fractions from its left and its
    top; each new place is tried once. acting: what the user's keys do to the face. styling: hair in place
    of the texture's, and glasses.
    """

    mode: Mode = "avatar"
    yaw: float = 0.0
    pitch: float = 0.0
    zoom: float = 1.0
    cutout: bool = False
    picture: bool = True
    side: int = AVATAR_SIZE
    follow: tuple[float, float] | None = None
    acting: Acting = field(default_factory=Acting)
    styling: Styling = AS_SEEN

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> ViewRequest:
        """From a client's control message, angles and zoom clamped. Raises ValueError or TypeError."""
        mode = message.get("mode", "avatar")
        if mode not in MODES:
            raise ValueError(f"mode: expected one of {', '.join(MODES)}")
        yaw, pitch, zoom = (
            checked_finite(message.get(key, default), key) for key, default in (("yaw", 0), ("pitch", 0), ("zoom", 1))
        )
        # Yaw wraps. Pitch stops short of the poles. Zoom ends where one eye, or a small head, fills the picture.
        return cls(mode, math.remainder(yaw, 2 * math.pi), min(max(pitch, -1.4), 1.4), min(max(zoom, 0.3), 5.0))


@dataclass(frozen=True)
class Result:
    """One processed picture: the only record of a frame's answer, from the pipeline to the observers of a session.

    face: a face was found. codes: smoothed and calibrated, what the streams send. raw: as estimated, for a snapshot.
    confidence: 0..1. image: (S, S, 3) uint8 sRGB, S the view's side, row 0 = top; None when the view asked for none.
    ms: wall-clock milliseconds by stage, at least "track" and "render". cutout: (S, S, 4), on a transparent background,
    when the view asked for it.
    """

    face: bool
    codes: HeadCodes
    raw: HeadCodes
    confidence: float
    image: Rgb | None
    ms: Mapping[str, float] = field(default_factory=dict)
    cutout: Rgb | None = None

    def without_pictures(self) -> Result:
        """The same without its pictures, which travel in shared memory."""
        return replace(self, image=None, cutout=None)


@dataclass(frozen=True)
class CalibrationRequest:
    """step: "neutral", a full movement (a key of `track.calibration.STEPS`), or "load".

    "load" takes `state` as it is; None removes the calibration.
    """

    step: str = "neutral"
    state: object = None


NEUTRAL = CalibrationRequest()


@dataclass(frozen=True)
class CalibrationResult:
    """The outcome of a request. state: picklable, accepted by `Pipeline.open`. step: the request's.

    error: why it was refused; the state is then as it was before.
    """

    state: object = None
    step: str = "neutral"
    error: Face3DError | None = None

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.error is None

    def to_json(self) -> dict[str, object]:
        """`{"ok", "reason"}`, and for a refusal `error`, in the form of every other: `{"code", "message"}`."""
        if self.error is None:
            return {"ok": True, "reason": ""}
        return {"ok": False, "reason": self.error.message, "error": self.error.to_json()}


class Pipeline(Protocol):
    """Lives on the main thread of the engine process. Sessions are named; each has its own tracker and view.

    Making one loads what may wait in a process kept in reserve (`engine.child`): files, the network on a processor.
    device, precision: of the network, once it is started. A pipeline may say `drawn_by_cpu`: drawing then costs the
    process's own processor time; and `max_batch`: how many pictures it works on together.
    """

    device: str
    precision: str
    on_tracked: Callable[[], None]
    """Set by the engine; `process` may call it between tracking and drawing, when it needs the picture no more."""

    def start(self) -> None:
        """Take OpenGL and the GPU, and compile what the first picture would wait for. Called once, before `open`."""

    def open(self, session: str, state: object) -> None:
        """Begin a session. state: None, or an earlier `CalibrationResult.state` of it."""

    def close(self, session: str) -> None:
        """End a session and delete all data of its user. Unknown sessions are no error."""

    def prepare(self, pictures: Mapping[str, Rgb]) -> Future[Any] | None:
        """Begin with pictures (H, W, 3) by their sessions, which are given to `process` next, while others are drawn.

        Returns what is computed for all of them together and need not be finished yet: `process` waits for it, and
        raises what it raises.
        """

    def process(self, session: str, rgb: Rgb | None, t: float, view: ViewRequest) -> Result:
        """Track and draw one picture (H, W, 3) taken at `t` seconds.

        rgb None: the camera has given nothing new. The avatar is drawn again and relaxes to neutral after 2 s.
        """

    def render_codes(self, session: str, codes: HeadCodes, view: ViewRequest) -> Result:
        """Draw these codes without tracking. `process` without a picture draws them again until the next picture."""

    def set_texture(self, session: str, rgba: Rgb) -> None:
        """Draw the session's head with this texture (TEXTURE_SIZE, TEXTURE_SIZE, 4). The array is not kept."""

    def show_avatar(self, session: str, key: str | None, data: bytes) -> None:
        """Draw an avatar from now on. key: identifies the data; None: the own head. data: of `stored_avatar.pack`."""

    def calibrate(self, session: str, request: CalibrationRequest) -> CalibrationResult:
        """Take the face of the newest pictures as neutral or as a full movement, or load a calibration."""
