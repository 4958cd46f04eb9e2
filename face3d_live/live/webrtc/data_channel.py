"""The data channel "control": JSON text between a page and its session. Parsing and a rate limit; no sockets.

Page to server: view, calibrate, follow, act, hair, glasses, ping. Server to page: hello, frame, quality, pong,
calibrated, notice. docs/api.md has them all.
"""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from face3d_live import strict_json
from face3d_live.checks import checked_finite
from face3d_live.errors import InputError
from face3d_live.eyewear import Glasses
from face3d_live.hairstyle import Hair
from face3d_live.live.engine.acting import Acting
from face3d_live.live.engine.pipeline import ViewRequest

#: A control message is a few dozen bytes.
MAX_MESSAGE = 4096
#: Bytes that may be buffered in the channel before frame messages are skipped.
MAX_BUFFERED = 64 * 1024
FRAME_INTERVAL = 1 / 15
MAX_PIXELS = 16_384.0


@dataclass(frozen=True)
class SetView:
    """Use this view from now on. pixels: of the screen, at which a side of the picture is shown; None: not known."""

    view: ViewRequest
    pixels: float | None = None


@dataclass(frozen=True)
class CalibrateNow:
    """Take the current face as neutral."""


@dataclass(frozen=True)
class Follow:
    """Follow the face there. x, y: fractions of the camera's picture, from its left and its top."""

    x: float
    y: float


@dataclass(frozen=True)
class Act:
    """What the user's keys do to the face from now on."""

    acting: Acting


@dataclass(frozen=True)
class SetHair:
    """The hair to draw from now on."""

    hair: Hair


@dataclass(frozen=True)
class SetGlasses:
    """The glasses to draw from now on."""

    glasses: Glasses


@dataclass(frozen=True)
class Ping:
    """Answered when a picture that arrived after it is sent. id, t: the page's own, returned unchanged."""

    id: object
    t: object
    arrived: float


Command = SetView | CalibrateNow | Follow | Act | SetHair | SetGlasses | Ping


def parse(message: str | bytes, now: float) -> Command:
    """One message of the page. Raises InputError "bad-control"."""
    if len(message) > MAX_MESSAGE:
        raise InputError("bad-control", f"control messages have at most {MAX_MESSAGE} bytes")
    try:
        plain = strict_json.loads(message)
        kind = plain["type"]
        if kind == "view":
            pixels = plain.get("pixels")
            return SetView(
                ViewRequest.from_message(plain),
                None if pixels is None else min(max(checked_finite(pixels, "pixels"), 1.0), MAX_PIXELS),
            )
        if kind == "calibrate":
            return CalibrateNow()
        if kind == "follow":
            return Follow(*(min(max(checked_finite(plain[key], key), 0.0), 1.0) for key in ("x", "y")))
        if kind == "act":
            return Act(Acting.from_message(plain))
        if kind == "glasses":
            return SetGlasses(
                Glasses.from_message({"glasses": plain.get("style"), "glasses_colour": plain.get("colour")})
            )
        if kind == "hair":
            return SetHair(Hair.from_message({"hair": plain.get("colour"), "hair_style": plain.get("style")}))
        if kind == "ping":
            return Ping(_scalar(plain.get("id")), _scalar(plain.get("t")), now)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("bad-control", f"not a control message: {error}") from error
    raise InputError("bad-control", f"no control message is called {str(kind)[:40]!r}")


def _scalar(value: Any) -> object:
    if value is None or (isinstance(value, int | float | str) and len(str(value)) <= 64):
        return value
    raise ValueError("id and t: expected a number or a short string")


class Channel(Protocol):
    """What is used of aiortc's RTCDataChannel."""

    @property
    def readyState(self) -> str:
        """ "open" while messages can be sent."""

    @property
    def bufferedAmount(self) -> int:
        """Bytes that wait to be sent."""

    def send(self, data: str) -> None:
        """Queue a message."""


class ControlChannel:
    """The server's side of one channel. Frame messages are rate-limited, and skipped when the channel backs up."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pings: deque[Ping] = deque(maxlen=32)
        self._next_frame = 0.0

    def send(self, type_: str, **fields: object) -> None:
        """Send a message, unless the channel is closed or four times over `MAX_BUFFERED`."""
        if self._channel.readyState == "open" and self._channel.bufferedAmount < 4 * MAX_BUFFERED:
            self._channel.send(json.dumps({"type": type_, **fields}, separators=(",", ":"), allow_nan=False))

    def wants_frame(self) -> bool:
        """Whether a frame message is due: at most 15 a second, none while the channel is backed up."""
        now = time.monotonic()
        if now < self._next_frame or self._channel.bufferedAmount > MAX_BUFFERED:
            return False
        # Advanced by the interval and not from the last message, so that 30 fps gives 15 and not 10.
        self._next_frame = max(self._next_frame + FRAME_INTERVAL, now)
        return True

    def add_ping(self, ping: Ping) -> None:
        """Queue a ping. With more than 32 unanswered ones the oldest is dropped."""
        self._pings.append(ping)

    def answer_pings(self, arrived: float) -> None:
        """A picture whose camera frame arrived at `arrived` is sent: answer the pings that came before that."""
        while self._pings and self._pings[0].arrived < arrived:
            ping = self._pings.popleft()
            self.send("pong", id=ping.id, t=ping.t)
