"""`face3d-live train` and `evaluate`."""

from __future__ import annotations

import importlib.util
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from face3d_live import paths
from face3d_live.cli.options import AnyDevice, AnyPrecision, Device, Precision
from face3d_live.cli.ray_option import RayAddress, require_ray
from face3d_live.cli.regressor import Regressor, prepared
from face3d_live.errors import AssetError, InputError

DataFolder = Annotated[Path, typer.Option(help="the folder of faces and clips")]
TrainingFolder = Annotated[Path, typer.Option(help="what a run keeps: its samples, skins, checkpoint, figures")]

REGRESSOR = paths.MODELS / "regressor.npz"
COMPARE_HELP = (
    "mediapipe: have it answer to the clips, once (it must be installed, its model in FOLDER/teacher); without it they "
    "are measured where its answers are kept. own, or nothing: the project's weights beside --regressor, in one table. "
    "May be repeated"
)


class Compare(StrEnum):
    """What a regressor is compared with."""

    mediapipe = "mediapipe"
    own = "own"


class EvaluateCommand(TyperCommand):
    """`--compare` may stand without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Click's, with the value `own` put after a bare `--compare`."""
        filled = []
        for place, word in enumerate(args):
            filled.append(word)
            if word == "--compare" and (place + 1 == len(args) or args[place + 1].startswith("-")):
                filled.append(Compare.own.value)
        return list(super().parse_args(ctx, filled))


def train(
    data: DataFolder = Path("../shared/data"),
    folder: TrainingFolder = Path("training"),
    out: Annotated[Path, typer.Option("--out", "-o", help="the weights to write")] = REGRESSOR,
    samples: Annotated[int, typer.Option(help="pictures to show the network in the whole run")] = 2_000_000,
    generators: Annotated[int, typer.Option(help="processes that draw synthetic faces meanwhile")] = 2,
    device: AnyDevice = Device.auto,
    start: Annotated[Path | None, typer.Option(help="weights to begin with instead of chance")] = None,
    quick: Annotated[bool, typer.Option(help="a thin network for half a minute, to see that everything works")] = False,
    ray: RayAddress = None,
) -> None:
    """Train the network from scratch, or go on with a run that was interrupted.

    Needs face3d-live[train].
    """
    _need_torch()
    from face3d_live.train.command import train_network

    elsewhere = None
    if ray is not None:  # the faces are drawn there, the network is trained here
        require_ray()
        from face3d_live.cluster.running import start_all

        elsewhere = partial(start_all, ray)
    print(train_network(out, folder, data, samples, generators, device.value, start, quick, elsewhere))


def evaluate(
    data: DataFolder = Path("../shared/data"),
    folder: TrainingFolder = Path("training"),
    weights: Annotated[Path, typer.Option(help="the weights to measure")] = REGRESSOR,
    limit: Annotated[int | None, typer.Option(help="samples of each kind at most")] = None,
    device: AnyDevice = Device.auto,
    precision: AnyPrecision = Precision.auto,
    compare: Annotated[list[Compare] | None, typer.Option(help=COMPARE_HELP)] = None,
    regressor: Regressor = "own",
) -> None:
    """Measure a network on faces, heads and clips it has never seen, beside what is asked of it.

    Needs face3d-live[train]. What the folder lacks of the held-out faces is made first.
    """
    _need_torch()
    from face3d_live.train.command import compare_regressors, evaluate_weights

    mediapipe, own = (kind in (compare or ()) for kind in (Compare.mediapipe, Compare.own))
    if prepared(regressor) == "own":
        if own:
            raise InputError("nothing-to-compare", "own is compared with another --regressor: name one, deep3d:FOLDER")
        evaluate_weights(weights, folder, data, limit, device.value, mediapipe, precision.value)
    else:
        beside = weights if own else None
        compare_regressors(regressor, beside, folder, data, limit, device.value, mediapipe, precision.value)


def _need_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise AssetError("torch-missing", "this runs on PyTorch: pip install 'face3d-live[train]'")
