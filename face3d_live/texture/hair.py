"""Hair that hangs from the scalp over forehead, temples and cheeks.

A texel is compared with the person's own skin, taken from nose and cheeks: hair is darker, or else has another hue and
the fine relief of strands. Shadows, wrinkles, moles and brows can look like that, too; hair alone hangs together with
the scalp. So it is followed from the hairline downwards, and what is not reached so stays. Beards begin below where
anything is looked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.lighting import to_linear
from face3d_live.texture.regions import share_of
from face3d_live.texture.texels import LEVEL, per_head, texels_of
from face3d_live.typing import Array, Mask

_ABOVE_BASE = 0.012  # metres above the nose's base: there beards end
_BELOW_EYES = 0.009  # metres below the eyes: from here down cheeks are bare
_MIDDLE = 0.05  # metres to either side: what lies beyond is easily in shadow
_FORE = 0.030  # metres before the ears: beyond, hair grows
_ROOT = 0.012  # metres of scalp above the forehead that hair has to come from
_EYE = 0.019  # metres around an eyeball's centre that belong to it
_FEW = 50  # texels of own skin that are too few to compare with
_SEEN = 0.2  # weight of a view from which a texel is judged
_DARKER, _FAINTLY = 0.60, 0.35  # logarithms of linear light below the skin's: surely hair, and what may belong to it
_HUE, _STRANDS = 0.22, 2.2  # difference of the logarithms' differences, and relief against the cheeks' own
_FAR = 3  # texels from what is surely hair that its soft edge and its shadow reach
_EDGE, _LEAST = 4, 16  # texels that a lock hangs down, and texels beyond: less is the hairline
_ROOTS = 8  # texels of scalp that a lock comes from
#: What a lock is like, of which shadows have only one: somewhere (a tenth) it is as dark, and mostly as rough as this,
#: in multiples of the cheeks' relief. Light hair is told by relief alone, smooth hair by being darker than any shade.
_DEEP, _ROUGH, _ROUGH_ALONE, _DEEP_ALONE = 0.9, 0.9, 2.8, 1.15


@dataclass(frozen=True)
class _Zone:
    """(S, S) each. own: where skin tells its colour; over: where hair may be taken off; deep: of that, what is farther
    from the scalp than hairlines are; root: the scalp beside."""

    own: Mask
    over: Mask
    deep: Mask
    root: Mask


def hanging(seen: Array, known: Array, head: Head) -> Mask:  # (S, S, 3), (S, S) -> (S, S)
    """Where hair lies over the skin.

    seen: sRGB 0..1 without light; known: how well each texel was seen, 0..1.
    """
    zone = _zone(head, len(seen))
    sure = zone.own & (known > _SEEN)
    judged = (zone.over | zone.root) & (known > _SEEN)
    if sure.sum() < _FEW or not judged.any():
        return np.zeros_like(judged)
    logs = np.log(np.maximum(to_linear(seen), 4e-3)).astype(np.float32)
    bright = _smooth(logs.mean(2), known, 0.8)
    hues = np.stack([_smooth(logs[..., k] - logs[..., k + 1], known, 1.5) for k in (0, 1)], -1)
    relief = _relief(logs.mean(2), known)
    darker = np.median(bright[sure]) - bright
    off = np.abs(hues - np.median(hues[sure], 0)).sum(-1)
    rough = relief / np.maximum(np.median(relief[sure]), 1e-4)
    stranded = (off > _HUE) & (rough > _STRANDS)
    surely = judged & ((darker > _DARKER) | stranded)
    reach = cv2.dilate(surely.astype(np.uint8), np.ones((2 * _FAR + 1, 2 * _FAR + 1), np.uint8)) > 0
    hair = surely | (judged & reach & (darker > _FAINTLY))
    locks = np.zeros_like(hair)
    for lock in _rooted(hair, zone):
        how_rough, (half, tenth) = np.median(rough[lock]), np.percentile(darker[lock], (50, 90))
        if how_rough > _ROUGH_ALONE or half > _DEEP_ALONE or (how_rough > _ROUGH and tenth > _DEEP):
            locks |= lock
    return locks


def _rooted(hair: Mask, zone: _Zone) -> list[Mask]:
    """The pieces that come from the scalp, each as far as it lies over the skin."""
    _, pieces = cv2.connectedComponents(hair.astype(np.uint8), connectivity=8)
    count = int(pieces.max()) + 1
    roots = np.bincount(pieces[zone.root & hair], minlength=count)
    size = np.bincount(pieces[zone.deep & hair], minlength=count)
    return [(pieces == k) & zone.over for k in range(1, count) if roots[k] >= _ROOTS and size[k] >= _LEAST]


def _smooth(values: Array, known: Array, sigma: float) -> Array:  # (S, S) x 2 -> (S, S)
    """Blurred, without what was not seen."""
    mass = cv2.GaussianBlur((known > 0).astype(np.float32), (0, 0), sigma)
    return cv2.GaussianBlur(values * (known > 0), (0, 0), sigma) / np.maximum(mass, 1e-2)


def _relief(bright: Array, known: Array) -> Array:  # (S, S) x 2 -> (S, S)
    """How much brightness changes from texel to texel across the face: strands hang down, wrinkles lie across."""
    across = cv2.Sobel(_smooth(bright, known, 0.6), cv2.CV_32F, 1, 0) / 8
    return np.sqrt(_smooth(across**2, known, 2.0))


@per_head
def _zone(head: Head, size: int) -> _Zone:
    texels = texels_of(head, size)
    place = texels.image(texels.at(head.topology(LEVEL).refine(head.template)), pad=False)
    x, y, z = np.moveaxis(place, -1, 0)

    def of(*names: str) -> Mask:
        return np.asarray(texels.image(share_of(head, texels, names), pad=False) > 0.5)

    soft = of("brows_left", "brows_right", "eyelids_left", "eyelids_right", "lips_upper", "lips_lower")
    for centre in head.eye_centers:
        soft |= (np.hypot(x - centre[0], y - centre[1]) < _EYE) & (z > _FORE)
    soft = cv2.dilate(soft.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    base = float(head.template[head.regions["nose"], 1].min()) + _ABOVE_BASE
    face = (y > base) & (z > _FORE) & ~soft
    own = face & of("cheeks", "nose") & (y < head.eye_centers[:, 1].mean() - _BELOW_EYES) & (np.abs(x) < _MIDDLE)
    over = face & of("forehead", "cheeks")
    edge = float(head.template[head.regions["forehead"], 1].max())
    root = of("scalp") & (y < edge + _ROOT) & (z > 0)
    beside = cv2.dilate(of("scalp").astype(np.uint8), np.ones((2 * _EDGE + 1, 2 * _EDGE + 1), np.uint8)) > 0
    return _Zone(own, over, over & ~beside, root)
