"""Which hair style a picture shows: a linear classifier of what surrounds the face.

The picture is brought to a plane through the head that faces the camera, upright and in the head's own measure. A
coarse grid of it, its colours against the skin's and how much they vary, goes to the classifier of
`models/hair_style.npz`, which `train.hair_style` makes. docs/hair.md has what it takes portraits for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from face3d_live import arrays
from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.hairstyle import STYLES
from face3d_live.head.model import Head
from face3d_live.paths import MODELS
from face3d_live.typing import AnyArray, Array, Picture

#: Metres of the plane: to either side, above and below the eyes; and of a pixel.
SIDE, ABOVE, BELOW, PIXEL = 0.18, 0.21, 0.18, 0.005
WIDTH, HEIGHT = round(2 * SIDE / PIXEL), round((ABOVE + BELOW) / PIXEL)
#: The head's measure: from the eyes' height to the chin, metres.
_CHIN, _TO_CHIN = 152, 0.105
#: Cells of the grid.
COLUMNS, ROWS = 12, 13
FEATURES = 5 * COLUMNS * ROWS
#: Of the plane, rows and columns: nose and cheeks, whose median is the skin's colour.
_SKIN = slice(42, 56), slice(28, 44)
#: The upper corners, where the background is.
CORNERS = (slice(0, 14), slice(0, 9)), (slice(0, 14), slice(WIDTH - 9, WIDTH))
#: OpenCV's Lab, in which differences count as one; and how many of these at most.
_UNIT, _MOST = np.array([40, 12, 12], np.float32), 2.5
_VARIES = 6.0
#: Linear sRGB to XYZ (IEC 61966-2-1).
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
#: Whoever is taken for bald wrongly is hurt more than who gets hair: bald from this probability on.
_BALD = 0.5


@dataclass(frozen=True)
class HairStyleClassifier:
    """weight: (FEATURES, K), bias: (K,), of features about mean: (FEATURES,) in units of spread: (FEATURES,). cost: (K,
    K), of taking the first style for the second. styles: names of the K classes."""

    weight: Array
    bias: Array
    mean: Array
    spread: Array
    cost: Array
    styles: tuple[str, ...]

    @classmethod
    def load(cls, path: Path | None = None) -> HairStyleClassifier:
        """Raises AssetError("hair-style-missing") or AssetError("hair-style-broken")."""
        path = path or MODELS / "hair_style.npz"
        with arrays.asset(path, "hair-style", "restore it", "run python -m face3d_live.train.hair_style") as stored:
            styles = tuple(str(name) for name in stored["styles"])
            weight, bias, mean, spread, cost = (
                stored[name].astype(np.float32) for name in ("weight", "bias", "mean", "spread", "cost")
            )
            count = len(styles)
            if weight.shape != (FEATURES, count) or cost.shape != (count, count) or not set(styles) <= set(STYLES):
                raise ValueError("arrays of unexpected shapes, or unknown styles")
        return cls(weight, bias, mean, spread, cost, styles)

    def chances(self, features: AnyArray) -> Array:  # (FEATURES,) -> (K,)
        """The probability of each style."""
        score = (features - self.mean) / self.spread @ self.weight + self.bias
        share = np.exp(score - score.max())
        return np.asarray(share / share.sum(), np.float32)

    def bareness(self, features: AnyArray) -> float:
        """The probability of a style that shows much of the scalp."""
        return float(self.chances(features)[np.isin(self.styles, ("bald", "receding", "buzz"))].sum())

    def style(self, features: AnyArray, bare: bool = True) -> str:
        """The style of the least expected cost; bald only from `_BALD` on, and if the scalp looks bare."""
        chances = self.chances(features).copy()
        bald = self.styles.index("bald") if "bald" in self.styles else None
        if bald is not None and (chances[bald] < _BALD or not bare):
            chances[bald] = 0
        return self.styles[int((chances @ self.cost).argmin())]


@cache
def classifier() -> HairStyleClassifier:
    """The one that ships, read once."""
    return HairStyleClassifier.load()


def surroundings(frame_rgb: Picture, codes: HeadCodes, camera: Camera, head: Head) -> Picture:  # -> (HEIGHT, WIDTH, 3)
    """The picture on the plane; beyond its border the border is repeated."""
    chin = head.points(head.neutral(codes.shape), [_CHIN])[0]
    measure = _TO_CHIN / max(float(-chin[1]), 0.05)
    middle = camera.project(codes.translation)
    up = camera.project(codes.translation + 0.1 * codes.rotation[:, 1]) - middle
    up /= max(float(np.linalg.norm(up)), 1e-6)
    size = camera.focal / max(float(-codes.translation[2]), 0.05) / measure * PIXEL  # of a plane's pixel, in the frame
    shrink = min(1.0, 1.5 / size)
    small = cv2.resize(frame_rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else frame_rgb
    turn = np.stack([[-up[1], up[0]], -up]) / size
    matrix = np.concatenate([turn / shrink, (np.array([SIDE, ABOVE]) / PIXEL - turn @ middle)[:, None]], 1)
    return np.asarray(cv2.warpAffine(small, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def eight_bit_lab(rgb: Picture) -> Array:  # (..., 3) sRGB -> (..., 3)
    """CIE L*a*b* of a D65 white, in whole numbers as OpenCV has it for bytes: 2.55 L*, a* + 128, b* + 128.

    OpenCV makes a table first, which takes longer than a plane of this size.
    """
    values = np.arange(256) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)
    share = linear[rgb] @ (_XYZ / _XYZ.sum(1, keepdims=True)).T.astype(np.float32)
    x, y, z = np.moveaxis(np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116), -1, 0)
    lab = np.stack([2.55 * (116 * y - 16), 500 * (x - y) + 128, 200 * (y - z) + 128], -1)
    return np.asarray(np.rint(lab), np.float32)


def grid_of(plane: Picture) -> Array:  # (HEIGHT, WIDTH, 3) -> (FEATURES,)
    """Lab against the skin's, the difference in brightness without its sign, and the edges, of each cell."""
    lab = eight_bit_lab(plane)
    against = (lab - np.median(lab[_SKIN].reshape(-1, 3), 0)) / _UNIT
    edges = np.abs(cv2.Sobel(lab[..., 0], cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(lab[..., 0], cv2.CV_32F, 0, 1))
    cells = np.clip(cv2.resize(against, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA), -_MOST, _MOST)
    varies = cv2.resize(np.sqrt(edges), (COLUMNS, ROWS), interpolation=cv2.INTER_AREA) / _VARIES
    return np.concatenate([cells.ravel(), np.abs(cells[..., 0]).ravel(), varies.ravel()]).astype(np.float32)
