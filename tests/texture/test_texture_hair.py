"""What hair a photo shows: beards that reach over the jaw, colours that hair has, the style that is chosen."""

import cv2
import numpy as np
import pytest
from texture_support import BACKGROUND, mottled, picture_of, posed

from face3d_live.camera import Camera
from face3d_live.head.hairline import above_hairline
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.analysis import analyse_skin
from face3d_live.texture.chart import CHART, chart_of
from face3d_live.texture.hair.scalp import paint_scalp
from face3d_live.texture.hair.style import FEATURES, HairStyleClassifier
from face3d_live.texture.hair.tone import HairTone, hair_tone
from face3d_live.texture.regions import share_of
from face3d_live.texture.sample import pose_head
from face3d_live.texture.texels import texels_of

CAMERA = Camera.webcam(512, 512)


@pytest.mark.parametrize(("where", "kept"), [(("chin", "jaw"), True), (("jaw",), False)])
def test_a_black_beard_reaches_over_the_jaw_and_a_collar_does_not(head, where, kept):
    texels, chart, codes = texels_of(head, 512), chart_of(head, CHART), posed(distance=0.45)
    hair = np.random.default_rng(0).integers(8, 42, (512, 512, 3))  # of any hue, as noise in a black beard is
    dark = texels.image(share_of(head, texels, where), pad=False)[..., None] > 0.5
    seen = pose_head(codes, CAMERA, head)
    shown = picture_of(head, codes, CAMERA, np.where(dark, hair, mottled(512)).astype(np.uint8))
    trust = chart.of(analyse_skin(shown, seen, Albedo.load()).trust)
    jaw = (share_of(head, chart, ("jaw",)) > 0.9) & (seen.view(chart).weight > 0.25)
    assert jaw.sum() > 100
    assert trust[jaw].mean() > 0.9 if kept else trust[jaw].mean() < 0.3


def shining(head, skin, scalp, behind):
    """(frame, mask of the head in it, codes) of a bare head whose scalp has another colour, before a wall."""
    codes, texels = posed(distance=0.5), texels_of(head, 256)
    texture = np.full((256, 256, 3), skin, np.uint8)
    grows = above_hairline(head, texels.at(head.topology("medium").refine(head.template))) > 0
    texture[texels.image(grows, pad=False)] = scalp
    shown = picture_of(head, codes, CAMERA, texture)
    person = (shown != BACKGROUND).any(2).astype(np.uint8)
    return np.where(person[..., None] > 0, shown, np.uint8(behind)), person, codes


def test_where_hair_recedes_its_colour_is_that_of_the_sides(head, monkeypatch):
    """The scalp shines in the light; what is left of the hair shows beside it."""
    monkeypatch.setattr(HairStyleClassifier, "style", lambda *_, **__: "receding")
    frame, person, codes = shining(head, (205, 160, 130), (250, 232, 215), 215)
    rows, columns = np.nonzero(person.any(1))[0], np.arange(512)
    beside = (cv2.dilate(person, np.ones((45, 45), np.uint8)) > person) & (np.abs(columns - 256) > 75)
    beside[: rows[0] + 40] = beside[(rows[0] + rows[-1]) // 2 :] = False
    frame[beside] = (40, 32, 28)
    tone = hair_tone(frame, pose_head(codes, CAMERA, head))
    assert tone.style == "receding"
    np.testing.assert_allclose(255 * tone.colour, (40, 32, 28), atol=20)


@pytest.mark.parametrize("around", [None, (45, 36, 30)])
def test_a_scalp_that_shines_is_shaved_unless_hair_stands_off_it(head, around, monkeypatch):
    monkeypatch.setattr(HairStyleClassifier, "style", lambda *_, **__: "short")
    monkeypatch.setattr(HairStyleClassifier, "bareness", lambda *_: 0.5)
    frame, person, codes = shining(head, (190, 142, 115), (228, 185, 163), 240)
    if around is not None:
        hair = cv2.dilate(person, np.ones((41, 41), np.uint8)) > person
        hair[256:] = False
        frame[hair] = around
    tone = hair_tone(frame, pose_head(codes, CAMERA, head))
    if around is None:
        assert tone.style == "bald"
    else:
        assert tone.style == "short"
        np.testing.assert_allclose(255 * tone.colour, around, atol=25)


@pytest.mark.parametrize(
    ("hair", "blue"),
    [((40, 54, 70), False), ((60, 72, 62), False), ((20, 95, 135), True)],  # the sky and leaves in it; dyed
)
def test_hair_is_not_faintly_blue_or_green(head, hair, blue):
    texels, codes = texels_of(head, 512), posed(distance=0.5)
    skin = np.dstack([mottled(512), np.full((512, 512), 255, np.uint8)])
    shown = paint_scalp(skin, HairTone(np.float32(hair) / 255), head, texels)
    red, green, _ = tone = hair_tone(
        picture_of(head, codes, CAMERA, shown[..., :3]), pose_head(codes, CAMERA, head)
    ).colour
    assert (tone[2] > red + 0.1) if blue else red >= green >= tone[2]


def classifier(chances, cost):
    """Of these probabilities, whatever it is given."""
    styles = ("bald", "long", "short", "swept_back")
    blank = np.zeros(FEATURES, np.float32)
    weight = np.zeros((FEATURES, len(styles)), np.float32)
    return HairStyleClassifier(weight, np.log(np.float32(chances)), blank, blank + 1, np.float32(cost), styles)


def test_the_style_is_the_one_that_costs_least():
    same = 1 - np.eye(4)
    near = same.copy()
    near[2, 3] = near[3, 2] = 0.5
    features = np.zeros(FEATURES, np.float32)
    chances = (0.05, 0.40, 0.30, 0.25)
    assert classifier(chances, same).style(features) == "long"
    assert classifier(chances, near).style(features) == "short", "right or near more often"
    assert classifier((0.6, 0.2, 0.1, 0.1), same).style(features) == "bald"
    assert classifier((0.6, 0.2, 0.1, 0.1), same).style(features, bare=False) == "long"
    assert classifier((0.45, 0.25, 0.2, 0.1), same).style(features) == "long", "bald only at a half"
