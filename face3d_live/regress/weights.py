"""The weights file: one npz that both run times read. NumPy only.

Matrices (convolutions, linear layers) are stored as int8 with one scale per output channel, everything else as
float32. A JSON string beside them carries the architecture and where the weights come from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live import arrays
from face3d_live.errors import AssetError
from face3d_live.files import replacing
from face3d_live.paths import MODELS
from face3d_live.typing import AnyArray, Array

DEFAULT = MODELS / "regressor.npz"
FORMAT = 2
_SCALE = "#scale"
_META = "#meta"
_CURES = ("restore it from the repository", "train it with `face3d-live train`")


@dataclass(frozen=True)
class Weights:
    """Parameters and buffers by their torch name, and the file's metadata (`architecture`, `trained`, ...)."""

    tensors: dict[str, Array]
    meta: dict[str, Any]


def quantise(matrix: AnyArray) -> tuple[NDArray[np.int8], Array]:  # (O, ...) -> (O, ...), (O,)
    """Symmetric int8 per output channel: matrix is about int8 * scale."""
    flat = np.asarray(matrix, np.float32).reshape(len(matrix), -1)
    scale = np.maximum(np.abs(flat).max(1), 1e-12) / 127
    return np.rint(flat / scale[:, None]).astype(np.int8).reshape(matrix.shape), scale.astype(np.float32)


def dequantise(matrix: NDArray[np.int8], scale: Array) -> Array:
    """The inverse of `quantise`, up to half a step."""
    return matrix.astype(np.float32) * scale.reshape(-1, *[1] * (matrix.ndim - 1))


def save(path: Path, tensors: Mapping[str, AnyArray], meta: Mapping[str, Any]) -> None:
    """Write the weights file, atomically. `num_batches_tracked` counters are left out."""
    stored: dict[str, AnyArray] = {_META: np.array(json.dumps({**meta, "format": FORMAT}))}
    for name, tensor in tensors.items():
        if name.endswith("num_batches_tracked"):
            continue
        if tensor.ndim > 1:
            stored[name], stored[name + _SCALE] = quantise(tensor)
        else:
            stored[name] = np.asarray(tensor, np.float32)
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **stored)


def load(path: Path | None = None) -> Weights:
    """Read the weights file. Raises AssetError when it is missing, damaged or of another format."""
    path = path or DEFAULT
    with arrays.asset(path, "regressor", *_CURES) as stored:
        meta = _meta(path, stored)
        tensors = {
            name: dequantise(array, stored[name + _SCALE]) if name + _SCALE in stored else array
            for name, array in stored.items()
            if not name.endswith(_SCALE) and name != _META
        }
    return Weights(tensors, meta)


def load_meta(path: Path) -> dict[str, Any]:
    """The metadata alone, without the second that the tensors take. Raises as `load`."""
    with arrays.asset(path, "regressor", *_CURES, keys=(_META,)) as stored:
        return _meta(path, stored)


def _meta(path: Path, stored: Mapping[str, AnyArray]) -> dict[str, Any]:
    meta = dict(json.loads(str(stored[_META])))
    if (version := meta.get("format")) != FORMAT:
        raise AssetError("regressor-format", f"{path} has format {version}; this program reads {FORMAT}")
    return meta
