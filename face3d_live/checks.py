"""Checks of arguments where pictures and numbers enter the library: each raises a ValueError that says what it got."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from face3d_live.typing import Picture, Rgb

_CURES = {
    "grey": "repeat it in three channels, np.stack([grey] * 3, -1)",
    "alpha": "leave the alpha channel out, picture[..., :3]",
    "scale": "convert it to 8 bits, 0..255",
}


def checked_rgb(picture: object, what: str = "picture") -> Rgb:
    """The picture as a contiguous (H, W, 3) uint8 array; strided views are copied.

    Raises ValueError, naming shape and type, for anything else: other types of numbers, grey and RGBA pictures,
    pictures without pixels, objects that are no arrays.
    """
    return checked_picture(picture, (3,), what)


def checked_picture(picture: object, channels: Sequence[int], what: str = "picture") -> Picture:
    """Like `checked_rgb`, with one of the given numbers of channels."""
    wanted = f"{what}: expected uint8 (H, W, {' or '.join(map(str, channels))})"
    if not isinstance(picture, np.ndarray):
        raise ValueError(f"{wanted}, got {type(picture).__name__}: give a NumPy array, np.asarray(image)")
    got = f"got {picture.dtype} {picture.shape}"
    if picture.ndim != 3 or picture.shape[2] not in channels:
        cure = "grey" if picture.ndim == 2 else "alpha" if picture.shape[2:] == (4,) else ""
        raise ValueError(f"{wanted}, {got}" + (f": {_CURES[cure]}" if cure else ""))
    if picture.dtype != np.uint8:
        raise ValueError(f"{wanted}, {got}: {_CURES['scale']}")
    if picture.size == 0:
        raise ValueError(f"{wanted}, {got}: it has no pixels")
    return np.ascontiguousarray(picture)


def checked_finite(value: object, what: str) -> float:
    """A real number that is finite, as a float. Raises ValueError."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError(f"{what}: expected a number, got {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{what}: expected a finite number, got {number}")
    return number


def checked_size(value: object, what: str) -> int:
    """A whole number above zero, as an int. Raises ValueError."""
    number = checked_finite(value, what)
    if number < 1 or number != int(number):
        raise ValueError(f"{what}: expected a whole number above zero, got {value}")
    return int(number)
