"""A take as animation of a glTF model: morph weights and the head node's rotation. Bytes in and out.

Works on any .glb or .vrm that is an avatar: what each morph target follows is decided as for the live picture.
Source: Khronos glTF 2.0 specification, section 3.11 (animations).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from face3d_live.avatar.drive import plan
from face3d_live.avatar.gltf import container, fields
from face3d_live.avatar.gltf.accessors import Accessors
from face3d_live.avatar.gltf.buffers import read_buffers
from face3d_live.avatar.nodes import Nodes
from face3d_live.avatar.targets import MAX_TARGETS, default_weights, holds_a_pose, target_names
from face3d_live.avatar.vrm import Vrm, read_vrm
from face3d_live.avatar.weights import morph_weights
from face3d_live.errors import InputError
from face3d_live.export.gltf import Buffer
from face3d_live.rotations import from_quaternion, to_quaternion
from face3d_live.typing import AnyArray

_MAX_MESHES = 2000


def animated_glb(glb: bytes, t: AnyArray, expression: AnyArray, rotation: AnyArray, name: str = "take") -> bytes:
    """The model with one animation more.

    t: (T,) rising seconds from 0, the keys' times as they are. expression: (T, 52), order of `ARKIT`. rotation:
    (T, 4) unit quaternions x, y, z, w of the head in the model's world (+y up, facing +z), continuous.
    Raises InputError: "not-a-glb", "no-morphs" (no target follows a coefficient).
    """
    try:
        document, binary = container.split_glb(glb)
        Accessors(document, binary)  # checks what the names below are read from
        nodes = Nodes(document)
        vrm = read_vrm(document, len(nodes))
        weights = _weights(document, nodes, vrm, expression)
        buffer = _one_buffer(document, binary)
        animations = fields.listed(document, "animations", 10_000)
    except InputError as error:
        raise InputError("not-a-glb", f"the model cannot be read ({error.message})") from error
    if not weights:
        text = (
            "no morph target has an ARKit name (jawOpen, ...) or a VRM expression: export the model with its shape keys"
        )
        raise InputError("no-morphs", text)
    times = buffer.add_floats(rising(t), bounds=True, target=None)
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []

    def add(values: AnyArray, node: int, path: str) -> None:
        samplers.append({"input": times, "interpolation": "LINEAR", "output": buffer.add_floats(values, target=None)})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})

    for node, values in weights.items():
        add(values.reshape(-1), node, "weights")
    head = (vrm.bones or nodes.bones_by_name()).get("head", min(weights))
    if vrm.kind == "vrm0":  # looks along -z
        rotation = np.asarray(rotation) * (-1, 1, -1, 1)
    _decompose(document["nodes"][head])
    add(_local(document, head, rotation), head, "rotation")
    animation = {"name": name, "samplers": samplers, "channels": channels}
    try:
        return buffer.glb({**document, "animations": [*animations, animation]})
    except ValueError as error:
        raise InputError("not-a-glb", f"the model cannot be written ({error}): export it as .glb again") from error


def _weights(document: dict[str, Any], nodes: Nodes, vrm: Vrm, expression: AnyArray) -> dict[int, AnyArray]:
    """Node -> (T, targets), of the nodes of which the expression moves something."""
    meshes = fields.objects(document, "meshes", _MAX_MESHES)
    carriers: dict[int, list[int]] = {}
    for i, plain in enumerate(nodes.plain):
        mesh = fields.index(plain, "mesh", len(meshes), "mesh")
        if mesh is not None:
            carriers.setdefault(mesh, []).append(i)
    drive = plan([target_names(document, mesh) for mesh in meshes], carriers, vrm, set())
    matrix, table, driven = drive.matrix(), drive.table(), drive.by_node()
    moved = np.array([morph_weights(matrix, table, row) for row in expression], np.float32)
    found = {}
    for number, carrying in carriers.items():
        primitives = fields.objects(meshes[number], "primitives", 10_000)
        count = len(fields.listed(primitives[0], "targets", MAX_TARGETS)) if primitives else 0
        for node in carrying:
            rows = {morph: row for morph, row in driven.get(node, {}).items() if morph < count}
            if rows:
                defaults = default_weights(meshes[number], nodes.plain[node])
                rest = drive.at_rest(node, defaults, holds_a_pose(document))
                found[node] = _of_node(np.array([rest.get(k, 0.0) for k in range(count)]), rows, moved)
    return found


def _of_node(rest: AnyArray, rows: dict[int, int], moved: AnyArray) -> AnyArray:  # (K,), (T, R) -> (T, K)
    """Targets that nothing moves keep the file's default weights, the others go from theirs to 1."""
    values = np.tile(rest.astype(np.float32), (len(moved), 1))
    for morph, row in rows.items():
        values[:, morph] += (1 - values[:, morph]) * moved[:, row]
    return values


