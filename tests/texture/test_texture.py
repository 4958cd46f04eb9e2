"""Frames to textures: tables of texels, sampling, light, completion, the albedo model, fusion."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from texture_support import BACKGROUND, mottled, picture_of, posed

from face3d_live.camera import Camera
from face3d_live.codes import N_TEXTURE
from face3d_live.errors import AssetError
from face3d_live.eyewear import NO_GLASSES, Glasses
from face3d_live.hairstyle import AS_SEEN, Hair
from face3d_live.head.hairline import ALPHA_OF, above_hairline, is_hair
from face3d_live.lighting import ambient, lamp, sh_basis, shade, to_linear
from face3d_live.paths import MODELS
from face3d_live.texture import fuse as fuse_module
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.analysis import analyse_skin
from face3d_live.texture.build.albedo import left_over, principal_components, tone_weights
from face3d_live.texture.build.lift import Lifter, portraits
from face3d_live.texture.chart import to_chart
from face3d_live.texture.complete import blend, close_seams, complete, pull_push
from face3d_live.texture.eyes import DARK_BROWN_EYES, EyeColours, eye_colours, middle_of, paint_eyes
from face3d_live.texture.fuse import TextureFuser
from face3d_live.texture.hair.scalp import paint_scalp, painted_hair, recolour_hair
from face3d_live.texture.hair.style import HairStyleClassifier
from face3d_live.texture.hair.tone import HairTone, hair_tone, together
from face3d_live.texture.light import light_of_skin
from face3d_live.texture.portrait import texture_from_photo
from face3d_live.texture.regions import PLAIN, face_only, share_of
from face3d_live.texture.sample import pose_head, sample_pixels, sample_texture
from face3d_live.texture.texels import texels_of

CAMERA = Camera.webcam(360, 360)
SIDE_LIGHT = lamp(np.array([0.7, 0.3, 0.6]), np.array([0.7, 0.7, 0.7])) + ambient(np.array([0.5, 0.5, 0.5]))


# --- texels -----------------------------------------------------------------------------------------------------------


def test_texels_know_their_place(head):
    texels, mesh = texels_of(head, 128), head.topology("medium")
    corners = mesh.uv[mesh.face_uv[texels.triangle]]
    uv = (corners * texels.weights[..., None]).sum(1)
    row, column = np.divmod(texels.index, 128)
    np.testing.assert_allclose(uv[:, 0] * 128, column + 0.5, atol=1e-3)
    np.testing.assert_allclose((1 - uv[:, 1]) * 128, row + 0.5, atol=1e-3)
    assert 0.7 < texels.covered.mean() < 0.9
    assert texels_of(head, 128) is texels


def test_row_0_is_the_top_of_the_head(head):
    texels = texels_of(head, 128)
    height = texels.image(texels.at(head.topology("medium").refine(head.template)[:, 1]))
    assert height[10, 64] > height[64, 64] > height[100, 64]


def test_padding_repeats_the_nearest_texel(head):
    texels = texels_of(head, 64)
    values = np.arange(len(texels.index), dtype=np.int32) + 1
    bare, padded = texels.image(values, pad=False), texels.image(values)
    assert (bare == 0).sum() == 64 * 64 - len(texels.index)
    assert (padded > 0).all()
    assert np.array_equal(texels.of(padded), values)


def test_a_part_of_the_table_says_the_same(head):
    texels = texels_of(head, 64)
    chosen = texels.part == 0
    heights = head.topology("medium").refine(head.template)[:, 1]
    np.testing.assert_allclose(texels.only(chosen).at(heights), texels.at(heights)[chosen])


# --- sampling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("light", [ambient(np.ones(3)), SIDE_LIGHT], ids=["ambient", "side"])
@pytest.mark.parametrize("yaw", [0.0, 0.5])
@pytest.mark.slow
def test_sampling_gives_back_the_texture_and_removes_the_light(head, light, yaw):
    texture, codes = mottled(), posed(yaw, light=light)
    frame = picture_of(head, codes, CAMERA, texture)
    albedo, weight = sample_texture(frame, codes, CAMERA, head, 256)
    sure = weight > 0.6
    error = np.abs(albedo[sure].astype(int) - texture[sure])
    assert sure.mean() > 0.06
    assert np.median(error) <= 3 and np.percentile(error, 95) < 14
    assert (albedo[weight == 0] == 0).all()


def test_nothing_is_taken_from_behind(head):
    codes = posed(0.8)
    view = pose_head(codes, CAMERA, head).view(texels_of(head, 128))
    texels = texels_of(head, 128)
    normals = head.topology("medium").normals(head.topology("medium").refine(head.template)) @ codes.rotation.T
    assert (view.weight[texels.at(normals)[:, 2] < -0.2] == 0).all()
    # turned to the image's right, the subject's left cheek (u > 0.5) is hidden, the right one shows
    cheeks, u = share_of(head, texels, ("cheeks",)) > 0.9, texels.index % 128 / 128
    assert view.weight[cheeks & (u < 0.42)].mean() > 0.4
    assert view.weight[cheeks & (u > 0.58)].mean() < 0.1


def test_the_nose_hides_the_cheek_behind_it(head):
    """Seen from the side, texels that face the camera but lie behind the nose are not taken from the nose's pixels."""
    codes, texels = posed(0.9), texels_of(head, 256)
    nose = share_of(head, texels, ("nose",)) > 0.5
    paint = mottled()
    flat = paint.reshape(-1, 3)
    flat[texels.index[nose]] = (0, 255, 0)
    frame = picture_of(head, codes, CAMERA, paint)
    sampled, weight = sample_texture(frame, codes, CAMERA, head, 256)
    away = texels.image((share_of(head, texels, ("cheeks", "eyelids_left")) > 0.99).astype(np.float32), pad=False) > 0
    green = (sampled[..., 1].astype(int) - sampled[..., 0]) > 60
    assert (weight[away] > 0.1).sum() > 500
    assert (green & away & (weight > 0.1)).sum() < 0.02 * (away & (weight > 0.1)).sum()


