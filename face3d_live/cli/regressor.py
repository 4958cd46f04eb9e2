"""The option `--regressor` of several commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

Regressor = Annotated[
    str,
    typer.Option(
        metavar="own|deep3d:FOLDER",
        help="deep3d: other people's weights and the Basel Face Model, where you have them; docs/deep3d.md",
    ),
]


def prepared(regressor: str) -> str:
    """The same name, its files found; the licence of what it needs is printed to stderr the first time.

    Raises InputError "bad-regressor", AssetError "deep3d-missing", "bfm-missing".
    """
    from face3d_live.regress.choose import notice

    text = notice(regressor)
    if text is not None:
        print(text, file=sys.stderr)
    return regressor
