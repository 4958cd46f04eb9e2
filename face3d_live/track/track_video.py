"""`face3d-live track`: a video in, an .npz of codes and landmarks per frame out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from face3d_live.codes import ARKIT, N_EXPRESSION, N_SHAPE, N_TEXTURE
from face3d_live.errors import InputError
from face3d_live.files import replacing
from face3d_live.track.profile import load_profile
from face3d_live.track.tracker import Tracker
from face3d_live.track.types import Tracked
from face3d_live.typing import AnyArray, Device, Precision, Rgb
from face3d_live.video import Video

#: Shapes of the rows that are NaN where no face was found.
ROWS: dict[str, tuple[int, ...]] = {
    "expression": (N_EXPRESSION,),
    "landmarks": (68, 2),
    "rotation": (3, 3),
    "translation": (3,),
    "shape": (N_SHAPE,),
    "texture": (N_TEXTURE,),
}


UNSURE = 0.4  # median confidence of the frames with a face, below which the user is told


@dataclass(frozen=True)
class Summary:
    """What came of a video. detected: share of the frames, 0..1. ms: median per frame with a face, or of all without
    one. warning: what could not be read, in words, or None."""

    out: Path
    frames: int
    detected: float
    ms: float
    warning: str | None = None

    def __str__(self) -> str:
        line = f"{self.out}: {self.frames} frames, face in {self.detected:.0%}, {self.ms:.1f} ms per frame"
        return line if self.warning is None else f"{line}\nwarning: {self.warning}"


@dataclass
class Rows:
    """The result as it grows."""

    columns: dict[str, list[AnyArray]] = field(default_factory=lambda: {name: [] for name in ROWS})
    detected: list[bool] = field(default_factory=list)
    t: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)
    identity: AnyArray = field(default_factory=lambda: np.full(N_SHAPE, np.nan, np.float32))
    frame_size: tuple[int, int] = (0, 0)
    confidence: list[float] = field(default_factory=list)

    def add(self, tracked: Tracked, t: float) -> None:
        """One more frame, of `t` seconds after the first."""
        if not self.detected:
            self.frame_size = tracked.camera.width, tracked.camera.height
        values = {
            "expression": tracked.codes.expression,
            "landmarks": tracked.landmarks,
            "rotation": tracked.codes.rotation,
            "translation": tracked.codes.translation,
            "shape": tracked.own_shape,
            "texture": tracked.raw.texture,
        }
        for name, value in values.items():
            self.columns[name].append(value if tracked.face else np.full(ROWS[name], np.nan, np.float32))
        self.detected.append(tracked.face)
        self.t.append(t)
        self.ms.append(tracked.ms)
        if tracked.face:
            self.identity = tracked.identity
        self.confidence.append(tracked.confidence)

    def arrays(self, fps: float) -> dict[str, AnyArray]:
        """The arrays of the file, by key. fps: the usual rate of the frames; `t` is the truth."""
        return {
            "fps": np.array(fps, np.float64),
            "frame_size": np.array(self.frame_size, np.int32),
            "detected": np.array(self.detected, bool),
            "t": np.array(self.t, np.float64),
            "expression_names": np.array(ARKIT),
            "identity": self.identity.astype(np.float32),
            "ms": np.array(self.ms, np.float32),
            "confidence": np.array(self.confidence, np.float32),
            **{name: np.array(rows, np.float32).reshape(-1, *ROWS[name]) for name, rows in self.columns.items()},
        }

    def summary(self, out: Path, warning: str | None) -> Summary:
        """The one line that the user reads."""
        detected, ms = np.array(self.detected), np.array(self.ms)
        sure = float(np.median(np.array(self.confidence)[detected])) if detected.any() else 1.0
        if sure < UNSURE:
            doubt = f"the face was hard to see (confidence {sure:.2f}, usual are 0.7 to 0.9): movements may be wrong"
            warning = doubt if warning is None else f"{warning}; {doubt}"
        return Summary(
            out, len(ms), float(detected.mean()), float(np.median(ms[detected] if detected.any() else ms)), warning
        )


def track_video(
    path: Path,
    out: Path,
    smooth: bool = True,
    device: Device = "auto",
    progress: bool = True,
    tracker: Tracker | None = None,
    calibration: Path | None = None,
    precision: Precision = "auto",
    regressor: str = "own",
) -> Summary:
    """Track the largest face of a video and write `out` (.npz), all of it or nothing.

    `tracker` stands in for the shipped models; calibration: a person's profile. Raises InputError (see `Video`,
    `load_profile`; "cannot-write") and AssetError.
    """
    person = load_profile(calibration).calibration if calibration is not None else None
    with Video.open(path) as video:
        tracker = tracker or Tracker.load(device, precision, smooth=smooth, regressor=regressor)
        tracker.calibration = person or tracker.calibration
        rows = Rows()
        for rgb, t in _with_bar(video, path.name) if progress else video:
            rows.add(tracker.update(rgb, t), t)
        save(out, rows.arrays(video.fps))
        return rows.summary(out, video.warning)


def save(out: Path, arrays: dict[str, AnyArray]) -> None:
    """Write an .npz beside its place and move it there. Raises InputError("cannot-write")."""
    try:
        with replacing(out) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # NumPy's stub takes a key for an option
    except OSError as error:
        raise InputError("cannot-write", f"{out} cannot be written ({error.strerror}): choose another place") from error


def _with_bar(video: Video, name: str) -> Iterable[tuple[Rgb, float]]:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(video, total=video.expected, description=name)
