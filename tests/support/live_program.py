"""`face3d-live live` with the fake pipeline: the whole program, in a process of its own, ready at once."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import live_fakes

from face3d_live.live import main
from face3d_live.live.engine import client
from face3d_live.live.engine.factory import make_pipeline


def partial(function: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[..., Any]:
    """`functools.partial`, but for what makes the pipeline."""
    if function is make_pipeline:
        return live_fakes.FakePipeline
    return functools.partial(function, *arguments, **options)


def command(*arguments: str) -> list[str]:
    """What to start; PYTHONPATH has to name the checkout."""
    return [sys.executable, str(Path(__file__).resolve()), *arguments]


if __name__ == "__main__":
    from face3d_live.cli.app import app

    client.RESERVE_SECONDS = (1.0, 1.0)  # what replaces a killed engine is there early
    setattr(main, "functools", SimpleNamespace(partial=partial))  # noqa: B010  of the module, which mypy knows as one
    sys.argv[1:] = ["live", "--port", "0", *sys.argv[1:]]
    app()
