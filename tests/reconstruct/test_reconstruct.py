"""Photos to files: what they hold, and what happens to photos that are none."""

import io
import json
import struct
import zlib
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import trimesh
from glb_support import read_glb
from PIL import Image
from texture_support import mottled, picture_of, posed

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, MIRROR
from face3d_live.errors import InputError
from face3d_live.export.bundle import write_folder
from face3d_live.export.params import params_from
from face3d_live.export.vrm_meta import VrmMeta
from face3d_live.head.hair import HairMesh
from face3d_live.head.points import MIRROR_478
from face3d_live.lighting import ambient
from face3d_live.reconstruct import FILES, Found, Options, Reconstructor, read_photo, reconstruct_photos
from face3d_live.reconstruct.augmented_estimate import estimate_augmented
from face3d_live.reconstruct.files import vrm_file
from face3d_live.reconstruct.find import Finder
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.regress.fit import Fitter
from face3d_live.texture.regions import share_of
from face3d_live.texture.texels import texels_of
from face3d_live.track.detector import Detector

pytestmark = pytest.mark.slow

SIDE = 320
LOW = Options("low", 512, refine=False)


@pytest.fixture(scope="module")
def known(head):
    """A frame (SIDE, SIDE, 3) of a smiling head with dark hair, and its codes."""
    expression = np.zeros(52, np.float32)
    expression[[INDEX["mouthSmileLeft"], INDEX["mouthSmileRight"]]] = 0.6
    codes = posed(0.2, expression=expression, light=ambient(np.ones(3)))
    texture, texels = mottled(), texels_of(head, 256)
    texture[texels.image(share_of(head, texels, ("scalp",))) > 0.5] = (60, 40, 30)
    return picture_of(head, codes, Camera.webcam(SIDE, SIDE), texture), codes


class Knows(Reconstructor):
    """Finds the face of `known`, and none in pictures that are all dark."""

    codes = posed()

    def find(self, rgb, choice, detections=None):
        if rgb.mean() < 5:
            raise InputError("no-face", "no face was found")
        camera = Camera.webcam(rgb.shape[1], rgb.shape[0])
        points = camera.project(Fitter(self.head).points3d(self.codes))
        return Found(self.codes, camera, 0.9, points, np.full(478, 2.0, np.float32))


@pytest.fixture(scope="module")
def shared():
    """One for the module: its renderer takes a second to start."""
    return Knows("cpu")


@pytest.fixture
def maker(shared, known):
    shared.codes = known[1]
    return shared


@pytest.fixture(scope="module")
def made(shared, known):
    frame, shared.codes = known
    stages = []
    result = shared.photo(
        frame, Options(texture=512, refine=False), progress=lambda stage, share: stages.append((stage, share))
    )
    return result, stages


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def png(rgb) -> bytes:
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG")
    return out.getvalue()


def test_all_files_are_there_and_open(made, known, head, tmp_path):
    result, stages = made
    assert tuple(result.files) == FILES
    write_folder(result.files, tmp_path / "out")
    scene: Any = trimesh.load(tmp_path / "out" / "mesh.obj", process=False, split_object=True)
    mesh, hair = sorted(scene.geometry.values(), key=lambda part: -len(part.faces))
    assert len(HairMesh.load(result.report["hair_style"]).faces) == len(hair.faces)
    assert hair.bounds[1][1] > mesh.bounds[1][1] > hair.bounds[0][1] and hair.visual.material.image.mode == "RGBA"
    assert len(mesh.faces) == len(head.topology("medium").faces)
    assert mesh.visual.uv.shape == (len(mesh.vertices), 2)
    assert mesh.visual.material.image.size == (512, 512)
    assert 0.2 < np.ptp(mesh.vertices[:, 1]) < 0.35
    assert picture(result.files["texture.png"]).shape == (512, 512, 4)
    assert picture(result.files["texture_grid.png"]).shape == (512, 512, 3)
    structure = picture(result.files["structure.png"])
    assert structure.shape == (256, 256)
    assert structure[0, 0] < 20 < structure[128, 128] and structure.std() > 20
    report = json.loads(result.files["report.json"])
    assert (
        report == result.report
        and report["confidence"] == 0.9
        and set(report["ms"]) == {"face", "geometry", "texture", "detail", "files"}
    )
    assert stages[0] == ("face", 0.0) and stages[-1] == ("done", 1.0)
    assert [share for _, share in stages] == sorted(share for _, share in stages)


