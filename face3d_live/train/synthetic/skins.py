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
from face3d_live.lighting import to_linear, to_srgb
from face3d_live.texture.albedo import EFFECTIVE, Albedo
from face3d_live.typing import AnyArray, Array

SIZE = 512
#: A photographed skin that varies more than this still holds the light of its photograph, or hair.
MOST_UNEVEN = 0.7


@dataclass(frozen=True)
class Skin:
    """image (SIZE, SIZE, 3) sRGB, row 0 = v 1; mean (3,) linear colour of the cheeks and forehead, uneven how much
    that varies there (standard deviation of the logarithm)."""

    name: str
    image: NDArray[np.uint8]
    mean: Array
    uneven: float

    @property
    def lifted(self) -> bool:
        return self.name.startswith("lifted")


class TextureCoder:
    """Albedo codes of toned skins, quickly: the least squares of `Albedo.encode` on a small picture, solved once."""

    SIDE = 48

    def __init__(self, skins: list[Skin], albedo: Albedo) -> None:
        side = (self.SIDE, self.SIDE)
        self._linear = [to_linear(cv2.resize(s.image, side, interpolation=cv2.INTER_AREA) / 255) for s in skins]
        modes = np.stack([cv2.resize(mode, side, interpolation=cv2.INTER_AREA) for mode in albedo.modes])
        flat = modes.reshape(len(modes), -1).astype(np.float64)
        self._mean = cv2.resize(albedo.mean, side, interpolation=cv2.INTER_AREA)
        ridge = albedo.noise**2 * flat.shape[1] / EFFECTIVE
        self._solve = np.linalg.solve(flat @ flat.T + ridge * np.eye(len(flat)), flat).astype(np.float32)

    def __call__(self, skin: int, tone: AnyArray) -> Array:  # (3,) linear factor -> (50,)
        difference = to_srgb(self._linear[skin] * tone) - self._mean
        result: Array = self._solve @ difference.ravel()
        return result


def load_skins(folder: Path, head: Head, without: frozenset[str] = frozenset()) -> list[Skin]:
    """All skins of a folder but those named in `without`. Raises AssetError "skins-missing" when there are none."""
    paths = sorted(p for p in [*folder.glob("*.png"), *folder.glob("*.jpg")] if p.stem not in without)
    if not paths:
        raise AssetError(
            "skins-missing", f"no skins in {folder}: run python -m face3d_live.texture.build.library first"
        )
    sample_uv = _plain_skin(head)
    skins = [_load(path, sample_uv) for path in paths]
    return [skin for skin in skins if not (skin.lifted and skin.uneven > MOST_UNEVEN)]


def _load(path: Path, sample_uv: AnyArray) -> Skin:
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    image = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    column, row = np.clip((sample_uv * (SIZE, -SIZE) + (0, SIZE)).astype(int), 0, SIZE - 1).T
    plain = to_linear(image[row, column] / 255)
    return Skin(path.stem, image, plain.mean(0), float(np.log(plain.mean(1) + 0.01).std()))


def _plain_skin(head: Head) -> AnyArray:  # (N, 2)
    """Texture coordinates of vertices on cheeks and forehead."""
    plain = head.regions["cheeks"] | head.regions["forehead"]
    mesh = head.topology("low")
    return mesh.uv[plain[mesh.split_vertex]]
