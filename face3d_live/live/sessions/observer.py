"""What a session tells whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from face3d_live.live.engine.pipeline import Result


@dataclass(frozen=True)
class Frame:
    """One answer of the engine in its session's terms. number: counts up from 1; total_ms: arrival to answer."""

    number: int
    t: float
    result: Result
    arrived: float
    fresh: bool
    fps: float
    total_ms: float


class Watcher(Protocol):
    """Who is told of a session's answers."""

    def on_frame(self, frame: Frame) -> None:
        """A picture was processed."""

    def on_notice(self, code: str, message: str) -> None:
        """Something happened that the user should be told."""
