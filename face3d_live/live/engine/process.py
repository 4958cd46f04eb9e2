"""The engine: one child process that owns the network, the trackers and the OpenGL context of all sessions.

It is a process of its own because moderngl holds the GIL while it renders and the network keeps a core busy. Neither
may stall the asyncio loop that moves the media. `engine.client` is the other end.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from time import perf_counter, process_time
from typing import Any

import numpy as np

from face3d_live.errors import ConflictError, Face3DError, GpuLostError
from face3d_live.live.child_process import end_with_parent, keep_modules
from face3d_live.live.engine import messages as m
from face3d_live.live.engine.fair_queue import FairQueue, RenderBudget
from face3d_live.live.engine.pipeline import CalibrationRequest, CalibrationResult, Pipeline, Result
from face3d_live.live.engine.progress import Progress, Work
from face3d_live.live.engine.shared_memory import SharedFrameMemory
from face3d_live.live.engine.stored_avatar import read_descriptor

logger = logging.getLogger(__name__)

#: Pictures that are worked on together, where the pipeline does not say.
MAX_BATCH = 8
#: How long a picture may take from the server's memory to here, where one waits.
NEXT_SECONDS = 0.003
#: After so many failed frames in a row the process ends; the server then starts a new one.
MAX_FAILURES = 10
#: Exit status of an engine whose OpenGL context was lost. Whose picture that was says little about why.
GPU_LOST = 4
#: Interval of the signs of life while there is nothing to do.
IDLE_SECONDS = 0.25


def run(connection: Connection, factory: Callable[[], Pipeline], progress: Progress) -> None:
    """The child process's main function: load the pipeline, wait for `Start`, then serve until `Stop` or until the
    parent is gone.
    """
    end_with_parent()
    try:
        pipeline = factory()
        connection.recv()  # `Start` is the first message
        pipeline.start()
        keep_modules()
        connection.send(m.Ready(pipeline.device, pipeline.precision))
        Engine(connection, pipeline, progress).serve()
    except GpuLostError as error:
        logger.error("the engine ends: %s", error.message)
        sys.exit(GPU_LOST)
    except Face3DError as error:
        connection.send(m.Failed(error.code, error.message))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        logger.info("the server is gone; the engine ends")


def _check(result: Result) -> None:
    """Raise ValueError for codes that are not finite: receivers and the tracker's next frame must not get them."""
    if not all(np.isfinite(values).all() for values in result.codes.to_arrays().values()):
        raise ValueError("the codes are not finite")


@dataclass
class _Batch:
    """Frames that are taken together. size: how many there were at first; prepared: what all of them wait for."""

    frames: deque[m.ProcessFrame] = field(default_factory=deque)
    size: int = 0
    prepared: Future[Any] | None = None


