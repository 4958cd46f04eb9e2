"""The messages between the server and the engine process, pickled over a socket pair.

Every message is small, because pictures and textures lie in the session's `SharedFrameMemory`. A session has at most
two `ProcessFrame`s without an answer (see `engine.session`). A thread writes them (`engine.outbox`), so that an engine
that reads nothing blocks nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from face3d_live.codes import HeadCodes
from face3d_live.live.engine.pipeline import CalibrationRequest, CalibrationResult, Result, ViewRequest

# --- to the engine -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """Become the engine: the first message to a process, which until then is kept in reserve."""


@dataclass(frozen=True)
class Open:
    """Begin a session. The file descriptor of its shared memory follows on the same socket.

    number: what `Progress` calls it.
    """

    session: str
    state: object
    number: int = 0


@dataclass(frozen=True)
class Close:
    """End a session."""

    session: str


@dataclass(frozen=True)
class ProcessFrame:
    """Process the picture in the shared memory. Always answered, by `Processed` or `FrameFailed`.

    width, height: of the picture, pixels; width 0 means that there is none: draw `codes`, or draw the last frame again.
    place: where the answer's pictures go, 0 or 1.
    """

    session: str
    width: int
    height: int
    t: float
    view: ViewRequest
    codes: HeadCodes | None = None
    place: int = 0


@dataclass(frozen=True)
class Calibrate:
    """Calibrate to the face of the newest pictures. Answered by `Calibrated`."""

    session: str
    request: CalibrationRequest


@dataclass(frozen=True)
class SetTexture:
    """Use the texture in the shared memory. Answered by `TextureSet`."""

    session: str


@dataclass(frozen=True)
class ShowAvatar:
    """Draw an avatar, whose file descriptor follows on the same socket. Answered by `AvatarShown`.

    key: None for the user's own head; no descriptor follows then.
    """

    session: str
    key: str | None


@dataclass(frozen=True)
class Stop:
    """End the process."""


# --- from the engine -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """The pipeline has loaded."""

    device: str
    precision: str


@dataclass(frozen=True)
class Failed:
    """The pipeline cannot load. The process ends."""

    code: str
    message: str


@dataclass(frozen=True)
class Taken:
    """The picture that was sent last is not needed any more: the one that waits may follow before the answer."""

    session: str


@dataclass(frozen=True)
class Processed:
    """A frame is processed. `result` comes without its pictures; they lie in the shared memory.

    image, cutout: sides of the avatar, and of the head on a transparent background, in the shared memory; 0 for none.
    """

    session: str
    result: Result
    image: int
    cutout: int


@dataclass(frozen=True)
class FrameFailed:
    """A frame raised an exception. The session goes on with the next one."""

    session: str
    message: str


@dataclass(frozen=True)
class Calibrated:
    """The answer to `Calibrate`."""

    session: str
    calibration: CalibrationResult


@dataclass(frozen=True)
class TextureSet:
    """The texture has been copied or refused. Its memory may be written again."""

    session: str


@dataclass(frozen=True)
class AvatarShown:
    """The avatar is drawn from now on. With an error, the user's own head is.

    key: of the avatar; None when the own head was asked for. too_slow: its pictures take too long.
    """

    session: str
    key: str | None = None
    error: str = ""
    too_slow: bool = False
