"""Super-resolution of textures that are finer than their photo: small filters learned from skins (RAISR).

Such a texture is a blurred copy of the skin: pixels average, and interpolation between them averages again. The best
filter depends on the local structure: along an edge or across it, on plain skin (mostly noise) or on a lash. So texels
are classified by direction and strength of the local gradient, and each class has its own 9 x 9 filter, the
least-squares solution over pictures with known truth (Romano, Isidoro and Milanfar, "RAISR", IEEE TCI 2017).
`texture.build.sharpen` trains them on the CC0 body skins. Only brightness is sharpened (colour is mostly noise at that
scale). Texels are clipped to a little beyond their neighbourhood's range, against halos.
"""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.errors import AssetError
from face3d_live.typing import Array, Picture

FILTERS = Path(__file__).with_name("sharpen.npz")
RATIOS = (1.5, 2.0, 2.5, 3.0)  # texels per photo pixel that there are filters for; between them they are blended
SIDE = 9  # texels of a filter
ANGLES, STRENGTHS = 6, 4
N_CLASSES = ANGLES * STRENGTHS
_EDGES = (0.006, 0.014, 0.03)  # slopes, picture values per texel times texels per pixel, between the strengths
_SLACK = 0.03  # beyond the neighbourhood's darkest and brightest
_NOTHING_LOST = 1.15  # texels per pixel up to which a photo is as fine as the texture


@cache
def load_filters() -> Array:  # -> (ratios, classes, SIDE, SIDE)
    """What to add to a texel, as weights of its neighbours. Raises AssetError("sharpen-missing")."""
    try:
        with np.load(FILTERS, allow_pickle=False) as stored:
            filters = stored["filters"].astype(np.float32)
    except (OSError, KeyError, ValueError, EOFError, BadZipFile, zlib.error) as error:
        cure = "restore it or run python -m face3d_live.texture.build.sharpen"
        raise AssetError("sharpen-missing", f"{FILTERS} cannot be read: {cure}") from error
    return np.asarray(filters)


def sharpen(texture: Picture, known: Array, texels_per_pixel: float) -> Picture:
    """A sharper copy of a texture (S, S, 3 or 4), weighted by `known` (S, S) 0..1, where a photo showed it.

    texels_per_pixel: along a line; a photo as fine as the texture needs none of this and is returned as it is.
    Raises AssetError: see `load_filters`.
    """
    if texels_per_pixel <= _NOTHING_LOST:
        return texture
    rgb = np.ascontiguousarray(texture[..., :3], np.float32) / 255
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    sharper = sharper_grey(grey, known, filters_for(load_filters(), texels_per_pixel), texels_per_pixel)
    ratio = (sharper / np.maximum(grey, 0.02))[..., None]  # hue stays
    out = texture.copy()
    out[..., :3] = np.clip(rgb * ratio * 255 + 0.5, 0, 255).astype(np.uint8)
    return out


def filters_for(filters: Array, texels_per_pixel: float) -> Array:  # (ratios, ...) -> (classes, SIDE, SIDE)
    """Those of a ratio: between two of `RATIOS` a blend of theirs, before the first a share of the first's (none where
    nothing is lost), beyond the last the last's."""
    steps = np.concatenate([np.zeros_like(filters[:1]), filters])
    at = float(np.interp(np.log(texels_per_pixel), np.log((_NOTHING_LOST, *RATIOS)), np.arange(len(steps))))
    lower = min(int(at), len(steps) - 2)
    return np.asarray((1 - at + lower) * steps[lower] + (at - lower) * steps[lower + 1], np.float32)


def sharper_grey(grey: Array, known: Array, filters: Array, texels_per_pixel: float) -> Array:  # (S, S) -> (S, S)
    """Brightness 0..1 with its detail, where it is known (S, S)."""
    kind = classes(grey, texels_per_pixel)
    detail = np.zeros_like(grey)
    for number, weights in enumerate(filters):
        mine = kind == number
        if mine.any():
            detail[mine] = cv2.filter2D(grey, cv2.CV_32F, weights)[mine]
    kernel = np.ones((5, 5), np.uint8)
    low, high = cv2.erode(grey, kernel) - _SLACK, cv2.dilate(grey, kernel) + _SLACK
    return np.clip(grey + detail * known, low, high)


def classes(grey: Array, texels_per_pixel: float) -> NDArray[np.intp]:  # (S, S) -> (S, S) 0..N_CLASSES - 1
    """Direction and strength of the slope around each texel: main axis of the structure tensor."""
    by_x, by_y = (cv2.Sobel(grey, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
    sigma = 0.8 * texels_per_pixel
    xx, yy, xy = (cv2.GaussianBlur(product, (0, 0), sigma) for product in (by_x**2, by_y**2, by_x * by_y))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)  # of the steepest direction, -pi/2..pi/2
    strength = np.sqrt(np.maximum(xx + yy, 0)) * texels_per_pixel
    sector = np.floor((angle / np.pi + 0.5) * ANGLES).astype(int) % ANGLES
    return np.asarray(np.searchsorted(_EDGES, strength) * ANGLES + sector)
