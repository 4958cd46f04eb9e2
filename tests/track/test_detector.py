"""The face detector on the public-domain astronaut portrait, large and small, and on pictures that hold no face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from face3d_live.errors import AssetError
from face3d_live.track.detector import Detection, Detector, anchor_centres, merge_detections, overlap, tiles

FACE = np.array([225.0, 118.0])  # the astronaut's face centre and size, read off the picture
FACE_SIDE = 95.0


@pytest.fixture(scope="module")
def detector():
    return Detector.load()


@pytest.fixture(scope="module")
def astronaut():
    return data.astronaut()


def placed(picture: np.ndarray, face_pixels: float, size=(480, 640), at=(200, 100)) -> tuple[np.ndarray, np.ndarray]:
    """A noisy grey frame with the portrait's head pasted so that its face is so wide; and its centre."""
    head = picture[20:230, 120:330]
    scale = face_pixels / FACE_SIDE
    head = cv2.resize(head, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = np.random.default_rng(0).integers(90, 110, (*size, 3)).astype(np.uint8)
    y, x = at
    frame[y : y + head.shape[0], x : x + head.shape[1]] = head
    return frame, (FACE - (120, 20)) * scale + (x, y)


def test_anchors_are_896_in_two_blocks():
    anchors = anchor_centres()
    assert anchors.shape == (896, 2)
    assert anchors[0] == pytest.approx([0.5 / 16, 0.5 / 16])
    assert anchors[2] == pytest.approx([1.5 / 16, 0.5 / 16])
    assert anchors[512] == pytest.approx([0.5 / 8, 0.5 / 8])
    assert anchors[-1] == pytest.approx([7.5 / 8, 7.5 / 8])


def test_astronaut(detector, astronaut):
    (face,) = detector.detect(astronaut)
    assert face.score > 0.8
    assert (face.box[:2] + face.box[2:]) / 2 == pytest.approx(FACE, abs=15)
    assert face.box[2] - face.box[0] == pytest.approx(FACE_SIDE, rel=0.2)
    right_eye, left_eye, nose, mouth, right_ear, left_ear = face.keypoints
    # The subject's right is on the image's left; the truth was read off the picture.
    assert right_eye == pytest.approx([204, 103], abs=8)
    assert left_eye == pytest.approx([246, 107], abs=8)
    assert mouth == pytest.approx([219, 146], abs=10)
    assert right_ear[0] < right_eye[0] < nose[0] < left_eye[0] < left_ear[0]


@pytest.mark.parametrize("pixels", [200, 120, 80, 60, 40])
def test_small_faces_are_found_in_tiles(detector, astronaut, pixels):
    at = (200, 100) if pixels < 150 else (5, 100)
    frame, centre = placed(astronaut, pixels, at=at)
    face = detector.detect(frame)[0]
    assert np.linalg.norm((face.box[:2] + face.box[2:]) / 2 - centre) < 0.25 * pixels
    assert face.box[2] - face.box[0] == pytest.approx(pixels, rel=0.35)


def test_a_quick_look_spares_the_tiles(detector, astronaut):
    frame, _ = placed(astronaut, 40)
    assert detector.detect(frame, finest=0) == []


def test_second_opinion(detector, astronaut):
    face = detector.detect_near(astronaut, FACE, FACE_SIDE)
    assert face is not None
    assert (face.box[:2] + face.box[2:]) / 2 == pytest.approx(FACE, abs=15)
    assert detector.detect_near(astronaut, np.array([225.0, 368.0]), FACE_SIDE) is None  # her chest
    assert detector.detect_near(astronaut, np.array([-500.0, 9]), 50.0) is None  # outside the picture


def test_largest_face_first(detector, astronaut):
    frame, centre = placed(astronaut, 150, at=(60, 20))
    second, _ = placed(astronaut, 100, at=(60, 400))
    frame[:, 380:] = second[:, 380:]
    faces = detector.detect(frame)
    assert len(faces) == 2
    assert faces[0].area > faces[1].area
    assert faces[0].box[0] < centre[0] < faces[0].box[2]


def test_portrait_format_keeps_its_aspect(detector, astronaut):
    frame, centre = placed(astronaut, 150, size=(640, 360), at=(200, 10))
    face = detector.detect(frame)[0]
    width, height = face.box[2:] - face.box[:2]
    assert width == pytest.approx(height, rel=0.1)
    assert np.linalg.norm((face.box[:2] + face.box[2:]) / 2 - centre) < 40


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (480, 2), (9, 9), (480, 640), (2000, 3000), (100, 790)])
@pytest.mark.parametrize("fill", ["black", "white", "noise"])
@pytest.mark.slow
def test_no_face_where_there_is_none(detector, shape, fill):
    frame = np.full((*shape, 3), 255 if fill == "white" else 0, np.uint8)
    if fill == "noise":
        frame = np.random.default_rng(1).integers(0, 256, frame.shape).astype(np.uint8)
    assert detector.detect(frame) == []


def test_tiles_cover_the_picture():
    picture = np.zeros((480, 640, 3), np.uint8)
    covered = np.zeros((480, 640), int)
    for tile, x, y in tiles(picture, 0.3):
        assert tile.shape == (192, 192, 3)
        covered[y : y + 192, x : x + 192] += 1
    assert covered.min() >= 1


def test_overlap_by_hand():
    a = np.array([0, 0, 2, 2], np.float32)
    assert overlap(a, np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]], np.float32)) == pytest.approx([1, 1 / 3, 0])


def test_blend_weighs_by_score():
    points = np.zeros((6, 2), np.float32)
    near = [Detection(np.array(b, np.float32), s, points) for b, s in (((0, 0, 10, 10), 0.9), ((1, 0, 11, 10), 0.6))]
    far = Detection(np.array([50, 50, 60, 60], np.float32), 0.7, points)
    faces = merge_detections([*near, far])
    assert [f.score for f in faces] == [0.9, 0.7]
    assert faces[0].box == pytest.approx([0.4, 0, 10.4, 10])


@given(st.lists(st.tuples(*[st.floats(-100, 100) for _ in range(4)], st.floats(0.5, 1)), max_size=12))
@settings(max_examples=50, deadline=None)
def test_blend_ends_and_never_invents(raw):
    boxes = [Detection(np.array(r[:4], np.float32), r[4], np.zeros((6, 2), np.float32)) for r in raw]
    faces = merge_detections(boxes)
    assert len(faces) <= len(boxes)
    assert bool(faces) == bool(boxes)


def test_missing_and_broken_files_say_what_to_do(tmp_path):
    with pytest.raises(AssetError, match="detector-missing"):
        Detector.load(tmp_path / "none.tflite")
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"not a network at all")
    with pytest.raises(AssetError, match="detector-broken"):
        Detector.load(broken)


@pytest.mark.data
def test_real_clips(detector, shared_data):
    av = pytest.importorskip("av")
    seen = []
    for clip in sorted((shared_data / "clips").glob("*.mkv"))[:6]:
        with av.open(str(clip)) as container:
            for i, frame in enumerate(container.decode(video=0)):
                if i % 30 == 0:
                    seen.append(bool(detector.detect(frame.to_ndarray(format="rgb24"))))
    assert np.mean(seen) == 1.0
