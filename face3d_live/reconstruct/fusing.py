"""Several photos, or a video, of one person: one identity, and the pictures that its texture is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from face3d_live.codes import HeadCodes
from face3d_live.reconstruct.advice import refusal
from face3d_live.reconstruct.find import Found
from face3d_live.reconstruct.photo import read_photo
from face3d_live.reconstruct.quality_gate import Quality
from face3d_live.reconstruct.search import COARSE_SIDE, reduced
from face3d_live.regress.fit import Fitter
from face3d_live.typing import Array, Picture

MOST_PICTURES = 12
VIDEO_PICTURES = 8
VIDEO_SUFFIXES = frozenset({
    ".3gp", ".avi", ".flv", ".h264", ".h265", ".hevc", ".m2ts", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv",
})  # fmt: skip
_UNKNOWN_LENGTH = 300  # frames assumed for a video of unknown length
_STEPS = 4


@dataclass(frozen=True)
class PersonView:
    """One picture of the person, with the face found in it and its quality."""

    name: str
    rgb: Picture
    found: Found
    quality: Quality

    @property
    def trust(self) -> float:
        """Weight of the picture: high for confident, large, sharp and frontal faces."""
        size = min(1.0, self.quality.face / 300)
        front = max(0.1, float(np.cos(self.quality.yaw) * np.cos(self.quality.pitch)))
        sharp = min(1.0, self.quality.sharpness / 0.3)
        return float(max(self.found.confidence, 0.05) * size**0.5 * front**2 * sharp)


def one_identity(views: Sequence[PersonView], fitter: Fitter) -> list[PersonView]:
    """The same pictures, best first, their codes with one shape: the mean by trust.

    Pose and expression are fitted anew around it.
    """
    ordered = sorted(views, key=lambda view: -view.trust)
    weight = np.array([view.trust for view in ordered])
    shape = np.average([view.found.codes.shape for view in ordered], axis=0, weights=weight).astype(np.float32)
    return [replace(view, found=with_shape(view.found, shape, fitter)) for view in ordered]


def with_shape(found: Found, shape: Array, fitter: Fitter) -> Found:  # (80,)
    """The same face with another identity: pose and expression fitted to its points anew."""
    start: HeadCodes = found.codes.with_(shape=shape)
    fit = fitter.fit(found.points, found.sigma, found.camera, start, solve_shape=False, steps=_STEPS)
    return replace(found, codes=fit.codes)


def read_pictures(sources: Iterable[Path]) -> list[tuple[str, Picture]]:
    """(name, picture) of photos, and of the sharpest moments of videos; at most `MOST_PICTURES`.

    Raises InputError as `read_photo` and `Video.open` do.
    """
    pictures: list[tuple[str, Picture]] = []
    for source in sources:
        if source.suffix.lower() in VIDEO_SUFFIXES:
            pictures += [(f"{source}@{t:.2f}s", rgb) for t, rgb in moments(source)]
        else:
            pictures.append((str(source), read_photo(source)))
    if len(pictures) > MOST_PICTURES:
        raise refusal("too-many-photos", f"{len(pictures)} pictures, {MOST_PICTURES} are enough")
    return pictures


def moments(path: Path, count: int = VIDEO_PICTURES) -> list[tuple[float, Picture]]:
    """(seconds, frame) of the sharpest frame of each of `count` stretches of a video. Raises InputError as `Video`."""
    from face3d_live.video import Video

    best: dict[int, tuple[float, float, Picture]] = {}
    with Video.open(path) as video:
        length = max(video.expected or _UNKNOWN_LENGTH, count)
        for i, (rgb, t) in enumerate(video):
            if i >= 4 * length:
                break  # it declares less than it holds: enough was seen
            stretch = min(i * count // length, count - 1)
            sharp = _detail(rgb)
            if stretch not in best or sharp > best[stretch][0]:
                best[stretch] = sharp, t, reduced(rgb, COARSE_SIDE).copy()
    return [(t, rgb) for _, t, rgb in best.values()]


def _detail(rgb: Picture) -> float:
    """More for a sharper frame of the same scene."""
    shrink = 320 / max(rgb.shape[:2])
    small = cv2.resize(rgb, None, fx=min(shrink, 1), fy=min(shrink, 1), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), cv2.CV_32F).std())
