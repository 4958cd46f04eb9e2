"""Shared memory for one session: a picture in, an avatar out (also cut out), and the skin that the avatar wears.

The memory is anonymous (`memfd_create`) and travels to the engine as a file descriptor. It has no name, so there is
nothing to unlink and nothing can leak: it is gone when the last process that holds it is gone, however that one died.

Who may touch what follows from the messages, not from locks: a session has at most one frame in the engine. From the
"frame" message until its answer the engine owns both picture slots, otherwise the server does; likewise the skin.
"""

from __future__ import annotations

import mmap
import os

import numpy as np

from face3d_live.live.engine.pipeline import AVATAR_SIZE
from face3d_live.typing import Rgb

#: The longer side of a picture that the engine is given.
MAX_SIDE = 640
_IN_BYTES = MAX_SIDE * MAX_SIDE * 3
_OUT_BYTES = AVATAR_SIZE * AVATAR_SIZE * 3
#: The skin is a texture of this many texels a side, RGBA.
SKIN_SIZE = 512
_SKIN_BYTES = SKIN_SIZE * SKIN_SIZE * 4
_CUTOUT_BYTES = AVATAR_SIZE * AVATAR_SIZE * 4
_BYTES = _IN_BYTES + _OUT_BYTES + _SKIN_BYTES + _CUTOUT_BYTES


class Mailbox:
    """Slots for a picture of up to MAX_SIDE x MAX_SIDE, an avatar, a skin, and the avatar alone."""

    def __init__(self, fd: int | None = None) -> None:
        """Make one, or map the one behind a descriptor that another process sent; the descriptor becomes ours."""
        self.fd = os.memfd_create("face3d-live", os.MFD_CLOEXEC) if fd is None else fd
        if fd is None:
            os.ftruncate(self.fd, _BYTES)
        self._map = mmap.mmap(self.fd, _BYTES)
        self._input = np.frombuffer(self._map, np.uint8, _IN_BYTES)
        self._output = np.frombuffer(self._map, np.uint8, _OUT_BYTES, _IN_BYTES)
        self._skin = np.frombuffer(self._map, np.uint8, _SKIN_BYTES, _IN_BYTES + _OUT_BYTES)
        self._cutout = np.frombuffer(self._map, np.uint8, _CUTOUT_BYTES, _BYTES - _CUTOUT_BYTES)

    def put_input(self, rgb: Rgb) -> None:  # (H, W, 3)
        """Copy a picture in. Raises ValueError when it is too large."""
        if rgb.size > _IN_BYTES:
            raise ValueError(f"picture of {rgb.shape} is larger than the mailbox")
        self._input[: rgb.size] = rgb.reshape(-1)

    def input(self, width: int, height: int) -> Rgb:  # (H, W, 3)
        """The picture, without a copy: valid until the frame is answered."""
        return self._input[: height * width * 3].reshape(height, width, 3)

    def put_output(self, rgb: Rgb) -> None:  # (AVATAR_SIZE, AVATAR_SIZE, 3)
        """Copy an avatar in."""
        self._output.reshape(AVATAR_SIZE, AVATAR_SIZE, 3)[...] = rgb

    def take_output(self) -> Rgb:  # (AVATAR_SIZE, AVATAR_SIZE, 3)
        """A copy of the avatar."""
        return self._output.reshape(AVATAR_SIZE, AVATAR_SIZE, 3).copy()

    def put_cutout(self, rgba: Rgb) -> None:  # (AVATAR_SIZE, AVATAR_SIZE, 4)
        """Copy an avatar that stands alone in."""
        self._cutout.reshape(AVATAR_SIZE, AVATAR_SIZE, 4)[...] = rgba

    def take_cutout(self) -> Rgb:  # (AVATAR_SIZE, AVATAR_SIZE, 4)
        """A copy of it."""
        return self._cutout.reshape(AVATAR_SIZE, AVATAR_SIZE, 4).copy()

    def put_skin(self, rgba: Rgb) -> None:  # (SKIN_SIZE, SKIN_SIZE, 4)
        """Copy a skin in."""
        self._skin.reshape(SKIN_SIZE, SKIN_SIZE, 4)[...] = rgba

    def skin(self) -> Rgb:  # (SKIN_SIZE, SKIN_SIZE, 4)
        """The skin, without a copy: valid until it is acknowledged."""
        return self._skin.reshape(SKIN_SIZE, SKIN_SIZE, 4)

    def close(self) -> None:
        """Let go of the memory. Idempotent."""
        if self.fd < 0:
            return
        del self._input, self._output, self._skin, self._cutout
        try:
            self._map.close()
        except BufferError:
            # Someone still looks at a view of the input; the mapping goes with the last reference to it.
            del self._map
        os.close(self.fd)
        self.fd = -1
