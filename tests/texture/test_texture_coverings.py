"""Masks, scarves and paint on a face that is otherwise known: what of them gets into the skin."""

import cv2
import numpy as np
import pytest
from texture_support import mottled, picture_of, posed

from face3d_live.camera import Camera
from face3d_live.head.points import OVAL
from face3d_live.lighting import ambient, to_linear
from face3d_live.reconstruct import Options, Reconstructor
from face3d_live.reconstruct.find import Found
from face3d_live.regress.fit import Fitter
from face3d_live.texture.chart import CHART, chart_of
from face3d_live.texture.face_coverings import detect_face_covering
from face3d_live.texture.portrait import COMPLETED, observe_texture, texture_from_photo
from face3d_live.texture.regions import share_of
from face3d_live.texture.sample import pose_head, sample_pixels
from face3d_live.texture.texels import texels_of

SIZE, SIDE = 256, 400
CAMERA = Camera.webcam(SIDE, SIDE)
CLOTHS = {"blue": (165, 205, 228), "white": (238, 238, 234), "black": (28, 28, 30), "pink": (240, 140, 170)}
SKINS = {"light": (205, 160, 140), "dark": (98, 66, 52)}
CODES = posed(0.15, light=ambient(np.ones(3)))


@pytest.fixture(scope="module", params=SKINS)
def person(request, head):
    """(picture, (478, 2) pixels of its points, its skin); lips are redder than the rest."""
    skin = np.array(SKINS[request.param])
    texture = mottled(base=tuple(skin)).astype(int)
    texels = texels_of(head, SIZE)
    lips = texels.image(share_of(head, texels, ("lips_upper", "lips_lower")), pad=False)[..., None]
    texture = np.clip(texture * (1 - lips * (0.05, 0.35, 0.3)), 0, 255).astype(np.uint8)
    return picture_of(head, CODES, CAMERA, texture), CAMERA.project(Fitter(head).points3d(CODES)), skin


def covered(picture, points, colour, top):
    """A cloth over all of the face below the point `top`; darker towards its sides."""
    outline = points[list(OVAL)]
    low = outline[outline[:, 1] > points[top, 1]]
    middle = low.mean(0)
    low = middle + 1.05 * (low - middle)
    low = low[np.argsort(np.arctan2(*(low - middle).T))]
    where = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(where, [np.int32(np.round(low))], 1)
    aside = np.abs(np.arange(picture.shape[1]) - middle[0]) / np.ptp(low[:, 0])
    cloth = np.array(colour) * (1 - aside**2)[None, :, None]
    return np.where(where[..., None] > 0, cloth, picture).astype(np.uint8)


def region(texture, head, *names):
    """Median colour of a part of a texture."""
    texels = texels_of(head, len(texture))
    return np.median(texels.of(texture)[share_of(head, texels, names) > 0.9], 0)


def like_skin(colour, skin, lighter=8):
    """Of the skin's hue, and no lighter; it may be darker, as shaven chins are, by a third."""
    red, green, blue = colour
    return red > green > blue and (colour < skin + lighter).all() and (colour > 0.62 * skin).all()


@pytest.mark.parametrize("cloth", CLOTHS)
@pytest.mark.slow
def test_a_mask_is_filled_in_with_the_skin_of_the_forehead(head, albedo, person, cloth):
    picture, points, skin = person
    made = texture_from_photo(covered(picture, points, CLOTHS[cloth], 5), CODES, CAMERA, head, albedo, SIZE)
    for place in ("cheeks", "chin", "nose", "jaw", "neck"):
        assert like_skin(region(made.texture[..., :3], head, place), skin), place
    assert made.occluded > 0.3
    chin = texels_of(head, SIZE).of(made.texture[..., 3])[share_of(head, texels_of(head, SIZE), ("chin",)) > 0.9]
    assert (chin == COMPLETED).mean() > 0.95, "what is filled in says so"


