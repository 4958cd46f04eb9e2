"""VMC, Live Link Face and iFacialMocap: bytes written by hand, independent readers, which way is left, any codes."""

import math
import struct
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from protocol_frames import LEFT, TILT_LEFT, TURN, UP, any_frames, frame_of
from pylivelinkface import FaceBlendShape, PyLiveLinkFace
from pythonosc.osc_bundle import OscBundle

from face3d_live.codes import ARKIT
from face3d_live.mapping.apply import Mapping
from face3d_live.mapping.profile import Profile
from face3d_live.protocols import ifacialmocap, live_link, osc, pose, vmc
from face3d_live.protocols.frame import StreamFrame
from face3d_live.rotations import from_quaternion, from_vector, to_quaternion


def test_the_three_heads_do_what_their_names_say():
    nose, crown = np.array([0, 0, 1]), np.array([0, 1, 0])
    assert (LEFT @ nose)[0] > 0.3 and (UP @ nose)[1] > 0.3 and (TILT_LEFT @ crown)[0] > 0.3


# --- VMC ------------------------------------------------------------------------------------------------------------


def messages_of(bundles: list[bytes]) -> list[tuple]:
    """By python-osc's own parser: (address, *arguments)."""
    return [(message.address, *message.params) for data in bundles for message in OscBundle(data)]


def bones_of(frame: StreamFrame) -> dict[str, np.ndarray]:
    sent = messages_of(vmc.Encoder(["A"]).encode(frame, [0.0]))
    return {name: np.array(q) for address, name, *q in (m for m in sent if m[0] == "/VMC/Ext/Bone/Pos")}


def test_vmc_bytes_are_these():
    (data,) = vmc.Encoder(["JawOpen"]).encode(frame_of(t=2.5), [0.5])
    assert data.startswith(b"#bundle\0" + bytes(7) + b"\x01")
    ok = b"/VMC/Ext/OK\0" + b",iiii\0\0\0" + bytes.fromhex("00000001 00000003 00000000 00000001")
    assert data[16:].startswith(struct.pack(">i", len(ok)) + ok)
    assert b"/VMC/Ext/T\0\0" + b",f\0\0" + bytes.fromhex("40200000") in data
    jaw = b"/VMC/Ext/Blend/Val\0\0" + b",sf\0" + b"JawOpen\0" + bytes.fromhex("3f000000")
    end = b"/VMC/Ext/Blend/Apply\0\0\0\0" + b",\0\0\0"
    assert data.endswith(struct.pack(">i", len(jaw)) + jaw + struct.pack(">i", len(end)) + end)
    head = b"/VMC/Ext/Bone/Pos\0\0\0" + b",sfffffff\0\0\0" + b"Head\0\0\0\0"
    assert head in data
    assert struct.unpack_from(">7f", data, data.index(head) + len(head))[3:] == (0, 0, 0, 1)


def test_vmc_is_read_by_python_osc_in_order_and_whole():
    names = [name[0].upper() + name[1:] for name in ARKIT]
    values = np.linspace(0, 1, 52).tolist()
    bundles = vmc.Encoder(names).encode(frame_of(), values)
    assert len(bundles) > 1 and all(len(data) <= 1500 for data in bundles)
    sent = messages_of(bundles)
    assert [m[0] for m in sent[:3]] == ["/VMC/Ext/OK", "/VMC/Ext/T", "/VMC/Ext/Root/Pos"]
    assert [m[1] for m in sent[3:7]] == ["Neck", "Head", "LeftEye", "RightEye"]
    assert [(m[1], pytest.approx(m[2], abs=1e-6)) for m in sent[7:-1]] == list(zip(names, values, strict=True))
    assert sent[-1] == ("/VMC/Ext/Blend/Apply",)
    assert [m[0] for m in sent].count("/VMC/Ext/Blend/Apply") == 1


def test_vmc_without_a_face_says_so():
    sent = messages_of(vmc.Encoder(["A"]).encode(frame_of(face=False), [0.0]))
    assert sent[0] == ("/VMC/Ext/OK", 1, 3, 0, 0)


def unity_head(frame: StreamFrame) -> np.ndarray:
    """Neck and head together: a matrix of Unity's axes, +x the avatar's right, +z out of its face."""
    bones = bones_of(frame)
    return from_quaternion(bones["Neck"][3:]) @ from_quaternion(bones["Head"][3:])


