"""What a training folder needs besides synthetic heads: `python -m face3d_live.train.data.prepare [--folder DIR]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from face3d_live.errors import AssetError, InputError
from face3d_live.head.model import Head
from face3d_live.texture.build.library import build_library
from face3d_live.train.data import clips, portraits, turned

#: How often each portrait is turned to another pose.
TURNED = 6


def prepare(head: Head, folder: Path, data: Path) -> None:
    """Make what a training folder lacks before the first step: skins, portraits, turned portraits, frames of clips.

    Raises InputError "data-missing" when the folder of faces is not there.
    """
    pool, skins = folder / "pool", folder / "skins"
    portraits.load_index(data)  # says what is missing before an hour is spent
    if not skins.is_dir():
        build_library(data, skins)
    if not (pool / "portraits_train").is_dir():
        portraits.build(head, data, pool)
        turned.build(head, data, pool, TURNED)
    if not (pool / "portraits_train" / clips.SHARDS[0]).is_dir():
        _ask_teacher(head, data, folder)


def _ask_teacher(head: Head, data: Path, folder: Path) -> None:
    """Add frames of clips where MediaPipe can label them; else say that there are none."""
    try:
        clips.build(head, data, folder / "pool", folder / "teacher")
    except AssetError as error:
        if error.code != "teacher-missing":
            raise
        Console().print(f"no frames of clips in this training. {error.message}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("training"), help="the training folder")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = parser.parse_args(arguments)
    try:
        prepare(Head.load(), options.folder, options.data)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
