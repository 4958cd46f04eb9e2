"""Milliseconds of one face: the network in every run time and precision there is here, then crop, fit and the whole.

    python bench/regress.py [--threads N ...] [--frames N]

Wall time and the processor's own time (all threads), the least and the median of calls that take turns. On a machine
with other work to do, the least processor time is what to compare. ONEDNN_MAX_CPU_ISA=AVX2 and the like hold the
processor to older instructions. The answers' distance from float32's is that on the frames of the sample clip.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.errors import AssetError
from face3d_live.head.model import Head
from face3d_live.regress import weights
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.regress.devices import cuda_available
from face3d_live.regress.estimate import Estimator
from face3d_live.regress.prediction import Prediction
from face3d_live.regress.runtime import Regressor
from face3d_live.regress.torch_backend import TorchBackend
from face3d_live.train.quantise import moved
from face3d_live.video import Video

#: Calls of one kind before the next has its turn.
TURN = 10
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


def regressors(threads: int) -> dict[str, Regressor]:
    """One for every run time and precision that this machine has."""
    found = {}
    for device, precisions in (("cpu", ("fp32", "bf16", "int8")), ("gpu", ("fp32", "auto")), ("cuda", ("auto",))):
        for precision in precisions:
            try:
                made = Regressor.load(device, threads=threads, precision=precision)  # type: ignore[arg-type]
            except AssetError:
                continue
            run_time = "PyTorch" if device == "cuda" else "OpenVINO"
            found[f"{run_time}, {device}, {made.precision}"] = made
    if importlib.util.find_spec("torch") is not None and not cuda_available():
        import torch

        torch.set_num_threads(threads)
        stored = weights.load()
        found["PyTorch, cpu, fp32"] = Regressor(stored.meta, "cpu", "fp32", TorchBackend(stored, "cpu", "fp32"))
    return found


def sample_crops(head: Head) -> np.ndarray:  # (N, 112, 112, 3)
    """Every tenth face of the project's sample, cut by its known points."""
    folder = Path(__file__).resolve().parent.parent / "web_client" / "sample"
    crops = []
    with np.load(folder / "sample_codes.npz") as z, Video.open(folder / "sample.mp4") as video:
        codes = {name: z[name] for name in z.files}
        for i, (rgb, _) in enumerate(video):
            if i % 10 == 0 and i < len(codes["expression"]):
                points = head.points(head.vertices(codes["shape"], codes["expression"][i]))
                points = points @ codes["rotation"][i].T + codes["translation"][i]
                camera = Camera.webcam(rgb.shape[1], rgb.shape[0])
                crops.append(crop_from_points(camera.project(points)).extract(rgb))
    return np.stack(crops)


def network_table(threads: int, frames: int, crops: np.ndarray) -> None:
    """Print a row for each run time and precision."""
    found = regressors(threads)
    rows = times({name: lambda r=r: r.predict(crops[:1]) for name, r in found.items()}, frames)
    exact: Prediction = found["OpenVINO, cpu, fp32"].predict(crops)
    print(f"\n{f'network, threads: {threads}':24} {COLUMNS}  moved: points, % / coefficients")
    for name, row in rows.items():
        far = moved(found[name].predict(crops), exact)
        print(f"{name:24} {row}  {far['points_percent']:.3f} / {far['coefficients']:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="of the network")
    parser.add_argument("--frames", type=int, default=100)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"instructions: at most {os.environ.get('ONEDNN_MAX_CPU_ISA', 'all the processor has')}")
    head = Head.load()
    crops = sample_crops(head)
    for threads in options.threads:
        network_table(threads, options.frames, crops)

    began = time.perf_counter()
    regressor = Regressor.load()
    took = 1e3 * (time.perf_counter() - began)
    estimator = Estimator(regressor, head)
    frame = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    crop, camera = Crop(320, 240, 90), Camera.webcam(640, 480)
    picture = crop.extract(frame)[None]
    prediction = regressor.predict(picture)
    identity = np.zeros(80, np.float32)
    print(f"\n{regressor.device} {regressor.precision}, loaded from the cache in {took:.0f} ms; threads: 1")
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
