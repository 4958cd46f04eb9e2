"""Enlarging movements: what is at rest stays, what moves grows, nothing leaves 0..1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from face3d_live.codes import INDEX
from face3d_live.track.response import GAINS, REST_LIMIT, Response

BLINK, JAW, BROW = INDEX["eyeBlinkLeft"], INDEX["jawOpen"], INDEX["browDownLeft"]
DT = 1 / 30


def face(**values: float) -> np.ndarray:
    e = np.zeros(52, np.float32)
    for name, value in values.items():
        e[INDEX[name]] = value
    return e


def test_rest_stays_and_a_timid_blink_becomes_one():
    response = Response()
    for _ in range(90):
        calm = response(face(eyeBlinkLeft=0.1, browDownLeft=0.3), DT)
    assert calm[BLINK] == pytest.approx(0.1, abs=0.02)
    assert calm[BROW] == pytest.approx(0.3)  # not one of its channels
    blink = response(face(eyeBlinkLeft=0.25, browDownLeft=0.3), DT)
    gain, rise = GAINS["eyeBlinkLeft"], 0.14 / 0.89
    assert blink[BLINK] == pytest.approx(0.11 + 0.89 * gain * rise / (1 + (gain - 1) * rise), abs=0.05)
    assert blink[BROW] == pytest.approx(0.3)


def test_the_resting_level_is_found_from_above():
    response = Response()  # the first frame happens to show closed eyes
    for i in range(90):
        out = response(face(eyeBlinkLeft=0.4 if i < 3 else 0.05), DT)
    assert out[BLINK] == pytest.approx(0.05, abs=0.03)
    assert response(face(eyeBlinkLeft=0.2), DT)[BLINK] > 0.4


def test_a_held_expression_does_not_fade():
    response = Response()
    for _ in range(60):
        response(face(), DT)
    first = response(face(mouthSmileLeft=0.5), DT)[INDEX["mouthSmileLeft"]]
    for _ in range(10 * 30):
        last = response(face(mouthSmileLeft=0.5), DT)[INDEX["mouthSmileLeft"]]
    assert last > 0.8 * first


def test_full_stays_full_and_order_is_kept():
    response = Response()
    for _ in range(60):
        response(face(), DT)
    rising = [response(face(jawOpen=v), 1e-6)[JAW] for v in np.linspace(0, 1, 21)]
    assert (np.diff(rising) >= 0).all()
    assert rising[-1] == pytest.approx(1)
    assert 0.2 < rising[1] < 0.3


def test_without_gains_nothing_changes():
    expression = np.linspace(0, 1, 52)
    assert Response({})(expression, DT) == pytest.approx(expression)


def test_reset_forgets_the_level():
    response = Response()
    for _ in range(60):
        response(face(jawOpen=0.2), DT)
    response.reset()
    assert response(face(jawOpen=0.1), DT)[JAW] == pytest.approx(0.1, abs=0.03)


@given(st.lists(hnp.arrays(np.float32, 52, elements=st.floats(0, 1, width=32)), min_size=1, max_size=10))
@settings(max_examples=60, deadline=None)
def test_always_within_bounds_and_never_smaller(frames):
    response = Response()
    for expression in frames:
        out = response(expression, DT)
        assert (out >= expression - 1e-6).all()
        assert out.max() <= 1
    assert response._rest.min() >= 0
    assert response._rest.max() <= REST_LIMIT
