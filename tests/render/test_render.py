"""Pictures of the head: against references, and against what must be true of any picture of it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import golden_pictures as golden
import moderngl
import numpy as np
import pytest
from golden_pictures import CAMERA, expression
from lost_gl import lose

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import AssetError, GpuLostError
from face3d_live.head.model import Head
from face3d_live.lighting import ambient, lamp
from face3d_live.render import gpu
from face3d_live.render.antialias import antialias
from face3d_live.render.renderer import Renderer
from face3d_live.render.view import View, camera_to_cover, portrait
from face3d_live.rotations import from_euler
from face3d_live.texture.eyes import DARK_BROWN_EYES, EyeColours, paint_eyes
from face3d_live.texture.regions import share_of
from face3d_live.texture.texels import texels_of

SIZE = 256
CHIN = 199  # MediaPipe: the chin's front


@pytest.fixture(scope="module")
def renderer(head: Head) -> Iterator[Renderer]:
    made = Renderer(head, SIZE, SIZE, "low")
    yield made
    made.close()


@pytest.fixture(scope="module")
def drawn(head: Head) -> dict[str, np.ndarray]:
    return golden.draw_all(head)


@pytest.mark.parametrize("name", sorted(path.stem for path in golden.FOLDER.glob("*.png")))
@pytest.mark.slow
def test_picture_is_like_its_reference(name: str, drawn: dict[str, np.ndarray]) -> None:
    off = np.abs(drawn[name].astype(int) - golden.read(name))
    assert off.mean() <= golden.MEAN_TOLERANCE, (
        f"{name}: mean error {off.mean():.2f}; look at it, then see golden_pictures"
    )
    assert (off > golden.FAR).mean() <= golden.FAR_SHARE


def test_references_show_eight_different_things(drawn: dict[str, np.ndarray]) -> None:
    stored = {path.stem: golden.read(path.stem) for path in golden.FOLDER.glob("*.png")}
    assert set(stored) == set(drawn) and len(stored) == 8
    for name, picture in stored.items():
        assert picture[..., :3].std() > 15, f"{name} is almost blank"
        apart = [np.abs(picture.astype(int) - other).mean() for key, other in stored.items() if key != name]
        assert min(apart) > 3 * golden.MEAN_TOLERANCE


# Where things land


def marked(head: Head, point: int) -> np.ndarray:
    """A grey texture with a green spot at a MediaPipe point."""
    low = head.topology("low")
    vertex = head.point_faces[point][head.point_weights[point].argmax()]
    u, v = low.uv[np.flatnonzero(low.split_vertex == vertex)[0]]
    picture = np.full((1024, 1024, 3), 128, np.uint8)
    cv2.circle(picture, (round(u * 1024), round((1 - v) * 1024)), 14, (0, 255, 0), -1)
    return picture


def green(picture: np.ndarray) -> np.ndarray:
    """Middle of the green pixels, x, y; there must be some."""
    r, g, b = np.moveaxis(picture[..., :3].astype(int), -1, 0)
    rows, columns = np.nonzero((g > r + 60) & (g > b + 60))
    assert len(rows) > 4, "the mark is not to be seen"
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


@pytest.mark.parametrize("point", [4, 152, 50, 280])
def test_overlay_lands_where_the_camera_projects(head: Head, renderer: Renderer, point: int) -> None:
    codes = HeadCodes(rotation=from_euler(0.15, -0.1, 0.2), translation=np.array([0.04, -0.03, -0.5], np.float32))
    renderer.set_texture(marked(head, point), "mark")
    picture = renderer.render(codes, CAMERA, mode="overlay", texture="mark")
    vertices = head.vertices(codes.shape, codes.expression)
    vertex = head.point_faces[point][head.point_weights[point].argmax()]
    expected = camera_to_cover(CAMERA, SIZE, SIZE).project(vertices[vertex] @ codes.rotation.T + codes.translation)
    np.testing.assert_allclose(green(picture), expected, atol=2.5)


def test_over_the_camera_only_the_face_is_drawn_with_a_soft_edge(head: Head, renderer: Renderer) -> None:
    codes = HeadCodes(translation=np.float32([0, 0, -0.5]))
    whole, face = (renderer.render(codes, CAMERA, mode="overlay", face_only=only)[..., 3] for only in (False, True))
    vertices = head.vertices(codes.shape, codes.expression)

    def at(place):  # alpha where the camera sees a place of the head, within three pixels
        column, row = camera_to_cover(CAMERA, SIZE, SIZE).project(place + codes.translation)
        return [int(np.median(alpha[int(row) - 1 : int(row) + 2, int(column) - 1 : int(column) + 2]))
                for alpha in (whole, face)]  # fmt: skip

    points = head.points(head.template)
    for inside in (1, 13, 50, 280, 159, 386, 9):  # nose, lips, cheeks, lids, between the brows
        assert at(points[inside]) == [255, 255]
    skin = vertices[head.part == 0]
    ears = skin[[skin[:, 0].argmin(), skin[:, 0].argmax()]]
    top = skin[skin[:, 1].argmax()] + np.float32([0, -0.01, 0.02])
    neck = np.float32([0, points[152][1] - 0.01, points[152][2] - 0.02])
    for outside in (*ears + np.float32([[0.003, 0, 0], [-0.003, 0, 0]]), top, neck):
        assert at(outside)[0] > 60 and at(outside)[1] < 10
    assert 20 < at(points[152] + np.float32([0, 0.008, 0]))[1] < 235
    assert at(points[152] + np.float32([0, 0.008, 0]))[0] == 255


def test_overlay_cuts_the_background_as_it_cuts_the_camera(renderer: Renderer) -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    at = CAMERA.project(np.array([0.13, 0.12, -0.5]))
    cv2.circle(picture, tuple(np.rint(at).astype(int).tolist()), 9, (0, 255, 0), -1)
    expected = camera_to_cover(CAMERA, SIZE, SIZE).project(np.array([0.13, 0.12, -0.5]))
    far_away = HeadCodes(translation=np.array([0, 0, -5], np.float32))
    np.testing.assert_allclose(
        green(renderer.render(far_away, CAMERA, mode="overlay", background=picture)), expected, atol=1.0
    )


def test_yaw_turns_the_nose_to_the_right_and_pitch_turns_it_down(head: Head, renderer: Renderer) -> None:
    renderer.set_texture(marked(head, 4), "mark")
    ahead = green(renderer.render(HeadCodes(), CAMERA, texture="mark"))
    tracked = green(renderer.render(HeadCodes(rotation=from_euler(0.4, 0, 0)), CAMERA, texture="mark"))
    orbited = green(renderer.render(HeadCodes(), CAMERA, view=View(yaw=0.4), texture="mark"))
    down = green(renderer.render(HeadCodes(), CAMERA, view=View(pitch=0.3), texture="mark"))
    assert abs(ahead[0] - SIZE / 2) < 2
    assert tracked[0] > ahead[0] + 20 and abs(tracked[1] - ahead[1]) < 6
    np.testing.assert_allclose(orbited, tracked, atol=0.5)
    assert down[1] > ahead[1] + 15 and abs(down[0] - ahead[0]) < 2


@pytest.mark.slow
def test_head_fits_the_picture_whatever_its_shape(head: Head) -> None:
    for width, height in ((320, 180), (180, 320)):
        made = Renderer(head, width, height, "low")
        covered = made.render(HeadCodes(), CAMERA, background="transparent")[..., 3] > 128
        made.close()
        rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
        assert rows[0] > 0 and rows[-1] < height - 1 and columns[0] > 0 and columns[-1] < width - 1
        assert rows[-1] - rows[0] > 0.7 * min(width, height)


# What expressions do


def close_up(head: Head, point: int) -> tuple[np.ndarray, Camera]:
    """Translation and camera for a picture 7 cm wide around a MediaPipe point."""
    x, y, z = head.points(head.template)[point]
    return np.array([-x, -y, -1 - z], np.float32), Camera(SIZE, SIZE, SIZE / 0.07)


def test_an_opening_jaw_shows_the_dark_of_the_mouth(head: Head, renderer: Renderer) -> None:
    translation, camera = close_up(head, 13)

    def darkness(jaw: float) -> float:
        codes = HeadCodes(expression=expression(jawOpen=jaw), translation=translation)
        grey = renderer.render(codes, camera, mode="overlay")[..., :3].mean(2)
        return float((grey < 100).mean())

    closed, half, wide = darkness(0), darkness(0.5), darkness(1)
    assert closed < 0.03 and half > closed + 0.03 and wide > half


def test_eyes_are_as_dark_in_a_small_picture_as_in_a_large_one(head: Head) -> None:
    """A glint smaller than a pixel must not fill the iris."""
    made, texels = Renderer(head, 512, 512, "low"), texels_of(head, 512)
    pictures = []
    for lightness in (0.1, 0.6):
        colours = EyeColours(np.full(3, lightness, np.float32), DARK_BROWN_EYES.sclera)
        made.set_texture(paint_eyes(np.full((512, 512, 3), 150, np.uint8), head, texels, colours))
        for side in (512, 192):
            made.resize(side, side)
            picture = made.render(HeadCodes(), CAMERA, background=(0.2, 0.2, 0.2))[..., :3]
            pictures.append(cv2.resize(picture, (192, 192), interpolation=cv2.INTER_AREA).astype(float))
    made.close()
    large, small, light, _ = pictures
    irises = np.abs(light - large).max(2) > 15
    assert irises.sum() > 8
    assert small[irises].mean() == pytest.approx(large[irises].mean(), abs=17)


def test_a_beard_does_not_shine_as_skin_does(head: Head, renderer: Renderer) -> None:
    """Black chin and upper lip in the light of a lamp from the front: what is left is their own colour."""
    texels = texels_of(head, SIZE)
    beard = texels.image(share_of(head, texels, ("chin", "lips_upper"))) > 0.5
    skin = np.full((SIZE, SIZE, 3), (190, 140, 115), np.uint8)
    bearded = np.where(beard[..., None], np.uint8(14), skin)
    light = lamp(np.array([0, 0.3, 1.0]), np.ones(3)) + ambient(np.full(3, 0.3))

    def chin(texture: np.ndarray) -> float:
        renderer.set_texture(texture)
        codes, camera = HeadCodes(light=light), Camera.webcam(SIZE, SIZE)
        column, row = camera.project(head.points(head.template, [CHIN])[0] + codes.translation).astype(int)
        return float(renderer.render(codes, camera, mode="overlay")[row, column, :3].mean())

    try:
        assert chin(bearded) < 22
        assert chin(np.full_like(skin, 14)) > 30, "skin as dark does shine"
    finally:
        renderer.set_texture(renderer.plain_skin)


def test_gaze_moves_the_iris(head: Head, renderer: Renderer) -> None:
    translation, camera = close_up(head, 473)

    def pupil(**named: float) -> np.ndarray:
        codes = HeadCodes(expression=expression(**named), translation=translation)
        grey = renderer.render(codes, camera, mode="overlay")[..., :3].mean(2)
        middle = grey[SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4]
        rows, columns = np.nonzero(middle < 60)
        return np.array([columns.mean(), rows.mean()])

    ahead = pupil()
    assert pupil(eyeLookOutLeft=0.6)[0] > ahead[0] + 5  # the subject's left is the image's right
    assert pupil(eyeLookInLeft=0.6)[0] < ahead[0] - 5
    assert pupil(eyeLookDownLeft=0.6)[1] > ahead[1] + 3


def test_a_blink_covers_the_white_of_the_eye(head: Head, renderer: Renderer) -> None:
    translation, camera = close_up(head, 473)

    def white(blink: float) -> float:
        codes = HeadCodes(expression=expression(eyeBlinkLeft=blink), translation=translation)
        rgb = renderer.render(codes, camera, mode="overlay")[..., :3]
        return float(((np.ptp(rgb, axis=2) < 20) & (rgb.min(2) > 90)).mean())  # grey: skin and iris have colour

    assert white(0) > 0.005 and white(0.5) < white(0) and white(1) < 0.1 * white(0)


# Light and background


def test_overlay_takes_the_tracked_light(renderer: Renderer) -> None:
    from face3d_live.lighting import ambient, lamp

    dim = ambient(np.full(3, 0.1))
    sides = {s: lamp(np.array([s, 0, 0.4]), np.full(3, 0.8)) + dim for s in (-1.0, 1.0)}
    at = np.array([0, 0, -0.45], np.float32)
    left, right = (
        renderer.render(HeadCodes(light=light, translation=at), CAMERA, mode="overlay") for light in sides.values()
    )
    half = SIZE // 2

    def skin(picture: np.ndarray) -> float:
        return float(picture[..., :3][picture[..., 3] > 200].mean())

    assert skin(left[:, :half]) > skin(left[:, half:]) + 30
    assert skin(right[:, half:]) > skin(right[:, :half]) + 30


def test_alpha_is_coverage_only_where_nothing_lies_behind(renderer: Renderer) -> None:
    alone = renderer.render(HeadCodes(), CAMERA, background="transparent")
    assert alone[0, 0].tolist() == [0, 0, 0, 0] and alone[SIZE // 2, SIZE // 2, 3] == 255
    assert 0.2 < (alone[..., 3] > 0).mean() < 0.8
    on_blue = renderer.render(HeadCodes(), CAMERA, background=(0.0, 0.0, 1.0))
    assert on_blue[0, 0].tolist() == [0, 0, 255, 255] and (on_blue[..., 3] == 255).all()
    # Straight alpha: pasting the transparent picture on blue gives the other picture.
    alpha = alone[..., 3:].astype(float) / 255
    pasted = alone[..., :3] * alpha + np.array([0, 0, 255]) * (1 - alpha)
    assert np.abs(pasted - on_blue[..., :3]).mean() < 0.5


def test_a_texture_with_holes_lets_the_default_skin_through(renderer: Renderer) -> None:
    plain = renderer.render(HeadCodes(), CAMERA)
    renderer.set_texture(np.zeros((64, 64, 4), np.uint8), "hole")
    assert np.abs(renderer.render(HeadCodes(), CAMERA, texture="hole").astype(int) - plain).mean() < 3
    renderer.set_texture(np.full((64, 64, 4), (0, 0, 255, 255), np.uint8), "blue")
    blue = renderer.render(HeadCodes(), CAMERA, texture="blue")
    assert blue[SIZE // 2, SIZE // 2, 2] > blue[SIZE // 2, SIZE // 2, 0] + 60


# The machinery


@pytest.mark.slow
def test_two_renderers_and_sizes_live_side_by_side(head: Head, renderer: Renderer) -> None:
    before = renderer.render(HeadCodes(), CAMERA)
    other = Renderer(head, 64, 48, "low")
    small = other.render(HeadCodes(), CAMERA)
    assert small.shape == (48, 64, 4)
    np.testing.assert_array_equal(renderer.render(HeadCodes(), CAMERA), before)
    other.resize(80, 120)
    assert other.render(HeadCodes(), CAMERA).shape == (120, 80, 4)
    for side in (16, 24, 40, 64):  # more sizes than are kept
        other.resize(side, side)
        assert other.render(HeadCodes(), CAMERA).shape == (side, side, 4)
    other.resize(64, 48)
    np.testing.assert_array_equal(other.render(HeadCodes(), CAMERA), small)
    other.close()
    np.testing.assert_array_equal(renderer.render(HeadCodes(), CAMERA), before)


@pytest.mark.slow
def test_multisampling_agrees_with_smoothing_afterwards(head: Head, renderer: Renderer) -> None:
    many = Renderer(head, SIZE, SIZE, "low", samples=4)
    apart = np.abs(many.render(HeadCodes(), CAMERA).astype(int) - renderer.render(HeadCodes(), CAMERA))
    many.close()
    assert apart.mean() < 1


def test_normals_carried_to_a_finer_level_are_those_of_its_surface(head: Head) -> None:
    low, medium = head.topology("low"), head.topology("medium")
    vertices = head.vertices(np.zeros(80), golden.TALKING)
    carried = medium.refine(low.normals(vertices))
    carried /= np.linalg.norm(carried, axis=1, keepdims=True)
    exact = medium.normals(medium.refine(vertices))
    degrees = np.degrees(np.arccos(np.clip((carried * exact).sum(1), -1, 1)))[medium.part == 0]
    assert np.median(degrees) < 2 and np.percentile(degrees, 95) < 12


def test_smoothing_touches_edges_of_the_drawn_only() -> None:
    y, x = np.mgrid[0:64, 0:64]
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[y > 0.3 * x + 20] = 255
    smooth = picture.copy()
    antialias(smooth)
    changed = (smooth != picture).any(2)
    distance = np.abs(y - 0.3 * x - 20)
    assert changed[distance < 0.5].mean() > 0.7 and not changed[distance > 3].any()
    steps = np.abs(np.diff(smooth[:, 10:54, 0].astype(int), axis=1)).max(0)
    assert np.median(steps) < 160  # was 255 at every stair
    behind = picture.copy()
    behind[..., 3] = 0
    untouched = behind.copy()
    antialias(untouched)
    np.testing.assert_array_equal(untouched, behind)


def test_portrait_zoom_keeps_the_place_and_scales() -> None:
    box = np.array([-0.1, -0.12, -0.1], np.float32), np.array([0.1, 0.13, 0.1], np.float32)
    one, two = (portrait(View(zoom=z), np.eye(3), box, 200, 200) for z in (1.0, 2.0))
    point = np.array([0.03, 0.02, 0.05], np.float32)
    near, far = (p.camera.project(p.rotation @ point + p.translation) - 100 for p in (two, one))
    np.testing.assert_allclose(near, 2 * far, rtol=1e-5)


def test_a_machine_without_egl_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(**_: object) -> None:
        raise Exception("libEGL.so.1 not loaded")

    monkeypatch.setattr(moderngl, "create_context", missing)
    with pytest.raises(AssetError) as caught:
        gpu.create_context()
    assert caught.value.code == "egl-missing" and "apt-get install libegl1 libgl1" in caught.value.message


def test_a_missing_shader_is_named() -> None:
    with pytest.raises(AssetError, match=r"nowhere\.frag"):
        gpu.shader_source("nowhere.frag")


@pytest.mark.slow
def test_a_lost_context_is_noticed_at_the_next_picture(monkeypatch: pytest.MonkeyPatch, head: Head) -> None:
    """Its functions return as if they had drawn: the picture before would be shown for ever."""
    made: list[moderngl.Context] = []
    create = gpu.create_context
    monkeypatch.setattr(gpu, "create_context", lambda: made.append(create()) or made[-1])
    lost, other = (Renderer(head, 64, 64, "low") for _ in range(2))
    for renderer in (lost, other):
        renderer.render(HeadCodes(), Camera.webcam(64, 64))
    lose(made[:1])
    with pytest.raises(GpuLostError, match="gpu-lost"):
        lost.render(HeadCodes(), Camera.webcam(64, 64))
    assert other.render(HeadCodes(), Camera.webcam(64, 64)).std() > 5
    other.close()
