"""Occlusion mask of the rims of glasses: thin rings around the eyes, a bridge and the beginnings of the bars.

That somebody wears glasses is told from bare skin, where rims differ clearly from what is expected (`occlusion`): one
line crosses the nose, with clear finds on both sides. Each rim is then the strongest closed curve around its eye, found
by dynamic programming in polar coordinates on the template, as irises and cells are found (Sun and Pallottino,
"Circular shortest path in images", 2003). Only as wide a ring as differs is masked: brows, lids and the skin under the
lenses stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.head.model import Head
from face3d_live.head.per_head import per_head
from face3d_live.head.points import EYE_LEFT, EYE_RIGHT
from face3d_live.nearest import nearest
from face3d_live.texture.chart import CHART, chart_of
from face3d_live.texture.regions import share_of
from face3d_live.texture.texels import LEVEL, Texels
from face3d_live.typing import Array, Mask

#: Metres around an eyeball's centre that the rim of large glasses may reach: sideways, above, below; and the bars.
_ASIDE, _ABOVE, _BELOW, _BAR = 0.040, 0.030, 0.038, 0.014
_FORE = 0.0  # metres before the ears: beyond grows hair
_LASHES = 0.0035  # metres around the opening of an eye that are its own
_LINE = 9  # texels: what is narrower is a line
_DARK, _DARK_BROW, _LIGHT = 0.20, 0.7, 0.25  # logarithms of light against what is beside the line
_SURE = 1.3  # times the darkness of a line: that of a bridge
_BOTH = 8  # texels found on either side of it
#: Share of the line that was found, and logarithm of light by which most of that differs from the skin: nets of
#: wrinkles and patches of sun are longer and fainter.
_FOUND, _CLEAR = 0.07, 0.5
#: How many times as much as lines on this person's cheeks and forehead (geometric mean) it stands out: old skin in hard
#: light is full of lines. Of 18 held-out people with glasses that have such a line, 17 are at 4.6 or more, one under a
#: cap at 2.6; of the 14 without glasses whose wrinkles make one none is above 3.3.
_OUTSTANDING = 4.0
_SEEN, _SMOOTH = 0.2, 0.1  # weight from which skin is compared with; least that lines on it count for
_SPAN = 15  # texels to either side of the nose that one line must reach: glasses have a bridge, wrinkles have none
_WIDER = 3  # texels around a rim that go with it
_ANGLES, _RADII, _STEP = 96, (0.012, 0.036), 0.0008  # of the curves around an eye; metres
_TURN = 0.15  # logarithm that a step to another radius has to gain
_RIM_STEPS = 9  # radii: what is narrower is a rim
_HALF, _LEAST_DEPTH = 0.4, 0.12  # share of the rim's own depth, and logarithm, down to which a texel belongs to it
_BAR_OUT, _BAR_UP = 0.038, 0.006  # metres from the eye to where the bar runs over the temple
_BAR_TEXELS = 9  # width in which bridge and bars are looked for


_Place = tuple[int, int]


@dataclass(frozen=True)
class Rims:
    """The rims of glasses on the chart. mask: (S, S). outline: (2, A) metres from the left and the right eye's centre
    to the rim, A angles from the temple over the forehead to the nose and back. depth: (2, A) logarithm of light by
    which the rim differs from the skin there. lighter: whether it is lighter than that."""

    mask: Mask
    outline: Array
    depth: Array
    lighter: bool


@dataclass(frozen=True)
class _PolarTable:
    """Around one eye, A angles from the temple over the forehead to the nose, R radii. texel: (A, R) row * S + column;
    inside: (A, R) whether there is skin; brow: (A, R); bar: (row, column) where the bar meets the ear's hair."""

    texel: NDArray[np.intp]
    inside: Mask
    brow: Mask
    bar: _Place


@dataclass(frozen=True)
class _RimZones:
    """Masks (S, S). whole: where rims may run; brow: the part of that where hair is as dark; plain: cheeks and forehead
    outside of it; polar: of the left and the right eye."""

    whole: Mask
    brow: Mask
    plain: tuple[Mask, Mask]
    polar: tuple[_PolarTable, ...]


