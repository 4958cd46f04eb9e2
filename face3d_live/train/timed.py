"""Training by the clock on one device, the whole pool in its memory: what `scripts/train_gpu.sh` runs.

    python -m face3d_live.train.timed train --folder DIR --out FILE --seconds S
    python -m face3d_live.train.timed evaluate --folder DIR --out FILE --report FILE

DIR is a training folder with the pools `synthetic` and `portraits_train`; training begins with the weights of `--start`
or with DIR's checkpoint, and leaves a checkpoint. Evaluation measures both files on `synthetic_heldout` and
`portraits_heldout`.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from face3d_live.errors import InputError
from face3d_live.head.model import Head
from face3d_live.regress import weights
from face3d_live.regress.network import Architecture
from face3d_live.regress.runtime import Regressor
from face3d_live.train import loop
from face3d_live.train.augment import mirror_shape
from face3d_live.train.data.pool import PORTRAIT_SHARE, Pool
from face3d_live.train.data.resident import ResidentMixture
from face3d_live.train.evaluate import answers as evaluation
from face3d_live.train.readout import gather, refit
from face3d_live.typing import Device

#: Seconds that checkpoints, the last layers of the expression and writing the weights take beside the training.
WRITING = 45.0

#: Pools to be measured on.
HELD_OUT = ("synthetic_heldout", "portraits_heldout")


def recipe(architecture: Architecture, seconds: float, batch: int, rate: float) -> loop.Recipe:
    """Going on with trained weights: at full size, and with norms that stand still from the first step.

    Those of the weights stood still in the end of their own training; with the statistics of a batch in their place the
    points would be off by half a face in the first step.
    """
    return loop.Recipe(architecture, 0, batch, rate, warm_up=100, sizes=((1.0, 112),), norms_until=0.0, seconds=seconds)


def train(
    folder: Path,
    out: Path,
    seconds: float,
    batch: int,
    rate: float,
    start: Path,
    device: str,
    until: float = math.inf,
) -> loop.Trainer:
    """Train for so long and write the weights, also those of a run that is told to stop (SIGTERM) before its time.

    until: `time.time()` at which the weights shall be there; the run is shorter where loading has taken too long.
    Raises InputError "pool-empty" without both pools.
    """
    began = time.monotonic()
    stored = weights.load(start)
    pools = [Pool(folder / "pool" / name) for name in ("synthetic", "portraits_train")]
    if not all(len(pool) for pool in pools):
        raise InputError("pool-empty", f"{folder / 'pool'} needs samples in synthetic and in portraits_train")
    shares = zip(pools, (1 - PORTRAIT_SHARE, PORTRAIT_SHARE), strict=True)
    mixture, head = ResidentMixture(list(shares), 0, device), Head.load()
    architecture = Architecture.from_json(stored.meta["architecture"])
    plan = recipe(architecture, max(1.0, min(seconds, until - time.time() - WRITING)), batch, rate)
    torch.backends.cudnn.benchmark = True  # every batch has the same shape
    trainer = loop.Trainer(plan, mixture, head, mirror_shape(head), device)
    trainer.begin_with(stored.tensors)
    lengths = " and ".join(f"{len(pool)} of {pool.folder.name}" for pool in pools)
    print(f"{lengths} are on {device} after {time.monotonic() - began:.0f} s; {plan.seconds:.0f} s to go", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped before its time"))
    try:
        loop.run(trainer, folder, Spoken(), checkpoint_seconds=120)
        refit(trainer.average, gather(trainer.average, head, folder / "pool", trainer.size))
    finally:
        trainer.export(out)
    return trainer


@dataclass
class Spoken:
    """Prints a line of progress every `every` seconds of training, for logs."""

    every: float = 20.0
    terms: list[float] = field(default_factory=list)
    last: tuple[float, int] = (0.0, 0)

    def __call__(self, trainer: loop.Trainer, terms: Mapping[str, float]) -> None:
        self.terms.append(terms["total"])
        seconds, seen = self.last
        if trainer.seconds - seconds < self.every and trainer.fraction < 1:
            return
        speed = (trainer.seen - seen) / max(trainer.seconds - seconds, 1e-6)
        loss = sum(self.terms) / len(self.terms)
        print(f"{trainer.seconds:5.0f} s, {trainer.seen:8d} pictures, {speed:6.0f} / s, loss {loss:.3f}", flush=True)
        self.terms, self.last = [], (trainer.seconds, trainer.seen)


def evaluate(folder: Path, files: Mapping[str, Path], limit: int | None, device: str) -> dict[str, Any]:
    """`evaluation.describe` of each weights file on each pool of `HELD_OUT` that has samples."""
    head = Head.load()
    pools = [pool for name in HELD_OUT if len(pool := Pool(folder / "pool" / name))]
    kind: Device = "cuda" if device == "cuda" else "cpu"
    report: dict[str, Any] = {}
    for name, path in files.items():
        evaluator = evaluation.Evaluator(Regressor.load(kind, path, torch.get_num_threads()), head)
        report[name] = {pool.folder.name: evaluation.describe(head, evaluator.measure(pool, limit)) for pool in pools}
    return report


def table(report: Mapping[str, Any]) -> Table:
    """Every single number of the fits, a column for each weights file."""
    out = Table(title="after the fit")
    for title in ("held out", "measure", *report):
        out.add_column(title, justify="left" if title in ("held out", "measure") else "right")
    first = next(iter(report.values()))
    for pool, part in first.items():
        for key, value in part["fit"].items():
            if isinstance(value, int | float):
                values = (report[name][pool]["fit"][key] for name in report)
                out.add_row(f"{pool} ({part['faces']})", key, *(f"{v:.4g}" for v in values))
    return out


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("train", "evaluate"))
    parser.add_argument("--folder", type=Path, required=True, help="the training folder")
    parser.add_argument("--out", type=Path, required=True, help="the weights file that training writes")
    parser.add_argument("--start", type=Path, default=weights.DEFAULT, help="weights to begin with")
    parser.add_argument("--seconds", type=float, default=340.0, help="of training")
    parser.add_argument("--until", type=float, default=math.inf, help="UNIX time at which the weights shall be there")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=float, default=8e-4, help="learning rate at its highest")
    parser.add_argument("--limit", type=int, help="held-out faces of each kind")
    parser.add_argument("--report", type=Path, help="where evaluation writes its figures (JSON)")
    options = parser.parse_args(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if options.command == "train":
        how = options.seconds, options.batch, options.rate, options.start
        done = train(options.folder, options.out, *how, device, options.until)
        print(f"{options.out}: {done.seen} pictures in {done.seconds:.0f} s on {device}")
        return 0
    files = {"before": options.start, "after": options.out}
    report = evaluate(options.folder, files, options.limit, device)
    if options.report is not None:
        options.report.write_text(json.dumps(report, indent=1))
    Console(width=120).print(table(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
