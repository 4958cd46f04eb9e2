"""A session's video tracks: camera frames in and avatar frames out, the newest only in both directions.

Nothing here waits for the engine, and nothing queues. aiortc's own queues are unbounded, so frames are read as fast as
they come, and all but the newest are dropped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from face3d_live.live.engine.pipeline import AVATAR_SIZE
from face3d_live.live.engine.shared_memory import MAX_SIDE
from face3d_live.typing import Rgb

_CLOCK = 90_000
#: Without a new avatar the last one is sent again: that repairs lost packets, and browsers do not report a stall.
REPEAT_SECONDS = 0.5


def fit_size(width: int, height: int) -> tuple[int, int]:
    """The size at most `MAX_SIDE` on the longer side with the same aspect; never enlarged, never below 2 pixels."""
    scale = min(1.0, MAX_SIDE / max(width, height))
    return max(2, round(width * scale)), max(2, round(height * scale))


def to_rgb(frame: av.VideoFrame) -> Rgb:  # -> (H, W, 3)
    """Convert and, where larger than `MAX_SIDE`, scale down. 1-3 ms at 640x480, without the GIL."""
    width, height = fit_size(frame.width, frame.height)
    return np.asarray(frame.reformat(width=width, height=height, format="rgb24").to_ndarray(), np.uint8)


class ReceivedFrame(NamedTuple):
    """arrived: monotonic seconds. skipped: frames since the one taken before, which this one replaced."""

    frame: av.VideoFrame
    arrived: float
    skipped: int


class NewestFrame:
    """Reads a track until it ends and holds only its newest frame."""

    def __init__(self, track: MediaStreamTrack) -> None:
        self.received = 0
        self._taken = 0  # of those received: up to this one they were taken or skipped
        self._track = track
        self._frame: av.VideoFrame | None = None
        self._arrived = 0.0
        self._updated = asyncio.Event()
        self._ended = False

    async def drain(self) -> None:
        """Until the track ends."""
        try:
            while True:
                frame = await self._track.recv()
                if isinstance(frame, av.VideoFrame):
                    self._frame, self._arrived = frame, time.monotonic()
                    self.received += 1
                    self._updated.set()
        except MediaStreamError:
            return
        finally:
            self._ended = True
            self._updated.set()

    async def take(self, timeout: float) -> ReceivedFrame | None:
        """The newest frame not yet taken, or None after `timeout` seconds.

        Raises MediaStreamError once the track has ended.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._updated.wait()
        except TimeoutError:
            return None
        if self._ended:
            raise MediaStreamError
        self._updated.clear()
        frame, self._frame = self._frame, None
        if frame is None:
            return None
        skipped, self._taken = self.received - self._taken - 1, self.received
        return ReceivedFrame(frame, self._arrived, skipped)


class AvatarTrack(MediaStreamTrack):
    """Sends the newest avatar, at the rate at which avatars come, with timestamps of its own clock.

    on_encode: called with the tag of a picture when that picture goes to the encoder.
    """

    kind = "video"

    def __init__(self, on_encode: Callable[[Any], None]) -> None:
        super().__init__()
        self.sent = 0
        self._on_encode = on_encode
        self._image: Rgb = placeholder_image()
        self._tag: object = None
        self._updated = asyncio.Event()
        self._updated.set()
        self._began = time.monotonic()
        self._pts = -1

    def push(self, image: Rgb, tag: object) -> None:  # (H, W, 3), both even
        """Replace the next picture to send. The array must not be changed afterwards."""
        self._image, self._tag = image, tag
        self._updated.set()

    async def recv(self) -> av.VideoFrame:
        """The newest picture, or after a while the last one again. Raises MediaStreamError when stopped."""
        try:
            async with asyncio.timeout(REPEAT_SECONDS):
                await self._updated.wait()
        except TimeoutError:
            pass
        if self.readyState != "live":
            raise MediaStreamError
        self._updated.clear()
        # OpenCV converts in 0.1 ms, FFmpeg in 0.7, and the encoder takes it as it is.
        frame = av.VideoFrame.from_ndarray(cv2.cvtColor(self._image, cv2.COLOR_RGB2YUV_I420), format="yuv420p")
        # Strictly increasing, as a receiver merges frames with the same timestamp.
        self._pts = max(self._pts + 1, int((time.monotonic() - self._began) * _CLOCK))
        frame.pts, frame.time_base = self._pts, Fraction(1, _CLOCK)
        self.sent += 1
        tag, self._tag = self._tag, None
        if tag is not None:
            self._on_encode(tag)
        return frame

    def stop(self) -> None:
        """End the track and wake a waiting `recv`."""
        super().stop()
        self._updated.set()


def placeholder_image() -> Rgb:  # (AVATAR_SIZE, AVATAR_SIZE, 3)
    """Sent until the first avatar is drawn: a dark vertical gradient."""
    rows = np.linspace(52, 26, AVATAR_SIZE).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(rows[:, None, None], (AVATAR_SIZE, AVATAR_SIZE, 3)))
