"""Training samples on disk: shards that processes add to while others read.

A pool is a folder of shards; a shard is a folder with one `.npy` per key, all of the same length, and `about.json`.
A shard is written under a hidden name and renamed when whole, so a reader never meets half of one. Arrays are memory
mapped: a batch costs one gather from the page cache.

The keys (crop = the square of the crop rule, coordinates -1..1, x right, y down; the stored picture has the same
centre and spans `STORED` times as far):

image (S, S, 3) uint8 RGB; points (478, 2) and visible (478,), weight (478,) how far each may be trusted;
expression (52,), expression_weight (52,); shape (80,), shape_weight; rotation (3, 3) seen along the ray through the
crop's centre; scale log(half side in metres at the head origin's depth / `UNIT`); position (2,) head origin;
focal length in half sides; texture (50,), texture_valid; light (27,), light_valid; teacher (52,) another tracker's
coefficients, teacher_weight (52,); source 0 synthetic, 1 portrait; worn: of each of `WORN` 1 yes, 0 no, -1 not known.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.codes import N_EXPRESSION, N_LIGHT, N_SHAPE, N_TEXTURE
from face3d_live.typing import AnyArray

N_POINTS = 478
STORED = 1.7 / 1.4
UNIT = 0.12
SIZE = 144
SYNTHETIC, PORTRAIT = 0, 1

#: Of the samples a batch is made of, how many are portraits, where there are any.
PORTRAIT_SHARE = 0.5

#: What evaluation tells faces apart by. "before": a hand or a thing hides some of the face's points.
WORN = ("glasses", "sunglasses", "hat", "before")

KEYS: dict[str, tuple[tuple[int, ...], type]] = {
    "image": ((SIZE, SIZE, 3), np.uint8),
    "points": ((N_POINTS, 2), np.float32),
    "visible": ((N_POINTS,), np.float32),
    "weight": ((N_POINTS,), np.float32),
    "expression": ((N_EXPRESSION,), np.float32),
    "expression_weight": ((N_EXPRESSION,), np.float32),
    "shape": ((N_SHAPE,), np.float32),
    "shape_weight": ((), np.float32),
    "rotation": ((3, 3), np.float32),
    "scale": ((), np.float32),
    "position": ((2,), np.float32),
    "focal": ((), np.float32),
    "texture": ((N_TEXTURE,), np.float32),
    "texture_valid": ((), np.float32),
    "light": ((N_LIGHT,), np.float32),
    "light_valid": ((), np.float32),
    "teacher": ((N_EXPRESSION,), np.float32),
    "teacher_weight": ((N_EXPRESSION,), np.float32),
    "source": ((), np.uint8),
    "worn": ((len(WORN),), np.int8),
}

#: Keys that shards of before and samples of portraits lack, and what stands for them.
NOT_KNOWN = {"worn": -1}

Sample = dict[str, Any]  # arrays and NumPy scalars
Batch = dict[str, AnyArray]


def project(points: AnyArray, sample: Mapping[str, Any]) -> AnyArray:  # (N, 3) head frame -> (N, 2) crop
    """Where the pose of a sample puts points of the head, in crop coordinates."""
    half = UNIT * np.exp(sample["scale"])
    x, y = sample["position"]
    camera = points @ np.asarray(sample["rotation"]).T + half * np.array([x, -y, -sample["focal"]])
    result: AnyArray = sample["focal"] * camera[:, :2] * (1, -1) / -camera[:, 2:]
    return result


class ShardWriter:
    """Collects samples and leaves them as one shard.

    Raises ValueError for a sample whose keys, shapes or types are not those of `KEYS`; those of `NOT_KNOWN` may lack.
    """

    def __init__(self, pool: Path, name: str, about: Mapping[str, object]) -> None:
        self.final = pool / name
        self.about = dict(about)
        self.samples: list[Sample] = []

    def add(self, sample: Sample) -> None:
        sample = {**{key: np.full(KEYS[key][0], value, KEYS[key][1]) for key, value in NOT_KNOWN.items()}, **sample}
        if sample.keys() != KEYS.keys():
            raise ValueError(f"keys differ: {sample.keys() ^ KEYS.keys()}")
        for key, (shape, kind) in KEYS.items():
            value = np.asarray(sample[key])
            if value.shape != shape or value.dtype != kind:
                raise ValueError(f"{key}: expected {shape} {kind.__name__}, got {value.shape} {value.dtype}")
        self.samples.append(sample)

    def close(self) -> Path:
        """Write the shard, whole or not at all, and return its folder."""
        hidden = self.final.with_name(f".{self.final.name}.{os.getpid()}")
        hidden.mkdir(parents=True)
        for key, (_, kind) in KEYS.items():
            np.save(hidden / f"{key}.npy", np.stack([np.asarray(s[key], kind) for s in self.samples]))
        (hidden / "about.json").write_text(json.dumps({**self.about, "count": len(self.samples)}, indent=1))
        if self.final.exists():
            shutil.rmtree(self.final)
        hidden.rename(self.final)
        self.samples = []
        return self.final


class Pool:
    """Random access to all whole shards of a folder; `refresh` picks up those written and drops those deleted since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shards: dict[str, dict[str, AnyArray]] = {}
        self._starts = np.zeros(1, np.int64)
        self.refresh()

    def __len__(self) -> int:
        return int(self._starts[-1])

    def refresh(self) -> int:
        """Look again; returns the length. Indices mean other samples afterwards when shards have gone."""
        found = sorted(self.folder.glob("[!.]*/about.json")) if self.folder.is_dir() else []
        names = [about.parent.name for about in found]
        self._shards = {name: shard for name, shard in self._shards.items() if name in names}
        for name in names:
            if name not in self._shards:
                self._shards[name] = _mapped(self.folder / name)
        lengths = [len(shard["source"]) for shard in self._shards.values()]
        self._starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        return len(self)

    def take(self, indices: AnyArray) -> Batch:  # (B,) -> arrays (B, ...)
        """The samples at these indices, in this order. Raises IndexError beyond the end."""
        indices = np.asarray(indices)
        if indices.size and (indices.min() < 0 or indices.max() >= len(self)):
            raise IndexError(f"indices {indices.min()}..{indices.max()} of {len(self)}")
        shard_of = np.searchsorted(self._starts, indices, side="right") - 1
        batch: Batch = {key: np.empty((len(indices), *shape), kind) for key, (shape, kind) in KEYS.items()}
        shards = list(self._shards.values())
        for number in np.unique(shard_of):
            rows = np.flatnonzero(shard_of == number)
            local = indices[rows] - self._starts[number]
            for key, out in batch.items():
                out[rows] = shards[number][key][local]
        return batch

    def column(self, key: str) -> AnyArray:  # (N, ...)
        """One key of all samples."""
        parts = [np.asarray(shard[key]) for shard in self._shards.values()]
        shape, kind = KEYS[key]
        return np.concatenate([np.empty((0, *shape), kind), *parts])

    def shard_names(self) -> NDArray[np.str_]:  # (N,)
        """The shard of each sample."""
        lengths = [len(shard["source"]) for shard in self._shards.values()]
        return np.repeat(np.array(list(self._shards), np.str_), lengths)


