"""Long hair at another length."""

import numpy as np

from face3d_live.head.build.hair import cut
from face3d_live.head.build.makehuman import PlacedHair

ROWS, COLUMNS, TOP, END = 41, 5, 0.12, -0.30


def curtain():
    """Straight strands in one plane, from the crown to below the shoulders."""
    down, across = np.meshgrid(np.linspace(0, 1, ROWS), np.linspace(0, 1, COLUMNS), indexing="ij")
    y = TOP + down * (END - TOP)
    vertices = np.stack([0.1 * across, y, np.full_like(y, 0.05)], -1).reshape(-1, 3)
    uv = np.stack([across, 1 - down], -1).reshape(-1, 2)
    first = (np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS - 1)).reshape(-1, 1)
    corners = np.array([[0, COLUMNS, 1], [1, COLUMNS, COLUMNS + 1]])
    faces = (first[:, None] + corners).reshape(-1, 3).astype(np.int32)
    return PlacedHair(
        vertices.astype(np.float32),
        np.tile(np.float32([0, 0, 1]), (len(vertices), 1)),
        np.arange(len(vertices)),
        uv.astype(np.float32),
        faces,
    )


def test_a_bob_ends_at_its_height_and_begins_to_be_shorter_without_a_crease():
    long = curtain()
    bob = cut("bob", long)
    y, v = bob.vertices[bob.corner_vertex][:, 1], bob.corner_uv[:, 1]
    assert abs(y.min() + 0.095) < 0.01
    strand = np.argsort(-v[np.abs(bob.corner_uv[:, 0] - 0.5) < 0.01])
    y = y[np.abs(bob.corner_uv[:, 0] - 0.5) < 0.01][strand]
    steps = -np.diff(y)
    usual = (TOP - END) / (ROWS - 1)
    above = y[:-1] > 0.03
    np.testing.assert_allclose(steps[above], usual, rtol=0.05)
    assert (steps > -1e-4).all()
    assert np.abs(np.diff(steps)).max() < 0.2 * usual, "a crease"
