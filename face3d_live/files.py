"""Writing files: complete or not there, and for their owner alone.

A picture, a take or a setting is of a person. New files get the rights 0600 and new folders 0700, whatever the umask;
a file that is replaced keeps its rights, a folder that is there as well.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The rights of new files, and of new folders.
FILE_MODE = 0o600
FOLDER_MODE = 0o700


def make_folder(folder: Path) -> None:
    """Make a folder, with those above it, for its owner alone. One that is there is left as it is. Raises OSError."""
    for each in [*reversed(folder.parents), folder]:
        if not each.exists():
            each.mkdir(FOLDER_MODE, exist_ok=True)
    if not folder.is_dir():
        folder.mkdir(FOLDER_MODE)  # raises what is wrong


def open_new(path: str | os.PathLike[str], flags: int) -> int:
    """An opener for `open`: a new file for its owner alone."""
    return os.open(path, flags, FILE_MODE)


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """A temporary path beside `out` that takes its place when the block ends well, and is gone when it does not.

    Makes the folder. Raises OSError.
    """
    make_folder(out.parent)
    mode = stat.S_IMODE(out.stat().st_mode) if out.is_file() else FILE_MODE
    # The suffix stays last, as video containers are chosen by it.
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.stem}.", suffix=out.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(mode)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def write(out: Path, data: bytes) -> None:
    """Write a file, see `replacing`. Raises OSError."""
    with replacing(out) as temporary:
        temporary.write_bytes(data)
