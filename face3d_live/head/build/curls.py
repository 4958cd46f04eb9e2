"""Curly hair as shells over the scalp: the nearer the outside, the more gaps between the curls. Build-time."""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.head.build.makehuman import PlacedHair
from face3d_live.head.hairline import above_hairline
from face3d_live.head.model import Head
from face3d_live.typing import AnyArray, Array, Picture

#: Each shell's height as a share of the hair's, and the share of it that curls cover.
SHELLS = ((0.74, 1.0), (0.89, 0.8), (1.0, 0.55))
SIDE = 512  # of the picture: a quarter a shell
_MIDDLE = np.array([0.0, 0.045, -0.015])  # that the hair grows away from
_REACH = 2.5  # radians from the top to the picture's edge
_FADE = 0.045  # metres inside the hairline from which the hair has its full height
_LUMPS = 0.18  # how uneven the height is


def curls(head: Head, height: float) -> tuple[PlacedHair, Picture]:
    """The shells, and their picture (SIDE, SIDE, 4). height: metres."""
    above = above_hairline(head, head.template)
    scalp = head.faces[((head.part == 0) & (above > -0.002))[head.faces].all(1)]
    used, faces = np.unique(scalp, return_inverse=True)
    faces, rest, above = faces.reshape(-1, 3), head.template[used], above[used]
    away = rest - _MIDDLE
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    rise = np.sqrt(np.clip(above / _FADE, 0, 1)) * (1 + _LUMPS * _lumps(rest))
    # Before the face hair does not hang over it, and it stays behind the ears.
    rise *= 1 - 0.55 * np.clip((away[:, 2] - 0.5) / 0.5, 0, 1)
    uv = _around(away)
    vertices, corner_uv, shells = [], [], []
    for number, (share, _) in enumerate(SHELLS):
        vertices.append(rest + (0.003 + share * height * rise)[:, None] * away)
        corner_uv.append((uv + np.array([number % 2, number // 2])) / 2)
        shells.append(faces + number * len(rest))
    normals = np.tile(away, (len(SHELLS), 1)).astype(np.float32)
    places, every = np.concatenate(vertices).astype(np.float32), np.concatenate(shells).astype(np.int32)
    return PlacedHair(
        places, normals, np.arange(len(places)), np.concatenate(corner_uv).astype(np.float32), every
    ), _picture()


def _around(away: AnyArray) -> AnyArray:  # (N, 3) unit -> (N, 2) 0..1
    """Azimuthal equidistant about the top: no seam."""
    polar = np.arccos(np.clip(away[:, 1], -1, 1)) / _REACH
    flat = away[:, [0, 2]] / (np.linalg.norm(away[:, [0, 2]], axis=1, keepdims=True) + 1e-9)
    return np.asarray(0.5 + 0.48 * polar[:, None] * flat)


def _lumps(rest: Array) -> AnyArray:  # (N, 3) -> (N,) about -1..1
    """Smooth unevenness, the same on both sides of no line."""
    waves = np.array([(90, 40, 20), (-50, 80, 60), (30, -70, 90), (110, 10, -80)], float)
    return np.asarray(np.sin(rest @ waves.T + np.arange(4)).mean(1))


def _picture() -> Picture:
    """Curls at two scales; alpha leaves each shell its share."""
    rng, side = np.random.default_rng(0), SIDE // 2

    def noise(sigma: float) -> AnyArray:
        field = cv2.GaussianBlur(rng.normal(size=(side, side)), (0, 0), sigma)
        return np.asarray(field / field.std())

    picture = np.zeros((SIDE, SIDE, 4), np.uint8)
    for number, (_, share) in enumerate(SHELLS):
        coils = noise(1.3) + 0.8 * noise(2.6)
        row, column = 1 - number // 2, number % 2  # v runs upwards
        block = picture[row * side : (row + 1) * side, column * side : (column + 1) * side]
        block[..., :3] = np.clip(128 + 40 * coils / coils.std(), 0, 255)[..., None]
        level = np.quantile(coils, 1 - share)
        block[..., 3] = 255 if share == 1 else np.clip(128 + 160 * (coils - level) / coils.std(), 0, 255)
    return picture
