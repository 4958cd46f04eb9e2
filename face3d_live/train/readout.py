"""The last layers of the expression solved for, and its size corrected: what ends a training.

    python -m face3d_live.train.readout --folder DIR --start FILE --out FILE

Gradient descent leaves these layers far from their optimum (they learn at a tenth of the rate, see `loop`), and what a
least-squares estimate is unsure of it makes smaller: its slope on the truth is r^2, not 1. So when the features stand
still,

1. the coefficients that real pictures have labels for are fitted to them by ridge regression on the features that the
   last layers read, with the `WEIGHTS` of the kinds of pictures; those that only drawn faces have, to those;
2. each channel is stretched about its value at rest by the inverse of its slope, measured on faces that the regression
   had not seen, where it is sure enough of what it sees (`LEAST_R`).

Both are folded into the weights: the form of the network stays.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from face3d_live.codes import ARKIT, N_EXPRESSION
from face3d_live.errors import Face3DError, InputError
from face3d_live.head.model import Head
from face3d_live.regress import weights
from face3d_live.regress.network import Architecture, Network
from face3d_live.train import checkpoint
from face3d_live.train.augment import Augmenter, mirror_shape
from face3d_live.train.data.pool import Pool
from face3d_live.train.expression_readers import Readers
from face3d_live.train.loop import as_crops
from face3d_live.typing import AnyArray, Array

#: What a picture counts: a portrait, a frame of a clip, a real one turned by drawing, a drawn face. Size is measured on
#: the first kind that there is: people in clips move little, and their slopes are mostly noise.
WEIGHTS = {"portrait": 1.0, "frame": 1.0, "turned": 0.1, "drawn": 0.1}
#: Pictures of each kind, and how often one may come again, augmented anew.
COUNTS = {"portrait": 9_000, "frame": 4_000, "turned": 2_000, "drawn": 6_000}
MOST_COPIES = 6
#: With fewer pictures the layers stay as they are.
LEAST = 500
#: Ridge, in units of the features' variance.
RIDGE = 0.2
#: Parts that the pictures are divided into for measuring; neighbours in a pool are of one person.
FOLDS = 5
#: A channel is stretched where it correlates so much with the truth, and at most so far.
LEAST_R, MOST_GAIN = 0.4, 2.0
#: Never stretched: the labels of portraits call narrow eyes half closed, and lids that move at their full size already.
AS_THEY_ARE = ("eyeBlink", "eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown")
#: Percentile of the answers that stands for faces at rest.
REST = 25
BATCH = 64


@dataclass(frozen=True)
class Samples:
    """What N pictures gave, in the order of the pools.

    features: (N, n) what the last layers read. answers, truth: (N, 52); known: (N, 52) where there is a truth; kind:
    (N,) keys of `WEIGHTS`; fold: (N,) 0 to `FOLDS` - 1.
    """

    features: Array
    answers: Array
    truth: Array
    known: NDArray[np.bool_]
    kind: NDArray[np.str_]
    fold: NDArray[np.int64]


@dataclass(frozen=True)
class Measured:
    """Of each channel, on pictures that the regression had not seen: correlation and slope on the truth, and the gain
    that was applied; (52,), NaN without a truth, r -1 where truth or answers do not vary."""

    r: AnyArray
    slope: AnyArray
    gain: AnyArray


def refit(network: Network, samples: Samples) -> Measured:
    """Solve for the last layers of the expression and correct its size, in place."""
    readers = Readers(network)
    matrix, bias = readers.map()
    live = samples.known[samples.kind == "portrait"].any(0)
    results = np.full((3, N_EXPRESSION), np.nan)
    for channels, kinds in ((np.flatnonzero(live), tuple(WEIGHTS)), (np.flatnonzero(~live), ("drawn",))):
        weight = np.array([WEIGHTS[k] if k in kinds else 0.0 for k in samples.kind])
        judged = samples.kind == kinds[0]
        if not len(channels) or judged.sum() < LEAST:
            continue
        moments = [_Moments.of(samples, weight * (samples.fold == fold)) for fold in range(FOLDS)]
        whole = sum(moments[1:], moments[0])
        unseen = samples.answers[:, channels].copy()
        for fold, part in enumerate(moments):
            rows = samples.fold == fold
            change, shift = (whole - part).solve(channels)
            unseen[rows] += samples.features[rows] @ change + shift
        change, shift = whole.solve(channels)
        for column, k in enumerate(channels):
            rows = judged & samples.known[:, k]
            if not rows.any():
                continue
            size = _size(unseen[rows, column], samples.truth[rows, k])
            before = _size(samples.answers[rows, k], samples.truth[rows, k])
            if size.r > before.r:
                matrix[k] += change[:, column]
                bias[k] += shift[column]
            else:
                size = before
            gain = 1.0 if ARKIT[k].startswith(AS_THEY_ARE) else size.gain
            results[:, k] = size.r, size.slope, gain
            matrix[k] *= gain
            bias[k] = gain * (bias[k] - size.rest) + size.rest
    readers.set_map(matrix, bias)
    return Measured(*results)


@dataclass(frozen=True)
class _Size:
    """Correlation and slope of answers on the truth, the answer to faces at rest, and the gain for a slope of 1."""

    r: float
    slope: float
    rest: float
    gain: float


def _size(answers: AnyArray, truth: AnyArray) -> _Size:
    answers = np.clip(answers, 0, 1)
    rest = float(np.percentile(answers, REST))
    a, t = answers - answers.mean(), truth - truth.mean()
    if t.std() < 1e-4 or a.std() < 1e-6:
        return _Size(-1.0, 0.0, rest, 1.0)
    r, slope = float(a @ t / np.sqrt((a @ a) * (t @ t))), float(a @ t / (t @ t))
    return _Size(r, slope, rest, float(np.clip(1 / slope, 1, MOST_GAIN)) if r >= LEAST_R else 1.0)


@dataclass(frozen=True)
class _Moments:
    """Weighted sums over pictures: 1, x, x x', y, x y', of features x and what the answers y lack."""

    count: float
    x: AnyArray
    xx: AnyArray
    y: AnyArray
    xy: AnyArray

    @classmethod
    def of(cls, samples: Samples, weight: AnyArray) -> _Moments:
        rows = np.flatnonzero(weight)
        x, w = samples.features[rows].astype(np.float64), weight[rows]
        # Where there is no truth, the answer is as good as any.
        y = np.where(samples.known[rows], samples.truth[rows] - samples.answers[rows], 0).astype(np.float64)
        weighted = x * w[:, None]
        return cls(float(w.sum()), weighted.sum(0), weighted.T @ x, w @ y, weighted.T @ y)

    def __add__(self, other: _Moments) -> _Moments:
        return _Moments(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def __sub__(self, other: _Moments) -> _Moments:
        return _Moments(*(a - b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def solve(self, channels: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Ridge regression of m channels on the n features: (n, m) and (m,)."""
        mean, middle = self.x / self.count, self.y[channels] / self.count
        covariance = self.xx / self.count - np.outer(mean, mean)
        scale = np.sqrt(np.maximum(np.diag(covariance), 0)) + 1e-3
        normal = covariance / np.outer(scale, scale) + RIDGE * np.eye(len(mean))
        target = (self.xy[:, channels] / self.count - np.outer(mean, middle)) / scale[:, None]
        change = np.linalg.solve(normal, target) / scale[:, None]
        return change, middle - mean @ change


