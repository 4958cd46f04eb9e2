"""Shared by tests: what a .glb holds, by the reader of `avatar`."""

from __future__ import annotations

from typing import Any

from face3d_live.avatar.gltf import container
from face3d_live.avatar.gltf.accessors import Accessors
from face3d_live.typing import AnyArray

_FLOAT = 5126


def read_glb(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """(document, binary chunk). Raises InputError."""
    return container.split_glb(data)


def accessor_values(document: dict[str, Any], binary: memoryview, index: int) -> AnyArray:
    """(N,) or (N, C): an accessor's values, floats as floats and whole numbers as such."""
    accessors = Accessors(document, binary)
    width = accessors.width(index)
    read = accessors.read if document["accessors"][index]["componentType"] == _FLOAT else accessors.read_whole
    values = read(index, width)
    return values[:, 0] if width == 1 else values
