"""Takes for the tests: small, but with everything in them."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.rotations import from_euler
from face3d_live.takes.model import Gap, Header, TakeFrame
from face3d_live.takes.writer import TakeWriter

HEADER = Header("hello", datetime(2026, 3, 4, 23, 59, 58, 250000, UTC), 30.0, "a test")
CAMERA = Camera(640, 480, 640.0)


def frames(count: int = 12, seed: int = 1, start: float = 5.0) -> list[TakeFrame]:
    """Frames at uneven times, random codes; the person becomes better known once, no face in the third frame."""
    random = np.random.default_rng(seed)
    people = random.normal(size=(2, 130)).astype(np.float32)
    t = start + np.cumsum(random.uniform(0.02, 0.05, count))
    made = []
    for i in range(count):
        person = people[min(i // 4, 1)]
        codes = HeadCodes(
            shape=person[:80],
            texture=person[80:],
            expression=random.uniform(0, 1, 52),
            rotation=from_euler(*random.uniform(-0.5, 0.5, 3)),
            translation=random.normal(size=3),
            light=random.normal(size=27),
        )
        made.append(TakeFrame(100 + i, float(t[i]), i != 2, codes, CAMERA))
    return made


def with_gap(made: list[TakeFrame]) -> list[TakeFrame | Gap]:
    return [*made[:5], Gap(2, "busy"), *made[5:]]


def expression(**values: float) -> np.ndarray:
    made = np.zeros(52, np.float32)
    for name, value in values.items():
        made[INDEX[name]] = value
    return made


def write(path, records, header=HEADER):
    """A take file of these records; returns its path."""
    with TakeWriter(path, header) as writer:
        for record in records:
            writer.write(record)
    return path


class FullDisk:
    """A file on a disk that fills: it takes so many writes, and so many bytes, and then part of a record."""

    closed = False

    def __init__(self, path: Path, writes: int = 10**9) -> None:
        self.file = path.open("xb", buffering=0)
        self.writes, self.left = writes, 10**9

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, data: memoryview) -> int:
        if self.left == 0 or self.writes == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = self.file.write(data[: self.left])
        self.left, self.writes = self.left - taken, self.writes - 1
        return taken

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """What is opened meanwhile is this file."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("face3d_live.takes.writer.FileIO", lambda *_, **__: self)
            yield
