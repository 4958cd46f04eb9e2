"""A small triangle rasteriser in NumPy: which triangle covers each pixel, and where on it the pixel's centre lies.

Used where an OpenGL context would be in the way: texel tables of the UV atlas, visibility in a photo. Pixels: origin at
the top-left corner, x right, y down; the centre of pixel (row i, column j) is (j + 0.5, i + 0.5).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from face3d_live.typing import AnyArray, Array

_CHUNK = 4_000_000  # candidate pixels held at once: bounds the memory to some 200 MB
_EDGE = -1e-6  # a centre exactly on a shared edge belongs to both triangles rather than to none


class Coverage(NamedTuple):
    """triangle: (H, W), -1 where nothing is; weights: (H, W, 3) barycentric, of the projected triangle."""

    triangle: NDArray[np.int32]
    weights: Array


def rasterize(points: AnyArray, faces: AnyArray, width: int, height: int, nearness: AnyArray | None = None) -> Coverage:
    """Cover a picture with triangles.

    points: (N, 2) pixels; faces: (F, 3); nearness: (N,) larger is nearer (use 1/depth: it is linear in the picture);
    without it the triangles are assumed not to overlap. Either winding is drawn.
    """
    triangle = np.full(height * width, -1, np.int32)
    weights = np.zeros((height * width, 3), np.float32)
    best = np.full(height * width, -np.inf, np.float32)
    corners = np.asarray(points, np.float64)[faces]  # (F, 3, 2)
    near = None if nearness is None else np.asarray(nearness, np.float64)[faces]
    for chunk in _chunks(corners, width, height):
        tri, pixel, bary = _covered(corners, chunk, width, height)
        if near is not None:
            depth = (near[tri] * bary).sum(1).astype(np.float32)
            keep = depth > best[pixel]
            order = np.flatnonzero(keep)[np.argsort(depth[keep], kind="stable")]  # the nearest is written last
            tri, pixel, bary = tri[order], pixel[order], bary[order]
            best[pixel] = depth[order]
        triangle[pixel] = tri
        weights[pixel] = bary
    return Coverage(triangle.reshape(height, width), weights.reshape(height, width, 3))


class _Boxes(NamedTuple):
    triangle: AnyArray  # (n,)
    low: AnyArray  # (n, 2) first column and row
    size: AnyArray  # (n, 2) columns and rows


def _chunks(corners: AnyArray, width: int, height: int) -> list[_Boxes]:
    """The triangles' pixel boxes, clipped to the picture, in chunks of bounded total area."""
    limit = np.array([width, height])
    low = np.clip(np.ceil(corners.min(1) - 0.5), 0, limit).astype(np.int64)
    high = np.clip(np.floor(corners.max(1) - 0.5) + 1, 0, limit).astype(np.int64)
    size = np.maximum(high - low, 0)
    index = np.flatnonzero(size.prod(1) > 0)
    if len(index) == 0:
        return []
    part = np.cumsum(size[index].prod(1)) // _CHUNK
    cuts = np.flatnonzero(np.diff(part)) + 1
    return [_Boxes(i, low[i], size[i]) for i in np.split(index, cuts)]


class _Spans(NamedTuple):
    """Runs of pixels whose centres lie in a triangle: one for each row that it may touch, empty ones left out."""

    box: AnyArray  # (m,) the triangle's index in its chunk
    row: AnyArray  # (m,)
    first: AnyArray  # (m,) column
    length: AnyArray  # (m,) columns


def _covered(corners: AnyArray, boxes: _Boxes, width: int, height: int) -> tuple[AnyArray, AnyArray, AnyArray]:
    """(triangle, pixel, barycentric weights) of every pixel centre inside a triangle of the chunk."""
    planes = _planes(corners[boxes.triangle])
    spans = _spans(planes, boxes)
    total = int(spans.length.sum())
    column = np.arange(total) - np.repeat(np.cumsum(spans.length) - spans.length - spans.first, spans.length)
    offset = planes[spans.box, :, 1] * (spans.row + 0.5)[:, None] + planes[spans.box, :, 2]  # (m, 3)
    bary = np.empty((total, 3), np.float32)
    for k in range(3):
        slope = np.repeat(planes[spans.box, k, 0], spans.length)
        bary[:, k] = slope * (column + 0.5) + np.repeat(offset[:, k], spans.length)
    pixel = np.repeat(spans.row * width, spans.length) + column
    return np.repeat(boxes.triangle[spans.box], spans.length), pixel, bary


def _planes(corners: AnyArray) -> AnyArray:  # (n, 3, 2) -> (n, 3, 3)
    """Of each triangle's three barycentric weights, which are affine in the picture: slope along x, along y, and value
    at the origin. Those of a triangle without area are NaN.
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    det = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    scale = 1 / np.where(np.abs(det) < 1e-12, np.nan, det)
    of_b = np.stack([(c[:, 1] - a[:, 1]) * scale, (a[:, 0] - c[:, 0]) * scale], 1)
    of_c = np.stack([(a[:, 1] - b[:, 1]) * scale, (b[:, 0] - a[:, 0]) * scale], 1)
    of_b, of_c = (np.concatenate([of, -(of * a).sum(1, keepdims=True)], 1) for of in (of_b, of_c))
    return np.stack([np.array([0.0, 0.0, 1.0]) - of_b - of_c, of_b, of_c], 1)


def _spans(planes: AnyArray, boxes: _Boxes) -> _Spans:
    """Where in each row of a triangle's box all three weights are positive."""
    rows = boxes.size[:, 1]
    box = np.repeat(np.arange(len(rows)), rows)
    row = np.arange(len(box)) - np.repeat(np.cumsum(rows) - rows - boxes.low[:, 1], rows)
    low = boxes.low[box, 0] + 0.5
    high = last = low + boxes.size[box, 0] - 1
    for k in range(3):
        slope, value = planes[box, k, 0], planes[box, k, 1] * (row + 0.5) + planes[box, k, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            edge = (_EDGE - value) / slope
        low = np.where(slope > 0, np.maximum(low, edge), low)
        high = np.where(slope < 0, np.minimum(high, edge), high)
        high = np.where((slope == 0) & (value < _EDGE) | np.isnan(slope), -np.inf, high)
    first = np.ceil(np.minimum(low, last + 1) - 0.5).astype(np.int64)
    count = np.floor(np.maximum(high, -1) - 0.5).astype(np.int64) - first + 1
    some = count > 0
    return _Spans(box[some], row[some], first[some], count[some])
