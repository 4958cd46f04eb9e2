"""`Run`: one reconstruction under way, its clock and who watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from face3d_live.reconstruct.options import Options

#: progress(stage, share done 0..1); stages: face, geometry, texture, detail, files, done.
Progress = Callable[[str, float], None]


@dataclass
class Run:
    """One reconstruction under way: its clock and who watches."""

    options: Options
    tell: Progress
    ms: dict[str, float] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)  # for the report

    @contextmanager
    def stage(self, name: str, share: float) -> Iterator[None]:
        """Announce a stage and measure it."""
        self.tell(name, share)
        begun = time.perf_counter()
        yield
        self.ms[name] = round((time.perf_counter() - begun) * 1e3, 1)


def silent(stage: str, share: float) -> None:
    """Progress that is not reported."""
