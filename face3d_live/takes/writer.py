"""Writing a take to disk while it is recorded: appended, and synced to the disk once a second."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from types import TracebackType

from face3d_live.errors import ConflictError, InputError, StorageError
from face3d_live.files import make_folder, open_new
from face3d_live.takes.jsonl import Encoder
from face3d_live.takes.model import End, Header, Record, TakeFrame

#: Interval of syncs to the disk: what a crash may cost at most, seconds.
SYNC_SECONDS = 1.0
SUFFIX = ".jsonl"


class TakeWriter:
    """An open take. `write` appends records, `close` ends it. After a crash all but the last second is in the file.

    Times are made relative to the first frame and never decrease. The file must not exist yet. Every method raises
    InputError: "takes-unwritable", "take-exists", "disk-full".

    >>> with TakeWriter(Path("hello.jsonl"), Header("hello", now(), 30)) as take:
    ...     take.write(frame)
    """

    def __init__(self, path: Path, header: Header, clock: Callable[[], float] = time.monotonic) -> None:
        self.path, self.frames, self.seconds, self.bytes = path, 0, 0.0, 0
        self._encoder, self._clock = Encoder(), clock
        self._start: float | None = None
        try:
            make_folder(path.parent)
            # Unbuffered: written data are in the system's cache, which survives a crash of this process.
            self._file = FileIO(path, "xb", opener=open_new)
        except OSError as error:
            raise write_error(path, error) from error
        self._synced = clock()
        try:
            self._append(self._encoder.header(header))
            self._sync()
        except InputError:
            self._file.close()
            path.unlink(missing_ok=True)
            raise

    def __enter__(self) -> TakeWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def write(self, record: Record) -> None:
        """Append a record. It is on the disk within `SYNC_SECONDS` if `write` or `tick` is called that often."""
        if isinstance(record, TakeFrame):
            self._start = record.t if self._start is None else self._start
            t = max(record.t - self._start, self.seconds)
            record = TakeFrame(record.number, t, record.face, record.codes, record.camera)
            self._append(self._encoder.record(record))
            self.frames, self.seconds = self.frames + 1, t
        else:
            self._append(self._encoder.record(record))
        self.tick()

    def tick(self) -> None:
        """Sync to the disk when the last sync is older than `SYNC_SECONDS`."""
        if self._clock() - self._synced >= SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """Write the end and close the file. Idempotent."""
        if self._file.closed:
            return
        try:
            self._append(self._encoder.record(End(self.frames)))
            self._sync()
        finally:
            self._file.close()

    def _append(self, text: str) -> None:
        data = memoryview(text.encode())
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            self._undo()
            raise write_error(self.path, error) from error
        self.bytes = self._file.tell()

    def _undo(self) -> None:
        """Remove a half-written record, which on a full disk frees the bytes that `close` needs."""
        try:
            self._file.truncate(self.bytes)
            self._file.seek(self.bytes)
        except OSError:
            return  # the reader also drops a half-written record

    def _sync(self) -> None:
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            if error.errno != errno.EINVAL:  # a pipe or a device, which cannot be synced
                raise write_error(self.path, error) from error
        self._synced = self._clock()


def write_error(path: Path, error: OSError) -> InputError:
    """An error of the file system as an error for the user."""
    match error.errno:
        case errno.EEXIST if path.exists() and not path.is_dir() and path.parent.is_dir():
            return ConflictError("take-exists", f"{path} is there already: choose another name, or remove it first")
        case errno.ENOSPC | errno.EDQUOT:
            return StorageError("disk-full", f"no space is left for {path}: free some, or choose another folder")
    reason = error.strerror or str(error)
    return StorageError("takes-unwritable", f"{path} cannot be written ({reason}): choose another folder")
