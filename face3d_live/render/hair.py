"""How the rendered hair looks, from the scalp of the texture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face3d_live.head.hairline import BALD_ALPHA, HAIR_ALPHA
from face3d_live.render.features import Features
from face3d_live.render.pictures import median_at, texels_at
from face3d_live.typing import AnyArray, Array, Picture

#: Linear; the default without a texture.
DARK_BROWN = np.array([0.045, 0.028, 0.018], np.float32)
#: The scalp shows hair when it is this much darker than the cheeks, or this much yellower (blue over red); else it is
#: bald, or was not seen and filled with skin.
_DARKER, _YELLOWER = 0.45, 0.75
_LUMINANCE = np.array([0.3, 0.6, 0.1], np.float32)
#: Of the scalp, so much must be known.
_KNOWN = 0.3
_BRIGHTEST = 0.35


@dataclass(frozen=True)
class HairLook:
    """colour: (3,) linear. amount: 0 bald .. 1."""

    colour: Array
    amount: float = 1.0


def look_in(image: Picture, uv: AnyArray, drawn: Features) -> HairLook:  # (S, S, 3|4), (U, 2)
    """What a texture of this project says by its alpha (`head.hairline`); of others the scalp's median colour where
    that is no skin's, else `DARK_BROWN`. Where alpha is low the albedo is not known.
    """
    places = uv[(drawn.part == 0) & (drawn.trait[:, 2] > 0.012) & (drawn.rest[:, 2] > -0.03)]
    said = np.median(texels_at(image, places)[:, 3]) if image.shape[2] == 4 else 255
    if said == BALD_ALPHA:
        return HairLook(DARK_BROWN, 0.0)
    scalp = _median(image, places)
    if said == HAIR_ALPHA and scalp is not None:
        return HairLook(scalp)
    return HairLook(_guess(image, scalp, uv, drawn))


def _guess(image: Picture, scalp: Array | None, uv: AnyArray, drawn: Features) -> Array:
    cheeks = _median(image, uv[(drawn.part == 0) & (drawn.trait[:, 2] < -0.03) & (drawn.rest[:, 2] > 0.05)])
    if scalp is None or cheeks is None:
        return DARK_BROWN
    darker = float(scalp @ _LUMINANCE) < _DARKER * float(cheeks @ _LUMINANCE)
    yellower = scalp[2] / scalp[0] < _YELLOWER * cheeks[2] / cheeks[0]
    return np.minimum(scalp, _BRIGHTEST) if darker or yellower else DARK_BROWN


def _median(image: Picture, uv: AnyArray) -> Array | None:  # (N, 2) -> (3,) linear
    found = median_at(image, uv, _KNOWN)
    return None if found is None else np.maximum(found, 1e-3)
