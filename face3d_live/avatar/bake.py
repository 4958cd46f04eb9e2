"""Primitives in the rest pose of one frame: skins and node transforms are applied once, at load time.

At run time only neck, head and two eyes move, each by a rotation about its pivot. So of a skin with a hundred joints
only the weights of those four are kept for each vertex; all other joints stay at rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar.gltf import fields
from face3d_live.avatar.gltf.accessors import Accessors
from face3d_live.avatar.gltf.fields import Json, broken
from face3d_live.avatar.model import BONES
from face3d_live.avatar.nodes import Nodes
from face3d_live.avatar.surface import Surface
from face3d_live.errors import InputError
from face3d_live.triangles import vertex_normals
from face3d_live.typing import AnyArray, Array

#: Numbers in all morph targets that are followed: 192 MB.
MAX_MORPHED = 48_000_000
_CHUNK = 65_536


@dataclass(eq=False)
class Baked:
    """A surface at rest in the world; what `model.Part` needs but for its final frame. moves (K, M, 3)."""

    material: int
    positions: Array
    normals: Array
    uv: Array
    colours: Array
    faces: NDArray[np.int32]
    groups: Array  # (N, 5): body, then BONES
    touched: NDArray[np.int32]
    moves: Array
    rows: list[int]


class Baker:
    """Applies nodes and skins. `groups` (nodes,): column of BONES that carries a node, -1 for the body."""

    def __init__(self, root: Json, accessors: Accessors, nodes: Nodes, groups: AnyArray) -> None:
        self._nodes, self._groups = nodes, groups
        self._accessors = accessors
        self._plain_skins = fields.objects(root, "skins", 1000)
        self._skins: dict[int, tuple[AnyArray, AnyArray]] = {}
        self._morphed = 0

    def bake(self, surface: Surface, node: int, material: int, rows: dict[int, int]) -> Baked:
        """rows: number of a target -> row of the drive. Raises InputError "avatar-broken", "avatar-too-complex"."""
        matrices, groups = self._carriers(surface, node)
        linear = matrices[:, :3, :3]  # (N or 1, 3, 3)
        positions = _apply(linear, surface.positions) + matrices[:, :3, 3]
        # Normals turn by the cofactors, which is right for uneven scales, and mirrored surfaces are turned round.
        normals = _apply(_cofactors(linear), surface.normals)
        faces = surface.faces
        if float(np.mean(np.linalg.det(linear[:1024]))) < 0:
            faces, normals = np.ascontiguousarray(faces[:, ::-1]), -normals
        touched, numbers, moves = self._moves(surface, linear)
        return Baked(
            material,
            _sane(positions),
            _unit(normals),
            surface.uv,
            surface.colours,
            faces,
            groups,
            touched,
            moves,
            [rows[number] for number in numbers],
        )

    def _carriers(self, surface: Surface, node: int) -> tuple[AnyArray, Array]:
        """World from file, (N or 1, 4, 4), and shares of body and BONES, (N, 5)."""
        skin = fields.index(self._nodes.plain[node], "skin", len(self._plain_skins), "skin")
        count = len(surface.positions)
        if skin is None or surface.joints is None or surface.weights is None:
            groups = np.zeros((count, 1 + len(BONES)), np.float32)
            groups[:, 1 + self._groups[node]] = 1
            return self._nodes.world[node][None], groups
        matrices, joint_groups = self._skin(skin)
        joints = surface.joints
        if int(joints.max()) >= len(matrices):
            raise broken(f"a vertex hangs on joint {int(joints.max())}, of which there are {len(matrices)}")
        weights = np.maximum(surface.weights, 0)
        total = weights.sum(1, keepdims=True)
        weights = np.where(total > 1e-6, weights / np.maximum(total, 1e-6), [1, 0, 0, 0]).astype(np.float32)
        groups = np.zeros((count, 1 + len(BONES)), np.float32)
        blended = np.empty((count, 4, 4))
        rows = np.arange(count)
        for k in range(4):
            groups[rows, 1 + joint_groups[joints[:, k]]] += weights[:, k]
        for start in range(0, count, _CHUNK):
            part = slice(start, start + _CHUNK)
            blended[part] = np.einsum("nk,nkij->nij", weights[part], matrices[joints[part]])
        return blended, groups

    def _skin(self, number: int) -> tuple[AnyArray, AnyArray]:
        """Joint matrices at rest (J, 4, 4) and the joints' groups (J,)."""
        if number not in self._skins:
            skin = self._plain_skins[number]
            joints = fields.listed(skin, "joints", 5000)
            if not joints or not all(type(j) is int and 0 <= j < len(self._nodes) for j in joints):
                raise broken(f"skin {number} names joints that do not exist")
            matrices = self._nodes.world[joints]
            if "inverseBindMatrices" in skin:
                inverse = self._accessors.read(skin["inverseBindMatrices"], 16)
                if len(inverse) < len(joints):
                    raise broken(f"skin {number} has fewer bind matrices than joints")
                matrices = matrices @ inverse[: len(joints)].reshape(-1, 4, 4).swapaxes(1, 2)
            self._skins[number] = matrices, self._groups[joints]
        return self._skins[number]

    def _moves(self, surface: Surface, linear: AnyArray) -> tuple[NDArray[np.int32], list[int], Array]:
        """Vertices that any target moves (M,), the numbers of the targets that do (K,), and by how much (K, M, 3)."""
        size = float(np.ptp(surface.positions, axis=0).max()) + 1e-12
        least = 1e-5 * size
        moving = {n: d for n, d in surface.deltas.items() if float(np.abs(d).max(initial=0)) > least}
        if not moving:
            return np.empty(0, np.int32), [], np.empty((0, 0, 3), np.float32)
        any_moved = np.zeros(len(surface.positions), bool)
        for delta in moving.values():
            any_moved |= (np.abs(delta) > least).any(1)
        touched = np.flatnonzero(any_moved).astype(np.int32)
        self._morphed += 3 * len(moving) * len(touched)
        if self._morphed > MAX_MORPHED:
            text = "the shape keys move too many vertices: decimate the model, or remove keys that are not needed"
            raise InputError("avatar-too-complex", text)
        carried = linear[touched] if len(linear) > 1 else linear
        moves = np.stack([_apply(carried, delta[touched]) for delta in moving.values()])
        return touched, list(moving), _sane(moves)


