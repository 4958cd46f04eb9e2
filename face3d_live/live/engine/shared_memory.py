"""Shared memory of one session: the camera picture, the drawn avatar (also on a transparent background), the texture.

The memory is anonymous (`memfd_create`) and reaches the engine process as a file descriptor. It has no name in any file
system, so nothing has to be unlinked: the kernel frees it with the last process that maps it, also after a crash.

There are no locks; the messages decide who may access what. From `ProcessFrame` until its answer the engine owns the
frame's place for the answer, and until `Taken` or the answer, whichever comes first, the camera picture; at all other
times the server does. The texture's region likewise belongs to the engine from `SetTexture` until `TextureSet`.
"""

from __future__ import annotations

import mmap
import os

import numpy as np

from face3d_live.live.engine.pipeline import MAX_AVATAR_SIZE, TEXTURE_SIZE
from face3d_live.typing import Rgb

#: The longer side of a picture that the engine is given, pixels.
MAX_SIDE = 640
_INPUT_BYTES = MAX_SIDE * MAX_SIDE * 3
_OUTPUT_BYTES = MAX_AVATAR_SIZE * MAX_AVATAR_SIZE * 3
_TEXTURE_BYTES = TEXTURE_SIZE * TEXTURE_SIZE * 4
_CUTOUT_BYTES = MAX_AVATAR_SIZE * MAX_AVATAR_SIZE * 4
#: Of answers: while the server copies one picture, the next is drawn beside it.
PLACES = 2
_FLAGS = 64
_BYTES = _FLAGS + _INPUT_BYTES + _TEXTURE_BYTES + PLACES * (_OUTPUT_BYTES + _CUTOUT_BYTES)


class SharedFrameMemory:
    """Regions for a picture of up to MAX_SIDE x MAX_SIDE, the avatar, the texture, and the avatar's cutout.

    Pages of memory that nothing was written to do not exist, so that small avatars take no more than their own.
    """

    def __init__(self, fd: int | None = None) -> None:
        """Allocate, or map the memory behind a received descriptor, which this object then owns."""
        self.fd = os.memfd_create("face3d-live", os.MFD_CLOEXEC) if fd is None else fd
        if fd is None:
            os.ftruncate(self.fd, _BYTES)
        self._map = mmap.mmap(self.fd, _BYTES)
        whole = np.frombuffer(self._map, np.uint8)
        parts = (_FLAGS, _INPUT_BYTES, _TEXTURE_BYTES, PLACES * _OUTPUT_BYTES, PLACES * _CUTOUT_BYTES)
        self._flags, self._input, self._texture, output, cutout = np.split(whole, np.cumsum(parts)[:-1])
        self._output, self._cutout = output.reshape(PLACES, -1), cutout.reshape(PLACES, -1)

    def write_input(self, rgb: Rgb) -> None:  # (H, W, 3)
        """Copy a picture in. Raises ValueError when it is too large."""
        if rgb.size > _INPUT_BYTES:
            raise ValueError(f"picture of {rgb.shape} is larger than the shared memory")
        self._input[: rgb.size] = rgb.reshape(-1)

    def view_input(self, width: int, height: int) -> Rgb:  # (H, W, 3)
        """The picture, without a copy. Valid until the frame is answered."""
        return self._input[: height * width * 3].reshape(height, width, 3)

    @property
    def newer_waits(self) -> bool:
        """Whether the server has a newer picture: a hint, which the server writes at any time."""
        return bool(self._flags[0])

    @newer_waits.setter
    def newer_waits(self, waits: bool) -> None:
        self._flags[0] = waits

    def write_output(self, rgb: Rgb, place: int) -> None:  # (S, S, 3)
        """Copy an avatar in. Raises ValueError when it is too large or not square."""
        _write_square(self._output[place], rgb)

    def read_output(self, place: int, side: int) -> Rgb:  # (side, side, 3)
        """A copy of the avatar."""
        return self._output[place, : side * side * 3].reshape(side, side, 3).copy()

    def write_cutout(self, rgba: Rgb, place: int) -> None:  # (S, S, 4)
        """Copy an avatar on a transparent background in. Raises ValueError when it is too large or not square."""
        _write_square(self._cutout[place], rgba)

    def read_cutout(self, place: int, side: int) -> Rgb:  # (side, side, 4)
        """A copy of the avatar on a transparent background."""
        return self._cutout[place, : side * side * 4].reshape(side, side, 4).copy()

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
        del self._flags, self._input, self._output, self._texture, self._cutout
        try:
            self._map.close()
        except BufferError:
            # A view of the input is still referenced. The mapping is freed with the last reference to it.
            del self._map
        os.close(self.fd)
        self.fd = -1


def _write_square(memory: Rgb, picture: Rgb) -> None:  # (bytes,), (S, S, k)
    if picture.size > memory.size or picture.shape[0] != picture.shape[1]:
        raise ValueError(f"a picture of {picture.shape} is no square of at most {MAX_AVATAR_SIZE} pixels")
    memory[: picture.size].reshape(picture.shape)[...] = picture
