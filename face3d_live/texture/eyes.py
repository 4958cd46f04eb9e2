"""Eyeballs in the texture: sclera, iris and pupil around each eye's axis, in the colours that a photo shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.lighting import shade, to_linear, to_srgb
from face3d_live.texture.sample import PosedHead, sample_pixels
from face3d_live.texture.texels import LEVEL, Texels
from face3d_live.typing import Array, Picture

EYES = 1  # `head.regions.PARTS`
_IRIS, _PUPIL, _RIM = 0.46, 0.17, 0.06  # angles from the eye's axis, radians: outer edges, and the dark rim's width
_LEAST_PIXELS = 24  # of iris, in both eyes together
_SCLERA_RANGE = 0.5, 0.95  # quantiles of brightness
#: The same of the iris, by its number of pixels: the fewer, the more of them also show sclera, skin and highlights.
_PIXELS, _IRIS_RANGES = (60, 400), ((0.0, 0.1), (0.35, 0.6))
_SCLERA_LIMITS = 0.45, 0.80  # sRGB: seen through few pixels it is mixed with lids and lashes
_SCLERA_TINT = np.array([1.05, 0.99, 0.96], np.float32)  # its hue is not measured: lids are all around
_LIT = 0.6, 1.8  # how much of the light is believed
_LIDS_SHADE = np.float32(1.1)  # and how much of it the lids keep off the iris


def eye_angles(head: Head, balls: Texels) -> Array:  # (N,)
    """The angle of the eyeballs' texels from the axis of their eye in radians."""
    rest = balls.at(head.topology(LEVEL).refine(head.template))
    arm = rest - head.eye_centers[(rest[:, 0] < 0).astype(int)]
    away = np.maximum(np.linalg.norm(arm, axis=1), 1e-9)
    return np.asarray(np.arccos(np.clip(arm[:, 2] / away, -1, 1)), np.float32)


@dataclass(frozen=True)
class EyeColours:
    """iris, sclera: (3,) sRGB 0..1."""

    iris: Array
    sclera: Array


#: Where a picture does not tell.
DARK_BROWN_EYES = EyeColours(np.array([0.26, 0.17, 0.11], np.float32), np.array([0.74, 0.70, 0.68], np.float32))


def eye_colours(frame_rgb: Picture, posed: PosedHead, texels: Texels) -> EyeColours | None:
    """The colours of the eyes of the head in a frame (H, W, 3); None where too little of the irises is seen.

    Highlights are brighter than the iris, lashes and the pupil darker: what lies between is its own.
    """
    balls = texels.only(texels.part == EYES)
    view = posed.view(balls, part=EYES)
    angle = eye_angles(posed.head, balls)
    ring = np.flatnonzero((view.weight > 0.1) & (angle > _PUPIL * 1.1) & (angle < _IRIS * 0.8))
    white = np.flatnonzero((view.weight > 0.1) & (angle > _IRIS * 1.15))
    pixels = len(np.unique(view.pixel[ring].astype(int), axis=0))
    if pixels < _LEAST_PIXELS or len(white) < _LEAST_PIXELS:
        return None
    light = np.clip(shade(posed.codes.light, view.normals), *_LIT)
    colour = to_linear(sample_pixels(frame_rgb, view.pixel, 1.0)) / light
    low, high = (float(np.interp(pixels, _PIXELS, ends)) for ends in _IRIS_RANGES)
    iris = to_srgb(_middle(colour[ring], low, high) * _LIDS_SHADE)
    sclera = np.clip(to_srgb(_middle(colour[white], *_SCLERA_RANGE)).mean(), *_SCLERA_LIMITS) * _SCLERA_TINT
    return EyeColours(np.clip(iris, 0.04, 0.75), sclera)


def middle_of(found: Sequence[EyeColours | None]) -> EyeColours:
    """One of several frames of a person; `DARK_BROWN_EYES` where none tells."""
    known = [each for each in found if each is not None]
    if not known:
        return DARK_BROWN_EYES
    return EyeColours(np.median([k.iris for k in known], 0), np.median([k.sclera for k in known], 0))


def _middle(colour: Array, low: float, high: float) -> Array:  # (N, 3) linear -> (3,)
    """The median of what lies between two quantiles of brightness."""
    bright = colour.mean(1)
    least, most = np.quantile(bright, (low, high))
    return np.asarray(np.median(colour[(bright >= least) & (bright <= most)], 0), np.float32)


def paint_eyes(texture: Picture, head: Head, texels: Texels, colours: EyeColours) -> Picture:
    """A copy of a texture (S, S, 3 or 4) with sclera, iris and pupil on its eyeballs."""
    balls = texels.only(texels.part == EYES)
    angle = eye_angles(head, balls)
    soft = 0.02
    inside = np.clip((_IRIS - angle) / soft + 0.5, 0, 1)[:, None]
    pupil = np.clip((_PUPIL - angle) / soft + 0.5, 0, 1)[:, None]
    rim = np.clip(1 - np.abs(angle - (_IRIS - _RIM / 2)) / _RIM, 0, 1)[:, None]
    brightness = 0.85 + 0.35 * np.clip((angle - _PUPIL) / (_IRIS - _PUPIL), 0, 1)[:, None]
    ring = colours.iris * brightness * (1 - 0.6 * rim)
    colour = colours.sclera * (1 - inside) + (ring * (1 - pupil) + 0.03 * pupil) * inside
    eyes = np.zeros((texels.size * texels.size, 3), np.float32)
    eyes[balls.index] = colour
    shown = np.zeros((texels.size, texels.size), np.uint8)
    shown.ravel()[balls.index] = 1
    near = np.flatnonzero(cv2.dilate(shown, np.ones((9, 9), np.uint8)))  # with the gutter around the islands
    near = near[shown.ravel()[texels.nearest[near]] > 0]
    painted = texture.copy()
    flat = painted.reshape(len(eyes), -1)
    flat[near, :3] = np.clip(eyes[texels.nearest[near]] * 255 + 0.5, 0, 255).astype(np.uint8)
    return painted
