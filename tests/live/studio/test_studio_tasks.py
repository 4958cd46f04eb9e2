"""The studio process's tasks with the real detector and renderer: faces of good and hostile pictures, heads drawn."""

import io
import json
import struct
import zipfile
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from face3d_live.avatar.load import load_avatar
from face3d_live.camera import Camera
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.errors import AssetError, InputError
from face3d_live.export.params import Params, params_bytes, params_from
from face3d_live.export.png import png_bytes, read_texture
from face3d_live.export.vrm_meta import VrmMeta
from face3d_live.head.hairline import is_hair
from face3d_live.live.studio import tasks
from face3d_live.live.studio.view_messages import StudioView
from face3d_live.live.worker import tasks as worker_tasks
from face3d_live.live.worker.head_edit import HeadEdit
from face3d_live.reconstruct import find, search
from face3d_live.reconstruct.advice import REFUSALS
from face3d_live.rotations import to_euler
from face3d_live.texture.hair.scalp import painted_hair


def report(stage, fraction):
    """Nobody watches."""


def found(photo):
    return json.loads(tasks.faces(report, photo))


def encoded(picture, kind="JPEG", **options):
    out = io.BytesIO()
    Image.fromarray(picture).save(out, kind, **options)
    return out.getvalue()


def bomb(width, height):
    """A PNG of a few bytes that claims to be large."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# --- faces ------------------------------------------------------------------------------------------------------------


def test_the_portraits_face_is_where_it_is():
    answer = found(encoded(data.astronaut(), quality=90))
    [face] = answer["faces"]
    x0, y0, x1, y1 = face["box"]
    assert answer["width"] == answer["height"] == 512 and face["number"] == 1 and face["score"] > 0.8
    assert abs(512 * (x0 + x1) / 2 - 225) < 15 and abs(512 * (y0 + y1) / 2 - 118) < 25


def test_the_worker_takes_the_faces_that_were_found_and_looks_for_none(monkeypatch):
    photo = encoded(np.concatenate([data.astronaut()[20:270, 100:350], data.astronaut()[20:270, 100:350][:, ::-1]], 1))
    every = found(photo)["detections"]
    assert worker_tasks.to_plain(worker_tasks.from_plain(every)) == every and len(every) >= 2
    searched = []
    monkeypatch.setattr(find, "search", lambda detector, rgb: searched.append(1) or search.search(detector, rgb))
    options = {"face": 2, "mesh": "low", "texture": 512, "refine": False}
    zips = [
        worker_tasks.reconstruct_photo(report, photo, **options, detections=detections) for detections in (every, None)
    ]
    assert searched == [1], "only without them"
    with_them, without = (params_from(zipfile.ZipFile(io.BytesIO(made)).read("params.npz")).codes for made in zips)
    assert np.allclose(with_them.shape, without.shape, atol=1e-4)
    check_the_edit(zips[0])
    avatar = load_avatar(worker_tasks.make_vrm(report, zips[0], VrmMeta("Ada", ("A",))))
    assert (avatar.report.kind, avatar.report.name, avatar.report.author) == ("vrm1", "Ada", "A")


def check_the_edit(made):
    """Every file follows what was changed; the rest stays as it was."""
    edit = HeadEdit({"jawOpen": 0.7}, (2.0,), "#2050f0", 0.5, (0.4, 0.0))
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        before = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(io.BytesIO(worker_tasks.edit_head(report, made, edit))) as archive:
        after = {name: archive.read(name) for name in archive.namelist()}
    assert list(after) == list(before)
    assert {name for name in after if after[name] != before[name]} >= set(after) - {"mesh.mtl", "normal.png"}
    old, new = (params_from(files["params.npz"]) for files in (before, after))
    assert new.codes.expression[INDEX["jawOpen"]] == pytest.approx(0.7)
    assert new.codes.shape[0] - old.codes.shape[0] == pytest.approx(2) and np.allclose(
        new.codes.shape[1:], old.codes.shape[1:]
    )
    assert np.allclose(new.codes.light, 0.5 * old.codes.light) and to_euler(new.codes.rotation)[0] == pytest.approx(0.4)
    reports = [json.loads(files["report.json"]) for files in (before, after)]
    assert reports[0]["hair"].startswith("#") and reports[1]["edited"] == edit.to_json()
    scalp = read_texture(after["texture.png"])
    assert painted_hair(scalp).colour is not None and painted_hair(scalp).colour[-2:] > "c0", "blue"
    assert new.hair == painted_hair(scalp) and old.hair.style == new.hair.style == reports[0]["hair_style"]
    again = read_texture(before["texture.png"])
    face = ~is_hair(again[..., 3]) & ~is_hair(scalp[..., 3])
    assert np.mean(np.abs(again[face].astype(int) - scalp[face]).max(-1) > 8) < 0.1, "the face keeps its skin"


@pytest.mark.parametrize(("orientation", "turns"), [(6, 1), (3, 2), (8, 3)])
def test_a_turned_photo_is_seen_upright(orientation, turns):
    exif = Image.Exif()
    exif[0x0112] = orientation
    answer = found(encoded(np.rot90(data.astronaut(), turns).copy(), exif=exif, quality=92))
    x0, y0, x1, _ = answer["faces"][0]["box"]
    assert abs(512 * (x0 + x1) / 2 - 225) < 15 and y0 < 0.2


def test_two_faces_are_numbered_and_lie_inside():
    face = data.astronaut()[20:270, 100:350]
    answer = found(encoded(np.concatenate([face, face[:, ::-1]], 1)))
    assert [face["number"] for face in answer["faces"]] == [1, 2]
    assert all(0 <= edge <= 1 for face in answer["faces"] for edge in face["box"])


def test_hostile_pictures_are_refused_by_known_codes():
    whole = encoded(data.astronaut())
    for photo, codes in (
        (whole[: len(whole) // 3], {"not-an-image"}),
        (whole[:200], {"not-an-image"}),
        (b"\xff\xd8\xff\xe0" + bytes(1000), {"not-an-image"}),
        (bomb(60_000, 60_000), {"too-large"}),
        (bomb(30_000, 2_700), {"too-large", "not-an-image"}),
        (bomb(0, 0), {"not-an-image", "too-small"}),
        (encoded(np.zeros((8, 8, 3), np.uint8)), {"too-small"}),
        (encoded(np.full((400, 400, 3), 128, np.uint8)), {"no-face"}),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", {"unsupported-type"}),
        (b"%PDF-1.7", {"unsupported-type"}),
        (b"GIF89a" + bytes(100), {"not-an-image", "too-small"}),
    ):
        with pytest.raises(InputError) as refused:
            tasks.faces(report, photo)
        assert refused.value.code in codes & REFUSALS.keys(), photo[:20]
        assert "passwd" not in refused.value.message


MAGIC = (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x00\x00\x00\x00WEBP")


@settings(max_examples=40, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x00\x00\x00\x00WEBP"])
)
def test_any_bytes_are_refused_not_crashed_on(tail, magic):
    with pytest.raises(InputError):
        tasks.faces(report, magic + tail)


# --- heads ------------------------------------------------------------------------------------------------------------


def head_files(colour, **codes):
    """params.npz and texture.png of a plain head."""
    params = Params(HeadCodes(**codes), np.zeros((68, 3), np.float32), Camera.webcam(640, 480))
    texture = np.full((64, 64, 4), (*colour, 255), np.uint8)
    return params_bytes(params), png_bytes(texture)


def draw(key, look=None, files=None):
    """(side, side, 3) RGB."""
    jpeg = tasks.render(report, key, look or StudioView(), files)
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(float)


@pytest.fixture
def head():
    """A head that is known."""
    expression = np.zeros(52, np.float32)
    expression[INDEX["mouthSmileLeft"]] = expression[INDEX["mouthSmileRight"]] = 0.5
    turned = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], np.float32)  # as far as it goes: not to be seen
    draw("head", files=head_files((200, 150, 130), expression=expression, rotation=turned))
    yield "head"
    tasks.unload(report, "head")


def test_a_head_looks_at_the_viewer_and_turns(head):
    front, side = draw(head), draw(head, StudioView(yaw=0.9))
    assert front.shape == (512, 512, 3) and draw(head, StudioView(fine=True)).shape == (1024, 1024, 3)
    # The light comes from one side, so that even a head that looks straight ahead is not quite symmetric.
    lopsided = [np.abs(picture - picture[:, ::-1]).mean() for picture in (front, side)]
    assert lopsided[0] < 0.6 * lopsided[1], f"it does not look at the viewer: {lopsided}"
    assert np.abs(front - side).mean() > 5
    assert np.abs(front - draw(head, StudioView(zoom=2))).mean() > 5


def test_expressions_replace_the_photos(head):
    smiling, open_ = draw(head), draw(head, StudioView(expression={"jawOpen": 1.0}))
    neutral = draw(head, StudioView(expression={"mouthSmileLeft": 0.0, "mouthSmileRight": 0.0}))
    assert np.abs(smiling - open_)[300:].mean() > 2 and np.abs(smiling - open_)[60:180].mean() < 0.5
    assert np.abs(smiling - neutral)[240:420].mean() > 0.3


def test_hair_shape_light_and_the_grid_are_seen(head):
    plain = draw(head)
    blue, bald = draw(head, StudioView(hair="#1030ff")), draw(head, StudioView(hair="none"))
    top = (slice(60, 120), slice(200, 310))
    assert (blue - plain)[top][..., 2].mean() > 20 and np.abs(bald - plain)[top].mean() > 20
    assert np.abs(blue - plain)[230:330, 220:290].mean() < 3, "the face is the same"
    grid = np.abs(draw(head, StudioView(hair="#1030ff", grid=True)) - blue)
    assert grid[180:330, 200:310].mean() > 5 and grid[top].mean() < 3, "lines on the skin, none on the hair"
    assert np.abs(draw(head, StudioView(shape=(3.0,))) - plain).mean() > 0.5
    assert plain.mean() - draw(head, StudioView(light=0.2)).mean() > 1
    assert np.array_equal(draw(head), plain)


def test_modes_differ_and_geometry_shows_no_colour(head):
    modes = {mode: draw(head, StudioView(mode=mode)) for mode in ("avatar", "geometry", "wireframe")}
    middle = {mode: picture[150:350, 200:310].mean((0, 1)) for mode, picture in modes.items()}
    assert np.ptp(middle["geometry"]) < 20 and np.ptp(middle["avatar"]) > 30
    assert np.abs(modes["wireframe"] - modes["avatar"])[150:350, 200:310].mean() > 15
    corner = [picture[:40, :40].mean() for picture in modes.values()]
    assert max(corner) - min(corner) < 3, "the backdrops differ"


def test_each_head_has_its_own_skin_until_it_is_forgotten():
    red, green = draw("red", files=head_files((220, 40, 40))), draw("green", files=head_files((40, 200, 40)))
    assert red[180:300, 220:290, 0].mean() > red[180:300, 220:290, 1].mean() + 30
    assert green[180:300, 220:290, 1].mean() > green[180:300, 220:290, 0].mean() + 30
    assert np.array_equal(draw("red"), red)
    tasks.unload(report, "red")
    tasks.unload(report, "red")
    with pytest.raises(AssetError, match="not-loaded"):
        draw("red")
    assert np.array_equal(draw("green"), green)
    for i in range(tasks.MAX_HEADS):  # the one that was looked at longest ago makes room
        draw(f"other {i}", files=head_files((10, 10, 10)))
    with pytest.raises(AssetError, match="not-loaded"):
        draw("green")
    for i in range(tasks.MAX_HEADS):
        tasks.unload(report, f"other {i}")


def test_files_that_are_none_are_refused():
    params, texture = head_files((1, 2, 3))
    with pytest.raises(InputError, match="not-params"):
        draw("x", files=(b"none", texture))
    with pytest.raises(InputError, match="not-a-texture"):
        draw("x", files=(params, b"none"))
    with pytest.raises(AssetError, match="not-loaded"):
        draw("x")
