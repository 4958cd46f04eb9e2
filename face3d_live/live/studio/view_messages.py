"""The messages of the studio's view socket: how to render a finished head. Parsed and checked here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from face3d_live import strict_json
from face3d_live.checks import checked_finite
from face3d_live.errors import InputError
from face3d_live.live.worker.head_edit import HeadEdit, clamped

Mode = Literal["avatar", "geometry", "wireframe"]
MODES: tuple[str, ...] = get_args(Mode)
#: Characters of a message; all 52 coefficients take 1,500.
MAX_MESSAGE = 4096


def read_edit(message: Mapping[str, Any]) -> HeadEdit:
    """A `HeadEdit`. Raises InputError "bad-look"."""
    try:
        return HeadEdit.from_message(message)
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError("bad-look", f"the head cannot be changed so: {error}") from error


@dataclass(frozen=True)
class StudioView(HeadEdit):
    """A head with an edit, and how it is seen. mode: textured, plain geometry, or a wireframe over coloured regions.
    yaw, pitch: orbit in radians. zoom: 1 = fits. fine: a large picture. grid: the texture's UV grid lies over the skin.
    """

    mode: Mode = "avatar"
    yaw: float = 0.0
    pitch: float = 0.0
    zoom: float = 1.0
    fine: bool = False
    grid: bool = False

    @classmethod
    def from_text(cls, text: str) -> StudioView:
        """A message `{"mode","yaw","pitch","zoom","fine","grid"}` with the fields of a `HeadEdit`, all optional; values
        are clamped.

        Raises InputError "bad-look".
        """
        try:
            if len(text) > MAX_MESSAGE:
                raise ValueError(f"a message may have {MAX_MESSAGE} characters")
            return cls._of_message(strict_json.loads(text))
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError("bad-look", f"the view cannot be drawn: {error}") from error

    @classmethod
    def _of_message(cls, message: Mapping[str, Any]) -> StudioView:
        mode = message.get("mode", "avatar")
        if mode not in MODES:
            raise ValueError(f"mode: expected one of {', '.join(MODES)}")
        yaw, pitch, zoom = (
            checked_finite(message.get(key, given), key) for key, given in (("yaw", 0), ("pitch", 0), ("zoom", 1))
        )
        return cls(
            **HeadEdit.fields_of(message),
            mode=mode,
            yaw=math.remainder(yaw, 2 * math.pi),
            pitch=clamped(pitch, -1.4, 1.4),
            zoom=clamped(zoom, 0.3, 5),
            fine=bool(message.get("fine")),
            grid=bool(message.get("grid")),
        )
