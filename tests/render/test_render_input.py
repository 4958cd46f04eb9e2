"""What the renderers are given is checked: sizes, modes, backgrounds and textures that are none are refused."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.render.renderer import Renderer
from face3d_live.render.view import View

CAMERA = Camera.webcam(64, 48)


@pytest.fixture(scope="module")
def renderer(head: Head) -> Iterator[Renderer]:
    made = Renderer(head, 64, 48, "low")
    yield made
    made.close()


@pytest.mark.parametrize("background", [
    np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8, 3), np.uint8),
    (0.1, 0.2), (0.1, 0.2, math.nan), ("a", "b", "c"), "studio", 3, b"",
])  # fmt: skip
def test_backgrounds_that_are_none_are_refused(renderer: Renderer, background: object) -> None:
    with pytest.raises(ValueError, match="background"):
        renderer.render(HeadCodes(), CAMERA, background=background)


def test_a_strided_background_is_a_picture(renderer: Renderer) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    plain = renderer.render(HeadCodes(), CAMERA, mode="overlay", background=picture)
    mirrored = renderer.render(HeadCodes(), CAMERA, mode="overlay", background=picture[:, ::-1].copy()[:, ::-1])
    assert (plain == mirrored).all()


@pytest.mark.parametrize("options", [{"mode": "clay"}, {"mode": None}, {"texture": "nobody's"}])
def test_modes_and_textures_that_are_none_are_refused(renderer: Renderer, options: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        renderer.render(HeadCodes(), CAMERA, **options)


@pytest.mark.parametrize("image", [np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8), np.full((8, 8, 3), 300), None])
def test_textures_that_are_no_pictures_are_refused(renderer: Renderer, image: object) -> None:
    with pytest.raises(ValueError, match=r"texture: expected uint8 \(H, W, 3 or 4\), got"):
        renderer.set_texture(image)


@pytest.mark.parametrize(("width", "height"), [(0, 48), (64, -1), (64.5, 48), (math.nan, 48), (None, 48)])
def test_sizes_that_are_none_are_refused(renderer: Renderer, width: object, height: object) -> None:
    with pytest.raises(ValueError, match=r"width|height"):
        renderer.resize(width, height)
    assert renderer.render(HeadCodes(), CAMERA).shape == (48, 64, 4)


@pytest.mark.parametrize("options", [{"level": "finest"}, {"samples": 0}, {"width": 0}])
def test_renderers_of_nonsense_are_refused_before_anything_is_made(head: Head, options: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Renderer(head, **{"width": 64, "height": 48, **options})


@pytest.mark.parametrize("orbit", [{"yaw": math.nan}, {"pitch": math.inf}, {"zoom": None}, {"yaw": "left"}])
def test_orbits_are_finite_numbers(orbit: dict) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(orbit))}: expected"):
        View(**orbit)
