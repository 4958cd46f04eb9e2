"""Light as second-order spherical harmonics: shading, and estimation of a light from shaded skin.

A light is (27,) float32, (9, 3) flattened: the coefficients of irradiance / pi, that is, already convolved with the
cosine lobe. So `shading = sum_k light[k] * Y_k(n)` with n a unit normal in camera axes, and a linear colour is
albedo * shading. Source: Ramamoorthi and Hanrahan, "An Efficient Representation for Irradiance Environment Maps",
SIGGRAPH 2001.
"""

from __future__ import annotations

import numpy as np

from face3d_live.codes import AMBIENT, N_LIGHT
from face3d_live.typing import AnyArray, Array

#: Pictures are linear ** (1 / GAMMA): near enough to sRGB, and cheap in a shader.
GAMMA = 2.2
#: Of linear sRGB (IEC 61966-2-1).
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)

_AT_ONCE = 8192  # normals whose basis stays in a processor's cache
_FACTORS = np.array([0.282095, *[0.488603] * 3, *[1.092548] * 2, 0.315392, 1.092548, 0.546274], np.float32)

#: A_l of the clamped cosine for bands 0, 1, 2, one per coefficient (Ramamoorthi and Hanrahan, eq. 8).
_COSINE = np.pi * np.array([1, 2 / 3, 2 / 3, 2 / 3, 0.25, 0.25, 0.25, 0.25, 0.25], np.float32)


def to_linear(srgb: AnyArray) -> Array:
    """Picture values 0..1 to linear light."""
    return np.asarray(np.power(np.clip(srgb, 0, 1), GAMMA), np.float32)


def to_srgb(linear: AnyArray) -> Array:
    """Linear light to picture values 0..1, clipped."""
    return np.asarray(np.power(np.clip(linear, 0, 1), 1 / GAMMA), np.float32)


def sh_basis(normals: AnyArray) -> Array:  # (..., 3) -> (..., 9)
    """The nine real spherical harmonics of bands 0 to 2, in the order 1, y, z, x, xy, yz, 3z2-1, xz, x2-y2."""
    x, y, z = np.moveaxis(np.asarray(normals, np.float32), -1, 0)
    basis = np.empty((9, *x.shape), np.float32)  # written plane by plane, which is faster
    for k, term in enumerate((1, y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y)):
        basis[k] = _FACTORS[k] * term
    return np.moveaxis(basis, 0, -1)


def shade(light: AnyArray, normals: AnyArray) -> Array:  # (27,), (..., 3) -> (..., 3)
    """Linear RGB that a white matt surface with these unit normals sends out. Never negative."""
    flat, bands = np.reshape(np.asarray(normals, np.float32), (-1, 3)), np.asarray(light, np.float32).reshape(9, 3)
    out = np.empty_like(flat)
    for start in range(0, len(flat), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        np.maximum(sh_basis(flat[some]) @ bands, 0, out=out[some])
    return out.reshape(np.shape(normals))


def shading_gradient(light: AnyArray, normals: AnyArray) -> Array:  # (27,), (..., 3) -> (..., 3)
    """d(shading) / d(normal) of the light's mean over the channels: the harmonics are quadratic, so it is linear."""
    _, y, z, x, xy, yz, zz, xz, xx = np.asarray(light, np.float32).reshape(9, 3).mean(1) * _FACTORS
    bent = np.array([[2 * xx, xy, xz], [xy, -2 * xx, yz], [xz, yz, 6 * zz]], np.float32)
    return np.asarray(normals @ bent + np.array([x, y, z], np.float32), np.float32)


def rolled(light: AnyArray, angle: float) -> Array:  # (27,), radians -> (27,)
    """The light turned about the camera's axis, counter-clockwise as seen in the picture.

    A pair of harmonics of order m turns by m times the angle.
    """
    bands = np.asarray(light, np.float32).reshape(9, 3)
    if angle == 0:
        return bands.reshape(N_LIGHT)
    out = bands.copy()
    for first, second, order in ((3, 1, 1), (7, 5, 1), (8, 4, 2)):  # (x, y), (xz, yz), (x2-y2, xy)
        cos, sin = np.cos(order * angle), np.sin(order * angle)
        out[first] = cos * bands[first] - sin * bands[second]
        out[second] = sin * bands[first] + cos * bands[second]
    return out.reshape(N_LIGHT)


def lamp(direction: AnyArray, colour: AnyArray) -> Array:  # (3,) towards the lamp, (3,) linear RGB -> (27,)
    """A distant lamp: a white surface that faces it shades to about `colour`."""
    unit = np.asarray(direction, np.float32) / np.linalg.norm(direction)
    return np.outer(_COSINE * sh_basis(unit), np.asarray(colour, np.float32)).astype(np.float32).reshape(N_LIGHT)


def ambient(colour: AnyArray) -> Array:  # (3,) linear RGB -> (27,)
    """The same light from everywhere."""
    return (AMBIENT.reshape(9, 3) * np.asarray(colour, np.float32)).reshape(N_LIGHT)


def fit_light(albedo: AnyArray, normals: AnyArray, colours: AnyArray, ridge: float = 1e-3) -> Array:
    """The light that best explains linear `colours` (N, 3) of surfaces with linear `albedo` (N, 3), `normals` (N, 3).

    Least squares per channel; `ridge`, relative to the mean weight of a coefficient, keeps what the visible normals
    cannot tell near zero (a frontal face constrains light from behind only weakly). Returns (27,).
    """
    basis = sh_basis(normals)  # (N, 9)
    light = np.empty((9, 3), np.float32)
    for channel in range(3):
        rows = basis * np.asarray(albedo)[:, channel, None]
        gram = rows.T @ rows
        gram[np.diag_indices(9)] += ridge * max(float(np.trace(gram)) / 9, 1e-9) * _BAND_PENALTY
        light[:, channel] = np.linalg.solve(gram, rows.T @ np.asarray(colours)[:, channel])
    return light.reshape(N_LIGHT)


#: The constant term is always seen and costs nothing; higher bands pay more.
_BAND_PENALTY = np.array([0.05, 1, 1, 1, 2, 2, 2, 2, 2], np.float32)

#: Named lights for pictures that need none of their own. Studio: a soft key from the upper left, a cooler fill, a rim;
#: so bright that the middle of a face is as light as in its photo, whose skin is lit by 1 in the median.
PRESETS: dict[str, Array] = {
    "studio": lamp(np.array([-0.55, 0.6, 0.75]), np.array([1.00, 0.94, 0.87]))
    + lamp(np.array([0.9, 0.15, 0.45]), np.array([0.24, 0.26, 0.29]))
    + lamp(np.array([0.2, 0.7, -0.7]), np.array([0.28, 0.29, 0.32]))
    + ambient(np.array([0.28, 0.28, 0.29])),
    "daylight": lamp(np.array([0.2, 1.0, 0.35]), np.array([0.55, 0.58, 0.62])) + ambient(np.array([0.48, 0.49, 0.50])),
    "evening": lamp(np.array([0.8, 0.25, 0.5]), np.array([0.85, 0.60, 0.38]))
    + lamp(np.array([-0.8, 0.3, 0.2]), np.array([0.10, 0.14, 0.24]))
    + ambient(np.array([0.14, 0.15, 0.19])),
}
