"""Options that several commands share. Imports none of the packages that use them, so that `--help` is quick."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from face3d_live import eyewear
from face3d_live.eyewear import Glasses
from face3d_live.hairstyle import STYLES, Hair
from face3d_live.styling import Styling


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


AnyGlasses = Annotated[
    str | None,
    typer.Option("--glasses", metavar="STYLE", help=f"in place of what is seen: {', '.join(eyewear.STYLES)}"),
]
AnyGlassesColour = Annotated[
    str | None, typer.Option("--glasses-colour", metavar="#RRGGBB", help="of the frame, quoted for the shell")
]


def styling_of(hair: str | None, hair_colour: str | None, glasses: str | None, glasses_colour: str | None) -> Styling:
    """What the options say. Raises typer.BadParameter."""
    try:
        return Styling(Hair(hair, hair_colour), Glasses(glasses, glasses_colour))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


CALIBRATION_HELP = "a person's calibration, as the page saves it"
