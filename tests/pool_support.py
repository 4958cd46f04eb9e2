"""Pools of random arrays, for what does not need a face."""

from pathlib import Path

import numpy as np

from face3d_live.train.pool import KEYS, Pool, Sample, ShardWriter


def random_sample(rng: np.random.Generator) -> Sample:
    """A sample with random labels, of a camera that could be."""
    sample = {key: np.asarray(rng.uniform(0, 0.5, shape), kind) for key, (shape, kind) in KEYS.items()}
    sample["image"] = rng.integers(0, 255, KEYS["image"][0], np.uint8)
    return sample | {"focal": np.float32(5), "rotation": np.eye(3, dtype=np.float32), "source": np.uint8(0)}


def random_pool(folder: Path, count: int, seed: int = 0, per_shard: int = 16) -> Pool:
    """So many random samples in shards."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, per_shard):
        writer = ShardWriter(folder, f"random_{start:04d}", {})
        for _ in range(min(per_shard, count - start)):
            writer.add(random_sample(rng))
        writer.close()
    return Pool(folder)
