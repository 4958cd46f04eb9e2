"""The outputs that the user has made, remembered over restarts: a small JSON file beside the saved mappings.

    {"face3d_outputs": 1, "outputs": [{"url": "vmc://127.0.0.1:39539", "enabled": true, "profile": {...}}]}

`profile` is there where tuning differs from what the URL says by itself. An output of one session is not remembered, as
sessions are not.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from face3d_live.errors import InputError
from face3d_live.files import replacing
from face3d_live.live.outputs.output import Output
from face3d_live.mapping.profile import Profile
from face3d_live.text import decoded

logger = logging.getLogger(__name__)

VERSION = 1
MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Kept:
    """profile: None for what the URL says."""

    url: str
    enabled: bool = True
    profile: Profile | None = None

    @classmethod
    def from_plain(cls, plain: object) -> Kept:
        """Raises InputError or ValueError."""
        if not isinstance(plain, dict) or not isinstance(plain.get("url"), str):
            raise ValueError("an output needs a url")
        enabled, profile = plain.get("enabled", True), plain.get("profile")
        if not isinstance(enabled, bool):
            raise ValueError("enabled: expected true or false")
        return cls(plain["url"], enabled, Profile.from_plain(profile, "profile") if profile is not None else None)


class Keeper:
    """The file. Trouble with it is logged, and never in the way of sending."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "outputs.json"
        self._failed = False

    def load(self) -> list[Kept]:
        """What is remembered; a file that cannot be read is put aside, so that it is not written over."""
        try:
            items = self._items()
        except FileNotFoundError:
            return []
        except (OSError, ValueError, RecursionError) as error:
            aside = self.path.with_suffix(".broken.json")
            with suppress(OSError):
                self.path.replace(aside)
            text = "%s cannot be read (%s): starting without the outputs that it held; it is now %s"
            logger.warning(text, self.path, error, aside)
            return []
        found = []
        for item in items:
            try:
                found.append(Kept.from_plain(item))
            except (InputError, ValueError) as error:
                logger.warning("%s: an output is left out: %s", self.path, error)
        return found

    def save(self, outputs: Iterable[Output]) -> None:
        """Remember these, in one step, so that a crash leaves the file as it was."""
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
        plain = json.loads(decoded(data))
        if not isinstance(plain, dict) or plain.get("face3d_outputs") != VERSION:
            raise ValueError(f"not outputs of version {VERSION}")
        if not isinstance(plain.get("outputs"), list):
            raise ValueError("no list of outputs")
        return list(plain["outputs"])


def _plain(output: Output) -> dict[str, object]:
    plain: dict[str, object] = {"url": output.address.url, "enabled": output.enabled}
    if not output.is_untuned:
        plain["profile"] = output.mapping.profile.to_plain()
    return plain