def trace_rims(found: Mask, bright: Array, known: Array, head: Head) -> Rims | None:  # (S, S) bool, (S, S) x 2
    """Lines over lids and brows that continue the found spots; None where they are no glasses.

    bright: logarithm of light relative to the expected skin; known: how well each texel was seen, 0..1.
    """
    zone = rim_zones(head, CHART)
    seeds = found & zone.whole
    if not seeds.any():
        return None
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_LINE, _LINE))
    soft = cv2.GaussianBlur(bright, (0, 0), 0.6)
    darker = cv2.morphologyEx(soft, cv2.MORPH_CLOSE, kernel) - soft
    lighter = soft - cv2.morphologyEx(soft, cv2.MORPH_OPEN, kernel)
    line = np.maximum(darker / np.where(zone.brow, _DARK_BROW, _DARK), lighter / _LIGHT)
    strong = seeds & (line > 1)
    usual = [max(float(line[skin].mean()), _SMOOTH) for skin in (p & (known > _SEEN) for p in zone.plain) if skin.any()]
    least = _OUTSTANDING * float(np.exp(np.mean(np.log(usual)))) if usual else 0.0
    if not _bridged(line * zone.whole, strong, bright, least):
        return None
    sign = 1.0 if float(np.median(bright[strong])) < 0 else -1.0
    rims = np.zeros_like(found)
    inner, outline, depth = [], [], []
    for polar in zone.polar:
        rim, ends, path, strength = _ring(sign * soft, known, polar)
        rims |= rim
        inner.append(ends)
        outline.append(_RADII[0] + _STEP * path)
        depth.append(strength)
    rims |= _between(sign * soft, inner[0][0], inner[1][0])
    for (_, temple), centre in zip(inner, zone.polar, strict=True):
        rims |= _between(sign * soft, temple, centre.bar)
    wide = cv2.dilate(rims.astype(np.uint8), np.ones((_WIDER, _WIDER), np.uint8)) > 0
    mask = np.asarray(wide & zone.whole & (rims | ~zone.brow))
    return Rims(mask, np.array(outline, np.float32), np.array(depth, np.float32), sign < 0)


def _ring(
    values: Array, known: Array, polar: _PolarTable
) -> tuple[Mask, tuple[_Place, _Place], NDArray[np.intp], Array]:
    """The dark closed curve around an eye, as wide as it is dark; its innermost and outermost (row, column); at each
    angle its step of the radius, and how dark it is."""
    row, column = polar.texel // values.shape[1], polar.texel % values.shape[1]
    here, seen = values[row, column], known[row, column] > 0.1
    kernel = np.ones((1, _RIM_STEPS), np.uint8)
    depth = cv2.morphologyEx(here, cv2.MORPH_CLOSE, kernel) - here
    path = _circular_path(np.where(seen & polar.inside, np.minimum(depth, 1), 0))
    angles = np.arange(len(path))
    at = depth[angles, path]
    mask = np.zeros(values.shape, bool)
    away = np.abs(np.arange(depth.shape[1]) - path[:, None])
    near = away <= np.where(polar.brow, 1, _RIM_STEPS // 2)
    on = near & (depth > np.maximum(_HALF * at, _LEAST_DEPTH)[:, None])
    mask[row[on], column[on]] = True
    half = len(path) // 2
    ends = tuple((int(row[k, path[k]]), int(column[k, path[k]])) for k in (half, 0))
    return mask, (ends[0], ends[1]), path, at


def _circular_path(gain: Array) -> NDArray[np.intp]:  # (A, R) -> (A,)
    """The radius at each angle with the largest sum of gains, one step a turn at most, closed: found over three turns,
    of which the middle one is taken."""
    turns = np.tile(gain, (3, 1))
    count, steps = turns.shape
    total, came = turns[0].copy(), np.zeros((count, steps), np.intp)
    for angle in range(1, count):
        padded = np.pad(total, 1, constant_values=-np.inf)
        options = np.stack([padded[:-2] - _TURN, padded[1:-1], padded[2:] - _TURN])
        choice = options.argmax(0)
        came[angle] = np.arange(steps) + choice - 1
        total = options.max(0) + turns[angle]
    at = int(total.argmax())
    path = np.zeros(count, np.intp)
    for angle in range(count - 1, -1, -1):
        path[angle], at = at, came[angle, at]
    return path[count // 3 : 2 * (count // 3)]


def _between(values: Array, start: _Place, end: _Place) -> Mask:
    """Dark texels near the straight line between two places."""
    line = np.zeros(values.shape, np.uint8)
    cv2.line(line, start[::-1], end[::-1], 1, _BAR_TEXELS)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_LINE, _LINE))
    depth = cv2.morphologyEx(values, cv2.MORPH_CLOSE, kernel) - values
    return np.asarray((line > 0) & (depth > _LEAST_DEPTH))


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
def rim_zones(head: Head, size: int) -> _RimZones:
    texels = chart_of(head, size)
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
    polar = tuple(_polar(centre, place, texels, grown > 0.1) for centre in head.eye_centers)
    return _RimZones(texels.image(whole, pad=False), grown > 0.1, (plain[0], plain[1]), polar)


def _polar(centre: Array, place: Array, texels: Texels, brow: Mask) -> _PolarTable:
    ahead = np.flatnonzero((texels.part == 0) & (place[:, 2] > _FORE))
    angle = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    radius = np.arange(*_RADII, _STEP)
    out = 1.0 if centre[0] > 0 else -1.0
    x = centre[0] + out * np.cos(angle)[:, None] * radius
    y = centre[1] + np.sin(angle)[:, None] * radius
    bar = centre[:2] + np.array([out * _BAR_OUT, _BAR_UP])
    away, found = nearest(place[ahead, :2], np.concatenate([np.stack([x, y], -1).reshape(-1, 2), bar[None]]))
    chosen = texels.index[ahead][found].astype(np.intp)
    texel = chosen[:-1].reshape(x.shape)
    row, column = divmod(int(chosen[-1]), texels.size)
    return _PolarTable(texel, np.asarray(away[:-1].reshape(x.shape) < 2 * _STEP), brow.ravel()[texel], (row, column))
