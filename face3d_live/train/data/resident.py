"""A mixture of pools held whole in the memory of one device, so that a batch costs one gather there.

For runs in which a GPU takes batches faster than a CPU gathers them from disk. A sample takes about 72 kB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from face3d_live.train.data.pool import KEYS, Mixture, Pool

#: Samples copied to the device at a time.
CHUNK = 4096


class ResidentMixture(Mixture):
    """A `Mixture` whose batches hold the same samples in the same order, as tensors on `device`.

    The pools are read once: shards that are written later are not seen.
    """

    def __init__(self, pools: Sequence[tuple[Pool, float]], seed: int, device: str | torch.device) -> None:
        super().__init__(pools, seed)
        self._device = torch.device(device)
        lengths = [len(pool) for pool, _ in self.pools]
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        self._arrays = {
            key: torch.empty((sum(lengths), *shape), dtype=_torch_type(kind), device=self._device)
            for key, (shape, kind) in KEYS.items()
        }
        for (pool, _), start, length in zip(self.pools, self._starts, lengths, strict=False):
            for first in range(0, length, CHUNK):
                part = pool.take(np.arange(first, min(first + CHUNK, length)))
                for key, array in self._arrays.items():
                    array[start + first : start + first + len(part[key])] = torch.from_numpy(part[key]).to(self._device)

    def batch(self, size: int) -> dict[str, Tensor]:
        """As `Mixture.batch`, on the device."""
        indices, order = self.draw(size)
        rows = np.concatenate([start + drawn for start, drawn in zip(self._starts, indices, strict=False)])[order]
        on_device = torch.from_numpy(rows).to(self._device)
        return {key: array[on_device] for key, array in self._arrays.items()}

    def refresh(self) -> None:
        """Nothing: the samples are those of the beginning."""


def _torch_type(kind: type) -> torch.dtype:
    return torch.from_numpy(np.zeros(1, kind)).dtype
