"""Where on the head lashes, hair, beard, lips and brows lie, for shaders that draw them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, diags

from face3d_live.head import points as landmarks
from face3d_live.head.model import Head
from face3d_live.typing import AnyArray, Array


@dataclass(frozen=True)
class Fields:
    """field (V, 4): lashes, scalp, beard, lips, each 0..1; eyeward (V, 3): direction from its eye's centre, on eyes.

    brow_curve: y = c0 + c1 |x| + c2 x^2 on the template; brow_ends: |x| where it runs. eye_level: y of the eyes, y of
    the sockets' lower rim, |x| of the eyes. neck (3,): middle of the neck's base, neck_radius metres; top, bridge,
    ears (2, 3) left and right, forehead: places to hang things on.
    """

    field: Array
    eyeward: Array
    brow_curve: tuple[float, float, float]
    brow_ends: tuple[float, float]
    eye_level: tuple[float, float, float]
    neck: NDArray[np.int64]  # vertices around the neck's base
    top: int
    bridge: NDArray[np.int64]
    ears: NDArray[np.int64]  # (2,)


def find_fields(head: Head) -> Fields:
    """Measure the template once."""
    template, skin = head.template, head.part == 0
    marks = head.points(template)
    field = np.stack([_lashes(head), _scalp(head), _beard(template, skin, marks), _lips(head)], 1)
    eyeward = np.zeros_like(template)
    eyeward[:, 2] = 1
    for i in np.flatnonzero(head.part == 1):
        d = template[i] - head.eye_centers[0 if template[i, 0] > 0 else 1]
        eyeward[i] = d / np.linalg.norm(d)
    brow = marks[list(landmarks.BROW_LEFT + landmarks.BROW_RIGHT)]
    across = np.abs(brow[:, 0])
    curve = np.polyfit(across, brow[:, 1], 2)[::-1]
    base = template[skin, 1].min()
    rim = np.flatnonzero(skin & (template[:, 1] < base + 0.012))
    ears = np.array([_extreme(template, skin & head.regions["ears"], s * template[:, 0]) for s in (1, -1)])
    nose = np.flatnonzero(skin & (np.linalg.norm(template - marks[168], axis=1) < 0.012))
    eye_y = float(head.eye_centers[:, 1].mean())
    return Fields(
        field.astype(np.float32),
        eyeward.astype(np.float32),
        (float(curve[0]), float(curve[1]), float(curve[2])),
        (float(across.min()) - 0.001, float(across.max()) + 0.002),
        (eye_y, eye_y - 0.014, float(np.abs(head.eye_centers[:, 0]).mean())),
        rim,
        _extreme(template, skin, template[:, 1]),
        nose,
        ears,
    )


def _extreme(template: Array, mask: AnyArray, score: AnyArray) -> int:
    return int(np.argmax(np.where(mask, score, -np.inf)))


def smooth(head: Head, values: AnyArray, rounds: int) -> Array:  # (V,) -> (V,)
    """Average over neighbours along the low mesh's edges."""
    faces = head.topology("low").faces
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    count = len(head.template)
    links = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count)).tocsr()
    links = links + links.T
    links.data[:] = 1
    average = diags(1 / np.maximum(np.asarray(links.sum(1)).ravel(), 1)) @ links
    out = np.asarray(values, np.float64)
    for _ in range(rounds):
        out = 0.5 * out + 0.5 * (average @ out)
    return out.astype(np.float32)


def _lashes(head: Head) -> Array:
    """Skin that touches the front of an eyeball: strong on the upper lid, weak on the lower."""
    out = np.zeros(len(head.template), np.float32)
    for center in head.eye_centers:
        away = head.template - center
        near = np.abs(np.linalg.norm(away, axis=1) - head.eye_radius) < 0.0016
        rim = (head.part == 0) & near & (away[:, 2] > 0.003)
        out[rim] = np.where(away[rim, 1] > -0.001, 1.0, 0.4)
    return out


def _scalp(head: Head) -> Array:
    """The scalp's region, without the folds inside nose, mouth and ears that belong to no other."""
    low = (head.template[:, 2] > -0.03) & (head.template[:, 1] < head.eye_centers[:, 1].mean() + 0.02)
    return smooth(head, (head.regions["scalp"] & ~low).astype(np.float32), 3)


def _lips(head: Head) -> Array:
    lips = head.regions["lips_upper"] | head.regions["lips_lower"]
    return smooth(head, lips.astype(np.float32), 1)


def _beard(template: Array, skin: AnyArray, marks: Array) -> Array:  # marks (478, 3)
    """Below a line from the nose's base down beside the mouth and up before the ears; fades under the jaw."""
    nose, mouth, chin, eye = (float(marks[list(i)].mean(0)[1]) for i in ((2,), (61, 291), (152,), (33, 263)))
    across = np.abs(template[:, 0])
    face = float(np.abs(marks[[234, 454], 0]).mean())
    heights = [nose - 0.004, nose - 0.006, mouth - 0.004, mouth + 0.012, eye]
    line = np.interp(across / face, [0, 0.22, 0.45, 0.8, 1.0], heights)
    below = np.clip((line - template[:, 1]) / 0.006, 0, 1)
    above = np.clip((template[:, 1] - (chin - 0.035)) / 0.02, 0, 1)
    ear = float(marks[[234, 454], 2].mean())
    front = np.clip((template[:, 2] - (ear - 0.012)) / 0.01, 0, 1)
    result: Array = (below * above * front * skin).astype(np.float32)
    return result
