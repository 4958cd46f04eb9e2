"""Atomic output files: they appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from face3d_live import files
from face3d_live.takes.writer import write_error


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A temporary path beside `out`. It replaces `out` when the block ends, and is deleted when it raises.

    Raises InputError: "takes-unwritable", "disk-full".
    """
    try:
        with files.replacing(out) as temporary:
            yield temporary
    except OSError as error:
        raise write_error(out, error) from error


def save(out: Path, data: bytes) -> None:
    """Write a file. Raises InputError, see `replacing`."""
    with replacing(out) as temporary:
        temporary.write_bytes(data)