def with_turns(baked: Baked) -> Array:  # -> (K, M, 6)
    """The moves, and what each does to the normals of the vertices it moves, to first order."""
    rest = vertex_normals(baked.positions, baked.faces)[baked.touched]
    both = np.empty((*baked.moves.shape[:2], 6), np.float32)
    both[..., :3] = baked.moves
    for k, move in enumerate(baked.moves):
        moved = baked.positions.copy()
        moved[baked.touched] += move
        both[k, :, 3:] = vertex_normals(moved, baked.faces)[baked.touched] - rest
    return both


def _apply(linear: AnyArray, vectors: AnyArray) -> AnyArray:  # (N or 1, 3, 3), (N, 3) -> (N, 3)
    return np.asarray(vectors @ linear[0].T if len(linear) == 1 else np.einsum("nij,nj->ni", linear, vectors))


def _cofactors(linear: AnyArray) -> AnyArray:  # (N, 3, 3) -> (N, 3, 3)
    a, b, c = linear[:, 0], linear[:, 1], linear[:, 2]
    return np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)


def _sane(values: AnyArray) -> Array:
    if not (np.abs(values) < 1e7).all():
        raise broken("the model is scaled beyond measure")
    return values.astype(np.float32)


def _unit(vectors: AnyArray) -> Array:  # (N, 3)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 1e-12, vectors / np.maximum(length, 1e-12), [0, 0, 1]).astype(np.float32)
