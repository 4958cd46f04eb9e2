"""Milliseconds of one face by Deep3D's network (random weights: values do not matter) and by our own, side by side.

    OPENBLAS_NUM_THREADS=1 python bench/deep3d.py [--threads 1] [--runs 60]

Processor time of the process, so that other programs on the machine count less: the median, and the least, of the runs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from face3d_live.regress.crop import Crop
from face3d_live.regress.deep3d import graph
from face3d_live.regress.deep3d.alignment import extract
from face3d_live.regress.deep3d.layout import SIZE, tensor_shapes
from face3d_live.regress.devices import has_bf16, has_int8
from face3d_live.regress.openvino_backend import OpenVinoBackend, Source
from face3d_live.regress.runtime import Regressor


def backend(precision: str, threads: int) -> OpenVinoBackend:
    """The network with random weights, compiled as the program does."""
    rng = np.random.default_rng(0)
    tensors = {name: rng.uniform(0.01, 0.02, shape).astype(np.float32) for name, shape in tensor_shapes().items()}
    source = Source(lambda: graph.build(tensors), {"bench": "deep3d"}, (graph.OUTPUT,))
    return OpenVinoBackend.load(source, "CPU", precision, threads)


def milliseconds(run: Callable[[], object], runs: int) -> str:
    """The median and the least processor time of a call, after three that do not count."""
    spent = []
    for _ in range(runs + 3):
        begun = time.process_time()
        run()
        spent.append(1e3 * (time.process_time() - begun))
    return f"{np.median(spent[3:]):7.1f} {min(spent[3:]):7.1f}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=60)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 255, (480, 640, 3), dtype=np.uint8)
    large, small = (rng.integers(0, 255, (1, size, size, 3), dtype=np.uint8) for size in (SIZE, 112))
    there = {"fp32": True, "bf16": has_bf16(), "int8": has_int8()}
    print(f"{options.threads} thread(s): median and least, ms of processor time")
    for precision in (name for name, offered in there.items() if offered):
        if precision != "int8":
            network = backend(precision, options.threads)
            print(f"  Deep3D, 224 px, {precision}: {milliseconds(lambda n=network: n.run(large), options.runs)}")
        own = Regressor.load("cpu", threads=options.threads, precision=precision)  # type: ignore[arg-type]
        print(f"  own,    112 px, {precision}: {milliseconds(lambda o=own: o.predict(small), options.runs)}")
    print(f"  Deep3D, alignment:   {milliseconds(lambda: extract(frame, Crop(330, 220, 105)), options.runs)}")


if __name__ == "__main__":
    main()
