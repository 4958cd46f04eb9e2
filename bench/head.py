"""Milliseconds from codes to vertices: `python bench/head.py [--threads N] [--device cuda]`."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable


def milliseconds(call: Callable[[], object], repeats: int = 300) -> float:
    """The median of `repeats` calls, after a few unmeasured ones."""
    for _ in range(5):
        call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def numpy_table() -> None:
    """The NumPy head, one frame."""
    import numpy as np

    from face3d_live.head.model import Head

    head = Head.load()
    rng = np.random.default_rng(0)
    shape, expression = rng.normal(size=80).astype(np.float32), rng.uniform(0, 1, 52).astype(np.float32)
    neutral = head.neutral(shape)
    rows: list[tuple[str, Callable[[], object], int]] = [
        ("load models/head.npz", Head.load, 10),
        ("neutral head from shape", lambda: head.neutral(shape), 300),
        ("vertices from shape and expression", lambda: head.vertices(shape, expression), 300),
        ("vertices, neutral known", lambda: head.posed(neutral, shape, expression), 300),
        ("478 points of vertices", lambda: head.points(neutral), 300),
    ]
    for level in ("low", "medium", "high"):
        mesh = head.topology(level)
        refined = mesh.refine(neutral)
        rows.append((f"{level}: refine to {len(refined)} vertices", lambda m=mesh: m.refine(neutral), 100))  # type: ignore[misc]
        rows.append((f"{level}: normals", lambda m=mesh, r=refined: m.normals(r), 100))  # type: ignore[misc]
    for name, call, repeats in rows:
        print(f"{name:40s} {milliseconds(call, repeats):8.3f} ms")


def torch_table(device: str, batch: int = 256) -> None:
    """The torch twin, a batch."""
    import torch

    from face3d_live.head.model import Head
    from face3d_live.head.torch_head import TorchHead

    twin = TorchHead(Head.load()).to(device)
    shape, expression = torch.randn(batch, 80, device=device), torch.rand(batch, 52, device=device)

    def call() -> None:
        with torch.no_grad():
            twin(shape, expression)
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    print(f"{f'torch on {device}: {batch} heads':40s} {milliseconds(call, 30):8.3f} ms")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", help="also time the torch twin on this device")
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # read when NumPy is first imported
    numpy_table()
    if options.device:
        torch_table(options.device)


if __name__ == "__main__":
    main()
