"""Hair styles by name, and what somebody wishes for of them. Light to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from face3d_live.hex_colour import is_colour, rgb_of

#: Every style that can be drawn, the barest first.
STYLES = (
    "bald", "receding", "buzz", "short", "swept_back", "side_parting", "fringe", "curls", "afro", "bob", "medium",
    "long", "ponytail", "braid",
)  # fmt: skip
#: Those without a mesh of their own: the renderer draws them on the scalp.
ON_SCALP = ("bald", "receding", "buzz")


@dataclass(frozen=True)
class Hair:
    """style: of `STYLES`; colour: sRGB "#rrggbb"; None: as the photo or the texture shows it.

    Raises ValueError for anything else.
    """

    style: str | None = None
    colour: str | None = None

    def __post_init__(self) -> None:
        if self.style is not None and self.style not in STYLES:
            raise ValueError(f"hair style: expected one of {', '.join(STYLES)}")
        if self.colour is not None and not is_colour(self.colour):
            raise ValueError('hair colour: expected "#rrggbb"')

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Hair:
        """`{"hair","hair_style"}`, both optional: a colour, "none" for bald, or null; a style or null.

        Raises ValueError.
        """
        colour, style = message.get("hair"), message.get("hair_style")
        if colour == "none":
            colour, style = None, style or "bald"
        if not isinstance(style, str | None):
            raise ValueError(f"hair style: expected one of {', '.join(STYLES)}")
        return cls(style, colour)

    def rgb(self) -> tuple[float, float, float] | None:
        """The colour as sRGB 0..1."""
        return None if self.colour is None else rgb_of(self.colour)

    def over(self, seen: Hair) -> Hair:
        """What is wished, and the rest as it was seen. A colour for a bald head makes short hair grow."""
        style = self.style or ("short" if self.colour and seen.style in (None, "bald") else seen.style)
        return Hair(style, None if style == "bald" else self.colour or seen.colour)

    def said(self) -> str | None:
        """The colour, "none" for a bald head, None where nothing is known."""
        return "none" if self.style == "bald" else self.colour

    def __bool__(self) -> bool:
        """Whether anything is wished for."""
        return self.style is not None or self.colour is not None


#: Nothing is wished for.
AS_SEEN = Hair()
