"""The crop: exact coordinates, edges repeated, nothing aliased."""

import numpy as np
import pytest

from face3d_live.regress.crop import CROP_SIZE, Crop, crop_from_points, extent


def gradient(height: int, width: int) -> np.ndarray:
    """A picture whose red is the x and green the y of each pixel's centre, times 0.2."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x * 0.2, y * 0.2, 0 * x], -1).round().astype(np.uint8)


@pytest.mark.parametrize("half", [20.0, 56.0, 90.0, 200.0])
def test_pixels_and_coordinates_agree(half: float) -> None:
    """The colour at a crop pixel is that of the frame place its coordinates stand for, at any scale."""
    crop = Crop(510.3, 470.8, half)
    picture = crop.extract(gradient(1000, 1000)).astype(float)
    centers = (np.arange(CROP_SIZE) + 0.5) / CROP_SIZE * 2 - 1
    expected = crop.to_frame(np.stack([centers, centers], -1)) * 0.2
    assert picture[50, :, 0] == pytest.approx(expected[:, 0], abs=1.1)
    assert picture[:, 50, 1] == pytest.approx(expected[:, 1], abs=1.1)
    assert abs((picture[50, :, 0] - expected[:, 0]).mean()) < 0.15


def test_to_frame_and_back() -> None:
    crop = Crop(31.0, 12.5, 8.0)
    points = np.random.default_rng(0).uniform(-1, 1, (7, 2))
    assert crop.from_frame(crop.to_frame(points)) == pytest.approx(points, abs=1e-5)
    assert crop.to_frame(np.array([-1.0, 1.0])) == pytest.approx([23.0, 20.5])


def test_beyond_the_frame_the_edge_is_repeated() -> None:
    frame = np.full((100, 100, 3), 50, np.uint8)
    frame[:, 0] = 200
    picture = Crop(0, 50, 40).extract(frame)
    assert (picture[:, :50] == 200).all() and (picture[:, 70:] == 50).all()


def test_fine_stripes_become_grey() -> None:
    frame = np.zeros((800, 800, 3), np.uint8)
    frame[:, ::2] = 255
    picture = Crop(400, 400, 350).extract(frame)
    assert picture.std() < 12 and picture.mean() == pytest.approx(127, abs=3)


def test_rule() -> None:
    crop = crop_from_points(np.array([[10.0, 20.0], [50.0, 120.0], [30.0, 40.0]]))
    assert (crop.x, crop.y, crop.half) == (30.0, 70.0, 70.0)


def test_extent_is_that_of_the_columns() -> None:
    points = np.random.default_rng(3).normal(size=(478, 2)).astype(np.float32)
    low, high = extent(points)
    np.testing.assert_array_equal(low, points.min(0))
    np.testing.assert_array_equal(high, points.max(0))
