"""Fusion of several photos of one person into one texture, each texel mostly from the photo that shows it best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.texture.chart import CHART, chart_of, to_atlas, to_chart
from face3d_live.texture.complete import pull_push
from face3d_live.texture.portrait import ObservedTexture
from face3d_live.typing import Array

_SHARPLY = 3.0  # power of the weights: a mean of equals is blurred by what the fits err
_TONE = 1 / 16  # of the chart's side: what is coarser is tone, and is taken from the first photo
_LEAST = 0.03
_ODD = 0.10  # picture values from the others at which a texel counts for little: a hand, a reflection


def fuse(parts: Sequence[ObservedTexture], trust: Sequence[float], head: Head) -> ObservedTexture:
    """One texture. parts: the best photo first, all of one size; trust: 0..1 of each.

    The others' coarse colours are moved to the first's, so that different lamps leave no seams. The light is the
    first's.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    base = np.asarray(first.picture / np.float32(255), np.float32)
    pictures: list[Array] = [base] + [_in_tone(part, base, first.known, head) for part in parts[1:]]
    weights = [(part.known * share) ** _SHARPLY for part, share in zip(parts, trust, strict=True)]
    mean = _mean(pictures, weights)
    if len(parts) > 2:  # with two, an outlier cannot be identified
        weights = [
            w * (1 + (np.abs(p - mean).max(2) / _ODD) ** 2) ** -2 for p, w in zip(pictures, weights, strict=True)
        ]
        mean = _mean(pictures, weights)
    known = np.max([part.known for part in parts], 0)
    picture = (np.clip(mean, 0, 1) * 255 + 0.5).astype(np.uint8)
    known[known < _LEAST] = 0  # the outline, where the background shines in
    picture[known <= 0] = 0
    occluded, shaded = min(part.occluded for part in parts), min(part.shaded for part in parts)
    return replace(
        first, picture=picture, known=known.astype(np.float32), occluded=occluded, occlusion=None, shaded=shaded
    )


def _mean(pictures: Sequence[Array], weights: Sequence[Array]) -> Array:
    total = np.maximum(np.sum(weights, 0), 1e-9)
    return np.asarray(
        sum(p * w[..., None] for p, w in zip(pictures, weights, strict=True)) / total[..., None], np.float32
    )


def _in_tone(part: ObservedTexture, base: Array, known: Array, head: Head) -> Array:  # -> (S, S, 3)
    """A picture with its coarse colours moved to the first one's, carried on smoothly where that saw nothing."""
    own = np.asarray(part.picture / np.float32(255), np.float32)
    both = np.minimum(part.known, known)
    product = to_chart(cv2.merge([(base - own) * both[..., None], both]), head)
    product *= chart_of(head, CHART).covered[..., None]
    blurred = cv2.GaussianBlur(product, (0, 0), CHART * _TONE)
    coarse, mass = blurred[..., :3] / np.maximum(blurred[..., 3:], 1e-3), blurred[..., 3]
    smooth = pull_push(coarse, np.minimum(1, mass * 4) * (mass > 0.01))
    return np.asarray(own + to_atlas(smooth, head, len(own)), np.float32)
