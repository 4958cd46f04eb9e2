"""What keeps the camera's picture from being better, of what the tracker knows: light, distance, sharpness, rate.

A picture is judged a few times a second, in the face's own rectangle. What is wrong for `PATIENCE` seconds becomes a
hint, and stays one until it has been right for as long. While one of `SPOILS_TEXTURE` stands, no keyframes are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live import rotations
from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.typing import Rgb

#: In the order of their weight: the page shows the first.
Hint = Literal["dark", "bright", "far", "side-light", "blurred", "look-once", "slow-camera"]
HINTS: tuple[Hint, ...] = get_args(Hint)
SPOILS_TEXTURE = frozenset({"dark", "bright", "far", "side-light", "blurred"})

#: Seconds between two judged pictures.
INTERVAL = 0.5
PATIENCE = 2.0

#: The rectangle of the face about the head's origin, metres: right and left, above, below.
_ASIDE, _ABOVE, _BELOW = 0.065, 0.06, 0.10
#: A face is judged in so many pixels across.
_JUDGED = 64

# Measured on 260 portraits and the 9 clips of the training data, which are good pictures, and on the same made
# darker, brighter, lit from a side and blurred (`bench/picture_quality.py`). Luma 0..255.
DARK = 55.0  # median luma; of good pictures 1 % have less than 70
BRIGHT = 0.12  # share of pixels above 250; of good pictures 1 % have more than 0.002
SIDE = 0.52  # mean luma of the darker half over that of the brighter one; 1 % of good pictures have less than 0.55
FAR = 60.0  # pixels across the face, ear to ear
BLURRED = 0.05  # variance of the Laplacian over that of the luma; 1 % of good pictures have less than 0.12
#: Variance of the luma below which there is nothing to be sharp.
_PLAIN = 25.0
#: Beyond so many degrees a face is not from the front.
_FRONT = 15.0
#: Seconds after which a face that has never been seen from the front is asked to look at the camera.
UNSEEN = 6.0
#: Frames per second below which movements are missed.
SLOW = 20.0


@dataclass(frozen=True)
class Measurement:
    """One picture's face.

    width: pixels. light: median luma. clipped: share of white pixels. sides: luma of the darker half over the other's.
    sharpness: see `BLURRED`; None where it cannot be told. front: it is seen from there.
    """

    width: float
    light: float
    clipped: float
    sides: float
    sharpness: float | None
    front: bool

    def hints(self) -> set[Hint]:
        """What is wrong in this picture."""
        wrong: set[Hint] = set()
        if self.light < DARK:
            wrong.add("dark")
        if self.clipped > BRIGHT:
            wrong.add("bright")
        if self.width < FAR:
            wrong.add("far")
        if self.front and self.sides < SIDE:
            wrong.add("side-light")
        if self.sharpness is not None and self.sharpness < BLURRED:
            wrong.add("blurred")
        return wrong


def measure(rgb: Rgb, codes: HeadCodes) -> Measurement | None:
    """Measure the face in a picture (H, W, 3). None where too little of it lies in the picture."""
    height, width = rgb.shape[:2]
    camera = Camera.webcam(width, height)
    middle = camera.project(codes.translation)
    scale = camera.focal / max(float(-codes.translation[2]), 0.05)
    left, right = (int(middle[0] + side * _ASIDE * scale) for side in (-1, 1))
    top, bottom = int(middle[1] - _ABOVE * scale), int(middle[1] + _BELOW * scale)
    patch = rgb[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if patch.shape[0] < 16 or patch.shape[1] < 12:
        return None
    shown = cv2.resize(patch, (_JUDGED, _JUDGED), interpolation=cv2.INTER_AREA)
    luma = shown.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    half = luma.mean(axis=0)
    one, other = float(half[: _JUDGED // 2].mean()) + 1, float(half[_JUDGED // 2 :].mean()) + 1
    yaw, pitch, _ = np.degrees(rotations.to_euler(codes.rotation))
    return Measurement(
        width=2 * 0.075 * scale,
        light=float(np.median(luma)),
        clipped=float((luma > 250).mean()),
        sides=min(one, other) / max(one, other),
        sharpness=_sharpness(luma) if patch.shape[1] >= _JUDGED and luma.var() > _PLAIN else None,
        front=bool(abs(yaw) < _FRONT and abs(pitch) < _FRONT),
    )


def _sharpness(luma: NDArray[np.float32]) -> float:
    return float(cv2.Laplacian(luma, cv2.CV_32F).var() / luma.var())


class PictureQuality:
    """The hints of one session. hints: those that stand now, the weightiest first."""

    def __init__(self) -> None:
        self.hints: tuple[Hint, ...] = ()
        self._next = -np.inf
        self._since: dict[Hint, float] = {}  # when a hint began to differ from what is said
        self._began: float | None = None
        self._seen_front = False

    @property
    def good_for_texture(self) -> bool:
        """Whether pictures like this one may become part of the texture."""
        return not SPOILS_TEXTURE.intersection(self.hints)

    def add(self, rgb: Rgb, codes: HeadCodes, now: float, fps: float | None) -> bool:
        """Judge a picture (H, W, 3) with a face. now: monotonic seconds. fps: the camera's. True: the hints changed."""
        if now < self._next:
            return False
        self._next = now + INTERVAL
        measured = measure(rgb, codes)
        if measured is None:
            return False
        self._began = now if self._began is None else self._began
        self._seen_front |= measured.front
        wrong = measured.hints()
        if not self._seen_front and now - self._began > UNSEEN:
            wrong.add("look-once")
        if fps is not None and fps < SLOW:
            wrong.add("slow-camera")
        return self._update(wrong, now)

    def clear(self) -> bool:
        """There is no face. True: the hints changed."""
        changed, self.hints = bool(self.hints), ()
        self._since.clear()
        return changed

    def _update(self, wrong: set[Hint], now: float) -> bool:
        standing = set(self.hints)
        for hint in HINTS:
            if (hint in wrong) == (hint in standing):
                self._since.pop(hint, None)
            elif now - self._since.setdefault(hint, now) >= PATIENCE:
                standing ^= {hint}
                del self._since[hint]
        before, self.hints = self.hints, tuple(hint for hint in HINTS if hint in standing)
        return self.hints != before
