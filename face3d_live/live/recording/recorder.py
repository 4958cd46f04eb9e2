"""Recording a session: its frames into a take, and optionally its sound and its render into sidecar files.

Each file is written by its own `WriterThread`, so the event loop never waits for the disk. A frame that does not fit
into the bounded queue is missing from the take, and a gap "disk" is written in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.live.recording.writer_threads import WriterThread
from face3d_live.takes import render_video, sound
from face3d_live.takes.model import Gap, GapReason, Header, Record, TakeFrame
from face3d_live.takes.writer import TakeWriter
from face3d_live.typing import Rgb

#: Frames in the queue: ten seconds.
MAX_FRAMES = 300
#: Pictures of the render in the queue: 24 MB.
MAX_PICTURES = 30
#: Chunks of sound in the queue, mostly of 20 ms each.
MAX_CHUNKS = 500
#: A camera that is silent for so many seconds leaves a gap "silent".
SILENT_SECONDS = 0.25


class _TakeFile:
    """A `TakeWriter` as a `FileWriter`.

    missed: how many frames were dropped since the last one that fitted. check: of `Quota.watch`.
    """

    def __init__(self, take: TakeWriter, missed: Callable[[], int], check: Callable[[float], None]) -> None:
        self._take, self._missed, self._check = take, missed, check
        self.path, self.tick = take.path, take.tick

    @property
    def seconds(self) -> float:
        """Length of the take."""
        return self._take.seconds

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self._take.bytes

    def write(self, records: Sequence[Record], /) -> None:
        """A frame, and the gaps before it. Raises StorageError where the quota ends the take."""
        self._check(self._take.seconds)
        for record in records:
            self._take.write(record)

    def close(self) -> None:
        """End the file, with a gap for the frames that were dropped last."""
        try:
            if self._missed():
                self._take.write(Gap(self._missed(), "disk"))
        finally:
            self._take.close()


class Recorder:
    """A running recording. The constructor opens the take, which may block. Raises as `TakeWriter` does.

    with_sound, with_render: also write the sound of `add_sound` and the pictures of `add`. on_error: called on a writer
    thread when a file cannot be written; that file ends there, and with the take its sidecars. check: of `Quota.watch`.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        on_error: Callable[[InputError], None],
        *,
        with_sound: bool = False,
        with_render: bool = False,
        check: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self.id = path.stem
        self._on_error = on_error
        self._writer = TakeWriter(path, header)
        self._counts: tuple[int, int] | None = None
        self._last_t: float | None = None
        self._missed = 0
        self._origin: float | None = None  # the session's time of the take's first frame
        self._sound: WriterThread[sound.SoundChunk] | None = None
        self._render: WriterThread[render_video.RenderedFrame] | None = None
        if with_sound:
            writer = sound.SoundWriter(path.with_suffix(sound.SUFFIX))
            self._sound = WriterThread(f"sound {self.id}", writer, MAX_CHUNKS, on_error)
        if with_render:
            self._render = WriterThread(
                f"render {self.id}",
                render_video.RenderWriter(path.with_suffix(render_video.SUFFIX)),
                MAX_PICTURES,
                on_error,
            )
        frames = _TakeFile(self._writer, lambda: self._missed, check)
        self._frames: WriterThread[Sequence[Record]] = WriterThread(f"take {self.id}", frames, MAX_FRAMES, self._fail)

    @property
    def error(self) -> InputError | None:
        """GapReason the take ended early, None while it can be written."""
        return self._frames.error

    @property
    def path(self) -> Path:
        """The file."""
        return self._writer.path

    @property
    def records_sound(self) -> bool:
        """Whether sound is recorded."""
        return self._sound is not None and not self._frames.ending

    @property
    def records_pictures(self) -> bool:
        """Whether drawn pictures are recorded."""
        return self._render is not None and not self._frames.ending

    def add_sound(self, samples: sound.Samples, t: float) -> None:
        """Sound that starts at `t`, session time. Never waits. What comes before the first frame is left out."""
        if self._sound is not None and self._origin is not None:
            self._sound.put(sound.SoundChunk(samples, t - self._origin))

    def add(
        self,
        number: int,
        t: float,
        face: bool,
        codes: HeadCodes,
        camera: Camera,
        dropped: int,
        failed: int,
        image: Rgb | None = None,
    ) -> None:
        """Record a frame. Never waits.

        dropped, failed: the session's total counts of pictures that were skipped because the engine was busy, and of
        those that it could not process. image: the drawn picture, which must not be changed afterwards.
        """
        if self._frames.ending:
            return
        self._origin = t if self._origin is None else self._origin
        if self._render is not None and image is not None:
            self._render.put(render_video.RenderedFrame(image, t - self._origin))
        counts = dropped, failed
        records = [*self._gaps(t, counts), TakeFrame(number, t, face, codes, camera)]
        if self._frames.put(records):
            self._counts, self._last_t, self._missed = counts, t, 0
        else:
            self._missed += 1

    def finish(self) -> None:
        """No more frames: the threads write what is queued and close the files. Idempotent, never waits."""
        for thread in (self._frames, *self._sidecars.values()):
            thread.finish()

    async def closed(self) -> None:
        """Wait until the files are closed."""
        for thread in (self._frames, *self._sidecars.values()):
            await asyncio.to_thread(thread.join)

    def state(self) -> dict[str, object]:
        """What was written so far, as plain data."""
        writer = self._writer
        plain: dict[str, object] = {
            "take": self.id,
            "recording": self._frames.alive,
            "frames": writer.frames,
            "seconds": round(writer.seconds, 3),
            "bytes": writer.bytes,
        }
        plain |= {name: thread.state() for name, thread in self._sidecars.items()}
        if self.error is not None:
            plain["error"] = self.error.to_json()
        return plain

    @property
    def _sidecars(self) -> dict[str, WriterThread[Any]]:
        threads: dict[str, WriterThread[Any] | None] = {"sound": self._sound, "render": self._render}
        return {name: thread for name, thread in threads.items() if thread is not None}

    def _gaps(self, t: float, counts: tuple[int, int]) -> list[Record]:
        """The gaps between the previous frame and this one."""
        if self._counts is None or self._last_t is None:
            return []
        busy, failed = counts[0] - self._counts[0], counts[1] - self._counts[1]
        missing: tuple[tuple[int, GapReason], ...] = ((busy, "busy"), (failed, "failed"), (self._missed, "disk"))
        gaps: list[Record] = [Gap(pictures, why) for pictures, why in missing if pictures > 0]
        if not gaps and t - self._last_t > SILENT_SECONDS:
            gaps.append(Gap(0, "silent"))
        return gaps

    def _fail(self, error: InputError) -> None:
        """The take cannot be written: its sidecars end with it."""
        self.finish()
        self._on_error(error)
