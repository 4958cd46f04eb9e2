"""OBJ, PNG, parameters and bundles."""

import io
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.export.bundle import write_folder, zip_bytes
from face3d_live.export.obj import mtl_text, obj_text
from face3d_live.export.params import Params, params_bytes, params_from
from face3d_live.export.png import png_bytes, uv_grid
from face3d_live.eyewear import NO_GLASSES, Glasses
from face3d_live.hairstyle import AS_SEEN, Hair
from face3d_live.head.model import Head


def parse(text):
    """The numbers of an OBJ: v, vt, vn, f as arrays."""
    rows = {"v": [], "vt": [], "vn": [], "f": []}
    for line in text.splitlines():
        key, *rest = line.split()
        if key in rows:
            rows[key].append([[int(i) for i in c.split("/")] if key == "f" else float(c) for c in rest])
    return {key: np.array(value) for key, value in rows.items()}


@st.composite
def meshes(draw):
    n, u, f = draw(st.integers(3, 9)), draw(st.integers(3, 9)), draw(st.integers(1, 12))
    numbers = st.floats(-5, 5, width=32)
    vertices = draw(hnp.arrays(np.float32, (n, 3), elements=numbers))
    uv = draw(hnp.arrays(np.float32, (u, 2), elements=st.floats(0, 1, width=32)))
    faces = draw(hnp.arrays(np.int32, (f, 3), elements=st.integers(0, n - 1)))
    face_uv = draw(hnp.arrays(np.int32, (f, 3), elements=st.integers(0, u - 1)))
    normals = draw(hnp.arrays(np.float32, (n, 3), elements=st.floats(-1, 1, width=32)))
    return vertices, faces, uv, face_uv, normals


@given(meshes())
def test_obj_text_says_what_it_was_given(mesh):
    vertices, faces, uv, face_uv, normals = mesh
    found = parse(obj_text(*mesh))
    np.testing.assert_allclose(found["v"], vertices, atol=6e-7)
    np.testing.assert_allclose(found["vt"], uv, atol=6e-7)
    np.testing.assert_allclose(found["vn"], normals, atol=6e-5)
    assert np.array_equal(found["f"][..., 0] - 1, faces)
    assert np.array_equal(found["f"][..., 1] - 1, face_uv)
    assert np.array_equal(found["f"][..., 2] - 1, faces)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m: (m[0], m[1] + 9, *m[2:]),
        lambda m: (m[0], m[1], m[2][:2], *m[3:]),
        lambda m: (m[0][:, :2], *m[1:]),
        lambda m: (*m[:4], m[4][:2]),
        lambda m: (m[0] * np.nan, *m[1:]),
    ],
    ids=["vertex", "uv", "shape", "normals", "nan"],
)
def test_obj_refuses_arrays_that_do_not_belong_together(spoil):
    mesh = (np.eye(3), np.array([[0, 1, 2]]), np.eye(3)[:, :2], np.array([[0, 1, 2]]), np.eye(3))
    obj_text(*mesh)
    with pytest.raises(ValueError):
        obj_text(*spoil(mesh))


def test_trimesh_reads_the_head_with_uv_and_texture(tmp_path):
    head = Head.load()
    mesh = head.topology("low")
    texture = np.zeros((64, 64, 4), np.uint8)
    texture[..., 0], texture[..., 3] = 200, 255
    texture[:32, :, 1] = 250  # the upper half, v > 1/2
    files = {
        "mesh.obj": obj_text(head.template, mesh.faces, mesh.uv, mesh.face_uv, mesh.normals(head.template)).encode(),
        "mesh.mtl": mtl_text().encode(),
        "texture.png": png_bytes(texture),
    }
    write_folder(files, tmp_path / "head")
    loaded: Any = trimesh.load(tmp_path / "head" / "mesh.obj", process=False, force="mesh")
    assert len(loaded.faces) == len(mesh.faces)
    np.testing.assert_allclose(loaded.bounds, [head.template.min(0), head.template.max(0)], atol=1e-5)
    image = np.asarray(loaded.visual.material.image.convert("RGB"))
    assert image.shape == (64, 64, 3) and image[0, 0].tolist() == [200, 250, 0]
    uv = loaded.visual.uv
    assert uv.shape[1] == 2 and uv.min() >= 0 and uv.max() <= 1
    # a corner shows the same place and the same texel as in the head itself
    np.testing.assert_allclose(loaded.vertices[loaded.faces[::97]], head.template[mesh.faces[::97]], atol=1e-5)
    np.testing.assert_allclose(uv[loaded.faces[::97]], mesh.uv[mesh.face_uv[::97]], atol=1e-5)
    assert loaded.volume > 0.002  # wound outwards