def test_vmc_turns_as_the_subject_does():
    nose, crown = np.array([0, 0, 1]), np.array([0, 1, 0])
    np.testing.assert_allclose(unity_head(frame_of(LEFT)) @ nose, [-math.sin(TURN), 0, math.cos(TURN)], atol=1e-5)
    np.testing.assert_allclose(unity_head(frame_of(UP)) @ nose, [0, math.sin(TURN), math.cos(TURN)], atol=1e-5)
    np.testing.assert_allclose(unity_head(frame_of(TILT_LEFT)) @ crown, [-math.sin(TURN), math.cos(TURN), 0], atol=1e-5)


def test_vmc_eyes_look_as_the_subject_does():
    bones = bones_of(frame_of(eyeLookOutLeft=1, eyeLookInRight=0.5, eyeLookUpLeft=0.5, eyeLookDownRight=1))
    left = from_quaternion(bones["LeftEye"][3:]) @ [0, 0, 1]
    right = from_quaternion(bones["RightEye"][3:]) @ [0, 0, 1]
    assert left[0] < -0.3 and left[1] > 0.1 and right[0] < -0.1 and right[1] < -0.2
    assert bones["LeftEye"][0] < 0 < bones["RightEye"][0]


@given(any_frames(), st.lists(st.floats(allow_nan=False), min_size=3, max_size=3))
@settings(max_examples=120, deadline=None)
def test_vmc_of_anything_is_finite_and_in_range(frame, values):
    sent = messages_of(vmc.Encoder(["A", "Blink_L", "x" * 200]).encode(frame, values))
    for _address, *arguments in sent:
        assert all(math.isfinite(a) for a in arguments if isinstance(a, float))
    for _, _, value in (m for m in sent if m[0] == "/VMC/Ext/Blend/Val"):
        assert 0 <= value <= 1
    for _, _, *bone in (m for m in sent if m[0] == "/VMC/Ext/Bone/Pos"):
        assert math.isclose(math.hypot(*bone[3:]), 1, abs_tol=1e-5)


@given(st.lists(st.binary(max_size=120), max_size=60), st.integers(150, 1500))
@settings(max_examples=80, deadline=None)
def test_bundles_hold_every_message_once_in_order(parts, limit):
    made = osc.bundles(parts, limit)
    assert all(16 < len(data) <= limit for data in made)
    found = []
    for data in made:
        at = 16
        while at < len(data):
            (size,) = struct.unpack_from(">i", data, at)
            found.append(data[at + 4 : at + 4 + size])
            at += 4 + size
    assert found == parts


def test_what_vmc_cannot_say():
    with pytest.raises(ValueError, match="blend shape"):
        vmc.Encoder(["x" * 300])
    with pytest.raises(ValueError, match="does not fit"):
        osc.bundles([bytes(2000)])


# --- Live Link Face -------------------------------------------------------------------------------------------------


def test_live_link_bytes_are_these():
    midnight = lambda: datetime(2026, 11, 27, 0, 0, 1, 500_000)  # noqa: E731
    packet = live_link.Encoder("Face", 60, midnight).encode(frame_of(t=9, eyeBlinkLeft=0.25, tongueOut=1))
    assert packet[:5].hex() == "06" + "00000024"
    device = packet[5:41].decode()
    assert len(device) == 36 and device.count("-") == 4
    assert packet[41:49] == b"\0\0\0\x04Face"
    assert packet[49:65].hex() == "0000005a" + "00000000" + "0000003c" + "00000001"
    assert packet[65:70].hex() == "3d" + "3e800000"
    assert len(packet) == 66 + 4 * 61
    assert packet[66 + 4 * 51 : 66 + 4 * 52].hex() == "3f800000"
    assert live_link.Encoder("Face", 60, midnight).encode(frame_of(face=False)) == packet[:65]


@pytest.mark.parametrize(("fps", "numerator", "denominator"), [
    (60, 60, 1), (30, 30, 1), (29.97, 30000, 1001), (30000 / 1001, 30000, 1001), (59.94, 60000, 1001),
    (23.976, 24000, 1001), (12.5, 25, 2), (1.0, 1, 1),
])  # fmt: skip
def test_live_link_counts_the_time_of_day_at_its_rate(fps, numerator, denominator):
    noon = datetime(2026, 11, 27, 13, 20, 30, 250_000)
    packet = live_link.Encoder("F", fps, lambda: noon).encode(frame_of(t=3.25, face=False))
    number, fraction, said, below = struct.unpack(">ifii", packet[-16:])
    assert (said, below) == (numerator, denominator)
    seconds = 13 * 3600 + 20 * 60 + 30.25
    assert number == int(seconds * numerator / denominator + 1e-9)
    assert 0 <= fraction < 1
    assert (number + fraction) * denominator / numerator == pytest.approx(seconds, abs=1e-4)


