"""`face3d-live bench`."""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from typing import Annotated

import typer

from face3d_live import paths
from face3d_live.errors import AssetError


class Bench(StrEnum):
    """What there is to measure."""

    engine = "engine"
    head = "head"
    regress = "regress"
    track = "track"
    render = "render"
    live = "live"
    outputs = "outputs"
    reconstruct = "reconstruct"
    sharpen = "sharpen"
    soak = "soak"


def bench(context: typer.Context, what: Annotated[Bench, typer.Argument()]) -> None:
    """Measure this machine and print one table; further options go to the benchmark itself."""
    script = paths.ROOT / "bench" / f"{what.value}.py"
    if not script.is_file():
        raise AssetError("bench-missing", "the benchmarks are in the source tree only: run this in a checkout")
    raise typer.Exit(subprocess.run([sys.executable, script, *context.args], check=False).returncode)
