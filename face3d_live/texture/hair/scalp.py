"""Hair on a texture's scalp: its colour is the hair's, and its alpha says which style grows (`head.hairline`).

The renderer, and whoever else draws hair on a texture, finds both there.
"""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.hairstyle import AS_SEEN, Hair
from face3d_live.head.hairline import ALPHA_OF, STYLE_OF, above_hairline
from face3d_live.head.model import Head
from face3d_live.hex_colour import colour_of
from face3d_live.texture.chart import CHART, chart_of, to_atlas, to_chart, wide_blur
from face3d_live.texture.hair.tone import UNKNOWN, HairTone
from face3d_live.texture.regions import share_of
from face3d_live.texture.texels import LEVEL, Texels
from face3d_live.typing import Array, Picture

_LEAST = 60  # texels of a style, from which a texture has hair
_SOFT = 0.012  # metres over which the paint fades in from the hairline
_FILLED = 254  # alpha of texels that no photo shows, `portrait.COMPLETED`


def paint_scalp(texture: Picture, tone: HairTone | None, head: Head, texels: Texels) -> Picture:
    """A copy of a texture (S, S, 4) with the hair's colour where it grows, fine detail kept, and its alpha set."""
    if tone is None:
        return texture.copy()
    soft = _scalp(head, texels, tone.style)
    if tone.style != "bald":
        return _painted(texture, tone.colour, soft, tone.style, head)
    bald = texture.copy()
    bald[..., 3][(soft > 0.5) & (texture[..., 3] > 0)] = ALPHA_OF["bald"]
    return bald


def painted_hair(texture: Picture) -> Hair:  # (S, S, 4)
    """What `paint_scalp` says on a texture; nothing where it says nothing."""
    alpha = cv2.extractChannel(texture, 3)
    counts = cv2.calcHist([alpha], [0], None, [256], [0, 256]).ravel()
    code = max(STYLE_OF, key=lambda alpha: int(counts[alpha]))
    if counts[code] < _LEAST:
        return AS_SEEN
    if STYLE_OF[code] == "bald":
        return Hair("bald")
    grown = texture.reshape(-1, 4)[alpha.ravel() == code, :3]
    return Hair(STYLE_OF[code], colour_of(np.median(grown, 0).astype(int).tolist()))


def recolour_hair(texture: Picture, hair: Hair, head: Head) -> Picture:
    """A texture (S, S, 4) with other hair: of another style, or colour, or both; the same texture for neither.

    Where no hair grows, the scalp gets the skin's colour. Where the scalp is comes from the chart, as the colour fades
    in over 12 mm anyway.
    """
    painted = painted_hair(texture)
    hair = hair.over(painted)
    if hair == painted or hair.style is None:
        return texture
    size, texels = len(texture), chart_of(head, CHART)

    def scalp(style: str) -> Array:
        return to_atlas(_scalp(head, texels, style), head, size)

    if painted.style != hair.style and painted.style != "bald":
        skin = texels.image((share_of(head, texels, ("forehead", "cheeks")) > 0.9).astype(np.float32))
        own = np.median(texture[..., :3][to_atlas(skin, head, size) > 0.5], 0) / np.float32(255)
        texture = _painted(texture, own, scalp("bald"), "bald", head)
    if hair.style == "bald":
        return texture
    texture = texture.copy()
    texture[..., 3][np.isin(texture[..., 3], list(STYLE_OF))] = _FILLED
    return _painted(texture, np.array(hair.rgb() or UNKNOWN, np.float32), scalp(hair.style), hair.style, head)


def _painted(
    texture: Picture, colour: Array, soft: Array, style: str, head: Head
) -> Picture:  # (S, S, 4), (3,), (S, S) -> (S, S, 4)
    """The colour where `soft` is, with the texture's own fine detail."""
    painted, grown = texture.copy(), np.flatnonzero(soft)
    flat, share = painted.reshape(-1, 4), soft.ravel()[grown]
    rgb = flat[grown, :3].astype(np.float32)
    smooth = to_atlas(wide_blur(to_chart(texture[..., :3], head), CHART / 60), head, len(texture))
    detail = rgb - smooth.reshape(-1, 3)[grown]
    hair = np.clip(255 * colour + detail * np.minimum(1, colour.mean() / 0.5), 0, 255)
    flat[grown, :3] = rgb + (hair - rgb) * share[:, None] + 0.5
    flat[grown[(share > 0.5) & (flat[grown, 3] > 0)], 3] = ALPHA_OF[style]
    return painted


def _scalp(head: Head, texels: Texels, style: str) -> Array:  # (S, S) 0..1
    """Where the hair of a style grows, fading in from its edge; for "bald" the whole scalp."""
    vertices = head.topology(LEVEL).refine(head.template)
    above = texels.at(above_hairline(head, vertices, receding=style == "receding"))
    return np.asarray(texels.image((np.clip(above / _SOFT, 0, 1) * (texels.part == 0)).astype(np.float32)))
