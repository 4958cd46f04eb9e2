"""How often, and how closely, the detector looks for a face while none is tracked."""

from __future__ import annotations

import numpy as np

LOOKS = ((0.1, 0), (0.7, 1), (2.0, 2))  # seconds between looks, and how fine they are
TURNED = {"picture": 0.5, "face": 1.0}  # seconds between looks at a picture or a face turned the other ways up


class Looks:
    """Looks rationed by time: the cheap one often, the tiles that find small faces less often. Times in seconds."""

    def __init__(self) -> None:
        self._last = [-np.inf] * len(LOOKS)
        self._turned = dict.fromkeys(TURNED, -np.inf)

    def next(self, now: float, fresh: bool) -> int | None:
        """How fine the detector may look now, or None when it has looked often enough. fresh: a face was there just
        now, and the cheapest look is allowed on every frame."""
        due = [fine for (every, fine), at in zip(LOOKS, self._last, strict=True) if now - at >= every]
        finest = max(due, default=0 if fresh else None)
        for i, (_, fine) in enumerate(LOOKS):
            if finest is not None and fine <= finest:
                self._last[i] = now
        return finest

    def turned(self, what: str, now: float) -> bool:
        """Whether it is time to look at a "picture" or a "face" turned the other ways up; if so, it counts as done."""
        due = now - self._turned[what] >= TURNED[what]
        if due:
            self._turned[what] = now
        return due
