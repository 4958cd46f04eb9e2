"""A person's calibration as a portable file: JSON, one person a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from face3d_live import strict_json
from face3d_live.errors import InputError
from face3d_live.text import decoded
from face3d_live.track.calibration import Calibration

VERSION = 1
#: A profile is about 2 kB.
MAX_BYTES = 64 * 1024
MAX_NAME = 80


@dataclass(frozen=True)
class Profile:
    """Whose calibration it is. person: what the user calls them, may be empty. created: ISO 8601, for people."""

    calibration: Calibration
    person: str = ""
    created: str = ""

    @classmethod
    def fresh(cls, calibration: Calibration, person: str = "") -> Profile:
        """A profile made now."""
        return cls(calibration, _clean(person), datetime.now(UTC).isoformat(timespec="seconds"))

    def to_text(self) -> str:
        """The file."""
        head = {"face3d_calibration": VERSION, "person": self.person, "created": self.created}
        return json.dumps(head | self.calibration.to_json(), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def parse(cls, data: str | bytes) -> Profile:
        """The inverse of `to_text`. Raises InputError("bad-calibration")."""
        if len(data) > MAX_BYTES:
            raise InputError("bad-calibration", f"a calibration has at most {MAX_BYTES} bytes: give the file as saved")
        try:
            plain = strict_json.loads(decoded(data) if isinstance(data, bytes) else data)
            version = plain["face3d_calibration"]
            person, created = plain.get("person", ""), plain.get("created", "")
        except UnicodeDecodeError as error:
            raise InputError("bad-calibration", "this is not UTF-8 text: save the calibration as UTF-8") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError("bad-calibration", "this is no calibration file: give one saved by face3d-live") from error
        if version != VERSION:
            text = f"the calibration has version {str(version)[:20]}, this reads {VERSION}: calibrate again"
            raise InputError("bad-calibration", text)
        if not isinstance(person, str) or not isinstance(created, str):
            raise InputError("bad-calibration", "person and created are not text: give the file as saved")
        person, created = (_clean(text) for text in (person, created))
        return cls(Calibration.from_json(plain), person, created)


def _clean(text: str) -> str:
    """One short line that can be written again."""
    return " ".join(text.encode("utf-8", "replace").decode().split())[:MAX_NAME]


def load_profile(path: Path) -> Profile:
    """A profile from a file. Raises InputError: "missing-calibration", "bad-calibration"."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        text = f"{path} cannot be opened ({error.strerror}): check the path"
        raise InputError("missing-calibration", text) from error
    return Profile.parse(data)
