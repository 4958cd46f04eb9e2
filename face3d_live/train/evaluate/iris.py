"""How near the drawn irises are to the photo's, and where they can be told at all."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.head.points import EYE_LEFT, EYE_RIGHT, IRIS_LEFT, IRIS_RIGHT
from face3d_live.train.evaluate.skin import ciede2000, lab
from face3d_live.typing import Array, Picture

#: Of the iris's radius: between pupil and dark rim.
RING = 0.42, 0.85
_BRIGHTNESS = 0.05, 0.7  # quantiles: without lashes and highlights
_FEWEST = 10  # pixels of one eye


@dataclass(frozen=True)
class IrisFigures:
    """diameter: of the photo's irises, pixels. difference: CIEDE2000 of both eyes' colour between photo and re-render.
    lightness: by how much CIELAB's L* of the re-render is higher."""

    diameter: float
    difference: float
    lightness: float


def iris_figures(photo: Picture, photo_points: Array, drawn: Picture, drawn_points: Array) -> IrisFigures | None:
    """Compare a photo (H, W, 3) with the head drawn over it, each where its own points (478, 2) have the irises.

    None where fewer than ten pixels of either are seen between the lids.
    """
    diameter = float(np.mean([2 * _radius(photo_points[list(ring)]) for ring in (IRIS_RIGHT, IRIS_LEFT)]))
    ours, theirs = iris_colour(drawn, drawn_points), iris_colour(photo, photo_points)
    if ours is None or theirs is None:
        return None
    return IrisFigures(diameter, float(ciede2000(theirs, ours)), float(ours[0] - theirs[0]))


def iris_colour(picture: Picture, points: Array) -> Array | None:  # (H, W, 3), (478, 2) -> (3,) CIELAB
    """The median colour of both irises between the lids; None where too little is seen."""
    found = []
    for ring, lids in ((IRIS_RIGHT, EYE_RIGHT), (IRIS_LEFT, EYE_LEFT)):
        mask = _between(picture.shape[:2], points[list(ring)], points[list(lids)])
        if mask.sum() >= _FEWEST:
            found.append(picture[mask])
    if not found:
        return None
    colours = np.concatenate(found).astype(np.float32) / 255
    bright = colours.mean(1)
    least, most = np.quantile(bright, _BRIGHTNESS)
    return lab(np.median(colours[(bright >= least) & (bright <= most)], 0))


def _radius(iris: Array) -> float:  # (5, 2): the middle, and four points around
    return float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean())


def _between(size: tuple[int, ...], iris: Array, lids: Array) -> NDArray[np.bool_]:
    """Pixels of the iris's ring that the lids leave."""
    y, x = np.mgrid[: size[0], : size[1]]
    away = np.hypot(x - iris[0, 0], y - iris[0, 1]) / max(_radius(iris), 1e-6)
    open_ = np.zeros(size[:2], np.uint8)
    cv2.fillPoly(open_, [np.rint(8 * lids).astype(np.int32)], 1, shift=3)
    return np.asarray((away > RING[0]) & (away < RING[1]) & (open_ > 0))
