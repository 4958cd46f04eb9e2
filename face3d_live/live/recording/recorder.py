"""Recording a session: its frames go into a take, and if asked for its sound and its render into files beside it.

Each is written by a thread of its own.

The event loop never waits for the disk: `Recorder.add` puts a frame into a bounded queue. When that is full the frame
is missing from the take, and a marked gap stands in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.live.recording.writer_threads import Lane
from face3d_live.takes import render_video, sound
from face3d_live.takes.model import Frame, Gap, Header, Record, Why
from face3d_live.takes.writer import TakeWriter
from face3d_live.typing import Rgb

#: Frames that may wait for the disk: ten seconds of them.
QUEUE = 300
#: Pictures of the render that may wait for their encoder: 24 MB of them.
PICTURES = 30
#: Pieces of sound, mostly of 20 ms, that may wait for the disk.
PIECES = 500
#: A camera that gives nothing for so long leaves a marked gap, seconds.
SILENT_SECONDS = 0.25


class _Frames:
    """A take's writer, as a `Lane` wants it. missed: how many frames have not fitted since the last that did."""

    def __init__(self, take: TakeWriter, missed: Callable[[], int]) -> None:
        self._take, self._missed = take, missed
        self.path, self.tick = take.path, take.tick

    @property
    def seconds(self) -> float:
        """How far the take is."""
        return self._take.seconds

    @property
    def bytes(self) -> int:
        """Length of the file."""
        return self._take.bytes

    def write(self, records: Sequence[Record], /) -> None:
        """A frame, and the gaps before it."""
        for record in records:
            self._take.write(record)

    def close(self) -> None:
        """End the file, with the gap of what was missed last."""
        try:
            if self._missed():
                self._take.write(Gap(self._missed(), "disk"))
        finally:
            self._take.close()


class Recorder:
    """A take in the making. Opened in the constructor, which may block: InputErrors are the writer's.

    with_sound, with_render: also write what `hear` and `add` bring of those. on_trouble is called, on a thread that
    writes, when the disk refuses; the take, or its sound or render, ends there.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        on_trouble: Callable[[InputError], None],
        *,
        with_sound: bool = False,
        with_render: bool = False,
    ) -> None:
        self.id = path.stem
        self._on_trouble = on_trouble
        self._writer = TakeWriter(path, header)
        self._counts: tuple[int, int] | None = None
        self._last_t: float | None = None
        self._missed = 0
        self._origin: float | None = None  # the session's time of the take's first frame
        self._sound: Lane[sound.Heard] | None = None
        self._render: Lane[render_video.Shown] | None = None
        if with_sound:
            writer = sound.SoundWriter(path.with_suffix(sound.SUFFIX))
            self._sound = Lane(f"sound {self.id}", writer, PIECES, on_trouble)
        if with_render:
            self._render = Lane(
                f"render {self.id}",
                render_video.FilmWriter(path.with_suffix(render_video.SUFFIX)),
                PICTURES,
                on_trouble,
            )
        frames = _Frames(self._writer, lambda: self._missed)
        self._frames: Lane[Sequence[Record]] = Lane(f"take {self.id}", frames, QUEUE, self._fail)

    @property
    def trouble(self) -> InputError | None:
        """Why the take ended, where the disk refused it."""
        return self._frames.trouble

    @property
    def path(self) -> Path:
        """The file."""
        return self._writer.path

    @property
    def listening(self) -> bool:
        """Whether sound is wanted."""
        return self._sound is not None and not self._frames.ending

    def hear(self, samples: sound.Samples, t: float) -> None:
        """Sound from `t` on, in the session's time; never waits. What comes before the first frame is left out."""
        if self._sound is not None and self._origin is not None:
            self._sound.put(sound.Heard(samples, t - self._origin))

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
        """One more frame; never waits.

        dropped and failed: the session's counts so far of pictures that were left out because the engine was busy, and
        of those that it could not process. image: the avatar, which nobody changes any more.
        """
        if self._frames.ending:
            return
        self._origin = t if self._origin is None else self._origin
        if self._render is not None and image is not None:
            self._render.put(render_video.Shown(image, t - self._origin))
        counts = dropped, failed
        records = [*self._gaps(t, counts), Frame(number, t, face, codes, camera)]
        if self._frames.put(records):
            self._counts, self._last_t, self._missed = counts, t, 0
        else:
            self._missed += 1

    def finish(self) -> None:
        """The last frame has been added: the threads write what waits and close the files. Idempotent, never waits."""
        for lane in (self._frames, *self._beside.values()):
            lane.finish()

    async def closed(self) -> None:
        """Until the files are closed."""
        for lane in (self._frames, *self._beside.values()):
            await asyncio.to_thread(lane.join)

    def state(self) -> dict[str, object]:
        """What there is so far, as plain data."""
        writer = self._writer
        plain: dict[str, object] = {
            "take": self.id,
            "recording": self._frames.alive,
            "frames": writer.frames,
            "seconds": round(writer.seconds, 3),
            "bytes": writer.bytes,
        }
        plain |= {name: lane.state() for name, lane in self._beside.items()}
        if self.trouble is not None:
            plain["error"] = {"code": self.trouble.code, "message": self.trouble.message}
        return plain

    @property
    def _beside(self) -> dict[str, Lane]:
        lanes: dict[str, Lane | None] = {"sound": self._sound, "render": self._render}
        return {name: lane for name, lane in lanes.items() if lane is not None}

    def _gaps(self, t: float, counts: tuple[int, int]) -> list[Record]:
        """What lies between the frame before and this one."""
        if self._counts is None or self._last_t is None:
            return []
        busy, failed = counts[0] - self._counts[0], counts[1] - self._counts[1]
        missing: tuple[tuple[int, Why], ...] = ((busy, "busy"), (failed, "failed"), (self._missed, "disk"))
        gaps: list[Record] = [Gap(pictures, why) for pictures, why in missing if pictures > 0]
        if not gaps and t - self._last_t > SILENT_SECONDS:
            gaps.append(Gap(0, "silent"))
        return gaps

    def _fail(self, error: InputError) -> None:
        """The take ends, and so does what is beside it."""
        self.finish()
        self._on_trouble(error)
