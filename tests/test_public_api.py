"""The public API: what is exported, what importing does, and the examples. tests/test_docs.py runs docs/python.md."""

import ast
import importlib
import json
import os
import runpy
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import face3d_live
from face3d_live import Head, HeadCodes, InputError

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples" / "python"
SAMPLE = ROOT / "web_client" / "sample" / "sample.mp4"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first twelve frames of the sample."""
    import cv2

    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    video = cv2.VideoCapture(str(SAMPLE))
    size = int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))
    out = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 6.0, size)
    for _ in range(12):
        out.write(video.read()[1])
    out.release()
    return path


@pytest.fixture(scope="module")
def photo(clip: Path) -> Path:
    import cv2

    path = clip.with_name("photo.jpg")
    cv2.imwrite(str(path), cv2.VideoCapture(str(clip)).read()[1])
    return path


def run(script: str, *arguments: object) -> None:
    runpy.run_path(str(EXAMPLES / script))["main"](*map(str, arguments))


def test_every_name_is_exported_for_type_checkers_and_at_run_time():
    tree = ast.parse((ROOT / "face3d_live" / "__init__.py").read_text())
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module.removeprefix("face3d_live.")
        for node in checked.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for name, module in imported.items():
        assert getattr(face3d_live, name) is getattr(importlib.import_module(f"face3d_live.{module}"), name)
    assert sorted(face3d_live.__all__) == sorted([*imported, "__version__"])
    for name in face3d_live.__all__:
        assert getattr(face3d_live, name) is not None and name in dir(face3d_live)
    with pytest.raises(AttributeError, match="Trakcer"):
        _ = face3d_live.Trakcer
    assert (ROOT / "face3d_live" / "py.typed").is_file()


def test_importing_loads_nothing_and_sets_nothing():
    code = (
        "import os, sys; before = dict(os.environ); import face3d_live\n"
        "assert not {'numpy', 'cv2', 'torch', 'openvino', 'scipy'} & set(sys.modules), sorted(sys.modules)\n"
        "from face3d_live import HeadCodes, Tracker\n"
        "os.environ.pop('LD_LIBRARY_PATH', None); before.pop('LD_LIBRARY_PATH', None)  # OpenCV sets it\n"
        "assert dict(os.environ) == before"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment, timeout=60)


def test_a_mesh_goes_to_trimesh_with_its_texture(tmp_path):
    import trimesh

    head, codes = Head.load(), HeadCodes()
    texture = np.zeros((8, 8, 3), np.uint8)
    texture[:4] = (200, 10, 20)
    mesh = head.mesh(codes, "low", texture)
    assert np.allclose(mesh.vertices, head.vertices(codes.shape, codes.expression))
    made = mesh.to_trimesh()
    assert len(made.faces) == len(mesh.faces) and np.array_equal(made.visual.uv, mesh.uv)
    assert np.allclose(made.vertices[made.faces], mesh.vertices[mesh.faces])  # the seams are doubled, nothing moves
    assert (made.face_normals * mesh.normals[mesh.faces[:, 0]]).sum(1).mean() > 0.8  # counter-clockwise from outside
    made.export(tmp_path / "head.obj")
    again: Any = trimesh.load(tmp_path / "head.obj", process=False)
    assert np.allclose(again.bounds, made.bounds, atol=1e-6)
    assert again.visual.material.image.getpixel((3, 1)) == pytest.approx((200, 10, 20), abs=3)
    made.export(tmp_path / "head.stl")
    solid: Any = trimesh.load(tmp_path / "head.stl")
    assert len(solid.faces) == len(mesh.faces)


def test_codes_come_back_from_every_form(tmp_path):
    rng = np.random.default_rng(3)
    codes = HeadCodes(
        shape=rng.normal(size=80), expression=rng.random(52), texture=rng.normal(size=50), light=rng.normal(size=27)
    )
    codes.save(tmp_path / "codes.npz")
    forms = [
        HeadCodes.from_json(json.loads(json.dumps(codes.to_json()))),
        HeadCodes.from_arrays(codes.to_arrays()),
        HeadCodes.load(tmp_path / "codes.npz"),
    ]
    torch = pytest.importorskip("torch")
    tensors = codes.to_torch()
    assert tensors["expression"].dtype == torch.float32
    tensors["expression"].requires_grad_()
    forms.append(HeadCodes.from_torch(tensors))
    for form in forms:
        for name, values in codes.to_arrays().items():
            assert np.array_equal(values, form.to_arrays()[name]), name


def test_codes_of_another_file_are_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"no zip")
    np.savez(tmp_path / "b.npz", shape=np.zeros(3))
    for name in ("a.npz", "b.npz"):
        with pytest.raises(InputError, match="not-codes"):
            HeadCodes.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        HeadCodes.load(tmp_path / "none.npz")


@pytest.mark.slow
def test_webcam_example(clip, capsys):
    run("webcam.py", clip)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12 and sum(line == "no face" for line in lines) < 3


@pytest.mark.slow
def test_photos_example(photo, tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(photo, folder / "one.jpg")
    (folder / "two.jpg").write_bytes(b"no picture")
    run("photos.py", folder, tmp_path / "out")
    said = capsys.readouterr().out
    assert "two.jpg: not-an-image" in said
    assert {"mesh.obj", "head.glb", "head.ply"} <= {path.name for path in (tmp_path / "out" / "one").iterdir()}


@pytest.mark.slow
def test_custom_output_example(clip):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        run("custom_output.py", clip, "127.0.0.1", receiver.getsockname()[1])
        packets = [json.loads(receiver.recv(65536)) for _ in range(12)]
    assert packets[-1]["face"] and 0 <= packets[-1]["jawOpen"] <= 1 and packets[-1]["place"][2] < 0


@pytest.mark.slow
def test_avatar_example(clip, tmp_path):
    run("avatar.py", clip, ROOT / "examples" / "avatars" / "cartoon.glb", tmp_path)
    pictures = [np.asarray(Image.open(path)) for path in sorted(tmp_path.iterdir())]
    assert len(pictures) == 2 and all(0.2 < (picture[..., 3] > 0).mean() < 0.9 for picture in pictures)
