"""The expression stream as JSON text: one hello, then one object per frame.

    {"v":1,"hello":{"names":[...52...],"fps":30}}
    {"v":1,"session":"a1b2","frame":123,"t":4.1,"face":true,"expression":{"jawOpen":0.41,...},
     "rotation":[x,y,z,w],"translation":[x,y,z],"gaze":{"left":[yaw,pitch],"right":[yaw,pitch]}}

Engines rely on these keys: none is ever added or dropped within version 1. Coefficients are matched by name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from face3d_live.codes import ARKIT
from face3d_live.protocols.frame import StreamFrame
from face3d_live.typing import AnyArray

VERSION = 1

#: 1e-5 is finer than any engine's blend shape, a fiftieth of a degree, a hundredth of a millimetre.
_DECIMALS = 5


@dataclass(frozen=True)
class Hello:
    """What a server says first. names: the 52 coefficients in the binary stream's order; fps: the most to expect."""

    names: tuple[str, ...]
    fps: float


def encode_hello(fps: float = 30, names: Sequence[str] = ARKIT) -> str:
    """The first message on every connection, also on a binary one."""
    return _dump({"v": VERSION, "hello": {"names": list(names), "fps": fps}})


def encode(frame: StreamFrame, names: Sequence[str] = ARKIT, columns: AnyArray | None = None) -> str:
    """One frame as compact JSON; names and columns, (N,): which coefficients, all by default."""
    expression = frame.expression if columns is None else frame.expression[columns]
    left, right = _plain(frame.gaze[0]), _plain(frame.gaze[1])
    return _dump(
        {
            "v": VERSION,
            "session": frame.session,
            "frame": frame.frame,
            "t": round(frame.t, _DECIMALS),
            "face": frame.face,
            "expression": dict(zip(names, _plain(expression), strict=True)),
            "rotation": _plain(frame.rotation),
            "translation": _plain(frame.translation),
            "gaze": {"left": left, "right": right},
        }
    )


def decode(text: str | bytes) -> Hello | StreamFrame:
    """Read one message. Raises ValueError for anything that is not a hello or a frame of this version."""
    try:
        message = json.loads(text)
        if message["v"] != VERSION:
            raise ValueError(f"version {message['v']} of the expression stream; this reads {VERSION}")
        if "hello" in message:
            return Hello(tuple(str(name) for name in message["hello"]["names"]), float(message["hello"]["fps"]))
        return StreamFrame(
            session=str(message["session"]),
            frame=int(message["frame"]),
            t=float(message["t"]),
            face=bool(message["face"]),
            expression=np.array([message["expression"][name] for name in ARKIT], np.float32),
            rotation=np.array(message["rotation"], np.float32),
            translation=np.array(message["translation"], np.float32),
            gaze=np.array([message["gaze"]["left"], message["gaze"]["right"]], np.float32),
        )
    except (KeyError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a message of the expression stream: {error!r}") from error


def _plain(values: AnyArray) -> list[float]:
    return [round(v, _DECIMALS) for v in values.tolist()]


def _dump(message: object) -> str:
    return json.dumps(message, separators=(",", ":"), allow_nan=False)
