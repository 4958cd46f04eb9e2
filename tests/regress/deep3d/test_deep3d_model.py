"""The morphable model, the coefficients' meaning, and the correspondence with this project's head."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from deep3d_support import N_FRONT, made_up
from scipy.io import savemat

from face3d_live.errors import AssetError
from face3d_live.head.points import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER, N_SKIN
from face3d_live.lighting import GAMMA, shade
from face3d_live.regress import model_cache
from face3d_live.regress.deep3d import coefficients as C
from face3d_live.regress.deep3d.layout import ALBEDO, ANGLES, EXPRESSION, IDENTITY, LIGHT, TRANSLATION
from face3d_live.regress.deep3d.morphable_model import (
    BASEL,
    FRONT,
    MOVEMENTS,
    N_BASEL,
    N_MOVING,
    SMALL,
    find_model,
    load_colours,
    load_model,
)
from face3d_live.regress.deep3d.registration import register, registered, similarity
from face3d_live.regress.deep3d.surface import closest_weights, outward, vertex_normals

pytestmark = pytest.mark.slow


def some_coefficients(count: int = 2) -> np.ndarray:
    rng = np.random.default_rng(3)
    c = np.zeros((count, 257), np.float32)
    c[:, IDENTITY], c[:, EXPRESSION] = rng.normal(0, 0.8, (count, 80)), rng.normal(0, 0.8, (count, 64))
    c[:, ALBEDO] = rng.normal(0, 0.8, (count, 80))
    c[:, ANGLES], c[:, TRANSLATION] = rng.uniform(-0.6, 0.6, (count, 3)), rng.uniform(-0.3, 0.3, (count, 3))
    c[:, LIGHT] = rng.normal(0, 0.2, (count, 27))
    return c


# --- the coefficients -------------------------------------------------------------------------------------------------


def test_angles_turn_about_x_then_y_then_z() -> None:
    x, y, z = some_coefficients()[0, ANGLES].astype(float)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    np.testing.assert_allclose(C.rotation(some_coefficients())[0], about_z @ about_y @ about_x, atol=1e-6)


def test_vertices_are_projected_by_the_published_formula() -> None:
    """(v R^T + t), depth 10 - z, focal length 1015, middle 112; y of the picture downwards from 224 - v."""
    c, vertices = some_coefficients(), np.random.default_rng(1).normal(0, 0.5, (2, 9, 3)).astype(np.float32)
    for one, v, got in zip(c, vertices, C.to_crop(C.to_camera(vertices, c)), strict=True):
        moved = v @ C.rotation(one).T + one[TRANSLATION]
        depth = 10 - moved[:, 2]
        u, w = 1015 * moved[:, 0] / depth + 112, 1015 * moved[:, 1] / depth + 112
        np.testing.assert_allclose(got, np.stack([u / 112 - 1, (224 - w) / 112 - 1], 1), atol=1e-5)


def test_light_is_the_published_shading_to_the_power_of_gamma() -> None:
    c = some_coefficients()
    normal = np.array([[0.3, -0.5, np.sqrt(1 - 0.34)]])
    x, y, z = normal[0]
    a0, a1, a2 = np.pi, 2 * np.pi / np.sqrt(3), 2 * np.pi / np.sqrt(8)
    c0, c1, c2 = 1 / np.sqrt(4 * np.pi), np.sqrt(3 / (4 * np.pi)), 3 * np.sqrt(5) / np.sqrt(12 * np.pi)
    basis = np.array([
        a0 * c0, -a1 * c1 * y, a1 * c1 * z, -a1 * c1 * x, a2 * c2 * x * y, -a2 * c2 * y * z,
        a2 * c2 / (2 * np.sqrt(3)) * (3 * z * z - 1), -a2 * c2 * x * z, a2 * c2 / 2 * (x * x - y * y),
    ])  # fmt: skip
    gamma = c[0, LIGHT].reshape(3, 9).astype(float)
    gamma[:, 0] += 0.8
    np.testing.assert_allclose(C.shading(c, normal)[0, 0], gamma @ basis, atol=1e-5)
    plain = np.zeros((1, 257), np.float32)
    assert shade(C.light(plain)[0], np.array([[0, 0, 1.0], [0.6, 0, 0.8]])) == pytest.approx(
        (0.8 * a0 * c0) ** GAMMA, rel=1e-3
    )
    seen = shade(C.light(c)[0], normal)[0]
    assert seen == pytest.approx(np.maximum(gamma @ basis, 0) ** GAMMA, abs=0.15)


# --- the files --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def front() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield made_up().write(Path(folder) / "BFM").parent


def test_the_front_model_is_read_as_it_is(front) -> None:
    place, wanted = find_model(front), made_up().model
    model = load_model(place)
    assert model.mean.shape == (N_FRONT, 3) and model.identity.shape == (3 * N_FRONT, 80)
    np.testing.assert_allclose(model.mean, wanted.mean, atol=1e-5)
    assert np.array_equal(model.faces, wanted.faces) and np.array_equal(model.keypoints, wanted.keypoints)
    c = some_coefficients(1)[0]
    slow = np.array([
        wanted.mean[v] + wanted.identity[3 * v : 3 * v + 3] @ c[:80] + wanted.expression[3 * v : 3 * v + 3] @ c[80:144]
        for v in (0, 17, N_FRONT - 1)
    ])  # fmt: skip
    np.testing.assert_allclose(model.vertices(c)[[0, 17, N_FRONT - 1]], slow, atol=1e-4)
    colours = load_colours(place).colours(c)
    assert colours.shape == (N_FRONT, 3) and 0 <= colours.min() < colours.max() <= 1


@pytest.mark.slow
def test_basels_own_file_is_cut_down_to_the_same(tmp_path: Path) -> None:
    """53,490 vertices in micrometres; 40 of them are kept, by way of the 53,215 that have movements."""
    rng, small = np.random.default_rng(4), 40
    basel: dict[str, Any] = {
        "shapeMU": rng.normal(0, 5e4, (3 * N_BASEL, 1)).astype(np.float32), "shapeEV": rng.uniform(1, 9, (82, 1)),
        "shapePC": rng.normal(0, 1, (3 * N_BASEL, 82)).astype(np.float32), "texEV": rng.uniform(1, 9, (82, 1)),
        "texMU": rng.uniform(0, 255, (3 * N_BASEL, 1)).astype(np.float32),
        "texPC": rng.normal(0, 0.1, (3 * N_BASEL, 82)).astype(np.float32),
    }  # fmt: skip
    savemat(tmp_path / BASEL, basel)
    moves = rng.normal(0, 1, (65, 3 * N_MOVING)).astype(np.float32)
    mean = np.zeros(3 * N_MOVING, np.float32)
    (tmp_path / MOVEMENTS).write_bytes(struct.pack("<i", 65) + mean.tobytes() + moves.tobytes())
    sizes = rng.uniform(100, 200, 79)
    (tmp_path / SMALL[0]).write_text("\n".join(map(str, sizes)))
    trim, idx = rng.permutation(N_BASEL)[:N_MOVING], rng.permutation(N_MOVING)[:small]
    savemat(tmp_path / SMALL[1], {"idx": idx[None] + 1})
    savemat(tmp_path / SMALL[2], {"trimIndex": trim[:, None] + 1})
    faces, keypoints = np.array([[1, 2, 3], [2, 3, 4]]), np.arange(68)[None] % small + 1
    savemat(tmp_path / SMALL[3], {"tri": faces, "keypoints": keypoints})
    model, colours = load_model(find_model(tmp_path)), load_colours(tmp_path)
    assert model.mean.shape == (small, 3) and abs(model.mean.mean()) < 1e-6
    v = 7
    rows = slice(3 * trim[idx[v]], 3 * trim[idx[v]] + 3)
    places = basel["shapeMU"].reshape(-1, 3)[trim[idx]] * 1e-5
    np.testing.assert_allclose(model.mean[v], places[v] - places.mean(0), atol=1e-5)
    wanted = basel["shapePC"][rows, :80] * basel["shapeEV"][:80, 0] * 1e-5
    np.testing.assert_allclose(model.identity[3 * v : 3 * v + 3], wanted, rtol=1e-4, atol=1e-9)
    wanted = (moves[:64, 3 * idx[v] : 3 * idx[v] + 3].T * sizes[:64]) * 1e-5
    np.testing.assert_allclose(model.expression[3 * v : 3 * v + 3], wanted, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(colours.mean[3 * v : 3 * v + 3], basel["texMU"][rows, 0], rtol=1e-5)
    (tmp_path / MOVEMENTS).write_bytes(struct.pack("<i", 65) + b"short")
    with pytest.raises(AssetError, match=r"bfm-foreign: .*Exp_Pca\.bin"):
        load_model(tmp_path)


def test_what_is_lacking_is_named_with_its_source(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"bfm-missing: .*BFM_model_front\.mat.*University of Basel.*research only"):
        find_model(tmp_path)
    (tmp_path / BASEL).touch()
    (tmp_path / SMALL[0]).touch()
    with pytest.raises(AssetError) as refused:
        find_model(tmp_path)
    message = refused.value.message
    assert refused.value.code == "bfm-missing" and "Exp_Pca.bin from Guo" in message and "std_exp" not in message
    assert "facemodel_info.mat from the folder BFM of github.com/sicxu/Deep3DFaceRecon_pytorch" in message


@pytest.mark.parametrize("change", [
    {"idBase": np.zeros((30, 199))}, {"exBase": np.zeros((30, 29))}, {"meanshape": np.zeros((1, 29))},
    {"tri": np.zeros((4, 3))}, {"tri": np.full((4, 3), 99)}, {"keypoints": np.arange(51) % 10 + 1},
    {"meanshape": np.full((1, 30), np.nan)},
    {"keypoints": "text"}, {"exBase": None}, {"tri": np.array([[{"a": 1}]], object)},
])  # fmt: skip
def test_another_model_is_refused(tmp_path: Path, change) -> None:
    sound = {
        "meanshape": np.arange(30.0)[None], "idBase": np.zeros((30, 80)), "exBase": np.zeros((30, 64)),
        "tri": np.array([[1, 2, 3]]), "keypoints": np.arange(68)[None] % 10 + 1,
    }  # fmt: skip
    savemat(tmp_path / FRONT, sound)
    load_model(tmp_path)
    savemat(tmp_path / FRONT, {key: value for key, value in (sound | change).items() if value is not None})
    with pytest.raises(AssetError, match=r"bfm-foreign: .*University of Basel"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "bytes_", [b"", b"no mat file at all", b"\x89HDF\r\n\x1a\n" + bytes(600), b"MATLAB 5.0" + bytes(500)]
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, bytes_) -> None:
    (tmp_path / FRONT).write_bytes(bytes_)
    with pytest.raises(AssetError, match="bfm-foreign"):
        load_model(tmp_path)


# --- the correspondence -----------------------------------------------------------------------------------------------


def errors_mm(bend: float, head) -> np.ndarray:
    model = made_up(bend).model
    found = register(model.mean, model.faces, model.keypoints, head)
    there = np.einsum("pk,pkx->px", found.weights, model.mean[found.vertices])
    np.testing.assert_allclose(found.weights.sum(1), 1, atol=1e-5)
    assert found.usable[:N_SKIN].min() >= 0.01 and not found.usable[N_SKIN:].any()
    return np.linalg.norm(there - made_up(bend).points, axis=1)[:N_SKIN] * 100


@pytest.mark.slow
def test_the_points_are_found_again_on_the_heads_own_shape(head) -> None:
    off = errors_mm(0.0, head)
    assert off.mean() < 0.3 and np.percentile(off, 95) < 1.0


@pytest.mark.slow
def test_the_points_are_found_on_another_face(head) -> None:
    """Another person's shape, waves of 3 mm on top: on the cheeks no procedure can know, at the features it must."""
    off = errors_mm(1.0, head)
    assert off.mean() < 1.3
    for group in (EYE_LEFT + EYE_RIGHT, BROW_LEFT + BROW_RIGHT, LIPS_OUTER + LIPS_INNER):
        assert off[list(group)].mean() < 0.7


