"""The requests about calibration: measure a step, download and upload the result. docs/takes.md describes them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from face3d_live.errors import InputError, NotFoundError
from face3d_live.live.engine.pipeline import CalibrationRequest, CalibrationResult
from face3d_live.live.http.requests import NO_STORE, body_of, object_of, session_of
from face3d_live.track.calibration import STEPS, Calibration
from face3d_live.track.profile import MAX_BYTES, Profile


async def calibrate(request: Request) -> JSONResponse:
    """Take the current face as neutral or, with {"step": "blink"}, as the full movement."""
    session = session_of(request)
    step = await _step(request)
    outcome = await session.calibrate(CalibrationRequest(step))
    plain = outcome.to_json()
    if outcome.ok and isinstance(outcome.state, Calibration) and step != "neutral":
        full = outcome.state.to_json()["range"]
        assert isinstance(full, dict)
        plain["range"] = {name: round(full[name], 4) for name in STEPS[step] if name in full}
    return JSONResponse(plain, _status(outcome), headers=NO_STORE)


async def calibration(request: Request) -> Response:
    """The session's calibration as a portable file."""
    state = session_of(request).calibration
    if not isinstance(state, Calibration):
        raise NotFoundError("not-calibrated", "nothing has been calibrated in this session: calibrate first")
    person = request.query_params.get("person", "")
    return Response(Profile.fresh(state, person).to_text(), 200, NO_STORE, "application/json")


async def load_calibration(request: Request) -> JSONResponse:
    """Take a calibration file."""
    session = session_of(request)
    profile = Profile.parse(await body_of(request, "application/json", MAX_BYTES))
    outcome = await session.calibrate(CalibrationRequest("load", profile.calibration))
    plain = outcome.to_json() | {"person": profile.person}
    return JSONResponse(plain, _status(outcome), headers=NO_STORE)


async def forget_calibration(request: Request) -> Response:
    """Remove the calibration: coefficients and pose are as estimated from now on."""
    outcome = await session_of(request).calibrate(CalibrationRequest("load", None))
    if outcome.error is not None:
        raise outcome.error
    return Response(status_code=204)


def _status(outcome: CalibrationResult) -> int:
    return 200 if outcome.error is None else outcome.error.status


async def _step(request: Request) -> str:
    """The step that the body names; an empty body means neutral. Raises InputError "bad-request"."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return "neutral"
    step = (await object_of(request, 1024)).get("step")
    if not isinstance(step, str) or (step != "neutral" and step not in STEPS):
        raise InputError("bad-request", f"step: expected neutral, {', '.join(STEPS)}")
    return step


ROUTES: tuple[BaseRoute, ...] = (
    Route("/api/sessions/{session_id}/calibrate", calibrate, methods=["POST"]),
    Route("/api/sessions/{session_id}/calibration", calibration, methods=["GET"]),
    Route("/api/sessions/{session_id}/calibration", load_calibration, methods=["PUT"]),
    Route("/api/sessions/{session_id}/calibration", forget_calibration, methods=["DELETE"]),
)
