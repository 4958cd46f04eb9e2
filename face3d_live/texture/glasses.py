"""What glasses somebody wears, told from the rims that hide the skin of a texture."""

from __future__ import annotations

import numpy as np

from face3d_live.eyewear import NO_GLASSES, Glasses
from face3d_live.hex_colour import colour_of
from face3d_live.texture.rims import Rims
from face3d_live.typing import Array, Picture

#: Logarithm of light from which a rim is broad and dark enough to show its own colour: plastic.
_BOLD = 0.45
#: Height over width of the outline. On the skin below the eyes it is seen lower, so that it is larger than the frame's.
_ROUND, _SQUARE, _TALL = 0.95, 0.87, 0.97
_DARKEST = 30  # per cent of a rim's texels: the others have much of the skin beside them
_EXTENT = (3, 97)  # per cent of the points between which the outline is measured


def glasses_in(rims: Rims | None, picture: Picture) -> Glasses:  # (S, S, 3) sRGB, the light divided out
    """Style, and colour where it can be told; "none" without rims."""
    if rims is None:
        return NO_GLASSES
    angle = np.arange(rims.outline.shape[1]) * 2 * np.pi / rims.outline.shape[1]
    width, height = (np.ptp(np.percentile(rims.outline * f(angle), _EXTENT, axis=1), axis=0) for f in (np.cos, np.sin))
    aspect = float(np.mean(height / width))
    if rims.lighter or float(np.median(rims.depth)) < _BOLD:
        return Glasses("round" if aspect > _TALL else "oval")
    style = "round" if aspect > _ROUND else "square" if aspect > _SQUARE else "rectangle"
    return Glasses(style, _colour(rims, picture))


def _colour(rims: Rims, picture: Picture) -> str:
    texels = picture[rims.mask].astype(np.float32)
    light: Array = texels @ np.array([0.3, 0.6, 0.1], np.float32)
    return colour_of(np.median(texels[light <= np.percentile(light, _DARKEST)], axis=0).astype(int).tolist())
