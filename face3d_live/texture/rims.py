"""Occlusion mask of the rims of glasses, traced over lids and brows from where they cross bare skin.

On bare skin a rim differs clearly from the expected skin (`occlusion`). Over lids and brows lashes, folds and hairs are
as dark: there only lines count that are connected to texels found on bare skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.head.points import EYE_LEFT, EYE_RIGHT
from face3d_live.texture.regions import share_of
from face3d_live.texture.texels import LEVEL, per_head, texels_of
from face3d_live.typing import Array, Mask

#: Metres around an eyeball's centre that the rim of large glasses may reach: sideways, above, below; and the bars.
_ASIDE, _ABOVE, _BELOW, _BAR = 0.040, 0.030, 0.038, 0.014
_FORE = 0.0  # metres before the ears: beyond grows hair
_LASHES = 0.0035  # metres around the opening of an eye that are its own
_LINE = 9  # texels: what is narrower is a line
_DARK, _DARK_BROW, _LIGHT = 0.20, 0.7, 0.25  # logarithms of light against what is beside the line
_FAINT = 0.75  # share of a line's darkness with which it goes on
_SURE = 1.3  # times the darkness of a line: that of a bridge
_BOTH = 8  # texels found on either side of it
#: Share of the line that was found, and logarithm of light by which most of that differs from the skin: nets of
#: wrinkles and patches of sun are longer and fainter.
_FOUND, _CLEAR = 0.07, 0.5
#: How many times as much as lines on this person's cheeks and forehead it stands out (geometric mean of the two ratios):
#: old skin in hard light is full of lines. Of 24 held-out people with glasses found this way one is below (4.6 and more;
#: 2.6 under a cap), of the 14 without whose wrinkles make a bridge none is above 3.3.
_OUTSTANDING = 4.0
_SEEN, _SMOOTH = 0.2, 0.1  # weight from which skin is compared with; least that lines on it count for
_SPAN = 15  # texels to either side of the nose that one line must reach: glasses have a bridge, wrinkles have none
_WIDER = 3  # texels around a line that go with it


@dataclass(frozen=True)
class _RimZones:
    """Masks (S, S). whole: where rims may run; brow: the part of that where hair is as dark; plain: cheeks and forehead
    outside of it."""

    whole: Mask
    brow: Mask
    plain: tuple[Mask, Mask]


def trace_rims(found: Mask, bright: Array, known: Array, head: Head) -> Mask:  # (S, S) bool, (S, S) x 2 -> (S, S)
    """Lines over lids and brows that continue the found spots.

    bright: logarithm of light relative to the expected skin; known: how well each texel was seen, 0..1.
    """
    zone = _rim_zones(head, len(bright))
    seeds = found & zone.whole
    if not seeds.any():
        return seeds
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_LINE, _LINE))
    soft = cv2.GaussianBlur(bright, (0, 0), 0.6)
    darker = cv2.morphologyEx(soft, cv2.MORPH_CLOSE, kernel) - soft
    lighter = soft - cv2.morphologyEx(soft, cv2.MORPH_OPEN, kernel)
    line = np.maximum(darker / np.where(zone.brow, _DARK_BROW, _DARK), lighter / _LIGHT)
    faint = ((line > _FAINT) & zone.whole) | seeds
    _, pieces = cv2.connectedComponents(faint.astype(np.uint8), connectivity=8)
    strong = seeds & (line > 1)
    usual = [max(float(line[skin].mean()), _SMOOTH) for skin in (p & (known > _SEEN) for p in zone.plain) if skin.any()]
    least = _OUTSTANDING * float(np.exp(np.mean(np.log(usual)))) if usual else 0.0
    if not _bridged(line * zone.whole, strong, bright, least):
        return np.zeros_like(found)
    sure = np.unique(pieces[strong])
    rims = np.isin(pieces, sure[sure > 0])
    wide = cv2.dilate(rims.astype(np.uint8), np.ones((_WIDER, _WIDER), np.uint8)) > 0
    return np.asarray(wide & zone.whole)


def _bridged(line: Array, found: Mask, bright: Array, least: float) -> bool:  # all (S, S)
    """Whether one line crosses the nose with found texels on both sides of it, that stand out by `least`; the atlas is
    symmetric."""
    _, pieces = cv2.connectedComponents((line > _SURE).astype(np.uint8), connectivity=8)
    middle = pieces.shape[1] // 2
    across = [set(np.unique(pieces[:, middle + column]).tolist()) for column in (-_SPAN, 0, _SPAN)]
    for piece in set.intersection(*across) - {0}:
        mine = found & (pieces == piece)
        both = min(mine[:, :middle].sum(), mine[:, middle:].sum()) >= _BOTH
        clear = both and abs(float(np.median(bright[mine]))) > _CLEAR and float(np.median(line[mine])) > least
        if clear and mine.sum() > _FOUND * (pieces == piece).sum():
            return True
    return False


@per_head
def _rim_zones(head: Head, size: int) -> _RimZones:
    texels = texels_of(head, size)
    place = texels.at(head.topology(LEVEL).refine(head.template))
    points = head.points(head.template)
    whole, own = np.zeros(len(place), bool), np.zeros(len(place), bool)
    middle = head.eye_centers.mean(0)
    for centre, ring in zip(head.eye_centers, (EYE_LEFT, EYE_RIGHT), strict=True):
        x, y = (place - centre)[:, :2].T
        whole |= (np.abs(x) < _ASIDE) & (y < _ABOVE) & (y > -_BELOW)
        hull = cv2.convexHull(1e3 * points[list(ring), :2].astype(np.float32))
        near = np.flatnonzero(np.hypot(x, y) < _ASIDE)
        away = [cv2.pointPolygonTest(hull, (float(1e3 * px), float(1e3 * py)), True) for px, py in place[near, :2]]
        own[near] |= np.array(away) > -1e3 * _LASHES
    whole |= np.abs(place[:, 1] - middle[1]) < _BAR
    whole &= ~own & (place[:, 2] > _FORE) & (texels.part == 0)
    whole &= share_of(head, texels, ("scalp", "ears")) < 0.5
    brow = share_of(head, texels, ("brows_left", "brows_right"))
    grown = cv2.dilate(texels.image(brow, pad=False), np.ones((5, 5)))
    skin = (share_of(head, texels, ("cheeks", "forehead")) > 0.9) & ~whole
    above = place[:, 1] > middle[1]
    plain = tuple(np.asarray(texels.image(skin & side, pad=False)) for side in (~above, above))
    return _RimZones(texels.image(whole, pad=False), grown > 0.1, (plain[0], plain[1]))
