"""The teacher's answers for the frames of a clip: MediaPipe's FaceLandmarker, run once and kept.

MediaPipe is a tool of training and evaluation, never of the program: `pip install "face3d-live[build]"`, and its model
(Apache 2.0, see `MODEL_ADDRESS`) as `face_landmarker.task` in the folder of the answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live import arrays
from face3d_live.codes import ARKIT, N_EXPRESSION
from face3d_live.errors import AssetError
from face3d_live.train.pool import N_POINTS
from face3d_live.video import Video

Array = NDArray[np.float32]

MODEL = "face_landmarker.task"
MODEL_ADDRESS = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/latest/face_landmarker.task"
)


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
        folder.mkdir(parents=True, exist_ok=True)
        partial = kept.with_name(f".{kept.name}")
        with partial.open("wb") as file:
            np.savez_compressed(file, landmarks=landmarks, blendshapes=scores, names=np.array(names))
        partial.replace(kept)
    with arrays.asset(kept, "teacher", "delete it", "run this again") as stored:
        return stored["landmarks"].astype(np.float32), in_order(stored["blendshapes"], stored["names"])


def in_order(scores: NDArray, names: Iterable[str]) -> Array:  # (T, n), n names -> (T, 52)
    """Scores matched to ARKit's channels by name; 0 for those that the teacher does not have."""
    place = {str(name): i for i, name in enumerate(names)}
    out = np.zeros((len(scores), N_EXPRESSION), np.float32)
    for i, name in enumerate(ARKIT):
        if name in place:
            out[:, i] = scores[:, place[name]]
    out[np.isnan(scores).any(1)] = np.nan
    return out


def ask(video: Path, model: Path) -> tuple[Array, Array, Sequence[str]]:
    """Run the teacher over a video: points (T, 478, 3), scores (T, n), and the n names. Raises as `teacher_answers`."""
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
        running_mode=vision.RunningMode.VIDEO,
        num_faces=1,
    )
    points, scores, names = [], [], list[str]()
    with vision.FaceLandmarker.create_from_options(options) as landmarker, Video.open(video) as frames:
        for rgb, t in frames:
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
            found = landmarker.detect_for_video(image, round(t * 1000))
            if not found.face_landmarks:
                points.append(np.full((N_POINTS, 3), np.nan))
                scores.append(None)
                continue
            size = (rgb.shape[1], rgb.shape[0], rgb.shape[1])
            points.append(np.array([(p.x, p.y, p.z) for p in found.face_landmarks[0]]) * size)
            scores.append([category.score for category in found.face_blendshapes[0]])
            names = [category.category_name for category in found.face_blendshapes[0]]
    blank = [np.nan] * len(names)
    rows = np.array([blank if row is None else row for row in scores], np.float32).reshape(len(scores), len(names))
    return np.array(points, np.float32), rows, names
