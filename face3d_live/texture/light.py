"""Light estimation: spherical-harmonic light of a picture from its plain skin."""

from __future__ import annotations

import numpy as np

from face3d_live.lighting import fit_light, shade
from face3d_live.typing import AnyArray, Array

_ROUNDS = 3
_KEPT = 70  # per cent of the texels that agree best: glasses, beards and fringes are no skin
_FACING = 4  # power of the cosine to the camera that a texel counts with when brightness is measured


def light_of_skin(pattern: Array, normals: Array, seen: Array) -> tuple[Array, Array]:
    """(light (27,), tone (3,)) of plain skin.

    pattern: (N, 3) linear albedo of a reference skin at these places, normals: (N, 3) camera axes, seen: (N, 3) linear
    colours of the picture. Albedo and light are ambiguous: dark skin in bright light looks like bright skin in dim
    light, warm skin like a warm lamp. So the light is taken as white, and 1 on average over the skin that faces the
    camera, as pictures are exposed for faces. (Averaged over all texels alike, sides in shadow would make the front too
    bright and the skin too dark.) The skin's own colour is pattern * tone.
    """
    facing = np.clip(normals[:, 2], 0.05, 1) ** _FACING
    keep = np.ones(len(seen), bool)
    for _ in range(_ROUNDS):
        tone = np.median(seen[keep], 0) / np.maximum(np.median(pattern[keep], 0), 1e-4)
        grey, white = (pattern * tone).mean(1), seen.mean(1)
        light = fit_light(_rgb(grey[keep]), normals[keep], _rgb(white[keep]), ridge=1e-2)
        light /= max(float(np.average(shade(light, normals[keep])[:, 0], weights=facing[keep])), 1e-3)
        off = np.abs(grey * shade(light, normals)[:, 0] / np.maximum(white, 1e-3) - 1)
        keep = off < max(float(np.percentile(off, _KEPT)), 0.08)
    return light, tone.astype(np.float32)


def _rgb(grey: AnyArray) -> AnyArray:  # (N,) -> (N, 3)
    return np.repeat(grey[:, None], 3, 1)
