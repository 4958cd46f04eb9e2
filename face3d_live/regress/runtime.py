"""The regressor at run time: ONNX Runtime on a CPU (torch is never imported), PyTorch in half precision on CUDA."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.errors import AssetError
from face3d_live.regress import weights
from face3d_live.regress.crop import CROP_SIZE
from face3d_live.regress.prediction import HEADS, Prediction, decode

Device = Literal["auto", "cpu", "cuda"]
Raw = dict[str, NDArray[np.float32]]


class _Backend(Protocol):
    def run(self, crops: NDArray[np.uint8]) -> Raw: ...


class _OnnxBackend:
    def __init__(self, stored: weights.Weights, threads: int) -> None:
        import onnxruntime

        from face3d_live.regress.onnx_graph import build

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A spinning pool burns the core that the renderer and the encoder wait for.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model = build(stored.tensors, tuple(stored.meta["architecture"]["blocks"]), stored.meta["size"])
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(self, crops: NDArray[np.uint8]) -> Raw:
        return dict(zip(HEADS, self._session.run(list(HEADS), {"crops": crops}), strict=True))


class _TorchBackend:
    """Also runs on a CPU, in float32: the yardstick for the ONNX graph."""

    def __init__(self, stored: weights.Weights, device: str) -> None:
        import torch

        from face3d_live.regress.network import Architecture, Network

        self._torch, self._device = torch, device
        network = Network(Architecture.from_json(stored.meta["architecture"]))
        state = {name: torch.from_numpy(np.array(tensor)) for name, tensor in stored.tensors.items()}
        missing, unexpected = network.load_state_dict(state, strict=False)
        if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
            raise AssetError("regressor-broken", "the weights do not fit their architecture: restore the file")
        half = device == "cuda"
        self._network = network.eval().to(device, torch.float16 if half else torch.float32)

    def run(self, crops: NDArray[np.uint8]) -> Raw:
        with self._torch.inference_mode():
            raw = self._network(self._torch.from_numpy(crops).to(self._device))
        return {name: value.float().cpu().numpy() for name, value in raw.items()}


def cuda_available() -> bool:
    """Whether torch is installed and sees an NVIDIA GPU. Imports torch only where it is installed with CUDA drivers."""
    if not Path("/proc/driver/nvidia/version").exists() or importlib.util.find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


class Regressor:
    """Crops in, codes and points out. Not thread-safe on CUDA; several ONNX calls at once are fine."""

    def __init__(self, stored: weights.Weights, device: str, backend: _Backend) -> None:
        self.meta, self.device, self._backend = stored.meta, device, backend
        self.size: int = stored.meta["size"]  # of the pictures these weights were trained on last
        self.predict(np.zeros((1, CROP_SIZE, CROP_SIZE, 3), np.uint8))  # the first call allocates: not on a live frame

    @classmethod
    def load(cls, device: Device = "auto", path: Path | None = None, threads: int = 1) -> Regressor:
        """Load the weights (default `models/regressor.npz`); `threads` is for the CPU.

        Raises AssetError when the weights or, asked for by name, CUDA are missing.
        """
        stored = weights.load(path)
        if device == "cuda" and not cuda_available():
            cure = "no usable NVIDIA GPU: install the `cuda` extra and a driver, or use --device cpu"
            raise AssetError("cuda-missing", cure)
        if device != "cpu" and cuda_available():
            return cls(stored, "cuda", _TorchBackend(stored, "cuda"))
        return cls(stored, "cpu", _OnnxBackend(stored, threads))

    def predict(self, crops: NDArray[np.uint8]) -> Prediction:  # (B, 112, 112, 3) RGB
        """Codes and points of each crop. Raises ValueError on another shape or type."""
        if crops.dtype != np.uint8 or crops.shape[1:] != (CROP_SIZE, CROP_SIZE, 3):
            raise ValueError(f"expected uint8 (B, {CROP_SIZE}, {CROP_SIZE}, 3), got {crops.dtype} {crops.shape}")
        if self.size != CROP_SIZE:
            side = (self.size, self.size)
            crops = np.stack([cv2.resize(crop, side, interpolation=cv2.INTER_AREA) for crop in crops]).astype(np.uint8)
        return decode(self._backend.run(np.ascontiguousarray(crops)))
