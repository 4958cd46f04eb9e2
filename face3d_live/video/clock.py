"""Times of frames from imperfect timestamps, and the frame rate that they amount to."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

FALLBACK_FPS = 30.0  # where nothing is known of a rate
#: Seconds: a longer step is a jump of the clock and not a pause of the camera. FFmpeg's dts_delta_threshold is 10 s for
#: streams; a file whose times stand in an index may have a camera in it that froze while its sound went on.
JUMP_SECONDS, FILE_JUMP_SECONDS = 10.0, 60.0
#: The same in median steps, for time lapses.
JUMP_STEPS = 10.0
#: Steps back of fewer median steps are jitter; larger ones are a restart of the clock.
RESTART_STEPS = 1.5


def frame_rate(times: Iterable[float]) -> float | None:
    """Frames per second of times in the order of the file, None where no two of them rise.

    The mean of the steps that are within half of the median step, so that rounding to milliseconds does not show
    (the median of 41 and 42 ms is neither 23.976 nor 24) and pauses and lost frames do not count.
    """
    steps = np.diff(list(times))
    steps = steps[steps > 1e-6]
    if not len(steps):
        return None
    median = np.sort(steps)[len(steps) // 2]  # one of them, also where half are long and half are short
    return float(1 / steps[np.abs(steps - median) <= median / 2].mean())


class Clock:
    """Seconds since the first frame, strictly rising, from timestamps in the order of display.

    Timestamps that begin again or jump go on one median step after the frame before, and so does what follows them.
    A missing timestamp counts as one step. A single one that is not later than the one before goes half a step after
    it, and moves nothing else.

    `offsets` are the seconds to add to the file's timestamps, one for each stretch between two breaks.
    """

    def __init__(self, step: float, longest: float = JUMP_SECONDS) -> None:
        """step: the median one; longest: from which on a step is a break; both in seconds."""
        self.step, self.longest = step, max(longest, JUMP_STEPS * step)
        self.offsets: list[float] = []
        self._last: float | None = None

    def __call__(self, stamp: float | None) -> float:
        """The time of the next frame. stamp: its timestamp in seconds, None where it has none."""
        following = 0.0 if self._last is None else self._last + self.step
        self._last = following if stamp is None else self._placed(stamp, following)
        return self._last

    def _placed(self, stamp: float, following: float) -> float:
        if not self.offsets or self._last is None:
            self.offsets.append(following - stamp)
            return following
        ahead = stamp + self.offsets[-1] - self._last
        if not -RESTART_STEPS * self.step < ahead <= self.longest:
            self.offsets.append(following - stamp)
            return following
        return self._last + (ahead if ahead > 0 else self.step / 2)
