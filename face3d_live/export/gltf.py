"""Binary glTF 2.0 (.glb) as bytes: one buffer, views, accessors and the two chunks. No I/O, no scene of its own.

Source: Khronos glTF 2.0 specification, sections 3.6 (buffers, sparse accessors) and 4 (GLB).
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.typing import AnyArray

FLOAT, UNSIGNED_BYTE, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5121, 5123, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
_MAGIC, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942


class Buffer:
    """Collects what the binary chunk holds. Every `add_*` returns the index by which JSON refers to it."""

    def __init__(self) -> None:
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self._parts: list[bytes] = []
        self._length = 0

    @classmethod
    def extending(cls, document: dict[str, Any], binary: bytes) -> Buffer:
        """A buffer that begins with a file's data (see `avatar.container.split_glb`); its indices stay valid."""
        buffer = cls()
        buffer.add_bytes(binary)
        buffer.views, buffer.accessors = list(document.get("bufferViews", [])), list(document.get("accessors", []))
        return buffer

    def add_bytes(self, data: bytes, target: int | None = None) -> int:
        """A buffer view; begins at a multiple of four."""
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self._length, "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        padded = data + b"\0" * (-len(data) % 4)
        self._parts.append(padded)
        self._length += len(padded)
        self.views.append(view)
        return len(self.views) - 1

    def add_floats(self, values: AnyArray, bounds: bool = False, target: int | None = ARRAY_BUFFER) -> int:
        """(N,) or (N, 2..4) as float32. bounds: state smallest and largest, as positions and times must."""
        rows = _rows(values)
        accessor = {"bufferView": self.add_bytes(rows.tobytes(), target), **_kind(rows)}
        return self._accessor(accessor, rows if bounds else None)

    def add_indices(self, faces: AnyArray) -> int:
        """(F, 3) triangles, as 16-bit numbers where those reach."""
        flat = np.asarray(faces).ravel()
        data, kind = _indices(flat, int(flat.max(initial=0)))
        view = self.add_bytes(data, ELEMENT_ARRAY_BUFFER)
        return self._accessor({"bufferView": view, "componentType": kind, "count": len(flat), "type": "SCALAR"}, None)

    def add_bytes4(self, values: NDArray[np.uint8], normalized: bool = False) -> int:
        """(N, 4): joints, or weights of which 255 is 1."""
        view = self.add_bytes(np.ascontiguousarray(values).tobytes(), ARRAY_BUFFER)
        accessor = {"bufferView": view, "componentType": UNSIGNED_BYTE, "count": len(values), "type": "VEC4"}
        return self._accessor({**accessor, "normalized": True} if normalized else accessor, None)

    def add_matrices(self, matrices: AnyArray) -> int:
        """(N, 4, 4), which multiply columns."""
        view = self.add_bytes(np.ascontiguousarray(np.swapaxes(matrices, 1, 2), "<f4").tobytes())
        return self._accessor(
            {"bufferView": view, "componentType": FLOAT, "count": len(matrices), "type": "MAT4"}, None
        )

    def add_nothing(self, count: int) -> int:
        """(count, 3) zeros, which take no place in the file."""
        return self._accessor(
            {"componentType": FLOAT, "count": count, "type": "VEC3", "min": [0.0] * 3, "max": [0.0] * 3}, None
        )

    def add_offsets(self, values: AnyArray, least: float, bounds: bool = False) -> int:
        """(N, 3) of which most rows are nothing: those not longer than `least` become zero and are left out."""
        rows = _rows(values)
        x, y, z = np.abs(rows).T
        still = np.maximum(np.maximum(x, y), z) <= least
        moved = np.flatnonzero(~still)
        if len(moved) > 0.7 * len(rows):
            return self.add_floats(np.where(still[:, None], np.float32(0), rows), bounds)
        kept = rows[moved]
        if len(moved) == 0:
            moved, kept = np.zeros(1, np.intp), np.zeros((1, 3), np.float32)  # a sparse accessor holds one row at least
        data, kind = _indices(moved, len(rows) - 1)
        sparse = {
            "count": len(moved),
            "indices": {"bufferView": self.add_bytes(data), "componentType": kind},
            "values": {"bufferView": self.add_bytes(kept.tobytes())},
        }
        around = np.concatenate([kept, np.zeros((1, 3), np.float32)])  # of all rows
        return self._accessor({**_kind(rows), "sparse": sparse}, around if bounds else None)

    def _accessor(self, accessor: dict[str, Any], bounded: AnyArray | None) -> int:
        if bounded is not None:
            accessor["min"], accessor["max"] = bounded.min(0).tolist(), bounded.max(0).tolist()
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def glb(self, document: dict[str, Any]) -> bytes:
        """The file: `document` (scenes, nodes, meshes, ...) with this buffer's lists added to it."""
        binary = b"".join(self._parts)
        whole = {
            **document,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": len(binary)}],
        }
        text = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        size = 12 + 8 + len(text) + 8 + len(binary)
        header = struct.pack("<III", _MAGIC, 2, size)
        return b"".join(
            [header, struct.pack("<II", len(text), _JSON), text, struct.pack("<II", len(binary), _BIN), binary]
        )


def _rows(values: AnyArray) -> AnyArray:
    values = np.ascontiguousarray(values, "<f4")
    if not np.isfinite(values).all():
        raise ValueError("numbers that are not finite")
    return values.reshape(len(values), -1)


def _kind(rows: AnyArray) -> dict[str, Any]:
    return {"componentType": FLOAT, "count": len(rows), "type": _KINDS[rows.shape[1]]}


def _indices(flat: AnyArray, largest: int) -> tuple[bytes, int]:
    # 65535 restarts a strip in some APIs and must not be used.
    short = largest < 65535
    return flat.astype("<u2" if short else "<u4").tobytes(), UNSIGNED_SHORT if short else UNSIGNED_INT
