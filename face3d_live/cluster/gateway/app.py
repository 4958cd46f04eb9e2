"""The gateway: an application that serves the page, places sessions and hands everything on to their workers.

It owns no media and keeps nothing, so there may be any number of them. Who may come is checked here, by the guard and
the limits that a server alone has; workers hear gateways alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from face3d_live.cluster.gateway import routes, shared_routes
from face3d_live.cluster.gateway.directory import Directory
from face3d_live.cluster.gateway.metrics import GatewayMetrics
from face3d_live.cluster.gateway.proxy import Proxy
from face3d_live.cluster.gateway.state import GatewayState
from face3d_live.live.http.app import assemble
from face3d_live.live.http.connections import Connections
from face3d_live.live.http.network_routes import Reach
from face3d_live.live.limits import Limits
from face3d_live.paths import WEB_CLIENT


def create_gateway(directory: Directory, reach: Reach, limits: Limits, connections: Connections) -> Starlette:
    """The application. directory: where workers are found; who made it keeps it fresh."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        proxy = Proxy(directory)
        app.state.reach = reach
        app.state.gateway = GatewayState(directory, proxy, GatewayMetrics(), connections, limits, WEB_CLIENT)
        try:
            yield
        finally:
            await proxy.close()

    return assemble((*routes.ROUTES, *shared_routes.ROUTES), lifespan, reach.access, WEB_CLIENT)
