"""Output files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .writer import trouble


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A temporary path beside `out` that takes its place when the block ends well, and is gone when it does not.

    Raises InputError: "takes-unwritable", "disk-full".
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # The suffix stays last, as video containers are chosen by it.
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.stem}.", suffix=out.suffix)
    except OSError as error:
        raise trouble(out, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(out)
    except OSError as error:
        raise trouble(out, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def save(out: Path, data: bytes) -> None:
    """Write a file. Raises InputError, see `replacing`."""
    with replacing(out) as temporary:
        temporary.write_bytes(data)
