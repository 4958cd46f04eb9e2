"""`face3d-live track`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from face3d_live.cli.options import CALIBRATION_HELP, AnyDevice, AnyPrecision, Device, Precision
from face3d_live.cli.regressor import Regressor, prepared


def track(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="any that FFmpeg reads")],
    out: Annotated[Path, typer.Option("--out", "-o", help="the .npz to write")],
    smooth: Annotated[bool, typer.Option(help="the One Euro filters that the live avatar has")] = True,
    device: AnyDevice = Device.auto,
    precision: AnyPrecision = Precision.auto,
    calibration: Annotated[Path | None, typer.Option(help=CALIBRATION_HELP)] = None,
    regressor: Regressor = "own",
) -> None:
    """Track the largest face of a video: coefficients, landmarks, pose and codes of every frame."""
    from face3d_live.track.track_video import track_video

    print(
        track_video(
            video,
            out,
            smooth,
            device.value,
            calibration=calibration,
            precision=precision.value,
            regressor=prepared(regressor),
        )
    )
