"""What each kind of training data is worth: `python bench/ablation.py [--folder training] [--data ../shared/data]`.

A thin network learns by the losses and the loop of `face3d-live train`. It begins on plain synthetic faces; from there
every row of `ROWS` goes on by itself, each with one more kind of data than the row before it, and all with the same
number of pictures, seed and schedule. Judged is what leaves the program, after the fit, on people that no row has seen.
One table at the end. All is kept in FOLDER/ablation: what is there is not made again, and an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.regress import weights
from face3d_live.regress.crop import crop_from_points
from face3d_live.regress.network import THIN
from face3d_live.regress.runtime import Regressor
from face3d_live.train import loop
from face3d_live.train.augment import mirror_shape
from face3d_live.train.command import run_with_progress
from face3d_live.train.data import clips
from face3d_live.train.data.pool import PORTRAIT_SHARE, Mixture, Pool, Sample, ShardWriter
from face3d_live.train.data.portraits import Labeller, Portrait, held_out_skins, labelled, load_index, point_trust
from face3d_live.train.data.prepare import prepare
from face3d_live.train.data.teacher import teacher_answers
from face3d_live.train.data.turned import Turner
from face3d_live.train.evaluate import clips as evaluate_clips
from face3d_live.train.evaluate import metrics
from face3d_live.train.evaluate.answers import Evaluator, Measured, Source, compare
from face3d_live.train.evaluate.faces import held_out_portraits
from face3d_live.train.evaluate.people import measure_pairs, people_figures
from face3d_live.train.evaluate.tables import markdown_table
from face3d_live.train.synthetic.scene import Placement
from face3d_live.video import Video

#: What all rows begin with: plain synthetic faces, from chance.
BEGINNING = loop.Recipe(THIN, 24_000, batch=32, rate=1.2e-2, warm_up=100, average=0.99, sizes=((0.7, 48), (1.0, 64)))
#: How each goes on.
GOING_ON = replace(BEGINNING, samples=12_000, rate=8e-3, warm_up=30, sizes=((1.0, 64),))

#: Synthetic faces by name of their pool: their skins, seed, number.
DRAWN = {"plain": 41, "real": 701, "test": 43}
FACES, TEST_FACES = 6000, 1000
PER_SHARD = 500
#: How often each portrait is turned.
TURNED = 3
#: Every so many frames of a held-out clip are judged.
FRAME_EVERY = 4


@dataclass(frozen=True)
class Row:
    """What a network of the table learns from. drawn: the pool of synthetic faces; real: those of real pictures."""

    name: str
    drawn: str
    real: tuple[str, ...] = ()


_SINGLE, _TURNED = ("portraits_single", "portraits_apart"), ("turned_single", "turned_apart")
_TOGETHER = ("portraits_single", "portraits_together", "turned_single", "turned_together")

#: Each has what the one before it has. "+ real skin" has as many synthetic faces as before, three in four of them
#: wearing skins lifted from portraits. "+ pairs" has the pictures of the row before: those of one person are fitted
#: together, so that they share a shape.
ROWS = (
    Row("synthetic only", "plain"),
    Row("+ portraits", "plain", _SINGLE),
    Row("+ real skin", "real", _SINGLE),
    Row("+ turned", "real", _SINGLE + _TURNED),
    Row("+ pairs", "real", _TOGETHER),
    Row("+ clips", "real", (*_TOGETHER, "clips")),
)
START = Row("the start", "plain")

#: Columns: title, where `evaluate` puts the figure, digits after the point.
COLUMNS = (
    ("portraits, points %", "portraits/points_percent", 2),
    ("portraits, r", "portraits/mean_r", 3),
    ("synthetic, points %", "synthetic/points_percent", 2),
    ("synthetic, r", "synthetic/mean_r", 3),
    ("synthetic, shape mm", "synthetic/neutral_mm", 2),
    ("clips, points %", "clips/points_percent", 2),
    ("clips, r", "clips/mean_r", 3),
    ("identity, own / others", "identity/ratio", 3),
)


def shares(row: Row, sizes: Mapping[str, int]) -> list[tuple[str, float]]:
    """(pool, share of a batch): real pictures have `PORTRAIT_SHARE`, among them every picture alike, as in training."""
    if not row.real:
        return [(row.drawn, 1.0)]
    total = sum(sizes[name] for name in row.real)
    return [(row.drawn, 1 - PORTRAIT_SHARE), *((name, PORTRAIT_SHARE * sizes[name] / total) for name in row.real)]


def split_people(index: Sequence[Portrait]) -> tuple[list[Portrait], list[Portrait]]:
    """Portraits of people with one picture, and those of people with more."""
    pictures = Counter(portrait.person for portrait in index)
    single = [portrait for portrait in index if pictures[portrait.person] == 1]
    return single, [portrait for portrait in index if pictures[portrait.person] > 1]


class Kitchen:
    """Makes the pools that are lacking in `folder/ablation`."""

    def __init__(self, head: Head, folder: Path, data: Path) -> None:
        self.head, self.folder, self.data, self.work = head, folder, data, folder / "ablation"

    def make(self) -> None:
        """All of them. Raises InputError "data-missing", and CalledProcessError where faces cannot be drawn."""
        prepare(self.head, self.folder, self.data)
        skins, unseen = sorted((self.folder / "skins").glob("*.png")), held_out_skins(self.data)
        self._link("skins_plain", {p.name: p for p in skins if not p.stem.startswith("lifted")})
        # Under other names, as the generator never draws skins of people who are held out.
        self._link("skins_test", {f"lifted_test_{p.name}": p for p in skins if p.stem in unseen})
        self._draw("plain", self.work / "skins_plain", FACES)
        self._draw("real", self.folder / "skins", FACES)
        self._draw("test", self.work / "skins_test", TEST_FACES)
        self._portraits()
        self._link("clips", {shard: self.folder / "pool" / "portraits_train" / shard for shard in clips.SHARDS[:1]})
        self._held_out_clips()

    def _link(self, name: str, files: Mapping[str, Path]) -> None:
        (self.work / name).mkdir(parents=True, exist_ok=True)
        for link, file in files.items():
            if file.exists() and not (self.work / name / link).exists():
                (self.work / name / link).symlink_to(file.resolve())

    def _draw(self, name: str, skins: Path, count: int) -> None:
        if len(Pool(self.work / name)) >= count:
            return
        command = [sys.executable, "-m", "face3d_live.train.synthetic.generate", "--out", str(self.work / name)]
        command += ["--shards", str(count // PER_SHARD), "--count", str(PER_SHARD), "--seed", str(DRAWN[name])]
        subprocess.run([*command, "--data", str(self.data), "--skins", str(skins)], check=True)

    def _portraits(self) -> None:
        """Training portraits, as they are and turned. `apart` and `together` are the same pictures with other fits."""
        index = [portrait for portrait in load_index(self.data) if not portrait.held_out]
        single, several = split_people(index)
        labeller, turner = Labeller(self.head, self.data), Turner(self.head)
        for name, people in (("single", single), ("apart", several), ("together", several)):
            if (self.work / f"turned_{name}" / "portraits" / "about.json").is_file():
                continue
            fits = [labeller.fit([p])[0] for p in people] if name == "apart" else labeller.fit_all(people)
            plain, turned = (
                ShardWriter(self.work / f"{kind}_{name}", "portraits", {"kind": kind})
                for kind in ("portraits", "turned")
            )
            for portrait, fit in zip(people, fits, strict=True):
                sample = labeller.sample(portrait, fit.codes)
                rgb, crop = labeller.picture(portrait), labeller.crop(portrait)
                rng = np.random.default_rng(zlib.crc32(portrait.image.name.encode()))
                for _ in range(portrait.copies):
                    plain.add(sample)
                    for _ in range(TURNED):
                        turned.add(turner.sample(sample, rgb, crop, rng))
            plain.close()
            turned.close()

    def _held_out_clips(self) -> None:
        """Frames of the clips of people whom training never sees, with the other tracker's points and scores."""
        weight = np.asarray(self.head.point_usable, np.float32) * point_trust()
        for path in clips.find_clips(self.data):
            pool, kept = self.work / "test_clips" / path.stem, self.folder / "teacher" / f"{path.stem}.npz"
            if path.stem in clips.TRAINING_CLIPS or not kept.is_file() or (pool / "frames").is_dir():
                continue
            points, scores = teacher_answers(path, kept.parent)
            writer = ShardWriter(pool, "frames", {"kind": "frames of a held-out clip"})
            with Video.open(path) as video:
                for i, (rgb, _) in enumerate(video):
                    if i % FRAME_EVERY == 0 and np.isfinite(points[i]).all():
                        writer.add(_frame(rgb, points[i, :, :2], weight, scores[i]))
            writer.close()


