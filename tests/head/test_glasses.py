"""Glasses on heads: clear of the skin, over the ears, before the eyes."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from face3d_live.eyewear import STYLES
from face3d_live.head.glasses import glasses_mesh
from face3d_live.triangles import vertex_normals

DRAWN = STYLES[1:]


@pytest.fixture(scope="module", params=[0, 1, 2])
def neutral(request, head):
    shape = 1.2 * np.random.default_rng(request.param).normal(size=80) * (request.param > 0)
    return head.neutral(shape.astype(np.float32))


@pytest.mark.parametrize("style", DRAWN)
def test_they_sit_before_the_eyes_and_on_the_ears(style, head, neutral):
    made = glasses_mesh(style, head, neutral)
    eyes = [neutral[ball] for ball in head.eye_vertices]
    for eye, lens in zip(eyes, np.split(made.lenses.vertices, 2), strict=True):
        low, high = lens.min(0), lens.max(0)
        assert (low[:2] < eye.mean(0)[:2]).all() and (eye.mean(0)[:2] < high[:2]).all(), "the eye is in the lens"
        assert 0.008 < lens[0, 2] - eye[:, 2].max() < 0.03, "lens and cornea"
    ears = neutral[head.regions["ears"]]
    for side in (1, -1):
        mine = made.frame.vertices[made.frame.vertices[:, 0] * side > 0]
        ear = ears[ears[:, 0] * side > 0]
        end = mine[mine[:, 2].argmin()]
        assert abs(end[1] - ear[:, 1].max()) < 0.05 and end[2] < ear[:, 2].mean(), "the temple ends behind the ear"


@pytest.mark.parametrize("style", DRAWN)
def test_the_rims_are_clear_of_the_skin(style, head, neutral):
    """Of the front: the skin under each vertex, along the line of sight."""
    made = glasses_mesh(style, head, neutral)
    rims = made.lenses.vertices[[i for i in range(len(made.lenses.vertices)) if i % 45]]
    skin = neutral[head.part == 0]
    skin = skin[skin[:, 2] > 0.03]
    near = cKDTree(skin[:, :2]).query(rims[:, :2], k=3)[1]
    assert (rims[:, 2] - skin[near, 2].max(1)).min() > 0


@pytest.mark.parametrize("style", DRAWN)
def test_they_are_symmetric_and_face_outwards(style, head):
    made = glasses_mesh(style, head, head.template)
    mirrored = made.frame.vertices * (-1, 1, 1)
    assert cKDTree(made.frame.vertices).query(mirrored)[0].max() < 1.5e-3
    normals = vertex_normals(made.frame.vertices, made.frame.faces)
    assert np.isfinite(normals).all()
    rim = made.frame.vertices[: 8 * 44]  # of the left lens: its bar about its middle line
    away = rim.reshape(44, 8, 3) - rim.reshape(44, 8, 3).mean(1, keepdims=True)
    assert (np.einsum("nsk,nsk->ns", away, normals[: 8 * 44].reshape(44, 8, 3)) > 0).mean() > 0.99


def test_none_has_no_mesh(head):
    with pytest.raises(KeyError):
        glasses_mesh("none", head, head.template)