def _one_buffer(document: dict[str, Any], binary: memoryview) -> Buffer:
    """A buffer that begins with all that the file's have; `document`'s views are changed to lie in it."""
    plain = fields.objects(document, "buffers", 64)
    if len(plain) <= 1 and not any("uri" in one for one in plain):
        return Buffer.extending(document, bytes(binary))
    if any(one.get("uri") is None for one in plain[1:]):
        raise InputError("avatar-compressed", "a buffer has no data: export the model without compression")
    starts, joined = [], b""
    for data in read_buffers(document, binary):
        starts.append(len(joined))
        joined += bytes(data) + b"\0" * (-len(data) % 4)
    for view in document.get("bufferViews", []):
        number = fields.index(view, "buffer", len(starts), "buffer") or 0
        view |= {"buffer": 0, "byteOffset": starts[number] + fields.integer(view, "byteOffset", 0)}
    return Buffer.extending(document, joined)


def rising(t: AnyArray) -> AnyArray:
    """float32 key times, strictly rising as glTF wants them: equal ones are moved by the least there is."""
    times = np.asarray(t, np.float32).copy()
    for i in range(1, len(times)):
        if times[i] <= times[i - 1]:
            times[i] = np.nextafter(times[i - 1], np.float32(np.inf))
    return times


def _local(document: dict[str, Any], node: int, rotation: AnyArray) -> AnyArray:  # (T, 4) -> (T, 4)
    """World rotations as the node's own: inverse(P) R P rest, with P the turn of its parents at rest."""
    parents = {child: i for i, each in enumerate(document["nodes"]) for child in each.get("children", [])}
    above, at, seen = np.eye(3), node, {node}
    while (at := parents.get(at, -1)) >= 0 and at not in seen:
        seen.add(at)
        above = _rest(document["nodes"][at]) @ above
    rest = _rest(document["nodes"][node])
    if np.allclose(above, np.eye(3)) and np.allclose(rest, np.eye(3)):
        return np.asarray(rotation, np.float32)
    local = [to_quaternion(above.T @ from_quaternion(q) @ above @ rest) for q in rotation]
    turned = np.array(local, np.float32).reshape(-1, 4)
    turned[1:] *= np.cumprod(np.where((turned[1:] * turned[:-1]).sum(1) < 0, -1, 1))[:, None].astype(np.float32)
    return turned


def _rest(node: dict[str, Any]) -> AnyArray:  # (3, 3)
    if "matrix" in node:
        u, _, vt = np.linalg.svd(np.array(node["matrix"], np.float64).reshape(4, 4).T[:3, :3])
        return np.asarray(u @ vt)
    return np.asarray(from_quaternion(np.array(node.get("rotation", [0, 0, 0, 1]), np.float64)), np.float64)


def _decompose(node: dict[str, Any]) -> None:
    """An animated node may not have a matrix: replace it by what it is made of."""
    if "matrix" not in node:
        return
    matrix = np.array(node.pop("matrix"), np.float64).reshape(4, 4).T
    scale = np.linalg.norm(matrix[:3, :3], axis=0)
    node["translation"] = matrix[:3, 3].tolist()
    node["rotation"] = to_quaternion(matrix[:3, :3] / np.maximum(scale, 1e-12)).astype(float).tolist()
    node["scale"] = scale.tolist()
