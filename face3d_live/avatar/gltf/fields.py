"""Validated access to untrusted JSON: each function returns its type or raises InputError "avatar-broken"."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.errors import InputError

Json = Mapping[str, Any]

_MAX_TEXT = 200
#: Beyond this a number in a scene is a mistake, and squares of it overflow float32.
_MAX_NUMBER = 1e9


def broken(what: str) -> InputError:
    """The error for a file that does not keep to its format."""
    return InputError("avatar-broken", f"{what}: export the model again, or check it with the Khronos glTF validator")


def objects(of: Json, key: str, limit: int) -> list[Json]:
    """A list of objects, empty where the key is missing. Raises "avatar-too-complex" above `limit`."""
    values = listed(of, key, limit)
    if not all(isinstance(value, dict) for value in values):
        raise broken(f"{key} holds something that is no object")
    return values


def listed(of: Json, key: str, limit: int) -> list[Any]:
    """A list, empty where the key is missing. Raises "avatar-too-complex" above `limit`."""
    values = of.get(key, [])
    if not isinstance(values, list):
        raise broken(f"{key} is no list")
    if len(values) > limit:
        text = f"the file has {len(values)} {key}, at most {limit} are read: merge or remove some of them"
        raise InputError("avatar-too-complex", text)
    return values


def mapping(of: Json, key: str) -> Json:
    """An object, empty where the key is missing."""
    value = of.get(key, {})
    if not isinstance(value, dict):
        raise broken(f"{key} is no object")
    return value


def text(of: Json, key: str) -> str:
    """A string, empty where there is none; of a monstrous one the beginning."""
    value = of.get(key, "")
    return value[:_MAX_TEXT] if isinstance(value, str) else ""


def integer(of: Json, key: str, default: int, low: int = 0, high: int = 2**31 - 1) -> int:
    """A whole number within low..high."""
    value = of.get(key, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise broken(f"{key} is {str(value)[:40]}, expected a whole number from {low} to {high}")
    return value


def index(of: Json, key: str, count: int, what: str) -> int | None:
    """An index into `count` things, None where the key is missing (VRM 0 also writes -1)."""
    if of.get(key) in (None, -1):
        return None
    value = integer(of, key, 0)
    if value >= count:
        raise broken(f"{key} names {what} {value}, of which there are {count}")
    return value


def number(of: Json, key: str, default: float) -> float:
    """A finite number of sane size."""
    value = of.get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= _MAX_NUMBER:
        raise broken(f"{key} is {str(value)[:40]}, expected a number")
    return float(value)


def numbers(of: Json, key: str, default: tuple[float, ...]) -> NDArray[np.float64]:
    """As many finite numbers as the default has."""
    values = of.get(key, default)
    good = isinstance(values, list | tuple) and len(values) == len(default)
    if not good or not all(isinstance(v, int | float) and math.isfinite(v) and abs(v) <= _MAX_NUMBER for v in values):
        raise broken(f"{key} is not made of {len(default)} numbers")
    return np.array(values, np.float64)
