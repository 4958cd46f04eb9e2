"""The alignment: the published procedure, written out plainly, gives the same picture and the same place."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from face3d_live.head.points import EYE_CORNERS
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.regress.deep3d.alignment import MEAN_POINTS, Placement, aligned_crop, extract, five_points, pos

pytestmark = pytest.mark.slow


def plainly(rgb: np.ndarray, five: np.ndarray) -> np.ndarray:
    """The whole frame scaled, then cut, as the paper's code does it; five: (5, 2) pixel indices, y down."""
    height, width = rgb.shape[:2]
    points = five.copy()
    points[:, 1] = height - 1 - points[:, 1]
    rows, values = [], []
    for (u, v), (x, y, z) in zip(points, MEAN_POINTS, strict=True):
        rows += [[x, y, z, 1, 0, 0, 0, 0], [0, 0, 0, 0, x, y, z, 1]]
        values += [u, v]
    k = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    scale = 102 / ((np.linalg.norm(k[:3]) + np.linalg.norm(k[4:7])) / 2)
    w, h = int(width * scale), int(height * scale)
    left = int(w / 2 - 112 + (k[3] - width / 2) * scale)
    top = int(h / 2 - 112 + (height / 2 - k[7]) * scale)
    scaled = Image.fromarray(rgb).resize((w, h), Image.Resampling.BICUBIC)
    return np.asarray(scaled.crop((left, top, left + 224, top + 224)))


def noise(width: int, height: int) -> np.ndarray:
    small = np.random.default_rng(1).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def face(x: float, y: float, size: float, roll: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    """Five points around (x, y) in pixels, `size` pixels a decimetre."""
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    flat = (MEAN_POINTS @ turn.T)[:, :2] * (size, -size)
    return flat @ Crop(0, 0, 1, roll).axes + (x, y)


@pytest.mark.parametrize(("size", "five"), [
    ((640, 480), face(320.3, 240.4, 70.7)), ((640, 480), face(300.3, 251.7, 93.1, roll=0.3)),
    ((320, 240), face(10.3, 20.6, 61.7)), ((480, 640), face(470.2, 630.7, 81.3, yaw=0.6)),
    ((200, 200), face(99.7, 101.3, 401.9)), ((97, 61), face(50.1, 30.3, 12.3)),
    ((1600, 1200), face(801, 399.2, 300, roll=-0.5, yaw=-0.4)),
])  # fmt: skip
def test_the_picture_is_that_of_the_published_procedure(size, five) -> None:
    rgb = noise(*size)
    picture, _ = extract(rgb, aligned_crop(five + 0.5))  # frame pixels: a half more than indices
    wanted = plainly(rgb, five)
    away = np.abs(picture.astype(int) - wanted)  # PIL keeps the part's corners in single precision
    assert away.max() <= 3 and away.mean() < 0.1
    assert picture.std() > 5


@pytest.mark.parametrize("roll", [0.0, 0.5, -2.0, np.pi])
def test_the_mean_face_lies_in_the_picture_where_the_mean_points_say(roll) -> None:
    """The turned-back frame's crop: the face is upright in it, 102 pixels a decimetre, its origin in the middle."""
    five = face(300, 200, 87.0, roll)
    crop = aligned_crop(five, roll)
    assert crop.half == pytest.approx(112 / 102 * 87, rel=1e-6)
    flat = MEAN_POINTS[:, :2] * (1, -1) * 102 / 112
    assert crop.from_frame(five) == pytest.approx(flat, abs=1.5 / 87)  # half a pixel, see `aligned_crop`


def test_the_square_that_is_told_is_the_one_that_is_shown() -> None:
    """A bright dot of the frame is found again through the crop."""
    rgb = np.zeros((480, 640, 3), np.uint8)
    rgb[198:204, 330:336] = 255
    picture, shown = extract(rgb, aligned_crop(face(310, 215, 70)))
    rows, columns = np.nonzero(picture[..., 0] > 127)
    seen = np.array([columns.mean() + 0.5, rows.mean() + 0.5]) / 112 - 1
    assert shown.to_frame(seen) == pytest.approx((333, 201), abs=0.35)


def test_scaled_orthography_finds_scale_and_place() -> None:
    translation, scale = pos(MEAN_POINTS[:, :2] * 50 + (7, -3))
    assert translation == pytest.approx((7, -3)) and scale == pytest.approx(50)


@pytest.mark.parametrize("bad", [np.full((5, 2), np.nan), np.zeros((5, 2)), np.full((5, 2), np.inf)])
def test_points_that_are_none_are_refused(bad) -> None:
    with pytest.raises(ValueError, match="five points"):
        aligned_crop(bad)


def test_a_square_moved_and_enlarged_moves_and_enlarges_the_crop(head) -> None:
    """So test-time augmentation, and the detector's anchor, work as with the project's own network."""
    place = Placement(head.point_basis().mean)
    points = head.point_basis().mean[:, :2] * (900, -900) + (320, 240)
    square = crop_from_points(points)
    own = place(square, points)
    assert own == aligned_crop(five_points(points))
    for field in ("x", "y", "half"):
        assert getattr(place(square), field) == pytest.approx(getattr(own, field), rel=0.02)
    moved = place(Crop(square.x + 30, square.y - 12, square.half * 1.2), points)
    offset = np.array([own.x - square.x, own.y - square.y]) * 1.2
    assert (moved.x, moved.y) == pytest.approx((square.x + 30 + offset[0], square.y - 12 + offset[1]), abs=1e-6)
    assert moved.half == pytest.approx(1.2 * own.half)


@pytest.mark.parametrize("roll", [0.7, -1.6])
def test_a_turned_square_gives_a_turned_crop(head, roll) -> None:
    place, axes = Placement(head.point_basis().mean), Crop(0, 0, 1, roll).axes
    upright = head.point_basis().mean[:, :2] * (900, -900)
    points = upright @ axes + (320, 240)
    crop, plain = place(crop_from_points(points, roll), points), place(crop_from_points(upright), upright)
    assert crop.roll == roll and crop.half == pytest.approx(plain.half, rel=1e-5)
    assert crop.from_frame(points) == pytest.approx(plain.from_frame(upright), abs=0.01)


@pytest.mark.parametrize("points", [np.full((478, 2), np.nan), np.zeros((478, 2))])
def test_points_that_are_none_leave_the_usual_place(head, points) -> None:
    place, square = Placement(head.point_basis().mean), Crop(100, 90, 40)
    assert place(square, points) == place(square)


@pytest.mark.parametrize("crop", [Crop(50, 40, 1e9), Crop(-900, 40, 30), Crop(50, 40, 1e-9), Crop(1e7, 1e7, 20)])
def test_no_crop_is_too_wild(crop) -> None:
    picture, shown = extract(noise(96, 64), crop)
    assert picture.shape == (224, 224, 3) and np.isfinite([shown.x, shown.y, shown.half]).all()


def test_the_five_points_of_a_head_are_eyes_nose_and_mouth(head) -> None:
    mean = head.point_basis().mean
    left, right, nose, *mouth = five_points(mean)
    assert left[0] < 0 < right[0] and abs(right[0] - left[0]) < np.ptp(mean[list(EYE_CORNERS), 0])
    assert nose[2] == pytest.approx(mean[:, 2].max(), abs=0.002)  # the tip
    assert mouth[0][0] < 0 < mouth[1][0] and mouth[0][1] < nose[1] < left[1]
