"""head.glb: the textured head with its 52 expressions as morph targets and a skeleton, ready to be animated.

The mesh is the neutral head; the weights that the file carries are the photo's expression, so that it opens with the
face of the photo and every slider starts where the photo is. Targets bear the ARKit names (`extras.targetNames`, as
Blender, three.js, Unity, Unreal and Godot read them). Metres, y up, facing +z: glTF's own axes are the head's.

Skin, eyes, teeth, tongue, the mouth's lining and lashes are primitives of one mesh, each with its material: so one set
of weights moves them all. Hair, the frame of glasses and their lenses are meshes of their own on the head's bone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from face3d_live.codes import ARKIT
from face3d_live.export.gltf import Buffer
from face3d_live.export.obj import UV_MAP
from face3d_live.export.parts import MeshPart
from face3d_live.export.pieces import NAMES, PrimitiveWriter, eyes_turned, pieces
from face3d_live.export.skeleton import Skeleton, carriers, on_head
from face3d_live.export.textured_head import TexturedHead
from face3d_live.lighting import to_linear
from face3d_live.typing import Array
from face3d_live.version import __version__

_CUTOFF = 0.4  # alpha from which a texel of hair is drawn
_LINEAR_MIPMAP, _LINEAR, _CLAMP = 9987, 9729, 33071
#: Eyes and teeth are wet, skin is matt.
_ROUGHNESS = {"skin": 0.55, "eyes": 0.12, "teeth": 0.25, "tongue": 0.35, "mouth": 0.5, "lashes": 0.9}
#: The mesh's node and name.
MESH_NODE, MESH = 0, "head"


@dataclass(frozen=True)
class Model:
    """A document under construction. bones: name -> node. targets: names of the mesh's targets, in their order."""

    document: dict[str, Any]
    buffer: Buffer
    bones: dict[str, int]
    skeleton: Skeleton
    targets: tuple[str, ...]


def head_glb(made: TexturedHead) -> bytes:
    """The file.

    The eyes' turning is replaced by its chord: full at coefficient 1, a little short of the ball between. Their bones
    turn them, too: a program uses one or the other.
    """
    model = build_model(made)
    weights = np.clip(made.codes.expression, 0, 1).astype(float).round(4)
    model.document["meshes"][0]["weights"] = weights.tolist()
    return model.buffer.glb(model.document)


def build_model(made: TexturedHead, looks: dict[str, Array] | None = None) -> Model:
    """looks: name -> (52,) coefficients; where given, the head stands on a body's bones, and targets of these names
    turn the eyeballs in place of the 52, which then leave that to the bones."""
    buffer = Buffer()
    skeleton = Skeleton.of(made.head, made.codes.shape, made.movements.low, body=looks is not None)
    nodes: list[dict[str, Any]] = [{"mesh": 0, "skin": 0, "name": "head_mesh"}]
    bones = skeleton.add_nodes(nodes, body=looks is not None)
    primitives = _primitives(buffer, made, skeleton, looks)
    pictures = dict(made.pictures)
    materials = [_material(name, number) for number, name in enumerate(NAMES)]
    if made.normal_map is not None:
        materials[0]["normalTexture"] = {"index": list(pictures).index("normal")}
    targets = (*ARKIT, *(looks or ()))
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": f"face3d-live {__version__}"},
        "scene": 0,
        "scenes": [{"nodes": [MESH_NODE, bones["hips" if looks is not None else "neck"]]}],
        "nodes": nodes,
        "meshes": [{"name": MESH, "primitives": primitives, "extras": {"targetNames": list(targets), "uvMap": UV_MAP}}],
        "skins": [skeleton.skin(buffer, bones)],
        "materials": materials,
        "samplers": [{"minFilter": _LINEAR_MIPMAP, "magFilter": _LINEAR, "wrapS": _CLAMP, "wrapT": _CLAMP}],
    }
    for part in made.carried:
        nodes[bones["head"]]["children"].append(len(nodes))
        nodes.append({"mesh": len(document["meshes"]), "name": part.name})
        document["meshes"].append({"name": part.name, "primitives": [_part_primitive(buffer, part, len(materials))]})
        materials.append(_part_material(part, len(pictures)))
        if part.material.png is not None:
            pictures[part.name] = part.material.png
    document["textures"] = [{"source": i, "sampler": 0} for i in range(len(pictures))]
    document["images"] = [
        {"name": name, "bufferView": buffer.add_bytes(data), "mimeType": _mime(data)} for name, data in pictures.items()
    ]
    return Model(document, buffer, bones, skeleton, targets)


