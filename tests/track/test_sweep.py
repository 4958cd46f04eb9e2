"""Looks at the surroundings of a tracked face: every place is seen, at one region a time, in the picture's pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from skimage import data

from face3d_live.track.detector import Detection, Detector
from face3d_live.track.sweep import QUICKEST, SLOWEST, Sweep, regions

FACE, SIDE = np.array([225.0, 118.0]), 95.0  # on the astronaut


class Counting:
    """Sees one face in the middle of whatever it looks at."""

    def __init__(self):
        self.looks = []

    def detect(self, rgb, *, finest=2):
        self.looks.append((rgb.shape, finest))
        height, width = rgb.shape[:2]
        box = np.array([width / 2 - 5, height / 2 - 10, width / 2 + 5, height / 2 + 10], np.float32)
        return [Detection(box, 0.9, np.tile(box[:2], (6, 1)))]


@pytest.mark.parametrize(("size", "side"), [((480, 640), 300), ((480, 640), 60), ((720, 1280), 30), ((1920, 1080), 90)])
def test_every_place_is_in_a_region_for_a_face_of_that_size(size, side):
    found = regions(np.zeros((*size, 3), np.uint8), side)
    assert found[0][0].shape[:2] == size
    assert len(found) <= 100
    half = side / 2
    for x, y in np.random.default_rng(0).uniform([half, half], [size[1] - half, size[0] - half], (50, 2)):
        seen = [
            min(x - left, left + part.shape[1] - x, y - top, top + part.shape[0] - y) >= half - 1
            for part, left, top in found
        ]
        assert any(seen)


def test_one_region_a_look_and_all_of_them_in_a_round():
    sweep, detector, rgb = Sweep(), Counting(), np.zeros((480, 640, 3), np.uint8)
    sweep.begin(0.0)
    assert not sweep.due(SLOWEST / 2)
    now, places = SLOWEST, []
    while len(places) < len(regions(rgb, 60)):
        assert sweep.due(now)
        (face,) = sweep.faces(detector, rgb, 60, 0.0, now)
        places.append(tuple((face.box[:2] + face.box[2:]) / 2))
        assert QUICKEST <= sweep.period <= SLOWEST
        now += sweep.period + 1e-6
    assert len(detector.looks) == len(places) == len(set(places))
    assert {finest for _, finest in detector.looks} == {0}


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_faces_as_turned_as_the_tracked_one_are_seen_in_place(quarters):
    """A small face far from the middle of a wide picture, which a look at the whole of it misses."""
    detector = Detector.load()
    frame = np.full((480, 1280, 3), 110, np.uint8)
    frame[100:356, 900:1156] = cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA)
    assert not detector.detect(frame, finest=0)
    x, y = FACE / 2 + (900, 100)
    turned = np.ascontiguousarray(np.rot90(frame, quarters))
    x, y = [(x, y), (y, 1280 - x), (1280 - x, 480 - y), (480 - y, x)][quarters]
    sweep, seen = Sweep(), []
    for i in range(len(regions(turned, 60))):
        seen += sweep.faces(detector, turned, 60, quarters * math.pi / 2, float(i))
    best = max(seen, key=lambda face: face.score)
    assert best.score > 0.75
    assert (best.box[:2] + best.box[2:]) / 2 == pytest.approx([x, y], abs=10)
