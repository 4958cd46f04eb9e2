"""Colour differences against published ones; figures of a texture whose truth is known."""

import numpy as np
import pytest

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.texture.regions import share_of
from face3d_live.texture.sample import pose_head
from face3d_live.texture.texels import texels_of
from face3d_live.train.evaluate.skin import PLACES, ciede2000, lab, skin_figures

#: Pairs of CIELAB and their difference: Sharma, Wu and Dalal (2005), table 1.
PUBLISHED = [
    (50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425),
    (50, 0, 0, 50, -1, 2, 2.3669),
    (50, 2.49, -0.001, 50, -2.49, 0.0009, 7.1792),
    (50, 2.49, -0.001, 50, -2.49, 0.0011, 7.2195),
    (50, -0.001, 2.49, 50, 0.0009, -2.49, 4.8045),
    (50, 2.5, 0, 50, 0, -2.5, 4.3065),
    (50, 2.5, 0, 73, 25, -18, 27.1492),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
    (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
]


def test_colour_differences_are_the_published_ones():
    pairs = np.array(PUBLISHED)
    np.testing.assert_allclose(ciede2000(pairs[:, :3], pairs[:, 3:6]), pairs[:, 6], atol=1e-4)
    np.testing.assert_allclose(ciede2000(pairs[:, 3:6], pairs[:, :3]), pairs[:, 6], atol=1e-4)
    assert lab(np.array([1.0, 1.0, 1.0]))[0] == pytest.approx(100, abs=0.01)


def test_what_is_not_observed_and_what_has_another_colour_is_told(head):
    texels = texels_of(head, 128)
    camera = Camera.webcam(200, 200)
    codes = HeadCodes(translation=np.array([0, 0, -0.6], np.float32))
    photo = np.full((200, 200, 3), (190, 140, 120), np.uint8)
    texture = np.full((128, 128, 4), (190, 140, 120, 255), np.uint8)
    same = skin_figures(photo, photo, texture, codes, camera, head, texels)
    assert same.observed == 1 and set(same.colours) == set(same.tones) == set(PLACES)
    assert max(*same.colours.values(), *same.tones.values()) < 0.1
    forehead = texels.image(share_of(head, texels, ("forehead",)), pad=False) > 0.5
    texture[forehead] = (120, 90, 80, 254)
    other = skin_figures(photo, photo, texture, codes, camera, head, texels)
    seen = pose_head(codes, camera, head).view(texels).weight > 0.25
    assert 0.5 < other.observed < 0.9 and seen.any()
    assert other.tones["forehead"] > 10 and other.tones["chin"] < 0.1 and other.colours["forehead"] < 0.1
