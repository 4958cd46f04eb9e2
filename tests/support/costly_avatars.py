"""Small valid files that cost a lot to draw."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from avatar_support import pack


def layered(
    layers: int, *, blend: bool = True, nodes: int = 1, axis: int = 2, side: float = 1.0, grown: float = 0.0
) -> bytes:
    """Squares one behind the other along an axis, in one mesh that several nodes show.

    side: of the squares at rest, besides two that span the head. grown: by how much more at jawOpen = 1.
    """
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32) / 2
    corners = np.roll(corners, axis + 1, axis=1) if axis != 2 else corners
    steps = np.zeros((layers, 1, 3), np.float32)
    steps[:, 0, axis] = -0.3 * np.arange(layers) / max(layers, 1)
    squares = side * corners + steps
    squares = np.concatenate([squares, [corners, corners + np.float32(0.01)]]).astype("<f4")
    moves = np.concatenate([np.broadcast_to(grown * corners, (layers, 4, 3)), [0.01 * corners] * 2]).astype("<f4")
    count = len(squares)
    faces = (np.array([0, 1, 2, 0, 2, 3]) + 4 * np.arange(count)[:, None]).astype("<u4")
    binary, views = b"", []
    for part in (squares, moves, faces):
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": part.nbytes})
        binary += part.tobytes()
    vec3 = {"componentType": 5126, "count": 4 * count, "type": "VEC3"}
    primitive = {"attributes": {"POSITION": 0}, "indices": 2, "material": 0, "targets": [{"POSITION": 1}]}
    material = {
        "alphaMode": "BLEND" if blend else "OPAQUE",
        "doubleSided": True,
        "pbrMetallicRoughness": {"baseColorFactor": [1, 0.5, 0.5, 0.3]},
    }
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": list(range(nodes))}],
        "nodes": [{"mesh": 0}] * nodes,
        "meshes": [{"primitives": [primitive], "extras": {"targetNames": ["jawOpen"]}}],
        "materials": [material],
        "accessors": [
            {"bufferView": 0, **vec3},
            {"bufferView": 1, **vec3},
            {"bufferView": 2, "componentType": 5125, "count": faces.size, "type": "SCALAR"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    return pack(document, binary)


def plain_png(width: int, height: int) -> bytes:
    """One colour, one bit a pixel: a few kilobytes of any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((1 + (width + 7) // 8) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def textured(document: dict[str, Any], binary: bytes, pictures: list[bytes]) -> bytes:
    """The tiny file with a material for each picture, all of them in use."""
    primitive = document["meshes"][0]["primitives"][0]
    document["meshes"][0]["primitives"] = [primitive | {"material": i} for i in range(len(pictures))]
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": i}}} for i in range(len(pictures))]
    document["textures"] = [{"source": i} for i in range(len(pictures))]
    document["images"] = []
    for picture in pictures:
        document["images"].append({"bufferView": len(document["bufferViews"]), "mimeType": "image/png"})
        view = {"buffer": 0, "byteOffset": len(binary), "byteLength": len(picture)}
        document["bufferViews"].append(view)
        binary += picture + b"\0" * (-len(picture) % 4)
    document["buffers"] = [{"byteLength": len(binary)}]
    return pack(document, binary)
