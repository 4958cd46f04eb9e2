"""Live Link Face, version 6: what Epic's phone app sends to Unreal Engine on UDP port 11111. Big-endian.

| type         | meaning                                                                             |
|--------------|-------------------------------------------------------------------------------------|
| u8           | 6                                                                                   |
| i32 + bytes  | length, device id (a UUID's 36 characters)                                          |
| i32 + bytes  | length, subject name, UTF-8                                                         |
| i32, f32     | frame number and fraction of a frame, of the time of day                            |
| i32, i32     | frames per second: numerator, denominator                                           |
| u8, f32[61]  | 61; 52 coefficients in `ORDER`, head yaw pitch roll, left eye's, right eye's        |

The time of day is the sender's local one: Epic's app takes it from the phone's own clock (Unreal's system time code
provider, `FDateTime::Now`), and its frames are counted since midnight at the stated rate.

Without a face the packet ends after the frame rate. Angles are radians, as `pose` defines them and as Unreal's ARKit
plug-in computes them from an unmirrored face: positive yaw to the subject's left, positive pitch down, positive roll
tips the crown to the subject's right.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

import numpy as np

from face3d_live.codes import ARKIT
from face3d_live.protocols import pose
from face3d_live.protocols.clock import DAY, ClockTime, time_of_day
from face3d_live.protocols.frame import StreamFrame

PORT = 11111
VERSION = 6
N_VALUES = 61
MAX_SUBJECT = 64

#: Unreal's names are Apple's with a capital, in the order of Apple's documentation, which is `codes.ARKIT`'s.
ORDER = tuple(name[0].upper() + name[1:] for name in ARKIT)
ANGLES = tuple(f"{what}{angle}" for what in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll"))

_RATE = struct.Struct(">ifii")
_VALUES = struct.Struct(f">B{N_VALUES}f")
_NAMESPACE = uuid.UUID("6d1f3a0e-3a52-4b0c-9a0e-0c5d1fe8a1d4")


def exact_rate(fps: float) -> Fraction:
    """The rate as Unreal writes it: 29.97 and its kind are n * 1000/1001, all others short fractions."""
    whole = round(fps * 1.001)
    if fps != round(fps) and abs(fps * 1.001 - whole) < 0.005:
        return Fraction(whole * 1000, 1001)
    return Fraction(fps).limit_denominator(1000)


class Encoder:
    """subject: the name under which Unreal lists the source; fps: what the frame numbers count; clock: local time.

    Raises ValueError for a subject that is empty, longer than 64 bytes or not printable.
    """

    def __init__(self, subject: str = "Face3D", fps: float = 60, clock: Callable[[], datetime] = datetime.now) -> None:
        name = subject.encode()
        if not 0 < len(name) <= MAX_SUBJECT or not subject.isprintable():
            raise ValueError(f"a subject name has 1 to {MAX_SUBJECT} printable characters")
        device = str(uuid.uuid5(_NAMESPACE, subject)).upper().encode()
        self._rate, self._time = exact_rate(fps), ClockTime(lambda: time_of_day(clock()), DAY)
        self._head = struct.pack(">Bi", VERSION, len(device)) + device + struct.pack(">i", len(name)) + name

    def encode(self, frame: StreamFrame) -> bytes:
        """One frame."""
        frames = self._time(frame) * self._rate.numerator / self._rate.denominator
        number = int(frames)
        fraction = np.float32(frames - number)
        if fraction >= 1:  # nearest float32
            number, fraction = number + 1, np.float32(0)
        packet = self._head + _RATE.pack(number, fraction, self._rate.numerator, self._rate.denominator)
        if not frame.face:
            return packet
        values = np.clip(frame.expression, 0, 1).tolist()
        return packet + _VALUES.pack(N_VALUES, *values, *pose.angles(frame.rotation), *sum(pose.eyes(frame), ()))


@dataclass(frozen=True)
class Packet:
    """A packet that was read. values: by name, `ORDER` and `ANGLES`; None without a face."""

    device: str
    subject: str
    seconds: float
    fps: float
    values: dict[str, float] | None


def decode(packet: bytes) -> Packet:
    """Read a packet. Raises ValueError for anything that is not one."""
    try:
        if packet[0] != VERSION:
            raise ValueError(f"version {packet[0]} of Live Link Face; this reads {VERSION}")
        device, at = _text(packet, 1)
        subject, at = _text(packet, at)
        number, fraction, numerator, denominator = _RATE.unpack_from(packet, at)
        at += _RATE.size
        if numerator <= 0 or denominator <= 0 or not np.isfinite(fraction):
            raise ValueError("a frame rate or time that cannot be")
        fps = numerator / denominator
        values = None
        if at < len(packet):
            count, *numbers = _VALUES.unpack_from(packet, at)
            if count != N_VALUES or len(packet) != at + _VALUES.size or not np.isfinite(numbers).all():
                raise ValueError("expected 61 finite values and nothing after them")
            values = dict(zip(ORDER + ANGLES, numbers, strict=True))
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"not a Live Link Face packet: {error}") from error
    return Packet(device, subject, (number + fraction) / fps, fps, values)


def _text(packet: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">i", packet, at)
    end = at + 4 + length
    if length < 0 or end > len(packet):
        raise ValueError("a text that is longer than the packet")
    return packet[at + 4 : end].decode(), end
