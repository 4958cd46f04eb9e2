"""A whole texture from one photo and its codes: sampled, unlit, occlusions masked, completed, eyes painted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.lighting import to_linear
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.complete import complete
from face3d_live.texture.eyes import eye_colours, middle_of, paint_eyes
from face3d_live.texture.face_coverings import detect_face_covering
from face3d_live.texture.hair_tone import hair_tone, paint_scalp
from face3d_live.texture.light import light_of_skin
from face3d_live.texture.occlusion import occlusion_mask
from face3d_live.texture.regions import FACE, PLAIN, albedo_at, face_only, share_of
from face3d_live.texture.sample import TexelView, density, divide_out_light, project_texels, sample_pixels
from face3d_live.texture.texels import LEVEL, Texels, texels_of
from face3d_live.typing import Array, Picture

#: Alpha of a texel that the photo shows, and of one that was filled in. Nearly the same, so that a viewer that blends
#: by alpha shows both as skin.
OBSERVED, COMPLETED = 255, 254
_DOUBTED = ("neck", "ears", "jaw")  # collars, hair and background are easily taken for these
_OUTER = ("cheeks", "chin")  # not the forehead: a fringe with a hole in it looks worse than a fringe
_GLARE = 0.45  # log brightness above the expected skin at which a texel counts as a highlight
_OFF_HUE = 0.4  # log hue difference at which a texel of the outline counts as background
_OCCLUDED = 0.01  # share of the face from which the fill under occlusions is blended in
_MOSTLY = 0.25  # weight from which a texel counts as seen: facing the camera within 66 degrees
_ODD = 0.5  # difference in log brightness, or three times it in hue, at which a doubted texel is dropped


@dataclass(frozen=True)
class PhotoTexture:
    """texture: (S, S, 4) sRGB, alpha `OBSERVED`, `COMPLETED` or 0 where there is no skin; codes: with the estimated
    light and albedo code; observed: share of the head's texels taken from the photo; occluded: share of the visible
    face that something hid (glasses, hair, a hand) and that was filled in."""

    texture: Picture
    codes: HeadCodes
    observed: float
    occluded: float = 0.0


@dataclass(frozen=True)
class ObservedTexture:
    """The part of a texture that a photo shows.

    picture: (S, S, 3) sRGB, the light divided out; known: (S, S) 0..1 weight, 0 under occlusions; light: (27,);
    occluded: see `PhotoTexture`; texels_per_pixel: texels per photo pixel, along a line; occlusion: (S, S) 0..1 mask;
    has_skin: whether any part of the face has a skin's colour.
    """

    picture: Picture
    known: Array
    light: Array
    occluded: float
    texels_per_pixel: float = 1.0
    occlusion: Array | None = None
    has_skin: bool = True


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
    view = project_texels(codes, camera, head, texels)
    fine = density(view)
    colour = to_linear(sample_pixels(rgb, view.pixel, fine, cv2.INTER_CUBIC))
    covering = detect_face_covering(texels.image(colour, pad=False), texels.image(view.weight, pad=False), head)
    cloth = None if covering.mask is None else cv2.resize(covering.mask, (size, size), interpolation=cv2.INTER_LINEAR)
    bare = view if cloth is None else replace(view, weight=view.weight * (1 - texels.of(cloth)))
    light, tone = _light(colour, bare, head, texels, albedo)
    partial = divide_out_light(colour, view, light)
    weight = bare.weight * _trusted(partial, tone, head, texels, albedo)
    picture, known = texels.image(partial, pad=False), texels.image(weight, pad=False)
    occlusion = cv2.resize(occlusion_mask(picture, known, head, albedo), (size, size), interpolation=cv2.INTER_LINEAR)
    under = known.sum()
    if cloth is not None:
        under += (texels.image(view.weight * share_of(head, texels, FACE), pad=False) * cloth).sum()
        occlusion = np.maximum(occlusion, cloth)
    occluded = 1 - float((known * (1 - occlusion)).sum() / max(float(under), 1e-6))
    return ObservedTexture(picture, known * (1 - occlusion), light, occluded, fine, occlusion, covering.has_skin)


def complete_texture(
    seen: ObservedTexture, rgb: Picture, codes: HeadCodes, camera: Camera, head: Head, albedo: Albedo
) -> PhotoTexture:
    """The rest completed, eyes and scalp painted in the colours that the photo (H, W, 3) shows."""
    size = len(seen.picture)
    texels = texels_of(head, size)
    lit = codes.with_(light=seen.light)
    code = albedo.encode(seen.picture.astype(np.float32) / 255, seen.known)
    plain = albedo.plain(code, size)
    whole = complete(seen.picture, seen.known, plain, texels)
    if seen.occlusion is not None and seen.occluded > _OCCLUDED:  # filled from the face alone, without hair around it
        bare = complete(seen.picture, seen.known * texels.image(face_only(head, texels), pad=False), plain, texels)
        share = seen.occlusion[..., None]
        whole[..., :3] = (whole[..., :3] * (1 - share) + bare[..., :3] * share + 0.5).astype(np.uint8)
    eyes = texels_of(head, max(size, 512))  # small textures show too little of an iris to measure it
    whole = paint_eyes(whole, head, texels, middle_of([eye_colours(rgb, lit, camera, head, eyes)]))
    shown = seen.known > _MOSTLY
    whole[..., 3][(whole[..., 3] > 0) & ~shown] = COMPLETED
    whole = paint_scalp(whole, hair_tone(rgb, lit, camera, head), head, texels)
    return PhotoTexture(whole, lit.with_(texture=code), float(texels.of(shown).mean()), seen.occluded)


def _light(colour: Array, view: TexelView, head: Head, texels: Texels, albedo: Albedo) -> tuple[Array, Array]:
    step = max(1, len(colour) // 30_000)
    sure = np.flatnonzero((view.weight > 0.3) & (share_of(head, texels, PLAIN) > 0.9))[::step]
    if len(sure) < 50:
        return np.zeros(27, np.float32) + HeadCodes().light, np.ones(3, np.float32)
    pattern = to_linear(albedo_at(albedo.mean, texels)[sure])
    return light_of_skin(pattern, view.normals[sure], colour[sure])


def _trusted(partial: Picture, tone: Array, head: Head, texels: Texels, albedo: Albedo) -> Array:  # (N,) 0..1
    """Weight: 1 on the face without highlights and background; on neck, ears and jaw only near the expected skin."""
    linear = to_linear(partial.astype(np.float32) / 255)
    expected = np.maximum(to_linear(albedo_at(albedo.mean, texels)) * tone, 1e-3)
    ratio = np.log(np.maximum(linear, 1e-3) / expected)
    bright = ratio.mean(1)
    hue = np.abs(ratio - bright[:, None]).max(1)
    doubted = share_of(head, texels, _DOUBTED)
    bad = np.maximum(
        (bright > _GLARE) * share_of(head, texels, PLAIN), (hue > _OFF_HUE) * share_of(head, texels, _OUTER)
    )
    odd = texels.image(np.maximum((np.maximum(np.abs(bright), 3 * hue) > _ODD) * doubted, bad).astype(np.float32))
    soft = cv2.GaussianBlur(odd, (0, 0), texels.size / 100)
    low = np.clip((texels.at(head.topology(LEVEL).refine(head.template)[:, 1:2])[:, 0] + 0.14) / 0.03, 0, 1)
    return np.asarray(np.clip(1 - 2 * texels.of(soft), 0, 1) * low)
