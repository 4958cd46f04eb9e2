"""Shared by tests: what `test_avatar_shell` and others use."""

from __future__ import annotations

import base64
from typing import Any

from avatar_support import tiny


def as_uri(data: bytes, media: str = "application/octet-stream") -> str:
    return f"data:{media};base64," + base64.b64encode(data).decode()


def several(second_uri: bool) -> tuple[dict[str, Any], bytes]:
    """The tiny model with its first three views in the binary chunk, and the rest in a buffer of its own."""
    document, binary = tiny()
    cut = document["bufferViews"][3]["byteOffset"]
    for view in document["bufferViews"][3:]:
        view |= {"buffer": 1, "byteOffset": view["byteOffset"] - cut}
    second: dict[str, Any] = {"byteLength": len(binary) - cut}
    if second_uri:
        second["uri"] = as_uri(binary[cut:])
    document["buffers"] = [{"byteLength": cut}, second]
    return document, binary[:cut]
