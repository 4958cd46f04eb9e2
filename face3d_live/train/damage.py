"""Damage to pictures, in batches: things in front of the face, and what a cheap camera and a codec leave of it.

Pictures are float (B, 3, S, S) in 0..1. Chances are drawn on the CPU from the given generator; the noise of single
pixels is drawn where the pictures are.
"""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as nn
from torch import Tensor

#: JPEG's luminance table (ITU-T T.81, annex K), the same for colour here.
_QUANTA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip

_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


class _Dice:
    """Random tensors on a device, drawn on the CPU."""

    def __init__(self, generator: torch.Generator, count: int, device: torch.device) -> None:
        self.generator, self.count, self.device = generator, count, device

    def uniform(self, low: float = 0.0, high: float = 1.0, columns: int = 1) -> Tensor:  # (B, columns, 1, 1)
        values = torch.rand(self.count, columns, 1, 1, generator=self.generator)
        return (values * (high - low) + low).to(self.device)

    def normal(self, columns: int = 1) -> Tensor:  # (B, columns, 1, 1)
        return torch.randn(self.count, columns, 1, 1, generator=self.generator).to(self.device)

    def chosen(self, probability: float) -> Tensor:  # indices
        return (torch.rand(self.count, generator=self.generator) < probability).nonzero()[:, 0].to(self.device)


