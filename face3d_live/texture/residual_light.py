"""What second-order harmonics leave of the light in a texture: hard shadows on one side, and highlights.

A face's albedo is nearly the same on both sides at coarse scales; where one side is clearly darker than the other, of
about the same hue, that is a shadow, and it is lifted. Where skin is clearly brighter than this person's skin should
be, that is a highlight, and it is lowered, each channel by itself, which gives it its hue back. Both corrections are
smoothed by a guided filter (He, Sun and Tang, "Guided Image Filtering", ECCV 2010), which keeps the edges of shadows
but leaves wrinkles, moles and pores in the skin; both begin at a tolerance, and are limited.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.head.per_head import per_head
from face3d_live.texture.chart import CHART, chart_of
from face3d_live.texture.regions import PLAIN, face_on_chart, share_of
from face3d_live.typing import AnyArray, Array

_SEEN = 0.2  # weight of a view from which a texel is compared
_DARK = 4e-3  # linear light below which a ratio is noise
#: Logarithms of linear light: tolerances, the share of what is beyond that is corrected, and most of it.
_SHADOW, _LIFTED, _MOST_LIFT = 0.15, 0.75, 1.1
_GLARE, _LOWERED, _MOST_LOWER = 0.40, 0.6, 0.7
_SAME_HUE = 0.45  # log hue difference of the sides beyond which the darker one is not shadow but another thing
_RADIUS, _EDGE = 7, 0.22  # texels, and logarithm: steps that are smaller are detail, and are smoothed over
_DEEP, _LOST = 1.0, 1.7  # logarithms, in the photo's own light, by which a side lies in the dark, and shows too little
SHADED = 0.22  # share of the plain skin in the dark from which a face is half dark


@dataclass(frozen=True)
class ResidualLight:
    """On the chart. gain: (S, S, 3) factors for linear albedo; dark: (S, S) 0..1 where a side lies too deep in shadow
    to be used; shaded: share of the plain skin that lies in the dark of one side."""

    gain: Array
    dark: Array
    shaded: float


def residual_light(albedo: Array, photo: Array, known: Array, expected: Array, head: Head) -> ResidualLight:
    """On the chart, all (S, S) or (S, S, 3). albedo, photo: linear, with the light divided out and as it is; known: how
    well each texel is seen, 0 under occlusions; expected: linear, this person's skin."""
    zone, plain = light_zones(head, CHART)
    own, seen, usual = (_log(each) for each in (albedo, photo, expected))
    weight = (known > _SEEN).astype(np.float32) * (zone > 0)
    both = weight * weight[:, ::-1]
    darker = own[:, ::-1] - own
    hue = np.abs(darker - darker.mean(2, keepdims=True)).max(2)
    alike = np.clip(2 - hue / _SAME_HUE, 0, 1)
    lift = _limited(_guided(darker, both), _SHADOW, _LIFTED, _MOST_LIFT) * _smooth(alike, both)[..., None]
    skin = weight * (plain > 0.5)
    lower = _limited(_guided(own + lift - usual, skin), _GLARE, _LOWERED, _MOST_LOWER)
    change = (lift - lower * _smooth(plain, weight)[..., None]) * zone[..., None]
    deeper = _smooth(seen[:, ::-1].mean(2) - seen.mean(2), both) * (both > 0)
    shaded = float(((deeper > _DEEP) & (skin > 0)).sum() / max(float((skin > 0).sum()), 1.0))
    dark = np.clip((deeper - _LOST) / 0.4, 0, 1) * (shaded > SHADED)
    return ResidualLight(np.exp(change), np.asarray(dark, np.float32), shaded)


def _limited(off: Array, tolerance: float, share: float, most: float) -> Array:
    return np.asarray(np.clip(share * (off - tolerance), 0, most))


def _log(linear: AnyArray) -> Array:
    return np.asarray(np.log(np.maximum(linear, _DARK)), np.float32)


def _box(values: AnyArray) -> Array:
    side = 2 * _RADIUS + 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REPLICATE))


def _smooth(values: AnyArray, weight: Array) -> Array:  # (S, S) x 2 -> (S, S)
    """Mean over the neighbourhood, of what has a weight."""
    return np.asarray(_box(_box(values * weight)) / np.maximum(_box(_box(weight)), 1e-4))


def _guided(values: Array, weight: Array) -> Array:  # (S, S, 3), (S, S) -> (S, S, 3)
    """Guided filter of each channel by the mean of the channels, over what has a weight."""
    mass = np.maximum(_box(weight), 1e-4)
    guide = values.mean(2)
    middle = _box(guide * weight) / mass
    spread = _box(guide**2 * weight) / mass - middle**2
    means = _box(values * weight[..., None]) / mass[..., None]
    shared = _box(values * (guide * weight)[..., None]) / mass[..., None] - means * middle[..., None]
    slope = shared / (spread + _EDGE**2)[..., None]
    offset = means - slope * middle[..., None]
    slope, offset = (_box(each * weight[..., None]) / mass[..., None] for each in (slope, offset))
    return np.asarray(slope * guide[..., None] + offset, np.float32)


@per_head
def light_zones(head: Head, size: int) -> tuple[Array, Array]:
    """(S, S) each: the face, fading out to scalp, neck and ears; its plain skin."""
    texels = chart_of(head, size)
    face = texels.image(face_on_chart(head), pad=False)
    plain = texels.image(share_of(head, texels, (*PLAIN, "jaw")), pad=False)
    return np.asarray(face, np.float32), np.asarray(plain, np.float32)
