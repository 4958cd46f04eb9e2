"""The regressor at run time: OpenVINO on a processor or Intel graphics (torch is never imported), PyTorch on CUDA."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.checks import checked_size
from face3d_live.regress import activation_ranges, weights
from face3d_live.regress.crop import CROP_SIZE, Crop
from face3d_live.regress.devices import resolve
from face3d_live.regress.fit import FROM_NETWORK
from face3d_live.regress.openvino_backend import OpenVinoBackend, weights_source
from face3d_live.regress.prediction import Prediction, Raw, decode
from face3d_live.regress.torch_backend import TorchBackend
from face3d_live.typing import AnyArray, Device, Picture, Precision, Rgb


class Backend(Protocol):
    def run(self, crops: NDArray[np.uint8]) -> Raw: ...


class Regressor:
    """Crops in, codes and points out. Not thread-safe on CUDA; elsewhere several calls at once are fine.

    meta: the weights file's. device: "cpu", "gpu" or "cuda". precision: "fp32", "bf16", "fp16" or "int8".
    """

    prior = FROM_NETWORK

    def __init__(self, meta: dict[str, Any], device: str, precision: str, backend: Backend) -> None:
        self.meta, self.device, self.precision, self._backend = meta, device, precision, backend
        self.size: int = meta["size"]  # of the pictures these weights were trained on last
        self.predict(np.zeros((1, CROP_SIZE, CROP_SIZE, 3), np.uint8))  # the first call allocates: not on a live frame

    @classmethod
    def load(
        cls, device: Device = "auto", path: Path | None = None, threads: int = 1, precision: Precision = "auto"
    ) -> Regressor:
        """Load the weights (default `models/regressor.npz`); `threads` is for the CPU.

        Raises AssetError when the weights or, asked for by name, a device or a precision are missing; ValueError for a
        name that is none, or for a number of threads below one.
        """
        threads = checked_size(threads, "threads")
        path = path or weights.DEFAULT
        ranges = activation_ranges.load(path)
        found, chosen = resolve(device, precision, ranges is not None)
        if found == "cuda":
            stored = weights.load(path)
            return cls(stored.meta, found, chosen, TorchBackend(stored, found, chosen))
        meta = weights.load_meta(path)
        source = weights_source(path, (ranges or {}) if chosen == "int8" else {})
        return cls(meta, found, chosen, OpenVinoBackend.load(source, found.upper(), chosen, threads))

    def cut(self, rgb: Rgb, square: Crop, points: AnyArray | None = None) -> tuple[Picture, Crop]:
        """The square itself, see `interface.FaceRegressor`: this network was trained on the crop rule's."""
        return square.extract(rgb), square

    def predict(self, crops: NDArray[np.uint8]) -> Prediction:  # (B, 112, 112, 3) RGB
        """Codes and points of each crop. Raises ValueError on another shape or type, and on no crops."""
        wanted = f"crops: expected uint8 (B, {CROP_SIZE}, {CROP_SIZE}, 3)"
        if not isinstance(crops, np.ndarray):
            raise ValueError(f"{wanted}, got {type(crops).__name__}")
        if crops.dtype != np.uint8 or crops.shape[1:] != (CROP_SIZE, CROP_SIZE, 3) or not len(crops):
            raise ValueError(f"{wanted}, got {crops.dtype} {crops.shape}")
        return decode(self._backend.run(sized(crops, self.size)))


def sized(crops: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:  # (B, 112, 112, 3) -> (B, size, size, 3)
    """Crops as weights for pictures of that size want them."""
    if size != CROP_SIZE:
        crops = np.stack([cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA) for crop in crops])
    return np.ascontiguousarray(crops, np.uint8)
