"""What each kind of training data is worth: `python bench/ablation.py [--folder training] [--data ../shared/data]`.

A thin network learns from chance over and over, by the losses and the loop of `face3d-live train`: every row of `ROWS`
has one more kind of data, and the same number of pictures, seed and schedule. Judged is what leaves the program, after
the fit, on people that no row has seen. One table at the end. All is kept in FOLDER/ablation: what is there is not made
again, and an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.regress.crop import crop_from_points
from face3d_live.regress.network import Architecture
from face3d_live.regress.runtime import Regressor
from face3d_live.train import clips, evaluate_clips, loop, metrics
from face3d_live.train.augment import mirror_shape
from face3d_live.train.command import PORTRAIT_SHARE, run_with_progress
from face3d_live.train.evaluate import Judge, Samples, Source, compare
from face3d_live.train.evaluate_faces import held_out_portraits
from face3d_live.train.evaluate_people import measure_pairs, people_figures
from face3d_live.train.evaluate_tables import markdown_table
from face3d_live.train.pool import Mixture, Pool, Sample, ShardWriter
from face3d_live.train.portraits import Labeller, Portrait, held_out_skins, labelled, load_index, point_trust
from face3d_live.train.prepare import prepare
from face3d_live.train.scene import Placement
from face3d_live.train.synthetic import shard_name
from face3d_live.train.teacher import teacher_answers
from face3d_live.train.turned import Turner
from face3d_live.video import Video

ARCHITECTURE = Architecture(blocks=(1, 1, 1, 1), width=24, neck=64)
SIDE = 64  # pixels
SAMPLES, BATCH, RATE = 60_000, 64, 3e-3

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

    @property
    def slug(self) -> str:
        """For file names."""
        return self.name.removeprefix("+ ").replace(" ", "-")


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

#: Columns: title, where `judge` holds the figure, digits after the point.
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
        shard = clips.SHARDS[0]
        self._link("clips", {shard: self.folder / "pool" / "portraits_train" / shard})
        self._held_out_clips()

    def _link(self, name: str, files: Mapping[str, Path]) -> None:
        (self.work / name).mkdir(parents=True, exist_ok=True)
        for link, file in files.items():
            if file.exists() and not (self.work / name / link).exists():
                (self.work / name / link).symlink_to(file.resolve())

    def _draw(self, name: str, skins: Path, count: int) -> None:
        numbers = range(count // PER_SHARD)
        if all((self.work / name / shard_name(DRAWN[name], n) / "about.json").is_file() for n in numbers):
            return
        command = [sys.executable, "-m", "face3d_live.train.synthetic", "--out", str(self.work / name)]
        command += ["--shards", str(len(numbers)), "--count", str(PER_SHARD), "--seed", str(DRAWN[name])]
        subprocess.run([*command, "--data", str(self.data), "--skins", str(skins)], check=True)

    def _portraits(self) -> None:
        """Training portraits, as they are and turned. `apart` and `together` are the same pictures with other fits."""
        index = [portrait for portrait in load_index(self.data) if not portrait.held_out]
        single, several = split_people(index)
        labeller, turner = Labeller(self.head, self.data), Turner(self.head)
        for name, people in (("single", single), ("apart", several), ("together", several)):
            if (self.work / f"turned_{name}" / "portraits" / "about.json").is_file():
                continue
            alone = [labeller.fit([p])[0] for p in people] if name == "apart" else labeller.fit_all(people)
            kept = [
                ShardWriter(self.work / f"{kind}_{name}", "portraits", {"kind": kind})
                for kind in ("portraits", "turned")
            ]
            for portrait, fit in zip(people, alone, strict=True):
                sample = labeller.sample(portrait, fit.codes)
                rgb, crop = labeller.picture(portrait), labeller.crop(portrait)
                rng = np.random.default_rng(zlib.crc32(portrait.image.name.encode()))
                for _ in range(portrait.copies):
                    kept[0].add(sample)
                    for _ in range(TURNED):
                        kept[1].add(turner.sample(sample, rgb, crop, rng))
            for writer in kept:
                writer.close()

    def _held_out_clips(self) -> None:
        """Frames of the clips of people whom training never sees, with the other tracker's points and scores."""
        weight = np.asarray(self.head.point_usable, np.float32) * point_trust()
        for path in sorted((self.data / "clips").glob("*.mkv")):
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
        self._portraits: Samples | None = None

    def run(self, row: Row) -> dict[str, Any]:
        """Train and judge a row, or read what an earlier run found."""
        folder = self.work / f"run_{row.slug}_{self.recipe.seed}"
        result = folder / "result.json"
        if result.is_file():
            return dict(json.loads(result.read_text()))
        pools = {name: Pool(self.work / name) for name in (row.drawn, *row.real)}
        parts = [(pools[name], share) for name, share in shares(row, {n: len(pool) for n, pool in pools.items()})]
        mixture = Mixture(parts, self.recipe.seed)
        trainer = loop.Trainer(self.recipe, mixture, self.head, mirror_shape(self.head))
        Console().print(f"{row.name}, seed {self.recipe.seed}: {sum(map(len, pools.values()))} pictures to draw from")
        run_with_progress(trainer, folder)
        trainer.export(folder / "weights.npz")
        figures = self.judge(folder / "weights.npz") | {"pictures": trainer.seen, "seconds": trainer.seconds}
        result.write_text(json.dumps(figures, indent=1))
        return figures

    def judge(self, weights: Path) -> dict[str, Any]:
        """Figures of `evaluate.compare` and `evaluate_people.people_figures`, after the fit."""
        judge = Judge(Regressor.load("cpu", weights), self.head)
        if self._portraits is None:
            self._portraits = held_out_portraits(self.head, self.data, self.folder / "teacher")[1]
        sources: dict[str, Source] = {"portraits": self._portraits, "synthetic": Pool(self.work / "test")}
        found = {name: judge.measure(source) for name, source in sources.items()}
        out = {name: compare(self.head, measured.fit, measured) for name, measured in found.items()}
        pairs = people_figures(measure_pairs(judge, self.data)["fit"])
        return out | {"identity": pairs["held out"], "identity_all": pairs["in all"], "clips": self._clips(judge)}

    def _clips(self, judge: Judge) -> dict[str, float]:
        """Frames of held-out clips: points, and r within a clip of the channels that move in it."""
        errors, r = [], []
        for pool in sorted((self.work / "test_clips").glob("*")):
            measured = judge.measure(Pool(pool))
            labels = measured.labels
            errors += metrics.point_errors(measured.fit.points, labels["points"], labels["weight"]).tolist()
            for parts in evaluate_clips.CHANNELS.values():
                ours, theirs = (evaluate_clips.channel(e, parts) for e in (measured.fit.expression, labels["teacher"]))
                if theirs.std() >= evaluate_clips.MOVING:
                    r.append(metrics.pearson(ours, theirs))
        return {"points_percent": float(np.mean(errors)), "mean_r": float(np.mean(r)), "frames": len(errors)}


def cell(figures: Sequence[Mapping[str, Any]], path: str, digits: int) -> str:
    """The mean over the seeds, with half of what they span where there is more than one."""
    part, key = path.split("/")
    values = [figure[part][key] for figure in figures]
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
    parser.add_argument("--samples", type=int, default=SAMPLES, help="pictures a network sees")
    parser.add_argument("--seeds", type=int, default=1, help="networks for each row")
    options = parser.parse_args()
    head = Head.load()
    Kitchen(head, options.folder, options.data).make()
    found: list[list[dict[str, Any]]] = [[] for _ in ROWS]
    for seed in range(options.seeds):
        recipe = loop.Recipe(
            ARCHITECTURE, options.samples, BATCH, RATE, warm_up=100, average=0.99, sizes=((1.0, SIDE),), seed=seed
        )
        ablation = Ablation(head, options.folder, options.data, recipe)
        for row, figures in zip(ROWS, found, strict=True):
            figures.append(ablation.run(row))
    print(table(zip(ROWS, found, strict=True)))


if __name__ == "__main__":
    main()
