"""What lies on the skin and is none: hair and caps, the rims and reflections of glasses, a dark hand.

On nose and cheeks the texture of a photo is compared with the albedo model's robust answer for it: what a person's skin
should look like here. Only places are judged where all skin is alike, away from brows, eyes, nostrils and lips; below
the nose nothing, as beards are part of a face. Rims of glasses that were found so are followed over lids and brows
(`rims`). The forehead is bare but for what hangs over it from the scalp (`hair`).
"""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.lighting import to_linear
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.hair import hanging
from face3d_live.texture.regions import share_of
from face3d_live.texture.rims import follow
from face3d_live.texture.texels import LEVEL, Texels, texels_of
from face3d_live.typing import AnyArray, Array, Mask, Picture

SIZE = 256  # of the judgement: a rim is two texels wide
_ROUNDS = 3
_ODD = 0.10  # picture values: where a texel stops telling what the skin is like
#: Logarithms of linear light against the expected skin.
_DARKER, _BRIGHTER, _OFF_HUE = -0.5, 0.5, 0.3
_NOISE = 0.02  # linear light that says nothing of a hue: the blue of dark skin is hardly more
_LEAST = 16  # texels of a spot that counts
_COVERED = 0.7  # share of the forehead from where all of it is given up: a fringe with holes looks worse than none
_REACH = 5  # texels around a find that go with it: soft edges and shadows


def foreign(partial: Picture, weight: Array, head: Head, albedo: Albedo) -> Array:
    """(SIZE, SIZE) 0..1: how far each texel shows something that is not skin.

    partial: (S, S, 3) sRGB without light and weight: (S, S) as from `sample_texture`.
    """
    texels = texels_of(head, SIZE)
    seen = cv2.resize(partial, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    known = cv2.resize(np.asarray(weight, np.float32), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    expected = _expected(seen, known, albedo)
    light, usual = to_linear(seen), to_linear(expected)
    bright: Array = np.log(np.maximum(light, 2e-3) / np.maximum(usual, 2e-3)).mean(2, dtype=np.float32)
    ratio = np.log((light + _NOISE) / (usual + _NOISE))
    hue: Array = np.abs(ratio - ratio.mean(2, keepdims=True)).max(2)
    where = (_judged(head, texels) > 0.5) & (known > 0.2)
    odd = (bright < _DARKER) | (bright > _BRIGHTER) | (hue > _OFF_HUE)
    spots = _spots(odd & where)
    rims = follow(spots, bright, head) & (known > 0.2)
    spots |= hanging(seen, known, head)
    forehead = (texels.image(share_of(head, texels, ("forehead",)), pad=False) > 0.5) & (known > 0.2)
    if forehead.any() and spots[forehead].mean() > _COVERED:
        spots |= forehead
    wide = cv2.dilate(spots.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_REACH, _REACH)))
    reach = texels.image(_may_go(head, texels), pad=False) > 0.5
    gone = (wide.astype(bool) & reach) | rims
    return np.clip(2 * cv2.GaussianBlur(gone.astype(np.float32), (0, 0), 1.2), 0, 1)


def _expected(seen: Array, known: Array, albedo: Albedo) -> Array:
    """The model's skin for what is seen, found without what does not fit it."""
    trust: AnyArray = known.copy()
    for _ in range(_ROUNDS):
        expected = albedo.decode(albedo.encode(seen, trust), SIZE)
        off = np.abs(seen - expected).max(2)
        trust = known * (1 + (off / _ODD) ** 2) ** -2
    return expected


def _judged(head: Head, texels: Texels) -> Array:  # -> (SIZE, SIZE) 0..1
    """Plain skin above the nostrils and below the forehead, some way from features."""
    plain = share_of(head, texels, ("cheeks", "nose", "jaw"))
    height = texels.at(head.topology(LEVEL).refine(head.template)[:, 1:2])[:, 0]
    base = float(head.template[head.regions["nose"], 1].min())
    picture = texels.image((plain * (height > base + 0.012)).astype(np.float32), pad=False)
    return cv2.erode(picture, np.ones((3, 3)))


def _may_go(head: Head, texels: Texels) -> Array:  # -> (N,)
    """Where filling may reach: not into brows, lids and lips."""
    features = ("brows_left", "brows_right", "eyelids_left", "eyelids_right", "lips_upper", "lips_lower")
    return 1 - share_of(head, texels, features)


def _spots(odd: Mask) -> Mask:
    """Without specks: moles and noise stay."""
    joined = cv2.morphologyEx(odd.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels, figures, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    large = np.flatnonzero(figures[:, cv2.CC_STAT_AREA] >= _LEAST)
    return np.isin(labels, large[large > 0])
