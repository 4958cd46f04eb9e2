"""The server's recordings: the recorders of its sessions, and the folder of takes."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
from pathlib import Path

from face3d_live.errors import ConflictError, InputError, NotFoundError
from face3d_live.live.limits import Limits
from face3d_live.live.recording.quota import Quota
from face3d_live.live.recording.recorder import Recorder
from face3d_live.live.sessions.session import Session
from face3d_live.takes import formats, render_video, sound, tools
from face3d_live.takes.model import FALLBACK_FPS, Header, now
from face3d_live.takes.reader import read_summary
from face3d_live.takes.writer import SUFFIX, write_error

logger = logging.getLogger(__name__)

#: A listing names so many takes, the newest ones.
MAX_LISTED = 200
MAX_NAME = 80
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,79}")


def default_folder() -> Path:
    """The folder of takes by default: `face3d-live/takes` in the user's data folder (XDG)."""
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "face3d-live" / "takes"


class Recordings:
    """The folder is created by the first `start`. Lives on the event loop."""

    def __init__(self, folder: Path | None = None, limits: Limits | None = None, prefix: str = "") -> None:
        """prefix: with which the ids of new takes begin."""
        self._prefix = prefix
        self.folder = folder or default_folder()
        self._quota = Quota(self.folder, limits or Limits())
        self._recorders: dict[str, Recorder] = {}
        self._starting: set[str] = set()

    async def start(
        self, session: Session, name: str = "", with_sound: bool = False, with_render: bool = False
    ) -> Recorder:
        """Begin a take. with_sound, with_render: also record the session's sound, and the drawn pictures.

        Raises InputError: "already-recording", "takes-unwritable", "disk-full", "disk-low", "takes-full".
        """
        if session.id in self._starting or self.of(session) is not None:
            raise ConflictError("already-recording", "this session is being recorded: stop that first")
        self._drop_old()
        moment = now()
        take_id = f"{self._prefix}{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        name = " ".join(name.split())[:MAX_NAME] or f"{moment:%Y-%m-%d %H.%M.%S}"
        header = Header(name, moment, session.camera.fps or FALLBACK_FPS, session.kind)
        loop = asyncio.get_running_loop()

        def on_error(error: InputError) -> None:
            loop.call_soon_threadsafe(session.notify, "recording-failed", error.message)

        self._starting.add(session.id)
        try:
            path = self.folder / (take_id + SUFFIX)
            await asyncio.to_thread(self._quota.check_disk)
            recorder = await asyncio.to_thread(
                Recorder,
                path,
                header,
                on_error,
                with_sound=with_sound,
                with_render=with_render,
                check=self._quota.watch(),
            )
        finally:
            self._starting.discard(session.id)
        self._recorders[session.id] = recorder
        session.record(recorder)
        return recorder

    async def stop(self, session: Session) -> Recorder:
        """End the session's take. Its files are complete on return. Raises InputError "not-recording"."""
        recorder = self.of(session)
        if recorder is None:
            raise ConflictError("not-recording", "this session is not being recorded: start that first")
        session.record(None)
        await recorder.closed()
        return recorder

    def of(self, session: Session) -> Recorder | None:
        """The session's running recorder, or None."""
        recorder = self._recorders.get(session.id)
        return recorder if recorder is not None and recorder.state()["recording"] else None

    def last(self, session: Session) -> Recorder | None:
        """The session's newest recorder, running or finished."""
        return self._recorders.get(session.id)

    async def close(self) -> None:
        """Close all takes."""
        recorders = list(self._recorders.values())
        for recorder in recorders:
            recorder.finish()
        await asyncio.gather(*(recorder.closed() for recorder in recorders))

    async def listing(self) -> list[dict[str, object]]:
        """The takes in the folder, newest first."""
        self._drop_old()
        return await asyncio.to_thread(self._listing)

    def path(self, take_id: str) -> Path:
        """The file of a take that is over. Raises InputError: "not-found", "take-in-use"."""
        path = self.folder / (take_id + SUFFIX)
        if not _ID.fullmatch(take_id) or not path.is_file():
            raise NotFoundError("not-found", f"no take is called {take_id[:80]!r}; GET /api/takes lists them")
        if take_id in self._active():
            raise ConflictError("take-in-use", "this take is being recorded: stop that first")
        return path

    async def delete(self, take_id: str) -> None:
        """Delete a take with its sound and render.

        Raises InputError: "not-found", "take-in-use", "takes-unwritable".
        """
        path = self.path(take_id)
        for suffix in (sound.SUFFIX, render_video.SUFFIX, SUFFIX):  # the take last, as the others are found by it
            try:
                await asyncio.to_thread(path.with_suffix(suffix).unlink, missing_ok=True)
            except OSError as error:
                raise write_error(path, error) from error

    async def rename(self, take_id: str, name: str) -> dict[str, object]:
        """Give a take another name; its description. Raises as `path` and writing do, and InputError "bad-name"."""
        path = self.path(take_id)
        await asyncio.to_thread(tools.rename, path, _checked_name(name))
        return await self._described(path)

    async def trim(self, take_id: str, start: float, end: float | None, name: str) -> dict[str, object]:
        """Make a take of a part of another one, its sound included, a recorded render not; its description.

        Raises as `path` and `start` do, InputError "bad-range" and "nothing-left".
        """
        path = self.path(take_id)
        await asyncio.to_thread(self._quota.check_disk)
        out = self.folder / f"{self._prefix}{now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}{SUFFIX}"
        named = _checked_name(name)
        await asyncio.to_thread(tools.trim, path, out, start, end)
        await asyncio.to_thread(tools.rename, out, named)
        return await self._described(out)

    async def _described(self, path: Path) -> dict[str, object]:
        described = await asyncio.to_thread(_describe, path, False)
        if described is None:
            raise NotFoundError("not-found", "the take was deleted meanwhile")
        return described

    def _active(self) -> set[str]:
        return {recorder.id for recorder in self._recorders.values() if recorder.state()["recording"]}

    def _drop_old(self) -> None:
        """Drop finished recorders but the newest 64, which `last` may ask for."""
        for session_id in list(self._recorders)[:-64]:
            if not self._recorders[session_id].state()["recording"]:
                del self._recorders[session_id]

    def _listing(self) -> list[dict[str, object]]:
        active = self._active()
        try:
            paths = sorted((p for p in self.folder.glob("*" + SUFFIX) if _ID.fullmatch(p.stem)), reverse=True)
        except OSError:
            return []
        return [plain for path in paths[:MAX_LISTED] if (plain := _describe(path, path.stem in active)) is not None]


