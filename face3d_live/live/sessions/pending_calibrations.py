"""Calibrations that a session has asked its engine for and not yet been answered."""

from __future__ import annotations

import asyncio

from face3d_live.live.engine.pipeline import Calibration, CalibrationRequest
from face3d_live.live.engine.session import EngineSession

CALIBRATION_SECONDS = 5.0


class Calibrations:
    """Lives on the event loop."""

    def __init__(self, engine: EngineSession) -> None:
        self._engine = engine
        self._waiting: list[tuple[str, asyncio.Future[Calibration]]] = []

    async def ask(self, request: CalibrationRequest) -> Calibration:
        """The engine's answer; one of its own when there is none."""
        answer: asyncio.Future[Calibration] = asyncio.get_running_loop().create_future()
        entry = request.step, answer
        self._waiting.append(entry)
        self._engine.calibrate(request)
        try:
            async with asyncio.timeout(CALIBRATION_SECONDS):
                return await answer
        except TimeoutError:
            return Calibration(False, "the engine does not answer; try again")
        finally:
            self._waiting.remove(entry)

    def answer(self, calibration: Calibration) -> None:
        """Tell all who asked."""
        for step, answer in self._waiting:
            if step == calibration.step and not answer.done():
                answer.set_result(calibration)
