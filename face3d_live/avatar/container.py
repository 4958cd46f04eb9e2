"""The outer shell of a .glb or .vrm file: header, JSON chunk, binary chunk. Source: glTF 2.0, section 4."""

from __future__ import annotations

import json
import struct
from typing import Any

from face3d_live.errors import InputError

#: Larger files are refused before anything is read: avatars people use have 1 to 60 MB.
MAX_BYTES = 100 * 1024 * 1024
#: A VRM's JSON, spring bones and all, has one or two megabytes.
MAX_JSON_BYTES = 24 * 1024 * 1024

_MAGIC = b"glTF"
_JSON, _BIN = 0x4E4F534A, 0x004E4942
_HEADER, _CHUNK = struct.Struct("<4sII"), struct.Struct("<II")

_EXPORT = "export the model as one binary file (.glb or .vrm)"


def check_size(size: int) -> None:
    """Raises InputError "avatar-too-large"."""
    if size > MAX_BYTES:
        text = f"the file has {size / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f}: use smaller textures, fewer triangles"
        raise InputError("avatar-too-large", text)


def split(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """The JSON object and the binary chunk (empty where there is none).

    Raises InputError "avatar-too-large", "avatar-not-glb", "avatar-truncated" or "avatar-broken".
    """
    check_size(len(data))
    _check_header(data)
    view, at = memoryview(data), _HEADER.size
    chunks: dict[int, memoryview] = {}
    while at + _CHUNK.size <= len(data):
        length, kind = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        if at + length > len(data):
            raise InputError("avatar-truncated", "the file ends in the middle: copy or download it again")
        chunks.setdefault(kind, view[at : at + length])
        at += length + -length % 4
    if _JSON not in chunks:
        raise InputError("avatar-broken", f"the file has no scene description: {_EXPORT}")
    return _parse(chunks[_JSON]), chunks.get(_BIN, view[:0])


def _check_header(data: bytes) -> None:
    if data[:4] != _MAGIC:
        if data[:1] == b"{":
            raise InputError("avatar-not-glb", f"a .gltf file keeps its data in other files: {_EXPORT}")
        raise InputError("avatar-not-glb", f"this is no glTF binary file: {_EXPORT}")
    if len(data) < _HEADER.size:
        raise InputError("avatar-truncated", "the file ends in the middle: copy or download it again")
    _, version, length = _HEADER.unpack_from(data)
    if version != 2:
        raise InputError("avatar-not-glb", f"glTF version {version} is not read: export the model as glTF 2.0")
    if length > len(data):
        raise InputError("avatar-truncated", "the file ends in the middle: copy or download it again")


def _parse(chunk: memoryview) -> dict[str, Any]:
    if len(chunk) > MAX_JSON_BYTES:
        raise InputError("avatar-too-large", f"the scene description has {len(chunk) / 1e6:.0f} MB: simplify the scene")
    try:
        root = json.loads(bytes(chunk).decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError("avatar-broken", f"the scene description cannot be read ({error}): {_EXPORT}") from error
    if not isinstance(root, dict):
        raise InputError("avatar-broken", f"the scene description is no object: {_EXPORT}")
    return root


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
