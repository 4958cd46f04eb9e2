"""Options that several commands share. Imports none of the packages that use them, so that `--help` is quick."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from face3d_live.hairstyle import STYLES, Hair


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
AnyHair = Annotated[
    str | None, typer.Option("--hair", metavar="STYLE", help=f"in place of what is seen: {', '.join(STYLES)}")
]
AnyHairColour = Annotated[
    str | None, typer.Option("--hair-colour", metavar="#RRGGBB", help="in place of what is seen, quoted for the shell")
]


def hair_of(style: str | None, colour: str | None) -> Hair:
    """What the two options say. Raises typer.BadParameter."""
    try:
        return Hair(style, colour)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


CALIBRATION_HELP = "a person's calibration, as the page saves it"
