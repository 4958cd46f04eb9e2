"""All the figures of one weights file, with progress bars; what is lacking of held-out faces is made first."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from face3d_live.head.model import Head
from face3d_live.regress.interface import FaceRegressor
from face3d_live.texture.build.library import build_library
from face3d_live.track.tracker import Tracker
from face3d_live.train.data import portraits
from face3d_live.train.data.clips import TRAINING_CLIPS, find_clips, frame_size
from face3d_live.train.data.pool import Pool
from face3d_live.train.data.teacher import teacher_answers
from face3d_live.train.evaluate import clip_sheets, faces, people, rendered_clips, scans, true_points
from face3d_live.train.evaluate import clips as clip_figures
from face3d_live.train.evaluate import contact_sheets as pictures
from face3d_live.train.evaluate.answers import Evaluator, Measured, Source
from face3d_live.train.evaluate.clips import Track
from face3d_live.train.synthetic import generate

#: Synthetic faces that training never sees: so many, from a seed of their own.
HELD_OUT_SEED, HELD_OUT = 9999, 2000

Step = Callable[[int], None]


class Run:
    """One evaluation. folder: the training folder; data: the folder of faces and clips; limit: faces of each kind; out:
    where contact sheets and plots go."""

    def __init__(self, head: Head, folder: Path, data: Path, limit: int | None, progress: Progress, out: Path) -> None:
        self.head, self.folder, self.data, self.limit, self.out = head, folder, data, limit, out
        self.pool, self.answers = folder / "pool", folder / "teacher"
        self._progress = progress
        self.pictures: list[Path] = []
        self.tracks: dict[str, tuple[Track, Track]] = {}  # of each clip, ours and the other tracker's

    def step(self, name: str, total: int) -> Step:
        """A new progress bar, and what moves it."""
        task = self._progress.add_task(name, total=total)
        return lambda done: self._progress.advance(task, done)

    def upto(self, count: int) -> int:
        """`count`, or the limit where that is less."""
        return min(self.limit or count, count)

    def prepare(self) -> None:
        """Make the held-out faces that are not there. Raises InputError "data-missing", AssetError "egl-missing"."""
        if not (self.folder / "skins").is_dir():
            build_library(self.data, self.folder / "skins")
        self._draw_faces()
        self._draw_clips()
        count = self.upto(scans.COUNT)
        if len(Pool(self.pool / "scan_heads")) < count:
            step = self.step("drawing scan heads", count)
            scans.draw(self.head, self.data, self.folder / "skins", self.pool / "scan_heads", count, step)

    def _draw_faces(self) -> None:
        """The shards that are lacking of the held-out synthetic faces, or that do not know yet who wears glasses."""
        pool = self.pool / "synthetic_heldout"
        numbers = range(math.ceil(self.upto(HELD_OUT) / generate.SHARD))
        lacking = [n for n in numbers if not (pool / generate.shard_name(HELD_OUT_SEED, n) / "worn.npy").is_file()]
        if lacking:
            generator, step = self._generator(), self.step("drawing synthetic faces", len(lacking))
            for number in lacking:
                generate.write_shard(generator, pool, HELD_OUT_SEED, number)
                step(1)

    def _draw_clips(self) -> None:
        """The moving heads that are lacking; what MediaPipe said of older ones is forgotten."""
        there = {clip.stem for clip in rendered_clips.find_rendered(self.pool / "drawn_clips")}
        lacking = [n for n in range(self.upto(rendered_clips.PEOPLE)) if rendered_clips.name(n) not in there]
        if lacking:
            generator, step = self._generator(), self.step("drawing moving heads", len(lacking))
            for number in lacking:
                rendered_clips.draw(generator, self.pool / "drawn_clips", number)
                (self.answers / f"{rendered_clips.name(number)}.npz").unlink(missing_ok=True)
                step(1)

    def _generator(self) -> generate.Generator:
        return generate.Generator(self.head, self.data, self.folder / "skins")

    def measure(self, evaluator: Evaluator, name: str, most: int) -> tuple[Measured, Pool]:
        """The samples of a pool, `most` at most."""
        pool = Pool(self.pool / name)
        count = min(self.upto(most), len(pool))
        return evaluator.measure(pool, count, self.step(name.replace("_", " "), count)), pool

    def look(self, name: str, measured: Measured, samples: Source) -> None:
        """A contact sheet."""
        path = self.out / f"{name}.png"
        pictures.contact_sheet(self.head, measured, samples, path)
        self.pictures.append(path)

    def faces(self, evaluator: Evaluator) -> dict[str, Any]:
        """The parts that are about single pictures."""
        measured, pool = self.measure(evaluator, "synthetic_heldout", HELD_OUT)
        report: dict[str, Any] = {"synthetic": faces.synthetic_figures(self.head, measured)}
        report["true_points"] = true_points.true_point_figures(self.head, measured)
        self.look("synthetic", measured, pool)
        whose, samples = faces.held_out_portraits(self.head, self.data, self.limit)
        measured = evaluator.measure(samples, progress=self.step("portraits", len(whose)))
        report["portraits"] = faces.portrait_figures(self.head, measured, whose)
        self.look("portraits", measured, samples)
        measured, pool = self.measure(evaluator, "scan_heads", scans.COUNT)
        truth = scans.truth(self.pool / "scan_heads", len(measured))
        report["scans"] = scans.scan_figures(self.head, measured, truth)
        return report

    def people(self, evaluator: Evaluator) -> dict[str, Any]:
        """Whether a shape is of a person."""
        total = self.upto(len(people.find_pairs(self.data)))
        pairs = people.measure_pairs(evaluator, self.data, total, self.step("pairs of one person", 2 * total))
        return {name: people.people_figures(codes) for name, codes in pairs.items()}

    def ask(self, name: str, videos: list[Path]) -> None:
        """MediaPipe's answers to some clips. Raises AssetError "teacher-missing" where it is not installed."""
        step = self.step(f"MediaPipe on {name}", len(videos))
        for clip in videos:
            teacher_answers(clip, self.answers)
            step(1)

    def clips(self, evaluator: Evaluator) -> dict[str, Any] | None:
        """The clips that MediaPipe has answered to; None when there are none."""
        found = [c for c in find_clips(self.data) if (self.answers / f"{c.stem}.npz").is_file()]
        if not found:
            return None
        step, tracker = self.step("clips", len(found)), Tracker(evaluator.estimator, self.head)
        each: dict[str, dict[str, Any]] = {}
        for clip in found:
            ours, sharp, fps = clip_figures.follow(tracker, clip)
            theirs = clip_figures.reference(clip, self.answers, frame_size(clip))
            each[clip.stem] = clip_figures.clip_figures(ours, theirs, sharp, fps)
            self.tracks[clip.stem] = (ours, theirs)
            step(1)
        split = {
            "held out": [figures for name, figures in each.items() if name not in TRAINING_CLIPS],
            "trained on": [figures for name, figures in each.items() if name in TRAINING_CLIPS],
        }
        return {**{name: clip_figures.group_figures(part) for name, part in split.items() if part}, "each": each}

    def moments(self, evaluator: Evaluator) -> None:
        """Contact sheets of the held-out clips and the moving heads, where there is OpenGL: with the camera's pictures
        and with lines in their place."""
        videos = [c for c in find_clips(self.data) if c.stem in self.tracks and c.stem not in TRAINING_CLIPS]
        heads = rendered_clips.find_rendered(self.pool / "drawn_clips")
        step, tracker = self.step("contact sheets", len(videos) + len(heads)), Tracker(evaluator.estimator, self.head)
        rows: dict[str, dict[str, list[clip_sheets.Moment]]] = {"clips": {}, "moving_heads": {}}
        for clip in (*videos, *heads):
            theirs = self.tracks[clip.stem][1] if clip in videos else rendered_clips.truth(clip)
            kind = "clips" if clip in videos else "moving_heads"
            rows[kind][clip.stem] = clip_sheets.find_moments(tracker, clip, theirs)
            step(1)
        sheets = (
            ("clips", "clips_moments", True),
            ("clips", "clips_lines", False),
            ("moving_heads", "moving_heads", True),
        )
        for kind, name, shown in sheets:
            path = self.out / f"{name}.png"
            if rows[kind] and clip_sheets.sheet(self.head, rows[kind], path, shown):
                self.pictures.append(path)

    def drawn(self, evaluator: Evaluator) -> dict[str, Any]:
        """The moving heads against the truth: this tracker and, where it has answered, MediaPipe."""
        found = rendered_clips.find_rendered(self.pool / "drawn_clips")
        step, tracker = self.step("moving heads", len(found)), Tracker(evaluator.estimator, self.head)
        each: dict[str, list[dict[str, Any]]] = {"tracker": [], "MediaPipe": []}
        for clip in found:
            truth = rendered_clips.truth(clip)
            ours, sharp, fps = clip_figures.follow(tracker, clip)
            each["tracker"].append(clip_figures.clip_figures(ours, truth, sharp, fps))
            if (self.answers / f"{clip.stem}.npz").is_file():
                theirs = clip_figures.reference(clip, self.answers, (rendered_clips.SIDE, rendered_clips.SIDE))
                each["MediaPipe"].append(clip_figures.clip_figures(theirs, truth, theirs.expression, fps))
            step(1)
        return {name: clip_figures.group_figures(part) for name, part in each.items() if part}


