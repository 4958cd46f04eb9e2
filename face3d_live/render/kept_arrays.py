"""Arrays that OpenGL makes alike at every start, kept in the user's cache folder: they are a third of a second's work.

Nothing of a person is among them. A file is named by all that its array was made from; what goes wrong with the folder
costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from face3d_live import arrays
from face3d_live.files import replacing
from face3d_live.paths import SHADERS
from face3d_live.regress.model_cache import cache_folder
from face3d_live.typing import AnyArray
from face3d_live.version import __version__

logger = logging.getLogger(__name__)

#: Files kept, newest first: two for each mesh level of a renderer, 0.1 to 3 MB.
KEPT = 8


def folder() -> Path:
    """Where they are."""
    return cache_folder().parent / "render"


def kept_array(
    make: Callable[[], AnyArray], shape: tuple[int, ...], made_from: Iterable[object], code: Iterable[str | Path]
) -> AnyArray:
    """`make()`, an array of that shape, or what it gave earlier.

    made_from: numbers, texts and arrays that it depends on; code: source files, beside all shaders.
    """
    path = (
        folder() / f"{_digest(made_from, [*map(Path, code), *sorted(p for p in SHADERS.iterdir() if p.is_file())])}.npz"
    )
    try:
        stored = arrays.load(path, ["array"])["array"]
        if stored.shape != shape:
            raise ValueError(f"an array of shape {stored.shape}")
        os.utime(path)  # the least lately used go first
        return stored
    except FileNotFoundError:
        pass
    except arrays.DAMAGE as error:
        logger.warning("%s cannot be read and is made anew: %s", path, error)
    made = make()
    _write(path, made)
    return made


def _digest(made_from: Iterable[object], code: Iterable[Path]) -> str:
    digest = hashlib.sha256(__version__.encode())
    for each in made_from:
        array = np.ascontiguousarray(each)
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(array.tobytes())
    for path in code:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:40]


def _write(path: Path, made: AnyArray) -> None:
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, array=made)
        files = sorted(path.parent.glob("*.npz"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in files[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        logger.info("%s is not kept: %s", path, error)
