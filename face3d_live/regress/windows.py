"""Windows of fine features that follow the eyes and the mouth, and features at every face point. NumPy only.

In a crop of 112 pixels an open eye is four pixels high, and the last features of a ResNet have a stride of 32. As in
Attention Mesh (Grishchenko et al. 2020), a first guess of the points places a window over each eye and the mouth in the
early feature maps, and a small head per window corrects the points of that region and the whole expression (with only
the region's own channels it was worse: r = 0.84 instead of 0.86 on held-out portraits). Then features sampled at every
corrected point correct it again, and all codes of geometry ("mesh-aligned": Zhang et al., "PyMAF", ICCV 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from face3d_live.codes import N_EXPRESSION
from face3d_live.head import points as groups
from face3d_live.typing import Array

#: Heads whose outputs the windows correct.
CORRECTED = ("points", "log_sigma", "expression")

#: Width of a window's hidden layer, for a network whose windows have 64 channels.
HIDDEN_PER_CHANNEL = 4

#: Heads that the features of all points together correct, in the order of the outputs.
ALIGNED = ("points", "shape", "expression", "rotation", "placement")

#: Size of each point's summary for that, and width of the hidden layer over all summaries.
SUMMARY, ALIGNED_HIDDEN = 4, 256


@dataclass(frozen=True)
class Window:
    """A grid of cells around the mean of some points.

    offset, half: where its middle lies from that mean and half its extent, (x, y) in half sides of the crop.
    cells: rows and columns, even. points: those it corrects.
    """

    name: str
    anchor: tuple[int, ...]
    offset: tuple[float, float]
    half: tuple[float, float]
    cells: tuple[int, int]
    points: tuple[int, ...]

    @property
    def outputs(self) -> int:
        """x and y of each point, then the logarithm of each point's sigma, then the expression."""
        return 3 * len(self.points) + N_EXPRESSION

    def grid(self) -> Array:  # (rows, columns, 2)
        """Cell centres relative to the mean of the anchor, in crop coordinates (x right, y down)."""
        rows, columns = self.cells
        x = (np.arange(columns) + 0.5) / columns * 2 - 1
        y = (np.arange(rows) + 0.5) / rows * 2 - 1
        grid = np.stack(np.meshgrid(x, y), -1) * self.half + self.offset
        return np.asarray(grid, np.float32)


def _eye(side: str, ring: Sequence[int], brow: Sequence[int], iris: Sequence[int]) -> Window:
    return Window(f"eye{side}", tuple(ring), (0, -0.1), (0.35, 0.35), (10, 10), (*ring, *iris, *brow))


WINDOWS = (
    _eye("Left", groups.EYE_LEFT, groups.BROW_LEFT, groups.IRIS_LEFT),
    _eye("Right", groups.EYE_RIGHT, groups.BROW_RIGHT, groups.IRIS_RIGHT),
    Window(
        "mouth",
        groups.LIPS_OUTER,
        (0, 0),
        (0.49, 0.42),
        (12, 14),
        groups.LIPS_OUTER + groups.LIPS_INNER,
    ),
)


def scatter() -> dict[str, Array]:
    """0/1 matrices that add the windows' outputs, side by side, to the outputs of a head: (sum of outputs, width)."""
    total = sum(window.outputs for window in WINDOWS)
    points = np.zeros((total, groups.N_POINTS, 2), np.float32)
    sigma = np.zeros((total, groups.N_POINTS), np.float32)
    codes = np.zeros((total, N_EXPRESSION), np.float32)
    row = 0
    for window in WINDOWS:
        for point in window.points:
            points[row, point, 0] = points[row + 1, point, 1] = 1
            row += 2
        for target, members in ((sigma, window.points), (codes, range(N_EXPRESSION))):
            for member in members:
                target[row, member] = 1
                row += 1
    return {"points": points.reshape(total, -1), "log_sigma": sigma, "expression": codes}
