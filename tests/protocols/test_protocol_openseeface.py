"""OpenSeeFace packets: read field by field as its Unity client does, which way is left, any codes."""

import math
import struct
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocol_frames import LEFT, TILT_LEFT, UP, any_frames, frame_of

from face3d_live.head.model import Head
from face3d_live.live.outputs.address import parse
from face3d_live.live.outputs.senders import average_face, make_encoder
from face3d_live.mapping.apply import Mapped
from face3d_live.protocols import openseeface
from face3d_live.protocols.openseeface import FEATURES, ORDER, SIZE, WIDTH, decode, encode
from face3d_live.rotations import from_quaternion


def read_as_unity_does(packet: bytes) -> dict:
    """Field by field, in the order and with the changes of signs that OpenSeeFace's own client makes."""
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, packet, at)
        at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    face = {"time": take("d"), "id": take("i"), "camera": take("ff"), "right_open": take("f"), "left_open": take("f")}
    face["got3d"], face["error"] = take("B"), take("f")
    face["raw_quaternion"] = take("ffff")
    x, y, z = take("fff")
    face["rotation"] = np.array([-(x + 180) % 360, -y, (z - 90) % 360])
    x, y, z = take("fff")
    face["translation"] = np.array([-y, x, -z])
    face["confidence"] = np.array(take("68f"))
    face["points"] = np.array(take("136f")).reshape(68, 2)
    points = np.array(take("210f")).reshape(70, 3)
    points[:, 1] *= -1
    face["points3d"] = points
    face["features"] = dict(zip(FEATURES, take("14f"), strict=True))
    assert at == len(packet)
    return face


def face_of(rotation=None, **expression) -> dict:
    return read_as_unity_does(encode(frame_of(rotation, **expression), average_face()))


def turned(degrees):
    """Nearest to zero."""
    return (np.asarray(degrees) + 180) % 360 - 180


def test_a_packet_has_every_field_in_its_place():
    packet = encode(frame_of(t=1.5), average_face())
    assert len(packet) == SIZE == 1785
    assert packet[:12] == struct.pack("<di", 1.5, 0) and packet[28] == 1
    face = read_as_unity_does(packet)
    assert face["camera"] == (640, 480) and (face["right_open"], face["left_open"]) == (1, 1)
    assert (face["confidence"] == 1).all() and all(value == 0 for value in face["features"].values())
    assert encode(frame_of(face=False), average_face()) is None
    np.testing.assert_allclose(turned(face["rotation"]), 0, atol=0.1)
    np.testing.assert_allclose(face["points3d"][30], 0, atol=1e-6)


@pytest.mark.parametrize(
    ("rotation", "angles"),
    [(LEFT, (0, -20, 0)), (UP, (20, 0, 0)), (TILT_LEFT, (0, 0, -20))],
    ids=["left", "up", "tilt"],
)
def test_which_way_is_left(rotation, angles):
    np.testing.assert_allclose(turned(face_of(rotation)["rotation"]), angles, atol=0.1)


def test_the_pose_is_the_one_that_opencv_finds_as_openseeface_does():
    """Their own way: a flat part of the face, so that depth does not matter, its rows and columns exchanged."""
    flat = np.array([[0.3, 0.3, 0], [-0.3, 0.3, 0], [0.3, -0.3, 0], [-0.3, -0.3, 0], [0.1, 0, 0], [0, 0.2, 0]])
    for rotation in (np.eye(3), TILT_LEFT):
        seen = (flat * [-1, 1, 1] * openseeface.UNIT) @ rotation.T + [0, 0, -0.6]
        rows = -WIDTH * seen[:, 1] / -seen[:, 2]
        columns = WIDTH * seen[:, 0] / -seen[:, 2]
        camera = np.diag([WIDTH, WIDTH, 1.0])
        picture = np.stack([rows, columns], -1)
        guess = np.array([math.pi / math.sqrt(2)] * 2 + [0.0]), np.array([0.0, 0.0, -4.5])
        _, vector, _ = cv2.solvePnP(flat, picture, camera, None, guess[0], guess[1], True, cv2.SOLVEPNP_ITERATIVE)
        found = cv2.Rodrigues(vector)[0]
        sent = from_quaternion(decode(encode(frame_of(rotation), average_face()))["quaternion"])
        np.testing.assert_allclose(sent, found, atol=0.02)
        angles = decode(encode(frame_of(rotation), average_face()))["angles"]
        np.testing.assert_allclose(turned(angles - np.array(cv2.RQDecomp3x3(found)[0])), 0, atol=1.5)


