"""Regions of the head in texture space."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.head.per_head import per_head
from face3d_live.lighting import to_linear
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.chart import CHART, chart_of, to_atlas, wide_blur
from face3d_live.texture.texels import LEVEL, Texels, texels_of
from face3d_live.typing import Array

#: Bare, smooth skin, from which the light is estimated.
PLAIN = ("cheeks", "forehead", "nose", "chin")

#: All that a mask, a scarf or paint may cover.
FACE = (
    "forehead", "nose", "cheeks", "lips_upper", "lips_lower", "chin", "jaw", "eyelids_left", "eyelids_right",
    "brows_left", "brows_right",
)  # fmt: skip


def share_of(head: Head, texels: Texels, regions: tuple[str, ...]) -> Array:  # (N,) 0..1
    """How far each texel belongs to one of the named regions."""
    wanted = [head.region_names.index(name) for name in regions]
    return texels.at(np.isin(head.topology(LEVEL).region, wanted).astype(np.float32))


@per_head
def face_only(head: Head, size: int) -> Array:  # (N,) texels of `texels_of`
    """1 on the face, falling smoothly to 0 on scalp, neck and ears: hair and collars are not skin."""
    texels = texels_of(head, size)
    return _without_inner(texels.of(to_atlas(_soft_face(head, CHART), head, size)), texels)


def face_on_chart(head: Head) -> Array:  # (N,) texels of `chart_of`
    """`face_only` there."""
    texels = chart_of(head, CHART)
    return _without_inner(texels.of(_soft_face(head, CHART)), texels)


@per_head
def _soft_face(head: Head, size: int) -> Array:  # (size, size) on the chart
    texels = chart_of(head, size)
    picture = texels.image(1 - share_of(head, texels, ("scalp", "neck", "ears")))
    return np.asarray(np.clip(2 * wide_blur(cv2.erode(picture, np.ones((3, 3))), size / 40) - 1, 0, 1), np.float32)


def _without_inner(weight: Array, texels: Texels) -> Array:  # (N,)
    weight[texels.part > 0] = 0
    return weight


@lru_cache(maxsize=4)
def mean_skin(albedo: Albedo, texels: Texels) -> Array:  # -> (N, 3) linear
    """The albedo model's mean at these texels."""
    return to_linear(albedo_at(albedo.mean, texels))


def albedo_at(picture: Array, texels: Texels) -> Array:  # (S', S', 3) -> (N, 3)
    """A texture of another size at these texels."""
    if picture.shape[0] != texels.size:
        picture = cv2.resize(picture, (texels.size, texels.size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(texels.of(picture), np.float32)
