"""The same network as an ONNX graph, written from the weights file, batch norms folded into convolutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from face3d_live.regress.prediction import HEADS, N_POINTS
from face3d_live.regress.windows import ALIGNED, WINDOWS, Window, scatter

Array = NDArray[np.float32]

INPUT = "crops"
BN_EPSILON = 1e-5
OPSET = 18
#: The neck's side that the heads are wired to, as in `network.py`.
GRID = 4


def fold(matrix: Array, tensors: Mapping[str, Array], bn: str) -> tuple[Array, Array]:  # (O, ...)
    """Weight and bias (O,) of a convolution or linear layer with the batch norm named `bn` folded in."""
    gain = tensors[f"{bn}.weight"] / np.sqrt(tensors[f"{bn}.running_var"] + BN_EPSILON)
    bias = tensors[f"{bn}.bias"] - tensors[f"{bn}.running_mean"] * gain
    return (matrix * gain.reshape(-1, *[1] * (matrix.ndim - 1))).astype(np.float32), bias.astype(np.float32)


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

    def linear(self, x: str, name: str, output: str) -> str:
        weight = self.constant(f"{name}.w", self.tensors[f"{name}.weight"])
        bias = self.constant(f"{name}.b", self.tensors[f"{name}.bias"])
        return self.node("Gemm", [x, weight, bias], output, transB=1)

    def hidden(self, x: str, name: str) -> str:
        """The layer of that name with its norm and ReLU."""
        weight, bias = fold(self.tensors[f"{name}.weight"], self.tensors, f"{name}_bn")
        inputs = [x, self.constant(f"{name}.w", weight), self.constant(f"{name}.b", bias)]
        return self.node("Relu", [self.node("Gemm", inputs, name, transB=1)], f"{name}.active")

    def sampled(self, levels: list[str], grid: str, name: str) -> str:
        """The sum of the levels at places (B, i, j, 2)."""
        return self.node("Sum", [self.node("GridSample", [level, grid], f"{name}.{level}") for level in levels], name)

    def split(self, x: str, sizes: Sequence[int], outputs: list[str], axis: int) -> list[str]:
        """Consecutive pieces along an axis."""
        constant = self.constant(f"{x}.sizes", np.array(sizes, np.int64))
        self.nodes.append(helper.make_node("Split", [x, constant], outputs, axis=axis))
        return outputs

    def window(self, window: Window, levels: list[str], points: str) -> str:
        """Sample every level under the window, add, and read the corrections off."""
        name = f"windows.{window.name}"
        members = self.constant(f"{name}.anchor", np.array(window.anchor, np.int64))
        anchor = self.node("Gather", [points, members], f"{name}.points", axis=1)
        axis = self.constant(f"{name}.axis", np.array([1], np.int64))
        middle = self.node("ReduceMean", [anchor, axis], f"{name}.middle")  # (B, 1, 2)
        middle = self.node("Unsqueeze", [middle, axis], f"{name}.middle4")
        grid = self.node("Add", [middle, self.constant(f"{name}.base", window.grid()[None])], f"{name}.grid")
        x = self.conv(self.sampled(levels, grid, f"{name}.sampled"), f"{name}.conv1.conv", f"{name}.conv1.bn")
        x = self.conv(x, f"{name}.conv2.conv", f"{name}.conv2.bn", 2)
        x = self.hidden(self.node("Flatten", [x], f"{name}.flat", axis=1), f"{name}.hidden")
        return self.linear(x, f"{name}.out", f"{name}.corrections")

    def aligned(self, levels: list[str], points: str) -> dict[str, str]:
        """What the features at the points (B, 478, 2) add to the heads, by name; see `network.AlignedHead`."""
        axis, last = (self.constant(f"aligned.axis{i}", np.array([i], np.int64)) for i in (2, 3))
        grid = self.node("Unsqueeze", [points, axis], "aligned.grid")
        x = self.node("Squeeze", [self.sampled(levels, grid, "aligned.sampled"), last], "aligned.flat")
        x = self.node("Transpose", [x], "aligned.features", perm=[2, 0, 1])  # (478, B, C)
        own, summary = (self._at_points(x, part) for part in ("own", "summary"))
        hidden = self.hidden(self.node("Flatten", [summary], "aligned.all", axis=1), "aligned.hidden")
        together = self.linear(hidden, "aligned.out", "aligned.together")
        parts = self.split(together, [HEADS[name] for name in ALIGNED], [f"aligned.{name}" for name in ALIGNED], 1)
        moves, sigmas = self.split(own, (2, 1), ["aligned.own.moves", "aligned.own.sigmas"], 2)
        moves = self.node("Flatten", [moves], "aligned.own.points", axis=1)
        return {
            **dict(zip(ALIGNED, parts, strict=True)),
            "points": self.node("Add", ["aligned.points", moves], "aligned.moved"),
            "log_sigma": self.node("Flatten", [sigmas], "aligned.own.log_sigma", axis=1),
        }

    def _at_points(self, features: str, part: str) -> str:  # (478, B, C) -> (B, 478, n)
        weight = self.constant(f"aligned.{part}.w", self.tensors[f"aligned.{part}"].transpose(0, 2, 1))
        x = self.node("MatMul", [features, weight], f"aligned.{part}.by_point")
        return self.node("Transpose", [x], f"aligned.{part}", perm=[1, 0, 2])

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


def _correct(g: _Graph, levels: list[str]) -> None:
    """From `NAME.coarse` of every head to its output: windows first, then the features at the points they found."""
    shape = g.constant("points.shape", np.array([-1, N_POINTS, 2], np.int64))
    points = g.node("Reshape", ["points.coarse", shape], "points.places")
    corrections = g.node("Concat", [g.window(w, levels, points) for w in WINDOWS], "corrections", axis=1)
    fine = {name: f"{name}.coarse" for name in HEADS}
    for name, matrix in scatter().items():
        spread = g.node("MatMul", [corrections, g.constant(f"{name}.scatter", matrix)], f"{name}.spread")
        fine[name] = g.node("Add", [f"{name}.coarse", spread], f"{name}.fine")
    places = g.node("Reshape", [fine["points"], shape], "points.found")
    aligned = g.aligned(levels, places)
    for name in HEADS:
        if name in aligned:
            g.node("Add", [fine[name], aligned[name]], name)
        else:
            g.node("Identity", [fine[name]], name)


def build(tensors: Mapping[str, Array], blocks: tuple[int, ...], size: int) -> bytes:
    """The serialised model: uint8 (batch, size, size, 3) -> one (batch, n) float32 output per head."""
    g = _Graph(tensors)
    x = g.node("Cast", [INPUT], "float", to=TensorProto.FLOAT)
    x = g.node("Transpose", [x], "planar", perm=[0, 3, 1, 2])
    x = g.node("Sub", [x, g.constant("middle", np.array(127.5, np.float32))], "centred")
    x = g.node("Div", [x, g.constant("spread", np.array(64, np.float32))], "normalised")
    x = g.conv(x, "conv1", "bn1", 2)
    levels = [g.conv(x, "stem_lateral.conv", "stem_lateral.bn", 2)]
    x = g.node("MaxPool", [x], "pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for stage, depth in enumerate(blocks):
        for i in range(depth):
            x = g.bottleneck(x, f"layer{stage + 1}.{i}", 2 if i == 0 and stage > 0 else 1)
        if stage < 2:
            lateral = f"layer{stage + 1}_lateral"
            levels.append(g.conv(x, f"{lateral}.conv", f"{lateral}.bn"))
    x = g.conv(x, "neck_conv", "neck_bn")
    if -(-size // 32) != GRID:
        x = g.resize(x)
    x = g.node("Flatten", [x], "features", axis=1)
    for name in HEADS:
        g.linear(x, f"heads.{name}", f"{name}.coarse")
    _correct(g, levels)
    crops = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", size, size, 3])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", n]) for name, n in HEADS.items()]
    graph = helper.make_graph(g.nodes, "regressor", [crops], outputs, g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    return model.SerializeToString()
