"""Avatars from files in memory: packed by the worker, held by the server, sent to the engine as a file descriptor.

No uploaded file is written to disk. What is held is the loader's result, in anonymous memory (`memfd_create`) that is
freed with the last session that shows it.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import weakref

from face3d_live.avatar.model import Avatar


class StoredAvatar:
    """A loaded avatar as bytes behind a file descriptor. key: SHA-256 of the data. report: plain data."""

    def __init__(self, packed: bytes) -> None:
        """packed: of `pack`."""
        length = int.from_bytes(packed[:4], "little")
        self.report: dict[str, object] = json.loads(packed[4 : 4 + length])
        body = memoryview(packed)[4 + length :]
        self.key = hashlib.sha256(body).hexdigest()
        self.fd = os.memfd_create("face3d-avatar", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self.fd)
        while body:
            body = body[os.write(self.fd, body) :]

    @property
    def size(self) -> int:
        """Bytes of the data."""
        return os.fstat(self.fd).st_size

    def packed(self) -> bytes:
        """What it was made of: see `pack`."""
        report = json.dumps(self.report).encode()
        return len(report).to_bytes(4, "little") + report + os.pread(self.fd, self.size, 0)


def pack(avatar: Avatar) -> bytes:
    """What `StoredAvatar` takes: u32 length of the report, the report as JSON, the pickled avatar."""
    report = json.dumps(avatar.report.to_json()).encode()
    return len(report).to_bytes(4, "little") + report + pickle.dumps(avatar, protocol=5)


def unpack(data: bytes) -> Avatar:
    """The avatar. Only for bytes that this program made, as they are a pickle."""
    avatar = pickle.loads(data)
    assert isinstance(avatar, Avatar)
    return avatar


def read_descriptor(fd: int) -> bytes:
    """The bytes behind a descriptor that another process sent. Closes it."""
    with os.fdopen(fd, "rb") as file:
        return os.pread(fd, os.fstat(file.fileno()).st_size, 0)
