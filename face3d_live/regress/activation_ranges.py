"""Calibrated ranges of activations for int8: a small JSON file next to the weights, bound to them by digest.

The weights file's matrices are int8 per output channel already, and batch norms only scale those channels: int8
changes no weight. What it rounds are the layers' inputs, all of them behind a ReLU, to 256 steps from 0 to the largest
value that pictures of training gave.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from face3d_live.arrays import DAMAGE
from face3d_live.files import replacing
from face3d_live.regress import model_cache

logger = logging.getLogger(__name__)

FORMAT = 1

#: Largest input of a convolution by its name, such as "layer1.0.conv1".
Ranges = Mapping[str, float]


def sidecar_path(weights: Path) -> Path:
    """models/regressor.npz -> models/regressor.int8.json."""
    return weights.with_suffix(".int8.json")


def load(weights: Path) -> Ranges | None:
    """The ranges measured for exactly these weights, or None where there are none, or a damaged file."""
    path = sidecar_path(weights)
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["format"] != FORMAT or plain["weights"] != model_cache.digest(weights):
            logger.info("%s is not for these weights: int8 is not offered", path)
            return None
        ranges = {str(name): float(high) for name, high in plain["ranges"].items()}
        if not ranges or not all(0 < high < 1e6 for high in ranges.values()):
            raise ValueError("a range is not a positive number")
    except FileNotFoundError:
        return None
    except (*DAMAGE, AttributeError, RecursionError) as error:
        logger.warning("%s cannot be read (%s): int8 is not offered; restore or delete it", path, error)
        return None
    return ranges


def save(weights: Path, ranges: Ranges, measured: Mapping[str, Any]) -> Path:
    """Write the file. measured: what int8 costs, for who reads it. Raises OSError."""
    path = sidecar_path(weights)
    plain = {
        "format": FORMAT,
        "weights": model_cache.digest(weights),
        "measured": dict(measured),
        "ranges": {name: round(high, 4) for name, high in ranges.items()},
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return path
