"""How good the shipped weights are: synthetic faces with known codes, and people the training never saw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import ARKIT
from face3d_live.errors import InputError
from face3d_live.head.model import Head
from face3d_live.regress.crop import CROP_SIZE, Crop
from face3d_live.regress.estimate import Estimator
from face3d_live.regress.prediction import Prediction
from face3d_live.regress.runtime import Regressor
from face3d_live.train import metrics
from face3d_live.train.augment import plain
from face3d_live.train.metrics import Answers
from face3d_live.train.pool import Pool

#: Channels that a viewer notices first, reported one by one.
MAIN = (
    "jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "browDownLeft",
    "browOuterUpLeft", "eyeLookOutLeft", "eyeLookInLeft", "mouthFunnel", "mouthPucker", "cheekPuff", "tongueOut",
)  # fmt: skip

LINES = {
    "points_percent": "point distance, % of eye distance",
    "points_p95": "95th percentile of it",
    "mean_r": "mean r of {} channels",
    "mae": "mean absolute error of the channels",
    "vertices_mm": "vertex error of the face, mm",
    "rotation_degrees": "rotation, degrees",
}
_HALF = CROP_SIZE / 2
_CENTRED = Crop(_HALF, _HALF, _HALF)


def evaluate_pool(regressor: Regressor, head: Head, pool: Pool, limit: int | None = None) -> dict[str, Any]:
    """Compare with the labels of a pool, as predicted and after the fit (shape solved with it).

    Each part holds `points_percent` (of the eye distance; `points_p95`), `r` of the channels that move and their mean,
    `mae`, `rotation_degrees`, and `vertices_mm` where the codes are true (synthetic samples).
    """
    if len(pool) == 0:
        raise InputError("pool-empty", f"{pool.folder} holds no samples: generate them with `face3d-live train` first")
    batch = pool.take(np.arange(min(limit or len(pool), len(pool))))
    prediction = _predict(regressor, batch)
    network = Answers(prediction.points, prediction.expression, prediction.shape, prediction.rotation)
    fitted, residual = _fitted(Estimator(regressor, head), prediction, batch)
    errors = metrics.point_errors(network.points, batch["points"], batch["weight"])
    return {
        "faces": len(errors),
        "network": _compare(head, network, batch),
        "fit": {**_compare(head, fitted, batch), "residual_percent": 100 * float(np.median(residual))},
        "confidence_against_error": metrics.confidence_correlation(prediction.confidence, errors),
    }


def _predict(regressor: Regressor, batch: Mapping[str, NDArray]) -> Prediction:
    pictures = plain(batch, CROP_SIZE)["image"].permute(0, 2, 3, 1).mul(255).round().byte().numpy()
    parts = [regressor.predict(pictures[i : i + 32]) for i in range(0, len(pictures), 32)]
    return Prediction(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])})


def _fitted(estimator: Estimator, prediction: Prediction, batch: Mapping[str, NDArray]) -> tuple[Answers, NDArray]:
    """The fit of each face, seen by a camera that looks along the crop's centre ray; answers and residuals."""
    points, codes, residuals = [], [], []
    for i in range(len(prediction)):
        camera = Camera(CROP_SIZE, CROP_SIZE, float(batch["focal"][i]) * _HALF)
        estimate = estimator.refine(prediction.row(i), _CENTRED, camera)
        space = estimator.fitter.points3d(estimate.codes)
        points.append(_CENTRED.from_frame(camera.project(space)))
        codes.append(estimate.codes)
        residuals.append(estimate.residual)
    expression, shape = np.stack([c.expression for c in codes]), np.stack([c.shape for c in codes])
    return Answers(np.stack(points), expression, shape, np.stack([c.rotation for c in codes])), np.array(residuals)


def _compare(head: Head, answers: Answers, batch: Mapping[str, NDArray]) -> dict[str, Any]:
    errors = metrics.point_errors(answers.points, batch["points"], batch["weight"])
    # Portraits: the teacher's scores, which have units of their own, so only their correlation means something.
    synthetic = bool((batch["source"] == 0).all())
    truth = batch["expression"] if synthetic else batch["teacher"] * (batch["teacher_weight"] > 0)
    r = metrics.correlations(answers.expression, truth)
    result: dict[str, Any] = {
        "points_percent": float(errors.mean()),
        "points_p95": float(np.percentile(errors, 95)),
        "rotation_degrees": float(metrics.rotation_errors(answers.rotation, batch["rotation"]).mean()),
        "mean_r": float(np.mean(list(r.values()))),
        "channels": len(r),
        "r": {name: round(value, 3) for name, value in r.items()},
    }
    if synthetic:
        errors_by_channel = np.abs(answers.expression - truth).mean(0)
        result["mae"] = float(errors_by_channel.mean())
        result["mae_by_channel"] = dict(zip(ARKIT, errors_by_channel.round(4).tolist(), strict=True))
        vertices = metrics.vertex_errors(head, answers, batch["shape"], batch["expression"])
        result["vertices_mm"] = float(vertices.mean())
    return result


def evaluate(regressor: Regressor, head: Head, pools: Mapping[str, Pool], limit: int | None = None) -> dict[str, Any]:
    """`evaluate_pool` for each named pool, with what the weights file says of itself."""
    about = {key: value for key, value in regressor.meta.items() if key != "means"}
    return {"weights": about, **{name: evaluate_pool(regressor, head, pool, limit) for name, pool in pools.items()}}


def rows(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The report as (measure, network alone, with the fit)."""
    out = []
    for name, part in report.items():
        if name == "weights":
            continue
        network, fit = part["network"], part["fit"]
        lines = [(label.format(network["channels"]), key) for key, label in LINES.items() if key in network]
        out += [(f"{name}: {label}", f"{network[key]:.3g}", f"{fit[key]:.3g}") for label, key in lines]
        judged = [channel for channel in MAIN if channel in network["r"]]
        out += [(f"{name}: r {c}", f"{network['r'][c]:.2f}", f"{fit['r'][c]:.2f}") for c in judged]
        out.append((f"{name}: rank correlation of confidence and error", f"{part['confidence_against_error']:.2f}", ""))
    return out


def to_markdown(report: Mapping[str, Any]) -> str:
    """A table for a document."""
    lines = ["| measure | network | with the fit |", "|---|---|---|"]
    lines += [f"| {label} | {network} | {fit} |" for label, network, fit in rows(report)]
    return "\n".join(lines) + "\n"


def save(report: Mapping[str, Any], folder: Path) -> None:
    """`evaluation.json` and `evaluation.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(report, indent=1))
    (folder / "evaluation.md").write_text(to_markdown(report))
