"""The tracker on the shipped weights: a real portrait, and the project's own sample whose codes are known."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.regress.estimate import Estimator
from face3d_live.regress.runtime import Regressor
from face3d_live.rotations import angle_between, to_euler
from face3d_live.track.tracker import Tracker
from face3d_live.video import Video

pytestmark = pytest.mark.slow

SAMPLE = Path(__file__).resolve().parents[2] / "web_client" / "sample"

#: iBUG indices and where they lie on the astronaut, read off the picture, pixels.
EYES = {36: (193, 103), 39: (211, 103), 42: (238, 107), 45: (257, 107)}
MOUTH = {48: (199, 144), 54: (243, 148)}
EYE_DISTANCE = 64.0


@pytest.fixture(scope="module")
def estimator(head):
    return Estimator(Regressor.load("cpu"), head)


@pytest.fixture(scope="module")
def portrait(head, estimator):
    tracker, picture = Tracker(estimator, head), data.astronaut()
    return [tracker.update(picture, i / 30) for i in range(10)]


def test_astronaut_landmarks_lie_on_the_face(portrait):
    tracked = portrait[-1]
    assert all(o.face for o in portrait)
    assert tracked.landmarks.shape == (68, 2)
    for wanted in (EYES, MOUTH):
        error = [np.linalg.norm(tracked.landmarks[i] - place) for i, place in wanted.items()]
        assert np.mean(error) < 0.12 * EYE_DISTANCE, wanted
    low, high = tracked.landmarks.min(0), tracked.landmarks.max(0)
    assert (low > (155, 60)).all()
    assert (high < (295, 195)).all()


def test_astronaut_pose_is_plausible(portrait):
    yaw, pitch, roll = np.degrees(to_euler(portrait[-1].seen.rotation))
    assert abs(yaw) < 35
    assert abs(pitch) < 25
    assert -20 < roll < 5  # she leans to her right: clockwise in the image
    assert 0.3 < -portrait[-1].seen.translation[2] < 1.5


def test_a_still_picture_comes_to_rest(portrait):
    steps = [np.abs(a.landmarks - b.landmarks).max() for a, b in pairwise(portrait[5:])]
    assert max(steps) < 0.5  # pixels


def test_astronaut_small_and_far(head, estimator):
    """A face of 50 pixels in a 640x480 frame."""
    frame = np.full((480, 640, 3), 110, np.uint8)
    small = cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
    frame[100:356, 300:556] = small
    tracker = Tracker(estimator, head)
    for i in range(4):
        tracked = tracker.update(frame, i / 30)
    assert tracked.face
    error = [np.linalg.norm(tracked.landmarks[i] - (np.array(p) / 2 + (300, 100))) for i, p in EYES.items()]
    assert np.mean(error) < 0.2 * EYE_DISTANCE / 2


@pytest.fixture(scope="module")
def sample(head, estimator):
    """Every second frame of the sample: what was tracked, and the true codes."""
    tracker, tracked, truth = Tracker(estimator, head), [], []
    with np.load(SAMPLE / "sample_codes.npz") as z, Video.open(SAMPLE / "sample.mp4") as video:
        for i, (rgb, t) in enumerate(video):
            if i % 2 == 0:
                tracked.append(tracker.update(rgb, t))
                truth.append(
                    HeadCodes(
                        shape=z["shape"],
                        expression=z["expression"][i],
                        rotation=z["rotation"][i],
                        translation=z["translation"][i],
                    )
                )
    return tracked, truth


@pytest.mark.slow
def test_sample_is_followed(sample, head):
    tracked, truth = sample
    assert np.mean([o.face for o in tracked]) == 1
    camera = Camera.webcam(640, 480)
    errors = []
    for o, codes in zip(tracked, truth, strict=True):
        vertices = head.vertices(codes.shape, codes.expression)
        true = camera.project(head.landmarks68(vertices) @ codes.rotation.T + codes.translation)
        errors.append(np.linalg.norm(o.landmarks - true, axis=-1).mean() / np.linalg.norm(true[36] - true[45]))
    assert np.median(errors) < 0.1


def test_sample_jaw_and_head_move_as_they_should(sample):
    tracked, truth = sample

    def correlation(pick):
        return np.corrcoef([pick(o.seen) for o in tracked], [pick(c) for c in truth])[0, 1]

    assert correlation(lambda c: to_euler(c.rotation)[0]) > 0.9
    assert correlation(lambda c: c.expression[INDEX["jawOpen"]]) > 0.75
    turn = [angle_between(o.seen.rotation, c.rotation) for o, c in zip(tracked, truth, strict=True)]
    assert np.degrees(np.median(turn)) < 10


def test_sample_blinks_are_seen(sample):
    tracked, truth = sample
    blink = [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]
    seen = np.array([o.seen.expression[blink].mean() for o in tracked])
    true = np.array([c.expression[blink].mean() for c in truth])
    assert np.corrcoef(seen, true)[0, 1] > 0.7
    assert seen[true > 0.8].mean() > seen[true < 0.1].mean() + 0.2
