"""A performance on a glTF model: expression as morph weights, the head's turn as a node's rotation. Bytes in and out.

Works on any .glb whose morph targets bear ARKit's names (`extras.targetNames`): the project's own head, or another.
Source: Khronos glTF 2.0 specification, section 3.11 (animations).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.codes import ARKIT
from face3d_live.errors import InputError
from face3d_live.export.gltf import Buffer, read_glb
from face3d_live.rotations import from_quaternion, to_quaternion

_KNOWN = {name.lower(): name for name in ARKIT}
_HEAD_NAMES = ("head", "j_bip_c_head", "mixamorig:head", "bip001 head")


def animated_glb(glb: bytes, t: NDArray, expression: NDArray, rotation: NDArray, name: str = "take") -> bytes:
    """The model with one animation more.

    t: (T,) rising seconds from 0, the keys' times as they are. expression: (T, 52), order of `ARKIT`. rotation:
    (T, 4) unit quaternions x, y, z, w of the head in the model's world (+y up, facing +z), continuous.
    Raises InputError: "not-a-glb", "no-morphs" (no target is called as ARKit calls it).
    """
    try:
        document, binary = read_glb(glb)
        meshes = _morphing(document)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError("not-a-glb", f"the model cannot be read ({error}): export it as .glb again") from error
    if not meshes:
        text = "no morph target of the model is named as ARKit names them (jawOpen, ...): export it with its shape keys"
        raise InputError("no-morphs", text)
    if len(document.get("buffers", [])) != 1:
        raise InputError("not-a-glb", "the model's data lie in other files: export it as one .glb")
    buffer = Buffer.extending(document, binary)
    times = buffer.add_floats(rising(t), bounds=True, target=None)
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []

    def add(values: NDArray, node: int, path: str) -> None:
        samplers.append({"input": times, "interpolation": "LINEAR", "output": buffer.add_floats(values, target=None)})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})

    for node, names in meshes:
        add(_weights(names, expression).reshape(-1), node, "weights")
    head = _head_node(document, meshes[0][0])
    _decompose(document["nodes"][head])
    add(_local(document, head, rotation), head, "rotation")
    animation = {"name": name, "samplers": samplers, "channels": channels}
    return buffer.glb({**document, "animations": [*document.get("animations", []), animation]})


def _morphing(document: dict[str, Any]) -> list[tuple[int, list[str]]]:
    """(node, its targets' ARKit names, "" for others) of every node whose mesh has at least one."""
    found = []
    for i, node in enumerate(document.get("nodes", [])):
        if "mesh" not in node:
            continue
        mesh = document["meshes"][node["mesh"]]
        primitive = mesh["primitives"][0]
        extras = [part["extras"] for part in (mesh, primitive) if isinstance(part.get("extras"), dict)]
        given = next((part["targetNames"] for part in extras if "targetNames" in part), ())
        names = [_KNOWN.get(_plain(str(name)), "") for name in given]
        if any(names) and len(names) == len(primitive.get("targets", [])):
            found.append((i, names))
    return found


def _plain(name: str) -> str:
    """A name without capitals, its side in full."""
    name = name.lower()
    return name[:-2] + {"_l": "left", "_r": "right"}.get(name[-2:], name[-2:])


def _weights(names: list[str], expression: NDArray) -> NDArray:  # (T, 52) -> (T, targets)
    weights = np.zeros((len(expression), len(names)), np.float32)
    for k, name in enumerate(names):
        if name:
            weights[:, k] = np.clip(expression[:, ARKIT.index(name)], 0, 1)
    return weights


def rising(t: NDArray) -> NDArray:
    """float32 key times, strictly rising as glTF wants them: equal ones are moved by the least there is."""
    times = np.asarray(t, np.float32).copy()
    for i in range(1, len(times)):
        if times[i] <= times[i - 1]:
            times[i] = np.nextafter(times[i - 1], np.float32(np.inf))
    return times


def _head_node(document: dict[str, Any], fallback: int) -> int:
    """The bone that turns the head, or the node of the mesh where there is none."""
    joints = {joint for skin in document.get("skins", []) for joint in skin.get("joints", [])}
    for i in sorted(joints):
        if str(document["nodes"][i].get("name", "")).lower() in _HEAD_NAMES:
            return i
    return fallback


def _local(document: dict[str, Any], node: int, rotation: NDArray) -> NDArray:  # (T, 4) -> (T, 4)
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


def _rest(node: dict[str, Any]) -> NDArray:  # (3, 3)
    if "matrix" in node:
        u, _, vt = np.linalg.svd(np.array(node["matrix"], np.float64).reshape(4, 4).T[:3, :3])
        return u @ vt
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
