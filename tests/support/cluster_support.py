"""A Ray cluster of several nodes in this machine, with workers that have the fake pipeline, and gateways to them."""

import asyncio
import contextlib
import os
from pathlib import Path

import httpx
import live_fakes
import ray
import uvicorn
from live_helpers import Served
from ray.cluster_utils import Cluster
from waiting import until, wait_until

from face3d_live.cluster import ray_connection
from face3d_live.cluster.gateway.app import create_gateway
from face3d_live.cluster.gateway.directory import RayDirectory
from face3d_live.cluster.names import CONTROLLER, NAMESPACE
from face3d_live.cluster.options import ClusterOptions, Size, WorkerOptions
from face3d_live.live.access import Access
from face3d_live.live.http.connections import Connections, server_options
from face3d_live.live.http.network_routes import Reach
from face3d_live.live.limits import Limits
from face3d_live.live.network import listen

SUPPORT = Path(__file__).resolve().parent
ROOT = SUPPORT.parent.parent
FILL = Size()
NODE = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}


class Gateway(Served):
    """A running gateway, and what it knows of the cluster."""

    def __init__(self, base, http, app, directory):
        super().__init__(base, http, app)
        self.directory = directory


class Simulated:
    """Two nodes with one place for a worker each. Tests put back what they change."""

    def __init__(self):
        paths = [str(ROOT), str(SUPPORT), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        self.ray = Cluster(initialize_head=True, head_node_args=NODE)
        self.ray.add_node(**NODE)
        self.address = self.ray.address
        ray_connection.connect(self.address)
        self.controller = None

    def start(self, size=FILL, sessions=2, **options):
        """Its controller, with workers that have so many places."""
        options = {"settings": live_fakes.fake_settings, "limits": (f"sessions={sessions}",), **options}
        worker = WorkerOptions(cpus=1, **options)
        cluster = ClusterOptions(worker, "s" * 32, size, drain_seconds=20, address_sessions=100)
        self.controller = ray_connection.start_controller(cluster)

    def table(self):
        return {load.name: load for load in ray.get(self.controller.table.remote(), timeout=30)}

    def ready(self, count=2):
        """Wait for so many ready workers without sessions, and give the table."""

        def all_ready():
            table = self.table()
            ready = [load for load in table.values() if load.ready and not load.draining and not load.taken]
            return table if len(ready) == len(table) == count else None

        return wait_until(all_ready, 60)

    def where(self, name):
        return ray.get(ray.get_actor(name, NAMESPACE).where.remote(), timeout=30)

    def stop(self):
        """End the workers and the controller."""
        if self.controller is not None:
            ray.get(self.controller.close.remote(), timeout=60)
            ray.kill(self.controller, no_restart=True)
            wait_until(lambda: CONTROLLER not in ray.util.list_named_actors())
            self.controller = None

    def shutdown(self):
        self.stop()
        ray.shutdown()
        self.ray.shutdown()

    @contextlib.asynccontextmanager
    async def gateway(self, token=None, port=0):
        """Yield a `Served`, as a server alone is one, with its directory."""
        secret = await self.controller.secret.remote()
        directory = RayDirectory(self.controller, secret)
        await directory.refresh()
        async with served(directory, token, port) as gateway:
            keeping = asyncio.create_task(directory.run())
            try:
                yield gateway
            finally:
                keeping.cancel()


@contextlib.asynccontextmanager
async def served(directory, token=None, port=0):
    """A gateway with a directory."""
    limits = Limits()
    connections = Connections(limits)
    app = create_gateway(directory, Reach(Access(token), None, None), limits, connections)
    listener = listen("127.0.0.1", port)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", **server_options(connections)))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started or serving.done())
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        async with httpx.AsyncClient(base_url=base, timeout=20) as http:
            yield Gateway(base, http, app, directory)
    finally:
        server.should_exit = True
        await serving
