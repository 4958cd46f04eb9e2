"""Which face is meant, which photos are refused and in which words, and what many photos come to."""

import ast
import csv
import io
import json
import string
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data
from texture_support import posed

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.errors import AssetError, InputError
from face3d_live.export.params import Params, params_bytes
from face3d_live.reconstruct import (
    Options,
    Reconstruction,
    Reconstructor,
    RunsOn,
    advice,
    batch,
    face_choice,
    read_photo,
)
from face3d_live.reconstruct.advice import REFUSALS, WARNINGS, refusal
from face3d_live.reconstruct.find import Finder, Found
from face3d_live.reconstruct.frame import frame_around
from face3d_live.reconstruct.options import texture_side
from face3d_live.reconstruct.quality_gate import SOFT, assess, sharpness
from face3d_live.reconstruct.rerender import Shot, parse_coefficient, render_params
from face3d_live.reconstruct.rerender import posed as with_expression
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.regress.fit import Fitter
from face3d_live.track.detector import Detection

pytestmark = pytest.mark.slow

# --- words ------------------------------------------------------------------------------------------------------------


def codes_in(path: Path) -> set[str]:
    """What a module raises, or puts into an outcome, by name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        place = {"refusal": 0, "InputError": 0, "Outcome": 2}.get(called)
        if place is not None and len(node.args) > place:
            found |= {part.value for part in ast.walk(node.args[place]) if isinstance(part, ast.Constant)}
    return found


def test_every_code_has_its_cure_in_both_languages_and_in_the_docs():
    rooms = Path(advice.__code__.co_filename).parent
    raised = set.union(*(codes_in(path) for path in rooms.rglob("*.py")))
    raised |= codes_in(rooms.parent / "export" / "params.py") | codes_in(rooms.parent / "video" / "reader.py") - {
        "camera-failed"
    }
    assert {"no-face", "process-died", "not-params", "not-a-video"} <= raised
    assert raised == set(REFUSALS), "a code without advice, or advice for a code that nobody raises"
    page = (rooms.parent.parent / "docs" / "reconstruct.md").read_text(encoding="utf-8")
    assert [code for code in (REFUSALS | WARNINGS) if f"`{code}`" not in page] == []


@pytest.mark.parametrize("code", [*REFUSALS, *WARNINGS])
def test_every_code_is_said_in_both_languages(code):
    english, chinese = advice(code), advice(code, "zh")
    assert english.isascii() and len(english) > 15
    assert any("\u4e00" <= sign <= "\u9fff" for sign in chinese)
    if code in REFUSALS:  # what happened: what to do
        assert english.count(": ") == 1 and chinese.count("：") == 1
        assert set(code) <= set(string.ascii_lowercase + "-")
        assert refusal(code, "x.jpg").message == f"x.jpg: {english}"


def test_codes_of_other_rooms_have_no_words_here():
    assert advice("egl-missing") is None


# --- which face -------------------------------------------------------------------------------------------------------


class Sees:
    """A detector that finds what it is told to, and a network that believes all of it."""

    def __init__(self, *boxes, scores=None):
        scores = scores or [0.95] * len(boxes)
        self.found = [
            Detection(np.array(b, np.float32), s, np.zeros((6, 2))) for b, s in zip(boxes, scores, strict=True)
        ]

    def detect(self, rgb):
        return self.found

    def detect_raw(self, rgb, left, top):
        return []

    def detect_near(self, rgb, centre, side):
        return None


@pytest.fixture
def looks(head, monkeypatch):
    """Which boxes the network was shown."""
    seen = []

    def upright(self, rgb, face):
        seen.append(tuple(face.box.tolist()))
        estimate = SimpleNamespace(codes=posed(), confidence=0.8)
        return SimpleNamespace(frame=frame_around(rgb, face), estimate=estimate) if face.score > 0.6 else None

    def estimate_augmented(estimator, rgb, codes, camera):
        return SimpleNamespace(codes=codes, points=np.zeros((478, 2)), sigma=np.ones(478), coefficients=np.zeros(0))

    monkeypatch.setattr(Finder, "upright", upright)
    monkeypatch.setattr("face3d_live.reconstruct.find.estimate_augmented", estimate_augmented)
    monkeypatch.setattr("face3d_live.reconstruct.find.disagreement", lambda regressor, rgb, points: 0.01)
    return seen


LARGE, EQUAL, SMALL = (10, 10, 110, 110), (150, 10, 245, 105), (250, 20, 290, 60)
FRAME = np.zeros((200, 300, 3), np.uint8)


def test_one_face_is_taken(looks):
    found = Finder(Sees(LARGE), SimpleNamespace(regressor=None)).find(FRAME)
    assert looks == [LARGE] and found.others == 0 and found.confidence == 0.8


def test_a_bystander_is_left_out_and_mentioned(looks):
    assert Finder(Sees(LARGE, SMALL), SimpleNamespace(regressor=None)).find(FRAME).others == 1
    assert looks == [LARGE]


def test_two_faces_alike_ask_for_a_choice(looks):
    finder = Finder(Sees(LARGE, EQUAL), SimpleNamespace(regressor=None))
    with pytest.raises(InputError) as refused:
        finder.find(FRAME)
    assert refused.value.code == "several-faces" and "1 at 20 %, 2 at 66 %" in refused.value.message
    finder.find(FRAME, "largest")
    finder.find(FRAME, 2)
    assert looks == [LARGE, EQUAL]
    with pytest.raises(InputError, match="no-such-face"):
        finder.find(FRAME, 3)
    assert [(face.number, face.box) for face in finder.faces(FRAME)] == [(1, LARGE), (2, EQUAL)]


def test_a_face_that_is_none_gives_way_to_the_next(looks):
    Finder(Sees(LARGE, SMALL, scores=[0.55, 0.7]), SimpleNamespace(regressor=None)).find(FRAME)
    assert looks == [LARGE, SMALL]
    with pytest.raises(InputError, match="no-face"):
        Finder(Sees(LARGE, scores=[0.55]), SimpleNamespace(regressor=None)).find(FRAME)


@pytest.mark.parametrize(("text", "choice"), [("auto", "auto"), ("largest", "largest"), ("2", 2)])
def test_a_choice_can_be_typed(text, choice):
    assert face_choice(text) == choice


@pytest.mark.parametrize("text", ["0", "-1", "first", "", "99999"])
def test_other_choices_are_refused(text):
    with pytest.raises(InputError, match="no-such-face"):
        face_choice(text)


# --- how good ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def portrait():
    """(512, 512, 3): the face about 110 pixels wide, its box's middle at (222, 122)."""
    return data.astronaut()


