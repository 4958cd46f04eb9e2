"""Faces that are small, turned or hidden in their photos: found, brought upright, or not believed."""

import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from skimage import data
from texture_support import posed

from face3d_live.camera import Camera
from face3d_live.errors import InputError
from face3d_live.head.points import OVAL
from face3d_live.reconstruct import Options, Reconstructor
from face3d_live.reconstruct.find import Finder, Found
from face3d_live.reconstruct.frame import frame_around
from face3d_live.reconstruct.quality_gate import assess
from face3d_live.reconstruct.rotation_consistency import disagreement
from face3d_live.reconstruct.search import search
from face3d_live.regress.estimate import Estimator
from face3d_live.regress.fit import Fitter
from face3d_live.regress.runtime import Regressor
from face3d_live.rotations import wrap_angle
from face3d_live.track.detector import Detection, Detector

pytestmark = pytest.mark.slow

FACE, FACE_SIDE = np.array([222.0, 122.0]), 110.0  # of the astronaut


@pytest.fixture(scope="module")
def astronaut():
    return data.astronaut()


@pytest.fixture(scope="module")
def detector():
    return Detector.load()


@pytest.fixture(scope="module")
def regressor():
    return Regressor.load("cpu")


@pytest.fixture(scope="module")
def finder(head, detector, regressor):
    return Finder(detector, Estimator(regressor, head))


@pytest.fixture(scope="module")
def upright(finder, astronaut):
    return finder.find(astronaut).points


def clutter(height, width, seed=0):
    """Discs and bars of all sizes, with noise."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 128, np.uint8)
    for _ in range(300):
        x, y, size = int(rng.integers(width)), int(rng.integers(height)), int(rng.integers(10, 400))
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        if rng.random() < 0.5:
            cv2.circle(picture, (x, y), size // 2, colour, -1)
        else:
            cv2.rectangle(picture, (x, y), (x + size, y + size // 3), colour, -1)
    noise = rng.normal(0, 8, (height // 4, width // 4, 3)).astype(np.float32)
    return np.clip(picture + cv2.resize(noise, (width, height)), 0, 255).astype(np.uint8)


def rotated(picture, degrees):
    """The picture turned clockwise on a grey square that holds all of it, and the (2, 3) matrix."""
    height, width = picture.shape[:2]
    side = int(np.ceil(np.hypot(height, width)))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    matrix[:, 2] += (side - np.array([width, height])) / 2
    return cv2.warpAffine(picture, matrix, (side, side), borderValue=(120, 120, 120)), matrix


def apart(points, truth):
    """Median distance, per eye distance."""
    return float(np.median(np.linalg.norm(points - truth, axis=1)) / np.linalg.norm(truth[33] - truth[263]))


# --- small ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [(0.0, 0.0), (1.0, 1.0), (0.31, 0.77)], ids=["corner", "other corner", "inside"])
@pytest.mark.parametrize("quarters", [0, 1, 2])
def test_a_face_of_fifty_pixels_is_found_anywhere_in_a_large_photo(detector, astronaut, at, quarters):
    photo = clutter(1800, 2600)
    head = cv2.resize(astronaut[20:230, 120:330], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    head = np.rot90(head, quarters)
    y, x = (round(share * (whole - part)) for share, whole, part in zip(at, photo.shape, head.shape, strict=False))
    photo[y : y + len(head), x : x + len(head)] = head
    best = max(search(detector, photo), key=lambda face: face.score)
    assert np.linalg.norm(best.centre - (x + 52, y + 52)) < 20 and 35 < best.side < 70
    assert abs(wrap_angle(best.roll - quarters * math.pi / 2)) < math.radians(20)


def test_no_face_is_found_in_clutter(detector):
    assert [face for face in search(detector, clutter(1500, 2100, seed=5)) if face.score >= 0.75] == []


def test_a_small_face_is_cut_out_of_the_whole_photo(finder, astronaut):
    photo = clutter(2400, 3600)
    head = astronaut[20:230, 120:330]
    photo[1500:1710, 2900:3110] = head
    found = finder.find(photo)
    points = found.frame.in_photo(found.points)
    assert np.linalg.norm(points.mean(0) - (FACE - (120, 20) + (2900, 1500))) < 25
    assert len(found.picture(photo)) < 1000 and found.frame.roll == 0
    shown = found.picture(photo)[tuple(np.int32(found.points[4])[::-1])]  # the nose's tip
    assert shown.tolist() == pytest.approx(photo[tuple(np.int32(points[4])[::-1])].tolist(), abs=30)
    quality = assess(photo, found)
    assert quality.face > 90 and quality.outside == 0


# --- turned -----------------------------------------------------------------------------------------------------------


def test_an_upright_photo_is_taken_as_it_is(finder, astronaut):
    found = finder.find(astronaut)
    assert found.frame.roll == 0 and found.picture(astronaut) is astronaut and found.steady


@pytest.mark.parametrize("degrees", [90, 180, 270, 52, 135, 215, 300])
def test_a_photo_the_wrong_way_up_is_turned(finder, astronaut, upright, degrees):
    photo, matrix = rotated(astronaut, degrees)
    found = finder.find(photo)
    assert found.confidence > 0.6 and found.steady
    assert abs(wrap_angle(found.frame.roll + math.radians(degrees))) < math.radians(30)  # `rotated` turns clockwise
    truth = upright @ matrix[:, :2].T + matrix[:, 2]
    assert apart(found.frame.in_photo(found.points), truth) < 0.08
    assert "rotated" in assess(photo, found).warnings


def test_a_tilted_head_stays_tilted(finder, astronaut):
    photo, _ = rotated(astronaut, 25)
    assert finder.find(photo).frame.roll == 0


def test_the_report_says_what_was_turned(astronaut):
    photo = np.ascontiguousarray(np.rot90(astronaut))
    report = Reconstructor("cpu").photo(photo, Options(only="structure"), warnings=("end-missing",)).report
    assert report["warning_codes"][0] == "end-missing" and "rotated" in report["warning_codes"]
    assert report["frame"]["turned_deg"] == -90 and report["frame"]["corners"][0] == [0, 512]


@pytest.mark.parametrize("degrees", [0, 90, 180, -90, 40, -133])
def test_frames_and_photos_hold_the_same_pixels(degrees):
    photo = clutter(700, 900, seed=2)
    photo = cv2.GaussianBlur(photo, (0, 0), 3)
    box = np.array([400, 300, 520, 420], np.float32)
    frame = frame_around(photo, Detection(box, 0.9, np.zeros((6, 2))), math.radians(degrees))
    height, width = frame.picture.shape[:2]
    at = np.random.default_rng(3).uniform(0.3, 0.7, (50, 2)) * (width, height)
    there = frame.in_photo(at)
    inside = ((there > 2) & (there < (898, 698))).all(1)
    assert inside.sum() > 20

    def pick(picture, where):
        return cv2.remap(picture, np.float32(where[None] - 0.5), None, cv2.INTER_LINEAR)[0].astype(int)

    assert np.abs(pick(frame.picture, at[inside]) - pick(photo, there[inside])).max() < 12
    centre, side = frame.here(Detection(box, 0.9, np.zeros((6, 2))))
    assert frame.in_photo(centre[None])[0] == pytest.approx([460, 360], abs=0.5) and side == pytest.approx(
        120, rel=0.02
    )


def test_a_face_beyond_the_photo_is_cropped_even_when_it_was_turned(head):
    """The frame of a turned face repeats the photo's edge: what lies there is no face."""
    photo = clutter(400, 400)
    frame = frame_around(
        photo, Detection(np.array([-40, 150, 80, 270], np.float32), 0.9, np.zeros((6, 2))), math.radians(-50)
    )
    camera = Camera.webcam(*frame.picture.shape[1::-1])
    codes = posed(distance=0.9)
    points = camera.project(Fitter(head).points3d(codes))
    found = Found(codes, camera, 0.9, points, np.ones(478), frame=frame)
    assert 0.15 < found.outside(photo, OVAL) < 0.8
    with pytest.raises(InputError, match="cropped"):
        assess(photo, found)


