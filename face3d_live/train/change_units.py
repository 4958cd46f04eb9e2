"""Weights of a network taken over to other expression units.

    python -m face3d_live.train.change_units OLD_HEAD OLD_WEIGHTS NEW_WEIGHTS

After the head's movements were made anew, a coefficient means another movement. Every output that speaks of one is
scaled so that it moves the face points as far as before, as far as one channel alone can; training does the rest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face3d_live.codes import N_EXPRESSION
from face3d_live.head.model import Head, PointBasis
from face3d_live.regress import weights
from face3d_live.regress.prediction import HEADS
from face3d_live.regress.windows import ALIGNED, WINDOWS

#: The least and the most that a coefficient is scaled by.
LIMITS = (0.5, 2.5)


def scales(old: PointBasis, new: PointBasis) -> NDArray:  # -> (52,)
    """What a coefficient of the old units is to be multiplied by: the projection of its movement on the new unit."""
    along = (old.expression * new.expression).sum((1, 2))
    size = (new.expression**2).sum((1, 2))
    return np.clip(np.where(size > 0, along / np.maximum(size, 1e-12), 1.0), *LIMITS)


def scaled(tensors: dict[str, NDArray], scale: NDArray) -> dict[str, NDArray]:
    """The same tensors with every output of a coefficient multiplied. scale: (52,)."""
    out = dict(tensors)

    def multiply(name: str, rows: NDArray, by: NDArray) -> None:
        for part in ("weight", "bias"):
            tensor = out[f"{name}.{part}"].copy()
            tensor[rows] *= by.reshape(-1, *[1] * (tensor.ndim - 1)).astype(np.float32)
            out[f"{name}.{part}"] = tensor

    multiply("heads.expression", np.arange(N_EXPRESSION), scale)
    for window in WINDOWS:
        rows = 3 * len(window.points) + np.arange(len(window.codes))
        multiply(f"windows.{window.name}.out", rows, scale[list(window.codes)])
    first = sum(HEADS[name] for name in ALIGNED[: ALIGNED.index("expression")])
    multiply("aligned.out", first + np.arange(N_EXPRESSION), scale)
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old_head", type=Path, help="the head.npz that the weights were trained with")
    parser.add_argument("old", type=Path, help="weights file")
    parser.add_argument("new", type=Path, help="weights file to write, for the head of this checkout")
    options = parser.parse_args()
    found = weights.load(options.old)
    scale = scales(Head.load(options.old_head).point_basis(), Head.load().point_basis())
    weights.save(options.new, scaled(found.tensors, scale), found.meta)


if __name__ == "__main__":
    main()