def _frame(rgb: NDArray[np.uint8], points: NDArray, weight: NDArray, scores: NDArray) -> Sample:
    """A sample that is only judged: no head is fitted to it."""
    crop = crop_from_points(points)
    focal = Camera.webcam(rgb.shape[1], rgb.shape[0]).focal / crop.half
    where = Placement(np.eye(3, dtype=np.float32), 0.0, np.zeros(2, np.float32), focal)
    return labelled(rgb, crop, points, weight, where, HeadCodes(), scores)


class Ablation:
    """The runs and their figures, in `folder/ablation`."""

    def __init__(self, head: Head, folder: Path, data: Path, recipe: loop.Recipe) -> None:
        self.head, self.folder, self.data, self.recipe = head, folder, data, recipe
        self.work = folder / "ablation"
        self._portraits = held_out_portraits(head, data, folder / "teacher")[1]

    def run(self, row: Row) -> dict[str, Any]:
        """Train and evaluate a row, or read what an earlier run found."""
        beginning = self._train(START, BEGINNING, None)
        path = self._train(row, self.recipe, beginning)
        result = path.with_name("result.json")
        if not result.is_file():
            result.write_text(json.dumps(self.evaluate(path), indent=1))
        return dict(json.loads(result.read_text()))

    def _train(self, row: Row, recipe: loop.Recipe, beginning: Path | None) -> Path:
        """The weights after a run, made when they are not there."""
        name = row.name.removeprefix("+ ").replace(" ", "-")
        path = self.work / f"run_{name}_{recipe.samples}_{recipe.seed}" / "weights.npz"
        if path.is_file():
            return path
        pools = {name: Pool(self.work / name) for name in (row.drawn, *row.real)}
        parts = [(pools[name], share) for name, share in shares(row, {n: len(pool) for n, pool in pools.items()})]
        mixture = Mixture(parts, recipe.seed)
        trainer = loop.Trainer(recipe, mixture, self.head, mirror_shape(self.head))
        if beginning is not None:
            trainer.begin_with(weights.load(beginning).tensors)
        Console().print(f"{row.name}, seed {recipe.seed}: {sum(map(len, pools.values()))} pictures to draw from")
        run_with_progress(trainer, path.parent)
        trainer.export(path)
        return path

    def evaluate(self, path: Path) -> dict[str, Any]:
        """For the answers of the network and after the fit: figures of `compare` and `people_figures`, and clips."""
        evaluator = Evaluator(Regressor.load("cpu", path), self.head)
        sources: dict[str, Source] = {"portraits": self._portraits, "synthetic": Pool(self.work / "test")}
        found = {name: evaluator.measure(source) for name, source in sources.items()}
        frames = [evaluator.measure(Pool(pool)) for pool in sorted((self.work / "test_clips").glob("*"))]
        pairs = {kind: people_figures(codes) for kind, codes in measure_pairs(evaluator, self.data).items()}
        return {
            kind: {
                **{name: compare(self.head, measured.answers[kind], measured) for name, measured in found.items()},
                "identity": pairs[kind]["held out"],
                "identity_all": pairs[kind]["in all"],
                "clips": clip_figures(frames, kind),
            }
            for kind in ("network", "fit")
        }


