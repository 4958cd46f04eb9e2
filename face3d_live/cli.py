"""The command line: `face3d-live live | track | reconstruct | train | evaluate`.

Each command imports the room it opens when it runs, so that `--help` is quick and no command loads another's libraries.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from face3d_live.errors import Face3DError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A webcam in, a living 3D head out.",
)

DATA = Path("../shared/data")


class Device(StrEnum):
    """What the network runs on."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Mesh(StrEnum):
    """About 5, 18 or 72 thousand vertices."""

    low = "low"
    medium = "medium"
    high = "high"


class Texture(StrEnum):
    """Side of the texture, pixels."""

    s512 = "512"
    s1024 = "1024"
    s2048 = "2048"
    s4096 = "4096"


AnyDevice = Annotated[Device, typer.Option(help="auto takes an NVIDIA GPU when there is one")]
DataFolder = Annotated[Path, typer.Option(help="the folder of faces and clips")]


def says_what_to_do(command: Callable[..., Any]) -> Callable[..., Any]:
    """An error that a user can meet ends the program with one line on stderr and status 1."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except Face3DError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(1) from error

    return wrapped


@app.command()
def live(
    host: Annotated[
        str, typer.Option(help="address to listen on; with 0.0.0.0 use --token, and HTTPS in front for cameras")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 picks a free one")] = 8080,
    device: AnyDevice = Device.auto,
    token: Annotated[str | None, typer.Option(help="a secret that the page and every request must carry")] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="FILE_OR_CAMERA", help="a looped video, or a camera's number: a session without a browser"
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option(help="log every session and connection")] = False,
) -> None:
    """Serve the living head: open the printed address in a browser and start the camera."""
    from face3d_live.live.main import run

    raise typer.Exit(run(host, port, device.value, token, source, verbose))


@app.command()
@says_what_to_do
def track(
    video: Path,
    out: Annotated[Path, typer.Option("--out", "-o", help="the .npz to write")],
    smooth: Annotated[bool, typer.Option(help="the One Euro filters that the live avatar has")] = True,
    device: AnyDevice = Device.auto,
) -> None:
    """Track the largest face of a video: coefficients, landmarks, pose and codes of every frame."""
    from face3d_live.track.command import track_video

    print(track_video(video, out, smooth, device.value))


@app.command()
@says_what_to_do
def reconstruct(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="the folder to write; one folder a photo where there are many")
    ],
    mesh: Annotated[Mesh, typer.Option()] = Mesh.medium,
    texture: Annotated[Texture, typer.Option()] = Texture.s1024,
    device: AnyDevice = Device.auto,
) -> None:
    """Turn photos into textured heads: mesh.obj, texture.png, params.npz and more."""
    from face3d_live.reconstruct import reconstruct_photos

    raise typer.Exit(reconstruct_photos(photos, out, mesh.value, int(texture.value), device.value))


if __name__ == "__main__":
    app()