def test_pixels_outside_the_frame_have_no_weight(head):
    codes = posed()
    half = Camera(60, 360, CAMERA.focal)  # the same middle, the sides cut off
    _, weight = sample_texture(np.full((360, 60, 3), 128, np.uint8), codes, half, head, 64)
    _, whole = sample_texture(np.full((360, 360, 3), 128, np.uint8), codes, CAMERA, head, 64)
    assert 0 < (weight > 0).sum() < (whole > 0).sum()


def test_light_of_skin_finds_where_the_light_comes_from(head):
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(3000, 3)) * [1, 1, 0.5] + [0, 0, 1.2]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    pattern = np.array([0.5, 0.3, 0.2]) * rng.uniform(0.9, 1.1, (3000, 1))
    seen = pattern * [1.2, 1.0, 0.8] * shade(SIDE_LIGHT, normals)
    seen[:300] *= 0.2  # a fringe
    light, tone = light_of_skin(pattern, normals, seen)
    found, true = shade(light, normals)[:, 0], shade(SIDE_LIGHT, normals)[:, 0]
    assert np.corrcoef(found, true)[0, 1] > 0.98
    assert np.average(found[300:], weights=np.clip(normals[300:, 2], 0.05, 1) ** 4) == pytest.approx(1, abs=0.02)
    assert tone[0] / tone[2] == pytest.approx(1.5, rel=0.05)
    assert sh_basis(normals).shape == (3000, 9)


def test_skin_that_faces_the_camera_tells_how_bright_the_light_is(head):
    """Lit from the camera, the sides of a face are in shadow: they must not darken the skin of its front."""
    codes, texels = posed(), texels_of(head, 256)
    view = pose_head(codes, CAMERA, head).view(texels)
    pattern = np.full((len(view.normals), 3), (0.45, 0.28, 0.2), np.float32)
    sure = (view.weight > 0.3) & (share_of(head, texels, PLAIN) > 0.9)
    flash = lamp(np.array([0, 0, 1.0]), np.full(3, 0.9)) + ambient(np.full(3, 0.1))
    seen = pattern * shade(flash, view.normals)
    light, _ = light_of_skin(pattern[sure], view.normals[sure], seen[sure])
    found = (seen / shade(light, view.normals))[sure]
    front = view.normals[sure, 2] > 0.8
    assert 1.03 * seen[sure].mean() < found.mean() < seen[sure][front].mean()


