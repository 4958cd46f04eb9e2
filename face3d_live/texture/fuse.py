"""`TextureFuser`: the texture of a live session, a running mean over frames weighted by visibility and confidence."""

from __future__ import annotations

from collections import deque

import numpy as np

from face3d_live.camera import Camera
from face3d_live.checks import checked_rgb
from face3d_live.codes import HeadCodes
from face3d_live.eyewear import NO_GLASSES, Glasses
from face3d_live.head.model import Head
from face3d_live.lighting import shade, to_linear, to_srgb
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.analysis import analyse_skin
from face3d_live.texture.chart import to_atlas
from face3d_live.texture.complete import complete
from face3d_live.texture.eyes import EyeColours, eye_colours, middle_of, paint_eyes
from face3d_live.texture.hair.scalp import paint_scalp
from face3d_live.texture.hair.tone import HairTone, hair_tone, together
from face3d_live.texture.light import light_of_skin
from face3d_live.texture.regions import PLAIN, face_only, mean_skin, share_of
from face3d_live.texture.sample import DARKEST, density, pose_head, sample_pixels
from face3d_live.texture.teeth import middle_tooth, paint_teeth, tooth_colour
from face3d_live.texture.texels import texels_of
from face3d_live.typing import Array, Picture

_MEMORY = 30.0  # frames seen head-on after which older ones start to fade
_LIGHT_TEXELS = 4000
_TRUSTED = 3.0  # frames seen head-on after which a texel is as good as known
_TONES = 8  # frames of which the colours of eyes and hair are kept


class TextureFuser:
    """Frames in by `add`, a whole texture out by `texture`. Only the face is taken from frames: hair and collars move.

    For one person: `reset` when another comes.
    """

    def __init__(self, head: Head, albedo: Albedo, size: int = 512) -> None:
        self._head, self._albedo, self._whole = head, albedo, texels_of(head, size)
        trust = face_only(head, size)
        chosen = trust > 0.02
        self._texels, self._trust = self._whole.only(chosen), trust[chosen]
        mean = mean_skin(albedo, self._texels)
        plain = np.flatnonzero(share_of(head, self._texels, PLAIN) > 0.9)
        self._sure = plain[:: max(1, len(plain) // _LIGHT_TEXELS)]
        self._pattern = mean[self._sure]
        self.reset()

    def reset(self) -> None:
        """Forget the person."""
        self._colour = np.zeros((len(self._texels.index), 3), np.float32)  # linear albedo times weight
        self._weight = np.zeros(len(self._texels.index), np.float32)
        self._eyes: deque[EyeColours | None] = deque(maxlen=_TONES)
        self._teeth: deque[Array | None] = deque(maxlen=_TONES)
        self._hair: deque[HairTone | None] = deque(maxlen=_TONES)
        self._best: tuple[float, Picture, HeadCodes, Camera] | None = None  # by its confidence

    @property
    def seen(self) -> float:
        """Share of the face that is known by now, 0..1."""
        return float(np.minimum(self._weight / _TRUSTED, 1).mean())

    def add(self, frame_rgb: Picture, codes: HeadCodes, camera: Camera, confidence: float = 1.0) -> None:
        """Take in a frame (H, W, 3) uint8 RGB. Raises ValueError for other arrays."""
        frame_rgb = checked_rgb(frame_rgb, "frame")
        posed = pose_head(codes, camera, self._head)
        view = posed.view(self._texels)
        colour = to_linear(sample_pixels(frame_rgb, view.pixel, density(view)))
        sure = view.weight[self._sure] > 0.3
        if sure.sum() < 50:
            return
        at = self._sure[sure]
        light, _ = light_of_skin(self._pattern[sure], view.normals[at], colour[at])
        albedo = colour / np.maximum(shade(light, view.normals), DARKEST)
        weight = view.weight * self._trust * np.float32(confidence)
        self._colour += albedo * weight[:, None]
        self._weight += weight
        fade = np.minimum(1, _MEMORY / np.maximum(self._weight, 1e-6))
        self._colour *= fade[:, None]
        self._weight *= fade
        if self._best is None or confidence > self._best[0]:
            self._best = confidence, frame_rgb, codes, camera
        lit = posed.lit(light)
        self._eyes.append(eye_colours(frame_rgb, lit, self._whole))
        self._teeth.append(tooth_colour(frame_rgb, lit, self._whole))
        self._hair.append(hair_tone(frame_rgb, lit))

    def texture(self) -> tuple[Picture, Glasses]:  # (S, S, 4)
        """The texture so far, completed, without what hides the skin; and the glasses that do. Too slow for every
        frame."""
        albedo = to_srgb(self._colour / np.maximum(self._weight, 1e-6)[:, None])
        picture = self._texels.image((albedo * 255 + 0.5).astype(np.uint8), pad=False)
        known = self._texels.image(np.minimum(self._weight / _TRUSTED, 1), pad=False)
        glasses = NO_GLASSES
        if self._best is not None:
            frame_rgb, codes, camera = self._best[1:]
            hidden = analyse_skin(frame_rgb, pose_head(codes, camera, self._head), self._albedo)
            glasses = hidden.glasses
            known *= 1 - to_atlas(hidden.occlusion, self._head, len(known))
        code = self._albedo.encode(picture.astype(np.float32) / 255, known)
        plain = self._albedo.plain(code, self._whole.size)
        whole = complete(picture, known, plain, self._head)
        whole = paint_eyes(whole, self._head, self._whole, middle_of(self._eyes))
        whole = paint_teeth(whole, self._whole, middle_tooth(self._teeth))
        return paint_scalp(whole, together(self._hair), self._head, self._whole), glasses
