"""The live server as an ASGI app: its requests, its errors, its page. `service` has what runs behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

import face3d_live
from face3d_live.errors import AssetError, Face3DError, InputError
from face3d_live.live.http import avatar_routes, calibration_routes, playback_routes, routes, studio_routes, take_routes
from face3d_live.live.http import output_routes as outputs_routes
from face3d_live.live.http.guard import Guard
from face3d_live.live.service import Live, Settings
from face3d_live.live.sessions.session import LimitError
from face3d_live.live.webrtc import aiortc_patches


def create_app(settings: Settings) -> FastAPI:
    """The app. Its lifespan starts and stops the engine process."""
    aiortc_patches.install()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        live = Live(settings)
        app.state.live = live
        await live.start()
        try:
            yield
        finally:
            await live.stop()

    app = FastAPI(
        title="Face3D Live", version=face3d_live.__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.add_middleware(Guard, token=settings.token, loopback=settings.loopback)
    app.add_exception_handler(Face3DError, _face3d_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.include_router(routes.router)
    app.include_router(avatar_routes.router)
    app.include_router(calibration_routes.router)
    app.include_router(take_routes.router)
    app.include_router(playback_routes.router)
    app.include_router(studio_routes.router)
    app.include_router(outputs_routes.router)
    if settings.web_client.is_dir():
        app.mount("/", Page(directory=settings.web_client, html=True))
    return app


class Page(StaticFiles):
    """The page's files. Browsers ask again each time: an old script against a new server is a riddle for its user."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """A file, revalidated on every use."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status, {"Cache-Control": "no-store"})


_STATUS = {
    "too-large": 413, "wrong-type": 415, "not-found": 404, "photo-gone": 404, "no-face-yet": 409, "no-avatar-yet": 409,
    "already-recording": 409, "avatar-too-large": 413, "not-recording": 409, "take-in-use": 409, "empty-take": 409,
    "no-mapping": 404, "not-calibrated": 404, "output-exists": 409, "too-many-outputs": 409,
    "no-sound": 404, "no-render": 404, "takes-unwritable": 507, "disk-full": 507,
}  # fmt: skip


async def _face3d_error(_request: Request, error: Exception) -> JSONResponse:
    match error:
        case LimitError(code=code, message=message):
            response = _error(503, code, message)
            response.headers["Retry-After"] = "5"
            return response
        case InputError(code=code, message=message):
            response = _error(_STATUS.get(code, 400), code, message)
            if code == "too-large":
                # The rest of the body is not wanted.
                response.headers["Connection"] = "close"
            return response
        case AssetError(code=code, message=message):
            return _error(503, code, message)
    return _error(500, "internal", str(error))


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return _error(404, "not-found", f"there is nothing at {request.url.path[:80]}")
    if error.status_code == 405:
        return _error(405, "wrong-method", f"{request.method} is not for {request.url.path[:80]}")
    return _error(error.status_code, "http", str(error.detail))


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    return _error(400, "bad-request", str(error).splitlines()[0])