@pytest.mark.parametrize("colour", [(60, 120, 190), (70, 150, 90), (190, 30, 40)], ids=["blue", "green", "red"])
@pytest.mark.slow
def test_a_scarf_below_the_nose(head, albedo, person, colour):
    picture, points, skin = person
    made = texture_from_photo(covered(picture, points, colour, 2), CODES, CAMERA, head, albedo, SIZE)
    assert like_skin(region(made.texture[..., :3], head, "chin"), skin)
    assert made.occluded > 0.15


@pytest.mark.slow
def test_half_a_painted_face_comes_from_the_other_half(head, albedo, person):
    picture, points, skin = person
    painted = picture.copy()
    left = np.arange(SIDE)[None, :] < points[1, 0]
    face = (picture != (30, 60, 200)).any(2) & left
    painted[face] = (picture[face].mean(1, keepdims=True) * (0.4, 0.7, 1.3)).clip(0, 255)
    made = texture_from_photo(painted, CODES, CAMERA, head, albedo, SIZE)
    # How bright the skin is, is read from half a face here: what it shows itself is lighter by as much.
    assert like_skin(region(made.texture[..., :3], head, "cheeks"), skin, lighter=24) and made.occluded > 0.2


@pytest.mark.slow
def test_a_face_without_any_skin_is_told(head, albedo, person):
    picture, _, _ = person
    blue = (picture.mean(2, keepdims=True) * (0.4, 0.7, 1.4)).clip(0, 255).astype(np.uint8)
    assert not observe_texture(blue, CODES, CAMERA, head, albedo, SIZE).has_skin


def test_bare_faces_grey_ones_and_beards_are_not_covered(head, person):
    """A beard hides cheeks and chin, and leaves the lips."""
    picture, points, skin = person
    texels = chart_of(head, CHART)
    grey = np.repeat(picture.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    bearded = covered(picture, points, np.array(skin) * 0.3, 2)
    mouth = np.int32(np.round(points[[61, 37, 0, 267, 291, 314, 17, 84]]))
    lips = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(lips, [mouth], 1)
    bearded[lips > 0] = picture[lips > 0]
    for rgb in (picture, grey, bearded):
        view = pose_head(CODES, CAMERA, head).view(texels)
        linear = to_linear(sample_pixels(rgb, view.pixel, 1.0))
        cover = detect_face_covering(texels.image(linear, pad=False), texels.image(view.weight, pad=False), head)
        assert cover.mask is None and cover.has_skin


def test_a_fringe_on_a_photo_without_colour_is_no_mask(head, person):
    """Forehead and temples are dark, and the face below is lighter, of the same hue: grey."""
    picture, points, _ = person
    grey = np.repeat(picture.mean(2, keepdims=True), 3, 2)
    fringe = np.arange(SIDE)[:, None] < points[168, 1] - 4
    dark = np.where(fringe[..., None], grey * 0.35, grey).astype(np.uint8)
    texels = chart_of(head, CHART)
    view = pose_head(CODES, CAMERA, head).view(texels)
    linear = to_linear(sample_pixels(dark, view.pixel, 1.0))
    cover = detect_face_covering(texels.image(linear, pad=False), texels.image(view.weight, pad=False), head)
    assert cover.mask is None


@pytest.mark.slow
def test_a_photo_without_skin_is_refused(head, person, monkeypatch):
    picture, points, _ = person
    blue = (picture.mean(2, keepdims=True) * (0.4, 0.7, 1.4)).clip(0, 255).astype(np.uint8)
    maker = Reconstructor("cpu")
    found = Found(CODES, CAMERA, 0.9, points.astype(np.float32), np.ones(478, np.float32))
    monkeypatch.setattr(maker, "find", lambda rgb, choice, detections: found)
    with pytest.raises(Exception, match="no-skin"):
        maker.photo(blue, Options("low", 512, refine=False))
