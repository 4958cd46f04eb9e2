"""`StreamFrame`: what the expression stream says of one picture, before any wire format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face3d_live.codes import N_EXPRESSION, HeadCodes, gaze_angles
from face3d_live.rotations import to_quaternion
from face3d_live.typing import Array

_SHAPES = {"expression": (N_EXPRESSION,), "rotation": (4,), "translation": (3,), "gaze": (2, 2)}


@dataclass(frozen=True)
class StreamFrame:
    """One head at one instant. All numbers are finite; the subject's Left and Right, never mirrored.

    session: the session's id. frame: number of the processed picture, counts up within a session. t: seconds since
    the session's first picture, from the pictures' own timestamps. face: whether a face was seen.
    expression: (52,) ARKit coefficients 0..1. rotation: (4,) unit quaternion x, y, z, w and translation: (3,) metres:
    camera from head, right-handed, +y up, +z towards the viewer. gaze: (2, 2) radians, [left, right] x [yaw, pitch],
    head frame, positive yaw towards the subject's left, positive pitch up.

    Raises ValueError for a wrong shape or a number that is not finite.
    """

    session: str
    frame: int
    t: float
    face: bool
    expression: Array
    rotation: Array
    translation: Array
    gaze: Array

    def __post_init__(self) -> None:
        for name, shape in _SHAPES.items():
            value = np.asarray(getattr(self, name), np.float32)
            if value.shape != shape:
                raise ValueError(f"{name}: expected {shape}, got {value.shape}")
            if not np.isfinite(value).all():
                raise ValueError(f"{name}: not finite")
            object.__setattr__(self, name, value)
        if not np.isfinite(self.t):
            raise ValueError("t: not finite")
        if not 0 <= self.frame < 2**32:
            raise ValueError("frame: does not fit in 32 bits")

    @classmethod
    def from_codes(cls, session: str, frame: int, t: float, face: bool, codes: HeadCodes) -> StreamFrame:
        """The stream's view of `codes`."""
        return cls(
            session=session,
            frame=frame % 2**32,
            t=t,
            face=face,
            expression=codes.expression,
            rotation=to_quaternion(codes.rotation),
            translation=codes.translation,
            gaze=gaze_angles(codes.expression),
        )
