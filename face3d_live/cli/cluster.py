"""`face3d-live cluster head | join | status | drain`: thin over Ray's own commands. docs/cluster.md says the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from face3d_live.cli.live import LIMIT_HELP, TAKES_HELP
from face3d_live.cli.network_options import IceServers, MediaPorts
from face3d_live.cli.options import AnyDevice, AnyPrecision, Device, Precision
from face3d_live.cli.ray_option import require_ray
from face3d_live.cli.regressor import Regressor, prepared

ADDRESS_HELP = "of the Ray cluster: HOST:6379, or auto on one of its machines"
WORKERS_HELP = (
    "fill: as many as fit on the machines; a number; or LEAST-MOST, from which Ray's autoscaler makes machines"
)
HEAD_HELP = "use the Ray cluster there, which runs already, in place of starting one"
Address = Annotated[str, typer.Option(help=ADDRESS_HELP)]


def head(
    port: Annotated[int, typer.Option(help="of Ray, for the other machines")] = 6379,
    node_ip: Annotated[str | None, typer.Option(help="this machine's address, where it has several")] = None,
    address: Annotated[str | None, typer.Option(help=HEAD_HELP)] = None,
    workers: Annotated[str, typer.Option(metavar="fill|N|LEAST-MOST", help=WORKERS_HELP)] = "fill",
    worker_cpus: Annotated[float, typer.Option(help="cores that one worker needs")] = 2.0,
    worker_gpus: Annotated[float, typer.Option(help="GPUs of one worker; 0.5 for two workers on one")] = 0.0,
    device: AnyDevice = Device.auto,
    precision: AnyPrecision = Precision.auto,
    regressor: Regressor = "own",
    takes: Annotated[Path | None, typer.Option(help=TAKES_HELP)] = None,
    ice_server: IceServers = None,
    media_ports: MediaPorts = None,
    limit: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help=LIMIT_HELP)] = None,
    dashboard: Annotated[bool, typer.Option("--dashboard", help="also start Ray's dashboard, on the loopback")] = False,
) -> None:
    """Start a cluster on this machine, with workers on every machine that joins."""
    require_ray()
    from face3d_live.cluster import ray_environment
    from face3d_live.cluster.options import Size, WorkerOptions, engine_settings
    from face3d_live.live import ice
    from face3d_live.live.limits import parse_limits

    size = Size.parse(workers)
    ice.parse_all(ice_server or ())
    ice.parse_ports(media_ports)
    parse_limits(limit or ())
    if address is None:
        ray_environment.make_token()
    from face3d_live.cluster import commands

    options = WorkerOptions(
        cpus=worker_cpus,
        gpus=worker_gpus,
        settings=engine_settings(device.value, precision.value, prepared(regressor)),
        limits=tuple(limit or ()),
        ice_servers=tuple(ice_server or ()),
        media_ports=media_ports,
        takes=takes,
    )
    commands.head(options, size, address, port, node_ip, dashboard)


def join(
    address: Annotated[str, typer.Argument(metavar="HOST:6379", help="what the head printed")],
    node_ip: Annotated[str | None, typer.Option(help="this machine's address, where it has several")] = None,
    gateway_only: Annotated[
        bool, typer.Option("--gateway-only", help="no workers here: for a machine with a gateway")
    ] = False,
) -> None:
    """Add this machine to a cluster."""
    require_ray()
    from face3d_live.cluster import commands

    commands.join(address, node_ip, gateway_only)


def status(address: Address = "auto") -> None:
    """Print the workers: where they are, how busy they are, what they have."""
    require_ray()
    from face3d_live.cluster import commands

    commands.status(address)


def drain(
    worker: Annotated[str, typer.Argument(help="its name, as status prints it; or all, one after the other")],
    address: Address = "auto",
    replace: Annotated[bool, typer.Option("--replace", help="another one takes its place: for an upgrade")] = False,
    wait: Annotated[bool, typer.Option(help="until it has ended")] = True,
) -> None:
    """Send a worker's sessions to others, then end it."""
    require_ray()
    from face3d_live.cluster import commands

    commands.drain(address, worker, replace, wait)


COMMANDS = (head, join, status, drain)
