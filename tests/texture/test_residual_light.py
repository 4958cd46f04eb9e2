"""Shadows and highlights that harmonics leave in a texture are softened; what belongs to the skin stays."""

import numpy as np

from face3d_live.texture.chart import CHART, chart_of
from face3d_live.texture.regions import face_on_chart, share_of
from face3d_live.texture.residual_light import SHADED, residual_light

SKIN = np.array([0.45, 0.27, 0.20], np.float32)  # linear


def side(head):
    """(CHART, CHART) bool: the left half of the chart's face, with a sharp edge, away from the middle."""
    texels = chart_of(head, CHART)
    face = texels.image(face_on_chart(head), pad=False) > 0.95
    return face & (np.arange(CHART) < CHART / 2 - 6)


def softened(albedo, photo, head):
    """(the albedo as corrected, the light found)."""
    whole = np.ones((CHART, CHART), np.float32)
    expected = np.broadcast_to(SKIN, (CHART, CHART, 3)).astype(np.float32)
    found = residual_light(albedo, photo, whole, expected, head)
    return albedo * found.gain, found


def skin():
    return np.tile(SKIN, (CHART, CHART, 1)).astype(np.float32)


def test_even_skin_is_not_touched(head):
    mended, found = softened(skin(), skin(), head)
    np.testing.assert_allclose(mended, skin(), rtol=1e-3)
    assert found.shaded == 0 and found.dark.max() == 0


def test_a_hard_shadow_on_one_side_is_lifted_and_told(head):
    dark, shadowed = side(head), skin()
    shadowed[dark] *= 0.22
    mended, found = softened(shadowed, shadowed, head)
    left = np.median(mended[dark], 0) / SKIN
    assert (left > 0.55).all() and (left < 1.05).all()
    bright = mended[:, ::-1][dark]
    np.testing.assert_allclose(np.median(bright, 0), SKIN, rtol=0.05)
    assert found.shaded > SHADED
    assert found.dark.max() == 0  # it still shows enough


def test_what_is_nearly_black_comes_from_the_other_side(head):
    dark, shadowed = side(head), skin()
    shadowed[dark] *= 0.04
    assert np.median(softened(shadowed, shadowed, head)[1].dark[dark]) == 1


def test_moles_wrinkles_and_things_of_another_colour_stay(head):
    marked, where = skin(), side(head)
    rows, columns = np.nonzero(where)
    for k in range(0, len(rows), 157):
        marked[rows[k] : rows[k] + 2, columns[k] : columns[k] + 2] *= 0.4
    mended, _ = softened(marked, marked, head)
    spots = (marked < SKIN * 0.6).all(2)
    assert np.median(mended[spots] / marked[spots]) < 1.2
    painted = skin()
    painted[where] *= (0.2, 0.7, 1.5)
    mended, found = softened(painted, painted, head)
    np.testing.assert_allclose(np.median(mended[where] / painted[where], 0), 1, atol=0.12)
    assert found.shaded < SHADED


def test_a_highlight_is_lowered_and_gets_its_hue_back(head):
    texels = chart_of(head, CHART)
    shiny = texels.image(share_of(head, texels, ("forehead",)), pad=False) > 0.9
    bright = skin()
    bright[shiny] = bright[shiny] + 0.5
    mended, _ = softened(bright, bright, head)
    before, after = np.median(bright[shiny], 0), np.median(mended[shiny], 0)
    assert after.mean() < 0.85 * before.mean() and (after > SKIN).all()
    assert after[0] / after[2] > 1.1 * before[0] / before[2]
