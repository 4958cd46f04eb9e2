"""What the user does to the tracked face by keys: rest, hold the expression, put on one of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from face3d_live.checks import checked_finite
from face3d_live.codes import INDEX, N_EXPRESSION, HeadCodes
from face3d_live.typing import Array

#: track: as the face does. rest: neutral, upright. hold: the expression of when it began; the head moves on.
Mode = Literal["track", "rest", "hold"]
MODES: tuple[str, ...] = get_args(Mode)


@dataclass(frozen=True)
class Acting:
    """mode, and coefficients by index that are at least as large as here, 0..1, in every mode."""

    mode: Mode = "track"
    expression: tuple[tuple[int, float], ...] = ()

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Acting:
        """From a client's control message. Raises ValueError, TypeError or KeyError."""
        mode, expression = message.get("mode", "track"), message.get("expression", {})
        if mode not in MODES:
            raise ValueError(f"mode: expected one of {', '.join(MODES)}")
        if not isinstance(expression, dict) or len(expression) > N_EXPRESSION:
            raise ValueError("expression: expected coefficients by name")
        values = {INDEX[name]: min(max(checked_finite(value, name), 0.0), 1.0) for name, value in expression.items()}
        return cls(mode, tuple(sorted(values.items())))

    def apply(self, codes: HeadCodes, held: Array | None) -> HeadCodes:
        """The codes to draw and send. held: the expression (52,) of when holding began."""
        if self == Acting():
            return codes
        expression = np.array(codes.expression)
        if self.mode == "rest":
            expression[:] = 0
            codes = codes.with_(rotation=np.eye(3, dtype=np.float32))
        elif self.mode == "hold" and held is not None:
            expression = np.array(held)
        for index, value in self.expression:
            expression[index] = max(expression[index], value)
        return codes.with_(expression=expression)
