"""Accessors: typed arrays in the file's buffers, every bound checked. Source: glTF 2.0, sections 3.6 and 5.1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.avatar.gltf import fields
from face3d_live.avatar.gltf.buffers import read_buffers
from face3d_live.avatar.gltf.fields import Json, broken
from face3d_live.errors import InputError
from face3d_live.typing import AnyArray, Array

MAX_ACCESSORS = 60_000
MAX_COUNT = 2_000_000
#: What all accessors together may unpack to: a small file can name the same bytes, or none at all, ten thousand times.
MAX_UNPACKED = 1024 * 1024 * 1024

_COMPONENTS: dict[int, type[Any]] = {
    5120: np.int8,
    5121: np.uint8,
    5122: np.int16,
    5123: np.uint16,
    5125: np.uint32,
    5126: np.float32,
}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Accessors:
    """Reads accessors of a document. Those of one mesh are kept, as its primitives often share them."""

    def __init__(self, root: Json, binary: memoryview) -> None:
        """Raises InputError as `read_buffers`, "avatar-too-complex" beyond the limits."""
        self._accessors = fields.objects(root, "accessors", MAX_ACCESSORS)
        self._views = fields.objects(root, "bufferViews", MAX_ACCESSORS)
        self._buffers = read_buffers(root, binary)
        self._left = MAX_UNPACKED
        self._kept: dict[int, AnyArray] = {}

    def forget(self) -> None:
        """Let go of the arrays that were kept."""
        self._kept.clear()

    def view(self, number: int) -> memoryview:
        """The bytes of a buffer view."""
        if not 0 <= number < len(self._views):
            raise broken(f"buffer view {number} does not exist")
        view = self._views[number]
        buffer = fields.index(view, "buffer", len(self._buffers), "buffer")
        if buffer is None:
            raise broken(f"buffer view {number} names no buffer")
        start, length = fields.integer(view, "byteOffset", 0), fields.integer(view, "byteLength", 0)
        if start + length > len(self._buffers[buffer]):
            raise broken(f"buffer view {number} reaches beyond its buffer")
        return self._buffers[buffer][start : start + length]

    def count(self, number: int) -> int:
        """How many elements an accessor has."""
        return fields.integer(self._accessor(number), "count", 0, 1, MAX_COUNT)

    def width(self, number: int) -> int:
        """How many components an element has, 0 where the type is unknown."""
        return _WIDTHS.get(str(self._accessor(number).get("type")), 0)

    def read(self, number: int, width: int) -> Array:  # -> (count, width)
        """As floats, normalised integers as 0..1 or -1..1. Raises InputError where values are not finite."""
        accessor = self._accessor(number)
        values = self._raw(number, width)
        if values.dtype == np.float32:
            if not np.isfinite(values).all():
                raise broken(f"accessor {number} holds values that are not finite")
            return values
        floats = values.astype(np.float32)
        if accessor.get("normalized") is True:
            floats = np.maximum(floats / np.iinfo(values.dtype).max, -1)
        return floats

    def read_whole(self, number: int, width: int) -> NDArray[np.int64]:  # -> (count, width)
        """As whole numbers: indices and joints."""
        values = self._raw(number, width)
        if values.dtype.kind != "u":
            raise broken(f"accessor {number} holds no unsigned numbers")
        return values.astype(np.int64)

    def _accessor(self, number: object) -> Json:
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(self._accessors):
            raise broken(f"accessor {str(number)[:40]} does not exist")
        return self._accessors[number]

    def _raw(self, number: int, width: int) -> AnyArray:
        self._accessor(number)
        if number in self._kept:
            values = self._kept[number]
        else:
            values = self._kept[number] = self._unpack(number)
        if values.shape[1] != width:
            raise broken(f"accessor {number} has {values.shape[1]} components, expected {width}")
        return values

    def _unpack(self, number: int) -> AnyArray:
        accessor, count = self._accessor(number), self.count(number)
        dtype, width = _component(accessor), self.width(number)
        if width == 0:
            raise broken(f"accessor {number} is of an unknown type")
        self._charge(count * width * dtype.itemsize)
        view = fields.index(accessor, "bufferView", len(self._views), "buffer view")
        if view is None:
            values = np.zeros((count, width), dtype)
        else:
            offset = fields.integer(accessor, "byteOffset", 0)
            stride = fields.integer(self._views[view], "byteStride", 0, 0, 252)
            values = _strided(self.view(view), offset, count, width, dtype, stride, number)
        if "sparse" in accessor:
            values = values.copy()
            self._substitute(values, fields.mapping(accessor, "sparse"), number)
        return values

    def _substitute(self, values: AnyArray, sparse: Json, number: int) -> None:
        """Write a sparse accessor's own elements over the others."""
        count = fields.integer(sparse, "count", 0, 0, len(values))
        where, what = fields.mapping(sparse, "indices"), fields.mapping(sparse, "values")
        rows = self._packed(where, count, 1, _component(where), number)[:, 0]
        if rows.dtype.kind != "u" or (count and int(rows.max()) >= len(values)):
            raise broken(f"accessor {number} replaces elements that it does not have")
        values[rows] = self._packed(what, count, values.shape[1], values.dtype, number)

    def _packed(self, part: Json, count: int, width: int, dtype: np.dtype, number: int) -> AnyArray:
        view = fields.index(part, "bufferView", len(self._views), "buffer view")
        if view is None:
            raise broken(f"accessor {number} is sparse and names no data")
        self._charge(count * width * dtype.itemsize)
        return _strided(self.view(view), fields.integer(part, "byteOffset", 0), count, width, dtype, 0, number)

    def _charge(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            text = f"the model unpacks to more than {MAX_UNPACKED / 2**30:.0f} GB: use fewer vertices or shape keys"
            raise InputError("avatar-too-complex", text)


def _component(accessor: Json) -> np.dtype:
    component = accessor.get("componentType")
    if not isinstance(component, int) or component not in _COMPONENTS:
        raise broken(f"component type {str(component)[:40]} does not exist")
    return np.dtype(_COMPONENTS[component]).newbyteorder("<")


def _strided(
    data: memoryview, offset: int, count: int, width: int, dtype: np.dtype, stride: int, number: int
) -> AnyArray:  # -> (count, width)
    """A view of elements that lie `stride` bytes apart (0: side by side)."""
    size = width * dtype.itemsize
    stride = stride or size
    if count == 0:
        return np.empty((0, width), dtype)
    if stride < size or offset + (count - 1) * stride + size > len(data):
        raise broken(f"accessor {number} reaches beyond its data")
    return np.ndarray((count, width), dtype, data, offset, (stride, dtype.itemsize))
