"""Light: the spherical-harmonic convention, and finding a light back from what it shaded."""

import numpy as np
import pytest

from face3d_live.codes import AMBIENT
from face3d_live.lighting import PRESETS, fit_light, lamp, sh_basis, shade, to_linear, to_srgb


def sphere(n: int = 4000) -> np.ndarray:
    """Unit vectors spread evenly (Fibonacci lattice)."""
    i = np.arange(n) + 0.5
    z, angle = 1 - 2 * i / n, np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], -1).astype(np.float32)


def test_basis_is_orthonormal() -> None:
    basis = sh_basis(sphere())
    gram = basis.T @ basis * (4 * np.pi / len(basis))
    np.testing.assert_allclose(gram, np.eye(9), atol=2e-3)


def test_ambient_shades_to_one_everywhere() -> None:
    np.testing.assert_allclose(shade(AMBIENT, sphere(100)), 1, atol=1e-5)


def test_a_lamp_is_close_to_lambert() -> None:
    towards = np.array([0.3, 0.5, 0.8]) / np.linalg.norm([0.3, 0.5, 0.8])
    normals = sphere()
    truth = np.maximum(normals @ towards, 0)[:, None] * [0.5, 0.7, 0.9]
    # Nine terms hold over 99 % of the energy of a clamped cosine; the worst direction is off by 9.4 %.
    assert np.abs(shade(lamp(towards, np.array([0.5, 0.7, 0.9])), normals) - truth).max() < 0.09


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_light_is_found_back(name: str) -> None:
    rng = np.random.default_rng(3)
    normals = sphere()
    normals = normals[normals[:, 2] > 0.1]
    albedo = rng.uniform(0.2, 0.8, (len(normals), 3))
    colours = albedo * shade(PRESETS[name], normals) * rng.normal(1, 0.02, (len(normals), 1))
    found = fit_light(albedo, normals, colours)
    np.testing.assert_allclose(shade(found, normals), shade(PRESETS[name], normals), atol=0.04)


def test_no_light_from_a_handful_of_pixels_is_still_finite() -> None:
    one = np.array([[0.0, 0.0, 1.0]])
    found = fit_light(np.full((1, 3), 0.5), one, np.full((1, 3), 0.25))
    np.testing.assert_allclose(shade(found, one), 0.5, atol=0.02)


def test_gamma_round_trip() -> None:
    values = np.linspace(0, 1, 11)
    np.testing.assert_allclose(to_srgb(to_linear(values)), values, atol=1e-6)
