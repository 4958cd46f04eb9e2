"""The recording file: JSON Lines, one record a line; text in and out, no I/O. docs/takes.md describes it for users.

    {"face3d_take":1,"name":"...","created":"2026-11-22T02:05:10.123+01:00","fps":30.0,"source":"...","names":[...52...]}
    {"person":{"shape":[...80...],"texture":[...50...]}}           holds from here on
    {"camera":{"width":640,"height":480,"focal":640.0}}            holds from here on
    {"n":1,"t":0.0,"face":true,"expression":[...],"rotation":[...9...],"translation":[...],"light":[...27...]}
    {"gap":{"pictures":2,"why":"busy"}}
    {"end":{"frames":1}}

A float32 is written with nine significant digits, which no other float32 shares: reading gives the same bits.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import numpy as np

from face3d_live import strict_json
from face3d_live.arrays import finite
from face3d_live.camera import Camera
from face3d_live.checks import checked_finite
from face3d_live.codes import ARKIT, N_EXPRESSION, N_LIGHT, N_SHAPE, N_TEXTURE, HeadCodes
from face3d_live.takes.model import LONGEST, REASONS, VERSION, End, Gap, Header, Record, TakeFrame, are_rotations
from face3d_live.typing import AnyArray

#: The longest lines are a header's and a person's, with a few kB.
MAX_LINE = 32 * 1024
_CODES = (("expression", N_EXPRESSION), ("rotation", 9), ("translation", 3), ("light", N_LIGHT))


class Encoder:
    """Records to lines. The person and the camera are written only when they change."""

    def __init__(self) -> None:
        self._person: bytes | None = None
        self._camera: Camera | None = None

    def header(self, header: Header) -> str:
        """The first line."""
        return _dump(
            {
                "face3d_take": VERSION,
                "name": header.name,
                "created": header.created.isoformat(timespec="milliseconds"),
                "fps": header.fps,
                "source": header.source,
                "names": ARKIT,
            }
        )

    def record(self, record: Record) -> str:
        """One or more lines."""
        match record:
            case Gap():
                return _dump({"gap": {"pictures": record.pictures, "why": record.why}})
            case End():
                return _dump({"end": {"frames": record.frames}})
        return self._states(record) + _frame(record)

    def _states(self, frame: TakeFrame) -> str:
        text, codes = "", frame.codes
        person = codes.shape.tobytes() + codes.texture.tobytes()
        if person != self._person:
            self._person = person
            text += f'{{"person":{{"shape":{_floats(codes.shape)},"texture":{_floats(codes.texture)}}}}}\n'
        if frame.camera != self._camera and frame.camera is not None:
            self._camera = frame.camera
            width, height, focal = frame.camera.width, frame.camera.height, float(frame.camera.focal)
            text += _dump({"camera": {"width": width, "height": height, "focal": focal}})
        return text


class Decoder:
    """Lines to records. Every method raises ValueError for a line that is not of this format."""

    def __init__(self) -> None:
        self._shape = np.zeros(N_SHAPE, np.float32)
        self._texture = np.zeros(N_TEXTURE, np.float32)
        self._camera: Camera | None = None
        self._order: list[int] | None = None

    def header(self, line: str) -> Header:
        """The first line."""
        plain = _load_header(line)
        if plain.get("face3d_take") != VERSION:
            raise ValueError(f"version {plain.get('face3d_take')!r}; this reads {VERSION}")
        try:
            names = [str(name) for name in plain["names"]]
            self._order = [names.index(name) for name in ARKIT]
            if len(names) != N_EXPRESSION:
                raise ValueError(f"{len(names)} names")
            created = datetime.fromisoformat(plain["created"])
            return Header(str(plain["name"]), created, checked_finite(plain["fps"], "fps"), str(plain["source"]))
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"header: {error!r}") from error

    def record(self, line: str) -> Record | None:
        """One further line; None for one that sets the person or the camera of later frames."""
        plain = _load(line)
        try:
            if "n" in plain:
                return self._frame(plain)
            if "person" in plain:
                person = plain["person"]
                self._shape, self._texture = finite(person["shape"], N_SHAPE), finite(person["texture"], N_TEXTURE)
                return None
            if "camera" in plain:
                self._camera = _camera(plain["camera"])
                return None
            if "gap" in plain:
                return _gap(plain["gap"])
            if "end" in plain:
                return End(_count(plain["end"]["frames"]))
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(repr(error)) from error
        raise ValueError(f"no record has the keys {list(plain)[:8]}")

    def _frame(self, plain: dict[str, Any]) -> TakeFrame:
        arrays = {name: finite(plain[name], size) for name, size in _CODES}
        if self._order is not None:
            arrays["expression"] = arrays["expression"][self._order]
        arrays["rotation"] = rotation = arrays["rotation"].reshape(3, 3)
        if not are_rotations(rotation):
            raise ValueError("rotation: not a rotation")
        if not isinstance(plain["face"], bool):
            raise ValueError("face: expected true or false")
        if isinstance(plain["t"], bool) or not 0 <= plain["t"] <= LONGEST:
            raise ValueError(f"t: expected 0 to {LONGEST:.0f} seconds")
        codes = HeadCodes(shape=self._shape, texture=self._texture, **arrays)
        return TakeFrame(_count(plain["n"]), float(plain["t"]), plain["face"], codes, self._camera)


def _frame(frame: TakeFrame) -> str:
    codes = frame.codes
    parts = (codes.expression, codes.rotation.reshape(9), codes.translation, codes.light)
    text = "".join(f',"{name}":{_floats(part)}' for (name, _), part in zip(_CODES, parts, strict=True))
    return f'{{"n":{frame.number},"t":{float(frame.t)!r},"face":{"true" if frame.face else "false"}{text}}}\n'


def _floats(values: AnyArray) -> str:
    return "[" + ",".join(["%.9g"] * len(values)) % tuple(values.tolist()) + "]"


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or not 0 <= value < 2**53:
        raise ValueError("expected a count")
    return int(value)


def _camera(plain: dict[str, Any]) -> Camera:
    width, height, focal = _count(plain["width"]), _count(plain["height"]), checked_finite(plain["focal"], "focal")
    if not (1 <= width <= 65536 and 1 <= height <= 65536 and 1 <= focal <= 1e7):
        raise ValueError("camera: out of range")
    return Camera(width, height, focal)


def _gap(plain: dict[str, Any]) -> Gap:
    if plain["why"] not in REASONS:
        raise ValueError(f"gap: expected one of {', '.join(REASONS)}")
    return Gap(_count(plain["pictures"]), plain["why"])


def _load_header(line: str) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise ValueError(f"a line of {len(line)} characters")
    plain = strict_json.loads(line)
    if not isinstance(plain, dict):
        raise ValueError("not an object")
    return plain


def _load(line: str) -> dict[str, Any]:
    """A record. Its fields are numbers that are checked one by one: twice as fast as `strict_json`."""
    if len(line) > MAX_LINE:
        raise ValueError(f"a line of {len(line)} characters")
    try:
        plain = json.loads(line, parse_int=float, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(plain, dict):
        raise ValueError("not an object")
    return plain


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _dump(plain: object) -> str:
    line = json.dumps(plain, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return line + "\n"
