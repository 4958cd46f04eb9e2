"""MakeHuman's CC0 hair meshes for synthetic heads.

They are set on the head's template by `head.build.makehuman`, and carried by the nearest places of its surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from face3d_live.head.build.makehuman import base_mesh, placed
from face3d_live.head.model import Head
from face3d_live.typing import AnyArray, Array


@dataclass(frozen=True)
class HairStyle:
    """One style. corner_*: per face corner; near (N, 4) head vertices that carry each hair vertex, with weights."""

    name: str
    vertices: Array  # (N, 3) on the template
    near: NDArray[np.int64]
    near_weight: Array
    corner_vertex: NDArray[np.int64]  # (U,) split vertices
    corner_uv: Array  # (U, 2)
    faces: NDArray[np.int32]  # (F, 3) into the split vertices
    normals: Array  # (N, 3) on the template
    strands: NDArray[np.uint8]  # (256, 256, 4)

    def on(self, template: Array, neutral: Array) -> Array:  # (V, 3) x 2 -> (N, 3)
        """The style on another skull."""
        moved = (neutral - template)[self.near]
        result: Array = self.vertices + np.einsum("nk,nkc->nc", self.near_weight, moved).astype(np.float32)
        return result


def load_styles(folder: Path, head: Head) -> list[HairStyle]:
    """All styles below `folder` (MakeHuman's `hair`); empty when the folder or the base mesh is missing."""
    base = base_mesh(folder)
    if base is None or not folder.is_dir():
        return []
    return [_load(path, base, head) for path in sorted(folder.glob("*/*.mhclo"))]


def _load(path: Path, base: AnyArray, head: Head) -> HairStyle:
    found = placed(path, base, head)
    skin = np.flatnonzero(head.part == 0)
    distance, near = cKDTree(head.template[skin]).query(found.vertices, k=4)
    weight = 1 / (np.asarray(distance) + 0.005)
    weight /= weight.sum(1, keepdims=True)
    return HairStyle(
        path.stem,
        found.vertices,
        skin[near],
        weight.astype(np.float32),
        found.corner_vertex,
        found.corner_uv,
        found.faces,
        found.normals,
        _strands(path),
    )


def _strands(path: Path) -> NDArray[np.uint8]:
    """The style's texture with its brightness normalised, or plain noise where it has none."""
    found = sorted(path.parent.glob("*_diffuse.png"))
    if not found:
        rng = np.random.default_rng(0)
        streaks = cv2.GaussianBlur(rng.uniform(0, 1, (256, 256)).astype(np.float32), (0, 0), sigmaX=0.8, sigmaY=9)
        grey = np.clip(0.5 + (streaks - streaks.mean()) / streaks.std() * 0.17, 0, 1) * 255
        return np.dstack([grey, grey, grey, np.full_like(grey, 255)]).astype(np.uint8)
    image = cv2.resize(cv2.imread(str(found[0]), cv2.IMREAD_UNCHANGED), (256, 256), interpolation=cv2.INTER_AREA)
    grey, alpha = image[..., :3].mean(2).astype(np.float32), image[..., 3]
    solid = grey[alpha > 200]
    grey = np.clip(0.5 + (grey - solid.mean()) / (solid.std() + 1e-3) * 0.17, 0, 1) * 255
    return np.dstack([grey, grey, grey, alpha]).astype(np.uint8)
