"""What recordings may take: a length, all takes' bytes together, and what has to stay free on the disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from face3d_live.errors import StorageError
from face3d_live.live.limits import Limits

#: Interval between looks at the disk while a take is written, seconds.
CHECK_SECONDS = 2.0


class Quota:
    """The bounds of the takes in a folder. Any thread."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits = folder, limits

    def check_disk(self) -> None:
        """Raises StorageError "takes-full" or "disk-low". A folder that cannot be looked at is no error here."""
        if self._bytes() >= self._limits.take_bytes:
            text = f"the takes have {self._limits.take_bytes / 1e9:.3g} GB together, which is the limit: delete some"
            raise StorageError("takes-full", text)
        there = next((folder for folder in (self._folder, *self._folder.parents) if folder.is_dir()), None)
        if there is not None and shutil.disk_usage(there).free < self._limits.free_bytes:
            text = f"less than {self._limits.free_bytes / 1e6:.0f} MB are free on the disk: make room"
            raise StorageError("disk-low", text)

    def watch(self, clock: Callable[[], float] = time.monotonic) -> Callable[[float], None]:
        """A check for one take, to be called with its length in seconds before anything is written."""
        next_look = clock() + CHECK_SECONDS

        def check(seconds: float) -> None:
            """Raises StorageError "take-length", and as `check_disk`."""
            nonlocal next_look
            if seconds >= self._limits.take_seconds:
                text = (
                    f"the take is {self._limits.take_seconds / 60:.3g} minutes long, which is the limit: it ends here"
                )
                raise StorageError("take-length", text)
            if clock() >= next_look:
                next_look = clock() + CHECK_SECONDS
                self.check_disk()

        return check

    def _bytes(self) -> int:
        try:
            return sum(path.stat().st_size for path in self._folder.iterdir() if path.is_file())
        except OSError:  # not there yet, or a file that was deleted meanwhile
            return 0
