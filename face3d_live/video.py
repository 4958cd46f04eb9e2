"""Reading pictures with their true timestamps from a video file, a still or a camera, by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from .errors import InputError

Rgb = NDArray[np.uint8]

FALLBACK_FPS = 30.0  # where a stream does not say
EARLY = 0.5  # seconds that a video may fall short of the length it declares


class Video:
    """An open video: iterate once for (rgb (H, W, 3) uint8, seconds since the first frame).

    `fps` is the declared rate and `expected` the declared number of frames (None for cameras and where unknown).
    Once the iteration is over, `warning` tells in words what could not be decoded, or is None.

    >>> with Video.open(Path("me.mp4")) as video:
    ...     for rgb, t in video: ...
    """

    def __init__(self, container: InputContainer, name: str, *, live: bool) -> None:
        self._container, self._name, self._live = container, name, live
        self._stream = container.streams.video[0]
        self._stream.thread_type = "AUTO"
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.fps = float(rate) if rate else FALLBACK_FPS
        self._declared = None if live else _declared_seconds(container)
        self.expected = None if self._declared is None else max(round(self._declared * self.fps), 1)
        self.warning: str | None = None

    @classmethod
    def open(cls, source: Path | str) -> Video:
        """Open a file or, by its device path such as /dev/video0, a camera.

        Raises InputError: "missing-video", "empty-video" (no bytes), "not-a-video", "camera-failed".
        """
        path = Path(source)
        live = path.is_char_device()
        if not path.exists():
            raise InputError("missing-video", f"{path} is not there: check the path")
        if not live and path.is_dir():
            raise InputError("not-a-video", f"{path} is a folder: name a video file in it")
        if not live and path.stat().st_size == 0:
            raise InputError("empty-video", f"{path} holds nothing: record or download it again")
        try:
            container = av.open(str(path), format="v4l2" if live else None)
        except (av.FFmpegError, OSError) as error:
            if live:
                cure = "see that it is plugged in, free and readable"
                raise InputError("camera-failed", f"{path}: {error.strerror}: {cure}") from error
            raise InputError("not-a-video", f"{path} cannot be read as a video: convert it to MP4, or copy it again if "
                             "the end of the file is missing") from error  # fmt: skip
        if not container.streams.video or container.format.name == "tty":  # FFmpeg draws text files as pictures
            container.close()
            raise InputError("not-a-video", f"{path} has no picture in it: give a file with a video stream")
        return cls(container, str(path), live=live)

    def __enter__(self) -> Video:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Release the file or the camera. Safe to call twice."""
        self._container.close()

    def __iter__(self) -> Iterator[tuple[Rgb, float]]:
        """Frames in order of display. Raises InputError("empty-video") when not one can be decoded."""
        first, t, count, broken = 0.0, 0.0, 0, 0
        for frame in self._frames():
            if frame is None:
                broken += 1
                continue
            now = frame.time
            if count == 0:
                first = now or 0.0
            t = now - first if now is not None else count / self.fps
            yield _upright(frame), t
            count += 1
        if count == 0:
            raise InputError(
                "empty-video", f"{self._name} has no frame that can be decoded: record or download it again"
            )
        end = t + 1 / self.fps
        if self._declared is not None and end < self._declared - EARLY:
            self.warning = (
                f"{self._name} ends after {end:.1f} of {self._declared:.1f} s: the file is cut off or damaged"
            )
        elif broken:
            self.warning = f"{self._name} is damaged in {broken} places: some frames are missing"

    def _frames(self) -> Iterator[VideoFrame | None]:
        """Decoded frames, and None for every packet that cannot be decoded."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:  # the container itself breaks off here
                yield None
                return
            try:
                yield from packet.decode()
            except av.FFmpegError:
                yield None


def _declared_seconds(container: InputContainer) -> float | None:
    """How long the pictures last by the file's own account, or None. Other streams may be longer."""
    stream = container.streams.video[0]
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


def _upright(frame: VideoFrame) -> Rgb:
    """RGB pixels, turned as the phone that took them says."""
    rgb = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
