"""Shared by tests: what `test_avatar_materials` and others use."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from avatar_support import pack, tiny

LEFT, RIGHT = (slice(24, 40), slice(8, 24)), (slice(24, 40), slice(40, 56))


UPPER, LOWER = (slice(8, 24), slice(24, 40)), (slice(40, 56), slice(24, 40))


GREY = {"pbrMetallicRoughness": {"baseColorFactor": [0.2, 0.2, 0.2, 1], "metallicFactor": 0}}


def halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> bytes:
    """A PNG of two colours side by side (RGB)."""
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, :4], picture[:, 4:] = left, right
    return cv2.imencode(".png", picture[..., ::-1])[1].tobytes()


def flat(*rgb: int) -> bytes:
    return halves(rgb, rgb)


WHITE_LEFT = halves((255, 255, 255), (0, 0, 0))


def square(material: dict[str, Any], *pictures: bytes) -> bytes:
    """The tiny square with a material and textures; TEXCOORD_1 is TEXCOORD_0 mirrored, and the bones are left out."""
    document, binary = tiny()
    document["materials"] = [material]
    mirrored = np.array([[1, 0], [0, 0], [0, 1], [1, 1]], "<f4").tobytes()
    for data in (mirrored, *pictures):
        binary += b"\0" * (-len(binary) % 4)
        document["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)})
        binary += data
    document["buffers"][0]["byteLength"] = len(binary)
    document["accessors"].append({"bufferView": 9, "componentType": 5126, "count": 4, "type": "VEC2"})
    document["meshes"][0]["primitives"][0]["attributes"]["TEXCOORD_1"] = 7
    document["images"] = [{"bufferView": 10 + i, "mimeType": "image/png"} for i in range(len(pictures))]
    document["textures"] = [{"source": i} for i in range(len(pictures))]
    return pack(document, binary)
