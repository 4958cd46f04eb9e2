"""Teeth in the texture, in the colour that a photo shows: in warm light white ones would look blue beside the skin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from face3d_live.lighting import LUMINANCE, shade, to_linear, to_srgb
from face3d_live.texture.sample import PosedHead, sample_pixels
from face3d_live.texture.texels import Texels
from face3d_live.typing import Array, Picture

TEETH = 2  # `head.regions.PARTS`
#: Of the face points: middles of the lips' inner edges; cheeks and chin around the mouth.
_INNER_LIPS, _AROUND = (13, 14), (50, 280, 205, 425, 199)
_PARTED, _LEAST_PIXELS = 2.5, 14  # pixels between the lips, and of teeth, from which they are seen
_WHITE = 0.4  # share of the pixels, the least red
_CROWN = 0.5, 0.9  # quantiles of brightness of these: darker ones are gaps and in the lips' shade, brighter ones shine
#: Teeth are less red than the skin by this factor of red to green, or brighter by this one; lips are neither.
_LESS_RED, _BRIGHTER = 0.85, 1.15
_SHADE = 0.75  # share of the light that lips leave to them
_LIT = 0.6, 1.8  # how much of the light is believed
#: Linear luminance of a crown; and the largest ratios of its red to each channel.
_LIGHTNESS, _SATURATED = (0.30, 0.80), np.array([1.0, 1.5, 2.8], np.float32)


def tooth_colour(frame_rgb: Picture, posed: PosedHead, texels: Texels) -> Array | None:  # -> (3,) sRGB 0..1
    """The colour of the crowns that a head in a frame (H, W, 3) shows; None where it shows none, or too few."""
    codes, head = posed.codes, posed.head
    points = head.points(head.vertices(codes.shape, codes.expression), [*_INNER_LIPS, *_AROUND])
    at = posed.camera.project(points @ codes.rotation.T + codes.translation).astype(np.float32)
    if np.linalg.norm(at[1] - at[0]) < _PARTED:
        return None
    crowns = texels.only(texels.part == TEETH)
    view = posed.view(crowns, part=TEETH)
    seen = np.flatnonzero(view.weight > 0.1)
    if len(np.unique(view.pixel[seen].astype(int), axis=0)) < _LEAST_PIXELS:
        return None
    light = np.clip(shade(codes.light, view.normals[seen]), *_LIT)
    colour = to_linear(sample_pixels(frame_rgb, view.pixel[seen], 1.0)) / light
    crown = _crown(colour + np.float32(1e-3))
    skin = np.median(to_linear(sample_pixels(frame_rgb, at[2:], 1.0)), 0) + np.float32(1e-3)
    redness = float(crown[0] / crown[1] / (skin[0] / skin[1]))
    if redness > _LESS_RED and crown @ LUMINANCE < _BRIGHTER * (skin @ LUMINANCE):
        return None
    crown *= np.clip(crown @ LUMINANCE / _SHADE, *_LIGHTNESS) / (crown @ LUMINANCE)
    crown = np.maximum(np.minimum.accumulate(crown), crown[0] / _SATURATED)  # yellowish, never blue or as red as lips
    return np.asarray(to_srgb(np.clip(crown, 0, 1)), np.float32)


def _crown(colour: Array) -> Array:  # (N, 3) linear -> (3,)
    """The middle of those that are bright, and not as red as lips and gums, which the head's teeth may lie on."""
    bright, red = colour @ LUMINANCE, colour[:, 0] / colour[:, 1]
    white = red <= np.quantile(red, _WHITE)
    low, high = np.quantile(bright[white], _CROWN)
    return np.asarray(np.median(colour[white & (bright >= low) & (bright <= high)], 0), np.float32)


def middle_tooth(found: Sequence[Array | None]) -> Array | None:  # (3,) each
    """One of several frames of a person; None where none tells."""
    known = [each for each in found if each is not None]
    return np.asarray(np.median(known, 0), np.float32) if known else None


def paint_teeth(texture: Picture, texels: Texels, colour: Array | None) -> Picture:  # (3,) sRGB
    """A copy of a texture (S, S, 3 or 4) of the size of the texels whose teeth have a colour in place of the plain
    skin's; the texture itself for None."""
    if colour is None:
        return texture
    painted, there = texture.copy(), texels.image(texels.part) == TEETH
    plain = texture[there][:, :3].mean(1)
    painted[there, :3] = np.clip(255 * colour * (plain / max(float(np.median(plain)), 1.0))[:, None] + 0.5, 0, 255)
    return painted
