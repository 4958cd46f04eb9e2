"""Everything that is added up to the expression in a network, as one linear map of its features."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import torch
from torch import nn

from face3d_live.codes import N_EXPRESSION
from face3d_live.regress.network import Network
from face3d_live.regress.prediction import HEADS
from face3d_live.regress.windows import ALIGNED, WINDOWS
from face3d_live.typing import AnyArray


class Readers:
    """The last layers of the expression of one network: its head, the windows' and the aligned features' part."""

    def __init__(self, network: Network) -> None:
        before = sum(HEADS[name] for name in ALIGNED[: ALIGNED.index("expression")])
        layers: list[tuple[nn.Linear, int]] = [(network.heads["expression"], 0)]
        for window, module in zip(WINDOWS, network.windows.values(), strict=True):
            layers.append((module.out, window.outputs - N_EXPRESSION))
        layers.append((network.aligned.out, before))
        #: Of each layer the rows that are added to the expression.
        self._rows = [(layer, slice(first, first + N_EXPRESSION)) for layer, first in layers]

    def map(self) -> tuple[AnyArray, AnyArray]:
        """(52, n) and (52,): expression = matrix @ features + bias; float64."""
        weights = [layer.weight[rows].detach().double().cpu().numpy() for layer, rows in self._rows]
        biases = [layer.bias[rows].detach().double().cpu().numpy() for layer, rows in self._rows]
        return np.concatenate(weights, 1), np.sum(biases, axis=0)

    @torch.no_grad()
    def set_map(self, matrix: AnyArray, bias: AnyArray) -> None:
        """Make the network's map this one."""
        ends = list(accumulate(layer.in_features for layer, _ in self._rows))
        for i, (layer, rows) in enumerate(self._rows):
            part = matrix[:, ends[i] - layer.in_features : ends[i]]
            layer.weight[rows] = torch.from_numpy(part).to(layer.weight)
            layer.bias[rows] = torch.from_numpy(bias).to(layer.bias) if i == 0 else 0.0