@pytest.mark.slow
def test_the_lips_do_not_change_places(head) -> None:
    """The mouth is shut: upper and lower lip touch. The jaw's movement tells which is which."""
    model = made_up().model
    found = register(model.mean, model.faces, model.keypoints, head)
    jaw = model.expression[:, 17].reshape(-1, 3)[:, 1]  # jawOpen
    drop = (found.weights * jaw[found.vertices]).sum(1)
    upper, lower = drop[[81, 13, 311, 80, 310]], drop[[178, 14, 402, 88, 318]]
    assert lower.max() < 2 * upper.min() < 0


@pytest.mark.slow
def test_the_correspondence_is_kept_and_made_anew_when_damaged(head, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FACE3D_CACHE", str(tmp_path))
    model = made_up().model
    arguments = (model.mean, model.faces, model.keypoints, head)
    first = registered(*arguments)
    kept = list((tmp_path / "deep3d").glob("*.npz"))
    assert model_cache.cache_folder().parent == tmp_path and len(kept) == 1
    assert kept[0].stat().st_size < 40_000  # numbers of vertices and weights: nothing of the model
    with np.load(kept[0]) as stored:
        assert sorted(stored) == ["usable", "vertices", "weights"]
    monkeypatch.setattr("face3d_live.regress.deep3d.registration.register", lambda *a: pytest.fail("made again"))
    assert np.array_equal(registered(*arguments).vertices, first.vertices)
    monkeypatch.setattr(
        "face3d_live.regress.deep3d.registration.register", lambda *a: replace(first, usable=first.usable * 0)
    )
    for damage in (b"", b"PK\x03\x04", kept[0].read_bytes()[:200]):
        kept[0].write_bytes(damage)
        assert not registered(*arguments).usable.any()
    moved = replace(model, mean=model.mean + np.float32(0.1) * model.mean**2)
    registered(moved.mean, moved.faces, moved.keypoints, head)
    assert len(list((tmp_path / "deep3d").glob("*.npz"))) == 2  # another model, another file


def test_small_geometry() -> None:
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    points = rng.normal(size=(20, 3))
    scale, found, shift = similarity(points, 2.5 * points @ turn.T + (1, 2, 3))
    assert scale == pytest.approx(2.5) and found == pytest.approx(turn) and shift == pytest.approx((1, 2, 3))
    triangle = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0.0]]])
    for point, weights in (
        ((0.2, 0.3, 5), (0.5, 0.2, 0.3)),
        ((-1, -1, 0), (1, 0, 0)),
        ((0.5, -3, 1), (0.5, 0.5, 0)),
        ((2, 2, 0), (0, 0.5, 0.5)),
    ):
        assert closest_weights(np.array(point), triangle)[0] == pytest.approx(weights)
    square, faces = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]]), np.array([[0, 1, 2], [0, 2, 3]])
    assert vertex_normals(square, faces) == pytest.approx(np.tile((0, 0, 1.0), (4, 1)))
    assert np.array_equal(outward(square, faces[:, ::-1]), faces) and np.array_equal(outward(square, faces), faces)
