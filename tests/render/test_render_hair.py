"""Hair styles: on every head, in front of nothing that it must not cover, in the colour that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial import cKDTree

from face3d_live.camera import Camera
from face3d_live.codes import N_SHAPE, N_TEXTURE, HeadCodes
from face3d_live.errors import AssetError
from face3d_live.hairstyle import ON_SCALP, STYLES, Hair
from face3d_live.head.hair import HairMesh
from face3d_live.head.model import Head
from face3d_live.paths import MODELS
from face3d_live.render.renderer import Renderer
from face3d_live.render.view import View
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.hair.scalp import paint_scalp
from face3d_live.texture.hair.tone import HairTone
from face3d_live.texture.texels import texels_of

SIZE = 128
CAMERA = Camera.webcam(640, 480)
MESHES = [style for style in STYLES if style not in ON_SCALP]


@pytest.fixture(scope="module")
def renderer(head: Head) -> Iterator[Renderer]:
    made = Renderer(head, SIZE, SIZE, "low")
    yield made
    made.close()


@pytest.fixture(scope="module")
def styles() -> dict[str, HairMesh]:
    return {style: HairMesh.load(style) for style in MESHES}


def test_the_file_is_small_and_its_meshes_are_light(styles: dict[str, HairMesh], head: Head) -> None:
    assert (MODELS / "hair.npz").stat().st_size < 2_000_000
    for name, hair in styles.items():
        assert 500 < len(hair.faces) < 6000, name
        assert hair.faces.max() < len(hair.vertices) and hair.near.max() < head.n_vertices
        assert np.allclose(hair.weight.sum(1), 1, atol=1e-5) and hair.skin_open.shape == (head.n_vertices,)
        assert hair.uv.min() >= 0 and hair.uv.max() <= 1 and hair.strands.shape[2] == 4


def test_strands_are_seen_everywhere(styles: dict[str, HairMesh]) -> None:
    """A picture without contrast makes hair look like plastic."""
    for name, hair in styles.items():
        grey, solid = hair.strands[..., 0] / np.float32(255), (hair.strands[..., 3] > 200).astype(np.float32)

        def around(values: np.ndarray, solid: np.ndarray = solid) -> np.ndarray:
            mass = np.maximum(cv2.GaussianBlur(solid, (0, 0), 12), 1e-3)
            return np.asarray(cv2.GaussianBlur(values * solid, (0, 0), 12) / mass)

        contrast = np.sqrt(np.maximum(around((grey - around(grey)) ** 2), 0))[solid > 0]
        assert np.percentile(contrast, 10) > 0.08, name


def test_hair_keeps_off_the_face_of_every_head(styles: dict[str, HairMesh], head: Head) -> None:
    """No strand lies under the skin or before the eyes, nose and mouth."""
    rng = np.random.default_rng(2)
    skin = np.flatnonzero(head.part == 0)
    for shape in (np.zeros(N_SHAPE), *rng.normal(size=(3, N_SHAPE))):
        neutral = head.neutral(shape.astype(np.float32))
        normals = head.topology("low").normals(neutral)[skin]
        tree = cKDTree(neutral[skin])
        points = head.points(neutral)
        eyes_and_mouth = points[[33, 133, 362, 263, 4, 61, 291, 13]]
        for name, hair in styles.items():
            places = hair.on(head.template, neutral)
            far, near = tree.query(places)
            height = ((places - neutral[skin][near]) * normals[near]).sum(1)
            assert ((height < -0.004) & (far < 0.02)).mean() < 0.02, name
            before = places[places[:, 2] > points[4, 2] - 0.07]
            flat = np.linalg.norm(before[:, None, :2] - eyes_and_mouth[:, :2], axis=2)
            assert len(before) == 0 or flat.min() > 0.004, f"{name} hangs before the face"


def test_hair_follows_the_head(styles: dict[str, HairMesh], head: Head) -> None:
    wider = head.template * np.array([1.2, 1, 1], np.float32)
    for name, hair in styles.items():
        moved = hair.on(head.template, wider)
        side = np.abs(hair.vertices[:, 0]) > 0.05
        assert np.abs(moved[side, 0]).mean() > 1.08 * np.abs(hair.vertices[side, 0]).mean(), name


@pytest.mark.parametrize("style", STYLES)
def test_a_style_is_drawn_in_its_colour(renderer: Renderer, style: str) -> None:
    bald, red, blue = (
        renderer.render(HeadCodes(), CAMERA, view=View(yaw=2.2), hair=hair, background="transparent")[..., :3].astype(
            int
        )
        for hair in (Hair("bald"), Hair(style, "#d02010"), Hair(style, "#1020d0"))
    )
    differs = np.abs(red - blue).max(2) > 25
    if style == "bald":
        assert not differs.any()
        return
    assert differs.mean() > 0.05
    assert (
        np.median(red[differs][:, 0] - red[differs][:, 2])
        > 20
        > -20
        > np.median(blue[differs][:, 0] - blue[differs][:, 2])
    )
    assert np.abs(red - bald).max(2)[differs].mean() > 10


def test_what_is_wished_leaves_the_texture_as_it_is(renderer: Renderer) -> None:
    before = renderer.render(HeadCodes(), CAMERA)
    renderer.render(HeadCodes(), CAMERA, hair=Hair("long", "#804020"))
    np.testing.assert_array_equal(renderer.render(HeadCodes(), CAMERA), before)
    grey = renderer.render(HeadCodes(), CAMERA, mode="geometry", hair=Hair("afro"))
    np.testing.assert_array_equal(grey, renderer.render(HeadCodes(), CAMERA, mode="geometry"))


def test_tall_hair_is_in_the_picture(renderer: Renderer) -> None:
    drawn = renderer.render(HeadCodes(), CAMERA, hair=Hair("afro", "#d02010"), background="transparent")[..., 3]
    assert not drawn[0].any() and drawn[SIZE // 4].any()


def test_a_file_without_hair_is_said(tmp_path: Path) -> None:
    with pytest.raises(AssetError) as error:
        HairMesh.load("bob", tmp_path / "hair.npz")
    assert error.value.code == "hair-missing"
    np.savez(tmp_path / "hair.npz", x=np.zeros(3))
    with pytest.raises(AssetError) as error:
        HairMesh.load("bob", tmp_path / "hair.npz")
    assert error.value.code == "hair-broken"


def test_a_mixture_of_textures_has_the_hair_of_the_one_that_is_named(
    renderer: Renderer, head: Head, albedo: Albedo
) -> None:
    """Between bare skin and a texture with dark hair no fair hair is seen, nor pale eyes."""
    texels = texels_of(head, 256)
    skin = (albedo.decode(np.zeros(N_TEXTURE), 256) * 255).astype(np.uint8)
    opaque = np.dstack([skin, np.full(skin.shape[:2], 255, np.uint8)])
    dark = paint_scalp(opaque, HairTone(np.array([0.1, 0.07, 0.05], np.float32)), head, texels)
    mixed = dark.copy()
    mixed[..., :3] = (0.8 * cv2.resize(renderer.plain_skin, (256, 256)) + 0.2 * dark[..., :3]).astype(np.uint8)

    def crown(*textures) -> float:
        renderer.set_texture(textures[0], "mixed", *textures[1:])
        return float(renderer.render(HeadCodes(), CAMERA, texture="mixed")[SIZE // 16 : SIZE // 6, 56:72, :3].mean())

    wanted = crown(dark)
    assert abs(crown(mixed, dark) - wanted) < 3 and crown(mixed) > wanted + 15