def evaluate_all(
    load: Callable[[], FaceRegressor],
    folder: Path,
    data: Path,
    limit: int | None = None,
    compare: bool = False,
    out: Path | None = None,
) -> tuple[dict[str, Any], list[Path]]:
    """Every figure there is to have, and the pictures made.

    load: gives the weights to measure, called once the faces are there. compare: have MediaPipe answer to the clips;
    without it they are judged where its answers are kept. out: for the pictures, `folder / "evaluation"` by default.
    Raises InputError "data-missing", AssetError "teacher-missing" or what the weights raise.
    """
    out = out or folder / "evaluation"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as progress:
        run = Run(Head.load(), folder, data, limit, progress, out)
        portraits.load_index(data)  # this and MediaPipe say what is missing before minutes are spent on drawing
        if compare:
            run.ask("clips", find_clips(data))
        run.prepare()
        if compare:
            run.ask("moving heads", rendered_clips.find_rendered(run.pool / "drawn_clips"))
        regressor = load()
        evaluator = Evaluator(regressor, run.head)
        about = {key: value for key, value in regressor.meta.items() if key != "means"}
        report = {"weights": about, **run.faces(evaluator), "identity": run.people(evaluator)}
        watched = run.clips(evaluator)
        if watched is not None:
            report["clips"] = watched
        report["drawn"] = run.drawn(evaluator)
        run.moments(evaluator)
    return report, run.pictures + _plots(report, run.tracks, out)


def _plots(report: dict[str, Any], tracks: dict[str, tuple[Track, Track]], folder: Path) -> list[Path]:
    from face3d_live.train.evaluate import plots

    made = [folder / "channels.png", folder / "confidence.png"]
    plots.channels(report, made[0])
    plots.confidence(report, made[1])
    if tracks:
        made.append(folder / "clips.png")
        plots.clips(tracks, made[-1])
    return made
