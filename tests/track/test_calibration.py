"""Neutral calibration: the neutral face becomes zero, full stays one, and unsteady faces are refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from face3d_live.codes import ARKIT, INDEX, HeadCodes
from face3d_live.errors import InputError
from face3d_live.rotations import angle_between, from_euler
from face3d_live.track.calibration import CEILING, Calibration, mean_rotation
from face3d_live.track.smoothing import signed_gaze

REST = HeadCodes(
    expression=np.linspace(0, 0.4, 52) * np.array([not n.startswith("eyeLook") for n in ARKIT]),
    rotation=from_euler(0.3, -0.1, 0.05),
    translation=np.array([0.05, 0.02, -0.7]),
)


@pytest.fixture
def calibration():
    return Calibration.measure([REST] * 10)


def test_neutral_becomes_zero(calibration):
    out = calibration.apply(REST)
    assert out.expression == pytest.approx(np.zeros(52), abs=1e-6)
    assert out.rotation == pytest.approx(np.eye(3), abs=1e-5)
    assert out.translation == pytest.approx([0, 0, -np.linalg.norm(REST.translation)], abs=1e-5)


def test_full_stays_one(calibration):
    full = np.array([not n.startswith("eyeLook") for n in ARKIT], np.float32)
    out = calibration.apply(REST.with_(expression=full)).expression
    assert out[full > 0] == pytest.approx(1)


def test_a_nod_is_a_nod_in_head_axes(calibration):
    """The camera stands to one side; a nod about the head's own axis comes out as pitch alone."""
    nod = from_euler(0, 0.2, 0)
    out = calibration.apply(REST.with_(rotation=REST.rotation @ nod))
    assert angle_between(out.rotation, nod) < 1e-3


def test_a_step_along_the_gaze_only_changes_the_distance(calibration):
    nearer = REST.translation + REST.rotation @ np.array([0, 0, 0.1], np.float32)
    out = calibration.apply(REST.with_(translation=nearer))
    assert out.translation == pytest.approx([0, 0, 0.1 - np.linalg.norm(REST.translation)], abs=1e-5)


def test_gaze_is_signed():
    up = np.zeros(52, np.float32)
    up[INDEX["eyeLookUpLeft"]] = 0.2
    calibration = Calibration.measure([HeadCodes(expression=up)] * 8)
    assert signed_gaze(calibration.apply(HeadCodes()).expression)[0, 1] == pytest.approx(-0.2 / 1.2, abs=1e-5)
    assert signed_gaze(calibration.apply(HeadCodes(expression=up)).expression) == pytest.approx(np.zeros((2, 2)))
    full = np.zeros(52, np.float32)
    full[INDEX["eyeLookUpLeft"]] = 1
    assert signed_gaze(calibration.apply(HeadCodes(expression=full)).expression)[0, 1] == pytest.approx(1)


def test_a_blink_while_calibrating_does_not_count():
    blink = REST.expression.copy()
    blink[INDEX["eyeBlinkLeft"]] = 1
    calibration = Calibration.measure([REST] * 8 + [REST.with_(expression=blink)] * 3)
    assert calibration.expression[INDEX["eyeBlinkLeft"]] == REST.expression[INDEX["eyeBlinkLeft"]]


def test_an_absurd_neutral_does_not_blow_up_noise():
    calibration = Calibration.measure([HeadCodes(expression=np.full(52, 0.99))] * 8)
    change = calibration.apply(HeadCodes(expression=np.full(52, 0.8))).expression
    assert change[INDEX["jawOpen"]] <= 0.2 / (1 - CEILING) + 1e-6


def smile(i: int) -> np.ndarray:
    e = np.zeros(52, np.float32)
    e[INDEX["mouthSmileLeft"]] = i / 10
    return e


@pytest.mark.parametrize(("recent", "code"), [
    ([], "no-face"),
    ([REST] * 3, "no-face"),
    ([REST.with_(rotation=from_euler(0.05 * i, 0, 0)) for i in range(10)], "moving"),
    ([REST.with_(translation=np.array([0.01 * i, 0, -0.6])) for i in range(10)], "moving"),
    ([REST.with_(expression=smile(i)) for i in range(10)], "moving"),
    ([REST.with_(rotation=from_euler(1.0, 0, 0))] * 10, "turned-away"),
])  # fmt: skip
def test_refusals(recent, code):
    with pytest.raises(InputError) as caught:
        Calibration.measure(recent)
    assert caught.value.code == code
    assert "calibrate again" in caught.value.message


def test_looking_around_is_not_moving():
    def look(i: int) -> np.ndarray:
        e = np.zeros(52, np.float32)
        e[INDEX["eyeLookOutLeft"]] = i / 10
        return e

    Calibration.measure([REST.with_(expression=look(i)) for i in range(10)])


def test_json_round_trip(calibration):
    again = Calibration.from_json(json.loads(json.dumps(calibration.to_json())))
    assert again.expression == pytest.approx(calibration.expression)
    assert again.rotation == pytest.approx(calibration.rotation, abs=1e-5)
    assert again.translation == pytest.approx(calibration.translation)


@pytest.mark.parametrize("spoil", [
    lambda j: j.pop("rotation"), lambda j: j.update(expression=[1, 2]), lambda j: j["expression"].pop("jawOpen"),
    lambda j: j.update(rotation=[0, 0, 0, 0]), lambda j: j.update(translation=[0, float("nan"), 0]),
    lambda j: j["expression"].update(jawOpen=7), lambda j: j.update(rotation="x"),
])  # fmt: skip
def test_bad_json_says_so(calibration, spoil):
    plain = calibration.to_json()
    spoil(plain)
    with pytest.raises(InputError, match="bad-calibration"):
        Calibration.from_json(plain)


unit = st.floats(0, 1, width=32)


@given(hnp.arrays(np.float32, 52, elements=unit), hnp.arrays(np.float32, 52, elements=unit))
@settings(max_examples=100, deadline=None)
def test_always_within_bounds(neutral, expression):
    calibration = Calibration(neutral, np.eye(3, dtype=np.float32), np.array([0, 0, -0.6], np.float32))
    out = calibration.apply(HeadCodes(expression=expression)).expression
    assert np.isfinite(out).all()
    assert out.min() >= 0
    assert out.max() <= 1


def test_mean_rotation():
    mean = mean_rotation(np.stack([from_euler(0.1, 0, 0), from_euler(-0.1, 0, 0), from_euler(0, 0.3, 0)]))
    assert angle_between(mean, from_euler(0, 0.1, 0)) < 0.01