def clip_figures(frames: Sequence[Measured], kind: str) -> dict[str, float]:
    """Points over the frames of all clips, and r within a clip of the channels that move in it; {} without clips."""
    errors, r = [], []
    for measured in frames:
        labels, answers = measured.labels, measured.answers[kind]
        errors += metrics.point_errors(answers.points, labels["points"], labels["weight"]).tolist()
        for parts in evaluate_clips.CHANNELS.values():
            ours, theirs = (evaluate_clips.channel(e, parts) for e in (answers.expression, labels["teacher"]))
            if theirs.std() >= evaluate_clips.MOVING:
                r.append(metrics.pearson(ours, theirs))
    return {"points_percent": float(np.mean(errors)), "mean_r": float(np.mean(r))} if r else {}


def cell(figures: Sequence[Mapping[str, Any]], path: str, digits: int) -> str:
    """The mean over the seeds, with half of what they span where there is more than one."""
    part, key = path.split("/")
    if not (values := [figure[part][key] for figure in figures if key in figure[part]]):
        return "not measured"
    mean, half = float(np.mean(values)), (max(values) - min(values)) / 2
    return f"{mean:.{digits}f}" + (f" ± {half:.{digits}f}" if len(values) > 1 else "")


def table(found: Iterable[tuple[Row, Sequence[Mapping[str, Any]]]]) -> str:
    """The rows, each with its figures for every seed, as Markdown."""
    lines = [[row.name, *(cell(figures, path, digits) for _, path, digits in COLUMNS)] for row, figures in found]
    return markdown_table(["learned from", *(title for title, _, _ in COLUMNS)], lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("training"), help="the training folder")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--samples", type=int, default=GOING_ON.samples, help="pictures of each row")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each row")
    options = parser.parse_args()
    head = Head.load()
    Kitchen(head, options.folder, options.data).make()
    # Where MediaPipe has labelled no clips, there is nothing to add.
    rows = [row for row in ROWS if all(len(Pool(options.folder / "ablation" / name)) for name in row.real)]
    found: list[list[dict[str, Any]]] = [[] for _ in rows]
    for seed in range(1000, 1000 + options.seeds):  # others than the beginning's
        recipe = replace(GOING_ON, samples=options.samples, seed=seed)
        ablation = Ablation(head, options.folder, options.data, recipe)
        for figures, row in zip(found, rows, strict=True):
            figures.append(ablation.run(row)["fit"])
    print(table(zip(rows, found, strict=True)))


if __name__ == "__main__":
    main()
