"""A take's sound: a WAV sidecar file whose first sample belongs to the take's first frame.

One channel, 16 bits, 48,000 samples a second. Samples are written at the position of their time, so what never came (a
microphone that was off, a lost packet) is a hole in the file, which reads as silence. The sizes in the header are
updated once a second and at the end, so that after a crash other programs read all but the last second.
Source of the format: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0", 1991 (RIFF).
"""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from face3d_live.errors import InputError, NotFoundError
from face3d_live.files import open_new
from face3d_live.takes.files import replacing
from face3d_live.takes.writer import SYNC_SECONDS, write_error
from face3d_live.video import Video
from face3d_live.video.clock import JUMP_SECONDS
from face3d_live.video.streams import demuxed, main_sound, open_media

Samples = NDArray[np.int16]

RATE = 48_000
SUFFIX = ".wav"
#: Seconds by which a chunk's time may differ from the end of the file before it is moved: clocks drift.
TOLERANCE = 0.02
#: Seconds: timestamps that go back by more start again. FFmpeg's own threshold (fftools, ts_discontinuity).
BACKWARDS = 0.1
#: The most samples of a WAV file: twelve hours.
LONGEST = (2**32 - 64) // 2
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class SoundChunk(NamedTuple):
    """samples: (N,). t: time of the first one, seconds into the take."""

    samples: Samples
    t: float


