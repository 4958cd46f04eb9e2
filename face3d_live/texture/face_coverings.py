"""Occlusion mask of large face coverings: masks, scarves and face paint.

Colours are compared before any light is divided out: the light is estimated from skin, and would be wrong. The skin's
own colour is measured where masks and scarves leave it bare, on the forehead or around the eyes, whichever is redder,
or brighter in a photo without colour (a fringe is neither). It is compared with the medians of nose, cheeks below it,
chin and lips. Cloth differs from beards: it has one colour from the cheeks over the lips to the chin, or one that no
skin has in white light (less red than green). A covering that was detected is then masked texel by texel. Smaller
occlusions are found by `occlusion`.

Thresholds: of 198 portraits (the 40 darkest skins of all included, many with beards) none was taken for covered; of
nine masks drawn on 66 of them 8 of 594 went unseen, mostly grey and white ones on photos without colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.head.per_head import per_head
from face3d_live.texture.chart import CHART, chart_of
from face3d_live.texture.regions import FACE, share_of
from face3d_live.texture.texels import LEVEL
from face3d_live.typing import Array, Mask

_SEEN = 0.3  # weight of a view from which a texel counts in the medians
_SHOWN = 0.01  # and from which it is masked
_FEW = 20  # fewer texels give no median
_NOISE = 0.004  # linear light below which a hue is noise
_DARK = -3.9  # brightness of the skin below which hues are noise
#: Colours are (log R/G, log G/B, log of the mean), of linear light.
_NO_SKIN = -0.15  # log R/G that no skin has in white light; of 198 portraits none is below -0.09 in any region
_SKIN = 0.15  # and that it has where the photo is not grey
_AS_RED = 0.03  # log R/G within which two places are as red
_ONE_CLOTH = 0.25  # hue, within which the places under a mask are alike: lips are redder than chins
_UNLIKE = 0.35  # hue, by which a mask differs from the skin
_GREY_CLOTH, _EVEN = 0.8, 0.45  # brightness that does instead where hues are alike, and its range over the mask
_SCARF_ALIKE, _SCARF_UNLIKE = 0.15, 0.4  # the same without the nose: beards are near to it
_PAINTED = 0.08  # share of the face that paint has to have
_LEAST_SKIN = 0.15  # and that skin has to have, where the rest is painted
_BRIGHTNESS = 0.35  # weight of brightness against hue in the distance of a texel from skin
_CLOSE, _REACH = 9, 9  # texels of a gap that is closed, and of the soft edge and shadow around
_ALL_BELOW = 0.012  # metres below the nose's base from where all of the face is mask by what hides nose or lips


@dataclass(frozen=True)
class FaceCovering:
    """mask: (CHART, CHART) 0..1, None without one; has_skin: whether any part of the face has a skin's colour."""

    mask: Array | None
    has_skin: bool = True


@dataclass(frozen=True)
class _CoverZones:
    """Masks (CHART, CHART). bare: where the skin's colour is measured; under: nose, cheeks, chin, lips; face: all that
    may be covered; lower: the part of it below the eyes; upper: the forehead; deep: below nose and upper lip."""

    bare: tuple[Mask, ...]
    under: tuple[Mask, ...]
    face: Mask
    lower: Mask
    upper: Mask
    deep: Mask


def detect_face_covering(light: Array, known: Array, head: Head) -> FaceCovering:
    """The covering of a face, on the chart.

    light: (CHART, CHART, 3) linear colours as the photo has them; known: (CHART, CHART) 0..1, how well they are seen.
    """
    zone = cover_zones(head, CHART)
    seen, shown = known > _SEEN, known > _SHOWN
    logs = np.log(np.maximum(light, _NOISE))
    colour = np.stack([logs[..., 0] - logs[..., 1], logs[..., 1] - logs[..., 2], logs.mean(2)], -1)
    bare = [median for median in (_median(colour, place & seen) for place in zone.bare) if median is not None]
    under = [median for median in (_median(colour, place & seen) for place in zone.under) if median is not None]
    if not bare or len(under) < len(zone.under):
        return FaceCovering(None)
    own = _skins_own(bare)
    if own[2] < _DARK:
        return FaceCovering(None)
    if own[0] < _NO_SKIN:  # forehead and eyes are painted, or lie under a hood
        skin = zone.face & seen & (colour[..., 0] > _SKIN)
        if skin.sum() < _LEAST_SKIN * (zone.face & seen).sum():
            return FaceCovering(None, has_skin=False)
        own = np.median(colour[skin], 0).astype(np.float32)
    mask = np.zeros((CHART, CHART), bool)
    if _cloth(np.array(under) - own, own):
        mask = _like_cloth(colour, own, under, zone) & shown
        mask |= zone.deep
    if own[0] > _SKIN:
        painted = zone.face & shown & (cv2.GaussianBlur(colour[..., 0], (0, 0), 1.5) < _NO_SKIN) & (light.max(2) > 0.02)
        if painted.sum() > _PAINTED * (zone.face & shown).sum():
            mask |= painted
    return FaceCovering(_softened(mask, zone) if mask.any() else None)