class Engine:
    """Handles control messages between frames, and frames so that each session gets its share of the time.

    Frames that wait are taken as a batch (`Pipeline.prepare`). When half of a batch is tracked, the frames that have
    come meanwhile are begun with, so that the network runs while the rest is drawn; a session alone is asked for its
    next picture then, if there is one already. A frame that comes when nothing else is to be done is not prepared:
    that would only cost a change of threads.
    """

    def __init__(self, connection: Connection, pipeline: Pipeline, progress: Progress) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._drawn_by_cpu = bool(getattr(pipeline, "drawn_by_cpu", False))
        self._progress = progress
        self._memories: dict[str, SharedFrameMemory] = {}
        self._numbers: dict[str, int] = {}
        self._avatars: dict[str, tuple[str, RenderBudget]] = {}  # session -> key of its avatar
        self._waiting = FairQueue()
        self._batch, self._next = _Batch(), _Batch()
        self._max_batch = int(getattr(pipeline, "max_batch", MAX_BATCH))
        self._inbox: deque[tuple[object, int | None]] = deque()  # messages that came while a frame was processed
        self._failures = 0
        self._stopped = False

    def serve(self) -> None:
        """Until `Stop`. Raises EOFError or OSError when the server is gone, RuntimeError after `MAX_FAILURES`."""
        while not self._stopped:
            self._progress.beat()
            busy = bool(self._inbox or self._waiting or self._batch.frames or self._next.frames)
            if self._inbox:
                self._handle(*self._inbox.popleft())
            elif self._connection.poll(0.0 if busy else IDLE_SECONDS):
                self._handle(*self._receive())
            elif busy:
                self._step()
        for session in list(self._memories):
            self._close(session)

    def _step(self) -> None:
        """Process the next frame of the batch."""
        if not self._batch.frames:
            self._batch, self._next = self._next if self._next.frames else self._begin(), _Batch()
            self._wait_for(self._batch)
        self._process(self._batch.frames.popleft())

    def _wait_for(self, batch: _Batch) -> None:
        """Wait for what a batch's frames need. Each session is charged its share, and not the first one for all."""
        if batch.prepared is None:
            return
        start = perf_counter()
        with self._working(batch.frames[0].session, "frame"):
            wait([batch.prepared])
        share = (perf_counter() - start) / len(batch.frames)
        for frame in batch.frames:
            self._waiting.charge(frame.session, share)

    def _begin(self, beside: bool = False) -> _Batch:
        """Take what waits as a batch. beside: while a frame is being processed."""
        frames = deque(self._waiting.pop() for _ in range(min(len(self._waiting), self._max_batch)))
        pictures = {
            frame.session: memory.view_input(frame.width, frame.height)
            for frame in frames
            if frame.width and (memory := self._memories.get(frame.session)) is not None
        }
        prepared = None
        if len(pictures) > 1 or (pictures and beside):
            try:
                prepared = self._pipeline.prepare(pictures)
            except Exception:
                logger.exception("a batch failed; its pictures are processed one by one")
        return _Batch(frames, len(frames), prepared)

    def _look_ahead(self, frame: m.ProcessFrame) -> None:
        """A frame is tracked and will be drawn: begin with the next ones, once half of the batch is done."""
        if self._next.frames or 2 * len(self._batch.frames) > self._batch.size:
            return
        memory = self._memories.get(frame.session)
        if not self._waiting and not self._batch.frames and memory is not None and memory.newer_waits:
            self._connection.send(m.Taken(frame.session))
            until = perf_counter() + NEXT_SECONDS
            while not (self._waiting or self._inbox) and self._connection.poll(max(0.0, until - perf_counter())):
                message, fd = self._receive()
                if isinstance(message, m.ProcessFrame):
                    self._waiting.put(message)
                else:  # it must not change what is being drawn
                    self._inbox.append((message, fd))
        if self._waiting:
            self._next = self._begin(beside=True)

    def _receive(self) -> tuple[object, int | None]:
        """The next message, and the descriptor that follows it."""
        message = self._connection.recv()
        follows = isinstance(message, m.Open) or (isinstance(message, m.ShowAvatar) and message.key is not None)
        return message, recv_handle(self._connection) if follows else None

    def _handle(self, message: object, fd: int | None) -> None:
        match message:
            case m.ProcessFrame(session=session):
                self._waiting.put(message)
            case m.Open(session=session, state=state, number=number):
                assert fd is not None
                self._memories[session] = SharedFrameMemory(fd)
                self._numbers[session] = number
                with self._working(session, "open"):
                    self._open(session, state)
            case m.Close(session=session):
                self._close(session)
            case m.Calibrate(session=session, request=request):
                with self._working(session, "calibration"):
                    calibrated = self._calibrate(session, request)
                self._connection.send(m.Calibrated(session, calibrated))
            case m.SetTexture(session=session):
                with self._working(session, "texture"):
                    self._set_texture(session)
            case m.ShowAvatar(session=session, key=key):
                with self._working(session, "avatar"):
                    self._show_avatar(session, key, read_descriptor(fd) if fd is not None else b"")
            case m.Stop():
                self._stopped = True

    @contextmanager
    def _working(self, session: str, work: Work) -> Iterator[None]:
        """Say whom the engine works for. An exception ends the process, and that stays said."""
        self._progress.begin(self._numbers.get(session, 0), work)
        yield
        self._progress.end()

    def _open(self, session: str, state: object) -> None:
        try:
            self._pipeline.open(session, state)
        except Exception:
            # A calibration that cannot be restored must not end the session.
            logger.exception("session %s: restoring its calibration failed; it starts without one", session)
            self._pipeline.open(session, None)

    def _close(self, session: str) -> None:
        self._waiting.forget(session)
        for batch in (self._batch, self._next):
            for frame in [each for each in batch.frames if each.session == session]:
                batch.frames.remove(frame)
        self._numbers.pop(session, None)
        self._avatars.pop(session, None)
        memory = self._memories.pop(session, None)
        if memory is not None:
            self._pipeline.close(session)
            memory.close()

    def _calibrate(self, session: str, request: CalibrationRequest) -> CalibrationResult:
        try:
            return replace(self._pipeline.calibrate(session, request), step=request.step)
        except Exception as error:
            logger.exception("session %s: calibration failed", session)
            failed = ConflictError("calibration-failed", f"calibration failed: {error}; the server's log says more")
            return CalibrationResult(step=request.step, error=failed)

    def _set_texture(self, session: str) -> None:
        memory = self._memories.get(session)
        if memory is None:
            return
        try:
            self._pipeline.set_texture(session, memory.view_texture())
        except Exception:
            logger.exception("session %s: its texture could not be set", session)
        self._connection.send(m.TextureSet(session))

    def _show_avatar(self, session: str, key: str | None, data: bytes) -> None:
        if session not in self._memories:
            return
        self._avatars.pop(session, None)
        error = ""
        try:
            self._pipeline.show_avatar(session, key, data)
        except Exception as failure:
            logger.exception("session %s: an avatar could not be shown", session)
            error = str(failure) or type(failure).__name__
        else:
            if key is not None:
                self._avatars[session] = key, RenderBudget()
        self._connection.send(m.AvatarShown(session, key, error))

    def _process(self, frame: m.ProcessFrame) -> None:
        start, used = perf_counter(), process_time()
        self._pipeline.on_tracked = partial(self._look_ahead, frame)
        with self._working(frame.session, "frame"):
            seconds = self._answer(frame) / 1000
        used = process_time() - used
        self._waiting.charge(frame.session, perf_counter() - start)
        # On a busy machine the clock runs on while nothing is drawn.
        self._check_budget(frame.session, min(seconds, used) if self._drawn_by_cpu else seconds)

    def _check_budget(self, session: str, seconds: float) -> None:
        """Give up an avatar whose pictures take the others' time."""
        key, budget = self._avatars.get(session, (None, None))
        if budget is None or not budget.exceeded(seconds):
            return
        logger.warning("session %s: a picture of its avatar took %.2f s; it is given up", session, seconds)
        del self._avatars[session]
        with self._working(session, "avatar"):
            self._pipeline.show_avatar(session, None, b"")
        self._connection.send(m.AvatarShown(session, key, f"a picture takes {seconds:.2g} s", too_slow=True))

    def _answer(self, frame: m.ProcessFrame) -> float:
        """Process a frame and send what came of it. The milliseconds that drawing took."""
        memory = self._memories.get(frame.session)
        if memory is None:
            self._connection.send(m.FrameFailed(frame.session, "the engine does not know the session"))
            return 0.0
        start = perf_counter()
        try:
            rgb = memory.view_input(frame.width, frame.height) if frame.width else None
            if frame.codes is not None:
                result = self._pipeline.render_codes(frame.session, frame.codes, frame.view)
            else:
                result = self._pipeline.process(frame.session, rgb, frame.t, frame.view)
            _check(result)
            if result.image is not None:
                memory.write_output(result.image, frame.place)
            if result.cutout is not None:
                memory.write_cutout(result.cutout, frame.place)
        except GpuLostError:
            raise  # the next picture would be no better
        except Exception as error:
            logger.exception("session %s: a frame failed", frame.session)
            self._failures += 1
            self._connection.send(m.FrameFailed(frame.session, f"{type(error).__name__}: {error}"))
            if self._failures >= MAX_FAILURES:
                raise RuntimeError(f"{MAX_FAILURES} frames in a row failed; the engine ends") from error
            return 0.0
        self._failures = 0
        ms = {**result.ms, "engine": 1000 * (perf_counter() - start)}
        answer = replace(result.without_pictures(), ms=ms)
        drawn = [0 if picture is None else len(picture) for picture in (result.image, result.cutout)]
        self._connection.send(m.Processed(frame.session, answer, *drawn))
        return float(result.ms.get("render", ms["engine"]))
