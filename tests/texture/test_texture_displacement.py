"""Relief from shading: a head with folds is lit and drawn, and its folds are found again."""

import cv2
import numpy as np
import pytest
from texture_support import posed

from face3d_live.camera import Camera
from face3d_live.lighting import ambient, lamp, shade, to_linear, to_srgb
from face3d_live.raster import rasterize
from face3d_live.texture.displacement import MOST, SIZE, displaced, estimate_displacement, normal_map
from face3d_live.texture.portrait import OBSERVED, texture_from_photo
from face3d_live.texture.regions import share_of
from face3d_live.texture.texels import texels_of

CAMERA = Camera.webcam(512, 512)
FRONT = ambient(np.full(3, 0.6)) + lamp(np.array([0, 0.2, 1.0]), np.full(3, 0.6))
ASIDE = ambient(np.full(3, 0.5)) + lamp(np.array([0.8, 0.3, 0.6]), np.full(3, 0.8))


@pytest.fixture(scope="module")
def folds(head):
    """(SIZE, SIZE) metres: upright grooves over cheeks and forehead."""
    texels = texels_of(head, SIZE)
    u = texels.image((texels.index % SIZE).astype(np.float32))
    where = texels.image(share_of(head, texels, ("cheeks", "forehead")))
    return (-4e-4 * np.clip(np.cos(2 * np.pi * u / 14), 0, 1) ** 2 * where).astype(np.float32)


def photo_of(head, folds, light, skin):
    """(512, 512, 3) of a displaced high mesh, and its codes."""
    codes = posed(distance=0.42, light=light)
    mesh = head.topology("high")
    vertices = displaced(mesh.refine(head.template), mesh, folds)
    space = vertices + codes.translation
    lit = shade(light, mesh.normals(vertices))
    cover = rasterize(CAMERA.project(space), mesh.faces, 512, 512, -1 / space[:, 2])
    uv = (mesh.uv[mesh.face_uv[cover.triangle]] * cover.weights[..., None]).sum(-2)
    column, row = np.clip((uv * (256, -256) + (0, 256)).astype(int), 0, 255).transpose(2, 0, 1)
    shading = (lit[mesh.faces[cover.triangle]] * cover.weights[..., None]).sum(-2)
    colour = to_srgb(to_linear(skin[row, column]) * shading)
    return np.where(cover.triangle[..., None] >= 0, colour * 255 + 0.5, 30).astype(np.uint8), codes


def found_in(head, albedo, folds, light):
    rgb, codes = photo_of(head, folds, light, albedo.mean)
    skin = texture_from_photo(rgb, codes, CAMERA, head, albedo, 512)
    seen = skin.texture[..., 3] == OBSERVED
    depth = estimate_displacement(skin.texture, seen, skin.codes, head, albedo)
    return depth, cv2.resize(seen.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_AREA) > 0.5


@pytest.mark.parametrize("light", [FRONT, ASIDE], ids=["front", "aside"])
@pytest.mark.slow
def test_folds_are_found_where_they_are(head, albedo, folds, light):
    texels = texels_of(head, SIZE)
    depth, seen = found_in(head, albedo, folds, light)
    smooth, _ = found_in(head, albedo, np.zeros_like(folds), light)
    cheeks = seen & (texels.image(share_of(head, texels, ("cheeks", "forehead")), pad=False) > 0.99) & (depth != 0)
    band = folds - 1.0 * np.mean(folds[cheeks])
    # Light from the front darkens both flanks of a groove, so that its place is found but not its exact profile.
    assert np.corrcoef(depth[cheeks], band[cheeks])[0, 1] > 0.35
    assert depth[cheeks].std() > 2 * smooth[cheeks].std()
    assert np.abs(depth).max() <= MOST


@pytest.mark.slow
def test_features_and_the_unseen_stay_as_they_are(head, albedo, folds):
    texels = texels_of(head, SIZE)
    depth, seen = found_in(head, albedo, folds, ASIDE)
    for names in (("lips_upper", "lips_lower"), ("brows_left", "brows_right"), ("scalp",)):
        inner = texels.image(share_of(head, texels, names), pad=False) > 0.9
        assert (depth[inner] == 0).all()
    assert (
        estimate_displacement(np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), bool), posed(), head, albedo) == 0
    ).all()
    assert (depth[~texels.covered] == 0).all() and seen.any()


def test_a_flat_displacement_is_a_flat_normal_map_and_moves_nothing(head):
    flat = np.zeros((SIZE, SIZE), np.float32)
    assert (normal_map(flat, posed(), head) == (128, 128, 255)).all()
    mesh = head.topology("medium")
    vertices = mesh.refine(head.template)
    assert np.array_equal(displaced(vertices, mesh, flat), vertices)


def test_normals_lean_away_from_a_rise(head):
    """A bump on the forehead: left of it normals lean to the left, above it upwards."""
    texels = texels_of(head, SIZE)
    forehead = texels.image(share_of(head, texels, ("forehead",)), pad=False) > 0.9
    row, column = (int(np.median(at)) for at in np.nonzero(forehead))
    y, x = np.mgrid[:SIZE, :SIZE]
    bump = (5e-4 * np.exp(-((x - column) ** 2 + (y - row) ** 2) / 18)).astype(np.float32)
    picture = normal_map(bump, posed(), head).astype(int)
    assert picture[row, column - 3, 0] < 118 < 138 < picture[row, column + 3, 0]
    assert picture[row - 3, column, 1] > 138 > 118 > picture[row + 3, column, 1]


def test_vertices_move_along_their_normals(head):
    mesh = head.topology("medium")
    vertices = mesh.refine(head.template)
    moved = displaced(vertices, mesh, np.full((SIZE, SIZE), 5e-4, np.float32)) - vertices
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 5e-4, rtol=0.01)
    assert ((moved * mesh.normals(vertices)).sum(1) > 4.9e-4).all()
