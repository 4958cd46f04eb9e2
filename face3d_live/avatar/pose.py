"""Codes to a posed avatar: morph weights, moved vertices, and the turns of neck, head and eyes."""

from __future__ import annotations

import numpy as np

from face3d_live.avatar.model import BONES, HEAD, LEFT_EYE, NECK, RIGHT_EYE, Avatar, Part
from face3d_live.avatar.weights import LEAST, look_left_over, morph_weights
from face3d_live.codes import gaze_angles
from face3d_live.rotations import from_euler, from_vector, to_quaternion
from face3d_live.typing import AnyArray, Array

#: Share of the head's rotation that the neck takes, where there is one.
NECK_SHARE = 0.4


def weights(avatar: Avatar, expression: AnyArray) -> Array:  # (52,) -> (R,)
    """How far each morph is on, 0 at rest and 1 all."""
    return morph_weights(avatar.drive, avatar.expressions, expression)


def deform(part: Part, row_weights: AnyArray) -> tuple[Array, Array]:  # (R,) -> (N, 3), (N, 3)
    """Positions and normals (of any length) of a part, before its bones. Only morphs that are on cost anything."""
    on = [(k, float(row_weights[row])) for k, row in enumerate(part.rows) if row_weights[row] > LEAST]
    if not on:
        return part.positions, part.normals
    sum_, scratch = np.zeros(part.morphs.shape[1:], np.float32), np.empty(part.morphs.shape[1:], np.float32)
    for k, weight in on:
        np.multiply(part.morphs[k], np.float32(weight), out=scratch)
        sum_ += scratch
    positions = part.positions.copy()
    positions[part.touched] += sum_[:, :3]
    if part.morphs.shape[2] == 3:
        return positions, part.normals
    normals = part.normals.copy()
    normals[part.touched] += sum_[:, 3:]
    return positions, normals


def turns(avatar: Avatar, rotation: AnyArray, expression: AnyArray) -> Array:  # (3, 3), (52,) -> (5, 4, 4)
    """Where the body (it stays) and each of `BONES` has been moved, avatar frame; matrices row by row.

    The head ends up turned by `rotation`, of which the neck takes its share; the eyes turn in the head.
    """
    result = np.tile(np.eye(4, dtype=np.float32), (1 + len(BONES), 1, 1))
    neck_turn = np.eye(3, dtype=np.float32)
    if "neck" in avatar.report.bones:
        neck_turn = _share(rotation, NECK_SHARE)
        result[1 + NECK] = _about(avatar.pivots[NECK], neck_turn)
    result[1 + HEAD] = result[1 + NECK] @ _about(avatar.pivots[HEAD], neck_turn.T @ np.asarray(rotation, np.float32))
    gaze = gaze_angles(np.clip(expression, 0, 1)) * look_left_over(avatar.expressions, expression)
    for side, bone in enumerate((LEFT_EYE, RIGHT_EYE)):
        result[1 + bone] = result[1 + HEAD]
        if avatar.eye_turns[side]:
            yaw, pitch = _within(avatar.eye_range, gaze[side], outwards=1 if bone == LEFT_EYE else -1)
            # from_euler's positive pitch looks down.
            result[1 + bone] = result[1 + HEAD] @ _about(avatar.pivots[bone], from_euler(yaw, -pitch, 0.0))
    return result


def _share(rotation: AnyArray, share: float) -> Array:  # (3, 3) -> (3, 3)
    """The same turn, not as far."""
    quaternion = to_quaternion(rotation).astype(np.float64)
    sine = float(np.linalg.norm(quaternion[:3]))
    if sine < 1e-9:
        return np.eye(3, dtype=np.float32)
    angle = 2 * np.arctan2(sine, quaternion[3])
    return from_vector(quaternion[:3] / sine * angle * share)


def _about(pivot: AnyArray, rotation: AnyArray) -> Array:  # (3,), (3, 3) -> (4, 4)
    matrix = np.eye(4, dtype=np.float32)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = pivot - rotation @ pivot
    return matrix


def _within(ranges: AnyArray, gaze: AnyArray, outwards: int) -> tuple[float, float]:
    """Yaw and pitch, radians, that the eye turns for a gaze: drawn eyes turn less than real ones."""
    yaw, pitch = np.degrees(gaze)
    inner, outer, up, down = ranges

    def curve(angle: float, most: AnyArray) -> float:
        return float(np.sign(angle) * min(abs(angle) / most[0], 1.0) * most[1])

    turned = curve(yaw, outer if yaw * outwards > 0 else inner), curve(pitch, up if pitch > 0 else down)
    return float(np.radians(turned[0])), float(np.radians(turned[1]))
