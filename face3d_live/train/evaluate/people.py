"""Whether the shape code is of a person: pairs of pictures of one person, neutral and smiling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from face3d_live.regress.crop import crop_from_points
from face3d_live.train.data.portraits import FOCAL, Portrait, load_index
from face3d_live.train.evaluate.answers import CHUNK, Evaluator
from face3d_live.typing import AnyArray

#: The two sets that show the same people.
NEUTRAL, SMILING = "london_neutral", "london_smiling"


@dataclass(frozen=True)
class Pairs:
    """Shape codes of P people, neutral and smiling. held_out: (P,) whether training never saw them."""

    neutral: AnyArray  # (P, 80)
    smiling: AnyArray  # (P, 80)
    held_out: AnyArray


def find_pairs(data: Path) -> list[tuple[Portrait, Portrait]]:
    """Everybody of whom there are both pictures. Raises InputError "data-missing"."""
    sets: dict[str, dict[str, Portrait]] = {NEUTRAL: {}, SMILING: {}}
    for portrait in load_index(data):
        if portrait.group in sets:
            sets[portrait.group][portrait.person] = portrait
    return [(portrait, sets[SMILING][who]) for who, portrait in sets[NEUTRAL].items() if who in sets[SMILING]]


def measure_pairs(
    evaluator: Evaluator, data: Path, limit: int | None = None, progress: Callable[[int], None] | None = None
) -> dict[str, Pairs]:
    """The codes of the network and of the fit, each from one picture alone."""
    pairs = find_pairs(data)[:limit]
    with np.load(data / "faces" / "teacher.npz") as teacher:
        landmarks = teacher["landmarks"][..., :2]
    pictures, points = [], []
    for portrait in (p for pair in pairs for p in pair):
        rgb = np.asarray(cv2.cvtColor(cv2.imread(str(portrait.image)), cv2.COLOR_BGR2RGB), np.uint8)
        crop = crop_from_points(landmarks[portrait.row])
        pictures.append(crop.extract(rgb))
        points.append(crop.from_frame(landmarks[portrait.row]))
    codes: dict[str, list[AnyArray]] = {"network": [], "fit": []}
    for start in range(0, len(pictures), CHUNK):
        part = slice(start, start + CHUNK)
        prediction, shown = evaluator.predict(np.stack(pictures[part]), np.stack(points[part]))
        codes["network"].append(prediction.shape)
        codes["fit"].append(evaluator.fitted(prediction, np.full(len(prediction), FOCAL), shown)[0].shape)
        if progress is not None:
            progress(len(prediction))
    held_out = np.array([portrait.held_out for portrait, _ in pairs])
    return {name: Pairs(*_split(np.concatenate(parts)), held_out) for name, parts in codes.items()}


def _split(codes: AnyArray) -> tuple[AnyArray, AnyArray]:  # (2 P, 80), neutral and smiling in turn
    return codes[::2], codes[1::2]


def people_figures(pairs: Pairs) -> dict[str, Any]:
    """`same` and `different`: mean distance (root mean square over the codes) of a smiling picture to its own neutral
    one and to the others; `ratio` of the two; `identified`: share whose own neutral picture is the nearest of all.

    For everybody, and for the people whom training never saw, sought among all neutral pictures.
    """
    distance = np.sqrt(((pairs.smiling[:, None] - pairs.neutral[None]) ** 2).mean(-1))  # (P, P)
    return {
        "in all": _identification(distance, np.ones(len(distance), bool)),
        "held out": _identification(distance, pairs.held_out),
    }


def _identification(distance: AnyArray, rows: AnyArray) -> dict[str, Any]:  # (P, P) smiling x neutral, (P,) bool
    if not rows.any() or len(distance) < 2:
        return {"people": int(rows.sum())}
    own = np.diag(distance)[rows]
    others = distance[~np.eye(len(distance), dtype=bool)].reshape(len(distance), -1)[rows]
    return {
        "people": int(rows.sum()),
        "among": len(distance),
        "same": float(own.mean()),
        "different": float(others.mean()),
        "ratio": float(own.mean() / max(others.mean(), 1e-9)),
        "identified": float((own < others.min(1)).mean()),
    }
