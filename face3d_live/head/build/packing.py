"""Placing the islands of the atlas around the head: as large as they all fit, near the corners."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_dilation
from scipy.signal import fftconvolve

from face3d_live.head.build.charts import Chart
from face3d_live.raster import rasterize
from face3d_live.typing import AnyArray, Mask

GRID = 512
_GAP = 5  # cells left free around everything: the albedo model has one texel for four
_HEAD = 0.965  # of the square's side


class Island(NamedTuple):
    """A chart to be placed; mirrored ones appear again at 1 - u. scale: wished size against the face."""

    chart: Chart
    mirrored: bool
    scale: float


def pack(head: Chart, islands: list[Island], faces: AnyArray) -> list[Island]:
    """The head in the middle, its profile on u = 1/2, and the islands where room is left, all in the unit square.

    head: its left half, profile on u = 0. Raises ValueError when the islands fit at no reasonable size.
    """
    low, high = head.uv.min(0), head.uv.max(0)
    unit = _HEAD / max(2 * high[0], high[1] - low[1])
    middle = np.array([0, (low[1] + high[1]) / 2])
    placed_head = head._replace(uv=(head.uv - middle) * unit + 0.5)
    room = _mask(placed_head, faces)
    room |= room[:, ::-1]
    # big ones first: small ones find a place between them
    order = sorted(range(len(islands)), key=lambda i: -np.prod(np.ptp(islands[i].chart.uv, axis=0)) * islands[i].scale)
    shrink = 1.0
    while shrink > 0.1:
        placed = _try(room.copy(), [islands[i] for i in order], faces, unit * shrink)
        if placed is not None:
            return [Island(placed_head, True, 1.0), *placed]
        shrink *= 0.95
    raise ValueError("the islands of the atlas do not fit around the head")


def _mask(chart: Chart, faces: AnyArray) -> Mask:  # (GRID, GRID), row 0 = bottom
    corner = np.searchsorted(chart.vertices, faces[chart.faces])
    covered = rasterize(chart.uv * GRID, corner, GRID, GRID).triangle >= 0
    touched = np.clip((chart.uv * GRID).astype(int), 0, GRID - 1)
    covered[touched[:, 1], touched[:, 0]] = True
    return np.asarray(binary_dilation(covered, iterations=_GAP))


def _try(room: AnyArray, islands: list[Island], faces: AnyArray, unit: float) -> list[Island] | None:
    """Place all at this size, each as near a corner as it can; None when one finds no place. `room` is used up."""
    placed = []
    for island in islands:
        uv = island.chart.uv * unit * island.scale
        uv = uv - uv.min(0) + (_GAP + 1) / GRID
        cells = np.ceil(uv.max(0) * GRID).astype(int) + _GAP + 1
        if (cells > GRID // 2).any():
            return None
        shape = _mask(island.chart._replace(uv=uv), faces)[: cells[1], : cells[0]]
        taken = room | room[:, ::-1] if island.mirrored else room
        clash = fftconvolve(taken.astype(np.float32), shape[::-1, ::-1].astype(np.float32), mode="valid") > 0.5
        rows, columns = np.nonzero(~clash)
        centre = np.stack([columns + cells[0] / 2, rows + cells[1] / 2], 1) / GRID - 0.5
        right = columns >= GRID // 2 if island.mirrored else np.ones(len(columns), bool)
        if not right.any():
            return None
        corner = np.where(right, np.abs(centre).sum(1) + 0.02 * (centre[:, 1] > 0), -1)
        best = int(corner.argmax())
        row, column = rows[best], columns[best]
        room[row : row + cells[1], column : column + cells[0]] |= shape
        if island.mirrored:
            room |= room[:, ::-1]
        placed.append(island._replace(chart=island.chart._replace(uv=uv + np.array([column, row]) / GRID)))
    return placed
