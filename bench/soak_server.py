"""`run_live.py` for `bench/soak.py`, with two faults that only the program can cause in itself.

SIGUSR1 to the engine takes its OpenGL context away, as a driver that was reset or updated does; SIGUSR2 to the server
puts the clock that tells the time of day an hour on, and back the next time.
"""

from __future__ import annotations

import datetime
import gc
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import aiortc.clock
import moderngl

from face3d_live.live import main
from face3d_live.live.engine import factory
from face3d_live.live.engine.pipeline import Pipeline

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))
HOUR = 3600.0
_make_pipeline = factory.make_pipeline


def make_pipeline(*arguments: Any) -> Pipeline:
    """In the engine's process."""
    signal.signal(signal.SIGUSR1, lose_context)
    return _make_pipeline(*arguments)


def lose_context(number: int, frame: FrameType | None) -> None:
    """All contexts of this process are gone."""
    from lost_gl import lose

    lose([thing for thing in gc.get_objects() if isinstance(thing, moderngl.Context)])


class Jumps:
    """The time of day, which jumps."""

    def __init__(self) -> None:
        self._true, self._ahead = time.time, 0.0

    def __call__(self) -> float:
        return self._true() + self._ahead

    def jump(self, number: int, frame: FrameType | None) -> None:
        """On by an hour, or back."""
        self._ahead = HOUR - self._ahead

    def date(self) -> datetime.datetime:
        """What aiortc writes into its reports."""
        return datetime.datetime.fromtimestamp(self(), datetime.UTC)


if __name__ == "__main__":
    clock = Jumps()
    setattr(time, "time", clock)  # noqa: B010  of the module
    signal.signal(signal.SIGUSR2, clock.jump)
    setattr(aiortc.clock, "current_datetime", clock.date)  # noqa: B010
    setattr(main, "make_pipeline", make_pipeline)  # noqa: B010
    from face3d_live.cli.app import app

    sys.argv[1:] = ["live", "--port", "0", *sys.argv[1:]]
    app()
