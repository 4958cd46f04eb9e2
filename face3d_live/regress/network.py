"""The regressor in PyTorch: ResNet50 (He et al., CVPR 2016), a small neck that keeps position, and a head per code.

Modules carry torchvision's names (`conv1`, `bn1`, `layer1.0.conv1`, ..., `layer1.0.downsample.0`), so that state
dicts of that family load with `strict=False`. As there (v1.5), the stride of a stage sits on its first 3x3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from face3d_live.regress.prediction import HEADS

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

    def forward(self, x: Tensor) -> Tensor:
        step = self.stride[0]
        columns = x[:, :, ::step, ::step].permute(0, 2, 3, 1)
        return F.linear(columns, self.weight.flatten(1)).permute(0, 3, 1, 2)


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up, and the way around."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = planes * EXPANSION
        self.conv1 = Pointwise(inputs, planes)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = Pointwise(planes, outputs)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(Pointwise(inputs, outputs, stride), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        around = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        return F.relu(self.bn3(self.conv3(x)) + around, inplace=True)


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
        with torch.no_grad():
            self.heads["rotation"].bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))
            self.heads["log_sigma"].bias.fill_(-2.5)

    @torch.no_grad()
    def set_means(self, means: Mapping[str, Tensor]) -> None:
        """Start each head at the mean of its targets: (HEADS[name],) by name."""
        for name, mean in means.items():
            self.heads[name].bias.copy_(mean)

    def features(self, crops: Tensor) -> Tensor:  # (B, H, W, 3) uint8, or float 0..255 -> (B, neck * 16)
        """What the heads read. The one place where pixels are normalised."""
        x = crops.permute(0, 3, 1, 2)  # a view: channels-last memory stays as it is
        x = (x.to(self.conv1.weight.dtype) - 127.5) / 64
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x)), inplace=True), 3, 2, 1)
        for stage in range(len(self.architecture.blocks)):
            x = getattr(self, f"layer{stage + 1}")(x)
        x = F.relu(self.neck_bn(self.neck_conv(x)), inplace=True)
        if x.shape[-1] != GRID:
            x = F.interpolate(x, (GRID, GRID), mode="bilinear", align_corners=False)
        return x.flatten(1)

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        features = self.features(crops)
        return {name: head(features) for name, head in self.heads.items()}
