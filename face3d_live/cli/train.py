"""`face3d-live train` and `evaluate`."""

from __future__ import annotations

import importlib.util
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from face3d_live import paths
from face3d_live.cli.options import AnyDevice, AnyPrecision, Device, Precision
from face3d_live.errors import AssetError

DataFolder = Annotated[Path, typer.Option(help="the folder of faces and clips")]
TrainingFolder = Annotated[Path, typer.Option(help="what a run keeps: its samples, skins, checkpoint, figures")]

REGRESSOR = paths.MODELS / "regressor.npz"
COMPARE_HELP = (
    "have MediaPipe answer to the clips, once (it must be installed, its model in FOLDER/teacher); without it they "
    "are measured where its answers are kept"
)


class Compare(StrEnum):
    """The tracker that ours is compared with."""

    mediapipe = "mediapipe"


def train(
    data: DataFolder = Path("../shared/data"),
    folder: TrainingFolder = Path("training"),
    out: Annotated[Path, typer.Option("--out", "-o", help="the weights to write")] = REGRESSOR,
    samples: Annotated[int, typer.Option(help="pictures to show the network in the whole run")] = 2_000_000,
    generators: Annotated[int, typer.Option(help="processes that draw synthetic faces meanwhile")] = 2,
    device: AnyDevice = Device.auto,
    start: Annotated[Path | None, typer.Option(help="weights to begin with instead of chance")] = None,
    quick: Annotated[bool, typer.Option(help="a thin network for half a minute, to see that everything works")] = False,
) -> None:
    """Train the network from scratch, or go on with a run that was interrupted.

    Needs face3d-live[train].
    """
    _need_torch()
    from face3d_live.train.command import train_network

    print(train_network(out, folder, data, samples, generators, device.value, start, quick))


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


def _need_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise AssetError("torch-missing", "this runs on PyTorch: pip install 'face3d-live[train]'")
