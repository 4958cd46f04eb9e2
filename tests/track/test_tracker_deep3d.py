"""The tracker's own loop on a Deep3D regressor: found, followed, turned, lost and found again.

The network is a stand-in that sees two dots as eyes; alignment, decoding, correspondence, fit and smoothing are real.
"""

from __future__ import annotations

import numpy as np
import pytest
from deep3d_support import DotDetector, DotNetwork, dot_regressor, dots, dotted

from face3d_live.camera import Camera
from face3d_live.head.model import Head
from face3d_live.regress.crop import crop_from_points
from face3d_live.regress.estimate import Estimator
from face3d_live.rotations import to_euler
from face3d_live.track.tracker import Tracker
from face3d_live.track.types import Tracked

pytestmark = pytest.mark.slow

SIZE, FPS = (640, 480), 30


@pytest.fixture
def tracker(head: Head) -> Tracker:
    return Tracker(Estimator(dot_regressor(), head), head, DotDetector())


def eyes(x: float, y: float, apart: float, roll: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Left and right in the picture; roll counter-clockwise as seen."""
    across = np.array([np.cos(roll), -np.sin(roll)]) * apart / 2
    return np.array([x, y]) - across, np.array([x, y]) + across


def off(tracked: Tracked, where: tuple[np.ndarray, np.ndarray]) -> float:
    """How far the landmarks' eyes lie from the dots, pixels."""
    found = tracked.landmarks[36:42].mean(0), tracked.landmarks[42:48].mean(0)
    return float(np.mean([np.linalg.norm(a - b) for a, b in zip(found, where, strict=True)]))


def test_a_face_is_found_followed_lost_and_found_again(tracker) -> None:
    frame = 0

    def show(where: tuple[np.ndarray, np.ndarray] | None, frames: int = 1) -> list[Tracked]:
        nonlocal frame
        rgb = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8) if where is None else dotted(SIZE, *where)
        out = []
        for _ in range(frames):
            out.append(tracker.update(rgb, frame / FPS))
            frame += 1
        return out

    first = show(eyes(300, 200, 60), 10)
    assert all(t.face for t in first) and off(first[-1], eyes(300, 200, 60)) < 4
    for i in range(60):  # across the picture, nearer, and back
        where = eyes(300 + 90 * np.sin(i / 12), 200 + 40 * np.sin(i / 9), 60 + 18 * np.sin(i / 20))
        [tracked] = show(where)
        assert tracked.face and off(tracked, where) < 9  # the smoothing lags a little
    assert tracked.codes.expression.max() < 0.35 and np.isfinite(tracked.codes.shape).all()
    gone = show(None, 75)
    assert not gone[-1].face and [t.face for t in gone].index(False) < 45  # a second of the detector's misses
    back = show(eyes(420, 260, 50), 20)
    assert back[-1].face and off(back[-1], eyes(420, 260, 50)) < 4


def test_a_head_on_its_side_is_followed(tracker) -> None:
    """The crop turns with the head, and the picture is cut turned."""
    for i in range(90):
        roll = np.radians(i)
        where = eyes(320, 240, 60, roll)
        tracked = tracker.update(dotted(SIZE, *where), i / FPS)
    assert tracked.face and off(tracked, where) < 8
    assert to_euler(tracked.seen.rotation)[2] == pytest.approx(np.radians(89), abs=0.2)


def test_one_run_of_the_network_a_frame(head) -> None:
    network = DotNetwork()
    tracker = Tracker(Estimator(dot_regressor(network=network), head), head, DotDetector())
    for i in range(31):
        tracker.update(dotted(SIZE, *eyes(320, 240, 60)), i / FPS)
    assert network.runs <= 31 + 3  # the first frame takes two; another face is looked for now and then


def test_the_picture_is_aligned_by_the_points_of_the_frame_before(head) -> None:
    """The published alignment: from the second frame on the five points lie where it puts them."""
    estimator, camera = Estimator(dot_regressor(), head), Camera.webcam(*SIZE)
    rgb = dotted(SIZE, *eyes(310.4, 222.3, 71))
    estimate = estimator.estimate(rgb, crop_from_points(np.array([[220, 150], [400, 330.0]])), camera)
    for _ in range(3):
        square = crop_from_points(estimate.points_px)
        picture, _ = estimator.regressor.cut(rgb, square, estimate.points_px)
        estimate = estimator.estimate(rgb, square, camera, points=estimate.points_px)
    left, right = dots(picture)
    # 0.311 and 0.290 decimetres beside and above the middle, at 102 pixels each.
    assert (left[0] + right[0]) / 2 == pytest.approx(112, abs=3) and right[0] - left[0] == pytest.approx(63.4, abs=3)
    assert (left[1] + right[1]) / 2 == pytest.approx(112 - 29.6, abs=5)
    assert estimate.coefficients.shape == (257,)
