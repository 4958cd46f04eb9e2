"""The head that a take animates by default: its person's shape, and a texture of their skin tone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d_live.codes import HeadCodes
from face3d_live.export.animation import animated_glb
from face3d_live.export.glb import head_glb
from face3d_live.export.textured_head import TexturedHead
from face3d_live.head.model import Head
from face3d_live.takes.model import Take
from face3d_live.takes.resample import quaternions
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.complete import complete
from face3d_live.texture.eyes import DARK_BROWN_EYES, paint_eyes
from face3d_live.texture.texels import texels_of
from face3d_live.typing import AnyArray

TEXTURE_SIZE = 1024


def take_texture(take: Take, head: Head) -> NDArray[np.uint8]:  # (TEXTURE_SIZE, TEXTURE_SIZE, 4)
    """A texture for the take's person, from the last texture code, which is estimated best."""
    return texture_from_code(take.textures[take.person[-1]], head, TEXTURE_SIZE)


def texture_from_code(code: AnyArray, head: Head, size: int) -> NDArray[np.uint8]:  # (50,) -> (size, size, 4)
    """A texture from a texture code: the person's skin tone, without the features of their face."""
    texels = texels_of(head, size)
    plain = Albedo.load().plain(code, size)
    nothing = np.zeros((size, size), np.float32)
    return paint_eyes(complete(plain, nothing, plain, head), head, texels, DARK_BROWN_EYES)


def take_glb(take: Take, model: bytes | None = None) -> bytes:
    """The take as an animation of a model (.glb with ARKit's names), by default of the person's own head.

    Raises InputError, see `animated_glb`.
    """
    if model is None:
        head = Head.load()
        # The morph weights at rest are those of the first frame.
        codes = HeadCodes(shape=take.identity, expression=take.expression[0])
        model = head_glb(TexturedHead(head, codes, "low", take_texture(take, head)))
    return animated_glb(model, take.t, take.expression, quaternions(take.rotation), take.header.name)
