"""Pictures of heads with the statistics of real scans, whose every vertex is known: how well a shape is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from face3d_live.errors import AssetError, InputError
from face3d_live.head.model import Head
from face3d_live.train.data.pool import Pool, ShardWriter
from face3d_live.train.evaluate import metrics
from face3d_live.train.evaluate.answers import Measured
from face3d_live.train.synthetic.generate import Generator
from face3d_live.train.synthetic.identities import Identity, IdentitySampler
from face3d_live.typing import AnyArray

#: No other shard is drawn from this seed.
SEED, COUNT = 7777, 500

#: Heads turned less than this are also judged by themselves, degrees.
FRONTAL = 30.0

_TRUTH = "neutral.npy"


class _Scans(IdentitySampler):
    """Only scans, each remembered."""

    def __init__(self, head: Head, scans: Path) -> None:
        super().__init__(head, scans, share=1.0)
        self.drawn: list[Identity] = []

    def sample(self, rng: np.random.Generator) -> Identity:
        self.drawn.append(super().sample(rng))
        return self.drawn[-1]


def draw(
    head: Head, data: Path, skins: Path, pool: Path, count: int = COUNT, progress: Callable[[int], None] | None = None
) -> None:
    """Draw the pictures as a shard of `pool`, beside it the true vertices at rest; nothing to do where they are.

    Raises InputError "data-missing" without `scan_heads.npz`, AssetError where no OpenGL is to be had.
    """
    if Pool(pool).refresh() >= count and (pool / _TRUTH).is_file():
        return
    scans = data / "scan_heads.npz"
    if not scans.is_file():
        raise InputError("data-missing", f"{scans} is missing: give the folder of faces and heads with --data")
    generator = Generator(head, data, skins)
    generator.identities = sampler = _Scans(head, scans)
    writer = ShardWriter(pool, f"s{SEED:04d}", {"kind": "scan heads", "seed": SEED})
    for number in range(count):
        writer.add(generator.sample(np.random.default_rng([SEED, number])))
        if progress is not None:
            progress(1)
    pool.mkdir(parents=True, exist_ok=True)
    face = head.regions["face"]
    np.save(pool / _TRUTH, np.stack([identity.neutral[face] for identity in sampler.drawn]))
    writer.close()


def truth(pool: Path, count: int) -> AnyArray:  # (count, F, 3)
    """The true vertices of the face region at rest, in the order of the samples, metres."""
    stored = pool / _TRUTH
    vertices = np.load(stored) if stored.is_file() else np.empty((0, 0, 3))
    if len(vertices) < count:
        raise AssetError("pool-broken", f"{pool} is not whole: delete it and run again")
    return vertices[:count]


def scan_figures(head: Head, measured: Measured, neutral: AnyArray) -> dict[str, Any]:
    """Errors in mm of the face at rest after rigid alignment with true scale; neutral (N, F, 3): the truth.

    For the network's shape, the fit's, and the average face for comparison: `mean`, `median`, `p95`, and the mean over
    heads turned less than `FRONTAL`; `known_scale`, the mean where the size is given as well, and `scale_sd_percent`,
    see `metrics.known_scale_errors`.
    """
    rest = np.zeros((len(neutral), measured.labels["expression"].shape[1]), np.float32)
    shapes = {
        "network": measured.network.shape,
        "fit": measured.fit.shape,
        "average face": np.zeros_like(measured.fit.shape),
        "nearest code": measured.labels["shape"],
    }
    frontal = metrics.yaws(measured.labels["rotation"]) < FRONTAL
    out: dict[str, Any] = {"faces": len(neutral), "frontal_faces": int(frontal.sum())}
    for name, shape in shapes.items():
        surface = metrics.face_surfaces(head, shape, rest)
        errors = metrics.aligned_errors(surface, neutral)
        out[name] = {
            "mean": float(errors.mean()),
            "median": float(np.median(errors)),
            "p95": float(np.percentile(errors, 95)),
            "frontal": float(errors[frontal].mean()) if frontal.any() else None,
            "known_scale": float(metrics.known_scale_errors(surface, neutral).mean()),
            "scale_sd_percent": float(metrics.scale_errors(surface, neutral).std()),
        }
    return out
