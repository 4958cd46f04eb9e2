"""Pictures a second in training: `python bench/train.py [--device auto] [--batch 512] [--steps 10] [--thin]`.

Whole steps of the network as `face3d_live.train.timed` takes them, the pool (random pictures) on the device, and what
of a step is gathering and augmenting. Medians.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from face3d_live.head.model import Head
from face3d_live.regress.network import THIN, Architecture
from face3d_live.train import loop, timed
from face3d_live.train.augment import mirror_shape
from face3d_live.train.data.pool import KEYS, Pool, ShardWriter
from face3d_live.train.data.resident import ResidentMixture

SAMPLES = 256


def random_pool(folder: Path) -> Pool:
    """Samples that are no faces, with labels that are none of any."""
    rng = np.random.default_rng(0)
    writer = ShardWriter(folder, "random", {})
    for _ in range(SAMPLES):
        sample = {key: np.asarray(rng.uniform(0, 0.5, shape), kind) for key, (shape, kind) in KEYS.items()}
        sample["image"] = rng.integers(0, 255, KEYS["image"][0], np.uint8)
        writer.add(sample | {"focal": np.float32(5), "rotation": np.eye(3, dtype=np.float32)})
    writer.close()
    return Pool(folder)


def milliseconds(call: Callable[[], object], steps: int) -> float:
    """Median, after two calls that do not count."""
    times = []
    for number in range(steps + 2):
        began = time.perf_counter()
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        if number >= 2:
            times.append(1e3 * (time.perf_counter() - began))
    return float(np.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--thin", action="store_true", help="a small network, to see that this works")
    options = parser.parse_args()
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    head, architecture = Head.load(), THIN if options.thin else Architecture()
    torch.backends.cudnn.benchmark = True
    with tempfile.TemporaryDirectory() as folder:
        mixture = ResidentMixture([(random_pool(Path(folder)), 1.0)], 0, device)
        plan = timed.recipe(architecture, 1e9, options.batch, 1e-4)
        trainer = loop.Trainer(plan, mixture, head, mirror_shape(head), device)
        gathered = mixture.batch(options.batch)
        rows = {
            "gather": lambda: mixture.batch(options.batch),
            "augment": lambda: trainer.augment(gathered, trainer.size, device),
            "step, all of it": trainer.step,
        }
        for name, call in rows.items():
            median = milliseconds(call, options.steps)
            print(f"{name:16} {median:9.1f} ms   {1e3 * options.batch / median:7.0f} pictures / s ({device})")


if __name__ == "__main__":
    main()
