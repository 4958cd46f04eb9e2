"""`face3d-live reconstruct`: photos, folders and patterns to one folder of files each, and summary.csv."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

from face3d_live import files
from face3d_live.errors import AssetError, Face3DError
from face3d_live.export.bundle import write_folder
from face3d_live.reconstruct.advice import refusal
from face3d_live.reconstruct.fusing import VIDEO_SUFFIXES, read_pictures
from face3d_live.reconstruct.options import ANYWHERE, Options, RunsOn
from face3d_live.reconstruct.outcome import COLUMNS, Outcome, Task
from face3d_live.reconstruct.photo import MOST_BYTES, load_photo
from face3d_live.reconstruct.photo_progress import PhotoProgress
from face3d_live.reconstruct.reconstructor import Reconstructor
from face3d_live.reconstruct.report import finished
from face3d_live.typing import Device, Precision

STDIN = Path("-")
SUMMARY = "summary.csv"
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".mpo", ".avif"})


class Elsewhere(Protocol):
    """Other machines that make photos."""

    def make(self, due: Sequence[Task], options: Options, runs_on: RunsOn) -> Iterator[Outcome]:
        """An outcome for each task, in the order in which they are done."""

    def summarize(self, rows: Sequence[dict[str, Any]], out: Path) -> None:
        """Write the rows of summary.csv in their own way, too."""


def reconstruct_photos(
    sources: Sequence[Path],
    out: Path,
    options: Options,
    runs_on: RunsOn = ANYWHERE,
    jobs: int = 1,
    force: bool = False,
    elsewhere: Elsewhere | None = None,
) -> int:
    """One photo into `out`; several, a folder or a pattern into a folder each inside it, with summary.csv.

    Returns the exit code. A photo that fails prints `error: CODE: what to do` and leaves nothing; the others go on.
    A photo whose head is there already is skipped unless `force`. "-" is a photo on standard input.
    elsewhere: makes the photos in place of this machine's processes, and gets the rows of the summary at the end.
    Raises InputError("no-photos") when there is nothing to do.
    """
    photos, many = expand(sources)
    tasks = [Task(photo, folder) for photo, folder in zip(photos, folders(photos, out, many), strict=True)]
    outcomes = []
    with PhotoProgress(len(tasks)) as progress:
        for outcome in _outcomes(tasks, options, runs_on, jobs, force, elsewhere):
            outcomes.append(outcome)
            progress.tell(outcome, options)
    if many:
        order = {task: i for i, task in enumerate(tasks)}
        outcomes.sort(key=lambda outcome: order[outcome.task])
        write_summary(outcomes, out)
        if elsewhere is not None:
            elsewhere.summarize([outcome.row() for outcome in outcomes], out)
    return 1 if any(outcome.state == "failed" for outcome in outcomes) else 0


def reconstruct_person(
    sources: Sequence[Path],
    out: Path,
    options: Options,
    runs_on: RunsOn = ANYWHERE,
    force: bool = False,
) -> int:
    """Photos, folders, patterns and videos of one person into one head in `out`. Returns the exit code.

    Raises InputError when no picture can be read or used.
    """
    photos, _ = expand(sources, _SUFFIXES | VIDEO_SUFFIXES)
    task = Task(photos[0], out)
    report = None if force else finished(out, options, runs_on.regressor)
    if report is not None:
        outcome = Outcome(task, "skipped", report=report)
    else:
        made = Reconstructor(*runs_on).person(read_pictures(photos), options)
        try:
            write_folder(made.files, out)
        except OSError as error:
            raise refusal("not-written", f"{out} ({error.strerror})") from error
        outcome = Outcome(task, "done", report=made.report)
    with PhotoProgress(1) as progress:
        progress.tell(outcome, options)
    return 0


def expand(sources: Sequence[Path], suffixes: Set[str] = _SUFFIXES) -> tuple[list[Path], bool]:
    """(photos, whether they are to lie in folders of their own): folders and patterns become the photos in them.

    Raises InputError("no-photos").
    """
    photos: list[Path] = []
    many = len(sources) > 1
    for source in sources:
        if source.is_dir():
            many = True
            photos += sorted(p for p in source.rglob("*") if p.suffix.lower() in suffixes and p.is_file())
        elif not source.exists() and any(sign in str(source) for sign in "*?["):
            many = True
            start = Path(source.anchor)
            photos += sorted(p for p in start.glob(str(source.relative_to(start))) if p.is_file())
        else:
            photos.append(source)
    photos = list(dict.fromkeys(photos))
    if not photos:
        raise refusal("no-photos", " ".join(map(str, sources)))
    return photos, many


def folders(photos: Sequence[Path], out: Path, many: bool) -> list[Path]:
    """A folder for each photo, named after it; photos of the same name get a number."""
    if not many:
        return [out]
    taken: set[str] = set()
    found = []
    for photo in photos:
        stem = "stdin" if photo == STDIN else photo.stem or "photo"
        name, count = stem, 1
        while name.lower() in taken:  # some disks take upper and lower case for the same
            count += 1
            name = f"{stem}-{count}"
        taken.add(name.lower())
        found.append(out / name)
    return found


def _outcomes(
    tasks: Sequence[Task], options: Options, runs_on: RunsOn, jobs: int, force: bool, elsewhere: Elsewhere | None
) -> Iterator[Outcome]:
    """In the order in which they are done."""
    due = []
    for task in tasks:
        report = None if force else finished(task.folder, options, runs_on.regressor)
        if report is None:
            due.append(task)
        else:
            yield Outcome(task, "skipped", report=report)
    if elsewhere is not None:
        yield from elsewhere.make(due, options, runs_on)
        return
    if jobs <= 1 or len(due) <= 1:
        maker = Reconstructor(*runs_on)
        for task in due:
            yield make(maker, task, options)
        return
    yield from _in_processes(due, options, runs_on, min(jobs, len(due)))


def _in_processes(due: Sequence[Task], options: Options, runs_on: RunsOn, jobs: int) -> Iterator[Outcome]:
    """Each process has its own network and OpenGL; one that dies takes only the photos it held with it."""
    with ProcessPoolExecutor(jobs, get_context("spawn"), _prepare, runs_on) as pool:
        futures = {pool.submit(_make_there, task, options): task for task in due}
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool:
                yield Outcome(futures[future], "failed", "process-died", refusal("process-died").message)


_maker: Reconstructor | None = None


def _prepare(device: Device, precision: Precision, regressor: str) -> None:
    global _maker
    _maker = Reconstructor(device, precision, regressor)


def _make_there(task: Task, options: Options) -> Outcome:
    assert _maker is not None
    return make(_maker, task, options)


def make(maker: Reconstructor, task: Task, options: Options, data: bytes | None = None) -> Outcome:
    """One photo, from file to folder; what is wrong with it is in the outcome. data: of the file, if it was read."""
    try:
        photo = load_photo(data or (_stdin() if task.photo == STDIN else task.photo))
        made = maker.photo(photo.rgb, options, warnings=photo.warnings)
        write_folder(made.files, task.folder)
    except AssetError:
        raise  # no other photo would fare better
    except Face3DError as error:
        return Outcome(task, "failed", error.code, error.message)
    except OSError as error:
        return Outcome(
            task, "failed", "not-written", refusal("not-written", f"{task.folder} ({error.strerror})").message
        )
    except MemoryError:
        return Outcome(task, "failed", "too-large", refusal("too-large").message)
    return Outcome(task, "done", report=made.report)


def _stdin() -> bytes:
    data = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise refusal("too-large", "standard input")
    return data


def write_summary(outcomes: Sequence[Outcome], out: Path) -> None:
    """Write `summary.csv`: one row a photo."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    table.writerows(outcome.row() for outcome in outcomes)
    try:
        files.write(out / SUMMARY, text.getvalue().encode())
    except OSError as error:
        raise refusal("not-written", f"{out / SUMMARY} ({error.strerror})") from error
