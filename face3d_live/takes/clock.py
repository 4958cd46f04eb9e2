"""When a take's frames are due. Pure reckoning: who waits, and by which clock, is `live.playback`'s business."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from face3d_live.takes.model import Take


class Due(NamedTuple):
    """seconds: from the beginning of playing; frame: the take's frame; lap: how often the take has begun anew."""

    seconds: float
    frame: int
    lap: int


def schedule(take: Take, loop: bool = False, speed: float = 1.0) -> Iterator[Due]:
    """Every frame at its own time; with `loop` for ever, one frame's time between the last frame and the first.

    speed: 2 is twice as fast, 0.5 in slow motion.

    The take must have a frame.
    """
    lap = 0
    while True:
        for frame, t in enumerate(take.t.tolist()):
            yield Due((lap * take.seconds + t) / speed, frame, lap)
        if not loop:
            return
        lap += 1
