"""What is drawn on the head lies where it belongs, on any head."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from face3d_live.codes import INDEX
from face3d_live.hairstyle import Hair
from face3d_live.head.hairline import ALPHA_OF
from face3d_live.head.model import Head
from face3d_live.head.points import BROW_LEFT, LIPS_OUTER
from face3d_live.render import features, gpu, hair, lashes
from face3d_live.render.ambient_occlusion import ambient_occlusion
from face3d_live.render.eyes import EyePlaces
from face3d_live.render.pictures import over, resized_to_cover, roots, studio, unmultiply
from face3d_live.texture.eyes import EyeColours, paint_eyes
from face3d_live.texture.texels import texels_of

CHIN, NOSE_TIP, FOREHEAD, LOWER_LIP_MIDDLE = 152, 4, 151, 17


@pytest.fixture(scope="module")
def drawn(head: Head) -> features.Features:
    low = head.topology("low")
    return features.measure(head, low, np.ones(len(low.part), np.float32))


def at_point(head: Head, drawn: features.Features, point: int, trait: int) -> float:
    """A trait at the vertex next to a MediaPipe point."""
    vertex = head.point_faces[point][head.point_weights[point].argmax()]
    return float(drawn.trait[np.flatnonzero(head.topology("low").split_vertex == vertex)[0], trait])


def test_every_triangle_has_one_material(head: Head, drawn: features.Features) -> None:
    groups = dict(drawn.groups)
    face = groups.pop("face")
    together = np.concatenate(list(groups.values()))
    assert set(groups) == {"skin", "hair", "eye", "mouth"} and all(map(len, groups.values()))
    assert sorted(map(tuple, together)) == sorted(map(tuple, head.topology("low").face_uv))
    outer = {*map(tuple, groups["skin"]), *map(tuple, groups["hair"])}
    assert 0.15 * len(outer) < len(face) < 0.7 * len(outer) and {*map(tuple, face)} < outer


def test_hair_grows_on_the_skull_and_not_in_the_face(head: Head, drawn: features.Features) -> None:
    depth, rest = drawn.trait[:, 2], drawn.rest
    crown = rest[:, 1] > rest[:, 1].max() - 0.01
    assert (depth[crown] > 0.02).all()
    for point in (CHIN, NOSE_TIP, FOREHEAD, *LIPS_OUTER, *BROW_LEFT):
        assert at_point(head, drawn, point, 2) < -0.004


def test_lips_are_red_inside_their_outline_only(head: Head, drawn: features.Features) -> None:
    assert at_point(head, drawn, NOSE_TIP, 1) == at_point(head, drawn, CHIN, 1) == 0
    lips = drawn.trait[:, 1][(drawn.part == 0)]
    assert 30 < (lips > 0.9).sum() < 0.15 * len(lips)
    on_outline = [at_point(head, drawn, p, 1) for p in LIPS_OUTER]
    assert 0.1 < np.mean(on_outline) < 0.95


def test_the_neck_ends_below_the_chin(head: Head, drawn: features.Features) -> None:
    end = drawn.trait[:, 3]
    assert end.min() < 1e-4 and at_point(head, drawn, CHIN, 3) > 0.02
    assert drawn.rest[end < 1e-4, 1].max() < head.points(head.template)[NOSE_TIP, 1]


def test_lashes_stay_on_the_lid_as_it_falls(head: Head) -> None:
    ribbons = lashes.measure(head)
    assert all(6 <= len(margin) <= 30 for margin in ribbons.margins)
    rng = np.random.default_rng(1)
    for blink in (0.0, 0.5, 1.0):
        shape = rng.normal(0, 1, 80).astype(np.float32)
        expression = np.zeros(52, np.float32)
        expression[INDEX["eyeBlinkLeft"]] = blink
        vertices = head.vertices(shape, expression)
        placed = ribbons.place(vertices).reshape(2, 3, -1, 3)
        roots_, tips = placed[:, 0], placed[:, 2]
        skin = vertices[head.part == 0]
        gap = np.linalg.norm(roots_[0, ::5, None] - skin[None], axis=-1).min(1)
        assert gap.max() < 0.0025
        length = np.linalg.norm(tips - roots_, axis=-1)
        assert length.min() > 0.002 and length.max() < 0.008
        assert (tips[..., 2] > roots_[..., 2]).mean() > 0.9  # out of the face
    open_, closed = (ribbons.place(head.vertices(np.zeros(80), _blink(b)))[: len(ribbons.along) // 2] for b in (0, 1))
    assert (closed[:, 1] < open_[:, 1] - 0.001).mean() > 0.9


def _blink(amount: float) -> np.ndarray:
    expression = np.zeros(52, np.float32)
    expression[INDEX["eyeBlinkLeft"]] = amount
    return expression


def test_hollows_see_less_of_the_sky(head: Head) -> None:
    low = head.topology("low")
    ctx = gpu.create_context()
    with ctx:
        sky = ambient_occlusion(ctx, head.template, low.faces, head.template, low.normals(head.template))
    ctx.release()
    rest = head.template
    crown = rest[:, 1] > rest[:, 1].max() - 0.02
    assert sky[crown].mean() > 0.97
    assert sky[head.regions["mouth_interior"]].mean() < 0.15
    nose_tip = head.point_faces[NOSE_TIP][head.point_weights[NOSE_TIP].argmax()]
    assert sky[nose_tip] > 0.95 and sky[head.regions["nose"]].min() < 0.5


def test_a_studio_is_bright_behind_the_head() -> None:
    wall = studio(200, 120)
    assert wall.shape == (120, 200, 3)
    assert wall[50, 100].mean() > wall[0, 0].mean() + 30


def test_covering_keeps_the_middle_and_the_proportions() -> None:
    board = np.zeros((100, 300, 3), np.uint8)
    board[45:55, 145:155] = 255
    cut = resized_to_cover(board, 50, 50)
    rows, columns = np.nonzero(cut[..., 0] > 128)
    assert cut.shape == (50, 50, 3)
    assert 4 <= len(np.unique(rows)) == len(np.unique(columns)) <= 6
    assert abs(rows.mean() - 24.5) < 0.6 and abs(columns.mean() - 24.5) < 0.6


def test_textures_in_and_alpha_out() -> None:
    half = np.full((4, 4, 4), (200, 100, 0, 128), np.uint8)
    mixed = over(half, np.full((2, 2, 3), (0, 100, 200), np.uint8))
    np.testing.assert_allclose(mixed[0, 0], [100, 100, 100], atol=1)
    linear = (roots(np.array([[[0, 128, 255]]], np.uint8)) / 255.0) ** 2
    np.testing.assert_allclose(linear[0, 0], [0, (128 / 255) ** 2.2, 1], atol=0.003)
    thin = np.array([[[50, 25, 0, 128], [10, 20, 30, 255], [0, 0, 0, 0]]], np.uint8)
    unmultiply(thin)
    np.testing.assert_allclose(thin[0], [[100, 50, 0, 128], [10, 20, 30, 255], [0, 0, 0, 0]], atol=1)


def test_hair_takes_the_colour_of_the_scalp(head: Head, drawn: features.Features) -> None:
    uv = head.topology("low").uv
    skin = np.full((256, 256, 4), (200, 150, 130, 255), np.uint8)
    np.testing.assert_array_equal(hair.look_in(skin, uv, drawn).colour, hair.DARK_BROWN)
    blond = skin.copy()
    scalp = uv[(drawn.part == 0) & (drawn.trait[:, 2] > 0)]
    middles = np.rint(np.stack([scalp[:, 0], 1 - scalp[:, 1]], -1) * 256).astype(int).tolist()
    for middle in middles:
        cv2.circle(blond, middle, 3, (150, 110, 60, 255), -1)
    np.testing.assert_allclose(
        hair.look_in(blond, uv, drawn).colour, (np.array([150, 110, 60]) / 255) ** 2.2, rtol=0.02
    )
    for middle in middles:
        cv2.circle(blond, middle, 3, (150, 110, 60, 0), -1)  # never seen
    np.testing.assert_array_equal(hair.look_in(blond, uv, drawn).colour, hair.DARK_BROWN)
    for style, alpha in ALPHA_OF.items():  # as our own textures say it
        for middle in middles:
            cv2.circle(blond, middle, 3, (230, 230, 230, alpha), -1)
        look = hair.look_in(blond, uv, drawn)
        assert look.style == style
        assert (look.colour > 0.7).all() == (style != "bald")
    grey = look.wished(Hair("afro", "#808080"))
    assert grey.style == "afro" and np.allclose(grey.colour, (128 / 255) ** 2.2, atol=1e-3)


def test_eyes_take_the_colours_of_the_eyeballs(head: Head) -> None:
    places = EyePlaces(head, head.topology("low"))
    skin = np.full((256, 256, 3), (200, 150, 130), np.uint8)
    plain = places.look_in(skin)
    assert plain.iris[0] > plain.iris[2] and plain.sclera.min() > 0.3, "a texture without eyes gets brown ones"
    colours = EyeColours(np.array([0.2, 0.35, 0.6], np.float32), np.array([0.7, 0.7, 0.7], np.float32))
    blue = places.look_in(paint_eyes(skin, head, texels_of(head, 256), colours))
    assert blue.iris[2] > 2 * blue.iris[0]
    np.testing.assert_allclose(blue.sclera, 0.7**2.2, atol=0.05)
