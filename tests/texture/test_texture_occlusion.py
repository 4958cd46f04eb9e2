"""Glasses, hair and shadows that lie on the skin: found, filled, and said."""

import cv2
import numpy as np
import pytest
from texture_support import picture_of, posed

from face3d_live.camera import Camera
from face3d_live.eyewear import NO_GLASSES
from face3d_live.head.hairline import STYLE_OF
from face3d_live.texture.chart import CHART, albedo_on_chart, chart_of, to_atlas
from face3d_live.texture.occlusion import find_occlusion
from face3d_live.texture.portrait import COMPLETED, OBSERVED, texture_from_photo
from face3d_live.texture.regions import share_of

CAMERA = Camera.webcam(360, 360)


@pytest.fixture(scope="module")
def usual(head, albedo):
    """The albedo model on the chart."""
    return albedo_on_chart(head, albedo)


@pytest.fixture(scope="module")
def skin(usual):
    """(CHART, CHART, 3) someone's skin with a little texture of its own."""
    rng = np.random.default_rng(2)
    code = np.r_[rng.normal(size=8), np.zeros(42)].astype(np.float32)
    noise = cv2.GaussianBlur(rng.normal(size=(CHART, CHART, 1)), (0, 0), 1.0)[..., None] * 0.03
    return (np.clip(usual.decode(code, CHART) + noise, 0, 1) * 255).astype(np.uint8)


def region(head, *names):
    texels = chart_of(head, CHART)
    return texels.image(share_of(head, texels, names), pad=False) > 0.5


@pytest.mark.slow
def test_clean_skin_is_left_alone(head, usual, skin):
    whole = np.ones((CHART, CHART), np.float32)
    assert find_occlusion(skin, whole, head, usual).mask.mean() < 0.002


def strands(base, seed=0):
    """(CHART, CHART, 3) hair that hangs down: a colour, from column to column another brightness."""
    rng = np.random.default_rng(seed)
    gain = np.exp(cv2.GaussianBlur(rng.normal(size=(CHART, CHART)), (0, 0), sigmaX=0.8, sigmaY=8) * 2.0)
    return np.clip(np.array(base) * gain[..., None], 0, 255).astype(np.uint8)


def upper(head, percent):
    """(CHART, CHART) bool: that much of the forehead from above, and all of the scalp."""
    forehead = region(head, "forehead")
    rows = np.flatnonzero(forehead.any(1))
    return forehead & (np.arange(CHART)[:, None] < np.percentile(rows, percent)), region(head, "scalp")


def person(usual, brightness):
    """(CHART, CHART, 3) someone of the albedo model, with pores."""
    code = np.r_[brightness, np.zeros(49)].astype(np.float32)
    pores = np.random.default_rng(3).normal(size=(CHART, CHART, 1)) * 0.006
    return (np.clip(usual.decode(code, CHART) + pores, 0, 1) * 255).astype(np.uint8)


WHOLE = np.ones((CHART, CHART), np.float32)
LOWER = ("nose", "chin", "lips_upper", "lips_lower", "eyelids_left", "eyelids_right", "brows_left", "brows_right")


@pytest.mark.parametrize("colour", [(30, 22, 16), (90, 60, 40), (120, 100, 75)], ids=["black", "brown", "fair"])
@pytest.mark.slow
def test_a_fringe_is_found_and_nothing_else(head, usual, colour):
    fringe, scalp = upper(head, 35)
    haired = np.where((fringe | scalp)[..., None], strands(colour), person(usual, 0.7))
    found = find_occlusion(haired, WHOLE, head, usual).mask > 0.5
    assert found[fringe].mean() > 0.85
    assert found[region(head, *LOWER)].mean() < 0.02
    below = region(head, "forehead") & ~cv2.dilate(fringe.astype(np.uint8), np.ones((17, 17))).astype(
        bool
    )  # with its shadow
    assert below.sum() > 100 and found[below].mean() < 0.05


@pytest.mark.slow
def test_black_hair_on_dark_skin_is_found(head, usual):
    bare = person(usual, -1.5)
    fringe, scalp = upper(head, 60)
    assert bare[region(head, "cheeks")].mean() < 95
    assert find_occlusion(bare, WHOLE, head, usual).mask[region(head, "forehead")].mean() < 0.01
    haired = np.where((fringe | scalp)[..., None], strands((22, 19, 18)), bare)
    found = find_occlusion(haired, WHOLE, head, usual).mask > 0.5
    assert found[fringe].mean() > 0.8
    assert found[region(head, *LOWER)].mean() < 0.02


