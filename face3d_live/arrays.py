"""Reading .npz files and JSON numbers that may be damaged: one list of the errors, one check of each."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile

from face3d_live.errors import AssetError
from face3d_live.typing import AnyArray, Array

Arrays = dict[str, AnyArray]

#: What reading a damaged .npz, or arrays of unexpected names and shapes, raises.
DAMAGE = (
    KeyError, ValueError, TypeError, IndexError, OverflowError, MemoryError,
    OSError, EOFError, RuntimeError, BadZipFile, zlib.error, struct.error,
)  # fmt: skip


#: Bytes that an .npz may unpack to: the longest take has 400 MB.
MAX_BYTES = 1_000_000_000


def load(source: Path | IO[bytes], keys: Collection[str] | None = None, limit: int = MAX_BYTES) -> Arrays:
    """Arrays of an .npz, all or those named; pickled objects are refused.

    limit: bytes that all of them may unpack to. Raises one of `DAMAGE` (FileNotFoundError among them).
    """
    stored = np.load(source, allow_pickle=False)
    if not isinstance(stored, NpzFile):
        raise ValueError("one bare array, not an .npz")
    with stored:
        if stored.zip is None or sum(info.file_size for info in stored.zip.infolist()) > limit:
            raise ValueError(f"more than {limit} bytes when unpacked")
        return {key: stored[key] for key in (stored.files if keys is None else keys)}


def finite(values: object, count: int) -> Array:  # -> (count,)
    """A list of numbers, as JSON gives it. Raises ValueError when it is anything else, or not finite as float32."""
    if not isinstance(values, list) or len(values) != count or any(type(v) not in (float, int) for v in values):
        raise ValueError(f"expected {count} numbers")
    with np.errstate(over="ignore"):  # what does not fit into float32 becomes infinite
        array = np.array(values, np.float32)
    if not np.isfinite(array).all():
        raise ValueError("a number is not finite")
    return array


@contextmanager
def asset(path: Path, name: str, restore: str, remake: str, keys: Collection[str] | None = None) -> Iterator[Arrays]:
    """The arrays of a model file, all or those named; the block may index and reshape them as if the file were sound.

    Raises AssetError "<name>-missing" (cure: restore or remake) and, for damage found here or in the block,
    "<name>-broken" (cure: restore).
    """
    if not path.is_file():
        raise AssetError(f"{name}-missing", f"{path} is missing: {restore} or {remake}")
    try:
        yield load(path, keys)
    except DAMAGE as error:
        raise AssetError(f"{name}-broken", f"{path} cannot be read ({error}): {restore}") from error
