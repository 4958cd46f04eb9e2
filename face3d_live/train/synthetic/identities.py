"""Random head shapes: half from the head's own basis, half with the statistics of real scans."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from face3d_live.codes import N_SHAPE
from face3d_live.head.model import Head
from face3d_live.typing import AnyArray, Array

#: anny's axes (x to the subject's left, y back, z up) -> ours.
_FROM_ANNY = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)  # row vectors: v @ this = (x, z, -y)


@dataclass(frozen=True)
class Identity:
    """shape (80,): the code, for scans the nearest one. neutral (V, 3) head frame: the true vertices."""

    shape: Array
    neutral: Array


class IdentitySampler:
    """Draws identities. scans: `scan_heads.npz`; without it all come from the head's basis. share: of scans."""

    def __init__(self, head: Head, scans: Path, share: float = 0.5) -> None:
        self.head, self.share = head, share
        self._scans = Scans(head, scans) if scans.is_file() else None

    def sample(self, rng: np.random.Generator) -> Identity:
        if self._scans is not None and rng.random() < self.share:
            return self._scans.sample(rng)
        shape = (rng.normal(size=N_SHAPE) * rng.uniform(0.75, 1.05)).astype(np.float32)
        return Identity(shape, self.head.neutral(shape))


class Scans:
    """A linear model of scans on the first vertices of the head, fitted once by the head's own basis.

    The fit may shift a scan: its origin is where the head's basis would put it. Teeth, tongue and mouth, which scans
    lack, come from the fitted code and follow the lips.
    """

    def __init__(self, head: Head, path: Path) -> None:
        with np.load(path) as stored:
            self.mean = stored["mean"].astype(np.float32) @ _FROM_ANNY
            self.modes = stored["modes"].astype(np.float32) @ _FROM_ANNY
        self.head, self.count = head, len(self.mean)
        weight = np.where(head.regions["face"], 1.0, 0.15)[: self.count] * (head.part[: self.count] == 0)
        self._rows = np.sqrt(weight)[:, None]
        axes = np.tile(np.eye(3)[:, None], (1, self.count, 1))
        design = np.concatenate([head.shape_basis[:, : self.count], axes]) * self._rows  # (83, N, 3)
        flat = design.reshape(len(design), -1)
        prior = np.diag([4e-6] * N_SHAPE + [0.0] * 3)  # (2 mm)^2: what the basis need not explain
        self._solve = np.linalg.solve(flat @ flat.T + prior, flat)
        lips = head.regions["lips_upper"] | head.regions["lips_lower"]
        self._lips = np.flatnonzero(lips[: self.count])
        self._mean_fit = self._fit(self.mean - head.template[: self.count])
        self._mode_fits = np.stack([self._fit(mode) for mode in self.modes])

    def _fit(self, offsets: Array) -> AnyArray:  # (N, 3) -> (83,) code and shift
        result: AnyArray = self._solve @ (offsets * self._rows).ravel()
        return result

    def sample(self, rng: np.random.Generator) -> Identity:
        z = (rng.normal(size=len(self.modes)) * 0.8).astype(np.float32)
        vertices = self.mean + np.tensordot(z, self.modes, 1)
        fitted = self._mean_fit + z @ self._mode_fits
        shape = fitted[:N_SHAPE].astype(np.float32)
        neutral = self.head.neutral(shape)
        scan = vertices - fitted[N_SHAPE:]
        neutral[self.count :] += (scan - neutral[: self.count])[self._lips].mean(0)
        neutral[: self.count] = scan
        return Identity(shape, neutral.astype(np.float32))
