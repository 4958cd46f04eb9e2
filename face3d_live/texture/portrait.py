"""A whole texture from one photo and its codes: sampled, unlit, occlusions masked, completed, eyes, teeth and scalp
painted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.eyewear import NO_GLASSES, Glasses
from face3d_live.head.model import Head
from face3d_live.lighting import to_linear
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.analysis import MOSTLY, analyse_skin, load_zones
from face3d_live.texture.chart import CHART, chart_of, load_chart, to_atlas, to_chart
from face3d_live.texture.complete import complete
from face3d_live.texture.eyes import eye_colours, middle_of, paint_eyes
from face3d_live.texture.hair.scalp import paint_scalp
from face3d_live.texture.hair.tone import hair_tone
from face3d_live.texture.regions import face_only
from face3d_live.texture.sample import as_picture, density, pose_head, sample_pixels, without_light
from face3d_live.texture.teeth import paint_teeth, tooth_colour
from face3d_live.texture.texels import LEVEL, texels_of
from face3d_live.typing import Array, Picture

#: Alpha of a texel that the photo shows, and of one that was filled in. Nearly the same, so that a viewer that blends
#: by alpha shows both as skin.
OBSERVED, COMPLETED = 255, 254
_GREY = 4  # of 255: red, green and blue are closer in a photo without colour
_EYES = 512  # texels a side, at least, to measure an iris
_SOME = 7  # every so many texels are looked at
_FEATHER = 170  # part of the texture's side over which weights fall off
_OCCLUDED = 0.01  # share of the face from which the fill under occlusions is blended in


@dataclass(frozen=True)
class PhotoTexture:
    """texture: (S, S, 4) sRGB, alpha `OBSERVED`, `COMPLETED` or 0 where there is no skin; codes: with the estimated
    light and albedo code; observed: share of the head, as large as on the chart, taken from the photo; occluded: share
    of the visible face that something hid (glasses, hair, a hand) and that was filled in; shaded: see `ResidualLight`;
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
    for side in (max(size, _EYES), size):
        texels_of(head, side).at(head.topology(LEVEL).normals(head.topology(LEVEL).refine(head.template)))
    load_chart(head, size)
    face_only(head, size)
    load_zones(head, albedo)


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
    texels, posed = texels_of(head, size), pose_head(codes, camera, head)
    found = analyse_skin(rgb, posed, albedo)
    view = posed.view(texels)
    fine = density(view)
    colour = to_linear(sample_pixels(rgb, view.pixel, fine, cv2.INTER_CUBIC))
    own = texels.of(to_atlas(cv2.merge([found.gain, found.trust]), head, size))  # (N, 4)
    linear = without_light(colour, view, found.light) * own[:, :3]
    known = texels.image(view.weight * own[:, 3], pad=False)
    return ObservedTexture(
        picture=texels.image(as_picture(linear, view), pad=False),
        known=_feathered(known, texels.image(face_only(head, size), pad=False)),
        light=found.light,
        occluded=found.occluded,
        texels_per_pixel=fine,
        occlusion=to_atlas(found.occlusion, head, size),
        has_skin=found.has_skin,
        shaded=found.shaded,
        glasses=found.glasses,
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
    whole = complete(seen.picture, seen.known, plain, head)
    if seen.occlusion is not None and seen.occluded > _OCCLUDED:  # filled from the face alone, without hair around it
        bare = complete(seen.picture, seen.known * texels.image(face_only(head, size), pad=False), plain, head)
        covered = np.flatnonzero(seen.occlusion)
        share, flat = seen.occlusion.ravel()[covered, None], whole.reshape(-1, 4)
        flat[covered, :3] = flat[covered, :3] * (1 - share) + bare.reshape(-1, 4)[covered, :3] * share + 0.5
    eyes = texels_of(head, max(size, _EYES))
    whole = paint_eyes(whole, head, texels, middle_of([eye_colours(rgb, lit, eyes)]))
    whole = paint_teeth(whole, texels, tooth_colour(rgb, lit, eyes))
    shown = seen.known > MOSTLY
    whole[..., 3][(whole[..., 3] > 0) & ~shown] = COMPLETED
    whole = paint_scalp(whole, hair_tone(rgb, lit), head, texels)
    observed = float(chart_of(head, CHART).of(to_chart(shown, head)).mean())
    return PhotoTexture(whole, lit.codes.with_(texture=code), observed, seen.occluded, seen.shaded, seen.glasses)


def _in_its_colours(plain: Picture, seen: ObservedTexture) -> Picture:
    """The plain skin, grey for a photo without colour."""
    shown = seen.picture[seen.known > MOSTLY][::_SOME]
    if not len(shown) or float(np.median(shown.max(1) - shown.min(1))) > _GREY:
        return plain
    return np.asarray(np.repeat(cv2.cvtColor(plain, cv2.COLOR_RGB2GRAY)[..., None], 3, 2))


def _feathered(known: Array, face: Array) -> Array:  # (S, S) x 2 -> (S, S)
    """Weights that fall to 0 smoothly off the face: what hides a part of an ear ends in steps of the depth buffer."""
    inner = cv2.erode((known > 0).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    soft = cv2.GaussianBlur(inner, (0, 0), len(known) / _FEATHER)
    return np.asarray(known * np.maximum(face, np.clip(2 * soft - 1, 0, 1)))
