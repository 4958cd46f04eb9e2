#!/usr/bin/env bash
# Draws synthetic faces on all cores, trains on one GPU by the clock, evaluates, and leaves weights in pieces: docs/gpu.md.
# Needs Python 3.12 with torch, numpy, opencv and scipy, and the folder that scripts/pack_training.py made. No network.
# usage: [NAME=value ...] scripts/train_gpu.sh
#   OUT            where the results go                  (work/gpu_out)
#   BUDGET         seconds for everything                (540)
#   DRAW_SECONDS   seconds of drawing                    (120)
#   TRAIN_SECONDS  most seconds of training              (360; less where the budget ends before)
#   EVAL_SECONDS   seconds kept for the evaluation       (50)
#   PROCESSES      that draw                             (the machine's cores)
#   SHARDS, SHARD_FACES  most shards of a process, faces in one: ends the drawing before its time (100000, 1000)
#   TURNS          turned copies of each portrait        (4)
#   BATCH, RATE    pictures a step, learning rate        (512, 0.0008)
#   EVAL_FACES     held-out faces of each kind           (800)
#   START          weights to begin with                 (models/regressor.npz)
#   SEED           of the drawn faces: another one draws others (100)
#   PYTHON, PACK, SCRATCH                                (python3, work/gpu, /tmp/face3d_gpu)
set -euo pipefail
cd "$(dirname "$0")/.."
BEGAN=$(date +%s)
OUT=${OUT:-work/gpu_out} BUDGET=${BUDGET:-540} DRAW_SECONDS=${DRAW_SECONDS:-120} TRAIN_SECONDS=${TRAIN_SECONDS:-360}
EVAL_SECONDS=${EVAL_SECONDS:-50} PROCESSES=${PROCESSES:-$(nproc)} TURNS=${TURNS:-4} BATCH=${BATCH:-512} RATE=${RATE:-0.0008}
SHARDS=${SHARDS:-100000} SHARD_FACES=${SHARD_FACES:-1000} SEED=${SEED:-100} EVAL_FACES=${EVAL_FACES:-800} START=${START:-models/regressor.npz}
. scripts/gpu_env.sh
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
left() { echo $((BUDGET - ($(date +%s) - BEGAN))); }

training=$SCRATCH/training pool=$SCRATCH/training/pool
[ -n "$RENDERER" ] || { say "no OpenGL to draw with:"; draws_why || exit 3; }
say "$(uname -m), $(nproc) cores, OpenGL: $RENDERER"
# What was drawn before for another pack or head has other labels.
made_of=$(cat "$PACK/training.tar" models/head.npz 2>/dev/null | sha256sum) || true
[ "$(cat "$SCRATCH/made_of" 2>/dev/null)" = "$made_of" ] || rm -rf "$SCRATCH/training" "$SCRATCH/data"
echo "$made_of" >"$SCRATCH/made_of"
rm -f "$SCRATCH/regressor.npz" "$OUT"/regressor.npz.*
"$PYTHON" -m face3d_live.train.data.pack_folder unpack "$PACK/training.tar" --folder "$SCRATCH"
say "unpacked; drawing for $DRAW_SECONDS s in $PROCESSES processes"

# One process per core. Each turns its part of the portraits (a third of the time at most), then draws until the time is
# up; the first draws the held-out faces, with a seed of their own, before.
DRAWN=$(($(date +%s) + DRAW_SECONDS))
limited() { timeout -k 5 "$((DRAWN - $(date +%s) + 5))" "$PYTHON" "$@"; }
draw() { # seed, then options
    seed=$1; shift
    limited -m face3d_live.train.synthetic.generate --data "$SCRATCH/data" --skins "$training/skins" --seed "$seed" \
        --seconds "$((DRAWN - $(date +%s)))" "$@"
}
draw_part() { # number, from 1
    export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1
    [ "$1" != 1 ] || draw 9999 --out "$pool/synthetic_heldout" --shards 1 --count "$EVAL_FACES"
    limited -m face3d_live.train.data.pack_folder turn --folder "$SCRATCH" --part "$(($1 - 1))" --parts "$PROCESSES" \
        --copies "$TURNS" --seconds "$((DRAW_SECONDS / 3))"
    draw "$((SEED + $1))" --out "$pool/synthetic" --shards "$SHARDS" --count "$SHARD_FACES"
}
part=1
while [ "$part" -le "$PROCESSES" ]; do
    draw_part "$part" >"$OUT/draw_$part.log" 2>&1 &
    part=$((part + 1))
done
wait
cat "$OUT"/draw_*.log >"$SCRATCH/draw.log"
rm -f "$OUT"/draw_*.log
say "$(grep -c 'samples a second' "$SCRATCH/draw.log" || true) shards drawn; training"
tail -n 3 "$SCRATCH/draw.log"

# Training ends by its own clock; `timeout` is for what hangs. SIGTERM makes it write the weights, too.
timeout -k 8 "$(($(left) - 10))" "$PYTHON" -m face3d_live.train.timed train --folder "$training" \
    --start "$START" --out "$SCRATCH/regressor.npz" --seconds "$TRAIN_SECONDS" --until "$((BEGAN + BUDGET - EVAL_SECONDS))" \
    --batch "$BATCH" --rate "$RATE" 2>&1 | tee "$OUT/training.log" || say "training ended before its time"
[ -e "$SCRATCH/regressor.npz" ] || { say "no weights: see $OUT/training.log"; exit 1; }
(cd "$SCRATCH" && sha256sum regressor.npz >"$OUT/regressor.npz.sha256" && split -b 15m -d -a 1 regressor.npz "$OUT/regressor.npz.part")
say "weights are in $OUT; evaluating"

[ "$(left)" -gt 10 ] || { say "no time left to evaluate"; exit 0; }
# The fit solves small systems, for which many threads are in each other's way.
OPENBLAS_NUM_THREADS=1 timeout -k 5 "$(left)" "$PYTHON" -m face3d_live.train.timed evaluate --folder "$training" --limit "$EVAL_FACES" \
    --start "$START" --out "$SCRATCH/regressor.npz" --report "$OUT/evaluation.json" 2>&1 | tee "$OUT/evaluation.txt" || true
say "done: $(ls "$OUT" | tr '\n' ' ')"
echo "join: cat regressor.npz.part? > models/regressor.npz && sha256sum models/regressor.npz && cat regressor.npz.sha256"