def test_what_does_not_hang_from_the_scalp_is_no_hair(head, usual):
    """Raised brows and birthmarks stay, also under a head of hair; nor is a beard taken off."""
    top, scalp = upper(head, 65)
    marks = region(head, "forehead") & ~top
    beard = region(head, "chin", "jaw")
    assert marks.sum() > 200
    painted = np.where((marks | scalp | beard)[..., None], strands((35, 26, 20)), person(usual, 0.7))
    found = find_occlusion(painted, WHOLE, head, usual).mask > 0.5
    assert found[marks].mean() < 0.05
    assert found[beard].mean() < 0.02


def test_shadow_under_the_hair_and_wrinkles_are_skin(head, usual):
    forehead, scalp = region(head, "forehead"), region(head, "scalp")
    row = np.arange(CHART)[:, None]
    rows = np.flatnonzero(forehead.any(1))
    depth = np.clip((rows.max() - row) / np.ptp(rows), 0, 1)  # 1 at the hairline
    shadow = np.exp(-0.4 * depth) ** (1 / 2.2)
    wrinkles = 1 - 0.06 * (np.sin(row * 1.6) > 0.6)
    face = person(usual, 0.7) * np.where(forehead, shadow * wrinkles, 1)[..., None]
    haired = np.where(scalp[..., None], strands((35, 26, 20)), face).astype(np.uint8)
    found = find_occlusion(haired, WHOLE, head, usual).mask > 0.5
    middle = np.abs(np.arange(CHART) - CHART / 2) < 30
    assert found[forehead & middle & (depth < 0.6)].mean() < 0.05


@pytest.mark.slow
def test_skin_between_the_strands_of_a_fringe_goes_with_it(head, usual):
    """Patches of it, pale beside the hair that was taken off, look worse than a filled forehead."""
    fringe, scalp = upper(head, 45)
    gaps = fringe & (np.arange(CHART) % 20 < 9)
    haired = np.where(((fringe & ~gaps) | scalp)[..., None], strands((40, 28, 20)), person(usual, 0.7))
    found = find_occlusion(haired, WHOLE, head, usual).mask > 0.5
    middle = np.abs(np.arange(CHART) - CHART / 2) < 25
    assert (gaps & middle).sum() > 100 and found[gaps & middle].mean() > 0.9


def test_shadows_highlights_and_moles_on_nose_and_cheeks_are_skin(head, usual, skin):
    """One side of the nose in the shadow of hard light, the other shining, bags under the eyes, a reddened cheek."""
    x = np.arange(CHART) - CHART / 2
    nose, cheeks = region(head, "nose"), region(head, "cheeks")
    lit = skin.astype(np.float32)
    lit[nose & (x < -3)] *= np.exp(-0.9 / 2.2)
    lit[nose & (x > 3)] *= np.exp(0.6 / 2.2)
    rows = np.flatnonzero(cheeks.any(1))
    lit[cheeks & (np.abs(np.arange(CHART)[:, None] - rows.min() - 12) < 3)] *= np.exp(-0.8 / 2.2)
    lit[cheeks & (x > 20)] *= (1.0, 0.86, 0.86)
    shown = np.clip(lit, 0, 255).astype(np.uint8)
    assert find_occlusion(shown, WHOLE, head, usual).mask.mean() < 0.002


@pytest.mark.slow
def test_a_bald_head_in_the_shade_stays(head, usual):
    """As dark as hair, but smooth."""
    bare = person(usual, 0.7)
    shaded = np.where(region(head, "scalp", "forehead")[..., None], bare * 0.7, bare).astype(np.uint8)
    assert find_occlusion(shaded, WHOLE, head, usual).mask[region(head, "forehead")].mean() < 0.02


