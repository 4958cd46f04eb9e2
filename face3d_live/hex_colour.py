"""Colours as HTML writes them: sRGB "#rrggbb". Light to import."""

from __future__ import annotations

import re
from collections.abc import Iterable

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def is_colour(value: object) -> bool:
    """Whether that is "#rrggbb"."""
    return isinstance(value, str) and _COLOUR.fullmatch(value) is not None


def rgb_of(colour: str) -> tuple[float, float, float]:
    """sRGB 0..1 of "#rrggbb"."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def colour_of(rgb: Iterable[int]) -> str:
    """ "#rrggbb" of three values of 0..255."""
    red, green, blue = rgb
    return f"#{red:02x}{green:02x}{blue:02x}"
