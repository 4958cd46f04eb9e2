"""Avatars for the tests: the cartoon fox in its three kinds, and a tiny file that is easily broken."""

from __future__ import annotations

import importlib
import json
import struct
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from face3d_live.avatar.model import Avatar
from face3d_live.codes import INDEX, N_EXPRESSION

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "avatars"


@cache
def cartoon() -> ModuleType:
    """The example's script and its parts as a module."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        return importlib.import_module("build_cartoon")
    finally:
        sys.path.remove(str(EXAMPLES))


@cache
def fox(kind: str = "glb") -> bytes:
    return cartoon().build(kind)


def expression(**named: float) -> np.ndarray:
    codes = np.zeros(N_EXPRESSION, np.float32)
    for name, value in named.items():
        codes[INDEX[name]] = value
    return codes


def pack(document: object, binary: bytes = b"") -> bytes:
    """A GLB of any JSON."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    if binary:
        chunks += struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def png(width: int = 4, height: int = 4) -> bytes:
    return cv2.imencode(".png", np.full((height, width, 4), 200, np.uint8))[1].tobytes()


def tiny() -> tuple[dict[str, Any], bytes]:
    """A square that says "ah": document and binary chunk, to be changed before `pack`."""
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], "<f4")
    parts = {
        "positions": square.tobytes(),
        "lift": np.array([[0, -0.5, 0], [0, -0.5, 0], [0, 0, 0], [0, 0, 0]], "<f4").tobytes(),
        "uv": ((square[:, :2] + 1) / 2).astype("<f4").tobytes(),
        "indices": np.array([0, 1, 2, 0, 2, 3], "<u2").tobytes(),
        "joints": np.zeros((4, 4), np.uint8).tobytes(),
        "weights": np.tile(np.array([1, 0, 0, 0], "<f4"), (4, 1)).tobytes(),
        "image": png(),
        "sparse_rows": np.array([0, 1], "<u2").tobytes(),
        "sparse_values": np.array([[0, 0, 0.2], [0, 0, 0.2]], "<f4").tobytes(),
    }
    binary, views = b"", []
    for data in parts.values():
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)})
        binary += data + b"\0" * (-len(data) % 4)
    vec3 = {"componentType": 5126, "count": 4, "type": "VEC3"}
    sparse = {"count": 2, "indices": {"bufferView": 7, "componentType": 5123}, "values": {"bufferView": 8}}
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "root", "children": [1, 2]}, {"name": "Head"}, {"name": "face", "mesh": 0, "skin": 0}],
        "skins": [{"joints": [1]}],
        "meshes": [
            {
                "primitives": [
                    {
                        "attributes": {"POSITION": 0, "TEXCOORD_0": 2, "JOINTS_0": 4, "WEIGHTS_0": 5},
                        "indices": 3,
                        "material": 0,
                        "targets": [{"POSITION": 1}, {"POSITION": 6}],
                    }
                ],
                "extras": {"targetNames": ["jawOpen", "mouthSmile_L"]},
            }
        ],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 6, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, **vec3},
            {"bufferView": 1, **vec3},
            {"bufferView": 2, **vec3, "type": "VEC2"},
            {"bufferView": 3, "componentType": 5123, "count": 6, "type": "SCALAR"},
            {"bufferView": 4, "componentType": 5121, "count": 4, "type": "VEC4"},
            {"bufferView": 5, "componentType": 5126, "count": 4, "type": "VEC4"},
            {**vec3, "sparse": sparse},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    return document, binary


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The tiny file with something done to its document."""
    document, binary = tiny()
    change(document)
    return pack(document, binary)


def all_positions(avatar: Avatar) -> np.ndarray:
    return np.concatenate([part.positions for part in avatar.parts])
