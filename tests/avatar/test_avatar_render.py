"""Pictures of avatars: what must be true of any of them. The fox is looked at in docs/avatars.md."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from avatar_support import expression, fox, pack, tiny

from face3d_live.avatar.load import load_avatar
from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.render.avatar_compose import onto, straight_onto
from face3d_live.render.avatar_renderer import HUMAN_EYES, AvatarRenderer
from face3d_live.render.pictures import studio
from face3d_live.render.view import View, camera_to_cover
from face3d_live.rotations import from_euler

SIZE = 192
CAMERA = Camera.webcam(640, 480)


@pytest.fixture(scope="module")
def renderer() -> Iterator[AvatarRenderer]:
    made = AvatarRenderer(load_avatar(fox("glb")), SIZE, SIZE)
    yield made
    made.close()


def middle_of(picture: np.ndarray, colour: tuple[int, int, int], near: int = 40) -> np.ndarray:
    """Mean x, y of the pixels of about a colour; there must be some."""
    rows, columns = np.nonzero((np.abs(picture[..., :3].astype(int) - colour).max(-1) < near) & (picture[..., 3] > 128))
    assert len(rows) > 4, f"nothing of {colour}"
    return np.array([columns.mean(), rows.mean()])


IRIS = (88, 160, 80)


def test_the_fox_is_in_the_picture(renderer: AvatarRenderer) -> None:
    picture = renderer.render(HeadCodes(), CAMERA, background="transparent")
    assert picture.shape == (SIZE, SIZE, 4) and picture.dtype == np.uint8
    assert picture[:8, :8, 3].max() == 0 and picture[70:120, 60:130, 3].min() == 255
    assert 0.3 < (picture[..., 3] > 128).mean() < 0.75
    orange = middle_of(picture, (226, 118, 50))
    assert abs(orange[0] - SIZE / 2) < 6 and orange[1] < SIZE / 2
    assert np.abs(picture.astype(int) - picture[:, ::-1]).mean() < 12, "the fox is symmetric, its light nearly"


def test_like_the_renderer_it_has_a_wall_behind_it(renderer: AvatarRenderer) -> None:
    picture = renderer.render(HeadCodes(), CAMERA)
    assert (picture[..., 3] == 255).all()
    assert np.abs(picture[:6, :6, :3].astype(int) - studio(SIZE, SIZE)[:6, :6]).max() <= 1
    green = renderer.render(HeadCodes(), CAMERA, background=(0.0, 1.0, 0.0))
    assert (green[:6, :6] == (0, 255, 0, 255)).all()
    same = np.abs(picture[80:110, 70:120, :3].astype(int) - green[80:110, 70:120, :3])
    assert same.max() == 0, "the fox does not change with what is behind it"


def test_the_head_turns_to_the_tracked_side(renderer: AvatarRenderer) -> None:
    still = middle_of(renderer.render(HeadCodes(), CAMERA, background="transparent"), IRIS)
    for yaw, pitch in ((0.4, 0.0), (-0.4, 0.0), (0.0, 0.35), (0.0, -0.35)):
        codes = HeadCodes(rotation=from_euler(yaw, pitch, 0.0))
        moved = middle_of(renderer.render(codes, CAMERA, background="transparent"), IRIS) - still
        if yaw:
            assert np.sign(moved[0]) == np.sign(yaw), "positive yaw: to the image's right"
        else:
            assert np.sign(moved[1]) == np.sign(pitch), "positive pitch: down"


def test_eyes_follow_the_gaze(renderer: AvatarRenderer) -> None:
    def iris(**named: float) -> np.ndarray:
        picture = renderer.render(HeadCodes(expression=expression(**named)), CAMERA, background="transparent")
        return middle_of(picture, IRIS, 45)

    ahead, left = iris(), iris(eyeLookOutLeft=0.6, eyeLookInRight=0.6)
    assert left[0] > ahead[0] + 2, "the subject's left is the image's right"
    assert iris(eyeLookUpLeft=0.5, eyeLookUpRight=0.5)[1] < ahead[1] - 0.7


@pytest.mark.parametrize("kind", ["glb", "vrm0", "vrm1"])
@pytest.mark.slow
def test_every_kind_shows_an_open_mouth_and_a_wink(kind: str) -> None:
    made = AvatarRenderer(load_avatar(fox(kind)), SIZE, SIZE)

    def render(**named: float) -> np.ndarray:
        codes = HeadCodes(expression=expression(**named))
        return made.render(codes, CAMERA, background="transparent").astype(int)

    still = render()
    mouth = np.abs(render(jawOpen=1.0) - still)[..., :3].max(-1) > 40
    wink = np.abs(render(eyeBlinkLeft=1.0) - still)[..., :3].max(-1) > 40
    made.close()
    assert mouth.sum() > 150 and np.nonzero(mouth)[0].mean() > 0.7 * SIZE
    assert wink.sum() > 150 and np.nonzero(wink)[1].mean() > SIZE / 2 + 10, "the subject's left eye"
    assert np.nonzero(wink)[0].mean() < 0.65 * SIZE


def test_over_the_camera_the_eyes_are_where_the_users_are(renderer: AvatarRenderer) -> None:
    codes = HeadCodes(rotation=from_euler(0.2, 0.1, 0.0), translation=np.array([0.05, 0.02, -0.55], np.float32))
    scene = np.full((480, 640, 3), (10, 60, 200), np.uint8)
    picture = renderer.render(codes, CAMERA, mode="overlay", background=scene)
    eyes = camera_to_cover(CAMERA, SIZE, SIZE).project(HUMAN_EYES @ codes.rotation.T + codes.translation)
    assert np.abs(middle_of(picture, IRIS, 60) - eyes.mean(0)).max() < 9, "irises lie before the balls"
    assert np.abs(picture[:5, :5, :3].astype(int) - (10, 60, 200)).max() <= 1


def test_our_eyes_are_where_the_overlay_says() -> None:
    assert np.allclose(Head.load().eye_centers, HUMAN_EYES, atol=1e-3)


def test_modes_without_colour(renderer: AvatarRenderer) -> None:
    bare = renderer.render(HeadCodes(), CAMERA, mode="geometry")
    drawn = bare[bare[..., 3] == 255][:, :3].astype(int)
    assert (drawn.max(1) - drawn.min(1)).mean() < 12 and drawn.std() > 12
    wires = renderer.render(HeadCodes(), CAMERA, mode="wireframe")[50:100, 60:130, :3].astype(int)
    assert wires.std() > 1.3 * bare[50:100, 60:130, :3].std()
    near = renderer.render(HeadCodes(), CAMERA, view=View(zoom=3.0), background="transparent")
    assert (near[..., 3] == 255).mean() > 0.95


def test_a_dark_room_makes_it_dark(renderer: AvatarRenderer) -> None:
    toon = AvatarRenderer(load_avatar(fox("vrm1")), SIZE, SIZE)
    for made in (renderer, toon):
        bright = made.render(HeadCodes(), CAMERA, mode="overlay")
        dark = made.render(HeadCodes(light=0.1 * HeadCodes().light), CAMERA, mode="overlay")
        seen = bright[..., 3] == 255
        assert dark[seen][:, :3].mean() < 0.65 * bright[seen][:, :3].mean()
    toon.close()


def alpha_square(mode: str, alpha: float, cutoff: float = 0.5, double_sided: bool = False) -> np.ndarray:
    """The tiny square with a material, from the front: (64, 64, 4)."""
    document, binary = tiny()
    document["materials"][0] = {
        "pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, alpha]},
        "alphaMode": mode,
        "alphaCutoff": cutoff,
        "doubleSided": double_sided,
        "extensions": {"KHR_materials_unlit": {}},
    }
    made = AvatarRenderer(load_avatar(pack(document, binary)), 64, 64)
    picture = made.render(HeadCodes(), CAMERA, background="transparent")
    back = made.render(HeadCodes(), CAMERA, background="transparent", view=View(yaw=np.pi))
    made.close()
    return np.stack([picture[32, 32], back[32, 32]])


def test_alpha_modes_and_sides() -> None:
    red = [255, 0, 0, 255]
    assert alpha_square("OPAQUE", 0.3)[0].tolist() == red
    assert alpha_square("MASK", 0.6)[0, 3] >= 150 and alpha_square("MASK", 0.3)[0, 3] == 0
    blended = alpha_square("BLEND", 0.3)[0].astype(int)
    assert abs(blended[3] - 77) <= 2 and abs(blended[0] - 255) <= 3
    assert alpha_square("OPAQUE", 1.0)[1, 3] == 0, "the back is not drawn"
    assert alpha_square("OPAQUE", 1.0, double_sided=True)[1].tolist() == red


def test_laying_over_a_background() -> None:
    rng = np.random.default_rng(5)
    straight = rng.integers(0, 256, (20, 30, 4), np.uint8)
    alpha = straight[..., 3:] / 255
    below = rng.integers(0, 256, (20, 30, 3), np.uint8)
    expected = straight[..., :3] * alpha + below * (1 - alpha)
    premultiplied = np.dstack([(straight[..., :3] * alpha + 0.5).astype(np.uint8), straight[..., 3]])
    assert np.abs(onto(premultiplied, below)[..., :3] - expected).max() <= 2
    assert np.abs(straight_onto(straight, below) - expected).max() <= 2
    assert (onto(premultiplied, (0.0, 1.0, 0.0))[..., 3] == 255).all()


def test_other_sizes(renderer: AvatarRenderer) -> None:
    renderer.resize(96, 128)
    tall = renderer.render(HeadCodes(), CAMERA)
    renderer.resize(SIZE, SIZE)
    assert tall.shape == (128, 96, 4) and tall.std() > 20
