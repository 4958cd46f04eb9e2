"""One primitive: triangles and vertex attributes as in the file, without unused vertices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar.gltf import fields
from face3d_live.avatar.gltf.accessors import Accessors
from face3d_live.avatar.gltf.fields import Json, broken
from face3d_live.avatar.textures import Layer
from face3d_live.errors import InputError
from face3d_live.triangles import vertex_normals
from face3d_live.typing import AnyArray, Array

MAX_TRIANGLES = 600_000
_TRIANGLES, _STRIP, _FAN = 4, 5, 6


@dataclass(eq=False)
class Surface:
    """positions (N, 3), normals (N, 3), uv (N, 4), colours (N, 4), faces (F, 3). joints, weights (N, 4) or None.

    used (N,): the vertices' numbers in the file. deltas: number of a target -> (N, 3) from weight 0 to 1.
    """

    positions: Array
    normals: Array
    uv: Array
    colours: Array
    faces: NDArray[np.int32]
    used: NDArray[np.int64]
    joints: NDArray[np.int64] | None
    weights: Array | None
    deltas: dict[int, Array]

    def at_rest(self, rest: Mapping[int, float], driven: Collection[int]) -> Surface:
        """With targets at the weights of `rest` (0 where it has none); deltas of `driven` are from there to 1."""
        deltas = {number: delta for number, delta in self.deltas.items() if number in driven}
        for number in deltas.keys() & rest.keys():
            deltas[number] = deltas[number] * np.float32(1 - rest[number])
        on = [number for number in rest if number in self.deltas]
        if not on:
            return replace(self, deltas=deltas)
        positions = self.positions.copy()
        for number in on:
            positions += np.float32(rest[number]) * self.deltas[number]
        turned = vertex_normals(positions, self.faces) - vertex_normals(self.positions, self.faces)
        return replace(self, positions=positions, normals=self.normals + turned, deltas=deltas)


def read_surface(accessors: Accessors, primitive: Json, wanted: list[int], layers: Sequence[Layer]) -> Surface | None:
    """wanted: the numbers of the targets that are read; layers: the coordinates that the material reads.

    None for points, lines and empty primitives. Raises InputError "avatar-broken", "avatar-too-complex".
    """
    attributes = fields.mapping(primitive, "attributes")
    mode = fields.integer(primitive, "mode", _TRIANGLES)
    if "POSITION" not in attributes or mode not in (_TRIANGLES, _STRIP, _FAN):
        return None
    count = accessors.count(attributes["POSITION"])
    faces = _faces(accessors, primitive, count, mode)
    if not len(faces):
        return None
    used, flat = np.unique(faces, return_inverse=True)
    triangles = flat.reshape(-1, 3).astype(np.int32)

    def attribute(name: str, width: int) -> Array | None:
        if name not in attributes:
            return None
        if accessors.count(attributes[name]) != count:
            raise broken(f"{name} and POSITION are not equally long")
        return accessors.read(attributes[name], width)[used]

    positions = attribute("POSITION", 3)
    assert positions is not None
    normals = attribute("NORMAL", 3)
    uv = np.zeros((len(used), 4), np.float32)
    for i, layer in enumerate(layers):
        flat_uv = attribute(f"TEXCOORD_{layer.uv_set}", 2)
        if flat_uv is not None:
            uv[:, 2 * i : 2 * i + 2] = layer.apply(flat_uv)
    joints, weights = None, attribute("WEIGHTS_0", 4)
    if weights is not None and "JOINTS_0" in attributes:
        if accessors.count(attributes["JOINTS_0"]) != count:
            raise broken("JOINTS_0 and POSITION are not equally long")
        joints = accessors.read_whole(attributes["JOINTS_0"], 4)[used]
    return Surface(
        positions,
        vertex_normals(positions, triangles) if normals is None else normals,
        uv,
        _colours(accessors, attributes, used, count),
        triangles,
        used,
        joints,
        weights,
        _deltas(accessors, primitive, wanted, used, count),
    )


def _faces(accessors: Accessors, primitive: Json, count: int, mode: int) -> NDArray[np.int64]:  # -> (F, 3)
    if "indices" in primitive:
        corners = accessors.read_whole(primitive["indices"], 1)[:, 0]
        if len(corners) and int(corners.max()) >= count:
            raise broken(f"a triangle names vertex {int(corners.max())}, of which there are {count}")
    else:
        corners = np.arange(count)
    if len(corners) < 3:
        return np.empty((0, 3), np.int64)
    if mode == _TRIANGLES:
        faces = corners[: len(corners) // 3 * 3].reshape(-1, 3)
    elif mode == _STRIP:
        faces = np.column_stack([corners[:-2], corners[1:-1], corners[2:]])
        faces[1::2] = faces[1::2, [1, 0, 2]]
    else:
        faces = np.column_stack([np.full(len(corners) - 2, corners[0]), corners[1:-1], corners[2:]])
    if len(faces) > MAX_TRIANGLES:
        raise too_many(len(faces))
    return faces


def too_many(triangles: int) -> InputError:
    """The error for a model that could not be drawn in time."""
    text = f"the model has {triangles} triangles, at most {MAX_TRIANGLES} are drawn: decimate it"
    return InputError("avatar-too-complex", text)


def _colours(accessors: Accessors, attributes: Json, used: AnyArray, count: int) -> Array:  # -> (N, 4)
    colours = np.ones((len(used), 4), np.float32)
    if "COLOR_0" in attributes and accessors.count(attributes["COLOR_0"]) == count:
        width = accessors.width(attributes["COLOR_0"])
        if width in (3, 4):
            colours[:, :width] = accessors.read(attributes["COLOR_0"], width)[used].clip(0, 1)
    return colours


def _deltas(accessors: Accessors, primitive: Json, wanted: list[int], used: AnyArray, count: int) -> dict[int, Array]:
    targets = fields.objects(primitive, "targets", 3000)
    deltas = {}
    for number in wanted:
        # Older UniVRM writes -1 for what is not there.
        if number < len(targets) and targets[number].get("POSITION", -1) != -1:
            accessor = targets[number]["POSITION"]
            if accessors.count(accessor) != count:
                raise broken(f"shape key {number} is not as long as its mesh")
            deltas[number] = accessors.read(accessor, 3)[used]
    return deltas
