"""A whole texture from one photo and its codes: sampled, unlit, occlusions masked, completed, eyes painted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.eyewear import NO_GLASSES, Glasses
from face3d_live.head.model import Head
from face3d_live.lighting import to_linear
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.blur import wide_blur
from face3d_live.texture.complete import complete
from face3d_live.texture.eyes import eye_colours, middle_of, paint_eyes
from face3d_live.texture.face_coverings import cover_zones, detect_face_covering
from face3d_live.texture.hair import hair_zones
from face3d_live.texture.hair_tone import hair_tone, paint_scalp
from face3d_live.texture.light import light_of_skin
from face3d_live.texture.occlusion import find_occlusion
from face3d_live.texture.regions import FACE, PLAIN, face_only, mean_skin, share_of
from face3d_live.texture.residual_light import light_zones, residual_light
from face3d_live.texture.rims import rim_zones
from face3d_live.texture.sample import (
    TexelView,
    as_picture,
    density,
    pose_head,
    sample_pixels,
    without_light,
)
from face3d_live.texture.texels import LEVEL, Texels, texels_of
from face3d_live.typing import Array, Picture

#: Alpha of a texel that the photo shows, and of one that was filled in. Nearly the same, so that a viewer that blends
#: by alpha shows both as skin.
OBSERVED, COMPLETED = 255, 254
_DOUBTED = ("neck", "ears")  # collars, hair and background are easily taken for these
_OUTER = ("cheeks", "chin", "jaw")  # not the forehead: a fringe with a hole in it looks worse than a fringe
_MEASURED = ("cheeks", "forehead", "chin")  # where the brightness of a skin is measured
_FEW, _MOST_EXPOSURE = 40, 0.5  # texels of a place that do; logarithm of the correction at most
_GREY = 4  # of 255: red, green and blue are closer in a photo without colour
_SMALL, _EYES = 256, 512  # texels a side: what hides the skin is looked for; at least, to measure an iris
_SOME = 7  # every so many texels are looked at
_FEATHER = 170  # part of the texture's side over which weights fall off
_OCCLUDED = 0.01  # share of the face from which the fill under occlusions is blended in
_MOSTLY = 0.25  # weight from which a texel counts as seen: facing the camera within 66 degrees
#: Differences in log brightness, or three times in hue, at which a texel is dropped: of neck and ears; of the jaw; of
#: what is seen at a grazing angle.
_ODD, _JAW, _OUTLINE = 0.5, 1.3, 1.2


@dataclass(frozen=True)
class PhotoTexture:
    """texture: (S, S, 4) sRGB, alpha `OBSERVED`, `COMPLETED` or 0 where there is no skin; codes: with the estimated
    light and albedo code; observed: share of the head's texels taken from the photo; occluded: share of the visible
    face that something hid (glasses, hair, a hand) and that was filled in; shaded: see `ResidualLight`;
    glasses: that are worn."""

    texture: Picture
    codes: HeadCodes
    observed: float
    occluded: float = 0.0
    shaded: float = 0.0
    glasses: Glasses = NO_GLASSES


@dataclass(frozen=True)
class ObservedTexture:
    """The part of a texture that a photo shows.

    picture: (S, S, 3) sRGB, the light divided out; known: (S, S) 0..1 weight, 0 under occlusions; light: (27,);
    occluded: see `PhotoTexture`; texels_per_pixel: texels per photo pixel, along a line; occlusion: (S, S) 0..1 mask;
    has_skin: whether any part of the face has a skin's colour; shaded: see `ResidualLight`; glasses: see
    `PhotoTexture`.
    """

    picture: Picture
    known: Array
    light: Array
    occluded: float
    texels_per_pixel: float = 1.0
    occlusion: Array | None = None
    has_skin: bool = True
    shaded: float = 0.0
    glasses: Glasses = NO_GLASSES


def load_tables(head: Head, albedo: Albedo, size: int) -> None:
    """Make what a texture of that size needs and no photo changes; otherwise it is made on first use."""
    for side in (_SMALL, max(size, _EYES), size):
        texels_of(head, side).at(head.topology(LEVEL).normals(head.topology(LEVEL).refine(head.template)))
    face_only(head, size)
    mean_skin(albedo, texels_of(head, size))
    for zones in (cover_zones, hair_zones, rim_zones, light_zones):
        zones(head, _SMALL)


def texture_from_photo(
    rgb: Picture, codes: HeadCodes, camera: Camera, head: Head, albedo: Albedo, size: int
) -> PhotoTexture:
    """The texture (size x size) of the head in a photo (H, W, 3)."""
    seen = observe_texture(rgb, codes, camera, head, albedo, size)
    return complete_texture(seen, rgb, codes, camera, head, albedo)


def observe_texture(
    rgb: Picture, codes: HeadCodes, camera: Camera, head: Head, albedo: Albedo, size: int
) -> ObservedTexture:
    """The part of the texture (size x size) that a photo (H, W, 3) shows."""
    texels = texels_of(head, size)
    view = pose_head(codes, camera, head).view(texels)
    fine = density(view)
    colour = to_linear(sample_pixels(rgb, view.pixel, fine, cv2.INTER_CUBIC))
    photo = texels.image(colour, pad=False)
    covering = detect_face_covering(photo, texels.image(view.weight, pad=False), head)
    cloth = None if covering.mask is None else cv2.resize(covering.mask, (size, size), interpolation=cv2.INTER_LINEAR)
    bare = view if cloth is None else replace(view, weight=view.weight * (1 - texels.of(cloth)))
    light, tone = _light(colour, bare, head, texels, albedo)
    linear = without_light(colour, view, light)
    expected = mean_skin(albedo, texels) * tone
    weight = bare.weight * _trusted(linear, expected, bare, head, texels)
    partial, known = as_picture(linear, view), texels.image(weight, pad=False)
    found = find_occlusion(texels.image(partial, pad=False), known, head, albedo)
    occlusion = cv2.resize(found.mask, (size, size), interpolation=cv2.INTER_LINEAR)
    under = known.sum()
    if cloth is not None:
        under += (texels.image(view.weight * share_of(head, texels, FACE), pad=False) * cloth).sum()
        occlusion = np.maximum(occlusion, cloth)
    skin, usual = (texels.image(each, pad=False) for each in (linear, expected))
    rest = residual_light(skin, photo, known * (1 - occlusion), usual, head)
    linear *= texels.of(rest.gain)
    exposure = _exposure(linear, colour, weight * texels.of(1 - occlusion), head, texels)
    picture, light = texels.image(as_picture(linear * exposure, view), pad=False), light / exposure
    occluded = 1 - float((known * (1 - occlusion)).sum() / max(float(under), 1e-6))
    known = _feathered(known * (1 - occlusion) * (1 - rest.dark), texels.image(face_only(head, size), pad=False))
    return ObservedTexture(
        picture, known, light, occluded, fine, occlusion, covering.has_skin, rest.shaded, found.glasses
    )


def complete_texture(
    seen: ObservedTexture, rgb: Picture, codes: HeadCodes, camera: Camera, head: Head, albedo: Albedo
) -> PhotoTexture:
    """The rest completed, eyes and scalp painted in the colours that the photo (H, W, 3) shows."""
    size = len(seen.picture)
    texels = texels_of(head, size)
    lit = pose_head(codes.with_(light=seen.light), camera, head)
    code = albedo.encode(seen.picture.astype(np.float32) / 255, seen.known)
    plain = _in_its_colours(albedo.plain(code, size), seen)
    whole = complete(seen.picture, seen.known, plain, texels)
    if seen.occlusion is not None and seen.occluded > _OCCLUDED:  # filled from the face alone, without hair around it
        bare = complete(seen.picture, seen.known * texels.image(face_only(head, size), pad=False), plain, texels)
        covered = np.flatnonzero(seen.occlusion)
        share, flat = seen.occlusion.ravel()[covered, None], whole.reshape(-1, 4)
        flat[covered, :3] = flat[covered, :3] * (1 - share) + bare.reshape(-1, 4)[covered, :3] * share + 0.5
    eyes = texels_of(head, max(size, _EYES))
    whole = paint_eyes(whole, head, texels, middle_of([eye_colours(rgb, lit, eyes)]))
    shown = seen.known > _MOSTLY
    whole[..., 3][(whole[..., 3] > 0) & ~shown] = COMPLETED
    whole = paint_scalp(whole, hair_tone(rgb, lit), head, texels)
    return PhotoTexture(
        whole, lit.codes.with_(texture=code), float(texels.of(shown).mean()), seen.occluded, seen.shaded, seen.glasses
    )


def _in_its_colours(plain: Picture, seen: ObservedTexture) -> Picture:
    """The plain skin, grey for a photo without colour."""
    shown = seen.picture[seen.known > _MOSTLY][::_SOME]
    if not len(shown) or float(np.median(shown.max(1) - shown.min(1))) > _GREY:
        return plain
    return np.asarray(np.repeat(cv2.cvtColor(plain, cv2.COLOR_RGB2GRAY)[..., None], 3, 2))


def _light(colour: Array, view: TexelView, head: Head, texels: Texels, albedo: Albedo) -> tuple[Array, Array]:
    step = max(1, len(colour) // 30_000)
    sure = np.flatnonzero((view.weight > 0.3) & (share_of(head, texels, PLAIN) > 0.9))[::step]
    if len(sure) < 50:
        return np.zeros(27, np.float32) + HeadCodes().light, np.ones(3, np.float32)
    pattern = mean_skin(albedo, texels)[sure]
    return light_of_skin(pattern, view.normals[sure], colour[sure])


def _feathered(known: Array, face: Array) -> Array:  # (S, S) x 2 -> (S, S)
    """Weights that fall to 0 smoothly off the face: what hides a part of an ear ends in steps of the depth buffer."""
    inner = cv2.erode((known > 0).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    soft = cv2.GaussianBlur(inner, (0, 0), len(known) / _FEATHER)
    return np.asarray(known * np.maximum(face, np.clip(2 * soft - 1, 0, 1)))


def _exposure(linear: Array, colour: Array, weight: Array, head: Head, texels: Texels) -> float:
    """The factor that makes albedo (N, 3) as bright as the photo (N, 3) over cheeks, forehead and chin; both linear."""
    off = []
    for place in _MEASURED:
        here = (weight > _MOSTLY) & (share_of(head, texels, (place,)) > 0.9)
        if here.sum() >= _FEW:
            medians = (np.log(np.maximum(np.median(each[here], 0), 1e-3)).mean() for each in (colour, linear))
            off.append(float(np.subtract(*medians)))
    return float(np.exp(np.clip(np.mean(off), -_MOST_EXPOSURE, _MOST_EXPOSURE))) if off else 1.0


def _trusted(linear: Array, expected: Array, view: TexelView, head: Head, texels: Texels) -> Array:  # (N,) 0..1
    """Weight: 1 on the face but for background at the outline; on neck and ears only near the expected skin, on the jaw
    near that or the chin's own colour, as beards reach over both.

    linear, expected: (N, 3) albedo as seen, and of this person's skin.
    """
    ratio = np.log(np.maximum(linear, 1e-3) / np.maximum(expected, 1e-3))
    chin = (share_of(head, texels, ("chin",)) > 0.9) & (view.weight > _MOSTLY)
    beard = np.median(ratio[chin], 0) if chin.any() else np.zeros(3, np.float32)
    apart = _apart(ratio)
    jaw = np.minimum(apart, _apart(ratio - beard)) / _JAW
    outline = (view.weight < _MOSTLY) & (apart > _OUTLINE)
    odd = (apart > _ODD) * share_of(head, texels, _DOUBTED)
    odd = np.maximum(odd, (jaw > 1) * share_of(head, texels, ("jaw",)))
    odd = texels.image(np.maximum(odd, outline * share_of(head, texels, _OUTER)).astype(np.float32))
    soft = wide_blur(odd, texels.size / 100)
    low = np.clip((texels.at(head.topology(LEVEL).refine(head.template)[:, 1:2])[:, 0] + 0.14) / 0.03, 0, 1)
    return np.asarray(np.clip(1 - 2 * texels.of(soft), 0, 1) * low)


def _apart(ratio: Array) -> Array:  # (N, 3) -> (N,)
    """How far colours are apart, of the logarithms of their ratios: brightness, or three times the hue."""
    red, green, blue = ratio.T  # NumPy takes its time over axes as short as the channels'
    bright = (red + green + blue) / 3
    hue = np.maximum(np.maximum(np.abs(red - bright), np.abs(green - bright)), np.abs(blue - bright))
    return np.asarray(np.maximum(np.abs(bright), 3 * hue))
