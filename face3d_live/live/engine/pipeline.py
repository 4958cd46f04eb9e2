"""What the engine process runs: the one interface between the live server and the rest of the house.

The server knows nothing of networks, trackers or GL; it knows a `Pipeline`. Everything that crosses the process border
is one of the small frozen values below, and pictures, which travel in shared memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

from face3d_live.codes import HeadCodes
from face3d_live.typing import Rgb

Mode = Literal["avatar", "overlay", "wireframe"]
MODES: tuple[str, ...] = get_args(Mode)

#: The avatar is a square of this many pixels.
AVATAR_SIZE = 512


@dataclass(frozen=True)
class ViewRequest:
    """How a session wants its avatar drawn. yaw, pitch: orbit in radians; zoom: 1 = fits. cutout: also by itself."""

    mode: Mode = "avatar"
    yaw: float = 0.0
    pitch: float = 0.0
    zoom: float = 1.0
    cutout: bool = False

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> ViewRequest:
        """From a client's control message, angles and zoom clamped. Raises ValueError or TypeError."""
        mode = message.get("mode", "avatar")
        if mode not in MODES:
            raise ValueError(f"mode: expected one of {', '.join(MODES)}")
        yaw, pitch, zoom = (
            float(message.get(key, default)) for key, default in (("yaw", 0), ("pitch", 0), ("zoom", 1))
        )
        if not all(map(math.isfinite, (yaw, pitch, zoom))):
            raise ValueError("yaw, pitch, zoom: expected finite numbers")
        # A whole turn either way; not quite over the poles; near enough for one eye, far enough for a small head.
        return cls(mode, math.remainder(yaw, 2 * math.pi), min(max(pitch, -1.4), 1.4), min(max(zoom, 0.3), 5.0))


@dataclass(frozen=True)
class Result:
    """One processed picture.

    face: a face was seen. codes: smoothed, calibrated: what engines get. raw: as estimated, for a snapshot.
    confidence 0..1. image: (AVATAR_SIZE, AVATAR_SIZE, 3) uint8 sRGB, row 0 = top. ms: wall milliseconds by stage,
    at least "track" and "render". cutout: (AVATAR_SIZE, AVATAR_SIZE, 4), the head alone, where the view asked for it.
    """

    face: bool
    codes: HeadCodes
    raw: HeadCodes
    confidence: float
    image: Rgb
    ms: Mapping[str, float] = field(default_factory=dict)
    cutout: Rgb | None = None


@dataclass(frozen=True)
class CalibrationRequest:
    """step: "neutral", a full movement (a key of `track.calibration.STEPS`), "load" (take `state` as it is; None
    forgets what there was)."""

    step: str = "neutral"
    state: object = None


NEUTRAL = CalibrationRequest()


@dataclass(frozen=True)
class Calibration:
    """The outcome of a request. state: picklable; `Pipeline.open` takes it back. step: the request's."""

    ok: bool
    reason: str = ""
    state: object = None
    step: str = "neutral"


class Pipeline(Protocol):
    """Lives in the engine process, on its main thread only. Sessions are named; each has its own tracker and view."""

    device: str
    precision: str

    def open(self, session: str, state: object) -> None:
        """Begin a session; `state` is None or an earlier `Calibration.state` of it."""

    def close(self, session: str) -> None:
        """End a session and forget all about its user. Unknown sessions are no error."""

    def process(self, session: str, rgb: Rgb | None, t: float, view: ViewRequest) -> Result:
        """Track and draw one picture (H, W, 3) taken at `t` seconds.

        None where the camera has given nothing new: draw again, relaxing to neutral once 2 s have passed.
        """

    def show(self, session: str, codes: HeadCodes, view: ViewRequest) -> Result:
        """Draw these codes, without a tracker; also when drawing again, until the next picture."""

    def wear(self, session: str, rgba: Rgb) -> None:
        """Draw the session's head with this skin (SKIN_SIZE, SKIN_SIZE, 4) from now on; the array is not kept."""

    def show_avatar(self, session: str, key: str | None, data: bytes) -> None:
        """Draw an avatar (`avatars.pack`; the same key for the same data) from now on; key None: the own head."""

    def calibrate(self, session: str, request: CalibrationRequest) -> Calibration:
        """Take the newest pictures' face as neutral or as a full movement, or a calibration made earlier."""
