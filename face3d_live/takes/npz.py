"""Takes as .npz: the same numbers as arrays, for NumPy. The keys that `face3d-live track` writes mean the same here."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from face3d_live.arrays import DAMAGE, load
from face3d_live.camera import Camera
from face3d_live.codes import AMBIENT, ARKIT, N_TEXTURE
from face3d_live.errors import InputError
from face3d_live.takes.model import FPS, REASONS, Gap, Header, Take, now
from face3d_live.takes.reader import not_a_take
from face3d_live.typing import AnyArray, Array


def npz_bytes(take: Take) -> bytes:
    """The file. `expression` and the pose hold what the avatar showed, also in frames where `detected` is False."""
    camera = [take.camera.width, take.camera.height, take.camera.focal] if take.camera is not None else []
    arrays: dict[str, Any] = {
        "take_version": np.array(1),
        "name": np.array(take.header.name),
        "created": np.array(take.header.created.isoformat(timespec="milliseconds")),
        "source": np.array(take.header.source),
        "fps": np.array(take.header.fps, np.float64),
        "camera": np.array(camera, np.float64),
        "frame_number": take.number,
        "t": take.t,
        "detected": take.face,
        "expression": take.expression,
        "expression_names": np.array(ARKIT),
        "rotation": take.rotation,
        "translation": take.translation,
        "light": take.light,
        "identity": take.identity,
        "shapes": take.shapes,
        "textures": take.textures,
        "person": take.person,
        "gap_before": np.array([i for i, _ in take.gaps], np.int64),
        "gap_pictures": np.array([gap.pictures for _, gap in take.gaps], np.int64),
        "gap_why": np.array([gap.why for _, gap in take.gaps], "U16"),
    }
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def read_npz(path: Path) -> Take:
    """A take from a file of `npz_bytes`, or of `face3d-live track`. Raises InputError "not-a-take", "missing-take"."""
    try:
        arrays = load(path)
        return _take(arrays) if "take_version" in arrays else _tracked(arrays, path.stem)
    except FileNotFoundError as error:
        raise InputError("missing-take", f"{path} is not there: check the path") from error
    except DAMAGE as error:
        raise not_a_take(path, str(error)) from error


def _take(a: Mapping[str, AnyArray]) -> Take:
    header = Header(str(a["name"]), datetime.fromisoformat(str(a["created"])), float(a["fps"]), str(a["source"]))
    gaps = []
    for before, pictures, why in zip(a["gap_before"], a["gap_pictures"], a["gap_why"], strict=True):
        if str(why) not in REASONS:
            raise ValueError(f"gap: {why}")
        gaps.append((int(before), Gap(int(pictures), str(why))))  # type: ignore[arg-type]  # checked above
    return Take(
        header=header,
        number=a["frame_number"].astype(np.int64),
        t=a["t"].astype(np.float64),
        face=a["detected"].astype(bool),
        expression=_ordered(a),
        rotation=_floats(a["rotation"]),
        translation=_floats(a["translation"]),
        light=_floats(a["light"]),
        shapes=_floats(a["shapes"]),
        textures=_floats(a["textures"]),
        person=a["person"].astype(np.int64),
        camera=_camera(a["camera"]),
        gaps=tuple(gaps),
    )


def _tracked(a: Mapping[str, AnyArray], name: str) -> Take:
    """What `track` writes: rows without a face are NaN there, and hold the last face here. Files of older versions
    have no times."""
    face = a["detected"].astype(bool)
    count, fps = len(face), float(np.clip(a["fps"], *FPS))
    # Of each row the newest one with a face; rows before the first face take that one.
    newest = np.maximum.accumulate(np.where(face, np.arange(count), -1))
    newest = np.where(newest < 0, int(np.argmax(face)) if face.any() else 0, newest)
    rotation, translation, expression = a["rotation"][newest], a["translation"][newest], _ordered(a, newest)
    if not face.any():
        rotation = np.tile(np.eye(3, dtype=np.float32), (count, 1, 1))
        translation = np.tile(np.array([0, 0, -0.6], np.float32), (count, 1))
        expression = np.zeros_like(expression)
    width, height = (int(side) for side in a["frame_size"])
    return Take(
        header=Header(name, now(), fps, "face3d-live track"),
        number=np.arange(1, count + 1),
        t=a["t"].astype(np.float64) if "t" in a else np.arange(count) / fps,
        face=face,
        expression=_floats(expression),
        rotation=_floats(rotation),
        translation=_floats(translation),
        light=np.tile(AMBIENT, (count, 1)),
        shapes=np.nan_to_num(a["identity"].astype(np.float32)).reshape(1, -1),
        textures=np.zeros((1, N_TEXTURE), np.float32),
        person=np.zeros(count, np.int64),
        camera=Camera.webcam(width, height) if min(width, height) > 0 else None,
    )


def _ordered(a: Mapping[str, AnyArray], rows: Any = slice(None)) -> Array:
    names = [str(name) for name in a["expression_names"]]
    return np.asarray(a["expression"][rows][:, [names.index(name) for name in ARKIT]], np.float32)


def _floats(array: AnyArray) -> Array:
    return array.astype(np.float32)


def _camera(numbers: AnyArray) -> Camera | None:
    if len(numbers) == 0:
        return None
    width, height, focal = numbers.tolist()
    return Camera(int(width), int(height), focal)
