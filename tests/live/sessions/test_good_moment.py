"""Which picture a snapshot is made of."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.live.sessions import good_moment
from face3d_live.live.sessions.good_moment import faults, good_portrait
from face3d_live.rotations import from_euler


def codes(yaw=0.0, blink=0.0, x=0.0):
    expression = np.zeros(52, np.float32)
    expression[INDEX["eyeBlinkLeft"]] = blink
    at = np.array([x, 0, -0.5], np.float32)
    return HeadCodes(expression=expression, rotation=from_euler(np.radians(yaw), 0, 0), translation=at)


@pytest.mark.parametrize("good", [codes(), codes(yaw=20), codes(blink=0.2)])
def test_open_eyes_from_the_front_at_rest_are_good(good):
    assert faults(good, good, 1 / 30) <= 1


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (codes(blink=0.8), codes(blink=0.8)),
        (codes(yaw=40), codes(yaw=40)),
        (codes(), codes(yaw=3)),
        (codes(x=0.02), codes()),
    ],
)
def test_a_blink_a_turned_and_a_moving_face_are_not(now, before):
    assert faults(now, before, 1 / 30) > 1


@dataclass
class Frame:
    number: int
    t: float
    raw: HeadCodes
    fresh: bool = True
    face: bool = True

    @property
    def result(self):
        return self


@dataclass
class FakeSession:
    """Its frames come as fast as they are asked for; after the last one the camera is silent."""

    frames: list[Frame]
    portrait: Any = None
    last: Frame | None = None
    asked: list[int] = field(default_factory=list)

    async def next_frame(self, after):
        self.asked.append(after)
        while not self.frames or self.frames[0].number <= after:
            await asyncio.Event().wait()
        self.last = self.frames.pop(0)
        if self.last.fresh and self.last.face:
            self.portrait = self.last.number
        return self.last


def session(*raw, **options):
    frames = [Frame(i + 1, i / 30, each, **options) for i, each in enumerate(raw)]
    return FakeSession(frames[1:], 1, frames[0])


async def test_a_blink_is_waited_for():
    of = session(codes(), codes(blink=0.9), codes(blink=0.9), codes(blink=0.5), codes(blink=0.1), codes())
    assert await good_portrait(of) == 5
    assert of.frames, "what comes after a good one is not waited for"


async def test_without_a_good_one_it_is_the_best(monkeypatch):
    monkeypatch.setattr(good_moment, "SILENT_SECONDS", 0.05)
    assert await good_portrait(session(codes(yaw=60), codes(yaw=60), codes(yaw=30), codes(yaw=50), codes(yaw=50))) == 5


async def test_a_silent_camera_and_pictures_drawn_again_keep_nobody_waiting(monkeypatch):
    monkeypatch.setattr(good_moment, "SILENT_SECONDS", 0.05)
    again = session(codes(), *[codes()] * 5, fresh=False)
    assert await good_portrait(again) == 1 and again.asked == [1, 2, 3, 4, 5, 6]
    assert await good_portrait(FakeSession([])) is None