def test_the_parameters_are_those_of_the_face(made, known, head):
    _, codes = known
    params = params_from(made[0].files["params.npz"])
    assert np.array_equal(params.codes.expression, codes.expression)
    assert np.array_equal(params.codes.rotation, codes.rotation)
    assert np.abs(params.codes.texture).max() > 0.05
    expected = head.landmarks68(head.vertices(codes.shape, codes.expression))
    np.testing.assert_allclose(params.landmarks, expected, atol=1e-6)
    assert params.camera == Camera.webcam(SIDE, SIDE)


def test_the_report_says_what_refining_gained(maker, known):
    report = maker.photo(known[0], Options("low", 512)).report
    found = report["refinement"]
    assert found["after"]["psnr"] >= found["before"]["psnr"] > 15
    assert 0 <= found["before"]["landmark_error"] < 0.05 and report["ms"]["geometry"] >= found["ms"] - 1
    assert "refinement" not in maker.photo(known[0], LOW).report


def test_geometry_alone_is_that_of_the_files(maker, known):
    made = params_from(maker.photo(known[0], Options("low", 512)).files["params.npz"])
    found = maker.geometry(known[0], Options("low", 512))
    for key in ("shape", "expression", "rotation", "translation"):
        np.testing.assert_array_equal(getattr(found.codes, key), getattr(made.codes, key))
    assert (maker.geometry(known[0], LOW).codes.shape != found.codes.shape).any()


def test_structure_alone_is_quick_and_small(maker, known):
    made = maker.photo(known[0], Options(only="structure"))
    assert tuple(made.files) == ("structure.png", "params.npz", "report.json")
    assert picture(made.files["structure.png"]).shape == (256, 256) and "texture" not in made.report["ms"]


def test_a_frontal_head_looks_into_the_camera(maker, known):
    turned = maker.photo(known[0], Options(only="structure"))
    frontal = maker.photo(known[0], Options(only="structure", frontal=True))
    codes = params_from(frontal.files["params.npz"]).codes
    assert np.array_equal(codes.rotation, np.eye(3)) and codes.translation[:2].tolist() == [0, 0]
    assert np.array_equal(codes.expression, known[1].expression)
    straight, aside = ((picture(made.files["structure.png"]) > 8).astype(int) for made in (frontal, turned))
    assert np.abs(straight - straight[:, ::-1]).mean() < 0.5 * np.abs(aside - aside[:, ::-1]).mean()


def test_what_is_hard_to_see_is_held_back(maker, known):
    maker.codes = posed(distance=0.75, shape=np.ones(80, np.float32))
    made = maker.photo(known[0], Options("low", 1024, refine=False))
    assert "normal.png" not in made.files and b"norm " not in made.files["mesh.mtl"]
    assert made.report["mode"] == "conservative" and made.report["texture"] == 512
    assert picture(made.files["texture.png"]).shape == (512, 512, 4)
    np.testing.assert_allclose(params_from(made.files["params.npz"]).codes.shape, 0.5)


def test_the_high_mesh_is_displaced_and_the_others_have_a_normal_map(made, maker, known):
    assert b"norm normal.png" in made[0].files["mesh.mtl"] and picture(made[0].files["normal.png"]).shape[2] == 3
    high = maker.photo(known[0], Options("high", 512, refine=False))
    assert b"norm" not in high.files["mesh.mtl"] and high.report["relief_mm"] > 0
    text = high.files["mesh.obj"].decode().split("\no hair")[0]
    vertices = [line.split()[1:] for line in text.splitlines() if line.startswith("v ")]
    codes, mesh = params_from(high.files["params.npz"]).codes, maker.head.topology("high")
    smooth = mesh.refine(maker.head.vertices(codes.shape, codes.expression))
    moved = np.linalg.norm(np.array(vertices, float) - smooth, axis=1)
    assert 1e-5 < moved.max() < 1e-3 and np.median(moved) < 1e-5


def test_the_texture_shows_the_skin_of_the_photo(made):
    texture = picture(made[0].files["texture.png"])
    cheeks = texture[250:280, [*range(190, 215), *range(297, 322)], :3].reshape(-1, 3)
    assert np.abs(np.median(cheeks, 0) - (190, 140, 115)).max() < 30
    assert (texture[160:380, 170:342, 3] >= 254).all() and (texture[250:280, 195:215, 3] == 255).mean() > 0.4


