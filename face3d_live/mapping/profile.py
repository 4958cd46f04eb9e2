"""A mapping profile: the user's changes to the channels of an output, as a value and as TOML.

docs/outputs.md describes it for users.

    version = 1
    preset = "vrm1"            # the names to send; without it, the output's own
    mirror = true
    link = ["eyeBlink", "gaze"]

    [channels.jawOpen]
    gain = 1.4
    dead_zone = 0.05

Errors are InputError "bad-mapping": they name the key, in a file also the line, and say what may stand there.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields

import tomli_w

from face3d_live.codes import ARKIT
from face3d_live.errors import InputError

VERSION = 1
MAX_BYTES = 65536
MAX_CHANNELS = 256

#: Head angles in degrees, tuned before anything else.
HEAD = ("headYaw", "headPitch", "headRoll")
#: What can be linked: pairs of coefficients by what their names share, and where the eyes look.
PAIRS = tuple(
    name[:-4]
    for name in ARKIT
    if name.endswith("Left") and not name.startswith("eyeLook") and name not in ("jawLeft", "mouthLeft")
)
LINKS = (*PAIRS, "gaze")

_RANGES = {
    "gain": (-10.0, 10.0),
    "offset": (-90.0, 90.0),
    "curve": (0.1, 10.0),
    "dead_zone": (0.0, 0.95),
    "min": (-1000.0, 1000.0),
    "max": (-1000.0, 1000.0),
}


@dataclass(frozen=True)
class Channel:
    """One channel's changes: value = clamp((gain * beyond(dead_zone) + offset) ** curve, min, max).

    None for a limit: the channel's own, 0..1 for a coefficient. rename: the name to send instead. drop: send nothing.
    """

    gain: float = 1.0
    offset: float = 0.0
    curve: float = 1.0
    dead_zone: float = 0.0
    min: float | None = None
    max: float | None = None
    rename: str | None = None
    drop: bool = False


@dataclass(frozen=True)
class Profile:
    """preset: its name, None for the output's own. channels: by the name of a coefficient, angle or preset's output."""

    preset: str | None = None
    mirror: bool = False
    link: tuple[str, ...] = ()
    channels: Mapping[str, Channel] = field(default_factory=dict)

    @classmethod
    def from_toml(cls, text: str, where: str = "mapping") -> Profile:
        """Read a file's text. Raises InputError "bad-mapping"."""
        try:
            plain = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise InputError("bad-mapping", f"{where} is not TOML: {error}") from error
        try:
            return cls.from_plain(plain, where)
        except MappingKeyError as error:
            raise InputError("bad-mapping", f"{where}, line {_line_of(text, error.path)}: {error.message}") from None

    @classmethod
    def from_plain(cls, plain: object, where: str = "mapping") -> Profile:
        """From what JSON or TOML gave. Raises InputError "bad-mapping"."""
        table = _table(plain, ())
        known = {"version", "preset", "mirror", "link", "channels", "title"}
        for key in table:
            _check_known(key, known, (key,))
        if table.get("version", VERSION) != VERSION:
            raise MappingKeyError(("version",), f"version: this program reads version {VERSION}")
        preset = table.get("preset")
        if preset is not None and not isinstance(preset, str):
            raise MappingKeyError(("preset",), "preset: write a name in quotes")
        channels = _table(table.get("channels", {}), ("channels",))
        if len(channels) > MAX_CHANNELS:
            raise MappingKeyError(("channels",), f"channels: at most {MAX_CHANNELS}")
        return cls(
            preset=preset,
            mirror=_flag(table.get("mirror", False), ("mirror",)),
            link=_links(table.get("link", [])),
            channels={name: _channel(value, ("channels", name)) for name, value in channels.items()},
        )

    def to_plain(self) -> dict[str, object]:
        """What JSON and TOML can hold; only what differs from the default."""
        plain: dict[str, object] = {"version": VERSION}
        if self.preset is not None:
            plain["preset"] = self.preset
        if self.mirror:
            plain["mirror"] = True
        if self.link:
            plain["link"] = list(self.link)
        default = Channel()
        channels = {
            name: {f.name: v for f in fields(channel) if (v := getattr(channel, f.name)) != getattr(default, f.name)}
            for name, channel in self.channels.items()
        }
        plain["channels"] = {name: changes for name, changes in channels.items() if changes}
        return plain

    def to_toml(self) -> str:
        """A file's text; `from_toml` gives the same profile."""
        return tomli_w.dumps(self.to_plain())


class MappingKeyError(InputError):
    """A key's value cannot be used."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        super().__init__("bad-mapping", message)
        self.path = path

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str]]:
        """Pickled as a plain InputError."""
        return InputError, (self.code, self.message)


def unknown(name: str, known: Collection[str], path: tuple[str, ...]) -> InputError:
    """The error for an unknown name, with the nearest known one."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, 1, 0.5)
    cure = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(choices)}"
    return MappingKeyError(path, f"{'.'.join(path)[:80]}: unknown; {cure[:600]}")


def _check_known(name: str, known: Collection[str], path: tuple[str, ...]) -> None:
    if name not in known:
        raise unknown(name, known, path)


def _table(value: object, path: tuple[str, ...]) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise MappingKeyError(path, f"{'.'.join(path) or 'the mapping'}: write a table of names and values")
    return value


def _flag(value: object, path: tuple[str, ...]) -> bool:
    if not isinstance(value, bool):
        raise MappingKeyError(path, f"{'.'.join(path)}: write true or false")
    return value


def _links(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise MappingKeyError(("link",), 'link: write a list of pairs, such as ["eyeBlink", "gaze"]')
    for name in value:
        if name not in LINKS:
            raise unknown(name, LINKS, ("link", name))
    return tuple(dict.fromkeys(value))


def _channel(value: object, path: tuple[str, ...]) -> Channel:
    changes: dict[str, object] = {}
    for key, given in _table(value, path).items():
        here = (*path, key)
        if key in _RANGES:
            changes[key] = _number(given, here, *_RANGES[key])
        elif key == "drop":
            changes[key] = _flag(given, here)
        elif key == "rename":
            if not isinstance(given, str) or not 0 < len(given) <= 64 or not given.isprintable():
                raise MappingKeyError(here, f"{'.'.join(here)}: write a name of 1 to 64 printable characters")
            changes[key] = given
        else:
            raise unknown(key, [*_RANGES, "drop", "rename"], here)
    channel = Channel(**changes)  # type: ignore[arg-type]
    if channel.min is not None and channel.max is not None and channel.min > channel.max:
        raise MappingKeyError((*path, "min"), f"{'.'.join(path)}: min is above max; swap them")
    return channel


def _number(value: object, path: tuple[str, ...], low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise MappingKeyError(path, f"{'.'.join(path)}: write a number from {low:g} to {high:g}")
    return float(value)


def _line_of(text: str, path: tuple[str, ...]) -> int:
    """The line of a key, as far as its path can be followed: a table's header first, then the key below it."""
    lines, at = text.splitlines(), 0
    for depth in range(len(path)):
        key = rf"['\"]?{re.escape(path[depth])}['\"]?"
        header = r"^\s*\[.*" + key + r"\s*\]|^\s*" + key + r"\s*[=.]|[{,]\s*" + key + r"\s*=|['\"]" + key
        found = next((i for i in range(at, len(lines)) if re.search(header, lines[i])), None)
        at = at if found is None else found
    return at + 1
