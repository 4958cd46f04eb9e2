"""The chart: a small second layout of the head, for what depends on a place's neighbourhood.

In the atlas, which textures are in, scalp and neck are cut off and drawn small, so that the face gets the room. Hair
that hangs from the scalp, tone that goes on over the jaw and soft edges of masks would stop at those cuts. They are
therefore found on the chart, where face, scalp and neck hang together, and carried over to the atlas, whatever its
size. What is measured in texels there is as many millimetres at every size of a texture.
"""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.head.per_head import per_head
from face3d_live.head.topology import MeshTopology
from face3d_live.texture.albedo import MODE_SIZE, Albedo
from face3d_live.texture.texels import LEVEL, Texels, make_texels, texels_of
from face3d_live.typing import AnyArray, Array

#: Texels a side: 1.5 mm each on the face.
CHART = 256
_FINE = 4.0  # pixels: a blur of this sigma loses less than a thousandth of a picture's range at a coarser scale
_SHRINKING = 0.25  # variance that averaging to coarse pixels and interpolating between them adds, in those
_FINER = 1.5  # a texture is averaged down to so many of its texels for one of the chart's: the face is larger there

_charted: WeakKeyDictionary[Albedo, dict[int, tuple[Head, Albedo]]] = WeakKeyDictionary()


@per_head
def chart_of(head: Head, size: int) -> Texels:
    """The chart's texels; `size` is `CHART`, but for tables of what is smooth."""
    return make_texels(head.chart, size)


def load_chart(head: Head, size: int) -> None:
    """Make the tables between the chart and textures of a size; otherwise they are made on first use."""
    _chart_in_atlas(head, CHART)
    _atlas_on_chart(head, size)


def to_chart(picture: AnyArray, head: Head) -> Array:  # (S, S) or (S, S, C) -> (CHART, CHART, ...)
    """A picture in the atlas on the chart; what lies beside the chart's islands repeats the nearest texel inside."""
    return _on_chart(picture, head, CHART)


def to_atlas(picture: AnyArray, head: Head, size: int) -> Array:  # (CHART, CHART) or (CHART, CHART, C) -> (S, S, ...)
    """A picture on the chart in the atlas, also beside its islands; up to four channels."""
    return _looked_up(np.asarray(picture, np.float32), _atlas_on_chart(head, size))


def albedo_on_chart(head: Head, albedo: Albedo) -> Albedo:
    """The same model for pictures on the chart."""
    made = _charted.setdefault(albedo, {})
    if id(head) not in made:
        modes = np.stack([_on_chart(mode, head, MODE_SIZE) for mode in albedo.modes])
        made[id(head)] = head, replace(albedo, mean=to_chart(albedo.mean, head), modes=modes)
    return made[id(head)][1]


def _on_chart(picture: AnyArray, head: Head, size: int) -> Array:  # (S, S, ...) -> (size, size, ...)
    most, small = int(_FINER * size), np.asarray(picture, np.float32)
    if len(small) > most:
        small = np.asarray(cv2.resize(small, (most, most), interpolation=cv2.INTER_AREA))
    return _looked_up(small, _chart_in_atlas(head, size))


def _looked_up(picture: Array, where: Array) -> Array:  # (S, S, ...), (S', S', 2) -> (S', S', ...)
    at = where * np.float32(len(picture)) - np.float32(0.5)
    return np.asarray(cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


@per_head
def _chart_in_atlas(head: Head, size: int) -> Array:
    """For each texel of a chart its place in the atlas."""
    return _places(chart_of(head, size), head.topology(LEVEL))


@per_head
def _atlas_on_chart(head: Head, size: int) -> Array:
    """For each texel of a texture its place on the chart."""
    return _places(texels_of(head, size), head.chart)


def _places(texels: Texels, layout: MeshTopology) -> Array:  # (S, S, 2) 0..1, right and down
    at = np.einsum("nkc,nk->nc", layout.uv[layout.face_uv[texels.triangle]], texels.weights)
    return texels.image(np.asarray(at * [1, -1] + [0, 1], np.float32))


def wide_blur(picture: Array, sigma: float) -> Array:  # (S, S) or (S, S, C) -> the same
    """`cv2.GaussianBlur` of float pictures, made at a coarser scale where sigma allows it: its time grows with sigma.

    S: a power of two.
    """
    size = len(picture)
    factor = 1
    while sigma / (2 * factor) >= _FINE and size % (2 * factor) == 0:
        factor *= 2
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma))
    small = cv2.resize(picture, (size // factor, size // factor), interpolation=cv2.INTER_AREA)
    finer = ((sigma / factor) ** 2 - _SHRINKING) ** 0.5
    small = cv2.GaussianBlur(small, (0, 0), finer, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR))
