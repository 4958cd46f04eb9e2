"""Styles of glasses by name, and what somebody wishes for of them. Light to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from face3d_live.hex_colour import is_colour, rgb_of

#: Every style that can be drawn; "sunglasses" have dark lenses.
STYLES = ("none", "round", "oval", "rectangle", "square", "aviator", "sunglasses")
#: sRGB of a frame whose colour is not known: dark plastic, or metal.
_PLASTIC, _METAL = (0.07, 0.065, 0.06), (0.42, 0.39, 0.35)
_METAL_STYLES = ("round", "oval", "aviator")
#: Share of the light that lenses keep back.
_CLEAR, _TINTED = 0.02, 0.82
_NO_STYLE = f"glasses: expected one of {', '.join(STYLES)}"


@dataclass(frozen=True)
class Glasses:
    """style: of `STYLES`; colour: of the frame, sRGB "#rrggbb"; None: as the photo or the stream shows it.

    Raises ValueError for anything else.
    """

    style: str | None = None
    colour: str | None = None

    def __post_init__(self) -> None:
        if self.style is not None and self.style not in STYLES:
            raise ValueError(_NO_STYLE)
        if self.colour is not None and not is_colour(self.colour):
            raise ValueError('colour of the glasses: expected "#rrggbb"')

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Glasses:
        """`{"glasses","glasses_colour"}`, both optional: a style or null; a colour or null. Raises ValueError."""
        style = message.get("glasses")
        if not isinstance(style, str | None):
            raise ValueError(_NO_STYLE)
        return cls(style, message.get("glasses_colour"))

    def over(self, seen: Glasses) -> Glasses:
        """What is wished, and the rest as it was seen."""
        return Glasses(self.style or seen.style, self.colour or seen.colour)

    @property
    def drawn(self) -> bool:
        """Whether there is anything to draw."""
        return self.style not in (None, "none")

    def rgb(self) -> tuple[float, float, float] | None:
        """The colour as sRGB 0..1."""
        return None if self.colour is None else rgb_of(self.colour)

    def __bool__(self) -> bool:
        """Whether anything is wished for."""
        return self.style is not None or self.colour is not None


#: Nothing is wished for.
AS_SEEN = Glasses()
#: None are worn.
NO_GLASSES = Glasses("none")


def frame_colour(glasses: Glasses) -> tuple[float, float, float]:
    """sRGB 0..1 of the frame: as said, else as the style usually is."""
    return glasses.rgb() or (_METAL if glasses.style in _METAL_STYLES else _PLASTIC)


def lens_tint(glasses: Glasses) -> float:
    """Share of the light that the lenses keep back, 0..1."""
    return _TINTED if glasses.style == "sunglasses" else _CLEAR
