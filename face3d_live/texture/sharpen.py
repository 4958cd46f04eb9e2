"""Super-resolution of textures that are finer than their photo, by a small convolutional network.

Such a texture is a blurred, noisy copy of the skin: pixels average, sensors and JPEG add noise, and interpolation
averages again. The network (27,000 weights: seven convolutions of 3 x 3 with 24 channels, some dilated; a residual as
in Kim et al., "Accurate Image Super-Resolution Using Very Deep Convolutional Networks", CVPR 2016) sees the brightness
less its local mean, and how many texels a photo pixel covers, and says what is missing; OpenVINO computes it tile by
tile. `texture.build.sharpen` trains it on the CC0 body skins, also on blurred ones, which it has to leave blurred. Only
brightness is changed: colour is mostly noise at that scale. Texels are clipped to a little beyond their neighbourhood's
range, against halos.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import cv2
import numpy as np

from face3d_live.errors import AssetError
from face3d_live.regress.openvino_loader import core, openvino
from face3d_live.typing import Array, Mask, Picture

NETWORK = Path(__file__).with_name("sharpen.npz")
#: Texels of a dilated kernel's step, of each layer.
DILATIONS = (1, 1, 1, 2, 2, 1, 1)
#: Texels a side of the local mean that the input is taken less of; factors of input and output.
LOCAL, GAIN_IN, GAIN_OUT = 9, 30.0, 0.02
RATIOS = 1.15, 4.0  # texels per photo pixel: below the first nothing is lost; it was trained up to the second
TILE = 256  # texels a side that are computed at once
MARGIN = sum(DILATIONS)  # texels around a tile that its result depends on
#: A least-squares answer shrinks what it is unsure of. So much of what a blur of so many photo pixels takes away is
#: added: as much contrast as a photo has, for a tenth of the gain.
_CONTRAST, _FINE = 0.25, 0.8
_SLACK = 0.03  # beyond the neighbourhood's darkest and brightest


@dataclass(frozen=True)
class SharpenNetwork:
    """weights: (O, C, 3, 3) and biases: (O,) of each layer; the first has two inputs, the last one output."""

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    @classmethod
    def load(cls, path: Path) -> SharpenNetwork:
        """Raises AssetError("sharpen-missing")."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                layers = range(len(DILATIONS))
                weights = tuple(stored[f"weight{k}"].astype(np.float32) for k in layers)
                biases = tuple(stored[f"bias{k}"].astype(np.float32) for k in layers)
        except (OSError, KeyError, ValueError, EOFError, BadZipFile, zlib.error) as error:
            cure = "restore it or run python -m face3d_live.texture.build.sharpen"
            raise AssetError("sharpen-missing", f"{path} cannot be read: {cure}") from error
        return cls(weights, biases)

    @cached_property
    def _compiled(self) -> Any:
        """The network for one tile with its margin."""
        ops, side = openvino().opset13, TILE + 2 * MARGIN
        x = given = ops.parameter([1, 2, side, side], np.float32)
        for number, step in enumerate(DILATIONS):
            pad = [step, step]
            kernel = ops.constant(np.ascontiguousarray(self.weights[number]))
            x = ops.convolution(x, kernel, [1, 1], pad, pad, pad)
            x = ops.add(x, ops.constant(self.biases[number].reshape(1, -1, 1, 1)))
            if number < len(DILATIONS) - 1:
                x = ops.relu(x)
        return core().compile_model(openvino().Model([x], [given], "sharpen"), "CPU")

    def missing(self, grey: Array, where: Mask, texels_per_pixel: float) -> Array:  # (S, S) x 2 -> (S, S)
        """What brightness 0..1 lacks, in the tiles that have any of `where`; 0 in the others."""
        size = len(grey)
        side = -(-size // TILE) * TILE + 2 * MARGIN
        values = np.zeros((2, side, side), np.float32)
        inside = slice(MARGIN, MARGIN + size)
        values[0, inside, inside] = detail_of(grey)
        values[1, inside, inside] = scale_of(texels_per_pixel)
        out = np.zeros((side, side), np.float32)
        for row, column in product(range(0, size, TILE), repeat=2):
            if where[row : row + TILE, column : column + TILE].any():
                rows, columns = (slice(at, at + TILE + 2 * MARGIN) for at in (row, column))
                tile = self._compiled(np.ascontiguousarray(values[None, :, rows, columns]))[0][0, 0]
                out[row : row + TILE, column : column + TILE] = tile[MARGIN:-MARGIN, MARGIN:-MARGIN]
        return out[:size, :size] * np.float32(GAIN_OUT)


def detail_of(grey: Array) -> Array:  # (S, S) -> (S, S)
    """The network's first input: brightness less its local mean."""
    mean = cv2.blur(grey, (LOCAL, LOCAL), borderType=cv2.BORDER_REPLICATE)
    return np.asarray((grey - mean) * np.float32(GAIN_IN), np.float32)


def scale_of(texels_per_pixel: float) -> float:
    """The network's second input, the same at every texel."""
    return float(np.log2(np.clip(texels_per_pixel, *RATIOS)) - 1)


@cache
def load_network() -> SharpenNetwork:
    """The one that ships, read once. Raises AssetError("sharpen-missing")."""
    return SharpenNetwork.load(NETWORK)


def sharpen(texture: Picture, known: Array, texels_per_pixel: float) -> Picture:
    """A sharper copy of a texture (S, S, 3 or 4), weighted by `known` (S, S) 0..1, where a photo showed it.

    texels_per_pixel: along a line; a photo as fine as the texture needs none of this and is returned as it is.
    Raises AssetError("sharpen-missing").
    """
    if texels_per_pixel <= RATIOS[0]:
        return texture
    rgb = np.ascontiguousarray(texture[..., :3], np.float32) / 255
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    sharper = sharper_grey(grey, known, load_network(), texels_per_pixel)
    ratio = (sharper / np.maximum(grey, 0.02))[..., None]  # hue stays
    out = texture.copy()
    out[..., :3] = np.clip(rgb * ratio * 255 + 0.5, 0, 255).astype(np.uint8)
    return out


def sharper_grey(grey: Array, known: Array, network: SharpenNetwork, texels_per_pixel: float) -> Array:
    """Brightness (S, S) 0..1 with its detail, where it is known (S, S)."""
    kernel = np.ones((5, 5), np.uint8)
    low, high = cv2.erode(grey, kernel) - _SLACK, cv2.dilate(grey, kernel) + _SLACK
    found = grey + network.missing(grey, known > 0, texels_per_pixel) * known
    fine = found - cv2.GaussianBlur(found, (0, 0), _FINE * min(texels_per_pixel, RATIOS[1]))
    return np.asarray(np.clip(found + _CONTRAST * fine * known, low, high), np.float32)
