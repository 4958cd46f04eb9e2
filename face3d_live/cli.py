"""The command line: `face3d-live live | track | reconstruct | render | record | takes | train | evaluate | bench`.

Each command imports the room it opens when it runs, so that `--help` is quick and no command loads another's libraries.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from face3d_live import paths
from face3d_live.cli_options import AnyDevice, AnyPrecision, Device, Precision
from face3d_live.errors import AssetError, Face3DError
from face3d_live.takes import cli as takes_cli
from face3d_live.text import print_any_name

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A webcam in, a living 3D head out.",
)


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


class Only(StrEnum):
    """What of a reconstruction is made."""

    all = "all"
    structure = "structure"


class Look(StrEnum):
    """How a head is drawn."""

    avatar = "avatar"
    geometry = "geometry"
    wireframe = "wireframe"


class Bench(StrEnum):
    """What there is to measure."""

    head = "head"
    regress = "regress"
    track = "track"
    render = "render"
    live = "live"
    outputs = "outputs"
    reconstruct = "reconstruct"
    sharpen = "sharpen"


class Compare(StrEnum):
    """Whose answers to the clips ours are held against."""

    mediapipe = "mediapipe"


DataFolder = Annotated[Path, typer.Option(help="the folder of faces and clips")]
TrainingFolder = Annotated[Path, typer.Option(help="what a run keeps: its samples, skins, checkpoint, figures")]

REGRESSOR = paths.MODELS / "regressor.npz"

FACE_HELP = "which face, where there are several: 1 is the largest; auto takes one that is clearly meant"
HOST_HELP = (
    "address to listen on; 0.0.0.0 for the whole network: use --token then, and a proxy with HTTPS, "
    "as browsers give the camera to no other page"
)
TAKES_HELP = "the folder of recordings; by default face3d-live/takes in your data folder (~/.local/share)"
OUTPUT_HELP = (
    "send the face to a program, may be repeated: vmc://127.0.0.1:39539?names=vrm1, livelink://HOST?subject=Face, "
    "ifacialmocap://HOST, vts://localhost, osf://HOST; docs/outputs.md"
)
COMPARE_HELP = (
    "have MediaPipe answer to the clips, once (it must be installed, its model in FOLDER/teacher); without it they "
    "are measured where its answers are kept"
)
SOURCE_HELP = "a video file, looped, or a camera's number: plays into a session without a browser"


def says_what_to_do(command: Callable[..., Any]) -> Callable[..., Any]:
    """An error that a user can meet ends the program with one line on stderr and status 1."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        print_any_name()
        try:
            return command(*args, **kwargs)
        except Face3DError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(1) from error

    return wrapped


@app.command()
@says_what_to_do
def live(
    host: Annotated[str, typer.Option(help=HOST_HELP)] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 picks a free one")] = 8080,
    device: AnyDevice = Device.auto,
    token: Annotated[str | None, typer.Option(help="a secret that the page and every request must carry")] = None,
    source: Annotated[str | None, typer.Option(metavar="FILE_OR_CAMERA", help=SOURCE_HELP)] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="log every session and connection")] = False,
    takes: Annotated[Path | None, typer.Option(help=TAKES_HELP)] = None,
    output: Annotated[list[str] | None, typer.Option(metavar="URL", help=OUTPUT_HELP)] = None,
    calibration: Annotated[Path | None, typer.Option(help=takes_cli.CALIBRATION_HELP)] = None,
    avatar: Annotated[Path | None, typer.Option(help="a .glb or .vrm file shown instead of your own head")] = None,
    precision: AnyPrecision = Precision.auto,
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
    )
    raise typer.Exit(status)


@app.command()
@says_what_to_do
def track(
    video: Path,
    out: Annotated[Path, typer.Option("--out", "-o", help="the .npz to write")],
    smooth: Annotated[bool, typer.Option(help="the One Euro filters that the live avatar has")] = True,
    device: AnyDevice = Device.auto,
    precision: AnyPrecision = Precision.auto,
    calibration: Annotated[Path | None, typer.Option(help=takes_cli.CALIBRATION_HELP)] = None,
) -> None:
    """Track the largest face of a video: coefficients, landmarks, pose and codes of every frame."""
    from face3d_live.track.command import track_video

    print(track_video(video, out, smooth, device.value, calibration=calibration, precision=precision.value))