# --- completion -------------------------------------------------------------------------------------------------------


def test_spread_keeps_a_constant_and_stays_within_range():
    rng = np.random.default_rng(1)
    weight = (rng.random((64, 64)) < 0.05).astype(np.float32)
    np.testing.assert_allclose(pull_push(np.full((64, 64, 3), 0.3, np.float32), weight), 0.3, atol=1e-4)
    values = rng.random((64, 64, 3)).astype(np.float32)
    result = pull_push(values, weight)
    assert result.min() >= -1e-5 and result.max() <= 1 + 1e-5


def test_blend_moves_the_fill_to_the_tone_but_keeps_its_detail(head):
    detail = np.tile(np.indices((64, 64)).sum(0) % 2 * 0.1, (3, 1, 1)).transpose(1, 2, 0).astype(np.float32)
    seen, fill = detail + 0.6, detail + 0.2
    weight = np.zeros((64, 64), np.float32)
    weight[:, :24] = 1
    np.testing.assert_allclose(blend(seen, weight, fill, head), seen, atol=1e-3)


def test_a_half_seen_face_is_completed_from_its_other_side(head):
    texels, size = texels_of(head, 256), 256
    truth, plain = mottled(seed=3), mottled(seed=9, base=(120, 90, 70))
    weight = texels.image(face_only(head, texels.size), pad=False)
    weight[:, : size // 2 - 6] = 0
    whole = complete(np.where(weight[..., None] > 0, truth, 0).astype(np.uint8), weight, plain, head)
    cheek = texels.image((share_of(head, texels, PLAIN) > 0.99).astype(np.float32), pad=False) > 0
    lost = cheek & (np.arange(size) < size // 2 - 12)
    error = np.abs(whole[..., :3].astype(int) - truth)[lost]
    assert lost.sum() > 1500
    assert np.median(error) <= 4 and np.percentile(error, 95) < 16
    assert (whole[texels.covered][:, 3] == 255).all() and (whole[0, 0, 3] == 0 or texels.covered[0, 0])
    other = texels.image(texels.part) > 0
    assert np.array_equal(whole[other][:, :3], plain[other])


def test_what_no_side_shows_takes_the_tone_of_what_was_seen(head):
    texels = texels_of(head, 128)
    truth = np.full((128, 128, 3), (200, 150, 120), np.uint8)
    plain = np.full((128, 128, 3), (80, 60, 50), np.uint8)
    weight = texels.image(face_only(head, texels.size), pad=False)
    whole = complete(truth, weight, plain, head)
    skin = texels.covered & (texels.image(texels.part) == 0)
    assert np.abs(whole[skin][:, :3].astype(int) - truth[0, 0]).max() <= 2


def test_beside_the_cuts_lies_what_mipmaps_may_mix_in(head):
    size = 512
    texels, skin = texels_of(head, size), np.full((size, size, 3), (200, 150, 120), np.uint8)
    whole = complete(skin, np.ones((size, size), np.float32), skin, head)
    beside = cv2.dilate((texels.covered & texels.skin).astype(np.uint8), np.ones((15, 15))) > 0
    assert np.abs(whole[beside].astype(int) - [200, 150, 120, 255]).max() <= 2


# --- the albedo model -------------------------------------------------------------------------------------------------


def test_colours_meet_where_the_atlas_is_cut(head):
    """Ears and face are pieces of their own: another tone of one of them would show as a staircase."""
    texels = texels_of(head, 512)
    one, other = texels.seams.T
    assert len(one) > 400
    rest = texels.at(head.topology("medium").refine(head.template))
    place = texels.image(rest, pad=True).reshape(-1, 3)
    assert np.percentile(np.linalg.norm(place[one] - place[other], axis=1), 90) < 0.005
    islands = texels.of(cv2.connectedComponents(texels.covered.astype(np.uint8))[1])
    ears = texels.image(np.isin(islands, islands[[rest[:, 0].argmin(), rest[:, 0].argmax()]]))
    picture = np.where(ears[..., None], (0.8, 0.5, 0.5), (0.5, 0.4, 0.3)).astype(np.float32)
    apart = [np.abs(p.reshape(-1, 3)[one] - p.reshape(-1, 3)[other]).mean()
             for p in (picture, close_seams(picture, np.zeros((512, 512), np.float32), texels))]  # fmt: skip
    assert apart[1] < 0.35 * apart[0]
    seen = np.ones((512, 512), np.float32)
    np.testing.assert_allclose(close_seams(picture, seen, texels), picture, atol=1e-6)


def test_no_island_shows_another_ones_colour(head, albedo):
    """The albedo model is coarse: islands lie far enough apart that teeth and eyes do not shine into the scalp."""
    one, other = texels_of(head, 1024).seams.T
    for much in (-1.5, 1.5):
        plain = albedo.plain(np.eye(N_TEXTURE)[0] * much, 1024).reshape(-1, 3).astype(int)
        assert np.abs(plain[one] - plain[other]).max() < 45


@pytest.mark.slow
def test_albedo_is_small_and_its_codes_mean_something(albedo):
    assert (MODELS / "albedo.npz").stat().st_size < 4e6
    rng = np.random.default_rng(0)
    for _ in range(3):
        code = rng.normal(size=N_TEXTURE) * 0.6
        again = albedo.encode(albedo.decode(code))
        assert np.abs(again[:5] - code[:5]).max() < 0.35
        assert np.abs(albedo.decode(again) - albedo.decode(code)).mean() < 0.012
    assert np.abs(albedo.encode(albedo.mean)).max() < 0.15


def test_albedo_reaches_from_dark_to_light_skin(albedo):
    bright = np.zeros(N_TEXTURE)
    bright[0] = 1.5
    cheek = (slice(110, 130), slice(95, 105))
    light, dark = albedo.decode(bright)[cheek].mean(), albedo.decode(-bright)[cheek].mean()
    assert light > 0.65 and dark < 0.4
    assert albedo.decode(bright, 64).shape == (64, 64, 3) and albedo.decode(bright, 512).shape == (512, 512, 3)


def test_albedo_codes_come_from_the_seen_part_alone(albedo):
    code = np.zeros(N_TEXTURE)
    code[:3] = (1.0, -0.8, 0.6)
    picture, weight = albedo.decode(code), np.ones((256, 256), np.float32)
    picture[:, 128:] = (0, 1, 0)
    weight[:, 128:] = 0
    assert np.abs(albedo.encode(picture, weight)[:3] - code[:3]).max() < 0.3


def test_a_plain_skin_is_of_the_kind_but_never_strange(albedo):
    strange = np.full(N_TEXTURE, 6.0)
    plain, whole = albedo.plain(strange) / 255, albedo.decode(strange)
    assert np.abs(plain - albedo.mean).mean() < 0.5 * np.abs(whole - albedo.mean).mean()
    bright = np.zeros(N_TEXTURE)
    bright[0] = 1.0
    assert np.abs(albedo.plain(bright) / 255 - albedo.decode(bright)).max() < 0.01
    assert np.array_equal(albedo.plain(bright), albedo.plain(np.where(np.arange(N_TEXTURE) > 10, 3.0, bright)))


def test_missing_and_broken_albedo_files_say_what_to_do(tmp_path):
    with pytest.raises(AssetError, match="albedo-missing"):
        Albedo.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(AssetError, match="albedo-broken"):
        Albedo.load(tmp_path / "text.npz")
    (tmp_path / "cut.npz").write_bytes((MODELS / "albedo.npz").read_bytes()[:9000])
    with pytest.raises(AssetError, match="albedo-broken"):
        Albedo.load(tmp_path / "cut.npz")
    np.savez(tmp_path / "small.npz", mean=np.zeros((4, 4, 3)), modes=np.zeros((2, 2, 2, 3)), scale=np.ones(2), noise=1)
    with pytest.raises(AssetError, match="albedo-broken"):
        Albedo.load(tmp_path / "small.npz")


def test_principal_components_are_found_again_with_unit_variance():
    rng = np.random.default_rng(2)
    codes, basis = rng.normal(size=(400, 3)) * [3, 2, 1], np.linalg.qr(rng.normal(size=(500, 3)))[0].T
    data = (codes @ basis + 5).astype(np.float32)
    pca = principal_components(data, np.ones(400))
    assert pca.explained > 0.999
    np.testing.assert_allclose(np.linalg.norm(pca.modes[:3], axis=1), [3, 2, 1], rtol=0.12)
    assert np.abs(pca.modes[0] @ basis[0]) > 2.6
    odd = data[:5] + rng.normal(size=(5, 500)).astype(np.float32)
    assert left_over(odd, pca).min() > 10 * left_over(data[:5], pca).max()


def test_tones_weigh_alike():
    brightness = np.concatenate([np.full(900, 0.7), np.full(30, 0.2)])
    weight = tone_weights(brightness, np.ones(930, bool))
    assert weight[-1] / weight[0] == pytest.approx(10, rel=0.3)


# --- eyes -------------------------------------------------------------------------------------------------------------


BLUE_EYES = EyeColours(np.array([0.2, 0.4, 0.7], np.float32), np.array([0.8, 0.78, 0.76], np.float32))


def test_eyes_get_pupils_irises_and_sclera(head):
    texels = texels_of(head, 512)
    painted = paint_eyes(np.full((512, 512, 3), 99, np.uint8), head, texels, BLUE_EYES)
    on_eye = painted[texels.image(texels.part, pad=False) == 1].astype(int)
    assert (on_eye.max(1) < 40).sum() > 8  # pupils
    assert ((on_eye[:, 2] - on_eye[:, 0]) > 60).sum() > 40  # blue irises
    assert (on_eye.min(1) > 180).mean() > 0.5  # sclera
    assert (painted[texels.covered & (texels.image(texels.part) == 0)] == 99).mean() > 0.995


def test_the_colours_of_the_eyes_are_read_from_the_photo(head):
    texels = texels_of(head, 512)
    blue = paint_eyes(mottled(512), head, texels, BLUE_EYES)
    codes, camera = posed(distance=0.3), Camera.webcam(512, 512)
    frame = picture_of(head, codes, camera, blue)
    found = eye_colours(frame, pose_head(codes, camera, head), texels)
    assert found.iris[2] > found.iris[0] + 0.15
    assert found.sclera.min() > 0.55 and np.ptp(found.sclera) < 0.1
    far = posed(distance=3.0)
    unknown = eye_colours(picture_of(head, far, camera, blue), pose_head(far, camera, head), texels)
    assert unknown is None
    assert middle_of([unknown]) is DARK_BROWN_EYES
    assert middle_of([found, None, found]).iris[2] == found.iris[2]


@pytest.mark.parametrize("sharp", [100, 512])
def test_dark_eyes_stay_dark_in_small_and_blurred_pictures(head, sharp):
    texels, dark = texels_of(head, 512), EyeColours(np.array([0.16, 0.09, 0.06], np.float32), BLUE_EYES.sclera)
    codes, camera = posed(distance=0.4), Camera.webcam(512, 512)
    frame = picture_of(head, codes, camera, paint_eyes(mottled(512), head, texels, dark))
    blurred = cv2.resize(cv2.resize(frame, (sharp, sharp), interpolation=cv2.INTER_AREA), (512, 512))
    found = eye_colours(blurred, pose_head(codes, camera, head), texels)
    assert found is not None and np.abs(found.iris - dark.iris).max() < 0.07


# --- hair -------------------------------------------------------------------------------------------------------------


def with_scalp(head, colour, texels):
    """A mottled skin whose scalp has one colour."""
    skin = np.dstack([mottled(texels.size), np.full((texels.size, texels.size), 255, np.uint8)])
    return paint_scalp(skin, None if colour is None else HairTone(np.float32(colour) / 255), head, texels)


@pytest.mark.parametrize("colour", [(25, 20, 18), (150, 105, 50), (110, 50, 25), (235, 235, 235)])
def test_the_hairs_colour_is_read_from_the_photo_and_painted(head, colour):
    texels, camera, codes = texels_of(head, 512), Camera.webcam(512, 512), posed(distance=0.5)
    shown = with_scalp(head, colour, texels)
    tone = hair_tone(picture_of(head, codes, camera, shown[..., :3]), pose_head(codes, camera, head))
    assert tone.style != "bald"
    np.testing.assert_allclose(255 * tone.colour, colour, atol=22)
    scalp = texels.image(share_of(head, texels, ("scalp",)), pad=False) > 0.99
    assert (shown[scalp][:, 3] == ALPHA_OF["short"]).mean() > 0.45


@pytest.mark.parametrize(
    ("skin", "scalp", "style"),
    [
        ((95, 62, 40), (135, 94, 64), "buzz"),  # short hair in the light: its colour cannot be told, and is dark
        ((205, 160, 130), (235, 190, 158), "bald"),  # shaved: no hair is drawn in the skin's own colour
        ((205, 160, 130), (225, 215, 205), "buzz"),  # white hair
        ((135, 135, 135), (210, 210, 210), "buzz"),  # the same without colour
    ],
)
def test_a_shining_scalp_is_no_fair_hair(head, skin, scalp, style, monkeypatch):
    monkeypatch.setattr(HairStyleClassifier, "style", lambda *_, **__: "buzz")
    texture = mottled(256)
    texture[:] = skin
    texels = texels_of(head, 256)
    grows = above_hairline(head, texels.at(head.topology("medium").refine(head.template))) > 0
    texture[texels.image(grows, pad=False)] = scalp
    codes = posed()
    tone = hair_tone(picture_of(head, codes, CAMERA, texture), pose_head(codes, CAMERA, head))
    assert tone is not None and tone.style == style
    assert (tone.colour.max() < 0.2) == (skin[0] < 100)


@pytest.mark.parametrize("behind", [(60, 90, 120), (215, 215, 210)])
@pytest.mark.parametrize("colour", [(40, 30, 26), (150, 145, 140)])
def test_hair_that_only_stands_off_the_skull_gives_its_colour(head, colour, behind, monkeypatch):
    """A high forehead: what the head has above its hairline is skin."""
    monkeypatch.setattr(HairStyleClassifier, "style", lambda *_, **__: "swept_back")
    codes, camera = posed(distance=0.5), Camera.webcam(512, 512)
    skin = np.full((256, 256, 3), (205, 160, 130), np.uint8)
    shown = picture_of(head, codes, camera, skin)
    person = (shown != BACKGROUND).any(2).astype(np.uint8)
    rows = np.nonzero(person.any(1))[0]
    higher, hair = (
        cv2.dilate(person, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))) > person for size in (25, 65)
    )
    hair[(rows[0] + rows[-1]) // 2 :] = higher[(rows[0] + rows[-1]) // 2 :] = False
    frame = np.where(person[..., None] > 0, shown, np.uint8(behind))
    frame[hair] = colour
    frame[higher] = (205, 160, 130)
    tone = hair_tone(frame, pose_head(codes, camera, head))
    np.testing.assert_allclose(255 * tone.colour, colour, atol=25)


def test_a_bald_scalp_is_said_and_not_painted(head):
    texels = texels_of(head, 512)
    bare = with_scalp(head, None, texels)
    painted = paint_scalp(bare, HairTone(np.float32([0.8, 0.6, 0.5]), "bald"), head, texels)
    scalp = texels.image(share_of(head, texels, ("scalp",)), pad=False) > 0.99
    assert (painted[scalp][:, 3] == ALPHA_OF["bald"]).mean() > 0.45 and not is_hair(painted[..., 3]).any()
    np.testing.assert_array_equal(painted[..., :3], bare[..., :3])
    assert painted_hair(painted) == Hair("bald") and painted_hair(bare) == AS_SEEN


def test_hair_of_a_texture_is_changed(head):
    brown = with_scalp(head, (60, 40, 30), texels_of(head, 512))
    assert painted_hair(brown).style == "short" and painted_hair(brown).colour[1:3] in ("3b", "3c", "3d")
    assert recolour_hair(brown, AS_SEEN, head) is brown
    red = recolour_hair(brown, Hair("long", "#c03020"), head)
    assert painted_hair(red).style == "long" and painted_hair(red).colour[1:2] in "bc"
    bald = recolour_hair(red, Hair("bald"), head)
    scalp = red[..., 3] == ALPHA_OF["long"]
    assert painted_hair(bald) == Hair("bald") and bald[scalp][:, 1].mean() > 90 > red[scalp][:, 1].mean()
    again = recolour_hair(bald, Hair(None, "#102030"), head)
    assert painted_hair(again).style == "short", "a colour makes hair grow"
    wreath = recolour_hair(red, Hair("receding"), head)
    assert 0 < is_hair(wreath[..., 3]).sum() < 0.85 * scalp.sum() and painted_hair(wreath).style == "receding"


def test_a_head_cut_off_above_the_brows_says_nothing_about_its_hair(head):
    codes, camera = posed(distance=0.5).with_(translation=np.float32([0, 0.16, -0.5])), Camera.webcam(512, 512)
    frame = picture_of(head, codes, camera, mottled(512))
    assert hair_tone(frame, pose_head(codes, camera, head)) is None
    assert together([None]) is None


def test_most_pictures_decide_about_hair():
    dark, bald = HairTone(np.float32([0.1, 0.1, 0.1])), HairTone(np.float32([0.8, 0.6, 0.5]), "bald")
    assert together([dark, bald, None, dark]).style == "short"
    assert together([bald, bald, dark]).style == "bald"


# --- whole textures ---------------------------------------------------------------------------------------------------


def test_the_skin_of_a_photo(head, albedo):
    truth = (albedo.decode(np.zeros(N_TEXTURE)) * 255).astype(np.uint8)
    codes = posed(0.25, light=SIDE_LIGHT)
    frame = picture_of(head, codes, CAMERA, truth)
    skin = texture_from_photo(frame, codes.with_(light=ambient(np.ones(3))), CAMERA, head, albedo, 256)
    texels = texels_of(head, 256)
    face = texels.image((share_of(head, texels, PLAIN) > 0.99).astype(np.float32), pad=False) > 0
    found, true = to_linear(skin.texture[face][:, :3] / 255), to_linear(truth[face] / 255)
    gain = np.median(found / true, axis=0)  # how bright the light was nobody can tell
    assert gain.min() > 0.6 and gain.max() < 1.7
    assert np.median(np.abs(found / gain - true) / true) < 0.06
    u = np.nonzero(face)[1]
    left, right = (np.median((found / true)[side]) for side in (u > 150, u < 106))
    assert left / right == pytest.approx(1, abs=0.15)  # the light from one side is gone
    assert 0.08 < skin.observed < 0.6
    blue = np.abs(skin.texture[..., :3].astype(int) - BACKGROUND).sum(-1) < 90
    assert not blue.any()


@pytest.mark.parametrize("side", [0.7, 1.1])
def test_a_texture_is_as_bright_as_its_photo(head, albedo, side):
    truth = (albedo.decode(np.zeros(N_TEXTURE)) * 255).astype(np.uint8)
    codes = posed(0.1, light=side * SIDE_LIGHT)
    frame = picture_of(head, codes, CAMERA, truth)
    skin = texture_from_photo(frame, codes, CAMERA, head, albedo, 256).texture
    texels = texels_of(head, 256)
    view = pose_head(codes, CAMERA, head).view(texels)
    brighter = []
    for place in ("cheeks", "forehead", "chin"):
        here = (view.weight > 0.25) & (share_of(head, texels, (place,)) > 0.9)
        shown, own = to_linear(sample_pixels(frame, view.pixel[here], 1.0)), to_linear(texels.of(skin)[here, :3] / 255)
        brighter.append(np.log(np.median(own, 0) / np.median(shown, 0)).mean())
    assert np.mean(brighter) == pytest.approx(0, abs=0.02)


@pytest.mark.slow
def test_fusion_of_both_sides_knows_more_than_one(head, albedo):
    truth = (albedo.decode(np.zeros(N_TEXTURE)) * 255).astype(np.uint8)
    fuser = TextureFuser(head, albedo, size=128)
    known = []
    for yaw in (0.6, 0.6, 0.6, -0.6, -0.6, -0.6):
        codes = posed(yaw, light=SIDE_LIGHT)
        fuser.add(picture_of(head, codes, CAMERA, truth), codes, CAMERA)
        known.append(fuser.seen)
    assert known[2] > known[0] > 0.05 and known[5] > 1.3 * known[2]
    texels = texels_of(head, 128)
    face = texels.image((share_of(head, texels, PLAIN) > 0.99).astype(np.float32), pad=False) > 0
    found, true = (
        to_linear(fuser.texture()[0][face][:, :3] / 255),
        to_linear(truth.reshape(128, 2, 128, 2, 3).mean((1, 3))[face] / 255),
    )
    ratio = (found / true).mean(1)
    assert np.percentile(np.abs(ratio / np.median(ratio) - 1), 90) < 0.15
    fuser.reset()
    assert fuser.seen == 0


@pytest.mark.slow
def test_portraits_are_lifted_onto_the_atlas(head, albedo, shared_data):
    plain = (albedo.decode(np.zeros(N_TEXTURE), 256) * 255).astype(np.uint8)
    lifter = Lifter(head, 256, plain)
    lifted = []
    for name, picture, points in portraits(shared_data):
        lifted.append(lifter.lift(name, picture, points))
        if len(lifted) == 12:
            break
    good = [item for item in lifted if item is not None]
    assert len(good) >= 4
    for item in good:
        tone = lifter.tone(item.texture, item.weight)
        assert 0.15 < tone.mean() < 0.95 and tone[0] > tone[2]  # skin is warm
        assert item.weight[:, 100:156].max() > 0.9 and item.weight[:20].max() == 0


def test_frames_that_are_no_pictures_are_not_fused(head, albedo):
    fuser = TextureFuser(head, albedo, size=128)
    with pytest.raises(ValueError, match=r"frame: expected uint8 \(H, W, 3\), got float64"):
        fuser.add(np.zeros((64, 64, 3)), posed(), Camera.webcam(64, 64))
    assert fuser.seen == 0


@pytest.mark.slow
def test_a_stream_is_fused_without_what_hides_the_skin(head, albedo, monkeypatch):
    """What is found in the best frame, here a bar over one cheek, is filled from the rest; its glasses are told."""
    truth = (albedo.decode(np.zeros(N_TEXTURE)) * 255).astype(np.uint8)
    painted, codes = truth.copy(), posed(0.0)
    side = len(truth)
    bar = np.zeros((side, side), np.float32)
    bar[side * 5 // 12 : side // 2, side // 3 : side // 2] = 1
    painted[bar > 0] = (20, 200, 40)
    frame = picture_of(head, codes, CAMERA, painted)
    analyse, seen = analyse_skin, []

    def hiding(rgb, *rest):
        seen.append(rgb)
        green = cv2.dilate(to_chart(bar, head), np.ones((9, 9)))
        return replace(analyse(rgb, *rest), occlusion=green, glasses=Glasses("round"))

    monkeypatch.setattr(fuse_module, "analyse_skin", hiding)
    fuser = TextureFuser(head, albedo, size=128)
    fuser.add(picture_of(head, codes, CAMERA, truth), codes, CAMERA, 0.5)
    fuser.add(frame, codes, CAMERA, 0.9)
    texture, glasses = fuser.texture()
    assert seen[0] is frame, "the best frame is looked at"
    assert glasses == Glasses("round")
    assert not (texture[..., 1] > texture[..., 0].astype(int) + 30).any()
    fuser.reset()
    assert fuser.texture()[1] == NO_GLASSES
