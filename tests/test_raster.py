"""The rasteriser against one that asks every pixel of every triangle."""

from __future__ import annotations

import numpy as np
import pytest

from face3d_live.raster import rasterize


def reference(points, faces, width, height, nearness):
    """Triangle by triangle, pixel by pixel: later triangles, or nearer ones, replace earlier ones."""
    triangle = np.full((height, width), -1)
    weights = np.zeros((height, width, 3))
    best = np.full((height, width), -np.inf)
    for index, face in enumerate(faces):
        system = np.vstack([points[face].T, np.ones(3)])
        if abs(np.linalg.det(system)) < 1e-12:
            continue
        for row in range(height):
            for column in range(width):
                bary = np.linalg.solve(system, [column + 0.5, row + 0.5, 1])
                near = 0 if nearness is None else np.float32(nearness[face] @ bary)
                if bary.min() >= -1e-6 and (nearness is None or near > best[row, column]):
                    triangle[row, column], weights[row, column], best[row, column] = index, bary, near
    return triangle, weights


@pytest.mark.parametrize("snap", [None, 1, 2], ids=["anywhere", "at corners", "at centres"])
@pytest.mark.parametrize("layered", [False, True])
def test_it_covers_what_asking_every_pixel_covers(snap, layered):
    """Triangles of both windings, off the picture, without area, with corners and edges on pixels' centres."""
    rng = np.random.default_rng(3)
    points = rng.uniform(-4, 20, (24, 2))
    points = points if snap is None else np.round(points * snap) / snap
    faces = rng.integers(0, 24, (20, 3))
    nearness = rng.uniform(0.1, 1, 24) if layered else None
    cover = rasterize(points, faces, 16, 13, nearness)
    triangle, weights = reference(points, faces, 16, 13, nearness)
    assert (triangle >= 0).mean() > 0.5
    assert np.array_equal(cover.triangle, triangle)
    assert np.abs(cover.weights - weights).max() < 1e-5


def test_nothing_to_cover():
    cover = rasterize(np.zeros((3, 2)), np.zeros((0, 3), int), 4, 3)
    assert cover.triangle.shape == (3, 4) and (cover.triangle == -1).all() and not cover.weights.any()
