"""The network in PyTorch: on an NVIDIA GPU, and in float32 on a processor as a reference for OpenVINO."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from face3d_live.regress.deep3d.graph import OUTPUT, joined_heads
from face3d_live.regress.deep3d.layout import BLOCKS, FEATURES, N_COEFFICIENTS, WIDTH
from face3d_live.regress.network import EXPANSION, Bottleneck, conv_bn
from face3d_live.regress.prediction import Raw
from face3d_live.typing import Array, Picture

_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Deep3DNetwork(nn.Module):
    """uint8 RGB (B, 224, 224, 3) -> (B, 257)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTH)
        channels, stages = WIDTH, []
        for stage, depth in enumerate(BLOCKS):
            blocks = []
            for i in range(depth):
                blocks.append(Bottleneck(channels, WIDTH << stage, 2 if i == 0 and stage > 0 else 1))
                channels = (WIDTH << stage) * EXPANSION
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.out = nn.Linear(FEATURES, N_COEFFICIENTS)

    def forward(self, pictures: Tensor) -> Tensor:
        x = pictures.permute(0, 3, 1, 2).to(self.conv1.weight.dtype) / 255
        x = F.max_pool2d(F.relu(conv_bn(self.conv1, self.bn1, x)), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.out(x.mean((2, 3)).to(self.out.weight.dtype))


class Deep3DTorchBackend:
    """See `runtime.Backend`. tensors: of `layout.tensor_shapes`. Not for several threads at once on CUDA."""

    def __init__(self, tensors: Mapping[str, Array], device: str, precision: str) -> None:
        network = Deep3DNetwork()
        weight, bias = joined_heads(tensors)
        state = {name.removeprefix("backbone."): tensor for name, tensor in tensors.items() if "backbone." in name}
        state |= {"out.weight": weight, "out.bias": bias}
        # The norms' counters are not kept.
        network.load_state_dict({name: torch.from_numpy(np.array(t)) for name, t in state.items()}, strict=False)
        self._network, self._device = network.eval().to(device, _TYPES[precision]), device
        self._network.out.float()  # coefficients keep their digits

    def run(self, pictures: Picture) -> Raw:
        """(B, 224, 224, 3) RGB -> the coefficients (B, 257) by the name of the graph's output."""
        with torch.inference_mode():
            answer = self._network(torch.from_numpy(pictures).to(self._device))
        return {OUTPUT: answer.float().cpu().numpy()}
