#!/usr/bin/env bash
# Tests and benches for a machine with a GPU, one table: docs/gpu.md. Without a GPU, what needs CUDA is skipped.
# Needs Python 3.12 with torch, numpy, opencv and scipy, and the folder that scripts/pack_training.py made. No network.
# usage: [NAME=value ...] scripts/check_gpu.sh
#   OUT      where check.txt (the table) and check.log (everything) go (work/gpu_out)
#   BUDGET   seconds for everything (540)
#   PYTHON, PACK, SCRATCH (python3, work/gpu, /tmp/face3d_gpu)
set -euo pipefail
cd "$(dirname "$0")/.."
BEGAN=$(date +%s)
OUT=${OUT:-work/gpu_out} BUDGET=${BUDGET:-540}
. scripts/gpu_env.sh
mkdir -p "$OUT"
rm -f "$OUT/check.log"
seconds=$((BUDGET - ($(date +%s) - BEGAN) - 20))
"$PYTHON" scripts/check_gpu.py --out "$OUT" --seconds "$seconds" --renderer "$RENDERER"
