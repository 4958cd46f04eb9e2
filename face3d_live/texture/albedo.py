"""The albedo model: a texture as a mean and 50 components, `models/albedo.npz` (made by `texture.build.albedo`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live import arrays
from face3d_live.codes import N_TEXTURE
from face3d_live.paths import MODELS
from face3d_live.typing import AnyArray, Array

SIZE = 256  # of the mean and of what is decoded
MODE_SIZE = 128  # of the components: they are smooth
#: As many independent observations as all texels together are worth.
EFFECTIVE = 1000.0


@dataclass(frozen=True, eq=False)
class Albedo:
    """mean: (256, 256, 3) sRGB 0..1; modes: (50, 128, 128, 3) for unit variance; row 0 is v = 1. noise: standard
    deviation of what the components leave unexplained."""

    mean: Array
    modes: Array
    noise: float

    @classmethod
    def load(cls, path: Path | None = None) -> Albedo:
        """Raises AssetError("albedo-missing") or AssetError("albedo-broken")."""
        path = path or MODELS / "albedo.npz"
        with arrays.asset(path, "albedo", "restore it", "run python -m face3d_live.texture.build.albedo") as stored:
            mean = stored["mean"].astype(np.float32) / np.float32(255)
            modes = stored["modes"].astype(np.float32) * stored["scale"].astype(np.float32)[:, None, None, None]
            noise = float(stored["noise"])
            if mean.shape != (SIZE, SIZE, 3) or modes.shape != (N_TEXTURE, MODE_SIZE, MODE_SIZE, 3):
                raise ValueError("arrays of unexpected shapes")
        return cls(mean, modes, noise)

    def decode(self, code: AnyArray, size: int = SIZE) -> Array:  # (50,) -> (size, size, 3) sRGB 0..1
        """The texture of a code."""
        offset = np.tensordot(np.asarray(code, np.float32), self.modes, 1)
        texture = self.mean + cv2.resize(offset, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
        if size != SIZE:
            how = cv2.INTER_AREA if size < SIZE else cv2.INTER_CUBIC
            texture = cv2.resize(texture, (size, size), interpolation=how)
        return np.asarray(np.clip(texture, 0, 1).astype(np.float32))

    def plain(self, code: AnyArray, size: int = SIZE) -> NDArray[np.uint8]:  # (50,) -> (size, size, 3) sRGB
        """A skin of that kind for the places a photo does not show: the leading components, held to what is usual.

        The others fit the seen part closely and extrapolate badly to the rest.
        """
        usual = np.zeros(N_TEXTURE, np.float32)
        usual[:_LEADING] = np.clip(code[:_LEADING], -_USUAL, _USUAL)
        return (self.decode(usual, size) * 255 + 0.5).astype(np.uint8)

    def encode(self, image: AnyArray, weight: AnyArray | None = None) -> Array:  # (S, S, 3) 0..1, (S, S) -> (50,)
        """The most probable code of a texture with a `weight` of each texel.

        Neighbouring texels err together, so all of them count as no more than a few hundred observations.
        """
        small = cv2.resize(np.asarray(image, np.float32), (MODE_SIZE, MODE_SIZE), interpolation=cv2.INTER_AREA)
        known = np.ones((MODE_SIZE, MODE_SIZE), np.float32)
        if weight is not None:
            known = cv2.resize(np.asarray(weight, np.float32), (MODE_SIZE, MODE_SIZE), interpolation=cv2.INTER_AREA)
        share = (known * EFFECTIVE / known.size).ravel() / self.noise**2
        seen = np.flatnonzero(share > 0)
        root = np.sqrt(share[seen], dtype=np.float32)
        difference = (small - self._small_mean).reshape(-1, 3)[seen] * root[:, None]
        modes = self.modes.reshape(N_TEXTURE, -1, 3)
        rows = (modes if len(seen) == known.size else modes[:, seen]) * root[:, None]  # (50, N, 3)
        rows = rows.reshape(N_TEXTURE, -1)
        gram = np.eye(N_TEXTURE) + rows @ rows.T
        return np.linalg.solve(gram, rows @ difference.ravel()).astype(np.float32)

    @cached_property
    def _small_mean(self) -> Array:
        return np.asarray(cv2.resize(self.mean, (MODE_SIZE, MODE_SIZE), interpolation=cv2.INTER_AREA), np.float32)


_LEADING, _USUAL = 5, 1.5
