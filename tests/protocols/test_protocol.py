"""The expression stream's two wire formats: bytes against fixtures, every frame there and back, garbage refused."""

import functools
import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jsonschema import Draft202012Validator

from face3d_live.codes import ARKIT, INDEX, HeadCodes, gaze_angles
from face3d_live.protocols import binary_stream, json_stream
from face3d_live.protocols.frame import StreamFrame
from face3d_live.rotations import from_euler, from_quaternion


def frames() -> st.SearchStrategy[StreamFrame]:
    def build(session, frame, t, face, expression, euler, translation):
        codes = HeadCodes(expression=expression, rotation=from_euler(*euler), translation=translation)
        return StreamFrame.from_codes(session, frame, t, face, codes)

    unit = st.floats(0, 1, width=32)
    return st.builds(
        build,
        st.text(min_size=1, max_size=16),
        st.integers(0, 2**32 - 1),
        st.floats(0, 1e6),
        st.booleans(),
        hnp.arrays(np.float32, 52, elements=unit),
        st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.floats(-3, 3)),
        hnp.arrays(np.float32, 3, elements=st.floats(-10, 10, width=32)),
    )


def sample() -> StreamFrame:
    expression = np.zeros(52, np.float32)
    expression[INDEX["eyeBlinkLeft"]], expression[INDEX["jawOpen"]], expression[INDEX["tongueOut"]] = 0.25, 0.5, 1
    return StreamFrame.from_codes("a1b2", 123, 4.125, True, HeadCodes(expression=expression))


def test_json_matches_the_published_example() -> None:
    text = json_stream.encode(sample())
    message = json.loads(text)
    assert list(message) == ["v", "session", "frame", "t", "face", "expression", "rotation", "translation", "gaze"]
    assert text.startswith(
        '{"v":1,"session":"a1b2","frame":123,"t":4.125,"face":true,"expression":{"eyeBlinkLeft":0.25,'
    )
    tail = '"tongueOut":1.0},"rotation":[0.0,0.0,0.0,1.0],"translation":[0.0,0.0,-0.6],'
    assert text.endswith(tail + '"gaze":{"left":[0.0,0.0],"right":[0.0,0.0]}}')
    assert list(message["expression"]) == list(ARKIT)
    assert message["expression"]["jawOpen"] == 0.5


def test_hello_names_every_coefficient() -> None:
    message = json.loads(json_stream.encode_hello(fps=30))
    assert message == {"v": 1, "hello": {"names": list(ARKIT), "fps": 30}}
    assert json_stream.decode(json_stream.encode_hello(25)) == json_stream.Hello(ARKIT, 25.0)


def test_binary_bytes_are_these() -> None:
    packet = binary_stream.encode(sample())
    assert len(packet) == binary_stream.SIZE == 249
    # An independent writer: field by field, in the documented order.
    expected = struct.pack("<I", 123) + struct.pack("<d", 4.125) + b"\x01"
    values = [0.0] * 52
    values[0], values[17], values[51] = 0.25, 0.5, 1.0
    expected += b"".join(struct.pack("<f", v) for v in [*values, 0, 0, 0, 1, 0, 0, np.float32(-0.6)])
    assert packet == expected
    assert packet[:17].hex() == "7b000000" + "0000000000801040" + "01" + "0000803e"
    assert packet[-12:].hex() == "0000000000000000" + "9a9919bf"


@given(frames())
@settings(max_examples=60, deadline=None)
def test_json_there_and_back(frame: StreamFrame) -> None:
    again = json_stream.decode(json_stream.encode(frame))
    assert isinstance(again, StreamFrame)
    assert (again.session, again.frame, again.face) == (frame.session, frame.frame, frame.face)
    assert math.isclose(again.t, frame.t, abs_tol=1e-5)
    for name in ("expression", "rotation", "translation", "gaze"):
        np.testing.assert_allclose(getattr(again, name), getattr(frame, name), atol=1.1e-5, rtol=1e-6)


@given(frames())
@settings(max_examples=60, deadline=None)
def test_binary_there_and_back_exactly(frame: StreamFrame) -> None:
    again = binary_stream.decode(binary_stream.encode(frame), frame.session)
    assert (again.session, again.frame, again.t, again.face) == (frame.session, frame.frame, frame.t, frame.face)
    for name in ("expression", "rotation", "translation", "gaze"):
        np.testing.assert_array_equal(getattr(again, name), getattr(frame, name))


