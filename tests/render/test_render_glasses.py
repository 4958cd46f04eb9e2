"""Glasses on the rendered head."""

import numpy as np
import pytest

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.eyewear import STYLES, Glasses
from face3d_live.render.renderer import Renderer

SIDE = 128
CAMERA = Camera.webcam(SIDE, SIDE)


@pytest.fixture(scope="module")
def renderer(head):
    made = Renderer(head, SIDE, SIDE, "low")
    yield made
    made.close()


def drawn(renderer, style, colour=None, **options):
    glasses = Glasses(style, colour)
    return renderer.render(HeadCodes(), CAMERA, glasses=glasses, **options)[..., :3].astype(int)


def test_each_style_is_another_picture_around_the_eyes(renderer):
    bare = drawn(renderer, "none")
    np.testing.assert_array_equal(bare, renderer.render(HeadCodes(), CAMERA)[..., :3])
    pictures = [drawn(renderer, style) for style in STYLES[1:]]
    for picture in pictures:
        changed = np.abs(picture - bare).max(2) > 30
        assert changed.mean() > 0.004 and not changed[: SIDE // 4].any() and not changed[2 * SIDE // 3 :].any()
    assert all(np.abs(a - b).mean() > 0.05 for i, a in enumerate(pictures) for b in pictures[:i])


def test_the_frame_has_its_colour_and_lenses_let_the_eyes_through(renderer):
    bare, red = drawn(renderer, "none"), drawn(renderer, "square", "#d01010")
    frame = (red[..., 0] - red[..., 1:].max(2)) > (bare[..., 0] - bare[..., 1:].max(2)) + 60
    assert frame.sum() > 40
    dark = drawn(renderer, "sunglasses")
    lenses = np.abs(dark - bare).max(2) > 60
    clear = np.abs(red - bare).max(2)[lenses & ~frame]
    assert np.median(clear) < 25, "what is behind clear lenses is seen"


def test_they_are_taken_off_again_and_fit_another_head(renderer):
    bare = drawn(renderer, "none")
    wide = HeadCodes(shape=np.r_[2.5, np.zeros(79)].astype(np.float32))
    with_them = renderer.render(wide, CAMERA, glasses=Glasses("square"))
    np.testing.assert_array_equal(
        with_them, renderer.render(wide, CAMERA, glasses=Glasses("square")), "the same head twice"
    )
    assert np.abs(with_them[..., :3].astype(int) - drawn(renderer, "square")).mean() > 1
    np.testing.assert_array_equal(drawn(renderer, "none"), bare)


def test_clay_has_none(renderer):
    np.testing.assert_array_equal(
        drawn(renderer, "square", mode="geometry"), renderer.render(HeadCodes(), CAMERA, mode="geometry")[..., :3]
    )
