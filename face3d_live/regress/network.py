"""The regressor in PyTorch: ResNet50 (He et al., CVPR 2016), a small neck that keeps position, and one head per code.

Their outputs are corrected by windows over eyes and mouth, and by features sampled at the face points (`windows`).

Modules carry torchvision's names (`conv1`, `bn1`, `layer1.0.conv1`, ..., `layer1.0.downsample.0`), so that state
dicts of that family load with `strict=False`. As there (v1.5), the stride of a stage sits on its first 3x3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from face3d_live.regress.prediction import HEADS, N_POINTS
from face3d_live.regress.windows import (
    ALIGNED,
    ALIGNED_HIDDEN,
    CORRECTED,
    HIDDEN_PER_CHANNEL,
    SUMMARY,
    WINDOWS,
    Window,
    scatter,
)

#: Spatial size that the heads are wired to; smaller inputs are stretched to it, so one set of weights serves all sizes.
GRID = 4

EXPANSION = 4


@dataclass(frozen=True)
class Architecture:
    """Stage depths, width of the stem (64 = ResNet50), channels of the neck. Small ones make a test network."""

    blocks: tuple[int, ...] = (3, 4, 6, 3)
    width: int = 64
    neck: int = 128

    def to_json(self) -> dict[str, object]:
        """A JSON object from which `from_json` makes an equal value."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Sequence[int] | int]) -> Architecture:
        """The inverse of `to_json`. Raises KeyError or TypeError."""
        blocks, width, neck = plain["blocks"], plain["width"], plain["neck"]
        assert not isinstance(blocks, int) and isinstance(width, int) and isinstance(neck, int)
        return cls(tuple(blocks), width, neck)


THIN = Architecture(blocks=(1, 1, 1, 1), width=16, neck=32)


class Pointwise(nn.Conv2d):
    """A 1x1 convolution as one matrix product over the channels-last view: a quarter faster to train on a CPU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, 1, stride, bias=False)

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        step = self.stride[0]
        columns = x[:, :, ::step, ::step].permute(0, 2, 3, 1)
        # As a matrix: with four dimensions and without gradients, PyTorch makes one product per row of pixels.
        product = F.linear(columns.reshape(-1, columns.shape[-1]), weight.flatten(1), bias)
        return product.view(*columns.shape[:-1], len(weight)).permute(0, 3, 1, 2)


def conv_bn(convolution: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """norm(convolution(x)). In evaluation mode the norm is one scale and shift and is folded into the weights.

    That saves its passes over the picture, in training with frozen statistics too.
    """
    if norm.training:
        return norm(convolution(x))
    assert norm.running_var is not None and norm.running_mean is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    weight = convolution.weight * scale[:, None, None, None]
    return convolution._conv_forward(x, weight, norm.bias - norm.running_mean * scale)


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up, and the shortcut."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = planes * EXPANSION
        self.conv1 = Pointwise(inputs, planes)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = Pointwise(planes, outputs)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(Pointwise(inputs, outputs, stride), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else conv_bn(self.downsample[0], self.downsample[1], x)
        x = F.relu(conv_bn(self.conv1, self.bn1, x), inplace=True)
        x = F.relu(conv_bn(self.conv2, self.bn2, x), inplace=True)
        return F.relu(conv_bn(self.conv3, self.bn3, x) + shortcut, inplace=True)


class ConvNorm(nn.Module):
    """A convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int) -> None:
        super().__init__()
        plain = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        self.conv = Pointwise(inputs, outputs) if size == 1 else plain
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(conv_bn(self.conv, self.bn, x), inplace=True)


def sample_levels(levels: Sequence[Tensor], grid: Tensor) -> Tensor:
    """The sum of feature maps (B, C, h, w), sampled at (B, i, j, 2) in crop coordinates -> (B, C, i, j)."""
    dtype = torch.promote_types(levels[0].dtype, grid.dtype)  # 8 bits of mantissa are too few for coordinates
    return torch.stack([F.grid_sample(x.to(dtype), grid.to(dtype), align_corners=False) for x in levels]).sum(0)


