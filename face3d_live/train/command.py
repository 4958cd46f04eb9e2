"""What `face3d-live train` and `face3d-live evaluate` do.

A training folder holds everything of a run: `pool/` (synthetic samples, portraits, and the held-out tenth of both),
`skins/`, `checkpoint.pt`, `teacher/` (another tracker's answers to the clips), `evaluation.json` and `.md` with
pictures in `evaluation/`. Running the same command again goes on where it stopped.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from face3d_live.errors import AssetError, InputError
from face3d_live.head.model import Head
from face3d_live.regress import weights
from face3d_live.regress.choose import OWN, load_regressor
from face3d_live.regress.devices import cuda_available
from face3d_live.regress.network import THIN, Architecture
from face3d_live.regress.runtime import Regressor
from face3d_live.train import loop
from face3d_live.train.augment import mirror_shape
from face3d_live.train.data.pool import PORTRAIT_SHARE, Mixture, Pool
from face3d_live.train.data.prepare import prepare
from face3d_live.train.evaluate import answers as evaluation
from face3d_live.train.evaluate import comparison, run
from face3d_live.train.evaluate import report as evaluate_report
from face3d_live.train.quantise import quantise
from face3d_live.train.readout import gather, refit
from face3d_live.train.synthetic import generate
from face3d_live.typing import Device, Precision

#: `--quick`: a thin network on a handful of synthetic heads, to see that everything works together. Its point error on
#: other heads must come down to this part of what it was before (an untrained network answers with the average face).
QUICK_MARGIN = 0.9
QUICK_TRAIN, QUICK_TEST = 240, 32
QUICK = loop.Recipe(THIN, samples=2_000, batch=16, rate=6e-3, warm_up=10, average=0.99, sizes=((1.0, 48),))


def train_network(
    out: Path = weights.DEFAULT,
    folder: Path = Path("training"),
    data: Path = Path("../shared/data"),
    samples: int = 2_000_000,
    generators: int = 2,
    device: Device = "auto",
    start: Path | None = None,
    quick: bool = False,
    elsewhere: StartAll | None = None,
) -> str:
    """Train, evaluate and write the weights; returns one line to print.

    samples: pictures seen in the whole run; on resuming another number only moves the schedule. generators: processes
    that draw synthetic faces meanwhile. elsewhere: starts them on other machines, which see the folders under the same
    names. start: weights to begin with instead of chance, where the folder holds no
    checkpoint. Raises InputError "data-missing" without the folder of portraits, AssetError
    where no OpenGL is to be had.
    """
    if quick:
        with tempfile.TemporaryDirectory() as temporary:
            return quick_run(Path(temporary))
    runs_on = _device(device)
    head, pool = Head.load(), folder / "pool"
    prepare(head, folder, data)
    drawn, photographed = Pool(pool / "synthetic"), Pool(pool / "portraits_train")
    drawing = drawing_arguments(pool, data, folder / "skins", generators)
    running = _start_here(drawing) if elsewhere is None else elsewhere(generate.__name__, drawing)
    try:
        _wait_for(drawn, running)
        shares = [(drawn, 1 - PORTRAIT_SHARE), (photographed, PORTRAIT_SHARE)]
        recipe = loop.Recipe(Architecture(), samples)
        trainer = loop.Trainer(recipe, Mixture(shares, recipe.seed), head, mirror_shape(head), runs_on)
        if start is not None:
            trainer.begin_with(weights.load(start).tensors)
        run_with_progress(trainer, folder)
    finally:
        for process in running:
            process.terminate()
    refit(trainer.average, gather(trainer.average, head, pool, trainer.size))
    trainer.export(out)
    print(_int8(out, data))
    evaluate_weights(out, folder, data, device=device)
    return f"{out}: {trainer.seen} pictures in {trainer.seconds / 3600:.1f} hours"


def quick_run(folder: Path) -> str:
    """A small run on synthetic faces alone, from nothing to a weights file that the run time reads.

    Raises InputError "quick-failed" when the result is not better than no training by `QUICK_MARGIN`.
    """
    head = Head.load()
    skins = plain_skins(folder / "skins")
    generator = generate.Generator(head, folder / "no-data", skins)
    generate.write_shard(generator, folder / "train", seed=1, number=0, count=QUICK_TRAIN)
    generate.write_shard(generator, folder / "test", seed=2, number=0, count=QUICK_TEST)
    trainer = loop.Trainer(QUICK, Mixture([(Pool(folder / "train"), 1.0)], 0), head, mirror_shape(head))
    errors = []
    for name in ("untrained", "trained"):
        if name == "trained":
            run_with_progress(trainer, folder)
        trainer.export(folder / f"{name}.npz")
        report = evaluation.evaluate_pool(Regressor.load("cpu", folder / f"{name}.npz"), head, Pool(folder / "test"))
        errors.append(report["network"]["points_percent"])
    before, after = errors
    line = f"point error {before:.1f} % of the eye distance before, {after:.1f} % after {trainer.seen} pictures"
    if after > QUICK_MARGIN * before:
        raise InputError("quick-failed", f"{line}: training no longer works, look at what changed last")
    return line


def evaluate_weights(
    path: Path = weights.DEFAULT,
    folder: Path = Path("training"),
    data: Path = Path("../shared/data"),
    limit: int | None = None,
    device: Device = "auto",
    compare: bool = False,
    precision: Precision = "auto",
) -> dict[str, Any]:
    """Measure a weights file on faces, heads and clips that training never saw; print one table, and save it all.

    In the training folder come `evaluation.json`, `evaluation.md`, and plots and contact sheets in `evaluation/`.
    compare: have MediaPipe answer to the clips (its model in `folder/teacher`); without it they are judged where its
    answers are kept. Raises as `evaluate_run.evaluate_all`.
    """

    def load() -> Regressor:
        return Regressor.load(device, path, 2, precision)

    report, pictures = run.evaluate_all(load, folder, data, limit, compare)
    Console().print(evaluate_report.terminal_table(report))
    evaluate_report.save(report, folder, pictures)
    return report


def compare_regressors(
    regressor: str,
    beside: Path | None,
    folder: Path = Path("training"),
    data: Path = Path("../shared/data"),
    limit: int | None = None,
    device: Device = "auto",
    compare: bool = False,
    precision: Precision = "auto",
) -> dict[str, dict[str, Any]]:
    """Measure another regressor (`regress.choose`) as `evaluate_weights` does, and a weights file beside it, if given.

    One table, printed and saved as `comparison.md`, beside each one's own report in `<folder>/evaluation-<name>`.
    The reports by name.
    """
    head = Head.load()
    loads = {regressor.partition(":")[0]: lambda: load_regressor(regressor, head, device, precision, 2)}
    if beside is not None:
        loads[OWN] = lambda: Regressor.load(device, beside, 2, precision)
    reports = {}
    for name, load in loads.items():
        report, pictures = run.evaluate_all(load, folder, data, limit, compare, out=folder / f"evaluation-{name}")
        evaluate_report.save(report, folder / f"evaluation-{name}", pictures)
        reports[name], compare = report, False  # MediaPipe has answered by now
    Console().print(comparison.comparison_table(reports))
    (folder / "comparison.md").write_text(comparison.comparison_markdown(reports))
    return reports


def run_with_progress(trainer: loop.Trainer, folder: Path) -> None:
    """`loop.run` with a progress bar that shows the loss and the speed."""
    percent = TextColumn("{task.percentage:>5.1f}%")
    with Progress(TextColumn("{task.description}"), BarColumn(), percent, TimeRemainingColumn()) as progress:
        task = progress.add_task("training", total=1.0)
        started: dict[str, float] = {}
        smooth = {"total": 0.0}

        def show(state: loop.Trainer, terms: dict[str, float]) -> None:
            now = time.monotonic()
            first = started.setdefault("time", now), started.setdefault("seen", state.seen)
            smooth["total"] = terms["total"] if smooth["total"] == 0 else 0.98 * smooth["total"] + 0.02 * terms["total"]
            speed = (state.seen - first[1]) / max(now - first[0], 1e-6)
            text = f"{state.size} px, loss {smooth['total']:.3f}, {speed:.0f} pictures/s"
            progress.update(task, completed=state.fraction, description=text)

        loop.run(trainer, folder, show)


def plain_skins(folder: Path) -> Path:
    """A few evenly coloured skins, for where there are no pictures of any."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, tone in enumerate(((224, 184, 160), (198, 146, 116), (141, 97, 72), (84, 56, 43))):
        noise = np.random.default_rng(i).normal(scale=4, size=(64, 64, 1))
        picture = cv2.resize(np.clip(np.array(tone) + noise, 0, 255).astype(np.uint8), (512, 512))
        cv2.imwrite(str(folder / f"plain{i}.png"), np.ascontiguousarray(picture[..., ::-1]))
    return folder


