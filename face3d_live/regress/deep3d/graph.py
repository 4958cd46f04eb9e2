"""The network as an OpenVINO model: ResNet50 with batch norms folded in, global average, the seven outputs as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from face3d_live.regress.deep3d.layout import BLOCKS, HEADS, SIZE
from face3d_live.regress.openvino_graph import INPUT, Graph
from face3d_live.regress.openvino_loader import openvino
from face3d_live.typing import Array

#: The model's one output: (batch, 257) float32.
OUTPUT = "coefficients"


def build(tensors: Mapping[str, Array], size: int = SIZE) -> Any:
    """An `openvino.Model`: uint8 RGB (batch, size, size, 3) -> (batch, 257). tensors: of `layout.tensor_shapes`."""
    inner = {name.removeprefix("backbone."): tensor for name, tensor in tensors.items()}
    g = Graph(inner, {})
    pictures = g.ops.parameter([-1, size, size, 3], np.uint8, INPUT)
    x = g.ops.transpose(g.ops.convert(pictures, np.float32), g.integers(0, 3, 1, 2))
    x = g.ops.divide(x, g.constant(np.array(255, np.float32)))
    x = g.max_pool(g.conv(x, "conv1", "bn1", 2))
    for stage, depth in enumerate(BLOCKS):
        x = g.stage(x, stage, depth)
    x = g.ops.reduce_mean(x, g.integers(2, 3))
    weight, bias = joined_heads(tensors)
    x = g.ops.add(g.ops.matmul(x, g.constant(weight), False, True), g.constant(bias[None]))
    return openvino().Model([g.ops.result(x, name=OUTPUT)], [pictures], "deep3d")


def joined_heads(tensors: Mapping[str, Array]) -> tuple[Array, Array]:
    """Weight (257, 2048) and bias (257,) of all seven 1x1 convolutions."""
    places = range(len(HEADS))
    weight = np.concatenate([tensors[f"final_layers.{i}.weight"].reshape(-1, 2048) for i in places])
    return weight, np.concatenate([tensors[f"final_layers.{i}.bias"] for i in places])
