"""The times at which a take's frames are due. Waiting for them is done by `live.takes.playback`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from face3d_live.takes.model import Take


class DueFrame(NamedTuple):
    """seconds: since the start of playing. frame: index in the take. lap: how many loops are complete."""

    seconds: float
    frame: int
    lap: int


def schedule(take: Take, loop: bool = False, speed: float = 1.0) -> Iterator[DueFrame]:
    """Every frame at its own time. loop: forever, with one frame interval between the last frame and the first.

    speed: 2 is twice as fast. The take must have a frame.
    """
    lap = 0
    while True:
        for frame, t in enumerate(take.t.tolist()):
            yield DueFrame((lap * take.seconds + t) / speed, frame, lap)
        if not loop:
            return
        lap += 1
