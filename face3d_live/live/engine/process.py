"""The engine: one child process that owns the network, the trackers and the OpenGL context of all sessions.

It is a process of its own because moderngl holds the GIL while it renders and the network keeps a core busy. Neither
may stall the asyncio loop that moves the media. It is started by "spawn", as OpenGL contexts and CUDA do not survive a
fork. `engine.client` is the other end.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from time import perf_counter

import numpy as np

from face3d_live.errors import ConflictError, Face3DError
from face3d_live.live.child_process import end_with_parent
from face3d_live.live.engine import messages as m
from face3d_live.live.engine.pipeline import CalibrationRequest, CalibrationResult, Pipeline, Result
from face3d_live.live.engine.shared_memory import SharedFrameMemory
from face3d_live.live.engine.stored_avatar import read_descriptor

logger = logging.getLogger(__name__)

#: After so many failed frames in a row the process ends; the server then starts a new one.
MAX_FAILURES = 10


def run(connection: Connection, factory: Callable[[], Pipeline]) -> None:
    """The child process's main function: load the pipeline, then serve until `Stop` or until the parent is gone."""
    end_with_parent()
    try:
        pipeline = factory()
    except Face3DError as error:
        connection.send(m.Failed(error.code, error.message))
        return
    try:
        connection.send(m.Ready(pipeline.device, pipeline.precision))
        Engine(connection, pipeline).serve()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        logger.info("the server is gone; the engine ends")


def _check(result: Result) -> None:
    """Raise ValueError for codes that are not finite: receivers and the tracker's next frame must not get them."""
    if not all(np.isfinite(values).all() for values in result.codes.to_arrays().values()):
        raise ValueError("the codes are not finite")


class Engine:
    """Handles control messages at once and frames in the order of their arrival.

    No session has more than one frame waiting, so first in, first out is a fair round robin.
    """

    def __init__(self, connection: Connection, pipeline: Pipeline) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._memories: dict[str, SharedFrameMemory] = {}
        self._waiting: OrderedDict[str, m.ProcessFrame] = OrderedDict()
        self._failures = 0
        self._stopped = False

    def serve(self) -> None:
        """Until `Stop`. Raises EOFError or OSError when the server is gone, RuntimeError after `MAX_FAILURES`."""
        while not self._stopped:
            while not self._stopped and (not self._waiting or self._connection.poll()):
                self._handle(self._connection.recv())
            if self._waiting and not self._stopped:
                _, frame = self._waiting.popitem(last=False)
                self._process(frame)
        for session in list(self._memories):
            self._close(session)

    def _handle(self, message: object) -> None:
        match message:
            case m.ProcessFrame(session=session):
                self._waiting[session] = message
            case m.Open(session=session, state=state):
                self._memories[session] = SharedFrameMemory(recv_handle(self._connection))
                self._open(session, state)
            case m.Close(session=session):
                self._close(session)
            case m.Calibrate(session=session, request=request):
                self._connection.send(m.Calibrated(session, self._calibrate(session, request)))
            case m.SetTexture(session=session):
                self._set_texture(session)
            case m.ShowAvatar(session=session, key=key):
                data = read_descriptor(recv_handle(self._connection)) if key is not None else b""
                self._show_avatar(session, key, data)
            case m.Stop():
                self._stopped = True

    def _open(self, session: str, state: object) -> None:
        try:
            self._pipeline.open(session, state)
        except Exception:
            # A calibration that cannot be restored must not end the session.
            logger.exception("session %s: restoring its calibration failed; it starts without one", session)
            self._pipeline.open(session, None)

    def _close(self, session: str) -> None:
        self._waiting.pop(session, None)
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
        error = ""
        try:
            self._pipeline.show_avatar(session, key, data)
        except Exception as failure:
            logger.exception("session %s: an avatar could not be shown", session)
            error = str(failure) or type(failure).__name__
        self._connection.send(m.AvatarShown(session, error))

    def _process(self, frame: m.ProcessFrame) -> None:
        memory = self._memories.get(frame.session)
        if memory is None:
            return
        start = perf_counter()
        try:
            rgb = memory.view_input(frame.width, frame.height) if frame.width else None
            if frame.codes is not None:
                result = self._pipeline.render_codes(frame.session, frame.codes, frame.view)
            else:
                result = self._pipeline.process(frame.session, rgb, frame.t, frame.view)
            _check(result)
            memory.write_output(result.image)
            if result.cutout is not None:
                memory.write_cutout(result.cutout)
        except Exception as error:
            logger.exception("session %s: a frame failed", frame.session)
            self._failures += 1
            self._connection.send(m.FrameFailed(frame.session, f"{type(error).__name__}: {error}"))
            if self._failures >= MAX_FAILURES:
                raise RuntimeError(f"{MAX_FAILURES} frames in a row failed; the engine ends") from error
            return
        self._failures = 0
        ms = {**result.ms, "engine": 1000 * (perf_counter() - start)}
        answer = replace(result.without_pictures(), ms=ms)
        self._connection.send(m.Processed(frame.session, answer, result.cutout is not None))
