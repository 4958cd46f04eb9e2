"""Build models/head.npz: `python -m face3d_live.head.build [--quick] [--out FILE]`. Needs the extra `build`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from face3d_live.head.build.assemble import CORRESPONDENCE, N_HEADS, N_HEADS_QUICK, build
from face3d_live.paths import MODELS


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{N_HEADS_QUICK} random heads instead of {N_HEADS}")
    parser.add_argument("--expressions", action="store_true", help="keep the identities and the atlas of the file")
    parser.add_argument("--out", type=Path, default=MODELS / "head.npz")
    options = parser.parse_args()
    start = time.perf_counter()
    kept = dict(np.load(options.out)) if options.expressions else None
    arrays = build(N_HEADS_QUICK if options.quick else N_HEADS, CORRESPONDENCE, kept=kept)
    np.savez_compressed(options.out, **arrays)
    size = options.out.stat().st_size / 1e6
    print(f"{options.out}: {len(arrays['template'])} vertices, {size:.1f} MB, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
