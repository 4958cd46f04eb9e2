"""The head's mesh in pieces of one material each: skin, eyes, teeth, tongue, mouth, lashes; and how they move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.codes import N_EXPRESSION
from face3d_live.export.gltf import Buffer
from face3d_live.export.inner_parts import inner_uv
from face3d_live.head.model import Head, eye_rotations
from face3d_live.head.per_head import per_head
from face3d_live.head.regions import PARTS
from face3d_live.head.topology import Level, MeshTopology
from face3d_live.render import lashes
from face3d_live.typing import AnyArray, Array

STILL = 1e-5  # metres: smaller offsets of a vertex are left out, as they are invisible
UNTURNED = 2e-3  # the same for a unit normal
_AT_ONCE = 13  # targets computed together
#: In the order of `head.regions.PARTS`, then what no part of the mesh is.
NAMES = ("skin", "eyes", "teeth", "tongue", "mouth", "lashes")


@dataclass(frozen=True)
class Piece:
    """Triangles of one material. rows: (N,) vertices of the level; uv: (N, 2), v up; faces: (F, 3) into those."""

    name: str
    rows: NDArray[np.int32]
    uv: Array
    faces: NDArray[np.int32]


@per_head
def pieces(head: Head, level: Level) -> Sequence[Piece]:
    """All but the lashes. Triangles of two parts are the outer one's. The skin's vertices are split at its texture's
    seams; the other pieces have coordinates of their own, see `inner_parts`, without seams."""
    mesh, own_uv, found = head.topology(level), inner_uv(head, level), []
    part = mesh.part[mesh.faces].min(1)
    for number in range(len(PARTS)):
        if number == 0:
            used, faces = np.unique(mesh.face_uv[part == 0], return_inverse=True)
            rows, uv = mesh.split_vertex[used], mesh.uv[used]
        else:
            rows, faces = np.unique(mesh.faces[part == number], return_inverse=True)
            uv = own_uv[NAMES[number]][rows]
        found.append(Piece(NAMES[number], rows.astype(np.int32), uv, faces.reshape(-1, 3).astype(np.int32)))
    return found


class Movements:
    """A neutral head and the 52 movements of it: metres, head frame."""

    def __init__(self, head: Head, shape: AnyArray, mesh: MeshTopology) -> None:
        self._head, self._shape, self._mesh, self._lashes = head, shape, mesh, lashes.measure(head)
        self.low = head.neutral(shape)
        self.neutral = mesh.refine(self.low)
        self.normals = mesh.normals(self.neutral)
        self.lash_roots = self._lashes.place(self.low)

    @cached_property
    def targets(self) -> Sequence[tuple[Array, Array, Array]]:
        """Of each coefficient at 1: offsets (V, 3) of positions and of normals, and (L, 3) of the lashes."""
        lows = self._head.posed(self.low, self._shape, np.eye(N_EXPRESSION, dtype=np.float32))
        lashes = [self._lashes.place(low) - self.lash_roots for low in lows]
        moved, turned = [], []
        for start in range(0, N_EXPRESSION, _AT_ONCE):
            some = np.moveaxis(lows[start : start + _AT_ONCE], 0, -1)  # (V_low, 3, T)
            refined = self._mesh.refine(np.reshape(some, (len(some), -1))).reshape(-1, *some.shape[1:])
            moved += [*np.ascontiguousarray(np.moveaxis(refined - self.neutral[..., None], -1, 0))]
            off = self._mesh.normals(refined) - self.normals[..., None]
            turned += [*np.ascontiguousarray(np.moveaxis(off, -1, 0))]
        return list(zip(moved, turned, lashes, strict=True))

    def lash_surface(self) -> tuple[Array, NDArray[np.int32]]:
        """Texture coordinates (L, 2), across the eye and from root to tip, v up, and triangles (F, 3)."""
        return self._lashes.along * (1, -1) + (0, 1), self._lashes.faces


def eyes_turned(expression: AnyArray, movements: Movements, mesh: MeshTopology, centres: AnyArray) -> Array:
    """(V, 3) offsets of a level's vertices by the eyeballs' turning alone, (52,) coefficients. centres: (2, 3)."""
    offsets = np.zeros_like(movements.neutral)
    for eye, turn in enumerate(eye_rotations(expression)):
        mine = (mesh.part == 1) & ((movements.neutral[:, 0] > 0) == (eye == 0))
        arm = movements.neutral[mine] - centres[eye]
        offsets[mine] = arm @ turn.T - arm
    return offsets


class PrimitiveWriter:
    """A glTF primitive of a piece, to which targets are added one by one."""

    def __init__(self, buffer: Buffer, material: int, uv: AnyArray, faces: AnyArray) -> None:
        self._buffer, self._count = buffer, len(uv)
        self._nothing: int | None = None
        self.attributes = {"TEXCOORD_0": buffer.add_floats(uv * (1, -1) + (0, 1))}  # v down
        indices = buffer.add_indices(faces)
        self.primitive: dict[str, Any] = {"attributes": self.attributes, "indices": indices, "material": material}

    def place(self, positions: AnyArray, normals: AnyArray) -> None:
        """(N, 3) each."""
        self.attributes["POSITION"] = self._buffer.add_floats(positions, bounds=True)
        self.attributes["NORMAL"] = self._buffer.add_floats(normals)

    def hang(self, joints: AnyArray, weights: AnyArray) -> None:
        """(N, 4) each, see `Carriers`: the bones that carry it."""
        self.attributes["JOINTS_0"] = self._buffer.add_bytes4(joints)
        self.attributes["WEIGHTS_0"] = self._buffer.add_bytes4(weights, normalized=True)

    def add_target(self, moved: AnyArray, turned: AnyArray | None) -> None:
        """Offsets (N, 3) of positions and normals; turned: None for a piece whose targets have none."""
        target = {"POSITION": self._offsets(moved, STILL, True)}
        if turned is not None:
            target["NORMAL"] = self._offsets(turned, UNTURNED, False)
        self.primitive.setdefault("targets", []).append(target)

    def _offsets(self, values: AnyArray, least: float, bounds: bool) -> int:
        if float(np.abs(values).max(initial=0)) > least:
            return self._buffer.add_offsets(values, least, bounds)
        if self._nothing is None:
            self._nothing = self._buffer.add_nothing(self._count)
        return self._nothing