@app.command()
@says_what_to_do
def reconstruct(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="files, folders, patterns; - is stdin")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="the folder to write; one folder a photo where there are many")
    ],
    mesh: Annotated[Mesh, typer.Option()] = Mesh.medium,
    texture: Annotated[Texture, typer.Option()] = Texture.s1024,
    face: Annotated[str, typer.Option(metavar="N|largest|auto", help=FACE_HELP)] = "auto",
    sharpen: Annotated[bool, typer.Option("--sharpen", help="bring detail back that the photo blurs")] = False,
    frontal: Annotated[bool, typer.Option("--frontal", help="the head looks straight into the camera")] = False,
    only: Annotated[Only, typer.Option(help="structure: the 256x256 shaded geometry and params.npz, fast")] = Only.all,
    fuse: Annotated[bool, typer.Option("--fuse", help="all photos, or a video, show one person: one head")] = False,
    refine: Annotated[bool, typer.Option(help="fit the head to the photo's own colours, too")] = True,
    jobs: Annotated[int, typer.Option(min=1, help="processes, for many photos")] = 1,
    force: Annotated[bool, typer.Option("--force", help="make heads again that are there already")] = False,
    device: AnyDevice = Device.auto,
    precision: AnyPrecision = Precision.auto,
) -> None:
    """Turn photos into textured heads: mesh.obj, head.glb, texture.png, params.npz and more."""
    from face3d_live.reconstruct import Options, face_choice, reconstruct_person, reconstruct_photos

    options = Options(mesh.value, int(texture.value), face_choice(face), frontal, only.value, refine, sharpen)
    if fuse:
        raise typer.Exit(reconstruct_person(photos, out, options, device.value, force, precision.value))
    raise typer.Exit(reconstruct_photos(photos, out, options, device.value, jobs, force, precision.value))


@app.command()
@says_what_to_do
def render(
    params: Annotated[Path, typer.Argument(metavar="PARAMS.NPZ")],
    out: Annotated[Path, typer.Option("--out", "-o", help="the PNG to write")],
    expression: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="an ARKit coefficient; may be repeated")
    ] = None,
    expression_from: Annotated[Path | None, typer.Option(help="another params.npz, for its expression")] = None,
    yaw: Annotated[float, typer.Option(help="degrees; positive turns the head to the picture's right")] = 0.0,
    pitch: Annotated[float, typer.Option(help="degrees; positive turns the face down")] = 0.0,
    frontal: Annotated[bool, typer.Option("--frontal", help="without the photo's own pose")] = False,
    mode: Annotated[Look, typer.Option(help="textured, grey geometry, or coloured wires")] = Look.avatar,
    texture: Annotated[Path | None, typer.Option(help="texture.png; by default the one beside the file")] = None,
    size: Annotated[int, typer.Option(min=64, max=4096, help="side in pixels")] = 768,
) -> None:
    """Draw a reconstructed head again: another expression, another side."""
    from math import radians

    from face3d_live.reconstruct.rerender import Shot, render_params

    shot = Shot(expression or (), expression_from, radians(yaw), radians(pitch), frontal, mode.value, size)
    print(render_params(params, out, shot, texture))


@app.command()
@says_what_to_do
def train(
    data: DataFolder = Path("../shared/data"),
    folder: TrainingFolder = Path("training"),
    out: Annotated[Path, typer.Option("--out", "-o", help="the weights to write")] = REGRESSOR,
    samples: Annotated[int, typer.Option(help="pictures to show the network in the whole run")] = 2_000_000,
    generators: Annotated[int, typer.Option(help="processes that draw synthetic faces meanwhile")] = 2,
    device: AnyDevice = Device.auto,
    start: Annotated[Path | None, typer.Option(help="weights to begin with instead of chance")] = None,
    quick: Annotated[bool, typer.Option(help="a thin network for two minutes, to see that everything works")] = False,
) -> None:
    """Train the network from scratch, or go on with a run that was interrupted.

    Needs face3d-live[train].
    """
    _need_torch()
    from face3d_live.train.command import train_network

    print(train_network(out, folder, data, samples, generators, device.value, start, quick))


@app.command()
@says_what_to_do
def evaluate(
    data: DataFolder = Path("../shared/data"),
    folder: TrainingFolder = Path("training"),
    weights: Annotated[Path, typer.Option(help="the weights to measure")] = REGRESSOR,
    limit: Annotated[int | None, typer.Option(help="samples of each kind at most")] = None,
    device: AnyDevice = Device.auto,
    precision: AnyPrecision = Precision.auto,
    compare: Annotated[Compare | None, typer.Option(help=COMPARE_HELP)] = None,
) -> None:
    """Measure the network on faces, heads and clips it has never seen, beside what is asked of it.

    Needs face3d-live[train]. What the folder lacks of the held-out faces is made first.
    """
    _need_torch()
    from face3d_live.train.command import evaluate_weights

    evaluate_weights(weights, folder, data, limit, device.value, compare is not None, precision.value)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@says_what_to_do
def bench(context: typer.Context, what: Annotated[Bench, typer.Argument()]) -> None:
    """Measure this machine and print one table; further options go to the benchmark itself."""
    script = paths.ROOT / "bench" / f"{what.value}.py"
    if not script.is_file():
        raise AssetError("bench-missing", "the benchmarks are in the source tree only: run this in a checkout")
    raise typer.Exit(subprocess.run([sys.executable, script, *context.args], check=False).returncode)


def _need_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise AssetError("torch-missing", "this runs on PyTorch: pip install 'face3d-live[train]'")


app.command()(says_what_to_do(takes_cli.record))
app.command()(says_what_to_do(takes_cli.play))
_takes = typer.Typer(no_args_is_help=True, help="Recordings: look into them, cut them, export them.")
for _command in takes_cli.COMMANDS:
    _takes.command()(says_what_to_do(_command))
app.add_typer(_takes, name="takes")

if __name__ == "__main__":
    app()
