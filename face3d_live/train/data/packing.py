"""Training samples made small, to be carried to another machine: pictures as WebP, labels in 16 bits, no copies.

Portraits turn up in their pool several times, and turned by `turned.py`; a packed pool has each once and says how often
it was there. `unpack_pool` makes shards of it that `pool.Pool` reads, `turn` makes turned samples there.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.head.model import Head
from face3d_live.regress.crop import Crop
from face3d_live.train.data.pool import KEYS, SIZE, STORED, Batch, Pool, ShardWriter
from face3d_live.train.data.turned import Turner
from face3d_live.typing import AnyArray

#: Of WebP: 37 dB and 2.7 kB on portraits, where JPEG needs 4.9 kB.
QUALITY = 80
#: Steps of a packed point in half sides of the crop: 1/36 of a pixel of 112.
STEPS = 2048
#: A shard's most samples.
SHARD = 1000
#: A sample that is in its pool several times is turned this often at most: a few faces of clips must not outnumber all
#: portraits.
MOST_TURNED = 2

#: The stored picture as a crop of itself.
WHOLE = Crop(SIZE / 2, SIZE / 2, SIZE / 2 / STORED)


def unique_samples(pool: Pool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of samples that differ in their points, and how often each is there. Untouched pictures come first, then
    those turned from them (without a teacher's scores), both in the order of the pool."""
    first: dict[bytes, tuple[bool, int]] = {}
    count: Counter[bytes] = Counter()
    for start in range(0, len(pool), SHARD):
        batch = pool.take(np.arange(start, min(start + SHARD, len(pool))))
        for i, (points, weight) in enumerate(zip(batch["points"], batch["teacher_weight"], strict=True)):
            name = points.tobytes()
            first.setdefault(name, (not weight.any(), start + i))
            count[name] += 1
    names = sorted(first, key=first.__getitem__)
    return np.array([first[n][1] for n in names], np.int64), np.array([count[n] for n in names], np.int64)


def pack_samples(samples: Batch, repeats: NDArray[np.int64]) -> dict[str, AnyArray]:
    """Arrays to write with `np.savez`: the samples (N, ...), and how often each shall be there (N,)."""
    how = [cv2.IMWRITE_WEBP_QUALITY, QUALITY]
    files = [cv2.imencode(".webp", image[..., ::-1], how)[1] for image in samples["image"]]
    packed = {
        "image": np.concatenate([np.asarray(file, np.uint8).ravel() for file in files]),
        "image_ends": np.cumsum([len(file) for file in files]),
        "repeats": repeats.astype(np.uint16),
    }
    for key, (_, kind) in KEYS.items():
        if key != "image":
            packed[key] = samples[key].astype(np.float16 if kind is np.float32 else kind)
    # Beyond their mean, high bytes apart from low ones, points take two thirds of the room once they are compressed.
    packed["points_mean"] = samples["points"].mean(0)
    steps = np.round((samples["points"] - packed["points_mean"]) * STEPS).astype("<i2")
    packed["points"] = steps.view(np.uint8).reshape(*steps.shape, 2).transpose(3, 0, 1, 2).copy()
    return packed


def unpack_samples(packed: Path) -> tuple[Batch, NDArray[np.int64]]:  # rows (M,)
    """What `pack_samples` made, read from a file: samples (N, ...), up to what compression and rounding lost, and the
    row of each of the pool's samples."""
    with np.load(packed) as stored:
        arrays = dict(stored)
    steps = arrays["points"].transpose(1, 2, 3, 0).copy().view("<i2")[..., 0]
    arrays["points"] = arrays["points_mean"] + steps.astype(np.float32) / STEPS
    pieces = np.split(arrays["image"], arrays["image_ends"][:-1])
    images = [np.asarray(cv2.imdecode(piece, cv2.IMREAD_COLOR), np.uint8)[..., ::-1] for piece in pieces]
    samples = {key: arrays[key].astype(kind) for key, (_, kind) in KEYS.items() if key != "image"}
    rows = np.repeat(np.arange(len(images)), arrays["repeats"])
    return {**samples, "image": np.stack(images)}, rows


def unpack_pool(packed: Path, folder: Path) -> int:
    """Write the samples of a packed file, each as often as it says, as shards in `folder`; returns how many."""
    samples, rows = unpack_samples(packed)
    for number, start in enumerate(range(0, len(rows), SHARD)):
        writer = ShardWriter(folder, f"packed_{number:03d}", {"kind": "packed", "number": number})
        for row in rows[start : start + SHARD]:
            writer.add({key: values[row] for key, values in samples.items()})
        writer.close()
    return len(rows)


def turn(head: Head, packed: Path, folder: Path, part: int, parts: int, copies: int, until: float = math.inf) -> int:
    """Add `copies` shards to `folder`, turned from every `parts`-th sample of a packed file; returns how many samples.

    Each shard has a sample as often as its pool has, up to `MOST_TURNED`, in random order. until: when to stop, in
    `time.monotonic()`; the last shard has what there is by then. They are turned from the stored picture: a little
    softer than what `turned.build` makes of the portrait itself.
    """
    turner, total = Turner(head), 0
    samples, rows = unpack_samples(packed)
    rows = np.repeat(np.unique(rows), np.minimum(np.bincount(rows), MOST_TURNED))
    rows = rows[samples["teacher_weight"][rows].any(1)]  # one that was turned already would blur
    for number in range(copies):
        rng = np.random.default_rng([part, number])
        about = {"kind": "turned portraits", "part": part, "number": number}
        writer = ShardWriter(folder, f"turned_{part:03d}_{number:03d}", about)
        for row in rng.permutation(rows[part::parts]):
            if time.monotonic() > until:
                break
            sample = {key: values[row] for key, values in samples.items()}
            writer.add(turner.sample(sample, sample["image"], WHOLE, rng))
        total += len(writer.samples)
        if writer.samples:
            writer.close()
    return total
