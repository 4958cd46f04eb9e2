"""Measure the ranges with which the network runs in int8, and whether int8 keeps its answers.

    python -m face3d_live.train.quantise [--data DIR] [--weights FILE]

Run it again whenever the weights change: the ranges are bound to one weights file. They are the largest inputs of each
convolution over portraits of training; int8's answers on the held-out portraits are then compared with float32's. The
file is written only where the points move by less than `MOST_POINTS` per cent of the eye distance and the coefficients
by less than `MOST_COEFFICIENTS` on average.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face3d_live.errors import Face3DError, InputError
from face3d_live.regress import activation_ranges, openvino_graph, weights
from face3d_live.regress.activation_ranges import Ranges
from face3d_live.regress.openvino_backend import OpenVinoBackend, weights_source
from face3d_live.regress.openvino_loader import core
from face3d_live.regress.prediction import HEADS, Prediction, decode
from face3d_live.regress.runtime import sized
from face3d_live.train.data.portraits import crops_of
from face3d_live.train.evaluate.metrics import eye_distance

Crops = NDArray[np.uint8]  # (N, 112, 112, 3) RGB

MOST_POINTS, MOST_COEFFICIENTS = 0.2, 0.005
#: Portraits that the ranges are measured on.
PORTRAITS = 400
BATCH = 8


def convolutions(stored: weights.Weights) -> list[str]:
    """Those that may compute in int8: of the trunk, without the stem, and what the windows' levels are made with."""
    names = (name.removesuffix(".weight") for name, tensor in stored.tensors.items() if tensor.ndim == 4)
    return [name for name in names if name != "conv1" and not name.startswith("windows.")]


def measure(stored: weights.Weights, crops: Crops) -> Ranges:
    """The largest input of each of these convolutions over the crops."""
    names = convolutions(stored)
    blocks, size = stored.meta["architecture"]["blocks"], stored.meta["size"]
    model = openvino_graph.build(stored.tensors, blocks, size, {}, watch=names)
    request = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    highest = dict.fromkeys(names, 1e-6)
    for start in range(0, len(crops), BATCH):
        outputs = request.infer({0: sized(crops[start : start + BATCH], size)}, share_outputs=True)
        for i, name in enumerate(names, len(HEADS)):
            highest[name] = max(highest[name], float(outputs[i].max()))
    return highest


def answers(path: Path, crops: Crops, precision: str, ranges: Ranges) -> Prediction:
    """Of the weights file, in that precision."""
    backend = OpenVinoBackend.load(weights_source(path, ranges), "CPU", precision, 1)
    size = weights.load_meta(path)["size"]
    batches = [backend.run(sized(crops[start : start + BATCH], size)) for start in range(0, len(crops), BATCH)]
    return decode({name: np.concatenate([raw[name] for raw in batches]) for name in HEADS})


def moved(ours: Prediction, exact: Prediction) -> dict[str, float]:
    """How far the answers lie apart: mean and 99th percentile over points and coefficients.

    points: per cent of the eye distance; coefficients: 0..1.
    """
    points = 100 * np.linalg.norm(ours.points - exact.points, axis=-1) / eye_distance(exact.points)[:, None]
    coefficients = np.abs(ours.expression - exact.expression)
    return {
        "points_percent": round(float(points.mean()), 4),
        "points_percent_p99": round(float(np.percentile(points, 99)), 4),
        "coefficients": round(float(coefficients.mean()), 5),
        "coefficients_p99": round(float(np.percentile(coefficients, 99)), 5),
    }


def quantise(path: Path, data: Path) -> str:
    """Measure, judge, and write the file beside the weights. Returns what to print.

    Raises InputError "data-missing", or "int8-inexact" where int8 misses the bounds: then there is no file.
    """
    stored = weights.load(path)
    training, held_out = crops_of(data, held_out=False), crops_of(data, held_out=True)
    chosen = np.random.default_rng(0).permutation(len(training))[:PORTRAITS]
    ranges = measure(stored, training[chosen])
    figures = moved(answers(path, held_out, "int8", ranges), answers(path, held_out, "fp32", {}))
    line = f"int8 moves points by {figures['points_percent']} % of the eye distance, coefficients by "
    line += f"{figures['coefficients']} ({len(held_out)} portraits)"
    if figures["points_percent"] >= MOST_POINTS or figures["coefficients"] >= MOST_COEFFICIENTS:
        activation_ranges.sidecar_path(path).unlink(missing_ok=True)
        bounds = f"{MOST_POINTS} % and {MOST_COEFFICIENTS}"
        raise InputError("int8-inexact", f"{line}; {bounds} are allowed: these weights get no int8")
    written = activation_ranges.save(path, ranges, {**figures, "portraits": len(held_out)})
    return f"{written}: {line}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--weights", type=Path, default=weights.DEFAULT)
    options = parser.parse_args(arguments)
    try:
        print(quantise(options.weights, options.data))
    except Face3DError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
