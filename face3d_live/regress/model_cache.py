"""Compiled models in the user's cache folder: a third of the time to load, and less memory as the file is mapped.

A file is named by all that it was made from and begins with the digest of the rest, so that a damaged one is made anew.
What goes wrong with the folder costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face3d_live.files import replacing

logger = logging.getLogger(__name__)

#: Files kept, newest first: one of 30 MB for int8, 100 MB for other precisions.
KEPT = 3
#: Bytes before the model, which the mapped tensors want aligned: the SHA-256 of the rest, then zeros.
_HEADER = 64


def cache_folder() -> Path:
    """FACE3D_CACHE, or the platform's place for what can be made again."""
    import platformdirs  # not there where the network only learns

    chosen = os.environ.get("FACE3D_CACHE")
    return (Path(chosen) if chosen else platformdirs.user_cache_path("face3d-live")) / "models"


def key(**made_from: str) -> str:
    """A file's name from everything that the model depends on."""
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:40]


def digest(path: Path) -> str:
    """SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(name: str) -> NDArray[np.uint8] | None:
    """The model's bytes, mapped from the file privately, or None where there is no sound one."""
    path = cache_folder() / f"{name}.blob"
    try:
        if path.stat().st_size <= _HEADER:
            return None
        mapped = np.memmap(path, np.uint8, "c")
        os.utime(path)  # the least lately used go first
    except (OSError, ValueError):
        return None
    model = mapped[_HEADER:]
    if hashlib.sha256(model.data).digest() != mapped[:32].tobytes():
        logger.warning("%s is damaged and is made anew", path)
        return None
    return model


def write(name: str, model: bytes) -> None:
    """Keep a model; of older ones `KEPT` - 1 stay. Where the folder cannot be written, nothing is kept."""
    folder = cache_folder()
    try:
        with replacing(folder / f"{name}.blob") as temporary, temporary.open("wb") as file:
            file.write(hashlib.sha256(model).digest().ljust(_HEADER, b"\0"))
            file.write(model)
        files = sorted(folder.glob("*.blob"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in files[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        logger.info("the compiled model is not kept in %s: %s", folder, error)
