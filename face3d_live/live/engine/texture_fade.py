"""The head's newest texture comes in gradually: skin that changes at once looks like a fault."""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.typing import Picture

#: Seconds from one texture to the next, and in how many steps: each costs about 10 ms.
FADE_SECONDS, STEPS = 0.6, 6


class TextureFade:
    """From a texture to the next one. plain: (S, S, 3) the skin before there is any."""

    def __init__(self, plain: Picture) -> None:
        self._shown = plain
        self._before = self._after = plain
        self._began: float | None = None
        self._step = STEPS

    def begin(self, texture: Picture) -> None:  # (S, S, 4), kept as it is
        """Fade from what is shown now to this texture, beginning with the next picture."""
        size = texture.shape[1], texture.shape[0]
        before = self._shown if self._shown.shape == texture.shape else cv2.resize(self._shown, size)
        self._before, self._after = np.asarray(before[..., :3]), texture
        self._began, self._step = None, 0

    @property
    def newest(self) -> Picture:
        """The texture that is faded to: hair and eyes are its own from the first step, as half of a hair is none."""
        return self._after

    def at(self, t: float) -> Picture | None:  # -> (S, S, 4)
        """The texture to draw a picture at `t` seconds with; None while it is the one of the picture before."""
        if self._step == STEPS:
            return None
        self._began = t if self._began is None else self._began
        step = min(STEPS, 1 + int(STEPS * max(0.0, t - self._began) / FADE_SECONDS))
        if step <= self._step:
            return None
        self._step = step
        self._shown = self._mixed(step / STEPS)
        return self._shown

    def _mixed(self, share: float) -> Picture:
        """Alpha is the newer texture's: it says where skin was seen, and the hair style."""
        if share == 1:
            return self._after
        mixed = self._after.copy()
        mixed[..., :3] = cv2.addWeighted(self._before, 1 - share, np.ascontiguousarray(self._after[..., :3]), share, 0)
        return mixed
