"""Studio background, resizing, conversion of textures for the shaders, and alpha of the results."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from face3d_live.lighting import to_linear
from face3d_live.typing import AnyArray, Array, Picture

#: Picture values to square roots of linear light: what the shaders' albedo holds, linear again by one multiplication.
_ROOTS = np.rint(255 * np.sqrt(to_linear(np.arange(256) / 255))).astype(np.uint8)

#: Picture values in the middle of the light and in the corners.
_BRIGHT = np.array([92, 99, 110], np.float32)
_DARK = np.array([24, 27, 33], np.float32)


#: Of pictures that are sent as video, sRGB: a gradient would be full of blocks. The page has it beside the picture.
FLAT = (43, 48, 56)


@lru_cache(maxsize=4)
def studio(width: int, height: int) -> Picture:  # -> (height, width, 3), read-only
    """The studio background: a radial gradient, dithered against banding."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    reach = 0.75 * max(width, height)
    away = np.hypot(x - 0.5 * width, y - 0.42 * height) / reach
    falloff = np.clip(1 - away, 0, 1)[..., None] ** 1.6
    grain = np.random.default_rng(0).uniform(-0.5, 0.5, (height, width, 1))
    picture: Picture = np.clip(_DARK + (_BRIGHT - _DARK) * falloff + grain + 0.5, 0, 255).astype(np.uint8)
    picture.flags.writeable = False
    return picture


def resized_to_cover(picture: Picture, width: int, height: int) -> Picture:  # (H, W, 3) -> (height, width, 3)
    """The picture scaled to cover width x height, middle kept, the longer way cut off: as `view.camera_to_cover`."""
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    cut_w, cut_h = min(columns, round(width / scale)), min(rows, round(height / scale))
    left, top = (columns - cut_w) // 2, (rows - cut_h) // 2
    cut = picture[top : top + cut_h, left : left + cut_w]
    if (cut_w, cut_h) == (width, height):
        return np.ascontiguousarray(cut)
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_LINEAR))


def roots(picture: Picture) -> Picture:
    """An albedo as the shaders read it."""
    return np.asarray(cv2.LUT(picture, _ROOTS))


def over(image: Picture, below: Picture) -> Picture:  # (S, S, 3|4), (T, T, 3) -> (S, S, 3)
    """Alpha compositing of an image over another one, resized to it."""
    if image.shape[2] == 3:
        return image
    alpha = image[..., 3:].astype(np.float32) / 255
    size = image.shape[1], image.shape[0]
    under = cv2.resize(below, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray((image[..., :3] * alpha + under * (1 - alpha) + 0.5).astype(np.uint8))


def unmultiply(picture: Picture) -> None:  # (H, W, 4), in place
    """Premultiplied to straight alpha, as PNG stores it."""
    at, flat = np.flatnonzero(cv2.inRange(cv2.extractChannel(picture, 3), 1, 254)), picture.reshape(-1, 4)
    thin = flat[at].astype(np.float32)
    thin[:, :3] = np.minimum(thin[:, :3] * 255 / np.maximum(thin[:, 3:], 1) + 0.5, 255)
    flat[at] = thin


def texels_at(image: Picture, uv: AnyArray) -> Picture:  # (S, S, C), (N, 2) with v up -> (N, C)
    """The texels of a texture at these places."""
    height, width = image.shape[:2]
    column = np.clip(uv[:, 0] * width, 0, width - 1).astype(int)
    row = np.clip((1 - uv[:, 1]) * height, 0, height - 1).astype(int)
    return np.asarray(image[row, column])


def median_at(image: Picture, uv: AnyArray, least: float) -> Array | None:  # (S, S, 3|4), (N, 2) -> (3,) linear
    """The median of the texels that are known by their alpha; None when these are a smaller share than `least`."""
    found = texels_at(image, uv)
    if image.shape[2] == 4:
        found = found[found[:, 3] > 127]
    if len(found) < least * len(uv):
        return None
    return np.asarray(to_linear(np.median(found[:, :3], axis=0) / 255), np.float32)