def test_live_link_time_is_this_machines_own():
    now = datetime.now()
    read = live_link.decode(live_link.Encoder().encode(frame_of(t=5)))
    clock = now.hour * 3600 + now.minute * 60 + now.second
    assert abs((read.seconds - clock + 43200) % 86400 - 43200) < 60


def test_live_link_steps_are_the_pictures_and_the_clock_sets_them():
    clock = [datetime(2026, 11, 27, 23, 59, 59)]
    encoder = live_link.Encoder("F", 60, lambda: clock[0])

    def said(t, late=0.0, session="a"):
        clock[0] = datetime(2026, 11, 27, 23, 59, 59) + timedelta(seconds=t + late)
        return live_link.decode(encoder.encode(replace(frame_of(t=100 + t), session=session))).seconds

    assert said(0) == pytest.approx(86399)
    assert said(0.5, late=0.1) == pytest.approx(86399.5, abs=1e-3)  # the network's delay is no step
    assert said(1.25) == pytest.approx(0.25, abs=1e-3)  # the next day
    assert said(2.0, late=3600) == pytest.approx(3601, abs=1e-3)  # the clock was set, or a take began anew
    assert said(2.5, late=3600) == pytest.approx(3601.5, abs=1e-3)
    assert said(2.6, late=3600.3, session="b") == pytest.approx(3601.9, abs=1e-3)


def test_live_link_is_read_by_pylivelinkface_under_the_right_names():
    wanted = {name: (i + 1) / 60 for i, name in enumerate(ARKIT)}
    found, face = PyLiveLinkFace.decode(live_link.Encoder("Anna").encode(frame_of(**wanted)))
    assert found and face.name == "Anna" and face.fps == 60
    for name, value in wanted.items():
        assert face.get_blendshape(FaceBlendShape[name[0].upper() + name[1:]]) == pytest.approx(value, abs=1e-6)
    assert [shape.name for shape in FaceBlendShape] == [*live_link.ORDER, *live_link.ANGLES]
    assert PyLiveLinkFace.decode(live_link.Encoder("Anna").encode(frame_of(face=False)))[0] is False


@pytest.mark.parametrize(
    ("rotation", "angle", "value"), [(LEFT, "HeadYaw", TURN), (UP, "HeadPitch", -TURN), (TILT_LEFT, "HeadRoll", -TURN)]
)
def test_live_link_which_way_is_left(rotation, angle, value):
    _, face = PyLiveLinkFace.decode(live_link.Encoder().encode(frame_of(rotation)))
    for name in ("HeadYaw", "HeadPitch", "HeadRoll"):
        expected = value if name == angle else 0
        assert face.get_blendshape(FaceBlendShape[name]) == pytest.approx(expected, abs=1e-5)


def test_live_link_eyes():
    _, face = PyLiveLinkFace.decode(live_link.Encoder().encode(frame_of(eyeLookOutLeft=1, eyeLookUpRight=1)))
    assert face.get_blendshape(FaceBlendShape.LeftEyeYaw) == pytest.approx(math.radians(30), abs=1e-4)
    assert face.get_blendshape(FaceBlendShape.RightEyePitch) < -0.3
    assert face.get_blendshape(FaceBlendShape.RightEyeYaw) == face.get_blendshape(FaceBlendShape.LeftEyePitch) == 0


@given(any_frames(), st.text(min_size=1, max_size=16).filter(str.isprintable))
@settings(max_examples=120, deadline=None)
@pytest.mark.slow
def test_live_link_of_anything_has_its_size_and_is_in_range(frame, subject):
    packet = live_link.Encoder(subject).encode(frame)
    assert len(packet) == 61 + len(subject.encode()) + (245 if frame.face else 0)
    read = live_link.decode(packet)
    assert read.subject == subject and 0 <= read.seconds <= 86400
    if frame.face:
        assert all(0 <= read.values[name] <= 1 for name in live_link.ORDER)
        assert all(abs(read.values[name]) <= math.pi + 1e-6 for name in live_link.ANGLES)
    else:
        assert read.values is None


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_live_link_garbage_is_refused_or_read(data):
    for packet in (data, b"\x06\0\0\0\x01x" + data):
        try:
            live_link.decode(packet)
        except ValueError:
            continue


@pytest.mark.parametrize("subject", ["", "x" * 65, "a\nb", "é" * 33])
def test_live_link_subjects_that_are_none(subject):
    with pytest.raises(ValueError, match="subject"):
        live_link.Encoder(subject)


# --- iFacialMocap ---------------------------------------------------------------------------------------------------


