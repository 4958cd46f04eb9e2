"""How often, and on how fine tiles, the detector runs while no face is tracked."""

from __future__ import annotations

import numpy as np

PERIODS = ((0.1, 0), (0.7, 1), (2.0, 2))  # (seconds between runs, tile sizes tried: `finest` of `Detector.detect`)
TURNED_PERIODS = {"picture": 0.5, "face": 1.0}  # seconds between runs on a picture, or a face, turned other ways up


class DetectorSchedule:
    """Rate limits of detector runs: the whole picture often, the tiles that find small faces less often.

    Times in seconds.
    """

    def __init__(self) -> None:
        self._last = [-np.inf] * len(PERIODS)
        self._turned = dict.fromkeys(TURNED_PERIODS, -np.inf)

    def next(self, now: float, fresh: bool) -> int | None:
        """The finest tile size that is due now, or None while no run is due.

        fresh: a face was lost just now, so that a run on the whole picture is allowed on every frame.
        """
        due = [fine for (every, fine), at in zip(PERIODS, self._last, strict=True) if now - at >= every]
        finest = max(due, default=0 if fresh else None)
        for i, (_, fine) in enumerate(PERIODS):
            if finest is not None and fine <= finest:
                self._last[i] = now
        return finest

    def due_turned(self, what: str, now: float) -> bool:
        """Whether a run on a turned "picture" or "face" is due. If so, it counts as done."""
        due = now - self._turned[what] >= TURNED_PERIODS[what]
        if due:
            self._turned[what] = now
        return due
