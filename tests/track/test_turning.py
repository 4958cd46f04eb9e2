"""Heads that lie on their side or hang upside down: the crop turns with them, and the answers are the picture's."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from skimage import data

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.lighting import rolled, sh_basis
from face3d_live.reconstruct.frame import frame_around
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.regress.estimate import Estimator, codes_from
from face3d_live.regress.prediction import HEADS, decode
from face3d_live.regress.runtime import Regressor
from face3d_live.rotations import angle_between, from_euler, to_euler, wrap_angle
from face3d_live.track.crop_placement import crop_from_detection
from face3d_live.track.detector import Detection, Detector
from face3d_live.track.tracker import Tracker
from face3d_live.track.turning import detect_in_turned_pictures, detect_near_turned, stepped


def spun(picture: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture turned counter-clockwise about its middle, and the (2, 3) matrix that takes its pixels along."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1.0)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), matrix


def test_a_turned_crop_shows_the_picture_turned_back():
    picture = data.astronaut()
    upright = Crop(256, 256, 100).extract(picture, 100)
    turned = Crop(256, 256, 100, math.pi / 2).extract(np.ascontiguousarray(np.rot90(picture)), 100)
    assert np.abs(turned.astype(int) - upright).max() <= 1


def test_turned_coordinates_go_to_the_frame_and_back():
    crop = Crop(31.0, 12.5, 8.0, math.radians(40))
    points = np.random.default_rng(0).uniform(-1, 1, (7, 2))
    assert crop.from_frame(crop.to_frame(points)) == pytest.approx(points, abs=1e-5)
    # Counter-clockwise by a quarter: the crop's lower edge lies to the frame's right.
    assert Crop(50, 60, 10, math.pi / 2).to_frame(np.array([0.0, 1.0])) == pytest.approx([60, 60])


def test_the_crop_rule_holds_for_turned_points():
    points = np.random.default_rng(0).normal(size=(478, 2)) * [60, 90] + [300, 200]
    upright, roll = crop_from_points(points), math.radians(120)
    axes = Crop(0, 0, 1, roll).axes
    turned = crop_from_points(points @ axes, roll)
    assert turned.half == pytest.approx(upright.half)
    assert (turned.x, turned.y) == pytest.approx(tuple(np.array([upright.x, upright.y]) @ axes))


def test_light_turns_with_the_picture():
    rng = np.random.default_rng(0)
    light, normals = rng.normal(size=27), rng.normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    turned = sh_basis(normals @ from_euler(0, 0, 0.7).T) @ rolled(light, 0.7).reshape(9, 3)
    assert turned == pytest.approx(sh_basis(normals) @ light.reshape(9, 3), abs=1e-5)


def test_codes_of_a_turned_crop_are_those_of_the_turned_camera():
    """The same crop content at the same place of a turned picture is the same head, turned about the camera's axis."""
    rng = np.random.default_rng(1)
    raw = {name: rng.normal(0, 0.3, (1, size)).astype(np.float32) for name, size in HEADS.items()}
    prediction, camera, roll = decode(raw), Camera.webcam(600, 600), math.radians(75)
    upright = codes_from(prediction, Crop(380, 250, 60), camera)
    x, y = np.array([80, -50]) @ Crop(0, 0, 1, roll).axes + 300
    turned = codes_from(prediction, Crop(float(x), float(y), 60, roll), camera)
    about = from_euler(0, 0, roll)
    assert turned.rotation == pytest.approx(about @ upright.rotation, abs=1e-5)
    assert turned.translation == pytest.approx(about @ upright.translation, abs=1e-5)


def test_rolls_change_in_steps_with_slack():
    degrees = math.radians
    assert stepped(degrees(24)) == 0
    assert stepped(degrees(26)) == pytest.approx(degrees(30))
    assert stepped(degrees(10), degrees(30)) == pytest.approx(degrees(30))
    assert stepped(degrees(4), degrees(30)) == 0
    assert abs(stepped(degrees(-178))) == pytest.approx(math.pi)
    assert stepped(degrees(-170), math.pi) == math.pi
    assert stepped(math.nan, 0.5) == 0.5
    assert wrap_angle(2 * math.pi - 0.2) == pytest.approx(-0.2)
    assert wrap_angle(math.pi) == wrap_angle(-math.pi) == -math.pi


def test_a_detection_tells_its_roll():
    keypoints = np.array([[10, 0], [10, 20], [5, 10], [0, 10], [0, 0], [0, 0]], np.float32)  # the crown to the right
    face = Detection(np.zeros(4, np.float32), 1.0, keypoints)
    assert face.midline_roll == pytest.approx(-math.pi / 2) and face.roll == pytest.approx(-math.pi / 2)
    assert Detection(np.zeros(4, np.float32), 1.0, np.zeros((6, 2), np.float32)).midline_roll == 0


@pytest.mark.parametrize("roll", [0.0, 0.4, -0.4, 1.5, -1.5, 3.0, -3.0])
def test_all_rolls_have_one_sense(roll):
    """Detector, crop, pose and photo frame: radians, counter-clockwise as seen in the picture."""
    upright = np.array([[-20, -20], [20, -20], [0, 0], [0, 20], [-40, -10], [40, -10]])  # right eye first, y down
    turned = upright @ from_euler(0, 0, -roll)[:2, :2].T + 200  # y down: the picture's sense is the other one
    face = Detection(np.array([150, 150, 250, 250], np.float32), 0.9, turned.astype(np.float32))
    assert face.roll == pytest.approx(roll, abs=1e-5) and face.midline_roll == pytest.approx(roll, abs=1e-5)
    assert Crop(200, 200, 100, roll).from_frame(turned) == pytest.approx(upright / 100, abs=1e-5)
    frame = frame_around(np.zeros((400, 400, 3), np.uint8), face, roll)
    eyes = (turned[:2] - frame.to_photo[:, 2]) @ np.linalg.inv(frame.to_photo[:, :2]).T
    across = eyes[1] - eyes[0]
    assert wrap_angle(math.atan2(-across[1], across[0]) - (roll - frame.roll)) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("degrees", [60, 90, 180, -120])
