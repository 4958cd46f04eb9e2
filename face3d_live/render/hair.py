"""How the rendered hair looks, from the scalp of the texture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from face3d_live.hairstyle import Hair
from face3d_live.head.hairline import STYLE_OF
from face3d_live.lighting import to_linear
from face3d_live.render.features import Features
from face3d_live.render.pictures import median_at, texels_at
from face3d_live.typing import AnyArray, Array, Picture

#: Linear; the default without a texture.
DARK_BROWN = np.array([0.045, 0.028, 0.018], np.float32)
#: The scalp shows hair when it is this much darker than the cheeks, or this much yellower (blue over red); else it is
#: bald, or was not seen and filled with skin.
_DARKER, _YELLOWER = 0.45, 0.75
_LUMINANCE = np.array([0.3, 0.6, 0.1], np.float32)
#: Of the scalp, so much must be known; and so much must bear a style's alpha.
_KNOWN, _SAID = 0.3, 0.2
_BRIGHTEST = 0.35


@dataclass(frozen=True)
class HairLook:
    """colour: (3,) linear. style: of `hairstyle.STYLES`. skin: (3,) linear, where the texture's scalp is painted."""

    colour: Array
    style: str = "short"
    skin: Array | None = None

    def wished(self, hair: Hair) -> HairLook:
        """The same with a style and a colour that somebody wants instead."""
        rgb = hair.rgb()
        colour = self.colour if rgb is None else np.asarray(to_linear(np.array(rgb, np.float32)), np.float32)
        return replace(self, colour=colour, style=hair.over(Hair(self.style)).style or self.style)


def look_in(image: Picture, uv: AnyArray, drawn: Features) -> HairLook:  # (S, S, 3|4), (U, 2)
    """What a texture of this project says by its alpha (`head.hairline`); of others the scalp's median colour where
    that is no skin's, else `DARK_BROWN`. Where alpha is low the albedo is not known.
    """
    scalp = (drawn.part == 0) & (drawn.trait[:, 2] > 0.012)
    skin = (drawn.part == 0) & (drawn.rest[:, 2] > 0.05)
    cheeks = _median(image, uv[skin & (drawn.trait[:, 2] < -0.03)])
    forehead = _median(image, uv[skin & (drawn.trait[:, 2] < -0.010) & (drawn.trait[:, 2] > -0.035)])
    if image.shape[2] == 4:
        found = texels_at(image, uv[scalp])
        counts = np.bincount(found[:, 3], minlength=256)
        said = max(STYLE_OF, key=lambda code: int(counts[code]))
        if counts[said] > _SAID * len(found):
            colour = to_linear(np.median(found[found[:, 3] == said, :3], axis=0) / 255)
            return HairLook(
                DARK_BROWN if STYLE_OF[said] == "bald" else np.maximum(colour, 1e-3), STYLE_OF[said], forehead
            )
    return HairLook(_guess(_median(image, uv[scalp & (drawn.rest[:, 2] > -0.03)]), cheeks), "short", forehead)


def _guess(scalp: Array | None, cheeks: Array | None) -> Array:
    if scalp is None or cheeks is None:
        return DARK_BROWN
    darker = float(scalp @ _LUMINANCE) < _DARKER * float(cheeks @ _LUMINANCE)
    yellower = scalp[2] / scalp[0] < _YELLOWER * cheeks[2] / cheeks[0]
    return np.minimum(scalp, _BRIGHTEST) if darker or yellower else DARK_BROWN


def _median(image: Picture, uv: AnyArray) -> Array | None:  # (N, 2) -> (3,) linear
    found = median_at(image, uv, _KNOWN)
    return None if found is None else np.maximum(found, 1e-3)
