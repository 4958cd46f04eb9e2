"""The user's outputs, saved over restarts: a small JSON file beside the saved mapping profiles.

    {"face3d_outputs": 1, "outputs": [{"url": "vmc://127.0.0.1:39539", "enabled": true, "profile": {...}}]}

`profile` is present when it differs from the one that the URL implies. An output of one session is not saved, as
sessions end with the server.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from face3d_live import strict_json
from face3d_live.errors import InputError
from face3d_live.files import replacing
from face3d_live.live.outputs.output import Output
from face3d_live.mapping.profile import Profile
from face3d_live.text import decoded

logger = logging.getLogger(__name__)

VERSION = 1
MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class SavedOutput:
    """profile: None for the one that the URL implies."""

    url: str
    enabled: bool = True
    profile: Profile | None = None

    @classmethod
    def from_plain(cls, plain: object) -> SavedOutput:
        """Raises InputError or ValueError."""
        if not isinstance(plain, dict) or not isinstance(plain.get("url"), str):
            raise ValueError("an output needs a url")
        enabled, profile = plain.get("enabled", True), plain.get("profile")
        if not isinstance(enabled, bool):
            raise ValueError("enabled: expected true or false")
        return cls(plain["url"], enabled, Profile.from_plain(profile, "profile") if profile is not None else None)


class OutputStore:
    """The file. Errors with it are logged, and sending goes on."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "outputs.json"
        self._failed = False

    def load(self) -> list[SavedOutput]:
        """The saved outputs. An unreadable file is renamed, so that it is not overwritten."""
        try:
            items = self._items()
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            renamed = self.path.with_suffix(".broken.json")
            with suppress(OSError):
                self.path.replace(renamed)
            text = "%s cannot be read (%s): starting without the outputs that it held; it is now %s"
            logger.warning(text, self.path, error, renamed)
            return []
        found = []
        for item in items:
            try:
                found.append(SavedOutput.from_plain(item))
            except (InputError, ValueError) as error:
                logger.warning("%s: an output is left out: %s", self.path, error)
        return found

    def save(self, outputs: Iterable[Output]) -> None:
        """Replace the file atomically, so that a crash leaves the old one."""
        plain = {"face3d_outputs": VERSION, "outputs": [_plain(output) for output in outputs]}
        try:
            with replacing(self.path) as new:
                new.write_text(json.dumps(plain, indent=1, ensure_ascii=False), "utf-8")
        except OSError as error:
            if not self._failed:
                logger.warning("%s cannot be written (%s): outputs are not remembered", self.path, error.strerror)
            self._failed = True
        else:
            self._failed = False

    def _items(self) -> list[object]:
        """Raises OSError, ValueError."""
        with self.path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES} bytes")
        plain = strict_json.loads(decoded(data))
        if not isinstance(plain, dict) or plain.get("face3d_outputs") != VERSION:
            raise ValueError(f"not outputs of version {VERSION}")
        if not isinstance(plain.get("outputs"), list):
            raise ValueError("no list of outputs")
        return list(plain["outputs"])


def _plain(output: Output) -> dict[str, object]:
    plain: dict[str, object] = {"url": output.address.url, "enabled": output.enabled}
    if not output.has_default_profile:
        plain["profile"] = output.mapping.profile.to_plain()
    return plain
