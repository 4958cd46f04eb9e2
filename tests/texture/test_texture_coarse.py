"""What is computed coarsely against the same at full resolution, the slow way."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from scipy.sparse import diags
from scipy.sparse.linalg import cg
from texture_support import mottled

from face3d_live.lighting import sh_basis, shading_gradient
from face3d_live.texture.chart import chart_of, wide_blur
from face3d_live.texture.complete import blend, complete, pull_push
from face3d_live.texture.displacement import conjugate_gradients
from face3d_live.texture.hair.style import eight_bit_lab
from face3d_live.texture.regions import face_only
from face3d_live.texture.texels import texels_of

SIZE = 512


def blended(values, weight, fill, head):
    """`blend` with every step on a chart as fine as the texture, whose texels are looked up one by one."""
    chart, atlas = chart_of(head, 2 * SIZE), texels_of(head, SIZE)

    def moved(picture, layout, texels, pad):
        corners = layout.uv[layout.face_uv[texels.triangle]]
        u, v = np.einsum("nkc,nk->cn", corners, texels.weights)
        at = np.minimum((np.stack([1 - v, u]) * len(picture)).astype(int), len(picture) - 1)
        return texels.image(np.ascontiguousarray(picture[at[0], at[1]]), pad=pad)

    def blurred(array, part):
        both = cv2.GaussianBlur(np.dstack([array * known[..., None], known]), (0, 0), len(known) / part)
        return both[..., :-1], both[..., -1]

    both = moved(np.dstack([values - fill, weight]), head.topology("medium"), chart, False)
    difference, known = both[..., :3], both[..., 3]
    near, mass = blurred(difference, 40)
    tone = near / np.maximum(mass, 1e-4)[..., None]
    close, edge = blurred(difference - tone, 128)
    smooth = pull_push(tone, known) + close / (edge + 0.15)[..., None]
    share = np.minimum(1, weight / 0.5)[..., None]
    return fill + share * (values - fill) + (1 - share) * moved(smooth, head.chart, atlas, True)


@pytest.fixture(scope="module")
def half_seen(head):
    """A face of which one half was seen: its colours, their weight, and another skin, 0..1."""
    truth, plain = (cv2.resize(mottled(seed=seed, base=base), (SIZE, SIZE)) / np.float32(255)
                    for seed, base in ((3, (200, 150, 120)), (9, (120, 90, 70))))  # fmt: skip
    weight = texels_of(head, SIZE).image(face_only(head, SIZE), pad=False)
    weight[:, : SIZE // 3] = 0
    return truth, cv2.GaussianBlur(weight, (0, 0), 2.0), plain


def test_a_blend_is_that_of_full_resolution(head, half_seen):
    truth, weight, plain = half_seen
    apart = 255 * np.abs(blend(truth, weight, plain, head) - blended(truth, weight, plain, head))
    assert np.percentile(apart, 99.5) < 2 and apart.max() < 4 and apart.mean() < 0.2


def test_a_finer_texture_is_completed_to_the_same_tones(head, half_seen):
    truth, weight, plain = half_seen
    pictures = (255 * truth + 0.5).astype(np.uint8), weight, (255 * plain + 0.5).astype(np.uint8)
    seen, how_well, other = (cv2.resize(each, (256, 256), interpolation=cv2.INTER_AREA) for each in pictures)
    small, fine = complete(seen, how_well, other, head), complete(*pictures, head)
    skin = texels_of(head, 256).covered & texels_of(head, 256).skin
    fine = cv2.resize(fine, (256, 256), interpolation=cv2.INTER_AREA)
    apart = np.abs(fine[..., :3].astype(int) - small[..., :3])[skin]
    assert np.percentile(apart, 99) <= 6 and apart.mean() < 1


@pytest.mark.parametrize("sigma", [3.0, 9.0, 17.0, 25.6])
def test_a_wide_blur_is_a_gaussian(sigma):
    edges = (np.indices((SIZE, SIZE)).sum(0) % 150 < 70).astype(np.float32)
    apart = np.abs(wide_blur(edges, sigma) - cv2.GaussianBlur(edges, (0, 0), sigma))[40:-40, 40:-40]
    assert apart.max() < 0.003
    both = np.dstack([edges, 1 - edges])
    np.testing.assert_allclose(wide_blur(both, sigma)[..., 0], wide_blur(edges, sigma), atol=1e-6)


def test_padding_takes_the_nearest_texel_or_one_hardly_farther(head):
    texels = texels_of(head, 256)
    row, column = np.divmod(np.arange(256 * 256), 256)
    away = np.hypot(texels.nearest // 256 - row, texels.nearest % 256 - column)
    least = distance_transform_edt(~texels.covered).ravel()
    assert (away - least <= 0.15 + 0.03 * least).all()
    assert texels.covered.ravel()[texels.nearest].all()
    assert np.array_equal(texels.nearest[texels.index], texels.index)


def test_the_slope_of_light_is_its_derivative():
    rng = np.random.default_rng(2)
    light, normals = rng.normal(size=27).astype(np.float32), rng.normal(size=(50, 3)).astype(np.float32)
    grey, step = light.reshape(9, 3).mean(1), 0.05
    ways = [(sh_basis(normals + step * e) - sh_basis(normals - step * e)) @ grey / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(shading_gradient(light, normals), np.stack(ways, 1), atol=1e-4)


def test_conjugate_gradients_solve_as_scipys():
    rng = np.random.default_rng(4)
    system = diags([-np.ones(299), rng.uniform(2.5, 4, 300), -np.ones(299)], [-1, 0, 1]).tocsr()
    target, start = rng.normal(size=300), rng.normal(size=300)
    found, _ = cg(system, target, x0=start, maxiter=60, rtol=1e-4)
    np.testing.assert_allclose(conjugate_gradients(system, target, start), found, atol=1e-9)


def test_lab_is_opencvs():
    colours = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), -1).reshape(-1, 1, 3).astype(np.uint8)
    apart = np.abs(eight_bit_lab(colours) - cv2.cvtColor(colours, cv2.COLOR_RGB2LAB).astype(np.float32))
    assert apart.max() <= 3 and apart.mean() < 0.2