def test_ifacialmocap_text_is_this():
    text = ifacialmocap.encode(frame_of(eyeBlinkLeft=0.071, jawLeft=0.5, mouthSmileRight=1)).decode()
    assert text.startswith("eyeBlink_L-7|eyeLookDown_L-0|")
    assert "|jawLeft-50|" in text and "|mouthSmile_R-100|" in text and "|mouthLeft-0|" in text
    assert text.endswith(
        "|tongueOut-0|=head#0.0000,0.0000,0.0000,0.0000,0.0000,-0.6000"
        "|rightEye#0.0000,0.0000,0.0000|leftEye#0.0000,0.0000,0.0000|"
    )
    assert (
        text.count("|") == 52 + 3
        and "eyeBlink_L&7|" in ifacialmocap.encode(frame_of(eyeBlinkLeft=0.071), True).decode()
    )


@pytest.mark.parametrize(
    ("rotation", "head"), [(LEFT, (0, 20, 0)), (UP, (-20, 0, 0)), (TILT_LEFT, (0, 0, -20))], ids=["left", "up", "tilt"]
)
def test_ifacialmocap_which_way_is_left(rotation, head):
    # Read without our decoder: the three numbers after "=head#" are degrees about x, y and z.
    text = ifacialmocap.encode(frame_of(rotation)).decode()
    numbers = [float(v) for v in text.split("=head#")[1].split("|")[0].split(",")]
    assert numbers[:3] == pytest.approx(head, abs=1e-2)


def test_ifacialmocap_eyes():
    text = ifacialmocap.encode(frame_of(eyeLookOutLeft=1, eyeLookDownRight=1)).decode()
    bones = dict(item.split("#") for item in text.split("=")[1].split("|") if item)
    assert bones["leftEye"] == "0.0000,30.0000,0.0000"
    assert float(bones["rightEye"].split(",")[0]) > 20


@given(any_frames(), st.booleans())
@settings(max_examples=120, deadline=None)
def test_ifacialmocap_of_anything_is_finite_and_in_range(frame, v2):
    packet = ifacialmocap.encode(frame, v2)
    assert len(packet) < 1472
    read = ifacialmocap.decode(packet)
    assert set(read.values) == set(ARKIT) and all(0 <= v <= 1 for v in read.values.values())
    assert all(abs(v) <= 180.001 for v in (*read.head, *read.left, *read.right))
    assert all(abs(v) <= 10 for v in read.position)


@given(st.binary(max_size=300) | st.text(alphabet="ab_L-&|=#.,0123headrightEyleft", max_size=300).map(str.encode))
@settings(max_examples=150, deadline=None)
def test_ifacialmocap_garbage_is_refused_or_read(data):
    try:
        ifacialmocap.decode(data)
    except ValueError:
        return


# --- pose -----------------------------------------------------------------------------------------------------------


@given(st.floats(-3.1, 3.1), st.floats(-1.5, 1.5), st.floats(-3.1, 3.1))
@settings(max_examples=80, deadline=None)
def test_angles_there_and_back(yaw, pitch, roll):
    q = np.array(pose.from_angles(yaw, pitch, roll))
    np.testing.assert_allclose(pose.angles(q), (yaw, pitch, roll), atol=2e-6)
    about = [from_vector(np.array(v)).astype(float) for v in ([0, yaw, 0], [pitch, 0, 0], [0, 0, roll])]
    np.testing.assert_allclose(from_quaternion(q), about[0] @ about[1] @ about[2], atol=1e-6)


@given(st.floats(0, 1), hnp.arrays(np.float64, 3, elements=st.floats(-1.7, 1.7)))
@settings(max_examples=80, deadline=None)
def test_parts_of_a_turn_make_it_whole(share, vector):
    q = pose.unit(to_quaternion(from_vector(vector)))
    whole = pose.multiply(pose.part(q, share), pose.part(q, 1 - share))
    np.testing.assert_allclose(whole, q, atol=1e-5)


def test_all_formats_say_the_same_of_one_head():
    rotation = (from_vector(np.array([0, 0.4, 0])) @ from_vector(np.array([-0.2, 0, 0]))).astype(np.float32)
    frame = frame_of(rotation)
    values = live_link.decode(live_link.Encoder().encode(frame)).values
    head = ifacialmocap.decode(ifacialmocap.encode(frame)).head
    named = Mapping(Profile(), "vts").apply(frame)
    vts = dict(zip(Mapping(Profile(), "vts").names, named.values, strict=True))
    assert (values["HeadYaw"], values["HeadPitch"]) == pytest.approx((0.4, -0.2), abs=1e-5)
    assert np.radians(head[:2]) == pytest.approx((-0.2, 0.4), abs=1e-4)
    assert np.radians([vts["FaceAngleX"], vts["FaceAngleY"]]) == pytest.approx((0.4, 0.2), abs=1e-4)
