"""The engine: one child process that owns the network, the trackers and the GL context of all sessions.

It is a process of its own because moderngl holds the GIL while it renders and a network keeps a core busy: neither may
stall the asyncio loop that moves the media. It is started by "spawn", never by a fork: a GL context and CUDA do not
survive one. `engine_client` is the other end.
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

from face3d_live.errors import Face3DError
from face3d_live.live.child_process import live_with_parent
from face3d_live.live.engine import messages as m
from face3d_live.live.engine.pipeline import Calibration, CalibrationRequest, Pipeline, Result
from face3d_live.live.engine.shared_memory import Mailbox
from face3d_live.live.sessions.avatars import received

logger = logging.getLogger(__name__)

#: After so many failures in a row the process is taken to be beyond repair and leaves, to be started afresh.
MAX_FAILURES = 10


def run(connection: Connection, factory: Callable[[], Pipeline]) -> None:
    """The child process's main function: load, then serve until told to stop or the parent is gone."""
    live_with_parent()
    try:
        pipeline = factory()
    except Face3DError as error:
        connection.send(m.Failed(error.code, error.message))
        return
    try:
        connection.send(m.Ready(pipeline.device, pipeline.precision))
        Engine(connection, pipeline).serve()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        logger.info("the server is gone; the engine leaves")


def _check(result: Result) -> None:
    """Numbers that are not finite must not reach engines, nor the tracker's next frame as its past."""
    if not all(np.isfinite(values).all() for values in result.codes.to_arrays().values()):
        raise ValueError("the codes are not finite")


class Engine:
    """Serves messages: control at once, frames in the order in which they came.

    As no session has more than one frame waiting, first come first served is a fair round robin.
    """

    def __init__(self, connection: Connection, pipeline: Pipeline) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._boxes: dict[str, Mailbox] = {}
        self._waiting: OrderedDict[str, m.Frame] = OrderedDict()
        self._failures = 0
        self._stopped = False

    def serve(self) -> None:
        """Until `Stop`. Raises EOFError or an OSError when the server is gone, RuntimeError beyond repair."""
        while not self._stopped:
            while not self._stopped and (not self._waiting or self._connection.poll()):
                self._handle(self._connection.recv())
            if self._waiting and not self._stopped:
                _, frame = self._waiting.popitem(last=False)
                self._process(frame)
        for session in list(self._boxes):
            self._close(session)

    def _handle(self, message: object) -> None:
        match message:
            case m.Frame(session=session):
                self._waiting[session] = message
            case m.Open(session=session, state=state):
                self._boxes[session] = Mailbox(recv_handle(self._connection))
                self._open(session, state)
            case m.Close(session=session):
                self._close(session)
            case m.Calibrate(session=session, request=request):
                self._connection.send(m.Calibrated(session, self._calibrate(session, request)))
            case m.Wear(session=session):
                self._wear(session)
            case m.ShowAvatar(session=session, key=key):
                data = received(recv_handle(self._connection)) if key is not None else b""
                self._show_avatar(session, key, data)
            case m.Stop():
                self._stopped = True

    def _open(self, session: str, state: object) -> None:
        try:
            self._pipeline.open(session, state)
        except Exception:
            # A calibration that cannot be taken up again must not cost the session.
            logger.exception("session %s: opening with its earlier state failed; it starts afresh", session)
            self._pipeline.open(session, None)

    def _close(self, session: str) -> None:
        self._waiting.pop(session, None)
        box = self._boxes.pop(session, None)
        if box is not None:
            self._pipeline.close(session)
            box.close()

    def _calibrate(self, session: str, request: CalibrationRequest) -> Calibration:
        try:
            return replace(self._pipeline.calibrate(session, request), step=request.step)
        except Exception as error:
            logger.exception("session %s: calibration failed", session)
            return Calibration(False, f"calibration failed: {error}", step=request.step)

    def _wear(self, session: str) -> None:
        box = self._boxes.get(session)
        if box is None:
            return
        try:
            self._pipeline.wear(session, box.skin())
        except Exception:
            logger.exception("session %s: a skin could not be put on", session)
        self._connection.send(m.Worn(session))

    def _show_avatar(self, session: str, key: str | None, data: bytes) -> None:
        if session not in self._boxes:
            return
        error = ""
        try:
            self._pipeline.show_avatar(session, key, data)
        except Exception as failure:
            logger.exception("session %s: an avatar could not be shown", session)
            error = str(failure) or type(failure).__name__
        self._connection.send(m.AvatarShown(session, error))

    def _process(self, frame: m.Frame) -> None:
        box = self._boxes.get(frame.session)
        if box is None:
            return
        start = perf_counter()
        try:
            rgb = box.input(frame.width, frame.height) if frame.width else None
            if frame.codes is not None:
                result = self._pipeline.show(frame.session, frame.codes, frame.view)
            else:
                result = self._pipeline.process(frame.session, rgb, frame.t, frame.view)
            _check(result)
            box.put_output(result.image)
            if result.cutout is not None:
                box.put_cutout(result.cutout)
        except Exception as error:
            logger.exception("session %s: a frame failed", frame.session)
            self._failures += 1
            self._connection.send(m.Broken(frame.session, f"{type(error).__name__}: {error}"))
            if self._failures >= MAX_FAILURES:
                raise RuntimeError(f"{MAX_FAILURES} frames in a row failed; the engine gives up") from error
            return
        self._failures = 0
        ms = {**result.ms, "engine": 1000 * (perf_counter() - start)}
        cut = result.cutout is not None
        self._connection.send(m.Done(frame.session, result.face, result.codes, result.raw, result.confidence, ms, cut))