def test_a_close_look_at_a_turned_face(degrees):
    detector, picture = Detector.load(), data.astronaut()
    upright = detector.detect_near(picture, np.array([225.0, 118.0]), 95.0)
    frame, matrix = spun(picture, degrees)
    place = matrix @ [225, 118, 1]
    face = detect_near_turned(detector, frame, place, 95.0, math.radians(degrees))
    assert face is not None
    assert face.score > 0.8
    expected = upright.keypoints @ matrix[:, :2].T + matrix[:, 2]
    assert np.linalg.norm(face.keypoints - expected, axis=1).mean() < 5
    assert wrap_angle(face.midline_roll - math.radians(degrees) - upright.midline_roll) == pytest.approx(
        0, abs=math.radians(6)
    )
    assert crop_from_detection(face).half == pytest.approx(crop_from_detection(upright).half, rel=0.1)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turned_pictures_show_faces_in_place(quarters):
    detector = Detector.load()
    frame = np.ascontiguousarray(np.rot90(data.astronaut(), quarters))
    face = detect_in_turned_pictures(detector, frame)[0]
    x, y = {1: (118, 512 - 225), 2: (512 - 225, 512 - 118), 3: (512 - 118, 225)}[quarters]
    assert (face.box[:2] + face.box[2:]) / 2 == pytest.approx([x, y], abs=15)
    assert wrap_angle(face.midline_roll - quarters * math.pi / 2) == pytest.approx(0, abs=0.3)


@pytest.fixture(scope="module")
def estimator(head):
    return Estimator(Regressor.load("cpu"), head)


@pytest.fixture(scope="module")
def make_tracker(head, estimator):
    return lambda: Tracker(estimator, head)


@pytest.fixture(scope="module")
def upright(make_tracker):
    tracker, picture = make_tracker(), data.astronaut()
    return [tracker.update(picture, i / 30) for i in range(4)][-1]


@pytest.mark.parametrize("degrees", [45, 90, 135, 180, -60, -90])
@pytest.mark.slow
def test_a_face_the_wrong_way_up_is_the_same_face_turned(make_tracker, upright, degrees):
    frame, matrix = spun(data.astronaut(), degrees)
    tracker = make_tracker()
    tracked = [tracker.update(frame, i / 30) for i in range(4)]
    assert all(o.face for o in tracked)
    assert tracked[-1].confidence > 0.7
    expected = upright.landmarks @ matrix[:, :2].T + matrix[:, 2]
    eyes = np.linalg.norm(expected[36] - expected[45])
    assert np.linalg.norm(tracked[-1].landmarks - expected, axis=1).mean() < 0.08 * eyes
    about = from_euler(0, 0, math.radians(degrees))
    assert np.degrees(angle_between(tracked[-1].seen.rotation, about @ upright.seen.rotation)) < 8
    assert np.abs(tracked[-1].raw.expression - upright.raw.expression).mean() < 0.05


@pytest.mark.slow
def test_a_turning_picture_is_followed_all_the_way_round(make_tracker):
    tracker, rolls = make_tracker(), []
    for i in range(0, 360, 8):
        frame, _ = spun(data.astronaut(), i)
        tracked = tracker.update(frame, i / 8 / 30)
        assert tracked.face
        assert tracked.confidence > 0.6
        rolls.append(np.degrees(to_euler(tracked.raw.rotation)[2]) - i)
    assert np.abs((np.array(rolls) - rolls[0] + 180) % 360 - 180).max() < 12


@pytest.mark.slow
def test_what_cannot_be_believed_is_no_face(head, estimator):
    """Whatever the detector says: an estimate without any confidence is not shown, and soon ends the track."""

    class Sometimes:
        sure = True

        def estimate(self, *args):
            found = estimator.estimate(*args)
            wild = replace(found, codes=found.codes.with_(expression=np.ones(52, np.float32)), confidence=0.02)
            return found if self.sure else wild

    network, picture = Sometimes(), data.astronaut()
    tracker = Tracker(network, head)
    shown = tracker.update(picture, 0.0)
    network.sure = False
    tracked = [tracker.update(picture, i / 10) for i in range(1, 10)]
    assert not any(o.face for o in tracked)
    assert tracked[0].codes.expression == pytest.approx(shown.codes.expression)
    network.sure = True
    assert any(tracker.update(picture, 1 + i / 10).face for i in range(3))


@pytest.mark.slow
def test_a_camera_that_is_turned_at_once_is_followed_again(make_tracker):
    tracker, picture = make_tracker(), data.astronaut()
    turned = np.ascontiguousarray(np.rot90(picture, 2))
    assert all(tracker.update(picture, i / 10).face for i in range(5))
    tracked = [tracker.update(turned, 0.5 + i / 10) for i in range(20)]
    assert all(not o.face or o.confidence > 0.5 for o in tracked)
    assert tracked[-1].face
    assert abs(np.degrees(to_euler(tracked[-1].raw.rotation)[2])) > 150


def test_the_average_codes_are_untouched_by_a_roll_of_zero():
    assert rolled(HeadCodes().light, 0.0) == pytest.approx(HeadCodes().light)
