"""Reading pictures with their true times from a video file, a still or a camera, by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from pathlib import Path
from types import TracebackType

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from face3d_live.errors import InputError
from face3d_live.typing import Rgb
from face3d_live.video import streams
from face3d_live.video.clock import Clock, frame_rate
from face3d_live.video.picture import Pictures
from face3d_live.video.streams import Packets

EARLY = 0.5  # seconds that a video may fall short of the length it declares


class Video:
    """An open video: iterate once for (rgb (H, W, 3) uint8, seconds since the first frame, strictly rising).

    The pictures are upright, in square pixels and sRGB (see `Pictures`); the times are the file's own, with breaks
    bridged (see `Clock`). `fps` is the rate of the first minute's timestamps, and once the iteration is over that of
    all frames; declared rates count only for cameras and raw streams. `expected` is the number of frames, about, or
    None where unknown. Once the iteration is over, `warning` tells in words what could not be decoded, or is None.

    >>> with Video.open(Path("me.mp4")) as video:
    ...     for rgb, t in video: ...
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream, name: str, packets: Packets | None, most: int | None
    ) -> None:
        """packets: what was seen of the stream beforehand, None for a camera."""
        self._container, self._stream, self._name = container, stream, name
        stream.thread_type = "AUTO"
        self._pictures = Pictures(stream, most)
        self._untimed = packets is not None and streams.is_untimed(container, packets)
        self._reorder = packets is not None and streams.is_out_of_order(stream, packets)
        measured = None if packets is None or self._untimed else streams.measured_rate(packets)
        self.fps = measured or streams.declared_rate(stream)
        self._declared = None if packets is None or self._untimed else _declared_seconds(container, stream)
        self.expected = _expected(packets, self._declared, self.fps)
        self.warning: str | None = None
        self._clock = Clock(1 / self.fps, streams.longest_pause(container))

    @classmethod
    def open(cls, source: Path | str, most: int | None = None) -> Video:
        """Open a file or, by its device path such as /dev/video0, a camera. most: pixels on the longer side of the
        pictures, which are scaled down to it.

        Raises InputError: "missing-video", "empty-video" (no bytes), "not-a-video", "camera-failed".
        """
        path = Path(source)
        if path.is_char_device():
            container = _opened(path, "v4l2")
            return cls(container, _video_streams(container, path)[0], str(path), None, most)
        if not path.exists():
            raise InputError("missing-video", f"{path} is not there: check the path")
        if path.is_dir():
            raise InputError("not-a-video", f"{path} is a folder: name a video file in it")
        if path.stat().st_size == 0:
            raise InputError("empty-video", f"{path} holds nothing: record or download it again")
        with _opened(path) as container:
            found = _video_streams(container, path)
            packets = streams.probe(container, found)
            index = streams.main_video_stream(found, packets).index
        container = _opened(path)
        return cls(
            container, next(s for s in container.streams.video if s.index == index), str(path), packets[index], most
        )

    def __enter__(self) -> Video:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Release the file or the camera. Safe to call twice."""
        self._container.close()

    def __iter__(self) -> Iterator[tuple[Rgb, float]]:
        """Frames in order of display. Raises InputError("empty-video") when not one can be decoded."""
        times: list[float] = []
        first, latest, broken = None, 0.0, 0
        for decoded in self._decoded():
            if decoded is None:
                broken += 1
                continue
            frame, stamp = decoded
            if stamp is not None:
                first = stamp if first is None else first
                latest = max(latest, stamp - first)
            times.append(self._clock(stamp))
            yield self._picture(frame), times[-1]
        if not times:
            raise InputError(
                "empty-video",
                f"{self._name} has no frame that can be decoded: record or download it again, or convert it to MP4",
            )
        if not self._untimed:
            self.fps = frame_rate(times) or self.fps
        self.warning = self._damage(max(latest, times[-1]) + 1 / self.fps, broken)

    def offsets(self) -> list[float]:
        """Instead of iterating: the seconds to add to the file's timestamps for the times that iterating gives, one for
        each stretch between two breaks. Decodes no more than the first frame."""
        first, begun = None, None
        for packet in self._packets():
            if packet is None:
                continue
            stamp = packet.pts if packet.dts is None else packet.dts
            if stamp is not None and packet.size and not packet.is_discard:
                self._clock(float(stamp * packet.time_base))
            if first is None:
                begun = _stamp(packet) if begun is None else begun
                first = begun if self._reorder else _first_time(packet)
        by_decoding = self._clock.offsets or [0.0]
        late = 0.0 if first is None else by_decoding[0] + first  # frames are shown so much later than they are decoded
        return [offset - late for offset in by_decoding]

    def _damage(self, end: float, broken: int) -> str | None:
        if self._declared is not None and end < self._declared - EARLY:
            return f"{self._name} ends after {end:.1f} of {self._declared:.1f} s: the file is cut off or damaged"
        return f"{self._name} is damaged in {broken} places: some frames are missing" if broken else None

    def _picture(self, frame: VideoFrame) -> Rgb:
        try:
            return self._pictures(frame)
        except (OSError, ValueError) as error:
            text = (
                f"{self._name} has pictures of a kind that is not known here ({frame.format.name}): convert it to MP4"
            )
            raise InputError("not-a-video", text) from error

    def _decoded(self) -> Iterator[tuple[VideoFrame, float | None] | None]:
        """Frames with their timestamps, and None for every place that cannot be decoded.

        Where the packets' times are not those of their own frames (`streams.is_out_of_order`), the earliest one that
        was not given yet is right, as frames come in order of display.
        """
        waiting: list[float] = []
        for packet in self._packets():
            if packet is None:
                yield None
                continue
            stamp = _stamp(packet)
            if self._reorder and stamp is not None:
                heappush(waiting, stamp)
            try:
                for frame in packet.decode():
                    earliest = heappop(waiting) if waiting else None
                    yield frame, None if self._untimed else earliest if self._reorder else frame.time
            except av.FFmpegError:
                if stamp in waiting:
                    waiting.remove(stamp)
                yield None

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        """Packets, and None where the container breaks off and goes on."""
        alive = True
        while alive:
            alive = False
            try:
                for packet in streams.demuxed(self._container, self._stream):
                    alive = alive or bool(packet.size)
                    yield packet
                return
            except av.FFmpegError:
                yield None


def _stamp(packet: Packet[VideoStream]) -> float | None:
    """The time of a packet that shows something, seconds."""
    stamp = packet.dts if packet.pts is None else packet.pts
    return None if stamp is None or not packet.size or packet.is_discard else float(stamp * packet.time_base)


def _first_time(packet: Packet[VideoStream]) -> float | None:
    try:
        return next((frame.time for frame in packet.decode()), None)
    except av.FFmpegError:
        return None


def _opened(path: Path, camera: str | None = None) -> InputContainer:
    try:
        return streams.open_media(path, camera)
    except (av.FFmpegError, OSError) as error:
        if camera is not None:
            cure = "see that it is plugged in, free and readable"
            raise InputError("camera-failed", f"{path}: {error.strerror}: {cure}") from error
        raise InputError("not-a-video", f"{path} cannot be read as a video: convert it to MP4, or copy it again if "
                         "the end of the file is missing") from error  # fmt: skip


def _video_streams(container: InputContainer, path: Path) -> list[VideoStream]:
    """`streams.video_streams`. Raises InputError("not-a-video") where there is none."""
    pictures = container.streams.video if container.format.name != "tty" else ()  # FFmpeg draws text files as pictures
    found = streams.video_streams(container) if pictures else []
    if found:
        return found
    container.close()
    if not pictures:
        why = "has no video in it: give a file with a video stream"
    elif all(streams.is_attached_picture(stream) for stream in pictures):
        why = "has no video in it, only a cover or thumbnails: give a file with a video stream"
    else:
        why = "has pictures of a kind that cannot be decoded here: convert it to MP4"
    raise InputError("not-a-video", f"{path} {why}")


def _declared_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """The declared duration of the pictures, or None. Other streams may be longer."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


def _expected(packets: Packets | None, declared: float | None, fps: float) -> int | None:
    if packets is not None and packets.whole:
        return max(packets.count, 1)
    return None if declared is None else max(round(declared * fps), 1)
