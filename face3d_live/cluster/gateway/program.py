"""The gateway as a program: `face3d-live live --cluster ADDRESS`. Ends with Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import uvicorn

from face3d_live.cluster.gateway.app import create_gateway
from face3d_live.cluster.gateway.directory import RayDirectory
from face3d_live.cluster.ray_connection import connect, find_controller
from face3d_live.errors import Face3DError
from face3d_live.live import logs
from face3d_live.live.http.connections import Connections, raise_descriptor_limit
from face3d_live.live.http.network_routes import Reach
from face3d_live.live.limits import Limits, parse_limits
from face3d_live.live.main import announce_network, handle_hangup, renew, server_config
from face3d_live.live.network import Network, NetworkOptions, prepare

#: For the controller's first answer.
START_SECONDS = 30.0


def run(
    address: str, options: NetworkOptions, verbose: bool, limits: Sequence[str] = (), log_format: logs.Format = "text"
) -> int:
    """Serve until Ctrl-C. address: of the Ray cluster. Returns the exit status; what went wrong is on stderr."""
    logs.configure(log_format, verbose)
    try:
        bounds = parse_limits(limits, Limits(connections=4096))
        network = prepare(options)
        logs.configure(log_format, verbose, [network.access.token])
        with network.listener:
            connect(address)
            return asyncio.run(_serve(find_controller(), network, bounds))
    except Face3DError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


async def _serve(controller: object, network: Network, limits: Limits) -> int:
    raise_descriptor_limit()
    directory = await _directory(controller)
    reach = Reach(network.access, network.addresses, network.certificate)
    connections = Connections(limits)
    config = server_config(create_gateway(directory, reach, limits, connections), connections)
    config.load()
    context = network.certificate.context() if network.certificate is not None else None
    config.ssl = context
    server = uvicorn.Server(config)
    handle_hangup(server)
    background = [asyncio.create_task(directory.run()), asyncio.create_task(renew(network, context))]
    serving = asyncio.create_task(server.serve(sockets=[network.listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if not serving.done():
        workers = len(directory.workers)
        print(f"Gateway to {workers} workers: open {network.page_url()}  (Ctrl-C ends it)", flush=True)
        announce_network(network)
    await serving
    for task in background:
        task.cancel()
    return 0


async def _directory(controller: object) -> RayDirectory:
    secret = await asyncio.wait_for(controller.secret.remote(), START_SECONDS)  # type: ignore[attr-defined]
    directory = RayDirectory(controller, secret)
    await directory.refresh()
    return directory