class SoundWriter:
    """Writes sound into a file, which is created with the first sample and must not exist yet.

    Every method raises InputError: "take-exists", "takes-unwritable", "disk-full", "sound-too-long".
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path, self._clock = path, clock
        self._file: int | None = None
        self._next = 0  # the sample after the last one
        self._synced = clock()

    @property
    def seconds(self) -> float:
        """From the take's beginning to the end of the sound."""
        return self._next / RATE

    @property
    def bytes(self) -> int:
        """Length of the file."""
        return 0 if self._file is None else _HEADER.size + 2 * self._next

    def write(self, chunk: SoundChunk) -> None:
        """Write samples at their time. Those before the take's start, or already written, are skipped."""
        start = round(chunk.t * RATE)
        if self._file is not None and abs(start - self._next) <= TOLERANCE * RATE:
            start = self._next
        samples = chunk.samples[max(self._next - start, 0) :]
        if not len(samples):
            return
        start = max(start, self._next)
        if start + len(samples) > LONGEST:
            raise InputError("sound-too-long", "a take has sound for twelve hours at most: record it in parts")
        try:
            if self._file is None:
                self._file = open_new(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
                _write(self._file, _header(0), 0)
            _write(self._file, np.ascontiguousarray(samples, "<i2").tobytes(), _HEADER.size + 2 * start)
        except OSError as error:
            raise write_error(self.path, error) from error
        self._next = start + len(samples)
        self.tick()

    def tick(self) -> None:
        """Sync to the disk when the last sync is older than `SYNC_SECONDS`."""
        if self._clock() - self._synced >= SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """End the file. Idempotent."""
        if self._file is None:
            return
        try:
            self._sync()
        finally:
            os.close(self._file)
            self._file = None

    def _sync(self) -> None:
        self._synced = self._clock()
        if self._file is None:
            return
        try:
            _write(self._file, _header(self._next), 0)
            os.fsync(self._file)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a file that cannot be synced
                raise write_error(self.path, error) from error


def sidecar_path(take: Path) -> Path | None:
    """The file of the take's sound; None when there is none."""
    path = take.with_suffix(SUFFIX)
    return path if path.is_file() else None


def require_sidecar(take: Path) -> Path:
    """The same. Raises NotFoundError "no-sound" when there is none."""
    path = sidecar_path(take)
    if path is None:
        raise NotFoundError("no-sound", f"{take} was recorded without sound: there is no {take.stem}{SUFFIX} beside it")
    return path


def chunks(path: Path) -> Iterator[Samples]:
    """The sound of a file from its start, a fraction of a second at a time.

    Raises InputError "not-a-sound", also when another program has replaced the file.
    """
    try:
        with open_media(path) as container:
            stream = main_sound(container)
            if stream is None:
                raise InputError("not-a-sound", f"{path} has no sound in it: remove it, or put a sound file there")
            for chunk in _decoded(container, stream, [0.0]):
                yield chunk.samples
    except (av.FFmpegError, OSError) as error:
        raise InputError("not-a-sound", f"{path} cannot be read ({error}): remove it, or save it as WAV") from error


def cut(path: Path, out: Path, start: float, seconds: float) -> None:
    """Write the sound from `start` on, at most `seconds` long, to a file. Raises InputErrors of reading and writing."""
    first, last = round(start * RATE), round(min(start + seconds, 1e6) * RATE)
    at = 0
    with replacing(out) as temporary:
        temporary.unlink(missing_ok=True)
        writer = SoundWriter(temporary)
        try:
            for samples in chunks(path):
                piece = samples[max(first - at, 0) : max(last - at, 0)]
                writer.write(SoundChunk(piece, writer.seconds))
                at += len(samples)
                if at >= last:
                    break
            writer.write(
                SoundChunk(np.zeros(1, np.int16), writer.seconds)
            )  # at least one sample, so that there is a file
        finally:
            writer.close()


def extract(video: Path, out: Path, seconds: float | None = None) -> float:
    """The sound of a video file (`main_sound`) in step with its pictures: 0 is the first of them. -> its length in
    seconds, 0: none.

    Raises InputError as `Video.open`, and of writing; "not-a-video" where the sound cannot be decoded.
    """
    with Video.open(video) as pictures:
        offsets = pictures.offsets()
    writer = SoundWriter(out)
    try:
        with open_media(video) as container:
            stream = main_sound(container)
            for chunk in () if stream is None else _decoded(container, stream, offsets):
                if seconds is not None and chunk.t >= seconds:
                    break
                most = None if seconds is None else max(round((seconds - chunk.t) * RATE), 0)
                writer.write(SoundChunk(chunk.samples[:most], chunk.t))
    except av.FFmpegError as error:
        text = f"the sound of {video} cannot be decoded ({error}): convert the file, or leave --sound out"
        raise InputError("not-a-video", text) from error
    finally:
        writer.close()
    return writer.seconds


def one_channel(frame: AudioFrame) -> Samples:  # -> (N,)
    """The mean of the channels of interleaved or planar 16-bit sound, as Opus decoders give it."""
    values = np.asarray(frame.to_ndarray(), np.int16)
    channels = frame.layout.nb_channels
    each = values if values.shape[0] == channels and channels > 1 else values.reshape(-1, channels).T
    return np.asarray(each.mean(0) if channels > 1 else each[0], np.int16)


def _decoded(container: InputContainer, stream: AudioStream, offsets: Sequence[float]) -> Iterator[SoundChunk]:
    """The sound of a stream, with `offsets` (see `Video.offsets`) added to its timestamps. Damaged packets are skipped.

    Raises av.FFmpegError when nothing can be decoded.
    """
    resampler, kind, at = None, None, None
    place = Placement(offsets)
    for frame in _frames(container, stream):
        if resampler is None or kind != (frame.format.name, frame.layout.name, frame.sample_rate):
            yield from () if resampler is None else _resampled(resampler, None, at or 0.0)
            resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
            kind = frame.format.name, frame.layout.name, frame.sample_rate
        at = place(frame.time, at)
        for chunk in _resampled(resampler, frame, at):
            yield chunk
            at = chunk.t + len(chunk.samples) / RATE
    yield from () if resampler is None else _resampled(resampler, None, at or 0.0)


def _resampled(resampler: AudioResampler, frame: AudioFrame | None, at: float) -> Iterator[SoundChunk]:
    for each in resampler.resample(frame):
        samples = np.asarray(each.to_ndarray(), np.int16).reshape(-1)
        yield SoundChunk(samples, at)
        at += len(samples) / RATE


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    broken, whole = None, False
    try:
        for packet in demuxed(container, stream):
            try:
                for frame in packet.decode():
                    assert isinstance(frame, AudioFrame)
                    whole = True
                    yield frame
            except av.FFmpegError as error:
                broken = error
    except av.FFmpegError as error:  # the file is truncated here
        broken = error
    if broken is not None and not whole:
        raise broken


class Placement:
    """Maps a file's audio timestamps to seconds of the take, across timestamps that restart or jump.

    offsets: of the pictures, one for each continuous stretch (see `Video.offsets`). At a break of the sound the offset
    of the pictures' stretch that fits is used. Without one, sound that restarts follows the sound before it, and a jump
    is silence.
    """

    def __init__(self, offsets: Sequence[float]) -> None:
        self._offset, self._coming = offsets[0], list(offsets[1:])

    def __call__(self, stamp: float | None, after: float | None) -> float:
        """Seconds of the take. stamp: the file's time; after: where the sound before ends, None for the first."""
        if stamp is None:
            return after or 0.0
        late = 0.0 if after is None else stamp + self._offset - after
        if after is not None and not -BACKWARDS < late <= JUMP_SECONDS:
            if self._coming and abs(stamp + self._coming[0] - after) < JUMP_SECONDS:
                self._offset = self._coming.pop(0)
            elif late < 0:
                self._offset = after - stamp
        return stamp + self._offset


def _header(samples: int) -> bytes:
    size = 2 * samples
    return _HEADER.pack(
        b"RIFF", _HEADER.size - 8 + size, b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16, b"data", size
    )


def _write(file: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(file, view, at)
        view, at = view[done:], at + done
