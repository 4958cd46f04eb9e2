"""Container of a .glb or .vrm file: header, JSON chunk, binary chunk. Source: glTF 2.0, section 4.

The one reader of GLB files. Common mistakes of exporters are accepted: padding of any kind, lengths in the header that
are too small or too large, bytes after the last chunk. A .gltf file is the JSON alone.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from face3d_live import strict_json
from face3d_live.errors import InputError, TooLargeError

#: Larger files are refused before anything is read: avatars people use have 1 to 60 MB.
MAX_BYTES = 100 * 1024 * 1024
#: A VRM's JSON, spring bones and all, has one or two megabytes. Data that are embedded in it do not count.
MAX_JSON_BYTES = 24 * 1024 * 1024

_MAGIC = b"glTF"
_JSON, _BIN = 0x4E4F534A, 0x004E4942
_HEADER, _CHUNK = struct.Struct("<4sII"), struct.Struct("<II")
_BOM = b"\xef\xbb\xbf"
_EMBEDDED = re.compile(rb'"data:[^"\\]*(?:\\.[^"\\]*)*"', re.IGNORECASE)

_EXPORT = "export the model as one binary file (.glb or .vrm)"
_CUT = "the file ends in the middle: copy or download it again"


def check_size(size: int) -> None:
    """Raises InputError "avatar-too-large"."""
    if size > MAX_BYTES:
        text = f"the file has {size / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f}: use smaller textures, fewer triangles"
        raise TooLargeError("avatar-too-large", text)


def split_glb(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """The JSON object and the binary chunk (empty where there is none).

    Raises InputError "avatar-too-large", "avatar-not-glb", "avatar-truncated" or "avatar-broken".
    """
    check_size(len(data))
    view = memoryview(data)
    if _is_text(data):
        return _text_file(view), view[:0]
    announced = _check_header(data)
    chunks: dict[int, memoryview] = {}
    at = _HEADER.size
    while at + _CHUNK.size <= len(data):
        length, kind = _CHUNK.unpack_from(data, at)
        # Beyond the length in the header only a binary chunk is looked for: the length may be too small.
        if at >= announced and (_JSON in chunks) and (_BIN in chunks or kind != _BIN):
            break
        at += _CHUNK.size
        if at + length > len(data) and kind == _JSON:
            raise InputError("avatar-truncated", _CUT)
        chunks.setdefault(kind, view[at : at + length])  # a binary chunk that is cut is found out by its buffer
        at = _next(data, at + length)
    if _JSON not in chunks:
        raise InputError("avatar-broken", f"the file has no scene description: {_EXPORT}")
    return _parse(chunks[_JSON]), chunks.get(_BIN, view[:0])


def _is_text(data: bytes) -> bool:
    """Whether this is the JSON of a .gltf file, after a byte order mark or spaces."""
    return data[:64].removeprefix(_BOM).lstrip()[:1] == b"{"


def _text_file(view: memoryview) -> dict[str, Any]:
    """A .gltf file. Data in other files are found out where they are needed."""
    root = _parse(view)
    asset = root.get("asset")
    if not isinstance(asset, dict) or not str(asset.get("version", "")).startswith("2"):
        raise InputError("avatar-not-glb", f"this JSON file is no glTF 2.0: {_EXPORT}")
    return root


def _check_header(data: bytes) -> int:
    """The length that the header announces."""
    if data[:4] != _MAGIC:
        raise InputError("avatar-not-glb", f"this is no glTF binary file: {_EXPORT}")
    if len(data) < _HEADER.size:
        raise InputError("avatar-truncated", _CUT)
    _, version, length = _HEADER.unpack_from(data)
    if version != 2:
        raise InputError("avatar-not-glb", f"glTF version {version} is not read: export the model as glTF 2.0")
    return int(length)


def _next(data: bytes, end: int) -> int:
    """Where the next chunk begins: at once, or after padding that the chunk's length leaves out."""
    padded = end + -end % 4
    for at in (end, padded):
        if at + _CHUNK.size <= len(data) and _CHUNK.unpack_from(data, at)[1] in (_JSON, _BIN):
            return at
    return padded


def _parse(chunk: memoryview) -> dict[str, Any]:
    text = bytes(chunk).rstrip(b"\0 \t\r\n").removeprefix(_BOM)
    size = len(text)
    if size > MAX_JSON_BYTES:
        size -= sum(match.end() - match.start() for match in _EMBEDDED.finditer(text))
    if size > MAX_JSON_BYTES:
        raise TooLargeError("avatar-too-large", f"the scene description has {size / 1e6:.0f} MB: simplify the scene")
    try:
        root = strict_json.loads(text.decode("utf-8"), repair=True)
    except ValueError as error:
        raise InputError("avatar-broken", f"the scene description cannot be read ({error}): {_EXPORT}") from error
    if not isinstance(root, dict):
        raise InputError("avatar-broken", f"the scene description is no object: {_EXPORT}")
    return root
