"""What a session tells its observer, such as the browser's peer connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from face3d_live.live.engine.pipeline import Result
from face3d_live.live.sessions.picture_quality import Hint


@dataclass(frozen=True)
class SessionFrame:
    """A `Result` with its place in the session.

    number: counts up from 1. t: the picture's time, seconds. arrived: when the picture came, monotonic seconds. fresh:
    a new picture was processed, not an old one drawn again. total_ms: from arrival to the engine's answer.
    """

    number: int
    t: float
    result: Result
    arrived: float
    fresh: bool
    fps: float
    total_ms: float


class SessionObserver(Protocol):
    """Gets a session's frames and notices, on the event loop."""

    def on_frame(self, frame: SessionFrame) -> None:
        """A picture was processed."""

    def on_notice(self, code: str, message: str) -> None:
        """Something happened that the user should be told."""

    def on_quality(self, hints: tuple[Hint, ...]) -> None:
        """What keeps the camera's picture from being better has changed: see `picture_quality`."""
