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


def _covered(corners: AnyArray, boxes: _Boxes, width: int, height: int) -> tuple[AnyArray, AnyArray, AnyArray]:
    """(triangle, pixel, barycentric weights) of every pixel centre inside a triangle of the chunk."""
    area = boxes.size.prod(1)
    local = np.arange(area.sum()) - np.repeat(np.cumsum(area) - area, area)
    slot = np.repeat(np.arange(len(area)), area)
    columns = boxes.size[slot, 0]
    row, column = local // columns, local % columns
    x = (boxes.low[slot, 0] + column).astype(np.int64)
    y = boxes.low[slot, 1] + row
    a, b, c = (corners[boxes.triangle, k] for k in range(3))
    det = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    scale = 1 / np.where(np.abs(det) < 1e-12, np.inf, det)
    # weight of b and c are affine in the pixel: gradient rows per triangle
    gb = np.stack([(c[:, 1] - a[:, 1]) * scale, -(c[:, 0] - a[:, 0]) * scale], 1)
    gc = np.stack([-(b[:, 1] - a[:, 1]) * scale, (b[:, 0] - a[:, 0]) * scale], 1)
    dx, dy = x + 0.5 - a[slot, 0], y + 0.5 - a[slot, 1]
    wb = gb[slot, 0] * dx + gb[slot, 1] * dy
    wc = gc[slot, 0] * dx + gc[slot, 1] * dy
    inside = (wb >= _EDGE) & (wc >= _EDGE) & (wb + wc <= 1 - _EDGE) & (scale[slot] != 0)
    wb, wc = wb[inside], wc[inside]
    bary = np.stack([1 - wb - wc, wb, wc], 1).astype(np.float32)
    return boxes.triangle[slot[inside]], (y * width + x)[inside], bary