def test_a_bar_across_the_nose_is_found_but_a_moustache_is_not(head, usual, skin):
    nose = region(head, "nose")
    rows, columns = np.nonzero(nose)
    bridge = np.zeros((CHART, CHART), bool)
    top = int(np.percentile(rows, 25))
    bridge[top - 2 : top + 3, columns.min() : columns.max()] = True
    bridge &= nose
    marked = skin.copy()
    marked[bridge] = (15, 15, 18)
    lip = region(head, "lips_upper")
    below = np.nonzero(lip)[0].min()
    moustache = np.zeros((CHART, CHART), bool)
    moustache[below - 8 : below - 1, CHART // 2 - 20 : CHART // 2 + 20] = True
    marked[moustache] = (40, 28, 20)
    found = find_occlusion(marked, WHOLE, head, usual).mask > 0.5
    assert found[bridge].mean() > 0.6
    assert found[moustache].mean() < 0.1


def spectacles(head, eyes=2):
    """(CHART, CHART) bool: rims of 16 mm around the eyes and, for both, a bridge between them."""
    texels = chart_of(head, CHART)
    place = texels.image(texels.at(head.topology("medium").refine(head.template)), pad=False)
    x, y = place[..., 0], place[..., 1]
    ahead = texels.image(texels.part == 0, pad=False) & (place[..., 2] > 0.02)
    rims = np.zeros((CHART, CHART), bool)
    for centre in head.eye_centers[:eyes]:
        away = np.hypot(x - centre[0], y - centre[1])
        rims |= (away > 0.0145) & (away < 0.018)
    bridge = (np.abs(x) < abs(head.eye_centers[0, 0]) - 0.0145) & (np.abs(y - head.eye_centers[0, 1] - 0.006) < 0.002)
    return ahead & (rims | (bridge & (eyes == 2)))


@pytest.mark.parametrize("colour", [(20, 18, 18), (240, 240, 245)])
@pytest.mark.slow
def test_rims_are_followed_over_lids_and_brows(head, usual, skin, colour):
    rims = spectacles(head)
    marked = skin.copy()
    marked[rims] = colour
    hidden = find_occlusion(marked, WHOLE, head, usual)
    found = hidden.mask > 0.5
    assert hidden.glasses.style == "round"
    assert (hidden.glasses.rgb() is None) == (max(colour) > 100), "of light rims no colour is told"
    soft = region(head, "eyelids_left", "eyelids_right", "brows_left", "brows_right")
    assert (rims & soft).sum() > 60 and found[rims & soft].mean() > 0.7
    assert found[rims & region(head, "nose", "cheeks")].mean() > 0.8
    near = cv2.dilate(rims.astype(np.uint8), np.ones((9, 9))) > 0
    assert found[~near].mean() < 0.005


@pytest.mark.slow
def test_brows_and_the_skin_under_the_lenses_stay(head, usual, skin):
    rims, brows = spectacles(head), region(head, "brows_left", "brows_right")
    marked = skin.copy()
    marked[brows] = (70, 50, 40)
    marked[rims] = (20, 18, 18)
    found = find_occlusion(marked, WHOLE, head, usual).mask > 0.5
    assert found[rims].mean() > 0.75
    assert found[brows & ~rims].mean() < 0.5  # most of what is left of them beside the rims lies next to one
    assert found[region(head, "eyelids_left", "eyelids_right") & ~rims].mean() < 0.25


def test_what_has_no_bridge_is_not_followed(head, usual, skin):
    rims = spectacles(head, eyes=1)
    marked = skin.copy()
    marked[rims] = (20, 18, 18)
    found = find_occlusion(marked, WHOLE, head, usual).mask > 0.5
    soft = cv2.erode(region(head, "eyelids_left", "eyelids_right").astype(np.uint8), np.ones((3, 3))) > 0
    assert (rims & soft).any() and found[rims & soft].mean() < 0.1
    assert find_occlusion(marked, WHOLE, head, usual).glasses == NO_GLASSES


def test_what_was_not_seen_is_not_judged(head, usual, skin):
    painted = skin.copy()
    painted[region(head, "forehead")] = (0, 255, 0)
    weight = np.ones((CHART, CHART), np.float32)
    weight[region(head, "forehead")] = 0
    assert find_occlusion(painted, weight, head, usual).mask.mean() < 0.005


@pytest.mark.slow
def test_a_covered_forehead_is_filled_with_skin_and_alpha_says_so(head, albedo, skin):
    codes, size = posed(), 256
    haired = np.where(region(head, "forehead", "scalp")[..., None], strands((40, 28, 20)), skin)
    skin, haired = (to_atlas(each, head, size).astype(np.uint8) for each in (skin, haired))
    forehead, nose = (to_atlas(region(head, name), head, size) > 0.5 for name in ("forehead", "nose"))
    bare = texture_from_photo(picture_of(head, codes, CAMERA, skin), codes, CAMERA, head, albedo, size)
    made = texture_from_photo(picture_of(head, codes, CAMERA, haired), codes, CAMERA, head, albedo, size)
    assert made.occluded > 0.08 > 0.02 > bare.occluded
    inner = cv2.erode(forehead.astype(np.uint8), np.ones((9, 9))) > 0
    filled, true = made.texture[inner][:, :3].astype(float).mean(0), skin[inner].astype(float).mean(0)
    assert np.abs(filled - true).max() < 45 < np.abs(np.array([40, 28, 20]) - true).max()
    assert (made.texture[inner][:, 3] == COMPLETED).mean() > 0.9
    assert (made.texture[nose][:, 3] == OBSERVED).mean() > 0.7
    assert set(np.unique(made.texture[..., 3])) <= {0, COMPLETED, OBSERVED, *STYLE_OF}
