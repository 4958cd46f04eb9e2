"""`face3d-live live`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from face3d_live.cli.network_options import (
    AllowHost,
    AnyTls,
    Cert,
    FrameAncestors,
    Host,
    IceServers,
    Insecure,
    Key,
    LogFormat,
    MediaPorts,
    Port,
    Tls,
    Token,
    TokenFile,
)
from face3d_live.cli.options import (
    CALIBRATION_HELP,
    AnyDevice,
    AnyGlasses,
    AnyGlassesColour,
    AnyHair,
    AnyHairColour,
    AnyPrecision,
    Device,
    Precision,
    styling_of,
)
from face3d_live.cli.ray_option import require_ray
from face3d_live.cli.regressor import Regressor, prepared
from face3d_live.errors import InputError

if TYPE_CHECKING:
    from face3d_live.live.network import NetworkOptions

TAKES_HELP = "the folder of recordings; by default face3d-live/takes in your data folder (~/.local/share)"
OUTPUT_HELP = (
    "send the face to a program, may be repeated: vmc://127.0.0.1:39539?names=vrm1, livelink://HOST?subject=Face, "
    "ifacialmocap://HOST, vts://localhost, osf://HOST; docs/outputs.md"
)
LIMIT_HELP = "change a cap, time-out or quota, may be repeated: sessions=4; docs/security.md lists them"
CLUSTER_HELP = "be a gateway to the workers of the Ray cluster there, HOST:6379 or auto; docs/cluster.md"
SOURCE_HELP = "a video file, looped, or a camera's number: plays into a session without a browser"


#: Options of a server that owns an engine. Behind a gateway `face3d-live cluster head` takes those that fit there.
_OF_AN_ENGINE = ("device", "source", "takes", "output", "calibration", "avatar", "precision", "regressor", "hair",
                 "hair_colour", "glasses", "glasses_colour", "virtual_camera", "ice_server", "media_ports")  # fmt: skip


def live(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    device: AnyDevice = Device.auto,
    token: Token = None,
    token_file: TokenFile = None,
    insecure: Insecure = False,
    allow_host: AllowHost = None,
    tls: AnyTls = Tls.off,
    cert: Cert = None,
    key: Key = None,
    frame_ancestors: FrameAncestors = None,
    ice_server: IceServers = None,
    media_ports: MediaPorts = None,
    source: Annotated[str | None, typer.Option(metavar="FILE_OR_CAMERA", help=SOURCE_HELP)] = None,
    log_format: Annotated[LogFormat, typer.Option(help="of the lines on stderr")] = LogFormat.text,
    verbose: Annotated[bool, typer.Option("--verbose", help="log every session and connection")] = False,
    takes: Annotated[Path | None, typer.Option(help=TAKES_HELP)] = None,
    output: Annotated[list[str] | None, typer.Option(metavar="URL", help=OUTPUT_HELP)] = None,
    calibration: Annotated[Path | None, typer.Option(help=CALIBRATION_HELP)] = None,
    avatar: Annotated[Path | None, typer.Option(help="a .glb or .vrm file shown instead of your own head")] = None,
    precision: AnyPrecision = Precision.auto,
    limit: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help=LIMIT_HELP)] = None,
    regressor: Regressor = "own",
    virtual_camera: Annotated[
        str | None, typer.Option(metavar="auto|DEVICE", help="show the avatar as a camera (v4l2loopback, Linux)")
    ] = None,
    hair: AnyHair = None,
    hair_colour: AnyHairColour = None,
    glasses: AnyGlasses = None,
    glasses_colour: AnyGlassesColour = None,
    cluster: Annotated[str | None, typer.Option(metavar="ADDRESS", help=CLUSTER_HELP)] = None,
) -> None:
    """Serve the living head: open the printed address in a browser and start the camera."""
    from face3d_live.live.main import run
    from face3d_live.live.network import NetworkOptions

    options = NetworkOptions(
        host=host,
        port=port,
        token=token,
        token_file=token_file,
        insecure=insecure,
        allow_hosts=allow_host or (),
        frame_ancestors=frame_ancestors or (),
        tls=tls.value,
        cert=cert,
        key=key,
        ice_servers=ice_server or (),
        media_ports=media_ports,
    )
    if cluster is not None:
        raise typer.Exit(_gateway(context, cluster, options, verbose, limit or (), log_format))
    status = run(
        options,
        device.value,
        source,
        verbose,
        takes,
        output or (),
        calibration,
        avatar=avatar,
        precision=precision.value,
        limits=limit or (),
        log_format=log_format.value,
        regressor=prepared(regressor),
        virtual_camera=virtual_camera,
        styling=styling_of(hair, hair_colour, glasses, glasses_colour),
    )
    raise typer.Exit(status)


def _gateway(
    context: typer.Context,
    cluster: str,
    options: NetworkOptions,
    verbose: bool,
    limits: Sequence[str],
    log_format: LogFormat,
) -> int:
    """Be a gateway. Raises InputError "bad-option", AssetError "ray-missing"."""
    sources = {name: context.get_parameter_source(name) for name in _OF_AN_ENGINE}
    given = [name for name, source in sources.items() if source is not None and source.name != "DEFAULT"]
    if given:
        text = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise InputError("bad-option", f"a gateway has no engine: give {text} to face3d-live cluster head")
    require_ray()
    from face3d_live.cluster.gateway.program import run

    return run(cluster, options, verbose, limits, log_format.value)
