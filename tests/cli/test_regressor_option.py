"""`--regressor` of live, track, reconstruct, record and evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deep3d_support import DotDetector, dot_regressor, dotted
from track_cli_helpers import write_video
from typer.testing import CliRunner

from face3d_live.cli import regressor as option
from face3d_live.cli.app import app
from face3d_live.regress import choose

runner = CliRunner()
COMMANDS = {
    "live": ["live", "--port", "0"],
    "track": ["track", "a.mp4", "-o", "a.npz"],
    "record": ["record", "--source", "a.mp4", "-o", "a.jsonl"],
    "reconstruct": ["reconstruct", "a.jpg", "-o", "a"],
    "evaluate": ["evaluate", "--data", "nowhere"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_missing_files_and_names_that_are_none_end_the_program_with_a_cure(tmp_path: Path, command: str) -> None:
    for name, code in (("hrn", "bad-regressor"), (f"deep3d:{tmp_path}", "deep3d-missing")):
        done = runner.invoke(app, [*COMMANDS[command], "--regressor", name])
        assert done.exit_code == 1 and f"error: {code}: " in done.output, done.output


def test_a_mesh_that_the_own_regressor_has_not() -> None:
    done = runner.invoke(app, [*COMMANDS["reconstruct"], "--topology", "bfm"])
    assert done.exit_code == 1 and "error: bad-topology: " in done.output


def test_the_licence_goes_to_stderr_once(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("FACE3D_CONFIG", str(tmp_path / "config"))
    (tmp_path / "epoch_20.pth").touch()
    (tmp_path / "BFM_model_front.mat").touch()
    name = f"deep3d:{tmp_path}"
    assert option.prepared(name) == name
    out, err = capsys.readouterr()
    assert "University of Basel" in err and not out
    assert option.prepared(name) == name and capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_track_and_record_run_on_it(tmp_path: Path, monkeypatch) -> None:
    """The command's whole way, from the name to the file; the network and the detector are stand-ins."""
    frames = [dotted((160, 120), np.array([70 + i / 4, 50]), np.array([95 + i / 4, 50])) for i in range(12)]
    video = write_video(tmp_path / "a.mp4", frames, (160, 120))
    monkeypatch.setattr(choose, "notice", lambda name: None)
    monkeypatch.setattr("face3d_live.regress.deep3d.regressor.Deep3DRegressor.load", lambda *a: dot_regressor())
    monkeypatch.setattr("face3d_live.track.tracker.Detector.load", DotDetector)
    done = runner.invoke(app, ["track", str(video), "-o", str(tmp_path / "a.npz"), "--regressor", "deep3d:files"])
    assert done.exit_code == 0, done.output
    with np.load(tmp_path / "a.npz") as stored:
        assert stored["detected"].all()
        eyes = stored["landmarks"][:, 36:48].mean(1)
        assert eyes[-1, 0] - eyes[0, 0] == pytest.approx(11 / 4, abs=1.5) and np.abs(eyes[:, 1] - 50).max() < 4
    done = runner.invoke(
        app, ["record", "--source", str(video), "-o", str(tmp_path / "a.jsonl"), "--regressor", "deep3d:files"]
    )
    assert done.exit_code == 0 and (tmp_path / "a.jsonl").stat().st_size > 1000, done.output


@pytest.mark.parametrize(("words", "mediapipe", "beside"), [
    ([], False, False), (["--compare"], False, True), (["--compare", "mediapipe"], True, False),
    (["--compare", "mediapipe", "--compare"], True, True), (["--compare", "--limit", "3"], False, True),
    (["--compare", "own"], False, True),
])  # fmt: skip
def test_evaluate_compares_with_the_own_weights_mediapipe_or_both(monkeypatch, words, mediapipe, beside) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("anny")
    asked: dict[str, Any] = {}

    def compare_regressors(name, weights, folder, data, limit, device, with_mediapipe, precision):
        asked.update(name=name, beside=weights is not None, mediapipe=with_mediapipe, limit=limit)

    monkeypatch.setattr(choose, "notice", lambda name: None)
    monkeypatch.setattr("face3d_live.train.command.compare_regressors", compare_regressors)
    done = runner.invoke(app, ["evaluate", "--regressor", "deep3d:x", *words])
    assert done.exit_code == 0, done.output
    assert asked == {
        "name": "deep3d:x", "beside": beside, "mediapipe": mediapipe, "limit": 3 if "--limit" in words else None,
    }  # fmt: skip


def test_the_own_weights_are_not_compared_with_themselves() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("anny")
    done = runner.invoke(app, ["evaluate", "--compare"])
    assert done.exit_code == 1 and "nothing-to-compare" in done.output
