"""Output files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from face3d_live import files
from face3d_live.takes.writer import trouble


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A temporary path beside `out` that takes its place when the block ends well, and is gone when it does not.

    Raises InputError: "takes-unwritable", "disk-full".
    """
    try:
        with files.replacing(out) as temporary:
            yield temporary
    except OSError as error:
        raise trouble(out, error) from error


def save(out: Path, data: bytes) -> None:
    """Write a file. Raises InputError, see `replacing`."""
    with replacing(out) as temporary:
        temporary.write_bytes(data)
