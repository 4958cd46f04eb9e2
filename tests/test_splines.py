"""Splines against SciPy's."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline, PchipInterpolator

from face3d_live.splines import cubic_spline, monotone_cubic


@pytest.mark.parametrize("count", [4, 5, 9, 40])
def test_a_curve_through_points_is_scipys(count):
    rng = np.random.default_rng(count)
    x, y = np.cumsum(rng.uniform(0.1, 2, count)), rng.normal(size=(count, 3))
    at = np.linspace(x[0] - 0.3, x[-1] + 0.3, 200)
    np.testing.assert_allclose(cubic_spline(x, y, at), CubicSpline(x, y)(at), atol=1e-9)
    np.testing.assert_allclose(monotone_cubic(x, y[:, 0], at), PchipInterpolator(x, y[:, 0])(at), atol=1e-9)


def test_a_closed_curve_is_scipys():
    rng = np.random.default_rng(0)
    x, y = np.arange(13.0), rng.normal(size=(13, 2))
    y[-1] = y[0]
    at = np.linspace(0, 12, 100)
    np.testing.assert_allclose(cubic_spline(x, y, at, periodic=True), CubicSpline(x, y, bc_type="periodic")(at))


def test_a_level_stretch_stays_level():
    x, y = np.arange(6.0), np.array([0.0, 1, 1, 3, 2, 2])
    at = np.linspace(0, 5, 60)
    np.testing.assert_allclose(monotone_cubic(x, y, at), PchipInterpolator(x, y)(at), atol=1e-12)
