"""The same network as an ONNX graph, written from the weights file with batch norms folded into convolutions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from face3d_live.regress.prediction import HEADS

Array = NDArray[np.float32]

INPUT = "crops"
BN_EPSILON = 1e-5
OPSET = 18
#: The neck's side that the heads are wired to, as in `network.py`.
GRID = 4


def fold(conv: Array, tensors: Mapping[str, Array], bn: str) -> tuple[Array, Array]:  # (O, I, k, k)
    """Weight and bias (O,) of a convolution with the batch norm named `bn` folded in."""
    gain = tensors[f"{bn}.weight"] / np.sqrt(tensors[f"{bn}.running_var"] + BN_EPSILON)
    bias = tensors[f"{bn}.bias"] - tensors[f"{bn}.running_mean"] * gain
    return (conv * gain[:, None, None, None]).astype(np.float32), bias.astype(np.float32)


class _Graph:
    """Collects nodes and constants; every method returns the name of the value it makes."""

    def __init__(self, tensors: Mapping[str, Array]) -> None:
        self.tensors = tensors
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def conv(self, x: str, conv: str, bn: str, stride: int = 1, relu: bool = True) -> str:
        weight, bias = fold(self.tensors[f"{conv}.weight"], self.tensors, bn)
        size = weight.shape[-1]
        inputs = [x, self.constant(f"{conv}.w", weight), self.constant(f"{conv}.b", bias)]
        x = self.node("Conv", inputs, conv, strides=[stride] * 2, pads=[size // 2] * 4, kernel_shape=[size] * 2)
        return self.node("Relu", [x], f"{conv}.relu") if relu else x

    def resize(self, x: str) -> str:
        """To GRID x GRID, bilinear, pixel centres at halves."""
        scale_to = self.constant("grid", np.array([GRID, GRID], np.int64))
        return self.node("Resize", [x, "", "", scale_to], "grid.out", mode="linear", axes=[2, 3])

    def bottleneck(self, x: str, name: str, stride: int) -> str:
        y = self.conv(x, f"{name}.conv1", f"{name}.bn1")
        y = self.conv(y, f"{name}.conv2", f"{name}.bn2", stride)
        y = self.conv(y, f"{name}.conv3", f"{name}.bn3", relu=False)
        if f"{name}.downsample.0.weight" in self.tensors:
            x = self.conv(x, f"{name}.downsample.0", f"{name}.downsample.1", stride, relu=False)
        return self.node("Relu", [self.node("Add", [y, x], f"{name}.sum")], name)


def build(tensors: Mapping[str, Array], blocks: tuple[int, ...], size: int) -> bytes:
    """The serialised model: uint8 (batch, size, size, 3) -> one (batch, n) float32 output per head."""
    g = _Graph(tensors)
    x = g.node("Cast", [INPUT], "float", to=TensorProto.FLOAT)
    x = g.node("Transpose", [x], "planar", perm=[0, 3, 1, 2])
    x = g.node("Sub", [x, g.constant("middle", np.array(127.5, np.float32))], "centred")
    x = g.node("Div", [x, g.constant("spread", np.array(64, np.float32))], "normalised")
    x = g.conv(x, "conv1", "bn1", 2)
    x = g.node("MaxPool", [x], "pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for stage, depth in enumerate(blocks):
        for i in range(depth):
            x = g.bottleneck(x, f"layer{stage + 1}.{i}", 2 if i == 0 and stage > 0 else 1)
    x = g.conv(x, "neck_conv", "neck_bn")
    if -(-size // 32) != GRID:
        x = g.resize(x)
    x = g.node("Flatten", [x], "features", axis=1)
    for name in HEADS:
        weight = g.constant(f"{name}.w", tensors[f"heads.{name}.weight"])
        bias = g.constant(f"{name}.b", tensors[f"heads.{name}.bias"])
        g.node("Gemm", [x, weight, bias], name, transB=1)
    crops = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", size, size, 3])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", n]) for name, n in HEADS.items()]
    graph = helper.make_graph(g.nodes, "regressor", [crops], outputs, g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    return model.SerializeToString()