def test_the_points_are_the_heads_own():
    head = Head.load()
    frame = frame_of(LEFT, jawOpen=0.8, mouthSmileLeft=0.5)
    vertices = head.vertices(np.zeros(80), frame.expression)
    marks = head.landmarks68(vertices)[ORDER] @ LEFT.T + frame.translation
    pixels = np.stack([320 - 640 * marks[:, 0] / marks[:, 2], 240 + 640 * marks[:, 1] / marks[:, 2]], -1)
    face = face_of(LEFT, jawOpen=0.8, mouthSmileLeft=0.5)
    np.testing.assert_allclose(face["points"][:66], pixels, atol=0.6)
    # The subject's left eye is on the picture's right; in the 3D points +x is the subject's right.
    assert face_of()["points"][45, 0] > 320 > face_of()["points"][36, 0]
    assert face_of()["points3d"][36, 0] > 0.3 and face_of()["points3d"][58, 0] > 0.1 > face_of()["points3d"][62, 0]
    shut, wide = face_of()["points3d"], face_of(jawOpen=1)["points3d"]
    assert (wide[60] - wide[64])[1] > (shut[60] - shut[64])[1] + 0.1


def test_eyes_and_features():
    wink = face_of(eyeBlinkLeft=1, eyeWideRight=0.5)
    assert (wink["right_open"], wink["left_open"]) == (1, 0)
    assert (wink["features"]["eye_l"], wink["features"]["eye_r"]) == (-1, 0.5)
    smile = face_of(mouthSmileRight=0.75, jawOpen=0.5)["features"]
    assert (
        smile["mouth_corner_updown_r"] == -0.75 and smile["mouth_corner_updown_l"] == 0 and smile["mouth_open"] == 0.5
    )
    look = face_of(eyeLookOutLeft=1, eyeLookInRight=1)["points3d"]
    assert (look[66] - look[68])[0] < -0.02 and (look[67] - look[69])[0] < -0.02  # both to the left, which is -x


@given(any_frames())
@settings(max_examples=80, deadline=None)
def test_anything_is_finite_and_has_its_size(frame):
    packet = encode(frame, average_face())
    if not frame.face:
        assert packet is None
        return
    face: dict[str, Any] = decode(packet)
    assert all(-1 <= value <= 1 for value in face["features"].values()) and all(0 <= v <= 1 for v in face["open"])
    assert math.isclose(float(np.linalg.norm(face["quaternion"])), 1, abs_tol=1e-4)
    assert (np.abs(face["angles"]) <= 180.01).all()


@given(st.binary(max_size=100) | st.binary(min_size=SIZE, max_size=SIZE))
@settings(max_examples=60, deadline=None)
def test_garbage_is_refused_or_read(data):
    try:
        decode(data)
    except ValueError:
        return


def test_times_are_the_clocks_and_rise_across_sessions():
    """Receivers leave out what is not newer than the last packet; a new session or a looped take begins at 0 again."""
    encoder = make_encoder(parse("osf://127.0.0.1"), ())
    assert encoder is not None
    frames = [("a", 50.0), ("a", 50.033), ("b", 0.0), ("b", 0.033), ("b", 0.033), ("b", 0.0)]
    packets = [encoder(Mapped(replace(frame_of(t=t), session=s), (), np.zeros(0))) for s, t in frames]
    times = [read_as_unity_does(packet[0])["time"] for packet in packets]
    assert all(a < b for a, b in pairwise(times))
    assert abs(times[0] - time.time()) < 60
    assert times[1] - times[0] == pytest.approx(0.033, abs=1e-3)
