"""What the coefficients mean: angles, translation and light in this project's camera axes.

Vertices are in decimetres, x right, y up, z towards the viewer; the camera stands at z = 10 on the axis, its focal
length is 1015 pixels of the 224, the middle of the picture its principal point.
"""

from __future__ import annotations

import numpy as np

from face3d_live.lighting import GAMMA, sh_basis
from face3d_live.regress.deep3d.layout import ANGLES, LIGHT, SIZE, TRANSLATION
from face3d_live.typing import AnyArray, Array

FOCAL = 1015.0
CENTRE = SIZE / 2
CAMERA_Z = 10.0
#: Decimetres to metres.
METRES = 0.1

#: What is added to the constant coefficient of each colour's light.
AMBIENT_LIGHT = 0.8
#: Weight of each real harmonic of `lighting.sh_basis`: pi, 2 pi / sqrt 3, 2 pi / sqrt 8, and the sign of theirs.
_BANDS = np.pi * np.array([1, *[2 / 3**0.5] * 3, *[2 / 8**0.5] * 5])
_SIGNS = np.array([1, -1, 1, -1, 1, -1, 1, -1, 1])


def rotation(coefficients: AnyArray) -> Array:  # (..., 257) -> (..., 3, 3)
    """Head to camera: Rz Ry Rx of the angles about x, y and z, applied to columns."""
    angles = np.asarray(coefficients, np.float64)[..., ANGLES]
    (cx, cy, cz), (sx, sy, sz) = np.moveaxis(np.cos(angles), -1, 0), np.moveaxis(np.sin(angles), -1, 0)
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2).astype(np.float32)


def to_camera(vertices: AnyArray, coefficients: AnyArray) -> Array:  # (..., N, 3), (..., 257) -> (..., N, 3)
    """Vertices in decimetres to decimetres from the camera: x right, y up, z < 0 in front of it."""
    turned = np.asarray(vertices, np.float32) @ np.swapaxes(rotation(coefficients), -1, -2)
    shift = np.asarray(coefficients, np.float32)[..., None, TRANSLATION]
    return np.asarray(turned + shift - np.array([0, 0, CAMERA_Z], np.float32), np.float32)


def to_crop(space: AnyArray) -> Array:  # (..., 3) decimetres from the camera -> (..., 2)
    """Crop coordinates (middle 0, edges -1 and 1, y down)."""
    depth = np.maximum(-space[..., 2:], 1e-3)
    return np.asarray(space[..., :2] * (1, -1) * (FOCAL / CENTRE) / depth, np.float32)


#: Directions on the half of the sphere that a camera sees, for `light`.
_K = np.arange(200) + 0.5
_Z, _TURN = 1 - _K / 200, np.pi * (1 + 5**0.5) * _K  # a Fibonacci lattice
_NORMALS = np.stack([np.sqrt(1 - _Z**2) * np.cos(_TURN), np.sqrt(1 - _Z**2) * np.sin(_TURN), _Z], -1)
_BASIS = sh_basis(_NORMALS).astype(np.float64)
# The front half alone does not tell all nine apart: the higher ones are held near zero, the constant one is free.
_PROJECT = np.linalg.solve(_BASIS.T @ _BASIS + np.diag([0.0, *[2.0] * 3, *[4.0] * 5]), _BASIS.T)


def shading(coefficients: AnyArray, normals: AnyArray) -> Array:  # (..., 257), (N, 3) camera axes -> (..., N, 3)
    """What the albedo of a vertex is multiplied by, in picture values, for unit normals."""
    gamma = np.asarray(coefficients, np.float64)[..., LIGHT]
    bands = np.swapaxes(gamma.reshape(*gamma.shape[:-1], 3, 9), -1, -2).copy()  # stored colour by colour
    bands[..., 0, :] += AMBIENT_LIGHT
    return np.asarray((sh_basis(normals) * (_BANDS * _SIGNS)) @ bands, np.float32)


def light(coefficients: AnyArray) -> Array:  # (..., 257) -> (..., 27)
    """The light of `HeadCodes`, which multiplies linear colours: the harmonics nearest to the shading ** GAMMA."""
    seen = np.maximum(shading(coefficients, _NORMALS), 0) ** GAMMA
    bands = _PROJECT @ seen
    return np.asarray(bands.reshape(*bands.shape[:-2], 27), np.float32)