def seen(head, codes=None, confidence=0.9, shift=(-34, -134), scale=1.0, side=512):
    """A face found where the astronaut's is."""
    codes = posed(distance=0.79) if codes is None else codes
    camera = Camera.webcam(side, side)
    points = camera.project(Fitter(head).points3d(codes)) * scale + np.array(shift)
    return Found(codes, camera, confidence, points.astype(np.float32), np.ones(478, np.float32))


def code_of(rgb, found):
    with pytest.raises(InputError) as refused:
        assess(rgb, found)
    return refused.value.code


def test_a_good_portrait_has_no_warnings(head, portrait):
    quality = assess(portrait, seen(head))
    assert quality.warnings == () and not quality.conservative
    assert 96 < quality.face < 150 and abs(quality.yaw) < 0.02
    assert set(quality.to_json()) >= {"face_pixels", "sharpness", "light", "yaw_deg"}


def test_bad_portraits_are_refused_with_their_reason(head, portrait):
    assert code_of(cv2.GaussianBlur(portrait, (0, 0), 5), seen(head)) == "blurred"
    assert code_of(portrait // 9, seen(head)) == "too-dark"
    backlit = np.full_like(portrait, 250)
    backlit[60:190, 165:285] = portrait[60:190, 165:285] // 4
    assert code_of(backlit, seen(head)) == "too-dark"
    assert code_of(portrait, seen(head, shift=(-34, -255))) == "cropped"
    assert code_of(portrait, seen(head, posed(1.2, distance=0.79))) == "extreme-pose"
    assert code_of(portrait, seen(head, posed(pitch=1.0, distance=0.79))) == "extreme-pose"
    small = cv2.resize(portrait, (128, 128), interpolation=cv2.INTER_AREA)
    assert code_of(small, seen(head, shift=(32, -2), scale=0.25, side=128)) == "too-small"


def test_middling_portraits_are_held_back(head, portrait):
    assert assess(portrait, seen(head, confidence=0.4)).warnings == ("unsure",)
    soft = assess(cv2.GaussianBlur(portrait, (0, 0), 2.4), seen(head))
    assert soft.warnings == ("soft",) and soft.conservative
    turned = assess(portrait, seen(head, posed(0.8, distance=0.79)))
    assert turned.warnings == ("turned",) and not turned.conservative


def test_dark_skin_in_good_light_is_not_too_dark(head, portrait):
    """Darker by two stops, but its highlights show that there is light."""
    dark = np.clip(portrait * 0.45, 0, 255).astype(np.uint8)
    assert assess(dark, seen(head)).warnings == ()


def test_sharpness_does_not_depend_on_contrast_or_brightness(portrait):
    grey = cv2.cvtColor(Crop(222, 122, 58).extract(portrait, 96), cv2.COLOR_RGB2GRAY)
    plain = sharpness(grey)
    assert sharpness((grey * 0.5 + 20).astype(np.uint8)) == pytest.approx(plain, rel=0.1)
    assert plain > 2 * sharpness(cv2.GaussianBlur(grey, (0, 0), 2))
    assert sharpness(np.full((96, 96), 90, np.uint8)) < SOFT


def test_a_face_at_the_side_of_the_picture_is_seen_straight_when_it_turns_to_the_camera(head):
    rgb = np.random.default_rng(0).integers(0, 255, (512, 512, 3)).astype(np.uint8)
    codes = posed(0.3, distance=0.79)
    aside = codes.with_(translation=np.array([-0.25, 0, -0.79]))
    points = Camera.webcam(512, 512).project(Fitter(head).points3d(aside))
    found = Found(aside, Camera.webcam(512, 512), 0.9, points, np.ones(478, np.float32))
    assert crop_from_points(points).x < 200
    assert abs(assess(rgb, found).yaw) < 0.02


# --- transparent and turned pictures ----------------------------------------------------------------------------------


def test_see_through_pictures_lie_on_grey():
    out = io.BytesIO()
    Image.new("RGBA", (90, 80), (255, 0, 0, 0)).save(out, "PNG")
    assert (read_photo(out.getvalue()) == 128).all()


# --- many photos ------------------------------------------------------------------------------------------------------


class Makes:
    """Counts what it is asked for."""

    def __init__(self, *runs_on):
        self.asked = 0

    def photo(self, rgb, options, warnings=()):
        self.asked += 1
        if rgb.mean() < 5:
            raise refusal("no-face")
        report = {"options": options.to_json(), "ms": {"face": 10.0}, "warnings": [], "mesh": "low", "texture": 512}
        return Reconstruction({"mesh.obj": b"v", "report.json": json.dumps(report).encode()}, report)


@pytest.fixture
def makes(monkeypatch):
    maker = Makes()
    monkeypatch.setattr(batch, "Reconstructor", lambda *_: maker)
    return maker


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    (folder / "deep").mkdir(parents=True)
    for name, value in (("a.png", 200), ("b.JPG", 190), ("deep/c.png", 180), ("night.png", 0)):
        Image.new("RGB", (80, 80), (value, value, value)).save(folder / name)
    (folder / "notes.txt").write_text("not a photo")
    return folder


def test_a_folder_is_done_and_summed_up_and_gone_on_with(makes, album, tmp_path, capsys):
    out = tmp_path / "out"
    assert batch.reconstruct_photos([album], out, Options()) == 1
    assert sorted(p.name for p in out.iterdir()) == ["a", "b", "c", "summary.csv"]
    rows = list(csv.DictReader((out / "summary.csv").open()))
    assert [row["state"] for row in rows] == ["done", "done", "done", "failed"]
    assert rows[3]["code"] == "no-face" and rows[0]["seconds"] == "0.01"
    assert makes.asked == 4
    assert batch.reconstruct_photos([album], out, Options()) == 1
    assert makes.asked == 5  # only the one that failed
    assert "there already" in capsys.readouterr().out
    batch.reconstruct_photos([album], out, Options(), force=True)
    assert makes.asked == 9
    batch.reconstruct_photos([album], out, Options(mesh="high"))
    assert makes.asked == 13  # other options, other heads


def test_processes_share_the_work_and_each_failure_is_its_own(tmp_path, capsys):
    """Real ones; letters fail before any model is loaded."""
    for name in "abc":
        (tmp_path / f"{name}.png").write_text("a letter")
    runs_on = RunsOn("cpu")
    assert batch.reconstruct_photos([tmp_path / "*.png"], tmp_path / "out", Options(), runs_on, jobs=2) == 1
    rows = list(csv.DictReader((tmp_path / "out" / "summary.csv").open()))
    assert [row["photo"][-5:] for row in rows] == ["a.png", "b.png", "c.png"]
    assert {row["code"] for row in rows} == {"not-an-image"}
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_patterns_are_expanded_here_too(album):
    photos, many = batch.expand([album / "*.png"])
    assert many and [p.name for p in photos] == ["a.png", "night.png"]
    photos, many = batch.expand([album / "a.png"])
    assert not many and len(photos) == 1
    with pytest.raises(InputError, match="no-photos"):
        batch.expand([album / "*.webp"])


def test_a_photo_comes_through_a_pipe(makes, album, tmp_path, monkeypatch):
    piped = SimpleNamespace(buffer=io.BytesIO((album / "a.png").read_bytes()))
    monkeypatch.setattr(sys, "stdin", piped)
    assert batch.reconstruct_photos([batch.STDIN], tmp_path / "out", Options()) == 0
    assert (tmp_path / "out" / "mesh.obj").read_bytes() == b"v"


def test_a_missing_model_ends_the_run(makes, album, tmp_path, monkeypatch):
    def missing(rgb, options, warnings):
        raise AssetError("head-missing", "restore it")

    monkeypatch.setattr(makes, "photo", missing)
    with pytest.raises(AssetError):
        batch.reconstruct_photos([album], tmp_path / "out", Options())


def test_a_folder_that_cannot_be_written_is_said(makes, album, tmp_path, capsys):
    (tmp_path / "out").write_text("a file is in the way")
    assert batch.reconstruct_photos([album / "a.png"], tmp_path / "out" / "x", Options()) == 1
    assert capsys.readouterr().err.startswith("error: not-written: ")


# --- drawn again ------------------------------------------------------------------------------------------------------


def saved(head, path, **values):
    expression = np.zeros(52, np.float32)
    for name, value in values.items():
        expression[INDEX[name]] = value
    codes = posed(0.4, expression=expression)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(params_bytes(Params(codes, np.zeros((68, 3)), Camera.webcam(320, 240))))
    return path


def test_an_expression_is_replaced_then_changed(head, tmp_path):
    params = saved(head, tmp_path / "params.npz", jawOpen=0.2, mouthPucker=0.5)
    other = saved(head, tmp_path / "other.npz", jawOpen=0.9, eyeBlinkLeft=0.7)
    codes = posed(0.4)
    found = with_expression(codes, Shot(["jawOpen=0.1"], other, facing=True))
    assert found.expression[INDEX["jawOpen"]] == np.float32(0.1)
    assert found.expression[INDEX["eyeBlinkLeft"]] == np.float32(0.7)
    assert np.array_equal(found.rotation, np.eye(3)) and found.expression[INDEX["mouthPucker"]] == 0
    assert params.is_file()


@pytest.mark.parametrize("text", ["jawOpn=0.5", "jawOpen", "jawOpen=2", "jawOpen=nan", "=1", "jawOpen=much"])
def test_expressions_that_are_none_name_the_nearest(text):
    with pytest.raises(InputError, match="no-such-expression") as refused:
        parse_coefficient(text)
    assert "jawOpen" in refused.value.message


def test_a_head_is_drawn_again_with_its_texture(head, tmp_path):
    params = saved(head, tmp_path / "me" / "params.npz")
    Image.new("RGBA", (64, 64), (40, 90, 220, 255)).save(tmp_path / "me" / "texture.png")
    said = render_params(params, tmp_path / "new" / "x.png", Shot(["jawOpen=0.8"], facing=True, size=128))
    assert "128 x 128" in said
    closed = render_params(params, tmp_path / "y.png", Shot(facing=True, size=128))
    assert "without" not in closed
    x, y = (np.asarray(Image.open(p)).astype(int) for p in (tmp_path / "new" / "x.png", tmp_path / "y.png"))
    face = x[55:75, 45:80].reshape(-1, 3).mean(0)
    assert x.shape == (128, 128, 3) and face[2] > face[0] + 40  # blue skin
    assert np.abs(x - y)[75:110].mean() > 2 * np.abs(x - y)[:50].mean()  # the jaw alone moved
    (tmp_path / "letter.npz").write_text("dear camera")
    with pytest.raises(InputError, match="not-params"):
        render_params(tmp_path / "letter.npz", tmp_path / "z.png", Shot())
    with pytest.raises(InputError, match="no-file"):
        render_params(tmp_path / "none.npz", tmp_path / "z.png", Shot())


@pytest.mark.parametrize("picture", [
    np.zeros((200, 300, 3)), np.zeros((200, 300, 3), np.uint16), np.zeros((200, 300), np.uint8),
    np.zeros((200, 300, 4), np.uint8), np.zeros((0, 300, 3), np.uint8), None,
])  # fmt: skip
@pytest.mark.parametrize("entry", ["faces", "find", "photo", "geometry", "person", "frame"])
def test_what_is_no_picture_is_refused_before_models_are_loaded(picture, entry):
    maker = Reconstructor("cpu")
    calls = {
        "faces": lambda: maker.faces(picture),
        "find": lambda: maker.find(picture, "auto"),
        "photo": lambda: maker.photo(picture),
        "geometry": lambda: maker.geometry(picture),
        "person": lambda: maker.person([("a", picture)]),
        "frame": lambda: maker.frame(picture, HeadCodes()),
    }
    with pytest.raises(ValueError, match=r"expected uint8 \(H, W, 3\), got"):
        calls[entry]()


@pytest.mark.parametrize("options", [
    {"mesh": "finest"}, {"mesh": None}, {"texture": 1000}, {"texture": 0}, {"texture": -512}, {"texture": 512.5},
    {"texture": "1024"}, {"face": 0}, {"face": "smallest"}, {"face": None}, {"only": "mesh"},
])  # fmt: skip
def test_options_that_are_none_are_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}: expected"):
        Options(**options)


@pytest.mark.parametrize(
    ("wanted", "face", "side"),
    [("auto", 120, 1024), ("auto", 1099, 1024), ("auto", 1200, 2048), (512, 900, 512), (4096, 90, 4096)],
)
def test_a_texture_is_as_fine_as_the_photo_carries(wanted, face, side):
    assert texture_side(Options(texture=wanted), face) == side
