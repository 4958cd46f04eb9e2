"""Several regressors in one table, and a regressor with an alignment of its own among the measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from evaluate_support import Knowing, write_pool
from rich.console import Console

from face3d_live.head.model import Head
from face3d_live.regress.crop import Crop
from face3d_live.regress.prediction import Prediction
from face3d_live.train.data.pool import Pool
from face3d_live.train.evaluate.answers import CENTRED, Evaluator, describe
from face3d_live.train.evaluate.comparison import comparison_markdown, comparison_table

pytestmark = pytest.mark.slow


def report(points: float, jitter: float) -> dict[str, Any]:
    one = {"points_percent": points, "channels": 50, "landmarks_percent": points}
    part = {"faces": 8, "network": one, "fit": one, "confidence_against_error": 0.5}
    return {"weights": {}, "portraits": part, "clips": {"held out": {"jitter": jitter, "clips": 1, **_CLIPS}}}


_CLIPS: dict[str, Any] = {
    "mean_r": 0.5, "pooled_r": 0.5, "distance_slope": {}, "landmarks_percent": 2.0, "rotation_degrees": 1.0,
    "rest_frames": 9, "blinks": {"seen": 9, "found": 9, "false": 0}, "delay": 0.0, "smoothing_delay": 1.0,
}  # fmt: skip


def test_one_table_holds_both() -> None:
    reports = {"deep3d": report(2.25, 1.75), "own": report(1.5, 0.875)}
    console = Console(width=160, record=True)
    console.print(comparison_table(reports))
    for text in (console.export_text(), comparison_markdown(reports)):
        lines = [line for line in text.splitlines() if "portraits: landmarks, all 478 alike" in line]
        assert len(lines) == 1 and lines[0].index("2.25") < lines[0].index("1.5")
        assert any("1.75" in line and "0.875" in line for line in text.splitlines() if "jitter" in line)
        assert "scan heads" not in text  # which neither has measured
        assert all(title in text for title in ("deep3d, network", "deep3d, shipped", "own, network", "own, shipped"))


class Elsewhere(Knowing):
    """Knows the answers, but looks at a smaller square beside the middle, and answers in that."""

    def cut(self, rgb: np.ndarray, square: Crop, points: np.ndarray | None = None) -> tuple[np.ndarray, Crop]:
        assert square == CENTRED and points is not None
        self.told.append(points)
        return rgb, self.shown

    def predict(self, crops: np.ndarray) -> Prediction:
        known = super().predict(crops)
        points = np.stack([self.shown.from_frame(CENTRED.to_frame(each)) for each in known.points])
        return Prediction(**{**vars(known), "points": points})

    shown = Crop(60.0, 52.0, 40.0)

    def __init__(self, labels: dict[str, np.ndarray]) -> None:
        super().__init__(labels)
        self.told: list[np.ndarray] = []


@pytest.mark.slow
def test_answers_in_another_square_are_brought_back(head: Head, tmp_path) -> None:
    write_pool(head, tmp_path, 6)
    pool = Pool(tmp_path)
    labels = pool.take(np.arange(len(pool)))
    regressor = Elsewhere(labels)
    measured = Evaluator(regressor, head).measure(pool)
    np.testing.assert_allclose(measured.network.points, labels["points"], atol=1e-5)
    np.testing.assert_allclose(np.stack(regressor.told), [CENTRED.to_frame(p) for p in labels["points"]], atol=1e-4)
    figures = describe(head, measured)
    assert figures["network"]["points_percent"] < 0.01
    assert figures["fit"]["landmarks_percent"] < 5  # the known pose is not that of the smaller square