def test_png_round_trip_and_refusals():
    rng = np.random.default_rng(0)
    for shape in ((5, 7), (5, 7, 3), (5, 7, 4)):
        picture = rng.integers(0, 255, shape).astype(np.uint8)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(png_bytes(picture)))), picture)
    for wrong in (np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8)):
        with pytest.raises(ValueError):
            png_bytes(wrong)


def test_the_grid_draws_wires_where_triangles_have_edges():
    black = np.zeros((100, 100, 4), np.uint8)
    grid = uv_grid(black, np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]]), np.array([[0, 1, 2]]))
    assert grid.shape == (100, 100, 3)
    assert grid[89, 50].max() > 100 and grid[50, 9].max() > 100  # bottom and left edge
    assert grid[60, 40].max() == 0 and grid[5, 95].max() == 0


codes = st.builds(
    lambda seed: HeadCodes(
        shape=np.random.default_rng(seed).normal(size=80), expression=np.random.default_rng(seed).random(52)
    ),
    st.integers(0, 2**32 - 1),
)


@given(codes, st.integers(1, 8000), st.integers(1, 8000), st.floats(1, 1e5))
def test_params_round_trip(head_codes, width, height, focal):
    landmarks = np.arange(204, dtype=np.float32).reshape(68, 3)
    found = params_from(params_bytes(Params(head_codes, landmarks, Camera(width, height, focal))))
    assert all(np.array_equal(v, head_codes.to_arrays()[k]) for k, v in found.codes.to_arrays().items())
    assert np.array_equal(found.landmarks, landmarks)
    assert found.camera == Camera(width, height, focal) and found.version


def test_params_say_the_hair_as_far_as_it_is_known():
    known = Params(HeadCodes(), np.zeros((68, 3), np.float32), Camera(64, 64, 80.0))
    assert params_from(params_bytes(known)).hair == AS_SEEN
    for hair in (Hair("bob", "#a06030"), Hair("bald")):
        assert params_from(params_bytes(replace(known, hair=hair))).hair == hair
    for glasses in (Glasses("aviator", "#a06030"), NO_GLASSES):
        assert params_from(params_bytes(replace(known, glasses=glasses))).glasses == glasses


@given(st.binary(max_size=300))
def test_garbage_is_no_params(data):
    with pytest.raises(InputError, match="not-params"):
        params_from(data)


def test_truncated_params_are_refused():
    data = params_bytes(Params(HeadCodes(), np.zeros((68, 3), np.float32), Camera(10, 10, 10)))
    for length in range(0, len(data), 211):
        with pytest.raises(InputError):
            params_from(data[:length])


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}\.(txt|png)", fullmatch=True), st.binary(max_size=200), max_size=5))
@pytest.mark.slow
def test_zip_holds_the_files(files):
    with zipfile.ZipFile(io.BytesIO(zip_bytes(files))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert archive.testzip() is None


def test_a_folder_is_written_whole_or_not_at_all(tmp_path):
    write_folder({"a.txt": b"1", "b.txt": b"2"}, tmp_path / "new" / "out")
    write_folder({"a.txt": b"3"}, tmp_path / "new" / "out")  # into one that is there already
    assert {p.name: p.read_bytes() for p in (tmp_path / "new" / "out").iterdir()} == {"a.txt": b"3", "b.txt": b"2"}
    with pytest.raises(OSError):
        write_folder({"fine.txt": b"1", "no/such/folder.txt": b"2"}, tmp_path / "other")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new"]  # nothing of it, no draft either
