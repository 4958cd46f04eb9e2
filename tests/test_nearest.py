"""Nearest neighbours against SciPy's."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from face3d_live.nearest import nearest


@pytest.mark.parametrize("count", [1, 2, 9, 1000])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_they_are_the_nearest(count, axes):
    rng = np.random.default_rng(count)
    points, places = (rng.normal(size=(n, axes)).astype(np.float32) for n in (count, 300))
    distance, which = nearest(points, places)
    np.testing.assert_allclose(distance, cKDTree(points).query(places)[0], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(points[which] - places, axis=1), distance, atol=1e-6)


def test_the_same_point_many_times():
    points = np.repeat(np.eye(3, dtype=np.float32), 50, axis=0)
    distance, which = nearest(points, points[[0, 60, 149]])
    assert distance.tolist() == [0, 0, 0] and (which // 50).tolist() == [0, 1, 2]
