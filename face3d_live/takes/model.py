"""The data of a take: a header, then frames and gaps in the order of time.

It has two forms: `Header` and a sequence of `Record`s, as takes are recorded and read; and `Take`, all of it as arrays,
for playing and for formats that need the whole take.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import N_EXPRESSION, N_LIGHT, N_SHAPE, N_TEXTURE, HeadCodes
from face3d_live.text import shown
from face3d_live.typing import AnyArray, Array, Mask

VERSION = 1

#: Why pictures are missing. busy: tracking takes longer than the camera's interval; failed: a picture could not be
#: processed; silent: the camera sent none; disk: the file could not be written fast enough; damaged: the file has
#: unreadable records there.
GapReason = Literal["busy", "failed", "silent", "disk", "damaged"]
REASONS: tuple[str, ...] = get_args(GapReason)

FALLBACK_FPS = 30.0
#: The rates that a take may state.
FPS = (0.1, 1000.0)
#: Seconds that a take may last, so that its times stay dates: four months.
LONGEST = 1e7


@dataclass(frozen=True)
class Header:
    """name: what the user calls it. created: moment of the first frame, as well as it is known, with a time zone.
    fps: the camera's rate, or the nearest thing known; the frames' own times are the truth. source: where the pictures
    came from, as text for the user."""

    name: str
    created: datetime
    fps: float = FALLBACK_FPS
    source: str = ""

    def __post_init__(self) -> None:
        for key in ("name", "source"):  # they may be file names
            object.__setattr__(self, key, shown(getattr(self, key)))
        if not FPS[0] <= self.fps <= FPS[1]:
            raise ValueError(f"fps: expected {FPS[0]:g} to {FPS[1]:g}, got {self.fps}")
        if self.created.tzinfo is None or not 1970 <= self.created.year < 3000:
            raise ValueError("created: expected a time zone, and a year from 1970 to 2999")


def now() -> datetime:
    """The current time in the local time zone, as timecodes are local."""
    return datetime.now(UTC).astimezone()


def are_rotations(matrices: AnyArray) -> bool:  # (..., 3, 3)
    """Whether they are orthonormal with determinant 1, within 0.01."""
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers from a file, up to the largest float32
        unit = np.abs(np.swapaxes(matrices, -1, -2) @ matrices - np.eye(3)).max(initial=0) < 0.01
        return bool(unit and (np.linalg.det(matrices) > 0).all())


@dataclass(frozen=True)
class TakeFrame:
    """One picture's result.

    number: counts up, with gaps where pictures were skipped. t: seconds since the take's first frame. face: one was
    found; without one, the codes are what the avatar showed. camera: of the picture, None when unknown.
    """

    number: int
    t: float
    face: bool
    codes: HeadCodes
    camera: Camera | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.t):
            raise ValueError("t: not finite")
        if not all(np.isfinite(values).all() for values in self.codes.to_arrays().values()):
            raise ValueError("codes: not finite")


@dataclass(frozen=True)
class Gap:
    """Missing pictures between two frames. pictures: how many, 0 when unknown."""

    pictures: int
    why: GapReason


@dataclass(frozen=True)
class End:
    """The take was closed properly. frames: how many there are."""

    frames: int


Record = TakeFrame | Gap | End


@dataclass(frozen=True)
class Take:
    """A whole take as arrays, T frames. All but `t` float32.

    number: (T,) int64. t: (T,) float64 seconds, from 0, rising. face: (T,) bool. expression: (T, 52).
    rotation: (T, 3, 3) and translation: (T, 3): camera from head. light: (T, 27).
    shapes: (K, 80) and textures: (K, 50), one row for each identity; person: (T,) int64, the row of each frame.
    camera: of the first picture, where known. gaps: (index of the frame after it, gap). notes: what was wrong with
    the file, in words.
    """

    header: Header
    number: NDArray[np.int64]
    t: NDArray[np.float64]
    face: Mask
    expression: Array
    rotation: Array
    translation: Array
    light: Array
    shapes: Array
    textures: Array
    person: NDArray[np.int64]
    camera: Camera | None = None
    gaps: tuple[tuple[int, Gap], ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        count, people = len(self.t), len(self.shapes)
        shapes = {
            "number": (count,), "face": (count,), "person": (count,), "expression": (count, N_EXPRESSION),
            "rotation": (count, 3, 3), "translation": (count, 3), "light": (count, N_LIGHT),
            "shapes": (people, N_SHAPE), "textures": (people, N_TEXTURE),
        }  # fmt: skip
        for name, expected in shapes.items():
            if getattr(self, name).shape != expected:
                raise ValueError(f"{name}: expected {expected}, got {getattr(self, name).shape}")
        if count and (self.person.min() < 0 or self.person.max() >= people):
            raise ValueError("person: no such identity")
        numbers = (self.expression, self.rotation, self.translation, self.light, self.shapes, self.textures)
        if not all(np.isfinite(values).all() for values in numbers):
            raise ValueError("a number is not finite")
        if count and not are_rotations(self.rotation):
            raise ValueError("rotation: not rotations")
        if count and not (np.isfinite(self.t).all() and self.t[0] >= 0 and self.t[-1] <= LONGEST):
            raise ValueError(f"t: expected 0 to {LONGEST:.0f} seconds")
        if np.any(np.diff(self.t) < 0):
            raise ValueError("t: runs back")

    def __len__(self) -> int:
        return len(self.t)

    @property
    def seconds(self) -> float:
        """From the first frame to the end of the last one."""
        return float(self.t[-1] - self.t[0] + 1 / self.header.fps) if len(self) else 0.0

    @property
    def identity(self) -> Array:  # (80,)
        """The shape code at the end, when most was known of the person; zeros for an empty take."""
        return self.shapes[self.person[-1]] if len(self) else np.zeros(N_SHAPE, np.float32)

    def codes(self, i: int) -> HeadCodes:
        """The codes of frame `i`."""
        return HeadCodes(
            shape=self.shapes[self.person[i]],
            expression=self.expression[i],
            texture=self.textures[self.person[i]],
            rotation=self.rotation[i],
            translation=self.translation[i],
            light=self.light[i],
        )

    def records(self) -> Iterator[Record]:
        """The take as its file has it, from the first frame to the end."""
        gaps = list(self.gaps)
        for i in range(len(self)):
            while gaps and gaps[0][0] <= i:
                yield gaps.pop(0)[1]
            yield TakeFrame(int(self.number[i]), float(self.t[i]), bool(self.face[i]), self.codes(i), self.camera)
        for _, gap in gaps:
            yield gap
        yield End(len(self))