def occlude(
    image: Tensor, points: Tensor, visible: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:  # (B, 3, S, S), (B, 478, 2) crop coordinates, (B, 478)
    """Ellipses and bars of flat or noisy colour in front of a fifth of the faces; points below them become hidden."""
    dice = _Dice(generator, len(image), image.device)
    some = dice.chosen(0.2)
    if len(some) == 0:
        return image, visible
    center, radius = dice.uniform(-1, 1, 2), dice.uniform(0.06, 0.45, 2)
    angle, square = dice.uniform(0, math.pi), dice.uniform() < 0.5
    colour, grain = dice.uniform(0, 1, 3), dice.uniform(0, 0.1)

    def inside(x: Tensor, y: Tensor) -> Tensor:  # (B, 1, ...) crop coordinates
        x, y = x - center[:, :1], y - center[:, 1:]
        u = (torch.cos(angle) * x + torch.sin(angle) * y) / radius[:, :1]
        v = (torch.cos(angle) * y - torch.sin(angle) * x) / radius[:, 1:]
        return torch.where(square, torch.maximum(u.abs(), v.abs()), torch.hypot(u, v)) < 1

    size = image.shape[-1]
    axis = (torch.arange(size, device=image.device) + 0.5) * 2 / size - 1
    mask = inside(axis[None, None, None, :], axis[None, None, :, None])
    noise = _noise(image[:, :1], generator)
    thing = (colour + noise * grain).clamp(0, 1)
    hit = inside(points[:, None, :, :1].transpose(2, 3), points[:, None, :, 1:].transpose(2, 3))[:, 0, 0]
    image, visible = image.clone(), visible.clone()
    image[some] = torch.where(mask, thing, image)[some]
    visible[some] = torch.where(hit, 0.0, visible)[some]
    return image, visible


def degrade(image: Tensor, generator: torch.Generator) -> Tensor:
    """Lens, sensor and codec, each for some of the pictures: blur, few pixels, colour, exposure, noise, compression."""
    dice = _Dice(generator, len(image), image.device)
    image = image.clone()
    some = dice.chosen(0.35)
    if len(some):
        image[some] = _blur(image[some], _kernels(len(some), generator).to(image.device))
    some = dice.chosen(0.25)
    if len(some):
        image[some] = fewer_pixels(image[some], torch.rand(len(some), generator=generator) * 0.5 + 0.35)
    image = _colour(image, dice)
    some = dice.chosen(0.6)
    if len(some):
        amount = dice.uniform(0, 1)[some] ** 2 * 0.07
        noise = _noise(image[some], generator)
        image[some] = noise.mul_(amount).mul_(image[some] + 0.5).add_(image[some]).clamp_(0, 1)
    some = dice.chosen(0.4)
    if len(some):
        image[some] = compress(image[some], dice.uniform(0.2, 3.0)[some, 0, 0, 0])
    return image


def _colour(image: Tensor, dice: _Dice) -> Tensor:
    """White balance, saturation (none for an eighth), vignette, gamma, contrast and brightness."""
    grey = image.mean(1, keepdim=True)
    saturation = torch.where(dice.uniform() < 0.12, 0.0, dice.uniform(0.5, 1.4))
    image = torch.lerp(grey, image, saturation).mul_(1 + dice.normal(3) * 0.06)
    axis = torch.linspace(-1, 1, image.shape[-1], device=image.device)
    distance = (axis[None, None, None, :] - dice.normal() * 0.4) ** 2 + (
        axis[None, None, :, None] - dice.normal() * 0.4
    ) ** 2
    image.mul_(1 - dice.uniform(-0.05, 0.18) * distance).clamp_(1e-4, 1).pow_(torch.exp(dice.normal() * 0.22))
    contrast, brightness = dice.uniform(0.7, 1.25), dice.normal() * 0.06
    return image.mul_(contrast).add_(0.5 - 0.5 * contrast + brightness).clamp_(0, 1)


def _kernels(count: int, generator: torch.Generator) -> Tensor:  # -> (count, 7, 7), each sums to 1
    """Gaussians, half of them stretched along a line: defocus and motion."""
    axis = torch.arange(-3.0, 4.0)
    angle = torch.rand(count, 1, 1, generator=generator) * math.pi
    narrow = 0.3 + torch.rand(count, 1, 1, generator=generator) * 0.9
    moving = torch.rand(count, 1, 1, generator=generator) < 0.5
    wide = torch.where(moving, narrow + torch.rand(count, 1, 1, generator=generator) * 1.8, narrow)
    x, y = axis[None, None, :], axis[None, :, None]
    along, across = torch.cos(angle) * x + torch.sin(angle) * y, torch.cos(angle) * y - torch.sin(angle) * x
    kernel = torch.exp(-0.5 * ((along / wide) ** 2 + (across / narrow) ** 2))
    return kernel / kernel.sum((1, 2), keepdim=True)


def _blur(image: Tensor, kernels: Tensor) -> Tensor:
    count, channels, height, width = image.shape
    padded = nn.pad(image, (3, 3, 3, 3), mode="replicate").reshape(1, count * channels, height + 6, width + 6)
    weights = kernels.repeat_interleave(channels, 0)[:, None]
    return nn.conv2d(padded, weights, groups=count * channels).reshape(image.shape)


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Normal noise in the shape and on the device of `like`; on a GPU from a generator there, seeded by the given one.

    A batch of 512 pictures needs 18 million draws: 0.2 seconds on two processor cores, longer than a GPU's whole step.
    """
    if like.device.type != "cpu":
        seed = int(torch.randint(2**31, (1,), generator=generator))
        generator = torch.Generator(like.device).manual_seed(seed)
    return torch.randn(like.shape, generator=generator, device=like.device)


def fewer_pixels(image: Tensor, factors: Tensor) -> Tensor:  # (B, 3, S, S), (B,) on the CPU
    """Each picture with `factor` times as many pixels a side (8 at least) by area, and back up bilinearly."""
    size = image.shape[-1]
    there_and_back = torch.stack([_resized(size, max(8, round(size * factor))) for factor in factors.tolist()])
    matrix = there_and_back.to(image.device)[:, None]
    return matrix @ image @ matrix.transpose(2, 3)


@cache
def _resized(size: int, small: int) -> Tensor:  # -> (size, size)
    """What `nn.interpolate` to `small` pixels and back does to a column of pixels: it is linear and separable."""
    columns = torch.eye(size)[None]
    shrunk = nn.interpolate(columns, size=small, mode="area")
    return nn.interpolate(shrunk, size=size, mode="linear", align_corners=False)[0].T.contiguous()


def compress(image: Tensor, strength: Tensor) -> Tensor:  # (B, 3, S, S), (B,) -> (B, 3, S, S)
    """JPEG's losses: colour at half the size, 8x8 cosine transform, coefficients rounded to multiples of its table.

    strength 1 is quality 50; S must be a multiple of 16.
    """
    to_ycc = image.new_tensor(_TO_YCC)
    ycc = torch.einsum("dc,bchw->bdhw", to_ycc, image * 255) - image.new_tensor([128.0, 0, 0])[:, None, None]
    luma = _quantise(ycc[:, :1], strength)
    chroma = _quantise(nn.avg_pool2d(ycc[:, 1:], 2), 1.7 * strength)
    chroma = nn.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    ycc = torch.cat([luma + 128, chroma], 1)
    to_rgb = torch.linalg.inv(torch.tensor(_TO_YCC)).to(image.device)
    return (torch.einsum("dc,bchw->bdhw", to_rgb, ycc) / 255).clamp(0, 1)


def _quantise(plane: Tensor, strength: Tensor) -> Tensor:  # (B, C, S, S), (B,)
    """Round the cosine coefficients of the 8x8 blocks."""
    k = torch.arange(8.0, device=plane.device)
    basis = torch.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / 16) * 0.5
    basis[0] /= math.sqrt(2)
    count, channels, height, width = plane.shape
    blocks = plane.reshape(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    steps = plane.new_tensor(_QUANTA).reshape(8, 8) * strength[:, None, None, None, None, None]
    coefficients = basis @ blocks @ basis.T
    blocks = basis.T @ (torch.round(coefficients / steps) * steps) @ basis
    return blocks.transpose(3, 4).reshape(plane.shape)