def _mapped(shard: Path) -> dict[str, AnyArray]:
    """The arrays of a shard by key, memory mapped."""
    there = {key: shard / f"{key}.npy" for key in KEYS}
    arrays = {
        key: np.load(path, mmap_mode="r") for key, path in there.items() if key not in NOT_KNOWN or path.is_file()
    }
    count = len(arrays["source"])
    for key in KEYS.keys() - arrays.keys():
        shape, kind = KEYS[key]
        arrays[key] = np.broadcast_to(kind(NOT_KNOWN[key]), (count, *shape))
    return arrays


class Mixture:
    """An endless stream of batches with fixed shares of several pools.

    pools: (pool, share) pairs, shares summing to 1; empty pools give their share to the others. `REFRESH` batches
    apart, the pools look for new shards.
    """

    REFRESH = 200

    def __init__(self, pools: Sequence[tuple[Pool, float]], seed: int) -> None:
        self.pools = list(pools)
        self.rng = np.random.default_rng(seed)
        self._count = 0

    def batch(self, size: int) -> Batch:
        """The next `size` samples, shuffled, drawn with replacement. Raises ValueError when every pool is empty."""
        indices, order = self.draw(size)
        parts = [pool.take(drawn) for (pool, _), drawn in zip(self.pools, indices, strict=True) if len(drawn)]
        return {key: np.concatenate([part[key] for part in parts])[order] for key in KEYS}

    def draw(self, size: int) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
        """Which samples the next batch holds: indices into each pool, and the order (size,) of all of them together.

        Raises as `batch`.
        """
        if self._count % self.REFRESH == 0:
            self.refresh()
        self._count += 1
        shares = np.array([share if len(pool) else 0.0 for pool, share in self.pools])
        if shares.sum() == 0:
            raise ValueError("every pool is empty: run the generator first")
        counts = self.rng.multinomial(size, shares / shares.sum())
        nothing = np.zeros(0, np.int64)
        indices = [
            self.rng.integers(len(pool), size=count) if count else nothing
            for (pool, _), count in zip(self.pools, counts, strict=True)
        ]
        return indices, self.rng.permutation(size)

    def refresh(self) -> None:
        """Look for new shards."""
        for pool, _ in self.pools:
            pool.refresh()

    def state(self) -> dict[str, object]:
        """What `restore` needs to continue the stream."""
        return {"rng": self.rng.bit_generator.state, "count": self._count}

    def restore(self, state: Mapping[str, object]) -> None:
        """Continue where `state` was taken (draws match while the pools hold what they held)."""
        self.rng.bit_generator.state = state["rng"]  # type: ignore[assignment]
        self._count = int(state["count"])  # type: ignore[call-overload]
