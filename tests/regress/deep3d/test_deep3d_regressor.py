"""From coefficients to codes, and the choice of a regressor by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deep3d_support import DotNetwork, decoder, dot_regressor, made_up

from face3d_live.camera import Camera
from face3d_live.codes import ARKIT, INDEX
from face3d_live.errors import AssetError, InputError
from face3d_live.head.points import N_SKIN
from face3d_live.regress import choose
from face3d_live.regress.crop import Crop
from face3d_live.regress.deep3d import coefficients as C
from face3d_live.regress.deep3d.layout import ANGLES, EXPRESSION, IDENTITY, TRANSLATION
from face3d_live.regress.deep3d.regressor import Deep3DRegressor
from face3d_live.regress.estimate import Estimator
from face3d_live.regress.interface import FaceRegressor, HasOwnMesh
from face3d_live.rotations import angle_between
from face3d_live.track.track_validation import validate_estimate

pytestmark = pytest.mark.slow  # the made-up model takes a second or two

CROP = Crop(112, 112, 112)
CAMERA = Camera(224, 224, C.FOCAL)


def coefficients(**expression: float) -> np.ndarray:
    """A person who looks aside and does what is named: the made-up model's first 52 movements are ARKit's."""
    c = np.zeros((1, 257), np.float32)
    c[:, IDENTITY] = np.random.default_rng(1).normal(0, 0.6, 80)
    for name, value in expression.items():
        c[0, EXPRESSION.start + INDEX[name]] = value
    c[0, ANGLES], c[0, TRANSLATION] = (0.1, 0.25, -0.12), (0.06, -0.04, 0.3)
    return c


def test_points_are_places_of_the_decoded_mesh_by_the_formula() -> None:
    model, found, c = made_up(0.6).model, decoder().correspondence, coefficients(jawOpen=0.5)
    whole = model.mean + (model.identity @ c[0, IDENTITY] + model.expression @ c[0, EXPRESSION]).reshape(-1, 3)
    points = np.einsum("pk,pkx->px", found.weights, whole[found.vertices])
    moved = points @ C.rotation(c[0]).T + c[0, TRANSLATION]
    pixels = 1015 * moved[:, :2] / (10 - moved[:, 2:]) * (1, -1) + 112
    got = decoder().decode(c).points[0] * 112 + 112
    np.testing.assert_allclose(got[:N_SKIN], pixels[:N_SKIN], atol=2e-3)


def test_codes_say_what_the_coefficients_say(head) -> None:
    said = {"jawOpen": 0.7, "mouthSmileLeft": 0.6, "eyeBlinkRight": 0.8, "browInnerUp": 0.6}
    prediction = decoder().decode(coefficients(**said))
    assert prediction.coefficients.shape == (1, 257) and 0.5 < prediction.confidence[0] <= 1
    estimate = Estimator(dot_regressor(), head).refine(prediction, CROP, CAMERA)
    e = dict(zip(ARKIT, estimate.codes.expression, strict=True))
    assert all(e[name] > 0.45 * value for name, value in said.items()), {name: e[name] for name in said}
    assert e["mouthSmileLeft"] > e["mouthSmileRight"] + 0.1 and e["eyeBlinkRight"] > e["eyeBlinkLeft"] + 0.3
    assert estimate.codes.expression[[i for i, name in enumerate(ARKIT) if name.startswith("eyeLook")]].max() < 0.2
    assert estimate.residual < 0.03
    assert validate_estimate(estimate, None, 0.0, (224, 224)) == "good"
    turned = C.rotation(coefficients()[0]) @ decoder().turn.T
    assert np.degrees(angle_between(estimate.codes.rotation, turned)) < 4
    # A metre away less 3 cm, and the head's origin lies 8 cm behind the model's.
    assert -estimate.codes.translation[2] == pytest.approx(1.05, abs=0.05)


def test_shapes_of_people_differ_as_their_coefficients_do() -> None:
    a, b = coefficients(), coefficients()
    b[:, IDENTITY] = -a[:, IDENTITY]
    mean = decoder().decode(np.zeros((1, 257), np.float32)).shape[0]
    there, back = (decoder().decode(c).shape[0] - mean for c in (a, b))
    assert np.corrcoef(there, a[0, IDENTITY])[0, 1] > 0.6
    np.testing.assert_allclose(there, -back, atol=1e-4)


def test_confidence_falls_where_no_face_can_be() -> None:
    wild, away, near = coefficients(), coefficients(), coefficients()
    wild[:, IDENTITY] *= 12
    away[:, TRANSLATION.start] = 1.2
    near[:, TRANSLATION.stop - 1] = 6
    usual = decoder().decode(coefficients()).confidence[0]
    assert usual == pytest.approx(0.85, abs=0.01)
    assert all(decoder().decode(c).confidence[0] < 0.3 for c in (wild, away, near))


@pytest.mark.parametrize(("bad", "place"), [
    *((bad, place) for bad in (np.nan, np.inf, -np.inf) for place in (IDENTITY, EXPRESSION, ANGLES, TRANSLATION)),
    *((1e38, place) for place in (IDENTITY, EXPRESSION, TRANSLATION)),
])  # fmt: skip
def test_coefficients_that_are_no_numbers_lose_the_face_and_no_more(head, bad, place) -> None:
    c = coefficients()
    c[:, place] = bad
    with np.errstate(all="ignore"):
        estimate = Estimator(dot_regressor(), head).refine(decoder().decode(c), CROP, CAMERA)
    assert validate_estimate(estimate, None, 0.0, (224, 224)) != "good"
    assert np.isfinite(estimate.codes.expression).all()


@pytest.mark.parametrize("pictures", [
    np.zeros((1, 112, 112, 3), np.uint8), np.zeros((1, 224, 224, 3)), np.zeros((0, 224, 224, 3), np.uint8), None,
    np.zeros((224, 224, 3), np.uint8),
])  # fmt: skip
def test_what_are_no_pictures_is_refused(pictures) -> None:
    with pytest.raises(ValueError, match=r"pictures: expected uint8 \(B, 224, 224, 3\), got"):
        dot_regressor().predict(pictures)


def test_the_whole_mesh_in_the_heads_frame(tmp_path: Path) -> None:
    made = made_up(0.6)
    regressor = Deep3DRegressor(decoder(), DotNetwork(), {}, made.write(tmp_path))
    assert isinstance(regressor, HasOwnMesh)
    face: FaceRegressor = regressor
    c = coefficients(jawOpen=0.4)[0]
    mesh = regressor.own_mesh(c)
    assert mesh.vertices.shape == mesh.colours.shape == (35709, 3) and mesh.faces.shape == made.model.faces.shape
    found = decoder().correspondence
    points = np.einsum("pk,pkx->px", found.weights, mesh.vertices[found.vertices])
    wanted = 0.1 * decoder().points(c[None])[0] @ decoder().turn.T + decoder().shift
    np.testing.assert_allclose(points[:N_SKIN], wanted[:N_SKIN], atol=1e-5)
    assert face.meta == {}


# --- by name ----------------------------------------------------------------------------------------------------------


def test_names() -> None:
    assert choose.deep3d_folder("own") is None and choose.deep3d_folder("deep3d:~/x") == Path("~/x").expanduser()
    assert choose.deep3d_folder("deep3d:a:b") == Path("a:b")
    for bad in ("", "deep3d", "deep3d:", "Own", "hrn:x", "own:x"):
        with pytest.raises(InputError, match=r"bad-regressor: .*deep3d:FOLDER"):
            choose.deep3d_folder(bad)


def test_the_projects_own_is_what_it_was(head) -> None:
    regressor = choose.load_regressor("own", head, "cpu")
    picture, shown = regressor.cut(np.zeros((64, 64, 3), np.uint8), Crop(32, 32, 20), np.zeros((478, 2)))
    assert picture.shape == (112, 112, 3) and shown == Crop(32, 32, 20)
    prediction = regressor.predict(picture[None])
    assert prediction.coefficients.shape == (1, 0) and not isinstance(regressor, HasOwnMesh)


def test_what_is_lacking_is_said_before_anything_is_loaded(tmp_path: Path, head) -> None:
    for name in (f"deep3d:{tmp_path / 'nowhere'}", f"deep3d:{tmp_path}"):
        with pytest.raises(AssetError, match="deep3d-missing"):
            choose.notice(name)
        with pytest.raises(AssetError, match="deep3d-missing"):
            choose.load_regressor(name, head)
    (tmp_path / "pytorch_model.pt").touch()
    with pytest.raises(AssetError, match="bfm-missing"):
        choose.notice(f"deep3d:{tmp_path}")


def test_the_licence_is_shown_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FACE3D_CONFIG", str(tmp_path / "config"))
    folder = tmp_path / "files" / "assets"
    folder.mkdir(parents=True)
    (folder.parent / "pytorch_model.pt").touch()
    (folder / "BFM_model_front.mat").touch()
    (folder / "LICENSE.txt").write_text("what Basel wrote\n")
    (folder / "license.pdf").write_bytes(b"\xff\xfe no text")
    name = f"deep3d:{folder.parent}"
    text = choose.notice(name)
    assert text is not None and "University of Basel" in text and "巴塞尔" in text and "what Basel wrote" in text
    assert choose.notice(name) is None and choose.notice("own") is None
    monkeypatch.setenv("FACE3D_CONFIG", "/proc/nowhere")  # where nothing can be kept it is shown again, and no error
    assert choose.notice(name) is not None


def test_a_folder_of_files_becomes_a_regressor_and_later_needs_no_torch(tmp_path: Path, head, monkeypatch) -> None:
    torch = pytest.importorskip("torch")
    from deep3d_support import random_weights

    monkeypatch.setenv("FACE3D_CACHE", str(tmp_path / "cache"))
    made_up(0.6).write(tmp_path / "assets")
    tensors = random_weights()
    torch.save(
        {"net_recon": {k: torch.from_numpy(v) for k, v in tensors.items()}, "alpha": torch.ones(1)},
        tmp_path / "pytorch_model.pt",
    )
    name = f"deep3d:{tmp_path}"
    first = choose.load_regressor(name, head, "cpu", "fp32")
    pictures = np.random.default_rng(0).integers(0, 255, (2, 224, 224, 3), dtype=np.uint8)
    wanted = first.predict(pictures)
    assert wanted.points.shape == (2, 478, 2) and np.isfinite(wanted.points).all()
    assert np.abs(wanted.coefficients[0] - wanted.coefficients[1]).max() > 1e-4
    monkeypatch.setattr("face3d_live.regress.deep3d.checkpoint.importlib.util.find_spec", lambda name: None)
    again = choose.load_regressor(name, head, "cpu", "fp32").predict(pictures)
    np.testing.assert_allclose(again.coefficients, wanted.coefficients, atol=1e-5)
    with pytest.raises(AssetError, match="precision-missing"):
        choose.load_regressor(name, head, "cpu", "int8")
