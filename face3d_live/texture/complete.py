"""Completion of a partial texture: first from the other side of the face (mirrored), then from a plain skin.

Both times the fill keeps its own detail and takes on the tone of what was observed. The difference between the two is
known where both are, and interpolated smoothly over the rest (a membrane, as in Poisson blending, solved by a pyramid:
Gortler et al., "The Lumigraph", SIGGRAPH 1996, "pull-push").
"""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.texture.texels import Texels
from face3d_live.typing import AnyArray, Array, Picture

_MIRRORED = 0.6  # how far the other side may stand in: less than what was seen itself, as light differs between sides
_TONE, _SEAM = 40, 128  # parts of the texture's side: what is coarser is tone; how wide the rest fades out
_WHOLE, _AT_SEAM = 0.5, 0.15
_COARSE = 256
_EITHER = 0.02  # weight with which sides meet in the middle that were both not seen
_LEAST = 1e-4


def pull_push(values: AnyArray, weight: AnyArray) -> Array:  # (S, S, C), (S, S) -> (S, S, C)
    """Smooth continuation of `values` from where `weight` is, and nothing else; S a power of two."""
    levels = [(values * weight[..., None], weight)]
    while levels[-1][1].shape[0] > 1:
        product, mass = levels[-1]
        size = mass.shape[0] // 2
        coarse_product = cv2.resize(product, (size, size), interpolation=cv2.INTER_AREA).reshape(size, size, -1)
        coarse = cv2.resize(mass, (size, size), interpolation=cv2.INTER_AREA)
        gain = np.minimum(4.0, 1 / np.maximum(coarse, _LEAST))  # a coarse cell is sure as soon as one child is
        levels.append((coarse_product * gain[..., None], coarse * gain))
    product, mass = levels.pop()
    result = product / np.maximum(mass, _LEAST)[..., None]
    while levels:
        product, mass = levels.pop()
        size = mass.shape[0]
        coarse = cv2.resize(result, (size, size), interpolation=cv2.INTER_LINEAR).reshape(size, size, -1)
        sure = np.minimum(mass, 1)[..., None]
        result = product / np.maximum(mass, 1)[..., None] + (1 - sure) * coarse
    return result.astype(np.float32)


def blend(values: AnyArray, weight: AnyArray, fill: AnyArray, known: AnyArray | None = None) -> Array:  # (S, S, C)
    """`values` where their weight is `_WHOLE` or more; elsewhere `fill`, moved to their tone.

    What the difference of the two is at a border is carried on at a coarse scale; a single strand or shine there would
    else reach far into the fill. The rest of it fades out next to the border, so that there is no seam. weight: (S, S);
    known: (S, S) bool where the fill is known, and may be compared.
    """
    difference = values - fill
    compared = weight if known is None else np.where(known, weight, 0).astype(np.float32)
    near, mass = _blurred(difference, compared, _TONE)
    tone = near / np.maximum(mass, _LEAST)[..., None]
    close, edge = _blurred(difference - tone, compared, _SEAM)
    smooth = pull_push(tone, compared) + close / (edge + _AT_SEAM)[..., None]
    share = np.minimum(1, weight / _WHOLE)[..., None]
    return np.asarray(fill + share * difference + (1 - share) * smooth)


def _blurred(values: AnyArray, weight: AnyArray, part: int) -> tuple[Array, Array]:  # (S, S, C), (S, S)
    """(Gaussian mean of weighted values, and of the weight); sigma: a `part` of the side. Made at `_COARSE` at most."""
    size = len(weight)
    both = np.dstack([values * weight[..., None], weight]).astype(np.float32)
    if size > _COARSE:
        both = cv2.resize(both, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA)
    both = cv2.GaussianBlur(both, (0, 0), len(both) / part)
    if size > _COARSE:
        both = cv2.resize(both, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(both[..., :-1]), np.asarray(both[..., -1])


def close_seams(picture: AnyArray, weight: AnyArray, texels: Texels) -> Array:  # (S, S, 3), (S, S) -> (S, S, 3)
    """A picture whose colours meet where the atlas is cut, moved smoothly where `weight` is low (a membrane)."""
    if not len(texels.seams):
        return np.asarray(picture)
    one, other = texels.seams.T
    flat, sure = picture.reshape(-1, 3), np.asarray(weight, np.float32).ravel()
    shares = sure[one] + _EITHER, sure[other] + _EITHER
    meeting = (flat[one] * shares[0][:, None] + flat[other] * shares[1][:, None]) / (shares[0] + shares[1])[:, None]
    offsets, count = np.zeros_like(flat), np.zeros(len(flat), np.float32)
    for side in (one, other):
        np.add.at(offsets, side, meeting - flat[side])
        np.add.at(count, side, 1)
    offsets /= np.maximum(count, 1)[:, None]
    held = np.maximum(sure, (count > 0).astype(np.float32)).reshape(weight.shape)
    change = pull_push(offsets.reshape(picture.shape), held)
    return np.asarray(picture + change * (1 - weight[..., None]), np.float32)


def complete(albedo: Picture, weight: AnyArray, plain: Picture, texels: Texels) -> Picture:
    """A whole texture from a partial one.

    albedo: (S, S, 3) sRGB and weight: (S, S) 0..1 as from `sample_texture`; plain: (S, S, 3) a skin that lends its
    detail, and its eyeballs, teeth and mouth. Returns (S, S, 4): alpha 255 on the head, 0 off it.
    """
    own, base = albedo / np.float32(255), plain / np.float32(255)
    weight = np.asarray(weight, np.float32)
    other, other_weight = own[:, ::-1], weight[:, ::-1] * _MIRRORED
    # where neither side was seen, what the mirror lends does not matter: the plain skin covers it
    lent = other_weight > 0
    sides = blend(own, weight, np.where(lent[..., None], other, base), lent)
    known = np.maximum(weight, other_weight * (1 - weight))
    whole = blend(sides, known, base)
    whole = close_seams(whole, weight, texels)
    whole = np.where(texels.image(texels.part)[..., None] == 0, whole, base)
    near = cv2.dilate(texels.covered.astype(np.uint8), np.ones((5, 5), np.uint8))
    rgb = np.clip(whole * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.dstack([rgb, near * np.uint8(255)])
