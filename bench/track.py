"""What tracking costs: the detector's looks, the tracker's own share, and the whole line on a video.

    OPENBLAS_NUM_THREADS=1 python bench/track.py [--precision P] [--compare mediapipe --model TASK] [VIDEO ...]

Without a video it measures on the astronaut portrait of scikit-image, shifted a little from frame to frame. Wall
milliseconds, median and 95th percentile, one thread for OpenCV. With videos it also prints, for each, how often a face
was found and how much smoothing calms the landmarks (mean step of the second difference, pixels, raw and smoothed).
Last comes how far the estimates follow the project's own sample, whose codes are known: correlation, and the slope of
true on estimated coefficients.

With `--compare mediapipe` it prints only what `track` takes of MediaPipe FaceLandmarker's time (VIDEO, with
coefficients) on the same frames in the same run: each frame goes to both in turn, the process is held to one core.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import get_args

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import ARKIT, HeadCodes
from face3d_live.head.model import Head
from face3d_live.regress.crop import Crop
from face3d_live.regress.estimate import Estimate, Estimator
from face3d_live.regress.runtime import Regressor
from face3d_live.track.detector import Detector
from face3d_live.track.smoothing import FaceSmoother
from face3d_live.track.tracker import Tracker
from face3d_live.train.data.teacher import landmarker
from face3d_live.typing import Precision, Rgb
from face3d_live.video import Video

REPEATS = 60
#: Frames that a comparison leaves out: a tracker starts, models are laid out in memory.
WARM_UP = 10


def clock(name: str, work: Callable[[], object], repeats: int = REPEATS) -> None:
    """Print the milliseconds of one call."""
    work()
    spent = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        spent.append((time.perf_counter() - begun) * 1e3)
    print(f"{name:44s} {np.median(spent):8.2f} {np.percentile(spent, 95):8.2f}")


class Canned:
    """An estimator that costs nothing and always sees the average head: what is left is the tracker's own cost."""

    def __init__(self, head: Head, camera: Camera, codes: HeadCodes) -> None:
        points = camera.project(head.point_basis().mean + codes.translation)
        self.answer = Estimate(
            codes,
            points,
            confidence=0.9,
            residual=0.02,
            predicted=codes,
            point_offsets=np.zeros_like(points, shape=(478, 3)),
            coefficients=np.zeros(0, np.float32),
        )

    def estimate(self, *_: object) -> Estimate:
        """The same estimate always."""
        return self.answer


def portrait_frames() -> Iterator[tuple[Rgb, float]]:
    """The astronaut, swaying."""
    from skimage import data

    picture = data.astronaut()
    for i in range(150):
        shift = np.array([[1, 0, 8 * np.sin(i / 8)], [0, 1, 4 * np.cos(i / 11)]], np.float64)
        yield np.asarray(cv2.warpAffine(picture, shift, (512, 512)), np.uint8), i / 30


def shake(points: np.ndarray) -> float:  # (T, N, 2) -> pixels
    """Mean size of the second difference in time: jitter, as even motion has none."""
    return float(np.linalg.norm(np.diff(points, n=2, axis=0), axis=-1).mean())


def whole_line(name: str, frames: Iterable[tuple[Rgb, float]], rate: float) -> None:
    """Track with the shipped models and print a line."""
    found, spent, landmarks = [], [], {True: [], False: []}
    smooth, raw = Tracker.load(), Tracker.load(smooth=False)
    for rgb, t in frames:
        tracked = smooth.update(rgb, t)
        found.append(tracked.face)
        spent.append(tracked.ms)
        landmarks[True].append(tracked.landmarks)
        landmarks[False].append(raw.update(rgb, t).landmarks)
    both = np.isfinite(np.stack(landmarks[True])).all((1, 2)) & np.isfinite(np.stack(landmarks[False])).all((1, 2))
    calm = {kind: shake(np.stack(points)[both]) if both.sum() > 2 else np.nan for kind, points in landmarks.items()}
    print(
        f"{name:20s} {len(found):4d} frames at {rate:.0f} fps, face in {np.mean(found):4.0%}, "
        f"{np.median(spent):6.1f} ms (95 %: {np.percentile(spent, 95):.1f}), "
        f"jitter {calm[False]:.2f} -> {calm[True]:.2f} px"
    )


