"""Avatars from files on the server's side: read in the worker, kept in memory, handed to the engine as a descriptor.

A file is never written to disk. What is kept is what the loader made of it, in anonymous memory (`memfd_create`) that
is gone with the last session that shows it.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import weakref
from pathlib import Path

from face3d_live.avatar.load import load_avatar, read_avatar
from face3d_live.avatar.model import Avatar
from face3d_live.codes import ARKIT
from face3d_live.live.worker.process import Report, Task, Worker


class StoredAvatar:
    """A loaded avatar as bytes behind a file descriptor. key: the same for the same file. report: plain data."""

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


def pack(avatar: Avatar) -> bytes:
    """What `StoredAvatar` takes: the report's length, the report as JSON, the avatar."""
    report = json.dumps(avatar.report.to_json()).encode()
    return len(report).to_bytes(4, "little") + report + pickle.dumps(avatar, protocol=5)


def unpack(data: bytes) -> Avatar:
    """The avatar again, in the engine. Only for bytes that this program made: it is a pickle."""
    avatar = pickle.loads(data)
    assert isinstance(avatar, Avatar)
    return avatar


def received(fd: int) -> bytes:
    """The bytes behind a descriptor that another process sent; it is closed."""
    with os.fdopen(fd, "rb") as file:
        return os.pread(fd, os.fstat(file.fileno()).st_size, 0)


def read_file(report: Report, data: bytes) -> bytes:
    """The worker's task. Raises InputError, as `load_avatar`."""
    report("reading", 0.1)
    return pack(load_avatar(data))


def load_stored(path: Path) -> StoredAvatar:
    """A file of this machine's, with a line that says what was found in it. Raises InputError."""
    avatar = read_avatar(path)
    report = avatar.report
    bones = ", ".join(report.bones) or "none"
    presets = f", {len(report.expressions)} VRM expressions" if report.expressions else ""
    print(f"{path.name}: {len(report.found)} of {len(ARKIT)} ARKit shapes{presets}; bones: {bones}")
    for warning in report.warnings:
        print(f"{path.name}: {warning}")
    return StoredAvatar(pack(avatar))


async def store(worker: Worker, data: bytes, task: Task = read_file) -> StoredAvatar:
    """Read a file in the worker. Raises InputError for what is wrong with it, AssetError when the worker fails."""
    return StoredAvatar(await worker.run(task, data))
