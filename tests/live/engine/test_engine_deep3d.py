"""`--regressor` in the server: the engine's pipeline and the worker run on it."""

from __future__ import annotations

import functools
import pickle

import numpy as np
import pytest
from deep3d_support import DotDetector, dot_regressor, dotted

from face3d_live.errors import AssetError
from face3d_live.live import main
from face3d_live.live.engine import head_pipeline
from face3d_live.live.engine.factory import make_pipeline
from face3d_live.live.engine.head_pipeline import HeadPipeline
from face3d_live.live.engine.pipeline import ViewRequest
from face3d_live.track.detector import Detector

pytestmark = pytest.mark.slow


def test_the_engine_follows_a_face_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(name, head, device, precision, threads):
        asked.append((name, device, precision))
        return dot_regressor()

    monkeypatch.setattr(head_pipeline, "load_regressor", load)
    monkeypatch.setattr(Detector, "load", DotDetector)
    pipeline = HeadPipeline("cpu", "auto", "deep3d:files")
    pipeline.start()
    assert asked == [("deep3d:files", "cpu", "auto")] and pipeline.device == "cpu"
    pipeline.open("a", None)
    for i in range(5):
        rgb = dotted((640, 480), np.array([280.0 + i, 200]), np.array([345.0 + i, 200]))
        result = pipeline.process("a", rgb, i / 30, ViewRequest())
    assert result.face and result.confidence > 0.7 and np.isfinite(result.codes.expression).all()
    assert result.image.std() > 5
    pipeline.close("a")


def test_an_engine_without_its_files_says_which(tmp_path) -> None:
    with pytest.raises(AssetError, match="deep3d-missing"):
        make_pipeline("cpu", "auto", f"deep3d:{tmp_path}")


def test_the_servers_tasks_carry_the_regressor_to_their_processes() -> None:
    """The studio adds options of its own."""
    settings = main.running_on("cpu", "auto", "deep3d:files")
    for task in (settings["snapshot"], settings["reconstruct"], settings["texture"], settings["studio"].warm_up):
        again = pickle.loads(pickle.dumps(functools.partial(task, face=1)))
        assert again.keywords == {"regressor": "deep3d:files", "face": 1}
    assert pickle.loads(pickle.dumps(settings["pipeline"])).args == ("cpu", "auto", "deep3d:files")
