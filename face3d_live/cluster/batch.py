"""Many photos or videos on a Ray cluster: Ray Data hands them out, an actor on each machine keeps its models.

Addresses and results are files that every machine sees under the same name: a shared folder. Photos may also be in an
object store (`s3://bucket/name`), as pyarrow knows it. What goes wrong with one is in its row. An actor works on one
at a time; one that dies is replaced, and what it had is tried `PASSES` times.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.csv
import pyarrow.fs
import pyarrow.parquet
import ray
import ray.data

from face3d_live.cluster.ray_connection import connect
from face3d_live.errors import Face3DError, InputError
from face3d_live.reconstruct.advice import refusal
from face3d_live.reconstruct.batch import folders, make
from face3d_live.reconstruct.options import Options, RunsOn
from face3d_live.reconstruct.outcome import Outcome, Task
from face3d_live.reconstruct.reconstructor import Reconstructor
from face3d_live.text import shown
from face3d_live.track.track_video import Summary, track_video
from face3d_live.track.tracker import Tracker

#: Cores of one actor: what a reconstruction uses.
ACTOR_CPUS = 2
#: A photo whose process dies is tried again when all others are done: it may have been another's fault.
PASSES = 2
#: A block has one row, until there are more rows than this.
MAX_BLOCKS = 4096
SUMMARY = "summary.parquet"
LISTS = frozenset({".parquet", ".csv"})
#: The columns of a list that may hold the addresses; otherwise its first one does.
_COLUMNS = ("photo", "video", "path", "address", "url")
#: Path makes one slash of an object store's two.
_STORE = re.compile(r"(s3|gs|gcs|abfs|abfss|hdfs):/+(.*)")


@dataclass(frozen=True)
class Machines:
    """address: of the Ray cluster. actors: at most so many; None: as many as fit. gpus: of one actor."""

    address: str
    actors: int | None = None
    gpus: float = 0.0


def read_lists(sources: Sequence[Path]) -> list[Path]:
    """The sources, with the addresses of lists (Parquet, CSV) in place of those. Raises InputError "bad-list"."""
    found: list[Path] = []
    for source in sources:
        if source.suffix.lower() in LISTS and source.is_file():
            found += _addresses(source)
        else:
            found.append(source)
    return found


def _addresses(source: Path) -> list[Path]:
    read = pyarrow.parquet.read_table if source.suffix.lower() == ".parquet" else pyarrow.csv.read_csv
    try:
        table = read(source)
        column = next((name for name in _COLUMNS if name in table.column_names), table.column_names[0])
        return [Path(str(value)) for value in table.column(column).to_pylist() if value]
    except (pyarrow.ArrowException, OSError, IndexError) as error:
        raise InputError("bad-list", f"{source} is no list of addresses that can be read: {error}") from error


def write_summary(rows: Iterable[dict[str, Any]], out: Path) -> None:
    """Write `summary.parquet`: one row a photo or video, all values but numbers as text."""
    plain = [{key: None if value == "" else value for key, value in row.items()} for row in rows]
    out.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(plain), out / SUMMARY)


# --- photos -----------------------------------------------------------------------------------------------------------


class PhotoMaker:
    """An actor: one network, one OpenGL."""

    def __init__(self, options: Options, runs_on: RunsOn) -> None:
        self._options = options
        self._maker = Reconstructor(*runs_on)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Pickled tasks to pickled outcomes."""
        outcomes = [pickle.dumps(self._make(pickle.loads(data))) for data in batch["task"]]
        return {"key": batch["key"], "outcome": outcomes}

    def _make(self, task: Task) -> Outcome:
        store = _STORE.fullmatch(str(task.photo))
        if store is None:
            return make(self._maker, task, self._options)
        try:
            system, path = pyarrow.fs.FileSystem.from_uri(f"{store[1]}://{store[2]}")
            with system.open_input_file(path) as file:
                data = file.read()
        except (pyarrow.ArrowException, OSError) as error:
            return Outcome(task, "failed", "no-file", refusal("no-file", f"{task.photo} ({error})").message)
        return make(self._maker, task, self._options, data)


