"""The colour of a person's hair in a picture, or that they have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.hairstyle import ON_SCALP
from face3d_live.head.hairline import above_hairline
from face3d_live.head.model import Head
from face3d_live.lighting import LUMINANCE, shade, to_linear, to_srgb
from face3d_live.texture.chart import CHART, chart_of
from face3d_live.texture.hair.style import CORNERS, classifier, eight_bit_lab, grid_of, surroundings
from face3d_live.texture.regions import share_of
from face3d_live.texture.sample import PosedHead, TexelView, sample_pixels
from face3d_live.texture.texels import LEVEL, Texels
from face3d_live.typing import Array, Mask, Picture

_ABOVE, _BELOW = 0.012, 0.07  # metres above the hairline between which the scalp is looked at
_FRONT = -0.06  # metres: what lies farther back is mostly hidden
_LEAST = 60  # texels
_BRIGHTNESS, _HUE = 0.45, 0.15  # log differences from the skin that count the same
_AS_BEHIND, _MOSTLY_FREE = 0.25, 0.2  # log difference up to which a pixel counts as background; share that must be left
#: Metres beyond the outline of the skull where hair is looked for, and where the background is; degrees from up.
_BEYOND, _BEHIND, _AROUND = np.arange(-4, 29, 4) / 1000, 0.07, 75
_SIDES = 40  # degrees from up: beyond, hair is left where it recedes
_NO_SKIN = 1.2  # from which difference on it is no skin
_NEXT_TO_NOTHING = 0.08  # share of these places
_TOWARDS = 0.6  # share of the view's direction in the normals there
_RISES = (0.0, 0.01), (0.0,)  # metres above the skull where hair is looked for: of styles with volume, without
_LIKE_SKIN = 1.5  # the scalp of whoever is bald differs less from their skin, in these units
_CLEARLY, _ENOUGH = 1.0, 0.12  # what differs so much from the skin is hair; where there is less of that:
_DOUBTFUL = 2.0  # what differs less may be forehead
_DYED, _GREEN = 20, -12  # CIE L*a*b* chroma; a* below which that is green
_CROPPED = ("short", "receding")  # styles for which a shaved scalp may be taken
_SHAVED = 0.35  # probability of a bare scalp from which one that shines, without hair around it, is shaved
_DARKER, _DIM = -0.5, 0.5  # log luminance of hair that a shining scalp hides; by which factor it may differ less
_CLEARER = 1.6  # by which factor what is above the skull differs more then
_PURE = 0.75  # share of hair, the least like skin, that its colour is the median of
_WREATH = 0.25  # the same where hair recedes, and little differs clearly
#: Linear luminance of a skin below which what is brighter and within this of its hue is no hair, but shines.
_DARK_SKIN, _SHEEN = 0.19, 0.30
_SKIN_SHINES, _COLOURED = 0.8, 1.2  # log luminance of a shining scalp above the skin's; ratio of a skin's channels
_BLACK = (0.11, 0.09, 0.08)  # sRGB of the hair of such a skin where it cannot be told
_LIT = 0.6, 2.0  # how much of the light is believed
UNKNOWN = (0.23, 0.17, 0.13)  # sRGB of hair that was never seen


@dataclass(frozen=True)
class HairTone:
    """colour: (3,) sRGB 0..1, of no meaning for "bald". style: of `hairstyle.STYLES`."""

    colour: Array
    style: str = "short"


def hair_tone(frame_rgb: Picture, posed: PosedHead) -> HairTone | None:
    """What hair the head in a picture (H, W, 3) has, its style by `hair.style`; None where too little is seen above the
    hairline.

    The colour is that of what grows there and has not the brightness and hue of this person's cheeks and forehead.
    """
    codes, camera, head = posed.codes, posed.camera, posed.head
    texels = chart_of(head, CHART)
    view = posed.view(texels)
    rest = _rest(head, texels)
    above = above_hairline(head, rest)
    skin = (share_of(head, texels, ("forehead", "cheeks")) > 0.9) & (above < -_ABOVE) & (view.weight > 0.3)
    seen = (rest[:, 2] > _FRONT) & (view.weight > 0.01)
    scalp = (above > _ABOVE) & (above < _BELOW) & seen
    if scalp.sum() < _LEAST or skin.sum() < _LEAST:
        return None
    colour = to_linear(sample_pixels(frame_rgb, view.pixel, 1.0)) + np.float32(1e-3)
    own = np.median(colour[skin], 0)
    plane = surroundings(frame_rgb, codes, camera, head)
    grid = grid_of(plane)
    style = classifier().style(grid, bare=float(np.median(_unlike(colour[scalp], own)[0])) < _LIKE_SKIN)
    if style == "bald":
        return HairTone(np.asarray(to_srgb(own), np.float32), style)
    if style == "receding":
        scalp &= above_hairline(head, rest, receding=True) > 0
    found, normals = _on_scalp(frame_rgb, posed, view, scalp, style)
    front = _before(found, plane)
    found, normals = found[front], normals[front]
    if own @ LUMINANCE < _DARK_SKIN and len(found) and _shines(np.median(found, 0), own):
        return HairTone(np.array(_BLACK, np.float32), style)
    beyond = None if style == "buzz" else _beyond_skull(frame_rgb, codes, camera, head, own, style == "receding")
    clear = _clear_hair(found, own)
    if _is_shaved(found, clear, beyond, own, style, classifier().bareness(grid)):
        return HairTone(np.asarray(to_srgb(own), np.float32), "bald")
    shown = _shown_hair(found, normals, clear, beyond, own, style == "receding")
    if shown is None:
        return HairTone(np.array(UNKNOWN, np.float32), style)
    hair, normals = shown
    unlike = _unlike(hair, own)[0]
    purest = unlike >= np.quantile(unlike, 1 - _PURE)
    light = np.clip(shade(codes.light, normals[purest]), *_LIT)
    return HairTone(_natural(np.asarray(to_srgb(np.median(hair[purest] / light, 0)), np.float32)), style)


def _is_shaved(
    found: Array, clear: Mask, beyond: tuple[Array, Array] | None, skin: Array, style: str, bareness: float
) -> bool:  # found: (N, 3), clear: (N,), skin: (3,); linear
    """Whether a scalp shines as skin does, the style may be one that shows it, and nothing darker stands off it."""
    if style == "buzz":
        return len(found) > 0 and _is_bare(np.median(found, 0), skin)
    if style not in _CROPPED or bareness < _SHAVED or not clear.any():
        return False
    if not _is_bare(np.median(found[clear], 0), skin):
        return False
    return beyond is None or float(np.median(_unlike(beyond[0], skin)[1])) > _DARKER


def _shown_hair(
    found: Array, normals: Array, clear: Mask, beyond: tuple[Array, Array] | None, skin: Array, receding: bool
) -> tuple[Array, Array] | None:
    """Colours (N, 3) linear and normals (N, 3) of what is hair, of those found on the scalp, `clear` of skin or
    not, and `beyond` the skull; None where too little is seen."""
    if beyond is not None and _is_rather(beyond[0], found[clear], skin, receding):
        return beyond
    if len(found) < _LEAST // 2:
        return None
    hair = clear if clear.any() else _least_like(found, skin, _WREATH if receding else _PURE)
    return found[hair], normals[hair]


def _natural(colour: Array) -> Array:  # (3,) sRGB -> (3,)
    """Hair is never faintly blue or green: that is the sky or leaves in it. What is strongly so is dyed."""
    lab = eight_bit_lab(np.asarray(255 * np.clip(colour, 0, 1), np.uint8))
    a, b = lab[1:] - 128
    if np.hypot(a, b) > _DYED and (a < _GREEN or b < 0):
        return colour
    return np.minimum.accumulate(colour)


def _on_scalp(
    frame_rgb: Picture, posed: PosedHead, view: TexelView, scalp: Mask, style: str
) -> tuple[Array, Array]:  # (N, 3) linear, (N, 3) camera axes
    """What a frame shows where texels of the scalp are, and a little above, as hair stands off the skull; normals."""
    codes, camera = posed.codes, posed.camera
    middle = camera.project(codes.translation)
    rise = [camera.project(codes.translation + up * codes.rotation[:, 1]) - middle for up in _RISES[style in ON_SCALP]]
    pixel = np.concatenate([view.pixel[scalp] + step for step in rise])
    found = to_linear(sample_pixels(frame_rgb, pixel.astype(np.float32), 1.0)) + np.float32(1e-3)
    return np.asarray(found, np.float32), np.tile(view.normals[scalp], (len(rise), 1))


def _clear_hair(found: Array, skin: Array) -> Mask:  # (N, 3), (3,) linear -> (N,)
    """Which clearly differ from the skin, to the side on which most of them differ; none where there are few.

    Between hair and forehead, and where a parting runs, pixels show both, or skin; beside flat hair the background.
    """
    if not len(found):
        return np.zeros(0, bool)
    unlike, side = _to_one_side(found, skin)
    clear = side & (unlike > _CLEARLY)
    return clear if clear.mean() > _ENOUGH else np.zeros(len(found), bool)


def _least_like(found: Array, skin: Array, share: float) -> Mask:  # (N, 3), (3,) linear -> (N,)
    """The share that is least like the skin, to the side on which most of them differ."""
    unlike, side = _to_one_side(found, skin)
    return np.asarray(side & (unlike >= np.quantile(unlike[side], 1 - share)))


def _to_one_side(found: Array, skin: Array) -> tuple[Array, Mask]:
    """(N,) how far they are from the skin; which are on the side, brighter or darker, of most that are far from it."""
    unlike, brighter = _unlike(found, skin)
    return unlike, (brighter > 0) == (np.median(brighter[unlike >= np.median(unlike)]) > 0)


def together(tones: Sequence[HairTone | None]) -> HairTone | None:
    """One of several pictures of a person: what most of them show, in the colour in the middle."""
    known = [tone for tone in tones if tone is not None]
    if not known:
        return None
    style = Counter(tone.style for tone in known).most_common(1)[0][0]
    return HairTone(np.median([tone.colour for tone in known if tone.style == style], 0), style)


def _rest(head: Head, texels: Texels) -> Array:  # (N, 3) on the template
    return texels.at(head.topology(LEVEL).refine(head.template))


def _before(colour: Array, plane: Picture) -> Mask:  # (N, 3) linear -> (N,)
    """Which do not look like the background beside the head, unless most of them do."""
    behind = np.zeros(len(colour), bool)
    for corner in CORNERS:
        there = to_linear(np.median(plane[corner].reshape(-1, 3), 0) / 255) + np.float32(1e-3)
        behind |= np.abs(np.log(colour / there)).max(1) < _AS_BEHIND
    return ~behind if behind.sum() < (1 - _MOSTLY_FREE) * len(colour) else np.ones(len(colour), bool)


def _is_rather(ring: Array, found: Array, skin: Array, receding: bool) -> bool:  # (N, 3), (M, 3), (3,) linear
    """Whether what is seen beyond the skull is the hair, and not what was found on the scalp: that hardly differs from
    the skin (a high forehead, and hair is farther up), or is where hair has gone, or shines where hair is dark."""
    around, bright = (float(np.median(each)) for each in _unlike(ring, skin))
    if not len(found):
        return True
    difference, brighter = (float(np.median(each)) for each in _unlike(found, skin))
    if receding:
        return around > difference
    if brighter > 0 and bright < _DARKER:
        return around > difference * _DIM
    return _is_bare(np.median(found, 0), skin) or (difference < _DOUBTFUL and around > _CLEARER * difference)


def _beyond_skull(
    frame_rgb: Picture, codes: HeadCodes, camera: Camera, head: Head, skin: Array, beside: bool
) -> tuple[Array, Array] | None:
    """What a frame shows along the skull's outline and a little beyond, where hair stands off it: colours (N, 3)
    linear, and normals (N, 3), camera axes. Without what looks like the skin, and, unless that is nearly all, like the
    background farther out in the same direction. None where next to nothing is left. beside: at the sides alone.
    """
    skull = (head.part == 0) & (head.template[:, 1] > 0)
    outline = camera.project(head.vertices(codes.shape, codes.expression)[skull] @ codes.rotation.T + codes.translation)
    middle = camera.project(codes.translation)
    up = (camera.project(codes.translation + 0.1 * codes.rotation[:, 1]) - middle) / 0.1  # pixels a metre
    scale = max(float(np.linalg.norm(up)), 1e-6)
    degrees = np.arange(-_AROUND, _AROUND + 1, 3)
    angle = np.radians(degrees[np.abs(degrees) > _SIDES] if beside else degrees)
    right = np.array([-up[1], up[0]])
    ray = (np.cos(angle)[:, None] * up + np.sin(angle)[:, None] * right) / scale  # (A, 2)
    centre = outline.mean(0)
    start = ((outline - centre) @ ray.T).max(0)  # (A,) of the convex outline's tangents
    out = start[:, None] + np.array([*_BEYOND, _BEHIND], np.float32) * scale
    pixel = centre + out[..., None] * ray[:, None]
    colour = to_linear(sample_pixels(frame_rgb, pixel.reshape(-1, 2).astype(np.float32), 1.0)) + np.float32(1e-3)
    colour = colour.reshape(*out.shape, 3)
    found, behind = colour[:, :-1], colour[:, -1:]
    flat = found.reshape(-1, 3)
    hair = ((_unlike(flat, skin)[0] > _NO_SKIN) & ~_sheen(flat, skin)).reshape(found.shape[:2])
    own = hair & (np.abs(np.log(found / behind)).max(2) > _AS_BEHIND)
    hair = own if own.mean() > _ENOUGH else hair
    if hair.mean() < _NEXT_TO_NOTHING:
        return None
    normal = np.stack([ray[:, 0], -ray[:, 1], np.full(len(ray), _TOWARDS)], 1).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return found[hair], np.repeat(normal[:, None], found.shape[1], 1)[hair]


def _shines(colour: Array, skin: Array) -> bool:  # (3,) linear x 2
    """Whether that is brighter than the skin and has about its hue: short hair and a scalp in the light."""
    return bool(_sheen(colour[None], skin)[0])


def _sheen(colour: Array, skin: Array) -> Mask:  # (N, 3), (3,) linear -> (N,)
    """`_shines` of each."""
    ratio = np.log(colour / skin)
    brighter = colour @ LUMINANCE > skin @ LUMINANCE
    return np.asarray(brighter & (np.abs(ratio - ratio.mean(1, keepdims=True)).max(1) < _SHEEN))


def _is_bare(scalp: Array, skin: Array) -> bool:  # (3,) linear x 2
    """Whether a scalp that might be shaved shows skin: it shines, by no more than skin does, and is not grey as white
    hair is in a picture without colour."""
    brightness = float(np.log(scalp @ LUMINANCE / (skin @ LUMINANCE)))
    return _shines(scalp, skin) and brightness < _SKIN_SHINES and float(skin.max() / skin.min()) > _COLOURED


def _unlike(colour: Array, skin: Array) -> tuple[Array, Array]:  # (N, 3), (3,) linear
    """(N,) how far colours are from this skin's, in brightness and hue together; and how much brighter, a logarithm."""
    brightness = np.log(colour @ LUMINANCE / (skin @ LUMINANCE))
    ratio = np.log(colour / skin)
    hue = np.abs(ratio - ratio.mean(1, keepdims=True)).max(1)
    return np.asarray(np.hypot(brightness / _BRIGHTNESS, hue / _HUE), np.float32), np.asarray(brightness, np.float32)
