"""`--topology bfm` and the 257 numbers: from a photo to files, by a Deep3D regressor whose network is a stand-in."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from deep3d_support import GREEN, MAGENTA, decoder, dot_regressor, made_up
from skimage import data

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.export.params import Params, params_bytes, params_from
from face3d_live.head.points import N_SKIN
from face3d_live.reconstruct import Options, Reconstructor
from face3d_live.reconstruct.report import finished

pytestmark = pytest.mark.slow

OPTIONS = Options(mesh="low", texture=512, topology="bfm", refine=False)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as place:
        yield made_up(0.6).write(Path(place))


@pytest.fixture
def maker(folder) -> Reconstructor:
    made = Reconstructor("cpu", regressor="deep3d:" + str(folder))
    made.__dict__["regressor"] = dot_regressor(folder)  # in place of what the name would load
    return made


def portrait() -> np.ndarray:
    """NASA's astronaut with dots for eyes, which the stand-in takes for its face."""
    import cv2

    rgb = data.astronaut().copy()
    for place, colour in (((202, 103), GREEN), ((247, 107), MAGENTA)):
        cv2.circle(rgb, place, 5, colour, -1)
    return rgb


def obj(data_: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Rows (V, 6) of place and colour, and (F, 3) of vertices from 0."""
    lines = data_.decode().splitlines()
    rows = np.array([[float(x) for x in line.split()[1:]] for line in lines if line.startswith("v ")])
    faces = [[int(corner.split("/")[0]) - 1 for corner in line.split()[1:]] for line in lines if line.startswith("f ")]
    return rows, np.array(faces)


@pytest.mark.slow
def test_a_photo_becomes_the_models_own_mesh_and_our_head(maker) -> None:
    made = maker.photo(portrait(), OPTIONS)
    params = params_from(made.files["params.npz"])
    assert params.coefficients.shape == (257,) and np.abs(params.coefficients[:80]).max() > 0.5
    with np.load(io.BytesIO(made.files["params.npz"])) as stored:
        assert stored["coefficients"].dtype == np.float32
    rows, faces = obj(made.files["mesh.obj"])
    assert rows.shape == (35709, 6) and faces.shape == made_up(0.6).model.faces.shape
    assert 0 <= rows[:, 3:].min() <= rows[:, 3:].max() <= 1
    wanted = dot_regressor(maker.regressor.model_folder).own_mesh(params.coefficients).vertices
    np.testing.assert_allclose(rows[:, :3], wanted, atol=1e-6)
    assert {"head.glb", "texture.png", "render.png"} <= made.files.keys() and "mesh.mtl" not in made.files
    assert made.report["regressor"] == "deep3d" and made.report["options"]["topology"] == "bfm"
    # The fitted head is the decoded face: its points lie where the model's do, in the same frame.
    points = decoder().points(params.coefficients[None])[0] * 0.1 @ decoder().turn.T + decoder().shift
    ours = maker.head.points(maker.head.vertices(params.codes.shape, params.codes.expression))
    assert np.linalg.norm(points - ours, axis=1)[:N_SKIN].mean() < 0.006


@pytest.mark.slow
def test_a_frame_with_known_codes_gets_its_numbers_too(maker, head) -> None:
    found = maker.find(portrait(), "auto")
    options = Options(mesh="low", texture=512, only="structure")
    made = maker.frame(found.picture(portrait()), found.codes, options)
    assert params_from(made.files["params.npz"]).coefficients.shape == (257,)


def test_the_projects_own_regressor_has_no_such_mesh() -> None:
    with pytest.raises(InputError, match=r"bad-topology: .*--regressor deep3d:FOLDER"):
        Reconstructor("cpu").photo(np.zeros((64, 64, 3), np.uint8), Options(topology="bfm"))
    with pytest.raises(ValueError, match="topology: expected one of own, bfm"):
        Options(topology="flame")


def test_params_without_other_numbers_are_as_they_were(head) -> None:
    codes = HeadCodes()
    landmarks = head.landmarks68(head.vertices(codes.shape, codes.expression))
    plain = params_bytes(Params(codes, landmarks, Camera.webcam(64, 48)))
    with np.load(io.BytesIO(plain)) as stored:
        assert "coefficients" not in stored
    assert params_from(plain).coefficients.shape == (0,)


def test_a_head_by_another_regressor_is_made_again(tmp_path) -> None:
    report = {"options": Options().to_json(), "regressor": "deep3d"}
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert finished(tmp_path, Options(), "deep3d:/x") == report
    assert finished(tmp_path, Options(), "own") is None
    older = {"options": {key: value for key, value in Options().to_json().items() if key != "topology"}}
    (tmp_path / "report.json").write_text(json.dumps(older))  # of a version that knew neither
    assert finished(tmp_path, Options(), "own") == older
    assert finished(tmp_path, OPTIONS, "deep3d:/x") is None
    for broken in ("[]", '{"options": 3}', "{"):
        (tmp_path / "report.json").write_text(broken)
        assert finished(tmp_path, Options(), "own") is None
