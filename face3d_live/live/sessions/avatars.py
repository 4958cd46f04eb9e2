"""Loading avatars from files: uploads in the worker process, the command line's file in this one."""

from __future__ import annotations

from pathlib import Path

from face3d_live.avatar.load import load_avatar, read_avatar
from face3d_live.codes import ARKIT
from face3d_live.errors import AssetError, InputError
from face3d_live.live.engine.pipeline import AVATAR_SIZE
from face3d_live.live.engine.stored_avatar import StoredAvatar, pack
from face3d_live.live.worker.process import Report, Task, Worker


def read_file(report: Report, data: bytes) -> bytes:
    """The task of the files' process: a file's bytes to those of `stored_avatar.pack`, after some pictures on trial.

    Raises InputError as `load_avatar` and `check_seconds`.
    """
    from face3d_live.render.avatar_trial import check_seconds

    report("reading", 0.1)
    avatar = load_avatar(data)
    report("drawing", 0.7)
    check_seconds(avatar, AVATAR_SIZE)
    return pack(avatar)


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
    """Read an uploaded file in the files' process.

    Raises InputError for a bad file or one that takes too long, AssetError when the process fails.
    """
    try:
        return StoredAvatar(await worker.run(task, data))
    except AssetError as error:
        if error.code != "too-slow":
            raise
        text = "the file takes too long to read and draw: use fewer triangles, textures and see-through surfaces"
        raise InputError("avatar-too-slow", text) from error
