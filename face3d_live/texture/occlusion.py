"""Occlusion mask of a photo's texture: hair and caps, the rims of glasses, dark or coloured things on nose and cheeks.

On nose and cheeks the texture is compared with the skin that is expected there, by a robust fit of the albedo model.
Only regions where all skin is alike are compared, away from brows, eyes, nostrils and lips, and nothing below the nose,
as beards are part of a face. What differs is only masked on strong evidence: as rims of glasses, traced over lids and
brows (`rims`), or because no shadow, wrinkle or highlight is so dark, so bright or of such a hue. On the forehead only
hair from the scalp is masked (`hair`). Masks, scarves and face paint are found before, by `face_coverings`.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from face3d_live.eyewear import Glasses
from face3d_live.head.model import Head
from face3d_live.lighting import to_linear
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.chart import CHART, chart_of
from face3d_live.texture.glasses import glasses_in
from face3d_live.texture.hair.mask import hair_mask
from face3d_live.texture.regions import share_of
from face3d_live.texture.rims import trace_rims
from face3d_live.texture.texels import LEVEL, Texels
from face3d_live.typing import AnyArray, Array, Mask, Picture

_ROUNDS = 3
_ODD = 0.10  # picture values: scale of the robust weight of a texel's residual
#: Logarithms of linear light against the expected skin.
_DARKER, _BRIGHTER, _OFF_HUE = -0.5, 0.5, 0.3
_NOISE = 0.02  # linear light below which a hue is noise: the blue of dark skin is hardly more
#: The same, of a whole spot: its median, beyond which it is no skin. Of 106 bare faces with 126 spots the darkest has
#: -1.34, the brightest 1.06, and the largest hue difference is 0.46.
_NO_SHADOW, _NO_HIGHLIGHT, _NO_SKIN = -1.5, 1.4, 0.6
_LEAST = 16  # least texels of a spot
_COVERED = 0.6  # masked share of the forehead from which all of it is masked: a fringe with holes looks worse than none
_REACH = 5  # texels by which spots and hair are dilated: soft edges and shadows


class Occlusion(NamedTuple):
    """mask: (CHART, CHART) 0..1: 1 where something other than skin is seen. glasses: what is worn of them."""

    mask: Array
    glasses: Glasses


def find_occlusion(partial: Picture, known: Array, head: Head, albedo: Albedo) -> Occlusion:
    """What hides the skin, on the chart.

    partial: (CHART, CHART, 3) sRGB, the light divided out; known: (CHART, CHART) 0..1, how well each texel is seen;
    albedo: of the chart.
    """
    texels = chart_of(head, CHART)
    seen = np.asarray(partial / np.float32(255), np.float32)
    expected = _expected(seen, known, albedo)
    light, usual = to_linear(seen), to_linear(expected)
    bright: Array = np.log(np.maximum(light, 2e-3) / np.maximum(usual, 2e-3)).mean(2, dtype=np.float32)
    ratio = np.log((light + _NOISE) / (usual + _NOISE))
    hue: Array = np.abs(ratio - ratio.mean(2, keepdims=True)).max(2)
    where = (_comparable(head, texels) > 0.5) & (known > 0.2)
    odd = (bright < _DARKER) | (bright > _BRIGHTER) | (hue > _OFF_HUE)
    spots = _spots(odd & where)
    rims = trace_rims(spots, bright, known, head)
    hair = hair_mask(seen, known, head)
    forehead = (texels.image(share_of(head, texels, ("forehead",)), pad=False) > 0.5) & (known > 0.2)
    if forehead.any() and hair[forehead].mean() > _COVERED:
        hair |= forehead
    wide = _dilated(_no_skin(spots, bright, hue) | hair, _REACH)
    reach = texels.image(_dilatable(head, texels), pad=False) > 0.5
    gone = wide & reach
    if rims is not None:
        gone |= rims.mask & (known > 0.2)
    mask = np.asarray(np.clip(2 * cv2.GaussianBlur(gone.astype(np.float32), (0, 0), 1.2), 0, 1))
    return Occlusion(mask, glasses_in(rims, (255 * seen).astype(np.uint8)))


def _dilated(mask: Mask, side: int) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))) > 0)


def _expected(seen: Array, known: Array, albedo: Albedo) -> Array:
    """The albedo model's skin for what is seen, by iteratively reweighted least squares."""
    trust: AnyArray = known.copy()
    for _ in range(_ROUNDS):
        expected = albedo.decode(albedo.encode(seen, trust), CHART)
        off = np.abs(seen - expected).max(2)
        trust = known * (1 + (off / _ODD) ** 2) ** -2
    return expected


def _comparable(head: Head, texels: Texels) -> Array:  # -> (CHART, CHART) 0..1
    """Where texels are compared: plain skin above the nostrils and below the forehead, away from features."""
    plain = share_of(head, texels, ("cheeks", "nose", "jaw"))
    height = texels.at(head.topology(LEVEL).refine(head.template)[:, 1:2])[:, 0]
    base = float(head.template[head.regions["nose"], 1].min())
    picture = texels.image((plain * (height > base + 0.012)).astype(np.float32), pad=False)
    return np.asarray(cv2.erode(picture, np.ones((3, 3))))


def _dilatable(head: Head, texels: Texels) -> Array:  # -> (N,)
    """Where the dilated mask may reach: not into brows, lids and lips."""
    features = ("brows_left", "brows_right", "eyelids_left", "eyelids_right", "lips_upper", "lips_lower")
    return 1 - share_of(head, texels, features)


def _spots(odd: Mask) -> Mask:
    """Connected components of at least `_LEAST` texels; smaller ones are moles and noise."""
    joined = cv2.morphologyEx(odd.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels, figures, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    large = np.flatnonzero(figures[:, cv2.CC_STAT_AREA] >= _LEAST)
    return np.isin(labels, large[large > 0])


def _no_skin(spots: Mask, bright: Array, hue: Array) -> Mask:  # (S, S) each
    """The spots that no shadow, wrinkle or highlight explains."""
    _, pieces = cv2.connectedComponents(spots.astype(np.uint8), connectivity=8)
    certain = np.zeros_like(spots)
    for piece in range(1, int(pieces.max()) + 1):
        mine = pieces == piece
        light = float(np.median(bright[mine]))
        if light < _NO_SHADOW or light > _NO_HIGHLIGHT or float(np.median(hue[mine])) > _NO_SKIN:
            certain |= mine
    return certain