def gather(
    network: Network, head: Head, pools: Path, size: int, counts: Mapping[str, int] = COUNTS, seed: int = 0
) -> Samples:
    """What pictures of the pools `portraits_train` and `synthetic` give, augmented, at `size` pixels a side.

    Raises InputError "pool-empty" where there are none.
    """
    rng, augment = np.random.default_rng(seed), Augmenter(seed, mirror_shape(head))
    device = next(network.parameters()).device
    network.eval()
    plan = list(_batches(pools, counts, rng))
    if not plan:
        raise InputError("pool-empty", f"{pools} has no samples in portraits_train and synthetic: run training once")
    parts: list[tuple[AnyArray, ...]] = []
    for kind, pool, rows, folds in track(plan, "features of the last layers", console=Console(stderr=True)):
        batch = augment(pool.take(rows), size, device)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            raw, _, features = network.forward_features(as_crops(batch["image"]))
        tensors = (features, raw["expression"], batch["expression"], batch["expression_weight"])
        parts.append((*(t.float().cpu().numpy() for t in tensors), np.repeat(kind, len(rows)), folds))
    features, answers, truth, weight, kinds, fold = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Samples(features, answers, truth, weight > 0, kinds, fold)


def _batches(
    pools: Path, counts: Mapping[str, int], rng: np.random.Generator
) -> Iterator[tuple[str, Pool, AnyArray, AnyArray]]:
    """(kind, pool, its rows, their folds) of batches; rows come again where there are fewer than asked for."""
    real, drawn = Pool(pools / "portraits_train"), Pool(pools / "synthetic")
    upright = real.column("teacher_weight").max(1, initial=0) > 0
    frame = np.char.startswith(real.shard_names(), "clips")
    found = {
        "portrait": np.flatnonzero(upright & ~frame),
        "frame": np.flatnonzero(upright & frame),
        "turned": np.flatnonzero(~upright),
        "drawn": np.arange(len(drawn)),
    }
    for kind, rows in found.items():
        if not len(rows):
            continue
        count = min(counts[kind], MOST_COPIES * len(rows))
        chosen = np.concatenate([rng.permutation(len(rows)) for _ in range(-(-count // len(rows)))])[:count]
        for start in range(0, len(chosen), BATCH):
            part = chosen[start : start + BATCH]
            yield kind, drawn if kind == "drawn" else real, rows[part], part * FOLDS // len(rows)


def refit_file(folder: Path, start: Path, out: Path, device: str = "cpu") -> Measured:
    """Refit the weights of a file with a training folder's pools. Raises as `weights.load` and `gather`."""
    stored = weights.load(start)
    network = Network(Architecture.from_json(stored.meta["architecture"]))
    state = network.state_dict()
    state.update({name: torch.from_numpy(np.array(tensor)) for name, tensor in stored.tensors.items()})
    network.load_state_dict(state)
    network.to(torch.device(device), memory_format=torch.channels_last)
    measured = refit(network, gather(network, Head.load(), folder / "pool", stored.meta["size"]))
    known = ("architecture", "size")
    checkpoint.export(
        out, network, stored.meta["size"], {name: v for name, v in stored.meta.items() if name not in known}
    )
    return measured


def told(measured: Measured) -> str:
    """One line for each channel."""
    rows = zip(ARKIT, measured.r, measured.slope, measured.gain, strict=True)
    return "\n".join(f"{name:22s} r {r:5.2f}  slope {slope:5.2f}  gain {gain:4.2f}" for name, r, slope, gain in rows)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("training"), help="the training folder")
    parser.add_argument("--start", type=Path, default=weights.DEFAULT, help="the weights to begin with")
    parser.add_argument("--out", type=Path, default=weights.DEFAULT, help="where the new ones go")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(arguments)
    try:
        print(told(refit_file(options.folder, options.start, options.out, options.device)))
    except Face3DError as error:
        print(f"{error.code}: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
