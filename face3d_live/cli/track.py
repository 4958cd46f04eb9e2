"""`face3d-live track`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from face3d_live.cli.options import CALIBRATION_HELP, AnyDevice, AnyPrecision, Device, Precision
from face3d_live.cli.ray_option import RayActors, RayAddress, RayGpus, require_ray
from face3d_live.cli.regressor import Regressor, prepared
from face3d_live.errors import InputError


def track(
    video: Annotated[list[Path], typer.Argument(metavar="VIDEO", help="any that FFmpeg reads; several with --ray")],
    out: Annotated[Path, typer.Option("--out", "-o", help="the .npz to write; with --ray a folder of them")],
    smooth: Annotated[bool, typer.Option(help="the One Euro filters that the live avatar has")] = True,
    device: AnyDevice = Device.auto,
    precision: AnyPrecision = Precision.auto,
    calibration: Annotated[Path | None, typer.Option(help=CALIBRATION_HELP)] = None,
    regressor: Regressor = "own",
    ray: RayAddress = None,
    ray_actors: RayActors = None,
    ray_gpus: RayGpus = 0.0,
    force: Annotated[bool, typer.Option("--force", help="with --ray: track again what is there already")] = False,
) -> None:
    """Track the largest face of a video: coefficients, landmarks, pose and codes of every frame."""
    if ray is not None:
        require_ray()
        from face3d_live.cluster.batch import Machines, TrackOptions
        from face3d_live.cluster.track_many import track_many
        from face3d_live.reconstruct.options import RunsOn

        runs_on = RunsOn(device.value, precision.value, prepared(regressor))
        options = TrackOptions(smooth, runs_on, calibration)
        raise typer.Exit(track_many(video, out, options, Machines(ray, ray_actors, ray_gpus), force))
    if len(video) > 1:
        raise InputError("bad-option", "one video at a time; several with --ray ADDRESS")
    from face3d_live.track.track_video import track_video

    print(
        track_video(
            video[0],
            out,
            smooth,
            device.value,
            calibration=calibration,
            precision=precision.value,
            regressor=prepared(regressor),
        )
    )
