"""The live server as a Starlette application: its routes, its errors, the page's files. `service` runs behind them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from face3d_live.errors import Face3DError
from face3d_live.live.access import Access
from face3d_live.live.http import (
    avatar_routes,
    calibration_routes,
    network_routes,
    output_routes,
    playback_routes,
    routes,
    studio_routes,
    take_routes,
)
from face3d_live.live.http.connections import Connections
from face3d_live.live.http.errors import deny, no_route, on_face3d_error, on_http_exception, on_unexpected
from face3d_live.live.http.guard import Guard
from face3d_live.live.http.headers import SecurityHeaders
from face3d_live.live.http.network_routes import Reach
from face3d_live.live.http.ranges import drop_bad_range
from face3d_live.live.http.slots import Slots
from face3d_live.live.service import LiveService, Settings
from face3d_live.live.webrtc import aiortc_patches

#: Every route of the interface; docs/api.md lists the same.
ROUTES = (
    *routes.ROUTES,
    *avatar_routes.ROUTES,
    *calibration_routes.ROUTES,
    *take_routes.ROUTES,
    *playback_routes.ROUTES,
    *studio_routes.ROUTES,
    *output_routes.ROUTES,
    *network_routes.ROUTES,
)


def create_app(settings: Settings, connections: Connections | None = None, more: Sequence[BaseRoute] = ()) -> Starlette:
    """The application. Its lifespan starts and stops the engine process. Raises AssetError "aiortc-changed".

    connections: those of the server that runs it, for the metrics. more: routes besides `ROUTES`.
    """
    aiortc_patches.install()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        live = LiveService(settings)
        app.state.live = live
        app.state.reach = Reach(settings.access, settings.addresses, settings.certificate)
        app.state.slots = Slots(settings.limits)
        app.state.connections = Connections(settings.limits) if connections is None else connections
        await live.start()
        try:
            yield
        finally:
            await live.stop()

    return assemble((*ROUTES, *more), lifespan, settings.access, settings.web_client)


def assemble(
    routes: Sequence[BaseRoute],
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]],
    access: Access,
    web_client: Path,
) -> Starlette:
    """An application with these routes and the page's files, behind the guard, with one form of errors."""
    # For HTTP and WebSockets alike, which Starlette's annotation does not provide for.
    handlers: dict[Any, Any] = {
        Face3DError: on_face3d_error,
        HTTPException: on_http_exception,
        Exception: on_unexpected,
    }
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(Guard, access=access)],
        exception_handlers=handlers,
    )
    # Not a mount at "/": that would match every address, and hide that one exists but takes another method.
    app.router.default = Page(directory=web_client, html=True, check_dir=False)
    app.router.redirect_slashes = False
    # Outermost, where the answer to a bug gets its headers, too: Starlette makes it outside of all `middleware`.
    app.middleware_stack = SecurityHeaders(app.build_middleware_stack(), access)
    return app


class Page(StaticFiles):
    """The page's files, for every address that no route has.

    Browsers revalidate them on every use: an old script would not understand a new server.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "websocket" or scope["path"].startswith("/api/"):
            await deny(no_route(scope["path"]), scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """A file, revalidated on every use."""
        drop_bad_range(scope, stat_result.st_size)
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response
