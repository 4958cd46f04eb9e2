"""How many pictures a second a camera gives, by the pictures' own times."""

from __future__ import annotations

from collections import deque

import numpy as np

#: A camera is judged by its newest pictures only: in the dark many take fewer.
_PICTURES = 90
#: From so many on there is something to say.
_ENOUGH = 6
#: Times the usual interval.
_PAUSE = 4.5
#: A camera that is so near to a whole number means that number.
_NEAR = 0.02


class CameraRate:
    """nominal: what a file says of itself, which is then believed. Any thread may add, any may ask."""

    def __init__(self) -> None:
        self.nominal: float | None = None
        self._stamps: deque[float] = deque(maxlen=_PICTURES)

    def add(self, t: float) -> None:
        """A picture of this time, seconds."""
        self._stamps.append(t)

    @property
    def fps(self) -> float | None:
        """Frames per second, None while too little is known.

        The median interval is one picture's; longer ones are those of pictures that were lost on the way, each counted
        for what it spans, and the longest, pauses, do not count.
        """
        if self.nominal is not None:
            return self.nominal
        steps = np.diff(list(self._stamps))
        steps = steps[steps > 1e-3]
        if len(steps) < _ENOUGH:
            return None
        median = np.median(steps)
        steps = steps[steps < _PAUSE * median]
        fps = float(np.rint(steps / median).clip(1).sum() / steps.sum())
        return float(round(fps)) if abs(fps - round(fps)) < _NEAR * fps else round(fps, 2)
