"""Pictures of hair's strands: brightness without the light that was painted into it, and strands where they lack."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from face3d_live.typing import AnyArray, Array, Picture

STRANDS = 512  # side of a style's picture
_FLAT = 24  # texels over which the picture's painted light is taken out
_SOLID = 40  # alpha above which a texel shows strands
_CONTRAST = 0.14  # standard deviation of brightness that strands have: what a picture lacks of it is drawn
_WIDTHS, _SHARES = (0.7, 1.3, 2.2), (0.6, 0.8, 0.5)  # texels, of drawn strands and locks; how much of each
_RUNS, _STRAIGHT = 9.0, 30.0  # texels over which strands have one direction: where they run, and are drawn
_DRAWN_OUT = 60  # texels to either side along a strand over which noise is averaged


def strands_of(folder: Path) -> Picture:
    """A style's picture (S, S, 4): brightness about its neighbourhood's, as light is the renderer's; and alpha."""
    found = next(folder.glob("*_diffuse.png"))
    image = cv2.resize(cv2.imread(str(found), cv2.IMREAD_UNCHANGED), (STRANDS, STRANDS), interpolation=cv2.INTER_AREA)
    grey, alpha = image[..., :3].astype(np.float32).mean(2) + 4, image[..., 3].astype(np.float32) / 255
    solid = np.where(alpha > 0.3, 1.0, 1e-3).astype(np.float32)
    detail = np.log(grey) - _around(np.log(grey), solid, _FLAT)
    detail /= np.sqrt(_around(detail**2, solid, 3 * _FLAT)) + 0.1
    detail = np.clip(0.5 + 0.2 * detail, 0, 1)
    return np.dstack([255 * detail] * 3 + [255 * alpha]).astype(np.uint8)


def combed(strands: Picture) -> Picture:  # (S, S, 4) -> (S, S, 4)
    """A picture with strands also where it shows hardly any, drawn along those that it shows."""
    solid = (strands[..., 3] > _SOLID).astype(np.float32)
    grey = strands[..., 0] / np.float32(255)
    drawn = _drawn_out(angles(strands, _STRAIGHT))
    drawn -= _around(drawn, solid, _FLAT / 2)
    drawn /= np.sqrt(np.maximum(_around(drawn**2, solid, _FLAT / 2), 1e-6))
    varies = _around((grey - _around(grey, solid, _FLAT / 2)) ** 2, solid, _FLAT / 2)
    lacking = np.sqrt(np.maximum(_CONTRAST**2 - varies, 0)) * solid
    bright = np.clip(255 * (grey + lacking * drawn), 0, 255)
    return np.dstack([bright, bright, bright, strands[..., 3]]).astype(np.uint8)


def angles(strands: Picture, sigma: float = _RUNS) -> Array:  # (S, S) radians
    """Where the picture's structure runs, right and down: main axis of the structure tensor over sigma texels."""
    grey = strands[..., 0].astype(np.float32) * (strands[..., 3] > _SOLID)
    gx, gy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(product, (0, 0), sigma) for product in (gx * gx, gy * gy, gx * gy))
    return np.asarray(0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2, np.float32)  # across the gradient


def _drawn_out(angle: Array) -> Array:  # (S, S)
    """Noise averaged along a field of directions (line integral convolution, Cabral and Leedom, SIGGRAPH 1993)."""
    size, rng = len(angle), np.random.default_rng(0)
    noise = np.zeros((size, size), np.float32)
    for width, share in zip(_WIDTHS, _SHARES, strict=True):
        one = cv2.GaussianBlur(rng.normal(size=(size, size)).astype(np.float32), (0, 0), width)
        noise += one * np.float32(share / one.std())
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    right, down = np.cos(angle), np.sin(angle)
    drawn = np.zeros_like(noise)
    for step in range(-_DRAWN_OUT, _DRAWN_OUT + 1):
        drawn += cv2.remap(noise, x + step * right, y + step * down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return drawn


def _around(values: AnyArray, solid: Array, sigma: float) -> AnyArray:
    """Gaussian blur over the strands."""
    mass = np.maximum(cv2.GaussianBlur(solid, (0, 0), sigma), 1e-6)
    return np.asarray(cv2.GaussianBlur(values * solid, (0, 0), sigma) / mass)
