"""How near a texture's skin is to its photo: observed share, false covers, colour differences (CIEDE2000)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.texture.portrait import OBSERVED
from face3d_live.texture.regions import FACE, share_of
from face3d_live.texture.sample import pose_head, sample_pixels
from face3d_live.texture.texels import Texels
from face3d_live.typing import AnyArray, Array, Picture

#: Where skin is compared with the photo.
PLACES = ("cheeks", "forehead", "chin")
VISIBLE = 0.25  # weight of a view from which a texel counts as visible: facing the camera within 66 degrees
_INSIDE = 0.9  # share of a region from which a texel is compared
_FEWEST = 40  # texels


@dataclass(frozen=True)
class SkinFigures:
    """observed: share of the face's visible texels that the texture has from the photo. colours: place -> CIEDE2000
    between photo and re-render. tones: place -> CIEDE2000 between photo and texture, which has its light taken out."""

    observed: float
    colours: dict[str, float]
    tones: dict[str, float]


def skin_figures(
    rgb: Picture, overlay: Picture, texture: Picture, codes: HeadCodes, camera: Camera, head: Head, texels: Texels
) -> SkinFigures:
    """The figures of one photo (H, W, 3), of the head drawn over it in its own light (H, W, 3), and of its texture
    (S, S, 4). Each place is compared by the median colours of the pixels, or texels, that are visible there.
    """
    view = pose_head(codes, camera, head).view(texels)
    visible = view.weight > VISIBLE
    face = visible & (share_of(head, texels, FACE) > 0.5)
    kept = texels.of(texture)[:, 3] == OBSERVED
    photo, drawn = sample_pixels(rgb, view.pixel, 1.0), sample_pixels(overlay, view.pixel, 1.0)
    own = texels.of(texture)[:, :3] / np.float32(255)
    colours, tones = {}, {}
    for place in PLACES:
        here = visible & (share_of(head, texels, (place,)) > _INSIDE)
        if here.sum() >= _FEWEST:
            colours[place] = float(ciede2000(_median_lab(photo[here]), _median_lab(drawn[here])))
            tones[place] = float(ciede2000(_median_lab(photo[here]), _median_lab(own[here])))
    return SkinFigures(float(kept[face].mean()) if face.any() else 0.0, colours, tones)


def _median_lab(colours: AnyArray) -> Array:  # (N, 3) sRGB 0..1 -> (3,)
    return lab(np.median(colours, 0))


def lab(rgb: AnyArray) -> Array:  # (..., 3) sRGB 0..1 -> (..., 3)
    """CIELAB under D65."""
    rgb = np.asarray(rgb, np.float32)
    return np.asarray(cv2.cvtColor(rgb.reshape(-1, 1, 3), cv2.COLOR_RGB2LAB).reshape(rgb.shape), np.float32)


def ciede2000(one: AnyArray, other: AnyArray) -> Array:  # (..., 3), (..., 3) CIELAB -> (...)
    """Colour difference, weights 1 (Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula", 2005)."""
    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(np.asarray(each, np.float64), -1, 0) for each in (one, other))
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    c1, c2 = np.hypot(a1 * stretch, b1), np.hypot(a2 * stretch, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a * stretch)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = np.where(c1 * c2 == 0, 0, (h2 - h1 + 180) % 360 - 180)
    middle = np.where(c1 * c2 == 0, h1 + h2, (h1 + turn / 2) % 360)
    light, c, hue = (l1 + l2) / 2, (c1 + c2) / 2, np.radians(middle)
    t = (
        1 - 0.17 * np.cos(hue - np.radians(30)) + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.radians(6)) - 0.20 * np.cos(4 * hue - np.radians(63))
    )  # fmt: skip
    by_light = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    by_chroma = (c2 - c1) / (1 + 0.045 * c)
    by_hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * c * t)
    twist = np.radians(60 * np.exp(-(((middle - 275) / 25) ** 2)))
    rotation = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * np.sin(twist)
    return np.asarray(np.sqrt(by_light**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue), np.float32)