@given(st.binary(max_size=600))
@settings(max_examples=150, deadline=None)
def test_garbage_bytes_are_refused_or_read_never_crash(data: bytes) -> None:
    try:
        frame = binary_stream.decode(data)
    except ValueError:
        return
    assert binary_stream.encode(frame) == data


@given(st.binary(min_size=249, max_size=249))
@settings(max_examples=150, deadline=None)
def test_random_packets_of_the_right_size(data: bytes) -> None:
    inner = test_garbage_bytes_are_refused_or_read_never_crash.hypothesis.inner_test  # type: ignore[attr-defined]
    inner(data)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=12,
)


@given(_JSON, st.sampled_from(["v", "session", "frame", "t", "face", "expression", "rotation", "translation", "gaze"]))
@settings(max_examples=150, deadline=None)
def test_any_json_in_any_place_is_read_or_refused(junk: object, key: str) -> None:
    message = json.loads(json_stream.encode(sample()))
    message[key] = junk
    for text in (json.dumps(message), json.dumps(junk)):
        try:
            json_stream.decode(text)
        except ValueError:
            continue


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"v":2}', '{"v":1}', '{"v":1,"hello":{}}', b"\xff\xfe{"])
def test_json_that_is_no_message(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        json_stream.decode(text)


def test_rotation_is_camera_from_head() -> None:
    rotation = from_euler(0.4, -0.2, 0.1)
    frame = StreamFrame.from_codes("s", 1, 0.0, True, HeadCodes(rotation=rotation))
    again = json_stream.decode(json_stream.encode(frame))
    assert isinstance(again, StreamFrame)
    np.testing.assert_allclose(from_quaternion(again.rotation), rotation, atol=3e-5)


def test_gaze_follows_the_eyes() -> None:
    expression = np.zeros(52, np.float32)
    expression[INDEX["eyeLookOutLeft"]] = expression[INDEX["eyeLookInRight"]] = 1
    message = json.loads(json_stream.encode(StreamFrame.from_codes("s", 1, 0, True, HeadCodes(expression=expression))))
    yaw = pytest.approx(float(gaze_angles(expression)[0, 0]), abs=1e-5)
    assert message["gaze"]["left"] == [yaw, 0] and message["gaze"]["right"] == [yaw, 0]
    assert message["gaze"]["left"][0] > 0.3


def test_frames_that_must_not_leave() -> None:
    with pytest.raises(ValueError, match="not finite"):
        StreamFrame.from_codes("s", 1, 0, True, HeadCodes(expression=np.full(52, np.nan)))
    with pytest.raises(ValueError, match="t: not finite"):
        StreamFrame.from_codes("s", 1, math.inf, True, HeadCodes())
    with pytest.raises(ValueError, match="32 bits"):
        StreamFrame("s", -1, 0, True, np.zeros(52), np.array([0, 0, 0, 1]), np.zeros(3), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="expected"):
        StreamFrame("s", 1, 0, True, np.zeros(51), np.array([0, 0, 0, 1]), np.zeros(3), np.zeros((2, 2)))
    assert StreamFrame.from_codes("s", 2**32, 0, True, HeadCodes()).frame == 0


# --- the published schema ---------------------------------------------------------------------------------------------


@functools.cache
def schema() -> Draft202012Validator:
    plain = json.loads((Path(__file__).resolve().parents[2] / "docs" / "expression-stream.schema.json").read_text())
    Draft202012Validator.check_schema(plain)
    return Draft202012Validator(plain)


@given(frames(), st.lists(st.sampled_from(ARKIT), min_size=1, unique=True))
@settings(max_examples=25, deadline=None)
def test_every_message_obeys_the_published_schema(frame: StreamFrame, names: list[str]) -> None:
    columns = np.array([INDEX[name] for name in names])
    for text in (
        json_stream.encode(frame),
        json_stream.encode(frame, names, columns),
        json_stream.encode_hello(),
        json_stream.encode_hello(7.5, names),
    ):
        schema().validate(json.loads(text))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("v", 2),
        ("frame", -1),
        ("face", 1),
        ("rotation", [0, 0, 1]),
        ("expression", {"jaw": 0}),
        ("extra", 0),
        ("t", "4"),
    ],
)
def test_the_schema_refuses_what_is_no_message(key: str, value: object) -> None:
    message = json.loads(json_stream.encode(sample()))
    schema().validate(message)
    assert not schema().is_valid(message | {key: value})
    assert not schema().is_valid({k: v for k, v in message.items() if k != "gaze"})
