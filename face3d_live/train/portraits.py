"""The portraits of the data folder as training samples, with a teacher's 478 points and 52 scores.

`python -m face3d_live.train.portraits --out DIR` writes two pools, `portraits_train` and `portraits_heldout`. A tenth
of the people is held out by a hash of their name, so the split never changes; pictures of one person stay together.
"""

from __future__ import annotations

import csv
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face3d_live.codes import ARKIT, N_EXPRESSION
from face3d_live.errors import InputError

Array = NDArray[np.float32]

#: The teacher never answers these (constant or nearly so on renders whose codes are known).
DEAD = ("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut", "jawForward")


@dataclass(frozen=True)
class Portrait:
    """One row of the index. tone: ITA in degrees, light > 41, dark < 10."""

    image: Path
    group: str
    tone: float
    person: str
    row: int  # in teacher.npz

    @property
    def held_out(self) -> bool:
        return int(hashlib.sha256(self.person.encode()).hexdigest(), 16) % 10 == 0

    @property
    def copies(self) -> int:
        """How often it comes up in training: dark skins and the varied ages of `faker` are rare."""
        return (3 if self.tone < 10 else 2 if self.tone < 28 else 1) + (self.group == "faker")


def load_index(data: Path) -> list[Portrait]:
    """All portraits. Raises InputError "data-missing" when the folder is not there."""
    index = data / "faces" / "index.csv"
    if not index.is_file():
        raise InputError("data-missing", f"{index} is missing: give the folder of faces with --data")
    with np.load(data / "faces" / "teacher.npz") as teacher:
        rows = {str(name): i for i, name in enumerate(teacher["image"])}
    with index.open(encoding="utf-8", newline="") as lines:
        return [
            Portrait(
                data / "faces" / "images" / row["image"],
                row["set"],
                float(row["ita_deg"]),
                f"{row['set'].split('_')[0]}:{row['person']}" if row["person"] else row["image"],
                rows[row["image"]],
            )
            for row in csv.DictReader(lines)
            if row["image"] in rows
        ]


def training_images(data: Path) -> list[Path]:
    """Pictures of the people who are not held out, in an order without pattern."""
    paths = [p.image for p in load_index(data) if not p.held_out]
    return sorted(paths, key=lambda path: zlib.crc32(path.name.encode()))


def teacher_scores(data: Path) -> Array:  # -> (1602, 52) in ARKit order, 0 where the teacher has no such name
    """The teacher's coefficients, matched by name."""
    with np.load(data / "faces" / "teacher.npz") as teacher:
        place = {str(name): i for i, name in enumerate(teacher["blendshape_names"])}
        scores = teacher["blendshapes"]
    out = np.zeros((len(scores), N_EXPRESSION), np.float32)
    for i, name in enumerate(ARKIT):
        if name in place:
            out[:, i] = scores[:, place[name]]
    return out


def exemplars(data: Path) -> Array | None:  # (M, 52)
    """The teacher's answers for the portraits of training, without what every neutral face scores; None without data."""
    if not (data / "faces" / "index.csv").is_file():
        return None
    rows = [p.row for p in load_index(data) if not p.held_out]
    scores = teacher_scores(data)[rows]
    return np.clip(scores - np.percentile(scores, 15, axis=0), 0, 1).astype(np.float32)
