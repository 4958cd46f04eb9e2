"""`face3d-live live` with the fake pipeline: the whole program, in a process of its own, ready at once."""

import sys
from pathlib import Path
from types import SimpleNamespace

import live_fakes

from face3d_live.live import main


def command(*arguments: str) -> list[str]:
    """What to start; PYTHONPATH has to name the checkout."""
    return [sys.executable, str(Path(__file__).resolve()), *arguments]


if __name__ == "__main__":
    from face3d_live.cli.app import app

    main.functools = SimpleNamespace(partial=lambda *arguments: live_fakes.FakePipeline)
    sys.argv[1:] = ["live", "--port", "0", *sys.argv[1:]]
    app()