class PhotosOnRay:
    """An `Elsewhere` of `reconstruct.batch`."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        connect(machines.address)

    def make(self, due: Sequence[Task], options: Options, runs_on: RunsOn) -> Iterator[Outcome]:
        """An outcome for each, in the order in which they are done."""
        rows = {str(task.folder): {"task": pickle.dumps(_absolute(task))} for task in due}
        given = {str(task.folder): task for task in due}
        for key, row in spread(rows, PhotoMaker, (options, runs_on), self._machines):
            yield replace(pickle.loads(row["outcome"]), task=given.pop(key))
        for task in given.values():
            yield Outcome(task, "failed", "process-died", refusal("process-died").message)

    def summarize(self, rows: Sequence[dict[str, Any]], out: Path) -> None:
        """Write summary.parquet."""
        write_summary(rows, out)


def _absolute(task: Task) -> Task:
    """The task, for processes that have another working folder."""
    photo = task.photo if _STORE.fullmatch(str(task.photo)) else task.photo.absolute()
    return Task(photo, task.folder.absolute())


# --- videos -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrackOptions:
    """As `track.track_video.track_video` takes them."""

    smooth: bool
    runs_on: RunsOn
    calibration: Path | None


class VideoTracker:
    """An actor that tracks videos."""

    def __init__(self, options: TrackOptions) -> None:
        self._options = options
        # Loaded once, to fail before the first video when it cannot be.
        Tracker.load(*options.runs_on[:2], smooth=options.smooth, regressor=options.runs_on.regressor)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Videos and files to write, to rows of the summary."""
        rows = [self._track(Path(video), Path(out)) for video, out in zip(batch["video"], batch["out"], strict=True)]
        return {"key": batch["key"], "row": [pickle.dumps(row) for row in rows]}

    def _track(self, video: Path, out: Path) -> dict[str, Any]:
        options, runs_on = self._options, self._options.runs_on
        try:
            made = track_video(
                video, out, options.smooth, runs_on.device, progress=False, calibration=options.calibration,
                precision=runs_on.precision, regressor=runs_on.regressor,
            )  # fmt: skip
        except Face3DError as error:
            return _row(video, out, "failed", error.code, error.message)
        return _row(video, out, "done", summary=made)


def track_videos(
    videos: Sequence[Path], out: Path, options: TrackOptions, machines: Machines, force: bool = False
) -> Iterator[dict[str, Any]]:
    """Track videos into `out`, each to an .npz of its name. Rows of the summary, in the order in which they are done.

    One that is there already is skipped, unless `force`.
    """
    connect(machines.address)
    due: dict[str, dict[str, str]] = {}
    given: dict[str, Path] = {}
    out.mkdir(parents=True, exist_ok=True)
    for video, file in zip(videos, _files(videos, out.absolute()), strict=True):
        if file.is_file() and not force:
            yield _row(video, file, "skipped")
        else:
            given[str(file)] = video
            due[str(file)] = {"video": str(video.absolute()), "out": str(file)}
    for key, row in spread(due, VideoTracker, (options,), machines):
        yield pickle.loads(row["row"]) | {"video": shown(given.pop(key))}
    for key, video in given.items():
        yield _row(video, Path(key), "failed", "process-died", refusal("process-died").message)


def _files(videos: Sequence[Path], out: Path) -> list[Path]:
    """An .npz for each video, named after it; those of the same name get a number."""
    return [folder.with_name(folder.name + ".npz") for folder in folders(videos, out, many=True)]


def _row(
    video: Path, out: Path, state: str, code: str = "", message: str = "", summary: Summary | None = None
) -> dict[str, Any]:
    return {
        "video": shown(video),
        "out": str(out),
        "state": state,
        "code": code,
        "message": shown(message),
        "frames": summary.frames if summary is not None else None,
        "detected": round(summary.detected, 4) if summary is not None else None,
        "ms": round(summary.ms, 2) if summary is not None else None,
        "warning": (summary.warning or "") if summary is not None else "",
    }


# --- Ray Data ---------------------------------------------------------------------------------------------------------


def spread(
    rows: Mapping[str, dict[str, Any]], actor: type, arguments: tuple[Any, ...], machines: Machines
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key, what an actor made of the row), as it comes; rows whose actors died are left out.

    actor: made with the arguments; takes a batch of rows (name -> list) and returns another one, both with their "key".
    Raises what an actor's start raises.
    """
    left = dict(rows)
    for _ in range(PASSES):
        if left:
            for made in _pass([{"key": key, **row} for key, row in left.items()], actor, arguments, machines):
                del left[made["key"]]
                yield made["key"], made


def _pass(
    rows: list[dict[str, Any]], actor: type, arguments: tuple[Any, ...], machines: Machines
) -> Iterator[dict[str, Any]]:
    context = ray.data.DataContext.get_current()
    context.max_errored_blocks = -1
    context.enable_progress_bars = False
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    cpus = max(1, min(ACTOR_CPUS, int(max((node.get("CPU", 0) for node in nodes), default=1))))
    fit = sum(int(node.get("CPU", 0) // cpus) for node in nodes)
    if machines.gpus:
        fit = sum(int(node.get("GPU", 0) // machines.gpus) for node in nodes)
    most = max(1, min(len(rows), fit, machines.actors or fit))
    made = ray.data.from_items(rows, override_num_blocks=min(len(rows), MAX_BLOCKS)).map_batches(
        actor,
        fn_constructor_args=arguments,
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most, max_tasks_in_flight_per_actor=1),
        num_cpus=cpus,
        num_gpus=machines.gpus or None,
        max_restarts=-1,
        max_task_retries=0,
    )
    yield from made.iter_rows()
