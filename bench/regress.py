"""Milliseconds of one face: the network in every run time and precision there is here, then crop, fit and the whole.

    python bench/regress.py [--device auto] [--threads N ...] [--frames N]

Wall time and the processor's own time (all threads), the least and the median of calls that take turns. On a machine
with other work to do, the least processor time is what to compare. ONEDNN_MAX_CPU_ISA=AVX2 and the like hold the
processor to older instructions. `auto` is every device there is.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import time
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.errors import AssetError
from face3d_live.head.model import Head
from face3d_live.regress import weights
from face3d_live.regress.crop import Crop
from face3d_live.regress.estimate import Estimator
from face3d_live.regress.runtime import Regressor
from face3d_live.regress.torch_backend import TorchBackend

#: Calls of one kind before the next has its turn.
TURN = 10
PRECISIONS = {"cpu": ("fp32", "bf16", "int8"), "gpu": ("fp32", "auto"), "cuda": ("fp32", "bf16", "auto")}
COLUMNS = "wall min   median  CPU min   median"


def times(calls: Mapping[str, Callable[[], object]], frames: int) -> dict[str, str]:
    """Milliseconds of each call, as a row of the table."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(max(1, frames // TURN)):
        for name, call in calls.items():
            call()
            for _ in range(TURN):
                wall, own = time.perf_counter(), time.process_time()
                call()
                spent[name].append((time.perf_counter() - wall, time.process_time() - own))
    rows = {}
    for name, pairs in spent.items():
        (wall, own), (wall_median, own_median) = 1e3 * np.min(pairs, 0), 1e3 * np.median(pairs, 0)
        rows[name] = f"{wall:8.2f} {wall_median:8.2f} {own:8.2f} {own_median:8.2f}"
    return rows


def regressors(devices: Sequence[str], threads: int) -> dict[str, Regressor]:
    """One for every run time and precision that these devices have here."""
    found = {}
    for device in devices:
        for precision in PRECISIONS[device]:
            try:
                made = Regressor.load(device, threads=threads, precision=precision)
            except AssetError as error:
                if len(devices) == 1 and precision == "fp32":
                    raise SystemExit(f"error: {error}") from error
                continue
            run_time = "PyTorch" if device == "cuda" else "OpenVINO"
            found[f"{run_time}, {device}, {made.precision}"] = made
    if "cpu" in devices and importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(threads)
        stored = weights.load()
        found["PyTorch, cpu, fp32"] = Regressor(stored.meta, "cpu", "fp32", TorchBackend(stored, "cpu", "fp32"))
    return found


def network_table(devices: Sequence[str], threads: int, frames: int, crop: np.ndarray) -> None:
    """Print a row for each run time and precision."""
    found = regressors(devices, threads)
    print(f"\n{f'network, threads: {threads}':24} {COLUMNS}")
    for name, row in times({name: functools.partial(r.predict, crop) for name, r in found.items()}, frames).items():
        print(f"{name:24} {row}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="of the network")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--device", default="auto", choices=("auto", *PRECISIONS))
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"instructions: at most {os.environ.get('ONEDNN_MAX_CPU_ISA', 'all the processor has')}")
    frame = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    crop, camera = Crop(320, 240, 90), Camera.webcam(640, 480)
    picture = crop.extract(frame)[None]
    devices = tuple(PRECISIONS) if options.device == "auto" else (options.device,)
    for threads in options.threads:
        network_table(devices, threads, options.frames, picture)

    began = time.perf_counter()
    regressor = Regressor.load(options.device, threads=options.threads[0])
    took = 1e3 * (time.perf_counter() - began)
    estimator = Estimator(regressor, Head.load())
    prediction = regressor.predict(picture)
    identity = np.zeros(80, np.float32)
    print(f"\n{regressor.device} {regressor.precision}, loaded again in {took:.0f} ms; threads: {options.threads[0]}")
    calls = {
        "crop": lambda: crop.extract(frame),
        "network": lambda: regressor.predict(picture),
        "fit, identity known": lambda: estimator.refine(prediction, crop, camera, identity),
        "fit, identity solved": lambda: estimator.refine(prediction, crop, camera),
        "all, identity known": lambda: estimator.estimate(frame, crop, camera, identity),
    }
    for name, row in times(calls, options.frames).items():
        print(f"{name:24} {row}")


if __name__ == "__main__":
    main()
