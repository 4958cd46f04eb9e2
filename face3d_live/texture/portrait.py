"""One photo and its codes to a whole texture: light found, sampled, judged, completed, eyes painted."""

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
from face3d_live.texture.eyes import iris_colour, paint_eyes
from face3d_live.texture.face_coverings import cover_of
from face3d_live.texture.light import light_of_skin
from face3d_live.texture.occlusion import foreign
from face3d_live.texture.regions import FACE, PLAIN, albedo_at, face_only, share_of
from face3d_live.texture.sample import View, density, look, pick, unlit
from face3d_live.texture.texels import LEVEL, Texels, texels_of
from face3d_live.typing import Array, Picture

#: Alpha of a texel that the photo shows, and of one that was filled in. Nearly the same, so that a viewer that blends
#: by alpha shows both as skin.
OBSERVED, COMPLETED = 255, 254
_DOUBTED = ("neck", "ears", "jaw")  # collars, hair and background are easily taken for these
_OUTER = ("cheeks", "chin")  # not the forehead: a fringe with a hole in it looks worse than a fringe
_GLARE = 0.45  # log brightness above the rest of the skin at which a highlight hides the skin anywhere
_FOREIGN = 0.4  # and in colour: background that shines in at the outline
_COVERED = 0.01  # share of the skin seen
_MOSTLY = 0.25  # weight from which a texel counts as seen: facing the camera within 66 degrees
_ODD = 0.5  # difference in log brightness, or three times it in colour, at which a doubted texel is given up


@dataclass(frozen=True)
class SkinOfPhoto:
    """texture: (S, S, 4) sRGB, alpha `OBSERVED`, `COMPLETED` or 0 where there is no skin; codes: with the light and the
    albedo code that were found; observed: share of the head's texels that the photo itself showed; covered: share of
    the face seen that something hid (glasses, hair, a hand) and that was filled in."""

    texture: Picture
    codes: HeadCodes
    observed: float
    covered: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What a photo shows of a skin: picture (S, S, 3) sRGB without light, known (S, S) 0..1, the light (27,), the
    share of the face that was covered, see `SkinOfPhoto`, texels per photo pixel, along a line, where the cover was,
    (S, S) 0..1, and whether anything on the face has a skin's colour."""

    picture: Picture
    known: Array
    light: Array
    covered: float
    texels_per_pixel: float = 1.0
    hidden: Array | None = None
    natural: bool = True


def skin_of_photo(rgb: Picture, codes: HeadCodes, camera: Camera, head: Head, albedo: Albedo, size: int) -> SkinOfPhoto:
    """The texture (size x size) of the head in a photo (H, W, 3)."""
    seen = seen_in(rgb, codes, camera, head, albedo, size)
    return whole_skin(seen, rgb, codes, camera, head, albedo)


def seen_in(rgb: Picture, codes: HeadCodes, camera: Camera, head: Head, albedo: Albedo, size: int) -> Seen:
    """The part of the texture (size x size) that a photo (H, W, 3) shows."""
    texels = texels_of(head, size)
    view = look(codes, camera, head, texels)
    fine = density(view)
    colour = to_linear(pick(rgb, view.pixel, fine, cv2.INTER_CUBIC))
    cover = cover_of(texels.image(colour, pad=False), texels.image(view.weight, pad=False), head)
    cloth = None if cover.hidden is None else cv2.resize(cover.hidden, (size, size), interpolation=cv2.INTER_LINEAR)
    bare = view if cloth is None else replace(view, weight=view.weight * (1 - texels.of(cloth)))
    light, tone = _light(colour, bare, head, texels, albedo)
    partial = unlit(colour, view, light)
    weight = bare.weight * _believed(partial, tone, head, texels, albedo)
    picture, known = texels.image(partial, pad=False), texels.image(weight, pad=False)
    hidden = cv2.resize(foreign(picture, known, head, albedo), (size, size), interpolation=cv2.INTER_LINEAR)
    under = known.sum()
    if cloth is not None:
        under += (texels.image(view.weight * share_of(head, texels, FACE), pad=False) * cloth).sum()
        hidden = np.maximum(hidden, cloth)
    covered = 1 - float((known * (1 - hidden)).sum() / max(float(under), 1e-6))
    return Seen(picture, known * (1 - hidden), light, covered, fine, hidden, cover.natural)


def whole_skin(seen: Seen, rgb: Picture, codes: HeadCodes, camera: Camera, head: Head, albedo: Albedo) -> SkinOfPhoto:
    """The rest completed, and eyes painted in the colour that the photo (H, W, 3) shows."""
    size = len(seen.picture)
    texels = texels_of(head, size)
    lit = codes.with_(light=seen.light)
    code = albedo.encode(seen.picture.astype(np.float32) / 255, seen.known)
    plain = albedo.plain(code, size)
    whole = complete(seen.picture, seen.known, plain, texels)
    if seen.hidden is not None and seen.covered > _COVERED:  # under a fringe is skin: its tone is none of the hair's
        bare = complete(seen.picture, seen.known * texels.image(face_only(head, texels), pad=False), plain, texels)
        share = seen.hidden[..., None]
        whole[..., :3] = (whole[..., :3] * (1 - share) + bare[..., :3] * share + 0.5).astype(np.uint8)
    eyes = texels_of(head, max(size, 512))  # small textures show too little of an iris to measure it
    whole = paint_eyes(whole, head, texels, iris_colour(rgb, lit, camera, head, eyes))
    shown = seen.known > _MOSTLY
    whole[..., 3][(whole[..., 3] > 0) & ~shown] = COMPLETED
    return SkinOfPhoto(whole, lit.with_(texture=code), float(texels.of(shown).mean()), seen.covered)


def _light(colour: Array, view: View, head: Head, texels: Texels, albedo: Albedo) -> tuple[Array, Array]:
    step = max(1, len(colour) // 30_000)
    sure = np.flatnonzero((view.weight > 0.3) & (share_of(head, texels, PLAIN) > 0.9))[::step]
    if len(sure) < 50:
        return np.zeros(27, np.float32) + HeadCodes().light, np.ones(3, np.float32)
    pattern = to_linear(albedo_at(albedo.mean, texels)[sure])
    return light_of_skin(pattern, view.normals[sure], colour[sure])


def _believed(partial: Picture, tone: Array, head: Head, texels: Texels, albedo: Albedo) -> Array:  # (N,) 0..1
    """1 on the face, but for highlights and background; on neck, ears and jaw only what looks like this skin."""
    linear = to_linear(partial.astype(np.float32) / 255)
    expected = np.maximum(to_linear(albedo_at(albedo.mean, texels)) * tone, 1e-3)
    ratio = np.log(np.maximum(linear, 1e-3) / expected)
    bright = ratio.mean(1)
    hue = np.abs(ratio - bright[:, None]).max(1)
    doubted = share_of(head, texels, _DOUBTED)
    bad = np.maximum(
        (bright > _GLARE) * share_of(head, texels, PLAIN), (hue > _FOREIGN) * share_of(head, texels, _OUTER)
    )
    odd = texels.image(np.maximum((np.maximum(np.abs(bright), 3 * hue) > _ODD) * doubted, bad).astype(np.float32))
    soft = cv2.GaussianBlur(odd, (0, 0), texels.size / 100)
    low = np.clip((texels.at(head.topology(LEVEL).refine(head.template)[:, 1:2])[:, 0] + 0.14) / 0.03, 0, 1)
    return np.clip(1 - 2 * texels.of(soft), 0, 1) * low
