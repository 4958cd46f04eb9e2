"""What the command `reconstruct` prints: a bar on a terminal that is being watched, and a line for each photo."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from face3d_live.reconstruct.options import Options
from face3d_live.reconstruct.outcome import Outcome
from face3d_live.text import shown

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


def _bar(total: int) -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
    bar.add_task("photos", total=total)
    return bar


class PhotoProgress:
    """A bar on a terminal that is being watched, and a line for each photo."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._bar = _bar(total) if total > 1 else None

    def __enter__(self) -> PhotoProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, outcome: Outcome, options: Options) -> None:
        """What became of a photo."""
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0])
        photo, folder = outcome.task.photo, outcome.task.folder
        if outcome.state == "failed":
            where = "" if self._total == 1 or shown(photo) in outcome.message else f"{photo}: "
            print(f"error: {outcome.code}: {where}{outcome.message}", file=sys.stderr, flush=True)
        elif outcome.state == "skipped":
            print(f"{folder}: there already; --force makes it again", flush=True)
        else:
            report = outcome.report or {}
            notes = "".join(f"; {note}" for note in report["warnings"])
            seconds = sum(report["ms"].values()) / 1e3
            if "fused" in report:
                notes = f", {len(report['fused']['pictures'])} pictures{notes}"
            what = f"{report['mesh']} mesh, {report['texture']} texture" if options.only == "all" else options.only
            print(f"{folder}: {what}, {seconds:.1f} s{notes}", flush=True)
