"""Teeth have the colour that a photo shows, in the texture and where it is drawn."""

import numpy as np
import pytest
from texture_support import mottled, picture_of, posed

from face3d_live.camera import Camera
from face3d_live.codes import ARKIT
from face3d_live.export.inner_parts import inner_parts
from face3d_live.lighting import to_linear
from face3d_live.render.mouth import PLAIN_MOUTH, MouthPlaces
from face3d_live.render.renderer import Renderer
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.complete import complete
from face3d_live.texture.sample import pose_head
from face3d_live.texture.teeth import TEETH, middle_tooth, paint_teeth, tooth_colour
from face3d_live.texture.texels import texels_of

CAMERA = Camera.webcam(512, 512)


@pytest.fixture(scope="module")
def plain(head):  # (512, 512, 4)
    """The texture of a head of which nothing is known."""
    skin = mottled(512)
    return complete(skin, np.zeros((512, 512), np.float32), Albedo.load().plain(np.zeros(50, np.float32), 512), head)


def smiling(amount=0.5):
    expression = np.zeros(52, np.float32)
    expression[[ARKIT.index(name) for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight")]] = amount
    return posed(distance=0.35, expression=expression)


def with_teeth(head, colour):
    texels, shown = texels_of(head, 512), mottled(512)
    shown[texels.image(texels.part) == TEETH] = colour
    return shown


@pytest.mark.parametrize("colour", [(225, 195, 140), (235, 230, 220), (150, 128, 100)])
def test_teeth_have_the_photos_colour(head, colour):
    texels, codes = texels_of(head, 512), smiling()
    found = tooth_colour(
        picture_of(head, codes, CAMERA, with_teeth(head, colour)), pose_head(codes, CAMERA, head), texels
    )
    got, wanted = (to_linear(np.float32(each)) for each in (found, np.array(colour) / 255))
    np.testing.assert_allclose(got / got[0], wanted / wanted[0], rtol=0.12)


def test_lips_and_a_closed_mouth_tell_nothing(head):
    texels, lips = texels_of(head, 512), with_teeth(head, (150, 80, 70))
    for codes in (smiling(), smiling(0.0)):
        shown = picture_of(head, codes, CAMERA, lips)
        assert tooth_colour(shown, pose_head(codes, CAMERA, head), texels) is None
    known = np.array([0.9, 0.8, 0.6], np.float32)
    assert middle_tooth([None, known, None])[2] == known[2]
    assert middle_tooth([None]) is None


def test_painted_teeth_are_drawn_and_exported(head, plain):
    texels, mesh = texels_of(head, 512), head.topology("medium")
    places = MouthPlaces(head, mesh)
    usual = places.look_in(plain)
    assert np.abs(np.log(usual.teeth)).max() < 0.15 and (usual.flesh == 1).all()
    yellow = paint_teeth(plain, texels, np.float32([0.85, 0.72, 0.45]))
    assert paint_teeth(plain, texels, None) is plain
    changed = (yellow != plain).any(2)
    assert changed.any() and not changed[texels.image(texels.part) != TEETH].any()
    look = places.look_in(yellow)
    assert look.teeth[2] / look.teeth[0] < 0.5
    assert places.look_in(mottled(512)) is PLAIN_MOUTH, "no teeth are there"
    before, after = (inner_parts(head, "medium", each).pictures["teeth"].reshape(-1, 3) for each in (plain, yellow))
    assert after.max(0)[2] < before.max(0)[2] - 30


def test_without_colours_the_mouth_is_grey_too(head, plain):
    grey = plain.copy()
    grey[..., :3] = grey[..., :3].mean(2, keepdims=True)
    renderer = Renderer(head, 256, 256, "low", samples=4)
    codes = smiling(0.7)
    colours = []
    for texture in (plain, grey):
        renderer.set_texture(texture)
        shown = renderer.render(codes, Camera.webcam(256, 256))[180:206, 104:152, :3].astype(int)
        colours.append((shown.max(2) - shown.min(2)).max())
    assert colours[0] > 60 and colours[1] < 25
    renderer.close()
