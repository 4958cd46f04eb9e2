"""What a user changes of a finished head: read from a message, applied to its codes. Light to import."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from face3d_live.checks import checked_finite
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.eyewear import Glasses
from face3d_live.hairstyle import Hair
from face3d_live.rotations import from_euler
from face3d_live.styling import Styling

#: Components of the shape, those with the largest variance first, that can be changed.
SHAPES = 8
#: Standard deviations that are added to a component at most; factors of the light.
MOST_SHAPE, LIGHT = 3.0, (0.2, 2.0)


@dataclass(frozen=True)
class HeadEdit:
    """expression: coefficients by name that replace the photo's. shape: added to the first components of the photo's,
    in standard deviations. hair: sRGB "#rrggbb", "none" for a bald head, None as in the photo. light: factor of the
    photo's. pose: yaw and pitch in radians instead of the photo's, see `rotations.from_euler`; None keeps that.
    hair_style: of `hairstyle.STYLES`, None as in the photo. glasses, glasses_colour: see `eyewear.Glasses`.
    """

    expression: Mapping[str, float] = field(default_factory=dict)
    shape: tuple[float, ...] = ()
    hair: str | Literal["none"] | None = None
    light: float = 1.0
    pose: tuple[float, float] | None = None
    hair_style: str | None = None
    glasses: str | None = None
    glasses_colour: str | None = None

    @classmethod
    def fields_of(cls, message: Mapping[str, Any]) -> dict[str, Any]:
        """The fields in `{"expression","shape","hair","hair_style","glasses","glasses_colour","light","pose"}`, each
        optional; numbers are clamped.

        Raises ValueError, TypeError or AttributeError for what is none of them.
        """
        expression = {
            str(name): clamped(checked_finite(value, str(name)[:40]), 0, 1)
            for name, value in message.get("expression", {}).items()
        }
        if not INDEX.keys() >= expression.keys():
            raise ValueError(f"expression: {sorted(expression.keys() - INDEX.keys())[0][:40]!r} is no coefficient")
        shape = message.get("shape", [])
        if not isinstance(shape, list) or len(shape) > SHAPES:
            raise ValueError(f"shape: expected at most {SHAPES} numbers")
        Hair.from_message(message), Glasses.from_message(message)
        pose = message.get("pose")
        if pose is not None and not (isinstance(pose, list) and len(pose) == 2):
            raise ValueError("pose: expected yaw and pitch, or null")
        return {
            "expression": expression,
            "shape": tuple(clamped(checked_finite(value, "shape"), -MOST_SHAPE, MOST_SHAPE) for value in shape),
            "hair": message.get("hair"),
            "hair_style": message.get("hair_style"),
            "glasses": message.get("glasses"),
            "glasses_colour": message.get("glasses_colour"),
            "light": clamped(checked_finite(message.get("light", 1), "light"), *LIGHT),
            "pose": None if pose is None else _angles(*(checked_finite(value, "pose") for value in pose)),
        }

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> HeadEdit:
        """See `fields_of`."""
        return cls(**HeadEdit.fields_of(message))

    def to_json(self) -> dict[str, object]:
        """The message."""
        pose = None if self.pose is None else list(self.pose)
        return {
            "expression": dict(self.expression),
            "shape": list(self.shape),
            "hair": self.hair,
            "hair_style": self.hair_style,
            "glasses": self.glasses,
            "glasses_colour": self.glasses_colour,
            "light": self.light,
            "pose": pose,
        }

    @property
    def styling(self) -> Styling:
        """The fields of hair and glasses as one."""
        hair = Hair.from_message({"hair": self.hair, "hair_style": self.hair_style})
        return Styling(hair, Glasses(self.glasses, self.glasses_colour))

    def applied_to(self, codes: HeadCodes) -> HeadCodes:
        """The codes with this expression, shape and light; not the pose."""
        expression, shape = codes.expression.copy(), codes.shape.copy()
        for name, value in self.expression.items():
            expression[INDEX[name]] = value
        shape[: len(self.shape)] += np.array(self.shape, np.float32)
        return codes.with_(expression=expression, shape=shape, light=np.float32(self.light) * codes.light)

    def posed(self, codes: HeadCodes) -> HeadCodes:
        """The codes with all of it, the pose included."""
        codes = self.applied_to(codes)
        return codes if self.pose is None else codes.with_(rotation=from_euler(*self.pose, 0.0))


def clamped(value: float, low: float, high: float) -> float:
    """`value`, or the bound that it is beyond."""
    return min(max(value, low), high)


def _angles(yaw: float, pitch: float) -> tuple[float, float]:
    return math.remainder(yaw, 2 * math.pi), clamped(pitch, -1.4, 1.4)
