"""The messages of the studio's view socket: how to render a finished head. Parsed and checked here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from face3d_live import strict_json
from face3d_live.checks import checked_finite
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.errors import InputError

Mode = Literal["avatar", "geometry", "wireframe"]
MODES: tuple[str, ...] = get_args(Mode)
#: Characters of a message; all 52 coefficients take 1,500.
MAX_MESSAGE = 4096


@dataclass(frozen=True)
class StudioView:
    """mode: textured, plain geometry, or a wireframe over coloured regions. yaw, pitch: orbit in radians. zoom: 1 =
    fits.

    fine: a large picture. expression: coefficients by name that replace those of the photo.
    """

    mode: Mode = "avatar"
    yaw: float = 0.0
    pitch: float = 0.0
    zoom: float = 1.0
    fine: bool = False
    expression: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_text(cls, text: str) -> StudioView:
        """A message `{"mode","yaw","pitch","zoom","fine","expression"}`, each of them optional; values are clamped.

        Raises InputError "bad-look".
        """
        try:
            if len(text) > MAX_MESSAGE:
                raise ValueError(f"a message may have {MAX_MESSAGE} characters")
            return cls._from_message(strict_json.loads(text))
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError("bad-look", f"the view cannot be drawn: {error}") from error

    @classmethod
    def _from_message(cls, message: Mapping[str, Any]) -> StudioView:
        mode = message.get("mode", "avatar")
        if mode not in MODES:
            raise ValueError(f"mode: expected one of {', '.join(MODES)}")
        yaw, pitch, zoom = (
            checked_finite(message.get(key, given), key) for key, given in (("yaw", 0), ("pitch", 0), ("zoom", 1))
        )
        expression = {
            str(name): _clamp(checked_finite(value, str(name)[:40]), 0, 1)
            for name, value in message.get("expression", {}).items()
        }
        if not INDEX.keys() >= expression.keys():
            raise ValueError(f"expression: {sorted(expression.keys() - INDEX.keys())[0][:40]!r} is no coefficient")
        turn = math.remainder(yaw, 2 * math.pi)
        return cls(mode, turn, _clamp(pitch, -1.4, 1.4), _clamp(zoom, 0.3, 5), bool(message.get("fine")), expression)

    def applied_to(self, codes: HeadCodes) -> HeadCodes:
        """The codes with this view's expression."""
        expression = codes.expression.copy()
        for name, value in self.expression.items():
            expression[INDEX[name]] = value
        return replace(codes, expression=expression)


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
