"""The command line: `face3d-live live | track | reconstruct | render | record | takes | cluster | train | ...`.

Each command imports what it runs when it runs, so that `--help` is quick and no command loads another's libraries.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from face3d_live.cli import cluster as cluster_commands
from face3d_live.cli import takes as takes_commands
from face3d_live.cli.bench import bench
from face3d_live.cli.examples import examples
from face3d_live.cli.live import live
from face3d_live.cli.reconstruct import reconstruct, render
from face3d_live.cli.track import track
from face3d_live.cli.train import EvaluateCommand, evaluate, train
from face3d_live.errors import Face3DError
from face3d_live.text import print_any_name
from face3d_live.version import __version__

# No markup: it takes the [train] of face3d-live[train] for a colour, and leaves it out.
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="A webcam in, a living 3D head out.",
    epilog=examples(""),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"face3d-live {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version and end")
    ] = False,
) -> None:
    """A webcam in, a living 3D head out."""


def reports_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """A Face3DError ends the program with one line on stderr and status 1."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        print_any_name()
        os.umask(0o077)  # whatever a command or one of its libraries writes is of a person, and its owner's alone
        try:
            return command(*args, **kwargs)
        except Face3DError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(1) from error

    return wrapped


for _command in (live, track, reconstruct, render, train, takes_commands.record, takes_commands.play):
    app.command(epilog=examples(_command.__name__))(reports_errors(_command))
app.command(cls=EvaluateCommand)(reports_errors(evaluate))
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(reports_errors(bench))
_takes = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Recordings: look into them, cut them, export them.",
    epilog=examples("takes"),
)
for _takes_command in takes_commands.COMMANDS:
    _takes.command(epilog=examples(f"takes {_takes_command.__name__}"))(reports_errors(_takes_command))
app.add_typer(_takes, name="takes")
_cluster = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Several machines: start a cluster, join it, look at it, drain a worker.",
    epilog=examples("cluster"),
)
for _cluster_command in cluster_commands.COMMANDS:
    _cluster.command(epilog=examples(f"cluster {_cluster_command.__name__}"))(reports_errors(_cluster_command))
app.add_typer(_cluster, name="cluster")
