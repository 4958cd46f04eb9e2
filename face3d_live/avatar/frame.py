"""The avatar's own frame: facing direction, head box, pivots of head and neck, eye positions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar.bake import Baked
from face3d_live.avatar.model import HEAD, HEAD_HEIGHT, LEFT_EYE, RIGHT_EYE
from face3d_live.errors import InputError
from face3d_live.typing import AnyArray, Array

#: A morph moves the face where it moves something at least this share of what it moves most.
_CLEAR = 0.1
#: How far the head reaches below and above what the morphs move, in heights of that.
_BELOW, _ABOVE = 0.45, 1.1
#: What the morphs move is the face from lids to mouth, and not just one of them, where it is so high for its width.
_WHOLE = 0.5
#: Where a head without bones turns: height as a share of the head's.
_PIVOT = 0.42
#: A bone farther outside the head's box than this share of its size is not where the head turns.
_OUTSIDE = 0.35


@dataclass(frozen=True, eq=False)
class Framing:
    """New = scale * turn @ (old - origin). low, high (3,), eyes (2, 3), pivots (4, 3): in the new frame."""

    turn: NDArray[np.float64]
    origin: NDArray[np.float64]
    scale: float
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    eyes: NDArray[np.float64]
    pivots: NDArray[np.float64]

    def place(self, points: AnyArray) -> Array:  # (..., 3)
        """Positions in the new frame."""
        return ((points - self.origin) @ self.turn.T * self.scale).astype(np.float32)

    def direct(self, vectors: AnyArray) -> Array:  # (..., 3)
        """Directions in the new frame, as long as before."""
        return (vectors @ self.turn.T).astype(np.float32)


def frame(
    parts: list[Baked],
    bones: dict[int, AnyArray],
    lids: dict[str, list[tuple[int, int]]],
    faces_back: bool | None,
    drawn: Collection[int] = (),
) -> Framing:
    """bones: column of BONES -> its place. lids: "Left", "Right" -> (part, row of its moves) of the blinks.

    faces_back: whether the file's format has the face look along -z; None: decided by where the morphs are. drawn:
    materials that expressions change, which are the face where no morph moves anything.
    Raises InputError "avatar-size" for heads of no height.
    """
    turn = np.diag([-1.0, 1.0, -1.0]) if faces_back else np.eye(3)
    face_low, face_high, face = _face(parts, drawn)
    head = np.concatenate([p.positions[p.groups[:, 1 + HEAD :].sum(1) > 0.5] for p in parts])
    if faces_back is None and _looks_back(head, face):
        turn = np.diag([-1.0, 1.0, -1.0])
    low, high = head.min(0).astype(float), head.max(0).astype(float)
    wide, tall = (face_high - face_low)[:2]
    if any(lids.values()) and tall > _WHOLE * wide:
        # The height of lids and mouth gives the head's size; its box may include long hair or a body without bones.
        level = (head[:, 1] > face_low[1] - _BELOW * tall) & (head[:, 1] < face_high[1] + _ABOVE * tall)
        low, high = head[level].min(0).astype(float), head[level].max(0).astype(float)
    height = high[1] - low[1]
    if not 1e-5 < height < 1e6:
        raise InputError("avatar-size", "the head has no size: apply the scales in the modelling program, export again")
    pivot = bones.get(HEAD)
    if pivot is None or ((pivot < low - _OUTSIDE * height) | (pivot > high + _OUTSIDE * height)).any():
        pivot = np.array([(low[0] + high[0]) / 2, low[1] + _PIVOT * height, (low[2] + high[2]) / 2])
    scale = HEAD_HEIGHT / height
    eyes = _eyes(parts, bones, lids, turn, face_low, face_high)
    pivots = np.stack([bones.get(column, pivot) for column in range(4)])
    corners = (np.stack([low, high]) - pivot) @ turn.T * scale
    return Framing(
        turn,
        pivot,
        scale,
        corners.min(0),
        corners.max(0),
        (eyes - pivot) @ turn.T * scale,
        (pivots - pivot) @ turn.T * scale,
    )


def _face(parts: list[Baked], drawn: Collection[int]) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Box and points of what morphs move clearly, or of materials that expressions change."""
    most = [np.linalg.norm(part.moves, axis=2).max(0) if len(part.rows) else np.empty(0) for part in parts]
    top = max(float(amount.max(initial=0)) for amount in most)
    points = [p.positions[p.touched[amount >= _CLEAR * top]] for p, amount in zip(parts, most, strict=True)]
    if not top and drawn:
        points = [p.positions for p in parts if p.material in drawn]
    face = np.concatenate(points)
    return face.min(0).astype(float), face.max(0).astype(float), face


def _looks_back(head: AnyArray, face: AnyArray) -> bool:
    """Whether the moving points are clearly on the side of -z."""
    low, high = head.min(0), head.max(0)
    return bool(face[:, 2].mean() < (low + high)[2] / 2 - 0.15 * (high - low)[2])


def _eyes(
    parts: list[Baked],
    bones: dict[int, AnyArray],
    lids: dict[str, list[tuple[int, int]]],
    turn: AnyArray,
    low: AnyArray,
    high: AnyArray,
) -> AnyArray:  # -> (2, 3)
    """By the eye bones, else the middles of what the blinks move, else where eyes usually are."""
    if LEFT_EYE in bones and RIGHT_EYE in bones:
        return np.stack([bones[LEFT_EYE], bones[RIGHT_EYE]])
    found = []
    for side in ("Left", "Right"):
        moved = [
            (parts[i].positions[parts[i].touched], np.linalg.norm(parts[i].moves[k], axis=1)) for i, k in lids[side]
        ]
        total = sum(float(weight.sum()) for _, weight in moved)
        if total > 0:
            found.append(sum(weight @ places for places, weight in moved) / total)
    # A blink of both eyes at once has its middle between them.
    if len(found) == 2 and np.linalg.norm(found[0] - found[1]) > 0.1 * (high - low)[1]:
        return np.stack(found)
    middle, tall = (low + high) / 2, (high - low)[1]
    level = found[0] if found else middle + np.array([0, 0.2 * tall, 0])
    left = turn.T @ [0.2 * tall, 0, 0]
    return np.stack([level + left, level - left])
