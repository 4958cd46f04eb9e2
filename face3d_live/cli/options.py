"""Options that several commands share. Imports none of the packages that use them, so that `--help` is quick."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Device(StrEnum):
    """What the network runs on."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"
    cuda = "cuda"


class Precision(StrEnum):
    """What the network computes in."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    int8 = "int8"


AnyDevice = Annotated[
    Device, typer.Option(help="auto takes an NVIDIA GPU (cuda) when there is one; gpu is Intel graphics")
]
AnyPrecision = Annotated[Precision, typer.Option(help="of the network; auto takes what the device does fast and well")]
CALIBRATION_HELP = "a person's calibration, as the page saves it"
