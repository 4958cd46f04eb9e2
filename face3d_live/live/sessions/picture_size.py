"""How large a session's avatar is drawn: as large as it is shown, as far as the time for drawing allows."""

from __future__ import annotations

from collections import deque
from statistics import median

from face3d_live.live.engine.pipeline import AVATAR_SIZE, MAX_AVATAR_SIZE

#: Sides of the square picture, pixels. Each change costs the video a key frame, so there are few.
SIDES = (256, 384, AVATAR_SIZE, 768, MAX_AVATAR_SIZE)
#: A picture that is shown somewhat larger than it was drawn looks the same.
ENLARGED = 1.15
#: Milliseconds that drawing may take, of the 33 of a frame, all sessions together.
BUDGET_MS = 10.0
#: Power of the side with which the time grows: on llvmpipe 1.3 times from 512 to 768, 1.7 from there to 1024.
GROWTH = 1.5
#: Pictures by whose median the size is judged, and seconds for which a size that took too long is not tried again.
PICTURES, PATIENCE = 60, 120.0


class PictureSize:
    """Chooses a side, and changes it where that pays.

    Up to `AVATAR_SIZE` the picture is as large as the page shows it. Beyond, it grows by one step when at the next one
    drawing should take less than `BUDGET_MS`, and shrinks again by one when it takes half as much again.

    most: the largest side. side: the chosen one. usual: the one at first, `AVATAR_SIZE` if that is allowed, up to which
    the budget does not count. wish: at how many pixels the page shows it.
    """

    def __init__(self, most: float = MAX_AVATAR_SIZE) -> None:
        self._sides = [side for side in SIDES if side <= most] or [max(64, int(most) // 2 * 2)]
        self.usual = self._fitting(AVATAR_SIZE)
        self._ms: deque[float] = deque(maxlen=PICTURES)
        self._too_slow: tuple[int, float] = MAX_AVATAR_SIZE + 1, 0.0  # a side, and until when it is not tried
        self.side, self.wish = self.usual, float(AVATAR_SIZE)

    def drawn(self, side: int, ms: float, now: float, sessions: int = 1, elsewhere: bool = False) -> int:
        """A picture of this side was drawn in so many milliseconds, at `now` seconds; returns the side of the next.

        sessions: that share the engine. elsewhere: others than the page look at the picture, and expect `AVATAR_SIZE`.
        """
        wish = self._fitting(self.wish / ENLARGED)
        most = max(wish, self.usual) if elsewhere else wish
        self._choose(min(most, max(self.side, self.usual)))
        if side == self.side:  # not one that was on its way
            self._ms.append(ms)
        if len(self._ms) == PICTURES:
            self._judge(median(self._ms), BUDGET_MS / max(sessions, 1), most, now)
        return self.side

    def _judge(self, ms: float, budget: float, most: int, now: float) -> None:
        """Grow or shrink by one step."""
        larger = self._fitting(self.side + 1)
        may_grow = self.side < larger <= most and (larger < self._too_slow[0] or now > self._too_slow[1])
        if self.side > self.usual and ms > 1.5 * budget:
            self._too_slow = self.side, now + PATIENCE
            self._choose(self._sides[self._sides.index(self.side) - 1])
        elif may_grow and ms * (larger / self.side) ** GROWTH < budget:
            self._choose(larger)

    def _choose(self, side: int) -> None:
        if side != self.side:
            self.side = side
            self._ms.clear()

    def _fitting(self, pixels: float) -> int:
        """The smallest side of at least so many pixels, else the largest."""
        return next((side for side in self._sides if side >= pixels), self._sides[-1])
