"""Shared memory of one session: the camera picture, the drawn avatar (also on a transparent background), the texture.

The memory is anonymous (`memfd_create`) and reaches the engine process as a file descriptor. It has no name in any file
system, so nothing has to be unlinked: the kernel frees it with the last process that maps it, also after a crash.

There are no locks; the messages decide who may access what. A session has at most one frame in the engine. From
`ProcessFrame` until its answer the engine owns the picture regions, at all other times the server does. The texture's
region likewise belongs to the engine from `SetTexture` until `TextureSet`.
"""

from __future__ import annotations

import mmap
import os

import numpy as np

from face3d_live.live.engine.pipeline import AVATAR_SIZE, TEXTURE_SIZE
from face3d_live.typing import Rgb

#: The longer side of a picture that the engine is given, pixels.
MAX_SIDE = 640
_INPUT_BYTES = MAX_SIDE * MAX_SIDE * 3
_OUTPUT_BYTES = AVATAR_SIZE * AVATAR_SIZE * 3
_TEXTURE_BYTES = TEXTURE_SIZE * TEXTURE_SIZE * 4
_CUTOUT_BYTES = AVATAR_SIZE * AVATAR_SIZE * 4
_BYTES = _INPUT_BYTES + _OUTPUT_BYTES + _TEXTURE_BYTES + _CUTOUT_BYTES


class SharedFrameMemory:
    """Regions for a picture of up to MAX_SIDE x MAX_SIDE, the avatar, the texture, and the avatar's cutout."""

    def __init__(self, fd: int | None = None) -> None:
        """Allocate, or map the memory behind a received descriptor, which this object then owns."""
        self.fd = os.memfd_create("face3d-live", os.MFD_CLOEXEC) if fd is None else fd
        if fd is None:
            os.ftruncate(self.fd, _BYTES)
        self._map = mmap.mmap(self.fd, _BYTES)
        self._input = np.frombuffer(self._map, np.uint8, _INPUT_BYTES)
        self._output = np.frombuffer(self._map, np.uint8, _OUTPUT_BYTES, _INPUT_BYTES)
        self._texture = np.frombuffer(self._map, np.uint8, _TEXTURE_BYTES, _INPUT_BYTES + _OUTPUT_BYTES)
        self._cutout = np.frombuffer(self._map, np.uint8, _CUTOUT_BYTES, _BYTES - _CUTOUT_BYTES)

    def write_input(self, rgb: Rgb) -> None:  # (H, W, 3)
        """Copy a picture in. Raises ValueError when it is too large."""
        if rgb.size > _INPUT_BYTES:
            raise ValueError(f"picture of {rgb.shape} is larger than the shared memory")
        self._input[: rgb.size] = rgb.reshape(-1)

    def view_input(self, width: int, height: int) -> Rgb:  # (H, W, 3)
        """The picture, without a copy. Valid until the frame is answered."""
        return self._input[: height * width * 3].reshape(height, width, 3)

    def write_output(self, rgb: Rgb) -> None:  # (AVATAR_SIZE, AVATAR_SIZE, 3)
        """Copy an avatar in."""
        self._output.reshape(AVATAR_SIZE, AVATAR_SIZE, 3)[...] = rgb

    def read_output(self) -> Rgb:  # (AVATAR_SIZE, AVATAR_SIZE, 3)
        """A copy of the avatar."""
        return self._output.reshape(AVATAR_SIZE, AVATAR_SIZE, 3).copy()

    def write_cutout(self, rgba: Rgb) -> None:  # (AVATAR_SIZE, AVATAR_SIZE, 4)
        """Copy an avatar on a transparent background in."""
        self._cutout.reshape(AVATAR_SIZE, AVATAR_SIZE, 4)[...] = rgba

    def read_cutout(self) -> Rgb:  # (AVATAR_SIZE, AVATAR_SIZE, 4)
        """A copy of the avatar on a transparent background."""
        return self._cutout.reshape(AVATAR_SIZE, AVATAR_SIZE, 4).copy()

    def write_texture(self, rgba: Rgb) -> None:  # (TEXTURE_SIZE, TEXTURE_SIZE, 4)
        """Copy a texture in."""
        self._texture.reshape(TEXTURE_SIZE, TEXTURE_SIZE, 4)[...] = rgba

    def view_texture(self) -> Rgb:  # (TEXTURE_SIZE, TEXTURE_SIZE, 4)
        """The texture, without a copy. Valid until it is acknowledged."""
        return self._texture.reshape(TEXTURE_SIZE, TEXTURE_SIZE, 4)

    def close(self) -> None:
        """Unmap the memory and close the descriptor. Idempotent."""
        if self.fd < 0:
            return
        del self._input, self._output, self._texture, self._cutout
        try:
            self._map.close()
        except BufferError:
            # A view of the input is still referenced. The mapping is freed with the last reference to it.
            del self._map
        os.close(self.fd)
        self.fd = -1