# --- not believed -----------------------------------------------------------------------------------------------------


def test_rotated_crops_agree_on_a_face_and_on_nothing_else(regressor, astronaut, upright):
    assert disagreement(regressor, astronaut, upright) < 0.04
    sideways = np.ascontiguousarray(np.rot90(astronaut))
    misread = upright - FACE.astype(np.float32) + (122, 512 - 222)
    assert disagreement(regressor, sideways, misread) > 0.1


def test_what_rotated_crops_disagree_on_is_no_face(finder, astronaut, monkeypatch):
    monkeypatch.setattr("face3d_live.reconstruct.find.disagreement", lambda *_: 0.3)
    with pytest.raises(InputError, match="no-face"):
        finder.find(astronaut)
    monkeypatch.setattr("face3d_live.reconstruct.find.disagreement", lambda *_: 0.07)
    found = finder.find(astronaut)
    assert not found.steady and "unsure" in assess(astronaut, found).warnings


def test_a_find_that_does_not_hold_up_close_does_not_end_the_search(detector, astronaut, monkeypatch):
    frame = np.random.default_rng(0).integers(90, 110, (480, 640, 3)).astype(np.uint8)
    frame[5:110, 100:205] = cv2.resize(astronaut[20:230, 120:330], (105, 105), interpolation=cv2.INTER_AREA)
    detect_raw, whole = detector.detect_raw, []

    def deceived(rgb, left, top, least=0.5):
        if rgb.shape == frame.shape:
            whole.append(rgb)
            return [Detection(np.array([400, 200, 600, 400], np.float32), 0.6, np.zeros((6, 2), np.float32))]
        return detect_raw(rgb, left, top, least)

    monkeypatch.setattr(detector, "detect_raw", deceived)
    (face,) = detector.detect(frame)
    assert whole and face.box[0] < 205


def test_the_surest_way_up_wins(astronaut, monkeypatch):
    """A face that the network half believes as it stands is shown to it the other ways up."""
    finder = Finder(SimpleNamespace(), None)
    sure = {0: 0.42, 180: 0.8, 90: 0.1, -90: 0.1}  # by degrees

    def read(self, frame, face):
        points = np.tile([10.0, 10.0], (478, 1))
        points[263] = 40, 11  # the subject's left eye
        turned = round(math.degrees(frame.roll))
        estimate = SimpleNamespace(confidence=sure[abs(turned) if abs(turned) == 180 else turned], points_px=points)
        return SimpleNamespace(frame=frame, estimate=estimate, valid=True)

    monkeypatch.setattr(Finder, "read_frame", read)
    keypoints = np.array([[190, 100], [250, 100], [220, 130], [220, 150], [160, 110], [280, 110]], np.float32)
    face = Detection(np.array([165, 65, 275, 175], np.float32), 0.7, keypoints)
    assert finder.upright(astronaut, face).frame.roll == -math.pi
    sure[0] = 0.7
    assert finder.upright(astronaut, face).frame.roll == 0
