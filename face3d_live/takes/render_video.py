"""A take's render: the drawn pictures that were recorded with it, as a Matroska sidecar file, and its export to MP4.

Matroska consists of independent clusters, so that after a crash all but the last second plays. The pictures have the
take's own times. The encoder is set to be fast rather than small, as it runs while tracking does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from fractions import Fraction
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from face3d_live.errors import InputError, NotFoundError
from face3d_live.files import open_new
from face3d_live.takes import sound
from face3d_live.takes.files import replacing
from face3d_live.takes.writer import SYNC_SECONDS, write_error

#: Not just .mkv: a take often lies beside the video that it was recorded from.
SUFFIX = ".render.mkv"
_CLOCK = 1000  # Matroska's own
_CONTAINER = {"cluster_time_limit": "500", "flush_packets": "1", "live": "1"}
_ENCODER = {"crf": "20", "preset": "superfast", "tune": "zerolatency", "threads": "1", "g": "60"}
_SOUND = {".mp4": ("aac", 128_000), ".webm": ("libopus", 96_000)}


class RenderedFrame(NamedTuple):
    """rgb: (H, W, 3) uint8, H and W even. t: when it was drawn, seconds into the take."""

    rgb: NDArray[np.uint8]
    t: float


class RenderWriter:
    """Encodes pictures into a file, which is created with the first and must not exist yet.

    Every method raises InputError: "take-exists", "takes-unwritable", "disk-full".
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path, self.seconds, self.bytes = path, 0.0, 0
        self._clock, self._synced, self._pts = clock, clock(), -1
        self._file: FileIO | None = None
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None

    def write(self, shown: RenderedFrame) -> None:
        """Append a picture, scaled to the first one's size."""
        try:
            if self._container is None:
                self._open(*shown.rgb.shape[1::-1])
            assert self._container is not None and self._stream is not None and self._file is not None
            frame = av.VideoFrame.from_ndarray(shown.rgb, "rgb24").reformat(
                self._stream.width, self._stream.height, "yuv420p", dst_colorspace="ITU709"
            )
            self._pts = max(round(shown.t * _CLOCK), self._pts + 1)
            frame.pts, frame.time_base = self._pts, Fraction(1, _CLOCK)
            self._container.mux(self._stream.encode(frame))
            self.seconds, self.bytes = self._pts / _CLOCK, self._file.tell()
        except OSError as error:  # FFmpeg's errors are OSErrors, too
            raise write_error(self.path, error) from error
        self.tick()

    def tick(self) -> None:
        """Sync to the disk when the last sync is older than `SYNC_SECONDS`."""
        if self._file is not None and self._clock() - self._synced >= SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced = self._clock()

    def close(self) -> None:
        """End the file. Idempotent."""
        if self._container is None or self._stream is None or self._file is None:
            return
        container, self._container = self._container, None
        try:
            container.mux(self._stream.encode())
            container.close()
            os.fsync(self._file.fileno())
            self.bytes = self._file.tell()
        except OSError as error:
            raise write_error(self.path, error) from error
        finally:
            self._file.close()

    def _open(self, width: int, height: int) -> None:
        self._file = FileIO(self.path, "xb", opener=open_new)
        self._container = av.open(self._file, "w", format="matroska", options=_CONTAINER)
        stream = self._container.add_stream("libx264", rate=30, options=_ENCODER)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, _CLOCK)
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1  # BT.709
        self._stream = stream


class SoundTrack:
    """Encodes a take's sound into a video. To be created before the first packet is written."""

    def __init__(self, container: OutputContainer, path: Path, suffix: str) -> None:
        codec, rate = _SOUND[suffix]
        self._container = container
        stream = container.add_stream(codec, rate=sound.RATE)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout, stream.codec_context.bit_rate = "mono", rate
        self._stream, self._chunks, self._done = stream, sound.chunks(path), 0

    def until(self, seconds: float) -> None:
        """Encode the sound up to this time of the video."""
        while self._done < seconds * sound.RATE and (samples := next(self._chunks, None)) is not None:
            most = round(seconds * sound.RATE) + sound.RATE // 10 - self._done
            self._encode(samples[:most])
            self._done += len(samples)

    def finish(self, seconds: float) -> None:
        """End the sound with the video's length."""
        self.until(seconds)
        self._container.mux(self._stream.encode(None))

    def _encode(self, samples: NDArray[np.int16]) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = sound.RATE, self._done, Fraction(1, sound.RATE)
        self._container.mux(self._stream.encode(frame))


def sidecar_path(take: Path) -> Path | None:
    """The file of the take's recorded render; None when there is none."""
    path = take.with_suffix(SUFFIX)
    return path if path.is_file() else None


def export_render(take: Path, out: Path, silent: bool = False) -> float:
    """Export the recorded render as MP4, with the sound unless silent. Pictures are not encoded again.

    Returns its length in seconds.

    Raises InputError: "no-render", "unknown-format", "takes-unwritable", "disk-full", "not-a-sound".
    """
    render, sound_path = sidecar_path(take), None if silent else sound.sidecar_path(take)
    if render is None:
        raise NotFoundError(
            "no-render", f"{take} was recorded without a render: face3d-live takes export draws it anew"
        )
    if out.suffix.lower() != ".mp4":
        raise InputError("unknown-format", "the recorded render becomes an MP4: end the name in .mp4")
    try:
        with (
            av.open(str(render)) as source,
            replacing(out) as temporary,
            av.open(str(temporary), "w", format="mp4", options={"movflags": "faststart"}) as container,
        ):
            stream = container.add_stream_from_template(source.streams.video[0])
            track = None if sound_path is None else SoundTrack(container, sound_path, ".mp4")
            length = 0.0
            for packet in source.demux(video=0):
                if packet.pts is None:
                    continue
                length = float(packet.pts * packet.time_base)
                if track is not None:
                    track.until(length)
                packet.stream = stream
                container.mux(packet)
            if track is not None:
                track.finish(length)
    except av.FFmpegError as error:
        raise NotFoundError("no-render", f"{render} cannot be read ({error}): draw the take anew") from error
    return length
