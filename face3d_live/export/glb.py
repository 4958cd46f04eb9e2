"""head.glb: the textured head with its 52 expressions as morph targets, ready to be animated.

The mesh is the neutral head; the weights that the file carries are the photo's expression, so that it opens with the
face of the photo and every slider starts where the photo is. Targets bear the ARKit names (`extras.targetNames`, as
Blender, three.js, Unity, Unreal and Godot read them). Metres, y up, facing +z: glTF's own axes are the head's.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from face3d_live.codes import ARKIT, N_EXPRESSION, HeadCodes
from face3d_live.export.gltf import Buffer
from face3d_live.export.hair import NAME as HAIR
from face3d_live.export.hair import HairPart
from face3d_live.export.obj import MATERIAL, UV_MAP
from face3d_live.export.png import png_bytes
from face3d_live.head.model import Head
from face3d_live.head.topology import Level, MeshTopology
from face3d_live.typing import Picture
from face3d_live.version import __version__

_STILL = 1e-5  # metres: smaller offsets of a vertex are left out, as they are invisible
_UNTURNED = 2e-3  # the same for a unit normal
_JPEG = 95
_LINEAR_MIPMAP, _LINEAR, _CLAMP = 9987, 9729, 33071
_ROUGHNESS = 0.55
_HAIR_ROUGHNESS = 0.5
_GLOSSY_EYES = 0.12
#: How much of the light around comes to eyes, teeth, tongue and the mouth's walls, parts 1 to 4.
_OPEN = {1: 1.0, 2: 0.45, 3: 0.4, 4: 0.1}


def head_glb(
    head: Head,
    codes: HeadCodes,
    level: Level,
    texture: Picture,
    normal_map: Picture | None = None,
    hair: HairPart | None = None,
) -> bytes:
    """The file. texture: (S, S, 3 or 4) sRGB, its alpha is not used: skin is opaque. normal_map: (S', S', 3) in the
    tangent space of the texture coordinates, y up. hair: on the neutral head; it becomes a mesh and a material of its
    own, below the head's node.

    The eyes' turning is replaced by its chord: full at coefficient 1, a little short of the ball between.
    """
    mesh = head.topology(level)
    buffer = Buffer()
    primitive = _primitive(buffer, head, codes, mesh)
    textures = [_jpeg(texture[..., :3]), png_bytes(_gloss(head, mesh))]
    if normal_map is not None:
        textures.append(png_bytes(normal_map))
    names = ["texture", "gloss", "normal"][: len(textures)]
    if hair is not None:
        textures.append(png_bytes(hair.picture))
        names.append(HAIR)
    images = [
        {"name": name, "bufferView": buffer.add_bytes(data), "mimeType": _mime(data)}
        for name, data in zip(names, textures, strict=True)
    ]
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": f"face3d-live {__version__}"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "head"}],
        "meshes": [
            {
                "name": "head",
                "primitives": [primitive],
                "weights": np.clip(codes.expression, 0, 1).astype(float).round(4).tolist(),
                "extras": {"targetNames": list(ARKIT), "uvMap": UV_MAP},
            }
        ],
        "materials": [_material(normal_map is not None)],
        "textures": [{"source": i, "sampler": 0} for i in range(len(images))],
        "images": images,
        "samplers": [{"minFilter": _LINEAR_MIPMAP, "magFilter": _LINEAR, "wrapS": _CLAMP, "wrapT": _CLAMP}],
    }
    if hair is not None:
        document["nodes"][0]["children"] = [1]
        document["nodes"].append({"mesh": 1, "name": HAIR})
        document["meshes"].append({"name": HAIR, "primitives": [_hair_primitive(buffer, hair)]})
        document["materials"].append(_hair_material(len(images) - 1))
    return buffer.glb(document)


def _hair_primitive(buffer: Buffer, hair: HairPart) -> dict[str, Any]:
    attributes = {
        "POSITION": buffer.add_floats(hair.vertices, bounds=True),
        "NORMAL": buffer.add_floats(hair.normals),
        "TEXCOORD_0": buffer.add_floats(hair.uv * (1, -1) + (0, 1)),  # v down
    }
    return {"attributes": attributes, "indices": buffer.add_indices(hair.faces), "material": 1}


def _hair_material(texture: int) -> dict[str, Any]:
    return {
        "name": HAIR,
        "doubleSided": True,  # cards
        "alphaMode": "MASK",
        "alphaCutoff": 0.4,
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": texture},
            "metallicFactor": 0.0,
            "roughnessFactor": _HAIR_ROUGHNESS,
        },
    }


def _primitive(buffer: Buffer, head: Head, codes: HeadCodes, mesh: MeshTopology) -> dict[str, Any]:
    """Vertices split at texture seams; a target's offsets are those of the vertices they come from."""
    split = mesh.split_vertex
    neutral = mesh.refine(head.neutral(codes.shape))
    normals = mesh.normals(neutral)
    attributes = {
        "POSITION": buffer.add_floats(neutral[split], bounds=True),
        "NORMAL": buffer.add_floats(normals[split]),
        "TEXCOORD_0": buffer.add_floats(mesh.uv * (1, -1) + (0, 1)),  # v down
    }
    targets = []
    for one in np.eye(N_EXPRESSION, dtype=np.float32):
        moved = mesh.refine(head.vertices(codes.shape, one))
        position = buffer.add_offsets((moved - neutral)[split], _STILL, bounds=True)
        normal = buffer.add_offsets((mesh.normals(moved) - normals)[split], _UNTURNED)
        targets.append({"POSITION": position, "NORMAL": normal})
    return {"attributes": attributes, "indices": buffer.add_indices(mesh.face_uv), "material": 0, "targets": targets}


def _material(has_normals: bool) -> dict[str, Any]:
    material: dict[str, Any] = {
        "name": MATERIAL,
        "doubleSided": False,  # the head is closed but for the neck's lower end
        "alphaMode": "OPAQUE",
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0},
            "metallicRoughnessTexture": {"index": 1},
            "metallicFactor": 0.0,
            "roughnessFactor": 1.0,
        },
        "occlusionTexture": {"index": 1},
    }
    if has_normals:
        material["normalTexture"] = {"index": 2}
    return material


def _gloss(head: Head, mesh: MeshTopology, size: int = 256) -> Picture:
    """(size, size, 3) how light acts, as glTF packs it: occlusion, roughness, metal.

    Eyes and teeth are wet, skin is matt; little light comes into the mouth.
    """
    picture = np.full((size, size, 3), (255, round(255 * _ROUGHNESS), 0), np.uint8)
    part = mesh.part[mesh.faces].min(1)
    wet = part > 0
    corners = (mesh.uv[mesh.face_uv[wet]] * (size, -size) + (0, size) - 0.5).round().astype(np.int32)
    for triangle, which in zip(corners, part[wet].tolist(), strict=True):
        cv2.fillConvexPoly(picture, triangle, (round(255 * _OPEN[which]), round(255 * _GLOSSY_EYES), 0))
    return picture


def _jpeg(rgb: Picture) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    ok, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), options)
    if not ok:
        raise ValueError(f"no picture: {rgb.shape}")
    return data.tobytes()


def _mime(data: bytes) -> str:
    return "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
