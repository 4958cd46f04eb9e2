"""Every cap, time-out and quota of the server in one place; docs/security.md has the same table.

`face3d-live live --limit NAME=VALUE` sets one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace

from face3d_live.errors import InputError


def _limit(default: float, what: str) -> float:
    return field(default=default, metadata={"what": what})


@dataclass(frozen=True)
class Limits:
    """Numbers of things, seconds, bytes; all above zero."""

    sessions: float = _limit(8, "sessions open at once")
    picture: float = _limit(1024, "pixels a side of the avatar's picture")
    sessions_per_address: float = _limit(6, "the same, of one address other than this machine's")
    connections: float = _limit(256, "TCP connections open at once")
    connections_per_address: float = _limit(96, "TCP connections of one address")
    header_seconds: float = _limit(10, "from the connection to the end of a request's headers")
    idle_seconds: float = _limit(15, "between two requests of a connection")
    body_seconds: float = _limit(20, "for a small body; photos and avatars have their own")
    write_seconds: float = _limit(30, "without progress while an answer is sent")
    requests: float = _limit(16, "requests that need a process (snapshots, photos, avatars, exports) at once")
    requests_per_address: float = _limit(6, "the same, of one address")
    upload_bytes: float = _limit(400e6, "bytes of uploads in memory at once, all together")
    photo_seconds: float = _limit(120, "for a photo to arrive")
    avatar_seconds: float = _limit(60, "for an avatar to arrive")
    avatar_read_seconds: float = _limit(30, "for an avatar to be read and drawn on trial")
    task_seconds: float = _limit(120, "for any other task of a process")
    task_memory: float = _limit(4 << 30, "bytes of memory of a process that makes heads")
    file_memory: float = _limit(2 << 30, "bytes of memory of a process that reads files of strangers")
    connect_seconds: float = _limit(20, "from an offer to a connection")
    no_picture_seconds: float = _limit(60, "that a session may be connected without ever sending a picture")
    frozen_seconds: float = _limit(600, "without a picture after the first one")
    take_seconds: float = _limit(7200, "length of a take")
    take_bytes: float = _limit(20e9, "bytes of all takes")
    free_bytes: float = _limit(500e6, "bytes that a recording leaves free on the disk")
    give_up_seconds: float = _limit(300, "without an engine that starts, after which the program ends with status 3")


NAMES = tuple(one.name for one in fields(Limits))


def parse_limits(given: Iterable[str], base: Limits | None = None) -> Limits:
    """From "name=value"s. Raises InputError "bad-limit"."""
    limits = base or Limits()
    for text in given:
        name, _, value = text.partition("=")
        if name not in NAMES:
            raise InputError("bad-limit", f"no limit is called {name[:40]!r}: choose {', '.join(NAMES)}")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number > 0):
            raise InputError("bad-limit", f"{name}: {value[:20]!r} is no number above 0")
        limits = replace(limits, **{name: number})
    return limits
