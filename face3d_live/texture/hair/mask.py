"""Occlusion mask of hair that hangs from the scalp over forehead, temples and cheeks.

A texel is compared with the person's own skin, taken from nose and cheeks: hair is darker, or else has another hue and
the fine-scale roughness of strands. Shadows, wrinkles, moles and brows may look the same, but only hair is connected to
the scalp. So only connected components that reach the scalp count. Nothing is searched where beards grow.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.head.per_head import per_head
from face3d_live.lighting import to_linear
from face3d_live.texture.chart import CHART, chart_of
from face3d_live.texture.regions import share_of
from face3d_live.texture.texels import LEVEL
from face3d_live.typing import Array, Mask

_ABOVE_BASE = 0.012  # metres above the nose's base: upper end of beards
_BELOW_EYES = 0.009  # metres below the eyes: upper end of the cheeks' reference skin
_MIDDLE = 0.05  # metres to either side: reference skin beyond is often in shadow
_FORE = 0.030  # metres before the ears: behind it, hair grows
_ROOT = 0.012  # metres of scalp above the forehead that a component has to reach
_EYE = 0.019  # metres around an eyeball's centre that belong to it
_FEW = 50  # fewer texels of reference skin are not compared with
_SEEN = 0.2  # weight of a view from which a texel is classified
_DARKER, _FAINTLY = 0.60, 0.35  # logarithms of linear light below the skin's: certain hair, and possible hair
_HUE, _STRANDS = (
    0.22,
    2.2,
)  # least hue difference (of log ratios) and roughness of hair that is not dark
_FAR = 3  # texels around certain hair in which possible hair counts: soft edges and shadows
_EDGE, _LEAST = 4, 16  # texels around the scalp that belong to the hairline; least texels of a component beyond them
_GAP, _SHADE = 13, 5  # texels between locks that are no gap, and of the shadow around them
_ROOTS = 8  # least texels of scalp in a component
#: A component is hair when it is both dark (its 90th percentile) and rough (its median, in multiples of the cheeks');
#: shadows are only dark. Very rough or very dark ones (light hair, smooth hair) count by that alone.
_DEEP, _ROUGH, _ROUGH_ALONE, _DEEP_ALONE = 0.9, 0.9, 2.8, 1.15


@dataclass(frozen=True)
class _HairZones:
    """Masks (S, S). own: reference skin; over: where hair is searched; deep: the part of that beyond the hairline;
    root: the scalp next to the forehead; forehead: the part of over above the brows."""

    own: Mask
    over: Mask
    deep: Mask
    root: Mask
    forehead: Mask


def hair_mask(seen: Array, known: Array, head: Head) -> Mask:  # (S, S, 3), (S, S) -> (S, S)
    """True where hair lies over the skin, on the chart.

    seen: sRGB 0..1, the light divided out; known: how well each texel was seen, 0..1.
    """
    zone = hair_zones(head, CHART)
    sure = zone.own & (known > _SEEN)
    candidates = (zone.over | zone.root) & (known > _SEEN)
    if sure.sum() < _FEW or not candidates.any():
        return np.zeros_like(candidates)
    logs = np.log(np.maximum(to_linear(seen), 4e-3)).astype(np.float32)
    bright = _smooth(logs.mean(2), known, 0.8)
    hues = np.stack([_smooth(logs[..., k] - logs[..., k + 1], known, 1.5) for k in (0, 1)], -1)
    roughness = _roughness(logs.mean(2), known)
    darker = np.median(bright[sure]) - bright
    off = np.abs(hues - np.median(hues[sure], 0)).sum(-1)
    rough = roughness / np.maximum(np.median(roughness[sure]), 1e-4)
    stranded = (off > _HUE) & (rough > _STRANDS)
    surely = candidates & ((darker > _DARKER) | stranded)
    reach = cv2.dilate(surely.astype(np.uint8), np.ones((2 * _FAR + 1, 2 * _FAR + 1), np.uint8)) > 0
    hair = surely | (candidates & reach & (darker > _FAINTLY))
    locks = np.zeros_like(hair)
    for lock in _rooted(hair, zone):
        how_rough, (half, tenth) = np.median(rough[lock]), np.percentile(darker[lock], (50, 90))
        if how_rough > _ROUGH_ALONE or half > _DEEP_ALONE or (how_rough > _ROUGH and tenth > _DEEP):
            locks |= lock
    return _curtain(locks, zone)


def _curtain(locks: Mask, zone: _HairZones) -> Mask:
    """Locks on the forehead with all that lies between them and the scalp, and narrow gaps between them: skin that
    shows through a fringe is in its shadow, and patches of it look worse than none."""
    hanging = (locks & zone.forehead & zone.deep).astype(np.uint8)  # what lies along the hairline hangs from its side
    joined = cv2.morphologyEx(hanging, cv2.MORPH_CLOSE, np.ones((_GAP, _GAP), np.uint8))
    joined = cv2.dilate(joined, np.ones((_SHADE, _SHADE), np.uint8))
    below = np.flip(np.maximum.accumulate(np.flip(joined, 0), 0), 0) > 0  # rows go down
    return np.asarray(locks | (below & zone.forehead))


def _rooted(hair: Mask, zone: _HairZones) -> list[Mask]:
    """The connected components that reach the scalp, each as far as it lies over the skin."""
    _, pieces = cv2.connectedComponents(hair.astype(np.uint8), connectivity=8)
    count = int(pieces.max()) + 1
    roots = np.bincount(pieces[zone.root & hair], minlength=count)
    size = np.bincount(pieces[zone.deep & hair], minlength=count)
    return [(pieces == k) & zone.over for k in range(1, count) if roots[k] >= _ROOTS and size[k] >= _LEAST]


def _smooth(values: Array, known: Array, sigma: float) -> Array:  # (S, S) x 2 -> (S, S)
    """Gaussian blur over the texels that were seen."""
    mass = cv2.GaussianBlur((known > 0).astype(np.float32), (0, 0), sigma)
    return np.asarray(cv2.GaussianBlur(values * (known > 0), (0, 0), sigma) / np.maximum(mass, 1e-2))


def _roughness(bright: Array, known: Array) -> Array:  # (S, S) x 2 -> (S, S)
    """Local contrast across the face, root mean square: high for strands, which hang down, not for wrinkles."""
    across = cv2.Sobel(_smooth(bright, known, 0.6), cv2.CV_32F, 1, 0) / 8
    return np.sqrt(_smooth(across**2, known, 2.0))


@per_head
def hair_zones(head: Head, size: int) -> _HairZones:
    texels = chart_of(head, size)
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
    return _HairZones(own, over, over & ~beside, root, over & of("forehead"))