class WindowHead(nn.Module):
    """Features under one window to corrections. Initialised to no correction."""

    base: Tensor

    def __init__(self, window: Window, channels: int) -> None:
        super().__init__()
        self.anchor = list(window.anchor)
        self.register_buffer("base", torch.from_numpy(window.grid()), persistent=False)
        rows, columns = window.cells
        self.conv1 = ConvNorm(channels, channels, 3, 1)
        self.conv2 = ConvNorm(channels, channels, 3, 2)
        # Without the norm, Adam's first steps make every ReLU negative: each has some 1,600 inputs, all positive.
        self.hidden = nn.Linear(channels * (rows // 2) * (columns // 2), channels * HIDDEN_PER_CHANNEL, bias=False)
        self.hidden_bn = nn.BatchNorm1d(channels * HIDDEN_PER_CHANNEL)
        self.out = nn.Linear(channels * HIDDEN_PER_CHANNEL, window.outputs)

    def forward(self, levels: Sequence[Tensor], points: Tensor) -> Tensor:
        """levels: (B, C, h, w) each; points: (B, 478, 2) -> hidden (B, n), which `out` turns into corrections."""
        x = sample_levels(levels, self.base + points[:, self.anchor].mean(1)[:, None, None]).to(levels[0].dtype)
        return F.relu(self.hidden_bn(self.hidden(self.conv2(self.conv1(x)).flatten(1))))


class AlignedHead(nn.Module):
    """Features at each face point to corrections. Initialised to no correction."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # Each point reads its own features: x, y and log sigma of its own, and a summary for the hidden layer.
        self.own = nn.Parameter(torch.zeros(N_POINTS, 3, channels))
        self.summary = nn.Parameter(torch.randn(N_POINTS, SUMMARY, channels) / channels**0.5)
        self.hidden = nn.Linear(N_POINTS * SUMMARY, ALIGNED_HIDDEN, bias=False)
        self.hidden_bn = nn.BatchNorm1d(ALIGNED_HIDDEN)
        self.out = nn.Linear(ALIGNED_HIDDEN, sum(HEADS[name] for name in ALIGNED))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, levels: Sequence[Tensor], points: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """levels: (B, C, h, w) each; points: (B, 478, 2) -> corrections of heads, by name, and hidden (B, n)."""
        features = sample_levels(levels, points[:, :, None])[..., 0].permute(2, 0, 1)  # (478, B, C)
        own = torch.bmm(features, self.own.transpose(1, 2)).permute(1, 0, 2)  # (B, 478, 3)
        summary = torch.bmm(features, self.summary.transpose(1, 2)).permute(1, 0, 2).flatten(1)
        hidden = F.relu(self.hidden_bn(self.hidden(summary)))
        parts = self.out(hidden).split([HEADS[name] for name in ALIGNED], 1)
        together = dict(zip(ALIGNED, parts, strict=True))
        together["points"] = together["points"] + own[..., :2].flatten(1)
        return {**together, "log_sigma": own[..., 2]}, hidden


class Network(nn.Module):
    """uint8 RGB crops -> raw head outputs (`prediction.HEADS`)."""

    def __init__(self, architecture: Architecture | None = None) -> None:
        super().__init__()
        self.architecture = a = architecture or Architecture()
        self.conv1 = nn.Conv2d(3, a.width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(a.width)
        channels = a.width
        for stage, depth in enumerate(a.blocks):
            planes = a.width << stage
            layers = []
            for i in range(depth):
                layers.append(Bottleneck(channels, planes, 2 if i == 0 and stage > 0 else 1))
                channels = planes * EXPANSION
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layers))
        self.neck_conv = Pointwise(channels, a.neck)
        self.neck_bn = nn.BatchNorm2d(a.neck)
        self.heads = nn.ModuleDict({name: nn.Linear(a.neck * GRID * GRID, n) for name, n in HEADS.items()})
        fine = a.neck // 2
        self.stem_lateral = ConvNorm(a.width, fine, 3, 2)
        self.layer1_lateral = ConvNorm(a.width * EXPANSION, fine, 1, 1)
        self.layer2_lateral = ConvNorm(2 * a.width * EXPANSION, fine, 1, 1)
        self.windows = nn.ModuleDict({window.name: WindowHead(window, fine) for window in WINDOWS})
        self.aligned = AlignedHead(fine)
        for name, matrix in scatter().items():
            self.register_buffer(f"scatter_{name}", torch.from_numpy(matrix), persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, Bottleneck):
                nn.init.zeros_(module.bn3.weight)  # every block starts as the identity (Goyal et al. 2017)
        for linear in self.heads.values():
            nn.init.normal_(linear.weight, std=0.1 / linear.in_features**0.5)
            nn.init.zeros_(linear.bias)
        for window in self.windows.values():
            nn.init.zeros_(window.out.weight)
            nn.init.zeros_(window.out.bias)
        with torch.no_grad():
            self.heads["rotation"].bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))
            self.heads["log_sigma"].bias.fill_(-2.5)

    @torch.no_grad()
    def set_means(self, means: Mapping[str, Tensor]) -> None:
        """Start each head at the mean of its targets: (HEADS[name],) by name."""
        for name, mean in means.items():
            self.heads[name].bias.copy_(mean)

    def features(self, crops: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, H, W, 3) uint8, or float 0..255 -> features of the heads, (B, neck * 16), and levels for the windows.

        The one place where pixels are normalised.
        """
        x = crops.permute(0, 3, 1, 2)  # a view: channels-last memory stays as it is
        x = (x.to(self.conv1.weight.dtype) - 127.5) / 64
        x = F.relu(conv_bn(self.conv1, self.bn1, x), inplace=True)
        levels = [self.stem_lateral(x)]
        x = self.layer1(F.max_pool2d(x, 3, 2, 1))
        levels.append(self.layer1_lateral(x))
        x = self.layer2(x)
        levels.append(self.layer2_lateral(x))
        x = self.layer4(self.layer3(x))
        x = F.relu(conv_bn(self.neck_conv, self.neck_bn, x), inplace=True)
        if x.shape[-1] != GRID:
            x = F.interpolate(x, (GRID, GRID), mode="bilinear", align_corners=False)
        return x.flatten(1), levels

    def forward_features(self, crops: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Outputs of `forward`; the points before correction, (B, 956); all features, (B, `n_features`)."""
        features, levels = self.features(crops)
        dtype = self.heads["points"].weight.dtype
        # In half precision coordinates have a step of an eighth of a pixel: last layers and points stay float32.
        with torch.autocast(crops.device.type, enabled=False):
            features = features.to(dtype)
            raw = {name: head(features) for name, head in self.heads.items()}
        coarse = raw["points"]
        # No gradient through the position of a window.
        anchor = coarse.detach().reshape(-1, N_POINTS, 2)
        hidden = [window(levels, anchor).to(dtype) for window in self.windows.values()]
        with torch.autocast(crops.device.type, enabled=False):
            corrections = torch.cat([w.out(h) for w, h in zip(self.windows.values(), hidden, strict=True)], 1)
            for name in CORRECTED:
                raw[name] = raw[name] + corrections @ getattr(self, f"scatter_{name}").to(dtype)
            places = raw["points"].detach().reshape(-1, N_POINTS, 2)
            aligned, seen = self.aligned(levels, places)
            raw |= {name: raw[name] + change for name, change in aligned.items()}
        return raw, coarse, torch.cat([features, *hidden, seen], 1)

    @property
    def n_features(self) -> int:
        """Number of features that heads, windows and aligned features read together."""
        neck = self.architecture.neck
        return neck * GRID * GRID + len(WINDOWS) * (neck // 2) * HIDDEN_PER_CHANNEL + ALIGNED_HIDDEN

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        return self.forward_features(crops)[0]