def _checked_name(name: str) -> str:
    plain = " ".join(name.split())[:MAX_NAME]
    if not plain:
        raise InputError("bad-name", f"a take's name has 1 to {MAX_NAME} characters")
    return plain


def _describe(path: Path, recording: bool) -> dict[str, object] | None:
    """A take as plain data; None for a file that is no take, or was deleted meanwhile."""
    try:
        summary = read_summary(path)
        sound_path, render_path = sound.sidecar_path(path), render_video.sidecar_path(path)
        sidecar_bytes = sum(at.stat().st_size for at in (sound_path, render_path) if at is not None)
    except (InputError, OSError):
        logger.info("%s is no take", path)
        return None
    return {
        "take": path.stem,
        "name": summary.header.name,
        "created": summary.header.created.isoformat(timespec="seconds"),
        "seconds": round(summary.seconds, 3),
        "frames": summary.frames,
        "complete": summary.frames is not None,
        "recording": recording,
        "bytes": summary.bytes + sidecar_bytes,
        "sound": sound_path is not None,
        "render": render_path is not None,
    }


def convert(report: object, path: Path, suffix: str) -> bytes:
    """The worker's task: a take in another format. Raises InputErrors of `formats`."""
    return formats.to_bytes(formats.load_take(path), suffix)


def convert_render(report: object, path: Path, out: Path) -> bytes:
    """The worker's task: a take's recorded render with its sound as MP4 at `out`.

    Raises InputErrors of `render_video`.
    """
    render_video.export_render(path, out)
    return b""
