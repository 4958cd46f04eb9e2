"""Giving movements back the size that a cautious estimate takes from them.

A network that is unsure answers between what it sees and what is usual, and a fit with priors does so once more: blinks
and open jaws come out at the right time, but at a fraction of their size. For the channels whose timing is good, what
rises above this face's own resting level is enlarged, small movements the most, by the slope of true on estimated
coefficients in a clip with known codes (`bench/track.py` prints it). New weights want that measured anew.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..codes import INDEX

#: Enlargement of the smallest movements, by channel.
GAINS: Mapping[str, float] = {
    "eyeBlinkLeft": 8.0,
    "eyeBlinkRight": 8.0,
    "jawOpen": 6.0,
    "browInnerUp": 3.0,
    "mouthSmileLeft": 2.2,
    "mouthSmileRight": 2.2,
}

REST_QUANTILE = 0.35  # a face spends at least so much of its time at rest, channel by channel
REST_MARGIN = 0.01  # above it, coefficient units: noise of a resting face is not enlarged
REST_LIMIT = 0.25  # a face kept in one expression for minutes must not become neutral by it
QUICK, SLOW, SETTLING = (
    0.3,
    0.02,
    1.0,
)  # rates of finding the level, units a second: at first and later; seconds between


class Response:
    """One face's resting levels, and what its movements are multiplied by."""

    def __init__(self, gains: Mapping[str, float] = GAINS) -> None:
        self._channels = np.array([INDEX[name] for name in gains], int)
        self._gains = np.array(list(gains.values()), np.float64)
        self.reset()

    def reset(self) -> None:
        """Forget the face."""
        self._rest: NDArray | None = None
        self._age = 0.0

    def __call__(self, expression: NDArray, dt: float) -> NDArray:  # (52,) -> (52,)
        """The expression enlarged, `dt` seconds after the last one."""
        values = np.asarray(expression, np.float64)[self._channels]
        if self._rest is None:
            self._rest = np.minimum(values, REST_LIMIT)
        # A running quantile: up by its share of a step, down by the rest of it, balances where it belongs.
        rate = dt * (SLOW + (QUICK - SLOW) * np.exp(-self._age / SETTLING))
        self._age += dt
        self._rest = np.clip(self._rest + rate * (REST_QUANTILE - (values < self._rest)), 0, REST_LIMIT)
        floor = self._rest + REST_MARGIN
        rise = np.clip((values - floor) / (1 - floor), 0, 1)
        # Straight with the full gain from rest, bending so that full stays full.
        rise = self._gains * rise / (1 + (self._gains - 1) * rise)
        larger = np.array(expression)
        larger[self._channels] = np.maximum(values, floor + (1 - floor) * rise * (values > floor))
        return larger
