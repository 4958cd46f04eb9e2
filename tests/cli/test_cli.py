import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from face3d_live.camera import Camera
from face3d_live.cli.app import app
from face3d_live.cli.examples import EXAMPLES
from face3d_live.codes import HeadCodes
from face3d_live.export.params import Params, params_bytes
from face3d_live.hairstyle import Hair
from face3d_live.takes import formats
from face3d_live.version import __version__

runner = CliRunner()


@pytest.mark.parametrize("command", ["live", "track", "reconstruct", "train", "evaluate"])
def test_every_command_explains_itself(command: str) -> None:
    result = runner.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "--device" in result.output


def test_the_version_and_completion_are_offered() -> None:
    assert runner.invoke(app, ["--version"]).output == f"face3d-live {__version__}\n"
    assert runner.invoke(app, ["--help"]).output.count("completion") >= 2


def helps() -> dict[str, str]:
    """The help of every command, by its name."""
    lists = {"": ["live", "track", "reconstruct", "render", "record", "play", "train", "evaluate", "bench", "takes"],
             "takes": ["info", "trim", "recover", "export"]}  # fmt: skip
    named = [f"{group} {name}".strip() for group, names in lists.items() for name in names]
    return {name: runner.invoke(app, [*name.split(), "--help"]).output for name in ["", *named]}


@pytest.mark.slow
def test_help_is_plain_and_ends_with_examples_that_are_whole() -> None:
    for name, text in helps().items():
        assert "<bool>" not in text and "\x1b" not in text and "Usage:" in text, name
        for line in EXAMPLES.get(name, ()):
            assert f"  {line}\n" in text, name
    assert set(EXAMPLES) <= set(helps())
    assert {"live", "track", "record", "reconstruct", "takes"} <= set(EXAMPLES)


def test_square_brackets_are_not_swallowed() -> None:
    for command in ("train", "evaluate"):
        assert "face3d-live[train]" in runner.invoke(app, [command, "--help"]).output


def test_the_formats_of_an_export_are_named_whole() -> None:
    text = runner.invoke(app, ["takes", "export", "--help"]).output.split()
    words = {word.strip(",") for word in text}
    assert words >= {*formats.QUICK, *formats.VIDEO_SUFFIXES, ".wav"}


def test_help_loads_no_rooms() -> None:
    code = """
import sys
from typer.testing import CliRunner
from face3d_live.cli.app import app
assert CliRunner().invoke(app, ["track", "--help"]).exit_code == 0
heavy = {"torch", "openvino", "cv2", "moderngl", "av", "aiortc"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "face3d_live", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_text_file_is_no_photo(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_text("not a photo")
    done = run("reconstruct", photo, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr.startswith("error: not-an-image: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_text_file_is_no_video(tmp_path: Path) -> None:
    video = tmp_path / "talk.mp4"
    video.write_text("not a video")
    done = run("track", video, "-o", tmp_path / "out.npz")
    assert done.returncode == 1
    assert done.stderr.startswith("error: not-a-video: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out.npz").exists()


def test_the_server_shares_its_options_with_the_command() -> None:
    server = Path(__file__).resolve().parents[2] / "run_live.py"
    done = subprocess.run([sys.executable, server, "--help"], capture_output=True, text=True, check=True)
    for option in ("--host", "--port", "--device", "--token", "--source"):
        assert option in done.stdout


def test_a_vrm_licence_that_is_not_known_is_refused(tmp_path: Path) -> None:
    for options in (["--vrm-licence", "commercialUsage=all"], ["--vrm-author", " "], ["--vrm-licence", "x"]):
        result = runner.invoke(app, ["reconstruct", "me.jpg", "-o", str(tmp_path / "x"), *options])
        assert result.exit_code == 2 and "VRM" in result.output


def test_hair_that_is_not_known_is_refused(tmp_path: Path) -> None:
    for options in (["--hair", "mullet"], ["--hair-colour", "red"]):
        result = runner.invoke(app, ["render", str(tmp_path / "params.npz"), "-o", str(tmp_path / "x.png"), *options])
        assert result.exit_code == 2 and "hair" in result.output


def test_glasses_that_are_not_known_are_refused(tmp_path: Path) -> None:
    for options in (["--glasses", "monocle"], ["--glasses-colour", "red"]):
        result = runner.invoke(app, ["render", str(tmp_path / "params.npz"), "-o", str(tmp_path / "x.png"), *options])
        assert result.exit_code == 2 and "glasses" in result.output


@pytest.mark.slow
def test_a_head_is_rendered_with_other_hair(tmp_path: Path) -> None:
    params = Params(HeadCodes(), np.zeros((68, 3), np.float32), Camera(64, 64, 80.0), hair=Hair("bob", "#a01010"))
    (tmp_path / "params.npz").write_bytes(params_bytes(params))
    pictures = []
    for options in ([], ["--hair", "buzz"], ["--hair-colour", "#1010a0"]):
        out = tmp_path / "head.png"
        assert (
            runner.invoke(
                app, ["render", str(tmp_path / "params.npz"), "-o", str(out), "--size", "64", *options]
            ).exit_code
            == 0
        )
        pictures.append(cv2.imread(str(out)).astype(int))
    bob, buzz, blue = pictures
    assert np.abs(bob - buzz).max(2).mean() > 2, "the file's own hair, or another"
    assert (blue[..., 0] - blue[..., 2]).max() > 40 > (bob[..., 0] - bob[..., 2]).max()
