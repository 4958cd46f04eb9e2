"""The same network as an OpenVINO model, built from the weights file, batch norms folded into convolutions.

With ranges of activations the convolutions named there compute in int8; sums of residual blocks, the stem, the heads,
windows and the features at the points stay float.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from face3d_live.regress.activation_ranges import Ranges
from face3d_live.regress.openvino_loader import openvino
from face3d_live.regress.prediction import HEADS, N_POINTS
from face3d_live.regress.weights import quantise
from face3d_live.regress.windows import ALIGNED, WINDOWS, Window, scatter
from face3d_live.typing import AnyArray, Array

Node = Any  # openvino.Node or openvino.Output: the package has no stubs that mypy may follow without importing it

INPUT = "crops"
BN_EPSILON = 1e-5
#: The neck's side that the heads are wired to, as in `network.py`.
GRID = 4


def fold(matrix: Array, tensors: Mapping[str, Array], bn: str) -> tuple[Array, Array]:  # (O, ...)
    """Weight and bias (O,) of a convolution or linear layer with the batch norm named `bn` folded in."""
    gain = tensors[f"{bn}.weight"] / np.sqrt(tensors[f"{bn}.running_var"] + BN_EPSILON)
    bias = tensors[f"{bn}.bias"] - tensors[f"{bn}.running_mean"] * gain
    return (matrix * gain.reshape(-1, *[1] * (matrix.ndim - 1))).astype(np.float32), bias.astype(np.float32)


class Graph:
    """Makes nodes of one opset; every method returns the node it makes. Shapes are (B, C, H, W) and (B, n)."""

    def __init__(self, tensors: Mapping[str, Array], ranges: Ranges) -> None:
        self.tensors, self.ranges = tensors, ranges
        self.ops = openvino().opset13
        self.inputs: dict[str, Node] = {}  # of every convolution, by its name

    def constant(self, value: AnyArray) -> Node:
        return self.ops.constant(np.ascontiguousarray(value))

    def integers(self, *values: int) -> Node:
        return self.constant(np.array(values, np.int64))

    def conv(self, x: Node, conv: str, bn: str, stride: int = 1, relu: bool = True) -> Node:
        weight, bias = fold(self.tensors[f"{conv}.weight"], self.tensors, bn)
        pad, kernel = [weight.shape[-1] // 2] * 2, self.constant(weight)
        self.inputs[conv] = x
        if (high := self.ranges.get(conv)) is not None:
            x = self.rounded(x, np.zeros((), np.float32), np.array(high, np.float32), 256)
            most = np.abs(weight).max((1, 2, 3), keepdims=True) + np.float32(1e-12)
            kernel = self.rounded(kernel, -most, most, 255)  # -127 to 127, where the file's int8 already lies
        x = self.ops.convolution(x, kernel, [stride] * 2, pad, pad, [1, 1], name=conv)
        x = self.ops.add(x, self.constant(bias.reshape(1, -1, 1, 1)))
        return self.ops.relu(x) if relu else x

    def rounded(self, x: Node, low: Array, high: Array, levels: int) -> Node:
        """x in so many equal steps from low to high, which OpenVINO turns into int8 arithmetic."""
        low, high = self.constant(low), self.constant(high)
        return self.ops.fake_quantize(x, low, high, low, high, levels)

    def product(self, x: Node, weight: Array, bias: Array, name: str) -> Node:  # (B, n), (m, n), (m,) -> (B, m)
        # One face reads each weight once: as the file's int8, unpacked on the way, they cost a quarter of the memory.
        packed, scale = quantise(weight)
        unpacked = self.ops.multiply(self.ops.convert(self.constant(packed), np.float32), self.constant(scale[:, None]))
        x = self.ops.matmul(x, unpacked, False, True, name=name)
        return self.ops.add(x, self.constant(bias[None]))

    def linear(self, x: Node, name: str) -> Node:
        return self.product(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"], name)

    def heads(self, x: Node) -> dict[str, Node]:
        """All heads, by name, as one product: nine small ones take longer."""
        weight, bias = (
            np.concatenate([self.tensors[f"heads.{n}.{part}"] for n in HEADS]) for part in ("weight", "bias")
        )
        together = self.product(x, weight, bias, "heads")
        return dict(zip(HEADS, self.split(together, list(HEADS.values()), 1), strict=True))

    def hidden(self, x: Node, name: str) -> Node:
        """The layer of that name with its norm and ReLU."""
        weight, bias = fold(self.tensors[f"{name}.weight"], self.tensors, f"{name}_bn")
        return self.ops.relu(self.product(x, weight, bias, name))

    def flat(self, x: Node) -> Node:
        """(B, ...) -> (B, n)."""
        return self.ops.reshape(x, self.integers(0, -1), True)

    def shaped_points(self, x: Node) -> Node:  # (B, 956) -> (B, 478, 2)
        return self.ops.reshape(x, self.integers(0, N_POINTS, 2), True)

    def sample_levels(self, levels: Sequence[Node], grid: Node) -> Node:
        """The sum of the levels at places (B, i, j, 2): zeros outside, -1 and 1 are the outer edges of the pixels."""
        settings = {"align_corners": False, "mode": "bilinear", "padding_mode": "zeros"}
        total, *others = (self.ops.grid_sample(level, grid, settings) for level in levels)
        for other in others:
            total = self.ops.add(total, other)
        return total

    def split(self, x: Node, sizes: Sequence[int], axis: int) -> list[Node]:
        """Consecutive pieces along an axis."""
        return list(self.ops.variadic_split(x, self.integers(axis), self.integers(*sizes)).outputs())

    def window(self, window: Window, levels: Sequence[Node], points: Node) -> Node:
        """Sample every level under the window, add, and read the corrections off."""
        name = f"windows.{window.name}"
        anchor = self.ops.gather(points, self.integers(*window.anchor), self.integers(1))
        middle = self.ops.unsqueeze(self.ops.reduce_mean(anchor, self.integers(1), True), self.integers(1))
        grid = self.ops.add(middle, self.constant(window.grid()[None]))  # (B, 1, 1, 2) + (1, rows, columns, 2)
        x = self.conv(self.sample_levels(levels, grid), f"{name}.conv1.conv", f"{name}.conv1.bn")
        x = self.conv(x, f"{name}.conv2.conv", f"{name}.conv2.bn", 2)
        return self.linear(self.hidden(self.flat(x), f"{name}.hidden"), f"{name}.out")

    def spread(self, corrections: Node, matrix: Array) -> Node:  # (B, total), 0/1 (total, width) -> (B, width)
        """corrections @ matrix, by picking: no output has more than a few of them."""
        padded = self.ops.pad(corrections, self.integers(0, 0), self.integers(0, 1), "constant")
        total, width = matrix.shape
        rows = [np.flatnonzero(column) for column in matrix.T]
        picked = np.full((max(map(len, rows)), width), total)  # the zero at the end
        for i, row in enumerate(rows):
            picked[: len(row), i] = row
        first, *others = (self.ops.gather(padded, self.integers(*pick), self.integers(1)) for pick in picked)
        for other in others:
            first = self.ops.add(first, other)
        return first

    def aligned(self, levels: Sequence[Node], points: Node) -> dict[str, Node]:
        """What the features at the points (B, 478, 2) add to the heads, by name; see `network.AlignedHead`."""
        x = self.sample_levels(levels, self.ops.unsqueeze(points, self.integers(1)))  # (B, C, 1, 478)
        features = self.ops.transpose(self.ops.squeeze(x, self.integers(2)), self.integers(2, 0, 1))
        own, summary = (self._at_points(features, part) for part in ("own", "summary"))
        together = self.linear(self.hidden(self.flat(summary), "aligned.hidden"), "aligned.out")
        parts = dict(zip(ALIGNED, self.split(together, [HEADS[name] for name in ALIGNED], 1), strict=True))
        moves, sigmas = self.split(own, (2, 1), 2)
        parts["points"] = self.ops.add(parts["points"], self.flat(moves))
        return {**parts, "log_sigma": self.flat(sigmas)}

    def _at_points(self, features: Node, part: str) -> Node:  # (478, B, C) -> (B, 478, n)
        weight = self.constant(self.tensors[f"aligned.{part}"])  # (478, n, C)
        x = self.ops.matmul(features, weight, False, True)
        return self.ops.transpose(x, self.integers(1, 0, 2))

    def resize(self, x: Node) -> Node:
        """To GRID x GRID, bilinear, pixel centres at halves."""
        sizes, axes = self.integers(GRID, GRID), self.integers(2, 3)
        centres = {"coordinate_transformation_mode": "half_pixel"}
        return self.ops.interpolate(x, sizes, "linear_onnx", "sizes", axes=axes, **centres)

    def bottleneck(self, x: Node, name: str, stride: int) -> Node:
        y = self.conv(x, f"{name}.conv1", f"{name}.bn1")
        y = self.conv(y, f"{name}.conv2", f"{name}.bn2", stride)
        y = self.conv(y, f"{name}.conv3", f"{name}.bn3", relu=False)
        if f"{name}.downsample.0.weight" in self.tensors:
            x = self.conv(x, f"{name}.downsample.0", f"{name}.downsample.1", stride, relu=False)
        return self.ops.relu(self.ops.add(y, x))

    def stage(self, x: Node, number: int, depth: int) -> Node:
        """The residual blocks of `layer<number + 1>`; all stages but the first halve the picture."""
        for i in range(depth):
            x = self.bottleneck(x, f"layer{number + 1}.{i}", 2 if i == 0 and number > 0 else 1)
        return x

    def max_pool(self, x: Node) -> Node:
        """3x3, stride 2, as after the stem of every ResNet."""
        return self.ops.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)


def _trunk(g: Graph, crops: Node, blocks: Sequence[int], size: int) -> tuple[Node, list[Node]]:
    """What the heads read, (B, neck * 16), and the levels that windows and points read."""
    x = g.ops.transpose(g.ops.convert(crops, np.float32), g.integers(0, 3, 1, 2))
    x = g.ops.divide(g.ops.subtract(x, g.constant(np.array(127.5, np.float32))), g.constant(np.array(64, np.float32)))
    x = g.conv(x, "conv1", "bn1", 2)
    levels = [g.conv(x, "stem_lateral.conv", "stem_lateral.bn", 2)]
    x = g.max_pool(x)
    for stage, depth in enumerate(blocks):
        x = g.stage(x, stage, depth)
        if stage < 2:
            lateral = f"layer{stage + 1}_lateral"
            levels.append(g.conv(x, f"{lateral}.conv", f"{lateral}.bn"))
    x = g.conv(x, "neck_conv", "neck_bn")
    return g.flat(x if -(-size // 32) == GRID else g.resize(x)), levels


def _corrected(g: Graph, raw: dict[str, Node], levels: list[Node]) -> dict[str, Node]:
    """The heads' outputs with what the windows add, then the features at the points that those found."""
    points = g.shaped_points(raw["points"])
    corrections = g.ops.concat([g.window(window, levels, points) for window in WINDOWS], 1)
    for name, matrix in scatter().items():
        raw[name] = g.ops.add(raw[name], g.spread(corrections, matrix))
    for name, change in g.aligned(levels, g.shaped_points(raw["points"])).items():
        raw[name] = g.ops.add(raw[name], change)
    return raw


def build(
    tensors: Mapping[str, Array], blocks: Sequence[int], size: int, ranges: Ranges, *, watch: Sequence[str] = ()
) -> Any:
    """An `openvino.Model`: uint8 (batch, size, size, 3) -> one (batch, n) float32 output per head, in their order.

    ranges: of the convolutions that compute in int8. watch: convolutions whose inputs become further outputs.
    """
    g = Graph(tensors, ranges)
    crops = g.ops.parameter([-1, size, size, 3], np.uint8, INPUT)
    features, levels = _trunk(g, crops, blocks, size)
    raw = _corrected(g, g.heads(features), levels)
    outputs = [g.ops.result(raw[name], name=name) for name in HEADS]
    outputs += [g.ops.result(g.inputs[name]) for name in watch]
    return openvino().Model(outputs, [crops], "regressor")
