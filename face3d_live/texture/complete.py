"""Completion of a partial texture: first from the other side of the face (mirrored), then from a plain skin.

Both times the fill keeps its own detail and takes on the tone of what was observed. The difference between the two is
known where both are, and interpolated smoothly over the rest (a membrane, as in Poisson blending, solved by a pyramid:
Gortler et al., "The Lumigraph", SIGGRAPH 1996, "pull-push"). What is smooth is computed on the chart.
"""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.texture.chart import CHART, chart_of, to_atlas, to_chart
from face3d_live.texture.texels import Texels, texels_of
from face3d_live.typing import AnyArray, Array, Mask, Picture

_MIRRORED = 0.6  # how far the other side may stand in: less than what was seen itself, as light differs between sides
_TONE, _SEAM = 40, 128  # parts of the chart's side: what is coarser is tone; how wide the rest fades out
_WHOLE, _AT_SEAM = 0.5, 0.15
_COARSE = 256
_EITHER = 0.02  # weight with which sides meet in the middle that were both not seen
_LEAST = 1e-4
_GUTTER = 64  # part of the side that texels beside an island count as of it


def pull_push(values: AnyArray, weight: AnyArray) -> Array:  # (S, S, C), (S, S) -> (S, S, C)
    """Smooth continuation of `values` from where `weight` is, and nothing else; S a power of two."""
    levels = [(values * weight[..., None], weight)]
    while levels[-1][1].shape[0] > 1:
        product, mass = levels[-1]
        levels.append(_sure(_resized(product, mass.shape[0] // 2), _resized(mass, mass.shape[0] // 2), 4))
    product, mass = levels.pop()
    result = product / np.maximum(mass, _LEAST)[..., None]
    while levels:
        product, mass = levels.pop()
        sure = np.minimum(mass, 1)[..., None]
        result = product / np.maximum(mass, 1)[..., None] + (1 - sure) * _resized(result, mass.shape[0])
    return result.astype(np.float32)


def _sure(product: AnyArray, mass: AnyArray, children: int) -> tuple[AnyArray, AnyArray]:  # (S, S, C), (S, S)
    """Means over a coarse cell's children, weighted up: a cell is sure as soon as one child is."""
    gain = np.minimum(np.float32(children), 1 / np.maximum(mass, _LEAST))
    return product * gain[..., None], mass * gain


def _resized(picture: AnyArray, size: int) -> AnyArray:  # (S, S) or (S, S, C) -> (size, size) or (size, size, C)
    how = cv2.INTER_AREA if size < len(picture) else cv2.INTER_LINEAR
    return np.reshape(cv2.resize(picture, (size, size), interpolation=how), (size, size, *picture.shape[2:]))


def _rgb(channel: AnyArray) -> Array:  # (S, S) -> (S, S, 3)
    """The channel three times: NumPy multiplies by this much faster than by a broadcast (S, S, 1)."""
    return np.asarray(cv2.merge([channel, channel, channel]))


def blend(values: Array, weight: Array, fill: Array, head: Head, known: Mask | None = None) -> Array:  # (S, S, 3)
    """`values` where their weight is `_WHOLE` or more; elsewhere `fill`, moved to their tone.

    What the difference of the two is at a border is carried on over the chart; a single strand or shine there would
    else reach far into the fill. The rest of it fades out next to the border, so that there is no seam. weight: (S, S);
    known: (S, S) bool where the fill is known, and may be compared.
    """
    difference = values - fill
    compared = weight if known is None else weight * known
    out = to_atlas(_carried_on(difference, compared, head), head, len(weight))
    difference -= out
    difference *= _rgb(np.minimum(1, weight / np.float32(_WHOLE)))
    out += difference
    out += fill
    return np.asarray(out)


def _carried_on(difference: Array, weight: Array, head: Head) -> Array:  # (S, S, 3), (S, S) -> (CHART, CHART, 3)
    """A difference that is known where `weight` is, all over the chart."""
    both = to_chart(cv2.merge([difference * _rgb(weight), weight]), head) * chart_of(head, CHART).covered[..., None]
    product, mass = both[..., :3], both[..., 3]
    near, total = (cv2.GaussianBlur(each, (0, 0), CHART / _TONE) for each in (product, mass))
    tone = near / np.maximum(total, _LEAST)[..., None]
    rest = product - tone * mass[..., None]
    close, edge = (cv2.GaussianBlur(each, (0, 0), CHART / _SEAM) for each in (rest, mass))
    product, mass = _sure(tone * mass[..., None], mass, max(1, len(weight) // CHART) ** 2)
    smooth = pull_push(product / np.maximum(mass, _LEAST)[..., None], mass) + close / (edge + _AT_SEAM)[..., None]
    return np.asarray(smooth, np.float32)


def close_seams(picture: Array, weight: Array, texels: Texels) -> Array:  # (S, S, 3), (S, S) -> (S, S, 3)
    """A picture whose colours meet where the atlas is cut, moved smoothly where `weight` is low (a membrane)."""
    if not len(texels.seams):
        return picture
    size, small = len(weight), min(len(weight), _COARSE)
    flat, sure = picture.reshape(-1, 3), weight.ravel()
    one, other = texels.seams.T
    shares = sure[one] + _EITHER, sure[other] + _EITHER
    meeting = (flat[one] * shares[0][:, None] + flat[other] * shares[1][:, None]) / (shares[0] + shares[1])[:, None]
    at, place, count = np.unique(texels.seams.T.ravel(), return_inverse=True, return_counts=True)
    moves = np.concatenate([meeting - flat[one], meeting - flat[other]])
    offsets = np.stack([np.bincount(place, moves[:, k], len(at)) for k in range(3)], 1) / count[:, None]
    # Means over coarse cells of what is held: seams at their offsets, and texels that were seen where they are.
    factor = size // small
    cell = at // size // factor * small + at % size // factor
    product = np.stack([np.bincount(cell, offsets[:, k], small * small) for k in range(3)], 1)
    mass = _resized(weight, small).ravel() + np.bincount(cell, 1 - sure[at], small * small) / factor**2
    product, mass = _sure(product.reshape(small, small, 3) / factor**2, mass.reshape(small, small), factor**2)
    change = pull_push(product / np.maximum(mass, _LEAST)[..., None], mass)
    change = _resized(change, size)
    change.reshape(-1, 3)[at] = offsets
    change *= _rgb(1 - weight)
    change += picture
    return np.asarray(change)


def complete(albedo: Picture, weight: AnyArray, plain: Picture, head: Head) -> Picture:
    """A whole texture from a partial one.

    albedo: (S, S, 3) sRGB and weight: (S, S) 0..1 as from `sample_texture`; plain: (S, S, 3) a skin that lends its
    detail, and its eyeballs, teeth and mouth. Returns (S, S, 4): alpha 255 on the head, 0 off it.
    """
    texels = texels_of(head, len(albedo))
    own, base = (np.asarray(each / np.float32(255), np.float32) for each in (albedo, plain))
    weight = np.asarray(weight, np.float32)
    other, other_weight = cv2.flip(own, 1), np.asarray(cv2.flip(weight, 1) * np.float32(_MIRRORED), np.float32)
    # where neither side was seen, what the mirror lends does not matter: the plain skin covers it
    lent = other_weight > 0
    fill = np.asarray(cv2.copyTo(other, lent.astype(np.uint8), base.copy()), np.float32)
    sides = blend(own, weight, fill, head, lent)
    known = np.maximum(weight, other_weight * (1 - weight))
    whole = close_seams(blend(sides, known, base, head), weight, texels)
    whole *= 255
    rgb = np.clip(whole, 0, 255, out=whole)
    rgb += 0.5
    out = cv2.copyTo(plain, (~texels.skin).astype(np.uint8), rgb.astype(np.uint8))
    gutter = 2 * (len(albedo) // _GUTTER) + 1  # seen where a texture is drawn small, too
    near = cv2.dilate(texels.covered.astype(np.uint8), np.ones((gutter, gutter), np.uint8))
    return np.asarray(cv2.merge([*cv2.split(out), near * np.uint8(255)]))