def _primitives(
    buffer: Buffer, made: TexturedHead, skeleton: Skeleton, looks: dict[str, Array] | None
) -> list[dict[str, Any]]:
    """In the order of `NAMES`. A target's offsets are those of the vertices that its own come from."""
    mesh, movements = made.mesh, made.movements
    parts = pieces(made.head, made.level)
    writers = [PrimitiveWriter(buffer, i, part.uv, part.faces) for i, part in enumerate(parts)]
    hung = carriers(made.head, made.level)
    for part, writer in zip(parts, writers, strict=True):
        writer.place(movements.neutral[part.rows] + skeleton.origin, movements.normals[part.rows])
        writer.hang(hung.joints[part.rows], hung.weights[part.rows])
    lashes = PrimitiveWriter(buffer, NAMES.index("lashes"), *movements.lash_surface())
    forward = np.tile(np.array([0, 0, 1], np.float32), (len(movements.lash_roots), 1))
    lashes.place(movements.lash_roots + skeleton.origin, forward)
    lashes.hang(*on_head(len(movements.lash_roots)))
    by_bones = [looks is not None and part.name == "eyes" for part in parts]
    for moved, turned, lash in movements.targets:
        for part, writer, still in zip(parts, writers, by_bones, strict=True):
            offsets = moved[part.rows], turned[part.rows]
            writer.add_target(*(np.zeros_like(each) if still else each for each in offsets))
        lashes.add_target(lash, None)
    for expression in (looks or {}).values():
        moved = eyes_turned(expression, movements, mesh, skeleton.places[2:])
        turned = mesh.normals(movements.neutral + moved) - movements.normals
        for part, writer in zip(parts, writers, strict=True):
            own = part.name == "eyes"
            writer.add_target(moved[part.rows] * own, turned[part.rows] * own)
        lashes.add_target(np.zeros_like(movements.lash_roots), None)
    return [writer.primitive for writer in (*writers, lashes)]


def _part_primitive(buffer: Buffer, part: MeshPart, material: int) -> dict[str, Any]:
    writer = PrimitiveWriter(buffer, material, part.uv, part.faces)
    writer.place(part.vertices, part.normals)
    return writer.primitive


def _part_material(part: MeshPart, texture: int) -> dict[str, Any]:
    """texture: the number that its picture gets, where it has one. Colours are linear in glTF."""
    look = part.material
    base: dict[str, Any] = {"baseColorTexture": {"index": texture}}
    if look.picture is None:
        base = {"baseColorFactor": [*map(float, to_linear(np.array(look.colour[:3]))), look.colour[3]]}
    return {
        "name": part.name,
        "doubleSided": look.both_sides,
        "alphaMode": look.alpha,
        **({"alphaCutoff": _CUTOFF} if look.alpha == "MASK" else {}),
        "pbrMetallicRoughness": {**base, "metallicFactor": 0.0, "roughnessFactor": look.roughness},
    }


def _material(name: str, texture: int) -> dict[str, Any]:
    """Lashes are seen from both sides; the head is closed but for the neck's lower end."""
    lashes = name == "lashes"
    return {
        "name": name,
        "doubleSided": lashes,
        "alphaMode": "BLEND" if lashes else "OPAQUE",
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": texture},
            "metallicFactor": 0.0,
            "roughnessFactor": _ROUGHNESS[name],
        },
    }


def _mime(data: bytes) -> str:
    return "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