def compare(name: str, frames: Iterable[tuple[Rgb, float]], model: Path, precision: Precision) -> None:
    """Print what a frame takes of wall and processor time, here and in MediaPipe.

    Raises AssetError "teacher-missing".
    """
    tracker, spent, found = Tracker.load(precision=precision), {"track": [], "MediaPipe": []}, [0, 0]
    with landmarker(model, "VIDEO") as theirs:
        for i, (rgb, t) in enumerate(frames):
            calls = {
                "track": lambda rgb=rgb, t=t: tracker.update(rgb, t).face,
                "MediaPipe": lambda rgb=rgb, t=t: theirs(rgb, round(t * 1000)) is not None,
            }
            for j, (program, call) in enumerate(calls.items()):
                wall, own = time.perf_counter(), time.process_time()
                found[j] += call()
                if i >= WARM_UP:
                    spent[program].append((time.perf_counter() - wall, time.process_time() - own))
    print(f"\n{name}: {i + 1} frames, face in {found[0]} and {found[1]} of them, one core")
    print(f"{'':24s} {'wall min':>9s} {'median':>9s} {'CPU min':>9s} {'median':>9s}  ms a frame")
    table = {program: 1e3 * np.stack([np.min(p, 0), np.median(p, 0)]).T.ravel() for program, p in spent.items()}
    table["ratio"] = table["track"] / table["MediaPipe"]
    for program, row in table.items():
        print(f"{program:24s} " + " ".join(f"{value:9.2f}" for value in row))


def answer(head: Head) -> None:
    """Print correlation and slope of every coefficient that the sample moves, without smoothing."""
    folder = Path(__file__).resolve().parent.parent / "web_client" / "sample"
    with np.load(folder / "sample_codes.npz") as z:
        true = z["expression"]
    tracker = Tracker(Estimator(Regressor.load(), head), head)
    with Video.open(folder / "sample.mp4") as video:
        tracked = np.stack([tracker.update(rgb, t).raw.expression for rgb, t in video])
    print(f"\n{'the sample':20s} {'r':>6s} {'slope':>6s}")
    for name, x, y in zip(ARKIT, tracked.T, true[: len(tracked)].T, strict=True):
        if x.std() > 1e-3 and y.std() > 0.03:
            (xx, xy), (_, yy) = np.cov(x, y)
            print(f"{name:20s} {xy / np.sqrt(xx * yy):6.2f} {xy / xx:6.1f}")


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="*", type=Path)
    parser.add_argument("--precision", default="auto", choices=get_args(Precision))
    parser.add_argument("--compare", choices=("mediapipe",))
    parser.add_argument("--model", type=Path, default=Path("training/teacher/face_landmarker.task"))
    options = parser.parse_args()
    videos = options.video
    cv2.setNumThreads(1)
    frames = list(portrait_frames())
    if options.compare:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        compare("portrait", frames, options.model, options.precision)
        for path in videos:
            with Video.open(path) as video:
                compare(path.name, video, options.model, options.precision)
        return
    frame = cv2.resize(frames[0][0], (640, 480))
    empty = np.random.default_rng(0).integers(60, 90, (480, 640, 3)).astype(np.uint8)
    detector, smoother, head = Detector.load(), FaceSmoother(), Head.load()

    print(f"{'':44s} {'median':>8s} {'95 %':>8s}  ms")
    clock("detector, whole picture", lambda: detector.detect(frame, finest=0))
    clock("detector, second opinion", lambda: detector.detect_near(frame, np.array([280.0, 110.0]), 110.0))
    clock("detector, nothing found, coarse tiles", lambda: detector.detect(empty, finest=1), 10)
    clock("detector, nothing found, all tiles", lambda: detector.detect(empty, finest=2), 5)
    clock("crop 112x112", lambda: Crop(280, 110, 77).extract(frame))

    estimator = Estimator(Regressor.load(), head)
    camera, codes = Camera.webcam(640, 480), HeadCodes(translation=np.array([-0.03, 0.12, -0.7]))
    ticks = iter(np.arange(1, 10**6) / 30)
    clock("smoothing", lambda: smoother(codes, float(next(ticks))))
    own = Tracker(Canned(head, camera, codes), head, detector)
    clock("tracker without network and fit", lambda: own.update(frame, float(next(ticks))), 200)
    clock("network and fit", lambda: estimator.estimate(frame, Crop(280, 110, 77), camera))

    print()
    whole_line("portrait", frames, 30)
    for path in videos:
        with Video.open(path) as video:
            whole_line(path.name, video, video.fps)
    answer(head)


if __name__ == "__main__":
    main()
