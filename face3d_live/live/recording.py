"""Recording a session: its frames go into a take, and if asked for its sound and its render into files beside it.

Each is written by a thread of its own.

The event loop never waits for the disk: `Recorder.add` puts a frame into a bounded queue. When that is full the frame
is missing from the take, and a marked gap stands in its place.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.live.lanes import Lane
from face3d_live.live.pipeline import Rgb
from face3d_live.takes import film, sound
from face3d_live.takes.model import Frame, Gap, Header, Record, Why
from face3d_live.takes.writer import TakeWriter

logger = logging.getLogger(__name__)

#: Frames that may wait for the disk: ten seconds of them.
QUEUE = 300
#: Pictures of the render that may wait for their encoder: 24 MB of them.
PICTURES = 30
#: Pieces of sound, mostly of 20 ms, that may wait for the disk.
PIECES = 500
#: A camera that gives nothing for so long leaves a marked gap, seconds.
SILENT_SECONDS = 0.25
#: How often the thread looks whether the end has come, seconds.
_TICK = 0.25


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
        self.trouble: InputError | None = None
        self._on_trouble = on_trouble
        self._writer = TakeWriter(path, header)
        self._queue: queue.Queue[list[Record]] = queue.Queue(QUEUE)
        self._ending = threading.Event()
        self._counts: tuple[int, int] | None = None
        self._last_t: float | None = None
        self._missed = 0
        self._origin: float | None = None  # the session's time of the take's first frame
        self._sound: Lane[sound.Heard] | None = None
        self._render: Lane[film.Shown] | None = None
        if with_sound:
            writer = sound.SoundWriter(path.with_suffix(sound.SUFFIX))
            self._sound = Lane(f"sound {self.id}", writer, PIECES, on_trouble)
        if with_render:
            self._render = Lane(
                f"render {self.id}", film.FilmWriter(path.with_suffix(film.SUFFIX)), PICTURES, on_trouble
            )
        self._thread = threading.Thread(target=self._run, name=f"take {self.id}", daemon=True)
        self._thread.start()

    @property
    def path(self) -> Path:
        """The file."""
        return self._writer.path

    @property
    def listening(self) -> bool:
        """Whether sound is wanted."""
        return self._sound is not None and not self._ending.is_set()

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
        if self._ending.is_set():
            return
        self._origin = t if self._origin is None else self._origin
        if self._render is not None and image is not None:
            self._render.put(film.Shown(image, t - self._origin))
        counts = dropped, failed
        records = [*self._gaps(t, counts), Frame(number, t, face, codes, camera)]
        try:
            self._queue.put_nowait(records)
        except queue.Full:
            self._missed += 1
        else:
            self._counts, self._last_t, self._missed = counts, t, 0

    def finish(self) -> None:
        """The last frame has been added: the thread writes what waits and closes the file. Idempotent, never waits."""
        self._ending.set()
        with suppress(queue.Full):
            self._queue.put_nowait([])  # wakes the thread
        for lane in self._lanes.values():
            lane.finish()

    async def closed(self) -> None:
        """Until the files are closed."""
        await asyncio.to_thread(self._thread.join)
        for lane in self._lanes.values():
            await asyncio.to_thread(lane.join)

    def state(self) -> dict[str, object]:
        """What there is so far, as plain data."""
        writer = self._writer
        plain: dict[str, object] = {
            "take": self.id,
            "recording": self._thread.is_alive(),
            "frames": writer.frames,
            "seconds": round(writer.seconds, 3),
            "bytes": writer.bytes,
        }
        plain |= {name: lane.state() for name, lane in self._lanes.items()}
        if self.trouble is not None:
            plain["error"] = {"code": self.trouble.code, "message": self.trouble.message}
        return plain

    @property
    def _lanes(self) -> dict[str, Lane]:
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

    def _run(self) -> None:
        """The thread."""
        try:
            while not (self._ending.is_set() and self._queue.empty()):
                try:
                    records = self._queue.get(timeout=_TICK)
                except queue.Empty:
                    self._writer.tick()
                    continue
                for record in records:
                    self._writer.write(record)
            if self._missed:
                self._writer.write(Gap(self._missed, "disk"))
        except InputError as error:
            self._fail(error)
        try:
            self._writer.close()
        except InputError as error:
            if self.trouble is None:
                self._fail(error)

    def _fail(self, error: InputError) -> None:
        logger.error("the take %s ends: %s", self.id, error)
        self.trouble = error
        self.finish()
        self._on_trouble(error)
