"""The network in PyTorch: on an NVIDIA GPU, and in float32 on a processor as the reference for OpenVINO."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from face3d_live.errors import AssetError
from face3d_live.regress import weights
from face3d_live.regress.prediction import Raw

_TYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


class TorchBackend:
    """Imports torch. Threads take turns: the engine's batches come from one of their own."""

    def __init__(self, stored: weights.Weights, device: str, precision: str) -> None:
        import torch

        from face3d_live.regress.network import Architecture, Network

        self._torch, self._device = torch, device
        network = Network(Architecture.from_json(stored.meta["architecture"]))
        state = {name: torch.from_numpy(np.array(tensor)) for name, tensor in stored.tensors.items()}
        missing, unexpected = network.load_state_dict(state, strict=False)
        if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
            raise AssetError("regressor-broken", "the weights do not fit their architecture: restore the file")
        self._network = network.eval().to(device, getattr(torch, _TYPES[precision]))
        if device == "cuda":
            self._network = self._network.to(memory_format=torch.channels_last)  # what half precision's kernels read
        self._turn = threading.Lock()

    def run(self, crops: NDArray[np.uint8]) -> Raw:
        """(B, size, size, 3) RGB -> each head's raw output (B, n)."""
        with self._turn, self._torch.inference_mode():
            raw = self._network(self._torch.from_numpy(crops).to(self._device))
        return {name: value.float().cpu().numpy() for name, value in raw.items()}