def test_the_render_shows_the_head_with_that_skin(made):
    render = picture(made[0].files["render.png"]).astype(int)
    assert render.shape == (768, 768, 3)
    face = render[400:520, 300:460].reshape(-1, 3).mean(0)
    corner = render[:40, :40].reshape(-1, 3).mean(0)
    assert face[0] > face[2] + 15 and np.abs(face - corner).sum() > 60


def test_a_tracked_frame_needs_no_search(maker, known):
    frame, codes = known
    maker.codes = None
    result = maker.frame(frame, codes, LOW)
    assert tuple(result.files) == FILES and result.report["mesh"] == "low"
    assert result.files["mesh.obj"].split(b"\no hair")[0].count(b"\nv ") == 4982


def test_turned_and_small_faces_are_warned_of(maker, known):
    maker.codes = posed(0.9)
    turned = maker.photo(known[0], LOW)
    assert any("turned away" in note for note in turned.report["warnings"])
    maker.codes = posed(distance=0.8)
    small = maker.photo(known[0], LOW)
    assert any("small" in note for note in small.report["warnings"])


def test_no_face_is_found_where_there_is_none():
    maker = Reconstructor("cpu")
    maker.finder = Finder(Detector.load(), None)  # the detector alone says no
    rng = np.random.default_rng(0)
    for rgb in (np.full((200, 300, 3), 127, np.uint8), rng.integers(0, 255, (128, 128, 3)).astype(np.uint8)):
        with pytest.raises(InputError, match="no-face"):
            maker.photo(rgb)


