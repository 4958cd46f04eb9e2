"""Calibrations that a session has asked its engine for and that are not answered yet."""

from __future__ import annotations

import asyncio

from face3d_live.errors import ConflictError
from face3d_live.live.engine.pipeline import CalibrationRequest, CalibrationResult
from face3d_live.live.engine.session import EngineSession

CALIBRATION_SECONDS = 5.0


class PendingCalibrations:
    """Lives on the event loop."""

    def __init__(self, engine: EngineSession) -> None:
        self._engine = engine
        self._pending: list[tuple[str, asyncio.Future[CalibrationResult]]] = []

    async def request(self, request: CalibrationRequest) -> CalibrationResult:
        """The engine's answer, or a failed result after `CALIBRATION_SECONDS`."""
        answer: asyncio.Future[CalibrationResult] = asyncio.get_running_loop().create_future()
        entry = request.step, answer
        self._pending.append(entry)
        self._engine.calibrate(request)
        try:
            async with asyncio.timeout(CALIBRATION_SECONDS):
                return await answer
        except TimeoutError:
            return CalibrationResult(error=ConflictError("engine-silent", "the engine does not answer: try again"))
        finally:
            self._pending.remove(entry)

    def resolve(self, calibration: CalibrationResult) -> None:
        """Give the engine's answer to everyone who waits for its step."""
        for step, answer in self._pending:
            if step == calibration.step and not answer.done():
                answer.set_result(calibration)
