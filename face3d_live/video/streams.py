"""Selection of a file's main streams, and timing from their packets, without decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.format import Flags
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from face3d_live.video.clock import FALLBACK_FPS, FILE_JUMP_SECONDS, JUMP_SECONDS, frame_rate

#: Streams of pictures that are not the video: covers, and thumbnails of chapters and of the timeline.
_ATTACHED = Disposition.attached_pic | Disposition.timed_thumbnails
#: Commentary and other sound that is not the recording's own: used only where there is no other.
_SECONDARY_SOUND = (
    Disposition.comment | Disposition.hearing_impaired | Disposition.visual_impaired | Disposition.descriptions
    | Disposition.karaoke | Disposition.lyrics | Disposition.non_diegetic | Disposition.dependent
)  # fmt: skip
#: More is no camera's rate but a clock's.
_MOST_RATE = 240.0
#: As much of a file is looked at before it is read: packets of one stream, and bytes of all.
_MOST_PACKETS, _MOST_BYTES = 2000, 64_000_000


_Stream = TypeVar("_Stream", bound=Stream)


@dataclass
class Packets:
    """Timing from the first packets of a stream. decoded and shown: decoding times (presentation times where there are
    none) and presentation times in the order of the file, seconds; count: packets that show something; whole: the
    file ended before probing did."""

    decoded: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    count: int = 0
    whole: bool = False


def open_media(path: Path, camera: str | None = None) -> InputContainer:
    """A file, or a device by the name of its FFmpeg input. Titles and the like need not be UTF-8.

    Raises av.FFmpegError, OSError.
    """
    return av.open(str(path), format=camera, metadata_errors="replace")


def demuxed(container: InputContainer, *streams: _Stream) -> Iterator[av.Packet[_Stream]]:
    """The packets of these streams, and an empty one at the end of each. Raises av.FFmpegError where a file breaks."""
    try:
        for packet in container.demux(*streams):
            yield cast("av.Packet[_Stream]", packet)
    except IndexError:  # PyAV ends so where another stream has begun in the middle of the file
        return


def is_attached_picture(stream: VideoStream) -> bool:
    """Whether a stream holds covers or thumbnails and not the video."""
    return bool(stream.disposition & _ATTACHED)


def video_streams(container: InputContainer) -> list[VideoStream]:
    """The streams with moving pictures that can be decoded; stills only where there is nothing else."""
    found = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and stream.width and not is_attached_picture(stream)
    ]
    return [stream for stream in found if not stream.disposition & Disposition.still_image] or found


def main_video_stream(streams: Sequence[VideoStream], packets: dict[int, Packets]) -> VideoStream:
    """The largest of `video_streams`, of equal ones the default, then the first. A stream of one picture is a still."""
    moving = [stream for stream in streams if packets[stream.index].count > 1] or streams
    return max(moving, key=lambda s: (s.width * s.height, bool(s.disposition & Disposition.default), -s.index))


def main_sound(container: InputContainer) -> AudioStream | None:
    """The default stream, else that of most channels, then the longest, then the first; commentaries and the like
    only where there is no other. None without sound."""
    found = [stream for stream in container.streams.audio if stream.codec_context is not None]
    found = [stream for stream in found if not stream.disposition & _SECONDARY_SOUND] or found

    def rank(stream: AudioStream) -> tuple[bool, int, float, int]:
        seconds = float((stream.duration or 0) * (stream.time_base or 0))
        return bool(stream.disposition & Disposition.default), stream.codec_context.channels, seconds, -stream.index

    return max(found, key=rank, default=None)


def probe(container: InputContainer, streams: Sequence[VideoStream]) -> dict[int, Packets]:
    """The packets of these streams from where the container stands, by the streams' numbers."""
    found = {stream.index: Packets() for stream in streams}
    size = 0
    try:
        for packet in demuxed(container, *streams):
            size += packet.size
            if packet.size and not packet.is_discard:  # an edit list leaves out what is discarded
                _count(found[packet.stream.index], packet)
            if size > _MOST_BYTES or max(each.count for each in found.values()) >= _MOST_PACKETS:
                return found
    except av.FFmpegError:  # read on when it is read: what is there counts
        return found
    for each in found.values():
        each.whole = True
    return found


def _count(packets: Packets, packet: av.Packet[VideoStream]) -> None:
    packets.count += 1
    stamp = packet.pts if packet.dts is None else packet.dts
    if stamp is not None:
        packets.decoded.append(float(stamp * packet.time_base))
    if packet.pts is not None:
        packets.shown.append(float(packet.pts * packet.time_base))


def is_untimed(container: InputContainer, packets: Packets) -> bool:
    """Whether timestamps are missing, or made up by FFmpeg as for raw streams."""
    raw = _is(container, Flags.no_timestamps)
    return raw or (np.diff(packets.decoded) > 0).sum() < (packets.count - 1) / 2


def longest_pause(container: InputContainer) -> float:
    """Seconds from which on a step of the timestamps is a break: less where the format allows for breaks (MPEG-TS)."""
    return JUMP_SECONDS if _is(container, Flags.ts_discont) else FILE_JUMP_SECONDS


def _is(container: InputContainer, flag: Flags) -> bool:
    return bool(flag & Flags(container.format.flags))


def is_out_of_order(stream: VideoStream, packets: Packets) -> bool:
    """Whether presentation times are missing, or are decoding times in disguise, as those of AVI: they rise with the
    file although the frames are shown in another order."""
    return not packets.shown or (stream.codec_context.has_b_frames and bool((np.diff(packets.shown) > 0).all()))


def measured_rate(packets: Packets) -> float | None:
    """Frames per second by the timestamps."""
    return frame_rate(packets.decoded)


def declared_rate(stream: VideoStream) -> float:
    """The declared rate of a stream without timestamps, from its headers or else FFmpeg's default."""
    rate = stream.guessed_rate or stream.average_rate
    return float(rate) if rate and 0.1 <= rate <= _MOST_RATE else FALLBACK_FPS