def _skins_own(bare: list[Array]) -> Array:  # (3,) each -> (3,)
    """Of the places that may be bare, the redder one; where no hue tells them apart, the brighter one: a fringe."""
    reddest = max(float(median[0]) for median in bare)
    return max((median for median in bare if median[0] > reddest - _AS_RED), key=lambda median: float(median[2]))


def _cloth(off: Array, own: Array) -> bool:  # (4, 3) against the skin, (3,)
    """Whether nose, cheeks, chin and lips, or the last three, are covered by cloth."""
    hue, bright = off[:, :2], off[:, 2]
    if own[0] > _SKIN and (off[:, 0] + own[0] < _NO_SKIN).sum() >= 2:
        return True
    apart = np.linalg.norm(hue[:, None] - hue[None], axis=-1)
    unlike = np.linalg.norm(hue, axis=1)
    if apart.max() < _ONE_CLOTH and unlike.min() > _UNLIKE:
        return True
    if (
        apart.max() < _ONE_CLOTH
        and np.ptp(bright) < _EVEN
        and max(bright.min() * (own[0] > _SKIN), -bright.max()) > _GREY_CLOTH
    ):
        return True  # without colour, what is brighter is skin beside a fringe
    return bool(apart[1:, 1:].max() < _SCARF_ALIKE and unlike[1:].min() > _SCARF_UNLIKE)


def _like_cloth(colour: Array, own: Array, under: list[Array], zone: _CoverZones) -> Mask:
    """Texels below the eyes that are nearer to the cloth's colours than to the skin's, or far from its hue; on the
    forehead those that are plainly the cloth's."""
    scale = np.array([1, 1, _BRIGHTNESS], np.float32)
    smooth = cv2.GaussianBlur(colour, (0, 0), 1.0) * scale
    skin = np.linalg.norm(smooth - own * scale, axis=-1)
    cloth = np.min([np.linalg.norm(smooth - each * scale, axis=-1) for each in under
                    if np.linalg.norm((each - own)[:2]) > _UNLIKE or abs(each[2] - own[2]) > _GREY_CLOTH] or [skin],
                   axis=0)  # fmt: skip
    hue = np.linalg.norm(smooth[..., :2] - own[:2], axis=-1)
    odd = (zone.lower & ((cloth < skin) | (hue > 2 * _UNLIKE))) | (zone.upper & (cloth < skin / 2))
    return np.asarray(cv2.morphologyEx(odd.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0)


def _softened(mask: Mask, zone: _CoverZones) -> Array:
    """The mask closed, dilated and blurred."""
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((_CLOSE, _CLOSE), np.uint8))
    wide = cv2.dilate(closed, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_REACH, _REACH))) > 0
    return np.asarray(np.clip(2 * cv2.GaussianBlur((wide & zone.face).astype(np.float32), (0, 0), 1.2), 0, 1))


def _median(colour: Array, where: Mask) -> Array | None:  # -> (3,)
    return np.median(colour[where], 0).astype(np.float32) if where.sum() >= _FEW else None


@per_head
def cover_zones(head: Head, size: int) -> _CoverZones:
    texels = chart_of(head, size)
    x, y, _ = np.moveaxis(texels.image(texels.at(head.topology(LEVEL).refine(head.template)), pad=False), -1, 0)

    def of(*names: str) -> Mask:
        return np.asarray(texels.image(share_of(head, texels, names), pad=False) > 0.5)

    eyes = float(head.eye_centers[:, 1].mean())
    base = float(head.template[head.regions["nose"], 1].min())
    bare = of("forehead"), of("cheeks", "nose") & (y > eyes - 0.012)
    under = (
        of("nose") & (y < base + 0.018),
        of("cheeks") & (y < base - 0.005) & (np.abs(x) < 0.045),
        of("chin"),
        of("lips_upper", "lips_lower"),
    )
    face = of(*FACE)
    lower = face & (y < eyes - 0.006) & ~of("forehead", "eyelids_left", "eyelids_right", "brows_left", "brows_right")
    deep = of("lips_upper", "lips_lower", "chin", "cheeks", "jaw") & (y < base - _ALL_BELOW)
    return _CoverZones(bare, under, face, lower, of("forehead"), deep)
