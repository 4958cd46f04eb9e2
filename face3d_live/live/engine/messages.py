"""What the server and the engine process say to each other, pickled over a socket pair. All of it is small.

Bounded by construction: a session has at most one `Frame` unanswered (see `engine_session`), so a hung engine cannot
make the server block on a full socket. Pictures are not here: they lie in the session's `Mailbox`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from face3d_live.codes import HeadCodes
from face3d_live.live.engine.pipeline import Calibration, CalibrationRequest, ViewRequest

# --- to the engine -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Open:
    """Begin a session; its mailbox's file descriptor follows on the same socket."""

    session: str
    state: object


@dataclass(frozen=True)
class Close:
    """End a session."""

    session: str


@dataclass(frozen=True)
class Frame:
    """A picture lies in the mailbox (width 0: none, draw again, or draw `codes`); answered by `Done` or `Broken`."""

    session: str
    width: int
    height: int
    t: float
    view: ViewRequest
    codes: HeadCodes | None = None


@dataclass(frozen=True)
class Calibrate:
    """Calibrate to the newest pictures' face; answered by `Calibrated`."""

    session: str
    request: CalibrationRequest


@dataclass(frozen=True)
class Wear:
    """A skin lies in the mailbox; answered by `Worn`."""

    session: str


@dataclass(frozen=True)
class ShowAvatar:
    """Draw an avatar; its memory's file descriptor follows on the same socket. key None: the own head, none follows.

    Answered by `AvatarShown`.
    """

    session: str
    key: str | None


@dataclass(frozen=True)
class Stop:
    """Leave."""


# --- from the engine -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """The pipeline has loaded."""

    device: str
    precision: str


@dataclass(frozen=True)
class Failed:
    """The pipeline cannot load; the process ends."""

    code: str
    message: str


@dataclass(frozen=True)
class Done:
    """A frame is processed; the avatar lies in the mailbox. `pipeline.Result` without its picture."""

    session: str
    face: bool
    codes: HeadCodes
    raw: HeadCodes
    confidence: float
    ms: Mapping[str, float]
    cutout: bool = False


@dataclass(frozen=True)
class Broken:
    """A frame raised an exception; the session goes on with the next one."""

    session: str
    message: str


@dataclass(frozen=True)
class Calibrated:
    """The outcome of a `Calibrate`."""

    session: str
    calibration: Calibration


@dataclass(frozen=True)
class Worn:
    """The skin has been taken over, or refused; its slot is free."""

    session: str


@dataclass(frozen=True)
class AvatarShown:
    """The avatar is shown, or, with an error, the own head."""

    session: str
    error: str = ""
