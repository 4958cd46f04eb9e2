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


def blend(values: AnyArray, weight: AnyArray, fill: AnyArray) -> Array:  # all (S, S, C), weight (S, S)
    """`values` where their weight is one; elsewhere `fill`, moved to their tone."""
    difference = values - fill
    smooth = pull_push(difference, weight)
    share = weight[..., None]
    return np.asarray(fill + share * difference + (1 - share) * smooth)


def complete(albedo: Picture, weight: AnyArray, plain: Picture, texels: Texels) -> Picture:
    """A whole texture from a partial one.

    albedo: (S, S, 3) sRGB and weight: (S, S) 0..1 as from `sample_texture`; plain: (S, S, 3) a skin that lends its
    detail, and its eyeballs, teeth and mouth. Returns (S, S, 4): alpha 255 on the head, 0 off it.
    """
    own, base = albedo / np.float32(255), plain / np.float32(255)
    weight = np.asarray(weight, np.float32)
    other, other_weight = own[:, ::-1], weight[:, ::-1] * _MIRRORED
    # where neither side was seen, what the mirror lends does not matter: the plain skin covers it
    sides = blend(own, weight, np.where(other_weight[..., None] > 0, other, base))
    known = np.maximum(weight, other_weight * (1 - weight))
    whole = blend(sides, known, base)
    whole = np.where(texels.image(texels.part)[..., None] == 0, whole, base)
    near = cv2.dilate(texels.covered.astype(np.uint8), np.ones((5, 5), np.uint8))
    rgb = np.clip(whole * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.dstack([rgb, near * np.uint8(255)])
