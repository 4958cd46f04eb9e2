"""Saved profiles: one TOML file each, in the user's configuration folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

import platformdirs

from face3d_live import files
from face3d_live.errors import InputError, NotFoundError
from face3d_live.mapping.profile import MAX_BYTES, Profile
from face3d_live.text import decoded

MAX_PROFILES = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,39}")


def config_folder() -> Path:
    """The folder of the user's settings: FACE3D_CONFIG, or the platform's default."""
    chosen = os.environ.get("FACE3D_CONFIG")
    return Path(chosen) if chosen else platformdirs.user_config_path("face3d-live")


class ProfileStore:
    """The profiles in a folder, which is created when the first is saved."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or config_folder()) / "mappings"

    def names(self) -> list[str]:
        """All saved profiles."""
        return sorted(path.stem for path in self.folder.glob("*.toml") if _NAME.fullmatch(path.stem))

    def load(self, name: str) -> Profile:
        """Raises InputError "no-mapping", "bad-mapping"."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                text = file.read(MAX_BYTES + 1)
        except FileNotFoundError as error:
            saved = ", ".join(self.names()) or "none are saved yet"
            raise NotFoundError("no-mapping", f"no mapping is called {name!r}; there are: {saved[:400]}") from error
        except OSError as error:
            raise InputError("bad-mapping", f"{path} cannot be read: {error.strerror}") from error
        if len(text) > MAX_BYTES:
            raise InputError("bad-mapping", f"{path} is larger than {MAX_BYTES} bytes: no mapping is")
        try:
            return Profile.from_toml(decoded(text), str(path))
        except UnicodeDecodeError as error:
            raise InputError("bad-mapping", f"{path} is not UTF-8 text: save it as UTF-8") from error

    def save(self, name: str, profile: Profile) -> Path:
        """Write atomically, so that a crash leaves the old file. Raises InputError "bad-mapping"."""
        path = self._path(name)
        if not path.exists() and len(self.names()) >= MAX_PROFILES:
            raise InputError("bad-mapping", f"{MAX_PROFILES} mappings are saved: delete one first")
        try:
            files.write(path, profile.to_toml().encode())
        except OSError as error:
            raise InputError("bad-mapping", f"{path} cannot be written: {error.strerror}") from error
        return path

    def delete(self, name: str) -> None:
        """Raises InputError "no-mapping"."""
        try:
            self._path(name).unlink()
        except FileNotFoundError as error:
            raise NotFoundError("no-mapping", f"no mapping is called {name!r}") from error

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            cure = "a mapping's name has 1 to 40 letters, digits, spaces, - or _"
            raise InputError("bad-mapping", f"{name[:60]!r}: {cure}")
        return self.folder / f"{name}.toml"
