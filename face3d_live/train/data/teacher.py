"""The teacher's answers for the frames of a clip: MediaPipe's FaceLandmarker, run once and kept.

MediaPipe is a tool of training and evaluation, never of the program: `pip install "face3d-live[build]"`, and its model
(Apache 2.0, see `MODEL_ADDRESS`) as `face_landmarker.task` in the folder of the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from face3d_live import arrays
from face3d_live.codes import ARKIT, MIRROR, N_EXPRESSION
from face3d_live.errors import AssetError
from face3d_live.head.points import MIRROR_478
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.train.data.pool import N_POINTS
from face3d_live.typing import AnyArray, Array

if TYPE_CHECKING:
    from face3d_live.video import Video


MODEL = "face_landmarker.task"
MODEL_ADDRESS = "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/latest/face_landmarker.task"

#: Cuts of a face for `steady_answers`: side in units of the crop rule's, mirrored or not.
VIEWS = tuple((zoom, mirrored) for zoom in (1.1, 1.3, 1.6) for mirrored in (False, True))
_ENLARGED = 320  # pixels


def teacher_answers(video: Path, folder: Path) -> tuple[Array, Array]:
    """The teacher's points (T, 478, 3) in pixels and scores (T, 52) in ARKit order for every frame of a video.

    Rows are NaN where it found no face; scores are 0 where it has no such name. Kept as `folder/<stem>.npz` (landmarks,
    blendshapes in the teacher's own order, names), read from there the next time. Raises AssetError
    "teacher-missing" when there is nothing kept and no MediaPipe or no model, "teacher-broken" for a damaged file, and
    what `Video` raises.
    """
    kept = folder / f"{video.stem}.npz"
    if not kept.is_file():
        landmarks, scores, names = ask(video, folder / MODEL)
        _keep(kept, landmarks=landmarks, blendshapes=scores, names=np.array(names))
    with arrays.asset(kept, "teacher", "delete it", "run this again") as stored:
        return stored["landmarks"].astype(np.float32), in_order(stored["blendshapes"], stored["names"])


def in_order(scores: AnyArray, names: Iterable[str]) -> Array:  # (T, n), n names -> (T, 52)
    """Scores matched to ARKit's channels by name; 0 for those that the teacher does not have."""
    place = {str(name): i for i, name in enumerate(names)}
    out = np.zeros((len(scores), N_EXPRESSION), np.float32)
    for i, name in enumerate(ARKIT):
        if name in place:
            out[:, i] = scores[:, place[name]]
    out[np.isnan(scores).any(1)] = np.nan
    return out


def steady_answers(video: Path, folder: Path) -> tuple[Array, Array, Array]:
    """The teacher's answers for each frame on its own, without the lag of its smoothing of videos.

    Every face is cut out in `VIEWS` ways, enlarged and mirrored too, and the answers are averaged: points (T, 478, 2)
    in pixels, scores (T, 52), and the standard deviation of the points (T, 478) among the cuts, pixels. NaN where
    `teacher_answers` is NaN or fewer than half of the cuts were answered. Kept as `folder/<stem>.steady.npz`; raises
    as `teacher_answers`.
    """
    kept = folder / f"{video.stem}.steady.npz"
    if not kept.is_file():
        rough = teacher_answers(video, folder)[0][..., :2]
        with landmarker(folder / MODEL, "IMAGE") as teacher, _opened(video) as frames:
            rows = [average_answer(teacher, rgb, points) for (rgb, _), points in zip(frames, rough, strict=True)]
        points, scores, spread = (np.array(column, np.float32) for column in zip(*rows, strict=True))
        _keep(kept, points=points, scores=scores, spread=spread)
    with arrays.asset(kept, "teacher", "delete it", "run this again") as stored:
        return stored["points"], stored["scores"], stored["spread"]


def average_answer(teacher: Landmarker, rgb: NDArray[np.uint8], rough: Array) -> tuple[AnyArray, AnyArray, AnyArray]:
    """One frame of `steady_answers`. rough: (478, 2) where its face is."""
    nothing = np.full((N_POINTS, 2), np.nan), np.full(N_EXPRESSION, np.nan), np.full(N_POINTS, np.nan)
    if np.isnan(rough).any():
        return nothing
    base = crop_from_points(rough)
    points, scores = [], []
    for zoom, mirrored in VIEWS:
        crop = Crop(base.x, base.y, base.half * zoom)
        picture = crop.extract(rgb, _ENLARGED)
        answer = teacher(np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture, 0)
        if answer is None:
            continue
        seen = answer.points[:, :2] / (_ENLARGED / 2) - 1
        score = in_order(np.array([answer.scores]), answer.names)[0]
        if mirrored:
            seen, score = seen[MIRROR_478] * (-1, 1), score[MIRROR]
        points.append(crop.to_frame(seen))
        scores.append(score)
    if len(points) < len(VIEWS) / 2:
        return nothing
    spread = np.linalg.norm(np.std(points, axis=0), axis=-1)
    return np.mean(points, axis=0), np.mean(scores, axis=0), spread


def _opened(video: Path) -> Video:
    from face3d_live.video import Video  # brings PyAV, for which training on samples has no use

    return Video.open(video)


def ask(video: Path, model: Path) -> tuple[Array, Array, Sequence[str]]:
    """Run the teacher over a video: points (T, 478, 3), scores (T, n), and the n names. Raises as `teacher_answers`."""
    with landmarker(model, "VIDEO") as teacher, _opened(video) as frames:
        answers = [teacher(rgb, round(t * 1000)) for rgb, t in frames]
    names = next((answer.names for answer in answers if answer), [])
    points = [answer.points if answer else np.full((N_POINTS, 3), np.nan) for answer in answers]
    scores = [answer.scores if answer else [np.nan] * len(names) for answer in answers]
    return np.array(points, np.float32), np.array(scores, np.float32).reshape(len(scores), len(names)), names


@dataclass(frozen=True)
class Answer:
    """points: (478, 3) pixels. scores and their names: the teacher's own order."""

    points: AnyArray
    scores: list[float]
    names: list[str]


Landmarker = Callable[[NDArray[np.uint8], int], Answer | None]


@contextmanager
def landmarker(model: Path, mode: str) -> Iterator[Landmarker]:
    """The teacher as a function of a picture (H, W, 3) and its time in milliseconds; mode "VIDEO" or "IMAGE"."""
    try:
        import mediapipe as mp
        from mediapipe.tasks import python as tasks
    except ImportError as error:
        raise AssetError("teacher-missing", 'MediaPipe is missing: pip install "face3d-live[build]"') from error
    if not model.is_file():
        raise AssetError("teacher-missing", f"{model} is missing: download it from {MODEL_ADDRESS}")
    vision: Any = tasks.vision
    options = vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(model)),
        output_face_blendshapes=True,
        running_mode=vision.RunningMode[mode],
        num_faces=1,
    )

    def answer(rgb: NDArray[np.uint8], milliseconds: int) -> Answer | None:
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
        found = detector.detect_for_video(image, milliseconds) if mode == "VIDEO" else detector.detect(image)
        if not found.face_landmarks:
            return None
        size = (rgb.shape[1], rgb.shape[0], rgb.shape[1])
        points = np.array([(p.x, p.y, p.z) for p in found.face_landmarks[0]]) * size
        categories = found.face_blendshapes[0]
        return Answer(points, [c.score for c in categories], [c.category_name for c in categories])

    with vision.FaceLandmarker.create_from_options(options) as detector:
        yield answer


def _keep(path: Path, **stored: AnyArray) -> None:
    """Write an .npz, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    with partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **stored)
    partial.replace(path)