class Generating(Protocol):
    """A process that draws faces, here or elsewhere."""

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""

    def terminate(self) -> None:
        """End it."""


#: Starts a module's `main` once for each list of arguments.
StartAll = Callable[[str, Sequence[Sequence[str]]], Sequence[Generating]]


def drawing_arguments(pool: Path, data: Path, skins: Path, count: int) -> list[list[str]]:
    """Of `synthetic.generate`, for so many processes that fill the pool."""
    paths = {"--out": pool / "synthetic", "--data": data, "--skins": skins}
    same = [word for name, path in paths.items() for word in (name, str(path.absolute()))]
    return [[*same, "--seed", str(seed + 1)] for seed in range(count)]


def _start_here(arguments: Sequence[Sequence[str]]) -> list[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", generate.__name__]
    return [subprocess.Popen([*command, *each], stdout=subprocess.DEVNULL) for each in arguments]


def _wait_for(pool: Pool, running: Sequence[Generating]) -> None:
    while pool.refresh() == 0:
        if not running or all(process.poll() is not None for process in running):
            raise AssetError("generator-failed", "no synthetic faces were drawn: is EGL installed (libegl1 libgl1)?")
        time.sleep(1)


def _int8(path: Path, data: Path) -> str:
    """Measure what the weights need to run in int8, and say what came of it."""
    try:
        return quantise(path, data)
    except InputError as error:
        return str(error)


def _device(device: Device) -> str:
    if device == "gpu":
        raise AssetError("gpu-missing", "training runs in PyTorch: use --device cpu or cuda")
    return "cuda" if device != "cpu" and cuda_available() else "cpu"
