"""What a photo shows of a face before its texture is made, found on the chart: light, covers, glasses, shadows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.codes import HeadCodes
from face3d_live.eyewear import Glasses
from face3d_live.head.model import Head
from face3d_live.lighting import to_linear
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.chart import CHART, albedo_on_chart, chart_of, wide_blur
from face3d_live.texture.face_coverings import cover_zones, detect_face_covering
from face3d_live.texture.hair.mask import hair_zones
from face3d_live.texture.light import light_of_skin
from face3d_live.texture.occlusion import find_occlusion
from face3d_live.texture.regions import FACE, PLAIN, mean_skin, share_of
from face3d_live.texture.residual_light import light_zones, residual_light
from face3d_live.texture.rims import rim_zones
from face3d_live.texture.sample import PosedHead, TexelView, as_picture, density, sample_pixels, without_light
from face3d_live.texture.texels import LEVEL, Texels
from face3d_live.typing import Array, Picture

_DOUBTED = ("neck", "ears")  # collars, hair and background are easily taken for these
_OUTER = ("cheeks", "chin", "jaw")  # not the forehead: a fringe with a hole in it looks worse than a fringe
_MEASURED = ("cheeks", "forehead", "chin")  # where the brightness of a skin is measured
_FEW, _MOST_EXPOSURE = 40, 0.5  # texels of a place that do; logarithm of the correction at most
#: Weight from which a texel counts as seen: facing the camera within 66 degrees.
MOSTLY = 0.25
#: Differences in log brightness, or three times in hue, at which a texel is dropped: of neck and ears; of the jaw; of
#: what is seen at a grazing angle.
_ODD, _JAW, _OUTLINE = 0.5, 1.3, 1.2
#: Linear light that is added for that: the hue of a black beard is noise. Share of the chin from which hair is a beard.
_NOISE, _BEARD = 0.02, 0.3


@dataclass(frozen=True)
class SkinAnalysis:
    """light: (27,), such that the albedo is as bright as the photo. gain: (CHART, CHART, 3) factors of the linear
    albedo that is left when that light is divided out: hard shadows, highlights. trust: (CHART, CHART) 0..1, how far a
    place shows the face's own skin. occlusion: (CHART, CHART) 0..1 where something hides it. has_skin: whether any part
    of the face has a skin's colour. occluded: share of the visible face that something hides; shaded: see
    `ResidualLight`; glasses: that are worn.
    """

    light: Array
    gain: Array
    trust: Array
    occlusion: Array
    has_skin: bool
    occluded: float
    shaded: float
    glasses: Glasses


def load_zones(head: Head, albedo: Albedo) -> None:
    """Make the tables that an analysis needs and no photo changes; otherwise they are made on first use."""
    mean_skin(albedo_on_chart(head, albedo), chart_of(head, CHART))
    for zones in (cover_zones, hair_zones, rim_zones, light_zones):
        zones(head, CHART)


def analyse_skin(rgb: Picture, posed: PosedHead, albedo: Albedo) -> SkinAnalysis:
    """What a photo (H, W, 3) shows of the skin of a head."""
    head, usual = posed.head, albedo_on_chart(posed.head, albedo)
    chart = chart_of(head, CHART)
    view = posed.view(chart)
    colour = to_linear(sample_pixels(rgb, view.pixel, density(view), cv2.INTER_CUBIC))
    photo, shown = chart.image(colour, pad=False), chart.image(view.weight, pad=False)
    covering = detect_face_covering(photo, shown, head)
    cloth = np.zeros((CHART, CHART), np.float32) if covering.mask is None else covering.mask
    bare = TexelView(view.pixel, view.weight * (1 - chart.of(cloth)), view.normals)
    light, tone = _light(colour, bare, head, chart, usual)
    linear, expected = without_light(colour, view, light), mean_skin(usual, chart) * tone
    trust = _trusted(linear, expected, bare, head, chart)
    known = chart.image(bare.weight * trust, pad=False)
    found = find_occlusion(chart.image(as_picture(linear, view), pad=False), known, head, usual)
    left = known * (1 - found.mask)
    rest = residual_light(chart.image(linear, pad=False), photo, left, chart.image(expected, pad=False), head)
    linear *= chart.of(rest.gain)
    exposure = _exposure(linear, colour, chart.of(left), head, chart)
    under = known.sum() + (chart.image(view.weight * share_of(head, chart, FACE), pad=False) * cloth).sum()
    occlusion = np.maximum(found.mask, cloth)
    return SkinAnalysis(
        light=light / exposure,
        gain=rest.gain,
        trust=chart.image(trust * chart.of((1 - occlusion) * (1 - rest.dark))),
        occlusion=occlusion,
        has_skin=covering.has_skin,
        occluded=1 - float(left.sum() / max(float(under), 1e-6)),
        shaded=rest.shaded,
        glasses=found.glasses,
    )


def _light(colour: Array, view: TexelView, head: Head, texels: Texels, albedo: Albedo) -> tuple[Array, Array]:
    sure = np.flatnonzero((view.weight > 0.3) & (share_of(head, texels, PLAIN) > 0.9))
    if len(sure) < 50:
        return np.zeros(27, np.float32) + HeadCodes().light, np.ones(3, np.float32)
    return light_of_skin(mean_skin(albedo, texels)[sure], view.normals[sure], colour[sure])


def _exposure(linear: Array, colour: Array, weight: Array, head: Head, texels: Texels) -> float:
    """The factor that makes albedo (N, 3) as bright as the photo (N, 3) over cheeks, forehead and chin; both linear."""
    off = []
    for place in _MEASURED:
        here = (weight > MOSTLY) & (share_of(head, texels, (place,)) > 0.9)
        if here.sum() >= _FEW:
            medians = (np.log(np.maximum(np.median(each[here], 0), 1e-3)).mean() for each in (colour, linear))
            off.append(float(np.subtract(*medians)))
    return float(np.exp(np.clip(np.mean(off), -_MOST_EXPOSURE, _MOST_EXPOSURE))) if off else 1.0


def _trusted(linear: Array, expected: Array, view: TexelView, head: Head, texels: Texels) -> Array:  # (N,) 0..1
    """Weight: 1 on the face but for background at the outline; on neck and ears only near the expected skin. At the
    outline and on the jaw the chin's own colour is as good as that, as beards reach over all of them.

    linear, expected: (N, 3) albedo as seen, and of this person's skin.
    """
    ratio = np.log((np.maximum(linear, 0) + _NOISE) / (np.maximum(expected, 0) + _NOISE))
    apart = _apart(ratio)
    chin = (share_of(head, texels, ("chin",)) > 0.9) & (view.weight > MOSTLY)
    hair = chin & (apart > _ODD)
    beard = ratio[hair if hair.sum() > _BEARD * chin.sum() else chin]
    near = np.minimum(apart, _apart(ratio - np.median(beard, 0))) if len(beard) else apart
    outline = (view.weight < MOSTLY) & (near > _OUTLINE)
    odd = (apart > _ODD) * share_of(head, texels, _DOUBTED)
    odd = np.maximum(odd, (near > _JAW) * share_of(head, texels, ("jaw",)))
    odd = texels.image(np.maximum(odd, outline * share_of(head, texels, _OUTER)).astype(np.float32))
    soft = wide_blur(odd, texels.size / 100)
    low = np.clip((texels.at(head.topology(LEVEL).refine(head.template)[:, 1:2])[:, 0] + 0.14) / 0.03, 0, 1)
    return np.asarray(np.clip(1 - 2 * texels.of(soft), 0, 1) * low, np.float32)


def _apart(ratio: Array) -> Array:  # (N, 3) -> (N,)
    """How far colours are apart, of the logarithms of their ratios: brightness, or three times the hue."""
    red, green, blue = ratio.T  # NumPy takes its time over axes as short as the channels'
    bright = (red + green + blue) / 3
    hue = np.maximum(np.maximum(np.abs(red - bright), np.abs(green - bright)), np.abs(blue - bright))
    return np.asarray(np.maximum(np.abs(bright), 3 * hue))
