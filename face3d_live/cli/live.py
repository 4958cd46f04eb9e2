"""`face3d-live live`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from face3d_live.cli.options import CALIBRATION_HELP, AnyDevice, AnyPrecision, Device, Precision
from face3d_live.cli.regressor import Regressor, prepared

HOST_HELP = (
    "address to listen on; 0.0.0.0 for the whole network: use --token then, and a proxy with HTTPS, "
    "as browsers give the camera to no other page"
)
TAKES_HELP = "the folder of recordings; by default face3d-live/takes in your data folder (~/.local/share)"
OUTPUT_HELP = (
    "send the face to a program, may be repeated: vmc://127.0.0.1:39539?names=vrm1, livelink://HOST?subject=Face, "
    "ifacialmocap://HOST, vts://localhost, osf://HOST; docs/outputs.md"
)
LIMIT_HELP = "change a cap, time-out or quota, may be repeated: sessions=4; docs/security.md lists them"
SOURCE_HELP = "a video file, looped, or a camera's number: plays into a session without a browser"


def live(
    host: Annotated[str, typer.Option(help=HOST_HELP)] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 picks a free one")] = 8080,
    device: AnyDevice = Device.auto,
    token: Annotated[str | None, typer.Option(help="a secret that the page and every request must carry")] = None,
    source: Annotated[str | None, typer.Option(metavar="FILE_OR_CAMERA", help=SOURCE_HELP)] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="log every session and connection")] = False,
    takes: Annotated[Path | None, typer.Option(help=TAKES_HELP)] = None,
    output: Annotated[list[str] | None, typer.Option(metavar="URL", help=OUTPUT_HELP)] = None,
    calibration: Annotated[Path | None, typer.Option(help=CALIBRATION_HELP)] = None,
    avatar: Annotated[Path | None, typer.Option(help="a .glb or .vrm file shown instead of your own head")] = None,
    precision: AnyPrecision = Precision.auto,
    limit: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help=LIMIT_HELP)] = None,
    regressor: Regressor = "own",
) -> None:
    """Serve the living head: open the printed address in a browser and start the camera."""
    from face3d_live.live.main import run

    status = run(
        host,
        port,
        device.value,
        token,
        source,
        verbose,
        takes,
        output or (),
        calibration,
        avatar=avatar,
        precision=precision.value,
        limits=limit or (),
        regressor=prepared(regressor),
    )
    raise typer.Exit(status)
