"""Inputs are checked where they enter: what is no picture, number or code is refused by name, shape and type."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face3d_live.camera import Camera
from face3d_live.checks import checked_finite, checked_picture, checked_rgb, checked_size
from face3d_live.codes import HeadCodes

NOT_RGB = {
    "float": np.zeros((8, 8, 3)),
    "float32 0..1": np.ones((8, 8, 3), np.float32),
    "16 bits": np.zeros((8, 8, 3), np.uint16),
    "signed": np.zeros((8, 8, 3), np.int8),
    "bool": np.zeros((8, 8, 3), bool),
    "objects": np.full((8, 8, 3), None),
    "grey": np.zeros((8, 8), np.uint8),
    "grey, one channel": np.zeros((8, 8, 1), np.uint8),
    "RGBA": np.zeros((8, 8, 4), np.uint8),
    "channels first": np.zeros((3, 8, 8), np.uint8),
    "a batch": np.zeros((1, 8, 8, 3), np.uint8),
    "no rows": np.zeros((0, 8, 3), np.uint8),
    "no columns": np.zeros((8, 0, 3), np.uint8),
    "empty": np.zeros(0, np.uint8),
    "a list": [[[0, 0, 0]]],
    "none": None,
    "bytes": b"\xff\xd8\xff",
    "a path": "face.jpg",
}


@pytest.mark.parametrize("kind", NOT_RGB)
def test_what_is_no_rgb_picture_is_refused_by_shape_and_type(kind):
    picture = NOT_RGB[kind]
    got = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
    with pytest.raises(ValueError, match=r"^frame: expected uint8 \(H, W, 3\), got ") as error:
        checked_rgb(picture, "frame")
    assert got in str(error.value)


def strided_views() -> list[np.ndarray]:
    """The same picture as views that are not contiguous, or not writable."""
    whole = np.random.default_rng(0).integers(0, 256, (10, 14, 3)).astype(np.uint8)
    bgr = whole[..., ::-1].copy()
    wide = np.zeros((20, 28, 4), np.uint8)
    wide[::2, ::2, :3] = whole
    frozen = whole.copy()
    frozen.flags.writeable = False
    return [whole, bgr[..., ::-1], whole[::-1].copy()[::-1], np.asfortranarray(whole), wide[::2, ::2, :3], frozen]


def test_strided_views_are_the_same_picture():
    whole, *views = strided_views()
    for view in views:
        checked = checked_rgb(view)
        assert checked.flags.c_contiguous and (checked == whole).all()
    assert checked_rgb(whole) is whole


def test_pictures_of_other_channels():
    assert checked_picture(np.zeros((4, 4, 4), np.uint8), (3, 4)).shape == (4, 4, 4)
    with pytest.raises(ValueError, match=r"texture: expected uint8 \(H, W, 3 or 4\), got uint8 \(4, 4\)"):
        checked_picture(np.zeros((4, 4), np.uint8), (3, 4), "texture")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan"), "1", None, True, 1j, [1.0]])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(ValueError, match="t: expected a"):
        checked_finite(value, "t")


def test_numbers_of_numpy_are_numbers():
    assert checked_finite(np.float32(0.5), "t") == 0.5 and checked_finite(np.int64(3), "t") == 3.0
    size = checked_size(np.int32(7), "width")
    assert size == 7 and type(size) is int


@pytest.mark.parametrize("value", [0, -1, 1.5, math.nan, "640", None])
def test_sizes_are_whole_and_above_zero(value):
    with pytest.raises(ValueError, match="width: expected a"):
        checked_size(value, "width")


@pytest.mark.parametrize(("width", "height", "focal"), [
    (0, 480, 640.0), (640, -1, 640.0), (640, 480, 0.0), (640, 480, -5.0), (640, 480, math.nan), (640, 480, math.inf),
    (math.nan, 480, 640.0), (640.5, 480, 640.0), ("640", 480, 640.0), (640, None, 640.0), (640, 480, None),
])  # fmt: skip
def test_cameras_of_nonsense_are_refused(width, height, focal):
    with pytest.raises(ValueError, match="expected a"):
        Camera(width, height, focal)


@pytest.mark.parametrize("degrees", [0.0, -10.0, 180.0, 400.0, math.nan])
def test_fields_of_view_are_angles(degrees):
    with pytest.raises(ValueError, match="vertical_degrees"):
        Camera.from_fov(640, 480, degrees)


def test_a_camera_keeps_plain_numbers():
    camera = Camera(np.int64(640), np.int32(480), np.float32(600))
    assert (type(camera.width), type(camera.height), type(camera.focal)) == (int, int, float)
    assert camera == Camera(640, 480, 600.0)


@pytest.mark.parametrize("name", ["shape", "expression", "texture", "rotation", "translation", "light"])
@pytest.mark.parametrize("damage", ["nan", "inf", "overflow", "short", "long", "nested", "text", "none", "complex",
                                    "bool", "ragged"])  # fmt: skip
def test_codes_of_nonsense_are_refused_by_name(name, damage):
    good = np.asarray(getattr(HeadCodes(), name), np.float64)
    values = {
        "nan": np.where(np.arange(good.size).reshape(good.shape) == 1, np.nan, good),
        "inf": good + np.inf,
        "overflow": good + 1e300,
        "short": good[:-1],
        "long": np.concatenate([good, good]),
        "nested": good[None],
        "text": ["0.5"] * len(good),
        "none": None,
        "complex": good + 1j,
        "bool": good > 0,
        "ragged": [[0.0], [0.0, 1.0]],
    }
    with pytest.raises(ValueError, match=f"^{name}: "):
        HeadCodes(**{name: values[damage]})
    with pytest.raises(ValueError):
        HeadCodes().with_(**{name: values[damage]})


@pytest.mark.slow
@given(st.lists(st.floats(width=32), min_size=52, max_size=52))
def test_codes_are_finite_or_refused(values):
    if np.isfinite(values).all():
        assert np.isfinite(HeadCodes(expression=np.array(values)).expression).all()
    else:
        with pytest.raises(ValueError, match=r"expression: .* not finite"):
            HeadCodes(expression=np.array(values))
