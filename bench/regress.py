"""Milliseconds of one face: crop, network, fit. `python bench/regress.py [--threads N] [--frames N] [--device cpu]`"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from face3d_live.camera import Camera
from face3d_live.head.model import Head
from face3d_live.regress.crop import Crop
from face3d_live.regress.estimate import Estimator
from face3d_live.regress.runtime import Regressor


def milliseconds(call: Callable[[], object], frames: int) -> str:
    """Median and 95th percentile."""
    times = []
    for _ in range(frames):
        began = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - began))
    return f"{np.median(times):7.2f} ms   p95 {np.percentile(times, 95):7.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="of ONNX Runtime")
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--device", default="cpu", choices=("auto", "cpu", "cuda"))
    options = parser.parse_args()

    began = time.perf_counter()
    regressor = Regressor.load(options.device, threads=options.threads)
    print(f"load and warm up             {1e3 * (time.perf_counter() - began):7.0f} ms ({regressor.device})")
    head = Head.load()
    estimator = Estimator(regressor, head)
    frame = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    crop, camera = Crop(320, 240, 90), Camera.webcam(640, 480)
    picture = crop.extract(frame)[None]
    prediction = regressor.predict(picture)
    identity = np.zeros(80, np.float32)
    for label, call in (
        ("crop", lambda: crop.extract(frame)),
        ("network", lambda: regressor.predict(picture)),
        ("fit, identity known", lambda: estimator.refine(prediction, crop, camera, identity)),
        ("fit, identity solved", lambda: estimator.refine(prediction, crop, camera)),
        ("all, identity known", lambda: estimator.estimate(frame, crop, camera, identity)),
    ):
        print(f"{label:24} {milliseconds(call, options.frames)}")


if __name__ == "__main__":
    main()
