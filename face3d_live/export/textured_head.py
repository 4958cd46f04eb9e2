"""`TexturedHead`: what head.glb and head.vrm are made of; what both need is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from face3d_live.codes import HeadCodes
from face3d_live.export.inner_parts import InnerParts, inner_parts
from face3d_live.export.parts import MeshPart
from face3d_live.export.pieces import Movements, pieces
from face3d_live.export.png import png_bytes
from face3d_live.export.skeleton import carriers
from face3d_live.head.model import Head
from face3d_live.head.topology import Level, MeshTopology
from face3d_live.typing import AnyArray, Picture

_JPEG = 95


@dataclass(frozen=True, eq=False)
class TexturedHead:
    """texture: (S, S, 3 or 4) sRGB, its alpha is not used: skin is opaque. normal_map: (S', S', 3) in the tangent space
    of the texture coordinates, y up. carried: on the neutral head. moved: of this shape and level, where they were
    measured before."""

    head: Head
    codes: HeadCodes
    level: Level
    texture: Picture
    normal_map: Picture | None = None
    carried: Sequence[MeshPart] = ()
    moved: Movements | None = None

    @property
    def mesh(self) -> MeshTopology:
        return self.head.topology(self.level)

    @cached_property
    def movements(self) -> Movements:
        """Of the neutral head."""
        return self.moved or Movements(self.head, self.codes.shape, self.mesh)

    @cached_property
    def inner(self) -> InnerParts:
        """Eyes, teeth, tongue and mouth."""
        return inner_parts(self.head, self.level, self.texture)

    @cached_property
    def pictures(self) -> dict[str, bytes]:
        """Files by the names of their materials, in the materials' order; then "normal" where there is one."""
        files = {"skin": _jpeg(self.texture[..., :3])} | {name: _jpeg(p) for name, p in self.inner.pictures.items()}
        files["lashes"] = png_bytes(_lash_picture())
        return files if self.normal_map is None else files | {"normal": png_bytes(self.normal_map)}


def measured(head: Head, shape: AnyArray, level: Level) -> Movements:
    """Movements with their targets, for `TexturedHead.moved`; with them what no shape changes, on first use."""
    found = Movements(head, shape, head.topology(level))
    _ = found.targets, pieces(head, level), carriers(head, level)
    return found


def _lash_picture(width: int = 256, height: int = 32) -> Picture:  # -> (height, width, 4)
    """Dense at the root, which is the top row, single and thin at the tip: as `lash.frag` draws them."""
    x, tip = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    strands = np.random.default_rng(2).random(64).astype(np.float32)
    strand = np.interp((x + 0.05 * (x - 0.5) * tip) * 55 + 2, np.arange(64), strands)
    thin = np.clip((strand + 0.12 - (0.9 * tip - 0.25)) / 0.5, 0, 1)
    ends = np.clip(np.minimum(x, 1 - x) / 0.12, 0, 1)
    alpha = 0.9 * thin * thin * (3 - 2 * thin) * (1 - tip * tip) * ends * ends * (3 - 2 * ends)
    picture = np.empty((height, width, 4), np.uint8)
    picture[..., :3], picture[..., 3] = (20, 15, 13), 255 * alpha + 0.5
    return picture


def _jpeg(rgb: Picture) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    ok, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), options)
    if not ok:
        raise ValueError(f"no picture: {rgb.shape}")
    return data.tobytes()
