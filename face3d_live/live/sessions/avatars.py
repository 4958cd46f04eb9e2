"""Loading avatars from files: uploads in the worker process, the command line's file in this one."""

from __future__ import annotations

from pathlib import Path

from face3d_live.avatar.load import load_avatar, read_avatar
from face3d_live.codes import ARKIT
from face3d_live.live.engine.stored_avatar import StoredAvatar, pack
from face3d_live.live.worker.process import Report, Task, Worker


def read_file(report: Report, data: bytes) -> bytes:
    """The worker's task: a file's bytes to those of `stored_avatar.pack`. Raises InputError, as `load_avatar`."""
    report("reading", 0.1)
    return pack(load_avatar(data))


def load_stored(path: Path) -> StoredAvatar:
    """An avatar from a local file. Prints what was found in it. Raises InputError."""
    avatar = read_avatar(path)
    report = avatar.report
    bones = ", ".join(report.bones) or "none"
    presets = f", {len(report.expressions)} VRM expressions" if report.expressions else ""
    print(f"{path.name}: {len(report.found)} of {len(ARKIT)} ARKit shapes{presets}; bones: {bones}")
    for warning in report.warnings:
        print(f"{path.name}: {warning}")
    return StoredAvatar(pack(avatar))


async def store(worker: Worker, data: bytes, task: Task = read_file) -> StoredAvatar:
    """Read an uploaded file in the worker. Raises InputError for a bad file, AssetError when the worker fails."""
    return StoredAvatar(await worker.run(task, data))