def test_a_single_picture_is_looked_at_more_than_once(head):
    """A network that errs by chance and always to the right: crops average the one, mirrored ones the other."""
    camera, fitter = Camera.webcam(SIDE, SIDE), Fitter(head)
    expression = np.zeros(52, np.float32)
    expression[[INDEX["mouthSmileLeft"], INDEX["jawOpen"]]] = 0.7, 0.3
    truth = posed(0.2, expression=expression, shape=np.r_[1.0, np.zeros(79)])
    points = camera.project(fitter.points3d(truth))
    rng, mirrored = np.random.default_rng(0), []
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    where = np.dstack([x // 2, y // 2, np.zeros_like(x)]).astype(np.uint8)  # a crop reads from its pixels where it is

    class Errs:
        def cut(self, rgb, square, points=None):
            return square.extract(rgb), square

        def predict(self, crops):
            answers = [(*self._one(crop.astype(float)), []) for crop in crops]
            columns = (np.array(column, np.float32) for column in zip(*answers, strict=True))
            names = ("points", "sigma", "expression", "shape", "coefficients")
            return SimpleNamespace(**dict(zip(names, columns, strict=True)))

        def _one(self, crop):
            across, down = 2 * crop[56, :, 0], 2 * crop[:, 56, 1]
            flipped = across[-1] < across[0]
            mirrored.append(flipped)
            found = Crop(across.mean() + 0.5, down.mean() + 0.5, (down[-1] - down[0]) / 2 * 112 / 111)
            seen, looks = found.from_frame(points), truth.expression
            if flipped:
                seen, looks = seen[MIRROR_478] * (-1, 1), looks[MIRROR]
            seen = seen + np.array([0.03, 0]) + rng.normal(0, 0.01, seen.shape)
            return seen, np.full(478, 0.01), looks, truth.shape

    start = truth.with_(
        translation=truth.translation + np.array([0.004, -0.003, 0]), expression=np.full(52, 0.1), shape=np.zeros(80)
    )
    look = estimate_augmented(SimpleNamespace(fitter=fitter, regressor=Errs()), where, start, camera)
    assert len(mirrored) >= 4 and np.mean(mirrored) == 0.5

    def off(found):
        return np.linalg.norm(found - points, axis=1).mean()

    half = crop_from_points(points).half
    assert off(look.points) < 0.015 * half and off(points + np.array([0.03 * half, 0])) > 0.029 * half
    assert off(camera.project(fitter.points3d(look.codes))) < 0.25 * off(camera.project(fitter.points3d(start)))
    assert look.codes.expression[INDEX["mouthSmileLeft"]] > 0.5 > 0.3 > look.codes.expression[INDEX["mouthSmileRight"]]


# --- reading photos ---------------------------------------------------------------------------------------------------


def test_exif_orientation_is_obeyed():
    upright = np.zeros((80, 120, 3), np.uint8)
    upright[:20] = 255  # the top is white
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me a quarter clockwise"
    out = io.BytesIO()
    Image.fromarray(np.rot90(upright).copy()).save(out, "JPEG", exif=exif, quality=95)
    read = read_photo(out.getvalue())
    assert read.shape == (80, 120, 3)
    assert read[5].mean() > 240 and read[-5].mean() < 15


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16", "LA"])
def test_other_kinds_of_pictures_become_rgb(mode):
    image = (
        Image.new("I;16", (90, 70), 30000)
        if mode == "I;16"
        else Image.new("RGB", (90, 70), (200, 90, 40)).convert(mode)
    )
    out = io.BytesIO()
    image.save(out, "TIFF" if mode == "CMYK" else "PNG")
    assert read_photo(out.getvalue()).shape == (70, 90, 3)


def test_large_photos_keep_their_pixels():
    """The face may be a small part of them."""
    out = io.BytesIO()
    Image.new("RGB", (5000, 2500), (10, 200, 30)).save(out, "JPEG")
    read = read_photo(out.getvalue())
    assert read.shape == (2500, 5000, 3) and abs(int(read[500, 500, 1]) - 200) < 4


def bomb(width, height) -> bytes:
    """A PNG that claims a size and holds nothing of it."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not-an-image"),
        (b"dear camera, this is a letter", "not-an-image"),
        (png(np.random.default_rng(0).integers(0, 255, (99, 99, 3)).astype(np.uint8))[:9000], "not-an-image"),
        (bomb(200, 200), "not-an-image"),
        (bomb(60_000, 60_000), "too-large"),
        (b"%PDF-1.7 nothing", "unsupported-type"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "unsupported-type"),
        (png(np.zeros((40, 300, 3), np.uint8)), "too-small"),
    ],
    ids=["empty", "text", "cut", "hollow", "bomb", "pdf", "heic", "small"],
)
def test_what_is_no_photo_is_refused_with_a_reason(data, code):
    with pytest.raises(InputError) as refused:
        read_photo(data)
    assert refused.value.code == code and len(refused.value.message) > 20


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch, maker):
    monkeypatch.setattr("face3d_live.reconstruct.batch.Reconstructor", lambda *_: maker)
    return reconstruct_photos


def test_head_vrm_is_made_where_it_is_asked_for(made, maker, known, head):
    meta = VrmMeta.of("Ada", ["A"], ["commercialUsage=personalProfit"])
    asked = maker.photo(known[0], replace(LOW, vrm=meta))
    assert list(asked.files)[-1] == "head.vrm"
    stored = json.loads(asked.files["report.json"])["options"]
    assert stored == replace(LOW, vrm=meta).to_json() != LOW.to_json(), "a later run knows that it is there"
    document, _ = read_glb(asked.files["head.vrm"])
    assert document["extensions"]["VRMC_vrm"]["meta"]["commercialUsage"] == "personalProfit"
    later, _ = read_glb(vrm_file(made[0].files, head, meta))
    assert later["extensions"] == document["extensions"]
    assert [image["name"] for image in later["images"]] == [image["name"] for image in document["images"]]


def test_one_photo_goes_into_the_folder_itself(command, known, tmp_path, capsys):
    (tmp_path / "me.png").write_bytes(png(known[0]))
    assert command([tmp_path / "me.png"], tmp_path / "out", LOW) == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == set(FILES)
    assert "low mesh, 512 texture" in capsys.readouterr().out


def test_bad_photos_are_named_leave_nothing_and_do_not_stop_the_rest(command, known, tmp_path, capsys):
    (tmp_path / "a").mkdir()
    for name in ("good.png", "a/good.png"):
        (tmp_path / name).write_bytes(png(known[0]))
    (tmp_path / "letter.jpg").write_text("not a picture")
    (tmp_path / "night.png").write_bytes(png(np.zeros((200, 200, 3), np.uint8)))
    names = ["letter.jpg", "good.png", "missing.jpg", "night.png", "a/good.png"]
    assert command([tmp_path / name for name in names], tmp_path / "out", LOW) == 1
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["good", "good-2", "summary.csv"]
    errors = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].strip() for line in errors] == ["not-an-image", "no-file", "no-face"]
    assert all(line.startswith("error: ") for line in errors)


def test_a_failing_photo_makes_no_folder(command, tmp_path, capsys):
    (tmp_path / "letter.jpg").write_text("not a picture")
    assert command([tmp_path / "letter.jpg"], tmp_path / "out", LOW) == 1
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr().err.startswith("error: not-an-image: ")
