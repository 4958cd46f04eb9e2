"""Faces of a photo of any size: the detector over the whole of it, then in finer and finer tiles.

`Detector.detect` finds faces down to about a thirtieth of a picture. A photo without a detection is turned by quarter
turns first, and then searched again in square tiles, each level half as wide as the one before, down to tiles in which
a face of `LEAST_FACE` pixels has an eighth of the side. Every level is one reduced copy of the photo, so memory stays
below the photo's own. A detection counts when a close-up of the photo's own pixels scores above `SURE`, upright or
turned by quarter turns: small patterns that score as a face in a tile do not in the close-up. The first level with a
score above `_CERTAIN` ends the search.

A photo of 48 megapixels without a face takes 1,600 runs of about 2 ms each on one core, one of 12 megapixels 400.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

from face3d_live.track.detector import (
    LEAST_CONTRAST,
    SCORE_NEAR,
    SIDE,
    SURE,
    TILE_SHARES,
    Detection,
    Detector,
    merge_detections,
)
from face3d_live.typing import AnyArray, Picture

_CERTAIN = 0.85  # score from which a face ends the search: of discs and bars some get 0.76 in a close-up, faces 0.9
LEAST_FACE = 48  # pixels of a photo: the smallest face that is looked for
COARSE_SIDE = 2048  # longer side of the picture for `Detector.detect`
_WIDTHS = 8  # of the smallest face in the side of the finest tile: 16 pixels of the detector's input
_STRIDE = 0.62  # of a tile: what is left overlaps, and holds a face that the next coarser level misses
_RIM = 20  # pixels of a level around the photo: a face at the very edge of a tile is missed
_CLOSE_UP_SIDE = 256  # pixels of a close-up: more than the detector's input, and cheap to turn


def search(detector: Detector, rgb: Picture) -> list[Detection]:
    """Faces of a photo (H, W, 3), largest first, doubtful ones last; none where there is none."""
    small = reduced(rgb, COARSE_SIDE)
    back = max(rgb.shape[:2]) / max(small.shape[:2])
    faces = [scaled(face, back) for face in detector.detect(small)]
    if _found(faces):
        return faces
    turned = (scaled(face, back) for face in _turned(detector, small))
    faces = merge_detections([*faces, *_confirmed(detector, rgb, [*faces, *turned])])
    for side in _sides(max(rgb.shape[:2])):
        if _found(faces):
            break
        faces = merge_detections([*faces, *_confirmed(detector, rgb, list(_in_tiles(detector, rgb, side)))])
    return sorted(faces, key=lambda face: (face.score < SURE, -face.area))


def _found(faces: list[Detection]) -> bool:
    return any(face.score >= _CERTAIN for face in faces)


def _turned(detector: Detector, small: Picture) -> Iterator[Detection]:
    """Faces of a picture that was taken with the camera turned."""
    height, width = small.shape[:2]
    for quarters in (1, 2, 3):
        for face in detector.detect(np.ascontiguousarray(np.rot90(small, quarters))):
            yield turned_back(face, quarters, (width, height))


def _confirmed(detector: Detector, rgb: Picture, found: list[Detection]) -> Iterator[Detection]:
    """Of unmerged detections those that a close-up scores above `SURE`, as detected there."""
    for face in merge_detections(found):
        near = detect_close_up(detector, rgb, face)
        if near is not None and near.score >= SURE:
            yield near


def detect_close_up(detector: Detector, rgb: Picture, face: Detection) -> Detection | None:
    """The best-scored face at this place in four orientations; its keypoints give its roll. None without a face."""
    low = np.floor(face.centre - face.side).astype(int)
    side = 2 * int(np.ceil(face.side))
    patch = window(rgb, low, side)
    small = reduced(patch, _CLOSE_UP_SIDE)
    scale = side / len(small)
    found = []
    for quarters in range(4):
        turned = np.ascontiguousarray(np.rot90(small, quarters))
        seen = detector.detect_near(turned, np.full(2, len(small) / 2, np.float32), face.side / scale)
        if seen is not None and abs(seen.roll) < math.radians(60):  # more is for another of the four
            back = turned_back(seen, quarters, (len(small), len(small)))
            found.append(moved(scaled(back, scale), low))
    return max(found, key=lambda each: each.score, default=None)


def reduced(rgb: Picture, most: int) -> Picture:
    """The picture, its longer side at most `most` pixels."""
    scale = most / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = max(round(rgb.shape[1] * scale), 1), max(round(rgb.shape[0] * scale), 1)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def window(rgb: Picture, low: AnyArray, side: int) -> Picture:
    """A square of a picture from its corner (2,) x, y on; beyond the picture its edge is repeated."""
    x, y = (np.clip(np.arange(low[k], low[k] + side), 0, rgb.shape[1 - k] - 1) for k in (0, 1))
    return np.ascontiguousarray(rgb[y[0] : y[-1] + 1, x[0] : x[-1] + 1][np.ix_(y - y[0], x - x[0])])


def scaled(face: Detection, scale: float) -> Detection:
    """The same face in a picture enlarged by `scale`."""
    return Detection(face.box * scale, face.score, face.keypoints * scale)


def moved(face: Detection, shift: AnyArray) -> Detection:
    """The same face, (2,) pixels further."""
    return Detection(face.box + np.tile(shift, 2), face.score, face.keypoints + shift)


def turned_back(face: Detection, quarters: int, size: tuple[int, int]) -> Detection:
    """A face of a picture that was turned by `quarters` as `np.rot90` does, in the picture as it was, of `size`
    (width, height)."""
    box, keypoints = face.box.reshape(2, 2), face.keypoints
    for turn in range(quarters, 0, -1):
        width = size[0] if turn % 2 else size[1]  # of the picture before this turn
        box, keypoints = (np.stack([width - each[:, 1], each[:, 0]], 1) for each in (box, keypoints))
    return Detection(np.concatenate([box.min(0), box.max(0)]), face.score, keypoints)


def _sides(length: int) -> Iterator[float]:
    """Pixels of the tiles of each level, coarse to fine."""
    finest = float(_WIDTHS * LEAST_FACE)
    side = TILE_SHARES[-1] * length
    while side > finest:
        side = side / 2 if side / 2 > 1.3 * finest else finest
        yield side


def _in_tiles(detector: Detector, rgb: Picture, side: float) -> Iterator[Detection]:
    """Unmerged detections of one level, in the photo's pixels."""
    level = reduced(rgb, max(round(max(rgb.shape[:2]) * SIDE / side), SIDE))
    back = max(rgb.shape[:2]) / max(level.shape[:2])
    level = cv2.copyMakeBorder(level, _RIM, _RIM, _RIM, _RIM, cv2.BORDER_REPLICATE)
    rows, columns = (_starts(length) for length in level.shape[:2])
    for top in rows:
        for left in columns:
            tile = level[top : top + SIDE, left : left + SIDE]
            if np.ptp(tile[::4, ::4]) >= LEAST_CONTRAST:
                for face in detector.detect_raw(tile, left - _RIM, top - _RIM, SCORE_NEAR):
                    yield scaled(face, back)


def _starts(length: int) -> list[int]:
    """Where tiles begin along a side of `length` pixels."""
    if length <= SIDE:
        return [0]
    count = 1 + int(np.ceil((length - SIDE) / (_STRIDE * SIDE)))
    return [round(start) for start in np.linspace(0, length - SIDE, count)]
