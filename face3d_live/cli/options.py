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
HairStyle = StrEnum("HairStyle", {style: style for style in STYLES})
AnyHair = Annotated[HairStyle | None, typer.Option("--hair", help="in place of what the pictures show")]
AnyHairColour = Annotated[
    str | None, typer.Option("--hair-colour", metavar="#RRGGBB", help="in place of what the pictures show")
]


def hair_of(style: HairStyle | None, colour: str | None) -> Hair:
    """What the two options say. Raises typer.BadParameter."""
    try:
        return Hair(None if style is None else style.value, colour)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--hair-colour") from error


CALIBRATION_HELP = "a person's calibration, as the page saves it"
