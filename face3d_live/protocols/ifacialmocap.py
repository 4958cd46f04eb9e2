"""iFacialMocap: text over UDP port 49983, as the phone app sends it.

    eyeBlink_L-7|jawOpen-12|...|=head#x,y,z,px,py,pz|rightEye#x,y,z|leftEye#x,y,z|

Coefficients are integers 0..100; Left and Right at the end of a name become _L and _R, except in jawLeft, jawRight,
mouthLeft and mouthRight. Angles are degrees about x, y, z in ARKit's axes, which are a `StreamFrame`'s (see `pose`):
positive x looks down, positive y to the subject's left, positive z tips the crown to the subject's right. Metres.

A program that wants frames sends the handshake `HANDSHAKE` to the phone's port 49983, or `HANDSHAKE_V2` for frames with
& instead of -, and gets them at its own port 49983 (https://www.ifacialmocap.com/for-developer/).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from face3d_live.codes import ARKIT
from face3d_live.protocols import pose
from face3d_live.protocols.frame import StreamFrame

PORT = 49983
HANDSHAKE = "iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719"
HANDSHAKE_V2 = HANDSHAKE + "|sendDataVersion=v2"

_WHOLE = {"jawLeft", "jawRight", "mouthLeft", "mouthRight"}


def name_of(arkit: str) -> str:
    """iFacialMocap's name of an ARKit coefficient."""
    if arkit in _WHOLE:
        return arkit
    return re.sub("(Left|Right)$", lambda side: "_" + side[0][0], arkit)


NAMES = tuple(name_of(name) for name in ARKIT)


def handshake_version(packet: bytes) -> int | None:
    """The version of the frames that a handshake asks for, 1 or 2; None for any other packet."""
    text = packet.strip(b" \r\n\0")
    return {HANDSHAKE.encode(): 1, HANDSHAKE_V2.encode(): 2}.get(text)


def encode(frame: StreamFrame, v2: bool = False) -> bytes:
    """One frame."""
    mark = "&" if v2 else "-"
    percent = np.rint(100 * np.clip(frame.expression, 0, 1).astype(np.float64)).astype(int).tolist()
    coefficients = "".join(f"{name}{mark}{value}|" for name, value in zip(NAMES, percent, strict=True))
    left, right = pose.eyes(frame)
    head = f"{_degrees(pose.angles(frame.rotation))},{_numbers(pose.position(frame))}"
    return f"{coefficients}=head#{head}|rightEye#{_degrees(right)}|leftEye#{_degrees(left)}|".encode()


def _degrees(yaw_pitch_roll: pose.Vector) -> str:
    yaw, pitch, roll = yaw_pitch_roll
    return _numbers((math.degrees(pitch), math.degrees(yaw), math.degrees(roll)))


def _numbers(values: pose.Vector) -> str:
    # + 0.0: no "-0.0000"
    return ",".join(f"{round(value, 4) + 0.0:.4f}" for value in values)


@dataclass(frozen=True)
class Packet:
    """A packet that was read. values: 0..1 by ARKit's names. head, position, left, right: degrees x, y, z; metres."""

    values: dict[str, float]
    head: pose.Vector
    position: pose.Vector
    left: pose.Vector
    right: pose.Vector


def decode(packet: bytes) -> Packet:
    """Read a packet of either version; names that are not ARKit's are skipped. Raises ValueError for no packet."""
    try:
        coefficients, _, bones = packet.decode().partition("=")
        plain = dict(zip(NAMES, ARKIT, strict=True))
        values = {}
        for item in filter(None, coefficients.split("|")):
            name, _, number = item.replace("&", "-", 1).partition("-")
            if name in plain:
                values[plain[name]] = int(number) / 100
        found = dict(item.split("#", 1) for item in bones.split("|") if "#" in item)
        numbers = {name: [float(v) for v in text.split(",")] for name, text in found.items()}
        head, left, right = numbers["head"], numbers["leftEye"], numbers["rightEye"]
        if (len(head), len(left), len(right)) != (6, 3, 3) or not np.isfinite(head + left + right).all():
            raise ValueError("expected six numbers of the head and three of each eye")
    except (KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"not an iFacialMocap packet: {error!r}") from error
    return Packet(values, _vector(head[:3]), _vector(head[3:]), _vector(left), _vector(right))


def _vector(numbers: list[float]) -> pose.Vector:
    x, y, z = numbers
    return x, y, z
