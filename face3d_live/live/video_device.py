"""A V4L2 output device, such as v4l2loopback makes: what is written to it, other programs see as a camera. Linux.

Source: the kernel's userspace API, "Video for Linux API", `VIDIOC_QUERYCAP`, `VIDIOC_S_FMT` and the write method
(linux/videodev2.h).
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from face3d_live.errors import AssetError
from face3d_live.typing import Rgb

#: Pixels. Programs for calls expect 16:9.
WIDTH, HEIGHT = 1280, 720
#: Where v4l2loopback's devices are listed.
VIRTUAL_DEVICES = Path("/sys/devices/virtual/video4linux")

_QUERY, _SET_FORMAT = 0x80685600, 0xC0D05605
#: struct v4l2_capability: driver, card, bus, version, capabilities, device_caps, three reserved.
_CAPABILITY = struct.Struct("16s32s32s3I12x")
_CAN_OUTPUT, _HAS_DEVICE_CAPS = 0x2, 0x80000000
#: struct v4l2_format with a v4l2_pix_format: type, width, height, format, field, bytes a line, bytes, colours.
_FORMAT = struct.Struct("I4x7I")
_FORMAT_BYTES = 208
_OUTPUT, _PROGRESSIVE, _SRGB = 2, 1, 8
_I420 = int.from_bytes(b"YU12", "little")

_CURE = (
    "sudo apt-get install v4l2loopback-dkms && sudo modprobe v4l2loopback exclusive_caps=1 card_label='Face3D Live', "
    "then --virtual-camera auto; on Windows and macOS take OBS's virtual camera (docs/obs.md)"
)


def first_virtual_device(listed: Path = VIRTUAL_DEVICES) -> Path:
    """The first of this machine's virtual video devices. Raises AssetError "no-virtual-camera"."""
    names = sorted(path.name for path in listed.glob("video*")) if listed.is_dir() else []
    if not names:
        raise AssetError("no-virtual-camera", f"this machine has no virtual camera: {_CURE}")
    return Path("/dev") / names[0]


class VideoDevice:
    """Opened for writing at `WIDTH` x `HEIGHT`, I420. Raises AssetError "no-virtual-camera"."""

    def __init__(self, path: Path, ioctl: Callable[[int, int, Any], int] | None = None) -> None:
        """ioctl: `fcntl.ioctl`; for tests."""
        if ioctl is None:
            if not sys.platform.startswith("linux"):
                raise AssetError("no-virtual-camera", f"virtual cameras are written on Linux alone: {_CURE}")
            import fcntl

            ioctl = fcntl.ioctl
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise AssetError("no-virtual-camera", f"{path} ({error.strerror}): {_CURE}") from error
        try:
            self._prepare(ioctl)
        except (OSError, AssetError) as error:
            self.close()
            if isinstance(error, AssetError):
                raise
            raise AssetError("no-virtual-camera", f"{path} is no video device ({error.strerror}): {_CURE}") from error

    def _prepare(self, ioctl: Callable[[int, int, Any], int]) -> None:
        answer = bytearray(_CAPABILITY.size)
        ioctl(self._descriptor, _QUERY, answer)
        *_, all_of_it, mine = _CAPABILITY.unpack(answer)
        if not (mine if all_of_it & _HAS_DEVICE_CAPS else all_of_it) & _CAN_OUTPUT:
            raise AssetError("no-virtual-camera", f"{self.path} is a camera, and takes no pictures: {_CURE}")
        size = WIDTH * HEIGHT * 3 // 2
        wanted = bytearray(_FORMAT_BYTES)
        _FORMAT.pack_into(wanted, 0, _OUTPUT, WIDTH, HEIGHT, _I420, _PROGRESSIVE, WIDTH, size, _SRGB)
        ioctl(self._descriptor, _SET_FORMAT, wanted)
        _, width, height, kind, *_ = _FORMAT.unpack_from(wanted)
        if (width, height, kind) != (WIDTH, HEIGHT, _I420):
            text = f"{self.path} takes no {WIDTH}x{HEIGHT} pictures: a program uses it in another format; close that"
            raise AssetError("no-virtual-camera", text)

    def write(self, picture: Rgb) -> bool:  # (H, W, 3)
        """Show a picture, fitted into the frame. False: the device takes none now. Raises OSError when it is gone."""
        try:
            os.write(self._descriptor, cv2.cvtColor(framed(picture), cv2.COLOR_RGB2YUV_I420).data)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def framed(picture: Rgb) -> Rgb:  # (H, W, 3) -> (HEIGHT, WIDTH, 3)
    """The picture as high or as wide as the frame; its outermost pixels go on beside it."""
    height, width = picture.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    fitted = cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_LINEAR)
    left, top = (WIDTH - fitted.shape[1]) // 2, (HEIGHT - fitted.shape[0]) // 2
    right, bottom = WIDTH - fitted.shape[1] - left, HEIGHT - fitted.shape[0] - top
    return np.asarray(cv2.copyMakeBorder(fitted, top, bottom, left, right, cv2.BORDER_REPLICATE))
