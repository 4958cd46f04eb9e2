"""The extra `cluster`, which the commands for several machines need, and the options of those that make many files."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from face3d_live.errors import AssetError

RayAddress = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="on the machines of the Ray cluster there; docs/cluster.md"),
]
RayActors = Annotated[int | None, typer.Option(min=1, help="with --ray: at most so many processes; by default all fit")]
RayGpus = Annotated[float, typer.Option(min=0.0, help="with --ray: GPUs of one process; 0.25 for four on one")]


def require_ray() -> None:
    """Raises AssetError "ray-missing" where the extra is not installed."""
    if find_spec("ray") is None or find_spec("aiohttp") is None:
        raise AssetError("ray-missing", "several machines work together by Ray: pip install 'face3d-live[cluster]'")
