"""The skins that synthetic heads wear: pictures in the head's texture atlas, from a folder.

`NAME.png` or `NAME.jpg`; names that begin with "lifted" are photographs taken off portraits: they show their own brows
and beards, so none are painted over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.errors import AssetError
from face3d_live.head.model import Head
from face3d_live.lighting import to_linear

SIZE = 512


@dataclass(frozen=True)
class Skin:
    """image (SIZE, SIZE, 3) sRGB, row 0 = v 1; mean (3,) linear colour of the cheeks and forehead."""

    name: str
    image: NDArray[np.uint8]
    mean: NDArray[np.float32]

    @property
    def lifted(self) -> bool:
        return self.name.startswith("lifted")


def load_skins(folder: Path, head: Head, without: frozenset[str] = frozenset()) -> list[Skin]:
    """All skins of a folder but those named in `without`. Raises AssetError "skins-missing" when there are none."""
    paths = sorted(p for p in [*folder.glob("*.png"), *folder.glob("*.jpg")] if p.stem not in without)
    if not paths:
        raise AssetError("skins-missing", f"no skins in {folder}: run python -m face3d_live.texture.build first")
    sample_uv = _plain_skin(head)
    return [_load(path, sample_uv) for path in paths]


def _load(path: Path, sample_uv: NDArray) -> Skin:
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    image = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    column, row = np.clip((sample_uv * (SIZE, -SIZE) + (0, SIZE)).astype(int), 0, SIZE - 1).T
    return Skin(path.stem, image, to_linear(image[row, column] / 255).mean(0))


def _plain_skin(head: Head) -> NDArray:  # (N, 2)
    """Texture coordinates of vertices on cheeks and forehead."""
    plain = head.regions["cheeks"] | head.regions["forehead"]
    mesh = head.mesh("low")
    return mesh.uv[plain[mesh.split_vertex]]
