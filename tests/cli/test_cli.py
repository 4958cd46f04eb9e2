import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from face3d_live.cli.app import app
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
