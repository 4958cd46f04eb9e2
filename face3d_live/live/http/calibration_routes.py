"""The requests about calibration: measure a step, keep it as a file, take it back. docs/takes.md describes them."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from face3d_live.errors import InputError
from face3d_live.live.engine.pipeline import CalibrationRequest
from face3d_live.live.http.requests import PRIVATE, body_of, session_of
from face3d_live.track.calibration import STEPS, Calibration
from face3d_live.track.profile import MAX_BYTES, Profile

router = APIRouter()


@router.post("/api/sessions/{session_id}/calibrate")
async def calibrate(request: Request, session_id: str) -> JSONResponse:
    """The current face is neutral; or, with {"step": "blink"}, the movement now held is the full one."""
    session = session_of(request, session_id)
    step = await _step(request)
    outcome = await session.calibrate(CalibrationRequest(step))
    plain: dict[str, object] = {"ok": outcome.ok, "reason": outcome.reason}
    if outcome.ok and isinstance(outcome.state, Calibration) and step != "neutral":
        full = outcome.state.to_json()["range"]
        assert isinstance(full, dict)
        plain["range"] = {name: round(full[name], 4) for name in STEPS[step] if name in full}
    return JSONResponse(plain, 200 if outcome.ok else 409, headers=PRIVATE)


@router.get("/api/sessions/{session_id}/calibration")
async def calibration(request: Request, session_id: str, person: str = "") -> Response:
    """The session's calibration as a portable file."""
    state = session_of(request, session_id).calibration
    if not isinstance(state, Calibration):
        raise InputError("not-calibrated", "nothing has been calibrated in this session: calibrate first")
    return Response(Profile.fresh(state, person).to_text(), 200, PRIVATE, "application/json")


@router.put("/api/sessions/{session_id}/calibration")
async def load_calibration(request: Request, session_id: str) -> JSONResponse:
    """Take a calibration file."""
    session = session_of(request, session_id)
    profile = Profile.parse(await body_of(request, "application/json", MAX_BYTES))
    outcome = await session.calibrate(CalibrationRequest("load", profile.calibration))
    plain = {"ok": outcome.ok, "reason": outcome.reason, "person": profile.person}
    return JSONResponse(plain, 200 if outcome.ok else 409, headers=PRIVATE)


@router.delete("/api/sessions/{session_id}/calibration")
async def forget_calibration(request: Request, session_id: str) -> Response:
    """Forget it: coefficients and pose as estimated from now on."""
    outcome = await session_of(request, session_id).calibrate(CalibrationRequest("load", None))
    if not outcome.ok:
        raise InputError("not-calibrated", outcome.reason)
    return Response(status_code=204)


async def _step(request: Request) -> str:
    """The step that a body asks for; none is neutral. Raises InputError "bad-request"."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return "neutral"
    body = await body_of(request, "application/json", 1024)
    try:
        step = json.loads(body)["step"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError("bad-request", 'the body is not like {"step": "neutral"}') from error
    if not isinstance(step, str) or (step != "neutral" and step not in STEPS):
        raise InputError("bad-request", f"step: expected neutral, {', '.join(STEPS)}")
    return step
