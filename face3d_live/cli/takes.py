"""`face3d-live record`, `play` and `takes`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from face3d_live.cli.network_options import Host, Insecure, Port, Token, TokenFile
from face3d_live.cli.options import CALIBRATION_HELP, AnyDevice, AnyPrecision, Device, Precision
from face3d_live.cli.regressor import Regressor, prepared

TakePath = Annotated[Path, typer.Argument(metavar="TAKE", help="a recording (.jsonl)")]
AnyTake = Annotated[Path, typer.Argument(metavar="TAKE", help="a recording (.jsonl), or an .npz of record or track")]
FORMATS_HELP = (
    "its suffix is the format: .mp4 (film, H264), .webm (film, VP9, --alpha), .glb (glTF animation of a head), .vrma "
    "and .arkit.vrma (VRM animation), .csv (Live Link Face), .bvh (head and eyes), .npz (arrays for Python), .jsonl "
    "(the take itself), .wav (its sound)"
)
Start = Annotated[float, typer.Option(help="seconds from the take's beginning")]
End = Annotated[float | None, typer.Option(help="seconds from the take's beginning; its end by default")]


def record(
    source: Annotated[str, typer.Option(metavar="FILE_OR_CAMERA", help="a video file, or a camera's number")],
    out: Annotated[Path, typer.Option("--out", "-o", help="the take to write, .jsonl")],
    seconds: Annotated[float | None, typer.Option(help="how long; by default to the end, or until Ctrl-C")] = None,
    smooth: Annotated[bool, typer.Option(help="the filters that the live avatar has")] = True,
    device: AnyDevice = Device.auto,
    precision: AnyPrecision = Precision.auto,
    calibration: Annotated[Path | None, typer.Option(help=CALIBRATION_HELP)] = None,
    sound: Annotated[bool, typer.Option("--sound", help="keep the video's sound too, as .wav beside the take")] = False,
    regressor: Regressor = "own",
) -> None:
    """Record a face without a browser: every frame of a video or a camera into a take."""
    from face3d_live.takes import record as recording
    from face3d_live.track.profile import load_profile
    from face3d_live.track.tracker import Tracker

    person = load_profile(calibration).calibration if calibration is not None else None
    tracker = Tracker.load(device.value, precision.value, smooth=smooth, regressor=prepared(regressor))
    tracker.calibration = person
    print(recording.record(source, out, seconds, tracker, sound))


def play(
    take: AnyTake,
    loop: Annotated[bool, typer.Option("--loop", help="begin anew at the end, until Ctrl-C")] = False,
    start: Start = 0.0,
    end: End = None,
    speed: Annotated[float, typer.Option(help="2 is twice as fast, 0.5 slow motion", min=0.1, max=10.0)] = 1.0,
    output: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="as in live; may be repeated; docs/outputs.md")
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    token: Token = None,
    token_file: TokenFile = None,
    insecure: Insecure = False,
) -> None:
    """Play a take through the live server: to every output and stream, at exactly its own times."""
    from face3d_live.errors import ConflictError
    from face3d_live.live.main import run
    from face3d_live.live.network import NetworkOptions
    from face3d_live.live.takes.playback import Playback
    from face3d_live.takes import formats, tools

    whole = formats.load_take(take)
    if not len(whole):
        raise ConflictError("empty-take", f"{take} holds no frame: record it again")
    playback = Playback(tools.cut(whole, start, end), loop, speed, start)
    options = NetworkOptions(host=host, port=port, token=token, token_file=token_file, insecure=insecure)
    raise typer.Exit(run(options, "cpu", None, False, None, output or (), playback=playback))


def info(take: AnyTake) -> None:
    """What a take holds: length, faces, gaps."""
    from face3d_live.takes import tools

    print(tools.describe(take))


def trim(
    take: TakePath,
    out: Annotated[Path, typer.Option("--out", "-o", help="the take to write, .jsonl")],
    start: Start = 0.0,
    end: End = None,
) -> None:
    """A part of a take as a take of its own."""
    from face3d_live.takes import tools

    print(tools.trim(take, out, start, end))


def recover(
    take: TakePath,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="by default TAKE-recovered.jsonl beside it")] = None,
) -> None:
    """All that can be read of a take whose recording was interrupted or whose file is damaged."""
    from face3d_live.takes import tools

    print(tools.recover(take, out))


def export(
    take: AnyTake,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help=FORMATS_HELP),
    ],
    model: Annotated[
        Path | None, typer.Option(help="for .glb: the model to animate, such as head.glb of reconstruct")
    ] = None,
    size: Annotated[int, typer.Option(help="for .mp4 and .webm: side of the picture in pixels, even")] = 720,
    alpha: Annotated[bool, typer.Option("--alpha", help="for .webm: a transparent background")] = False,
    seen: Annotated[
        bool, typer.Option("--seen", help="for .mp4: the render that the page recorded, instead of a new one")
    ] = False,
    silent: Annotated[bool, typer.Option("--silent", help="for .mp4 and .webm: without the take's sound")] = False,
) -> None:
    """Write a take in another program's format.

    Films show the take's own head: its person's shape, in the skin colour that the take knows.
    """
    from face3d_live.takes import tools

    print(tools.export(take, out, model=model, size=size, alpha=alpha, seen=seen, silent=silent))


#: `face3d-live takes ...`
COMMANDS = (info, trim, recover, export)
