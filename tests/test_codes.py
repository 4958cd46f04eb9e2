import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from face3d_live import codes
from face3d_live.codes import ARKIT, INDEX, MIRROR, HeadCodes, gaze_angles

coefficients = hnp.arrays(np.float32, 52, elements=st.floats(0, 1, width=32))


def test_there_are_52_different_names() -> None:
    assert len(ARKIT) == len(set(ARKIT)) == 52


def test_mirror_swaps_sides_and_is_its_own_inverse() -> None:
    assert (MIRROR[MIRROR] == np.arange(52)).all()
    assert MIRROR[INDEX["jawLeft"]] == INDEX["jawRight"]
    assert MIRROR[INDEX["mouthSmileLeft"]] == INDEX["mouthSmileRight"]
    assert MIRROR[INDEX["jawOpen"]] == INDEX["jawOpen"]


@given(coefficients)
def test_codes_survive_json_and_arrays(expression: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    before = HeadCodes(shape=rng.normal(size=80), expression=expression, texture=rng.normal(size=50))
    for after in (
        HeadCodes.from_json(json.loads(json.dumps(before.to_json()))),
        HeadCodes.from_arrays(before.to_arrays()),
    ):
        for name, value in before.to_arrays().items():
            np.testing.assert_array_equal(value, getattr(after, name), err_msg=name)


def test_a_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expression"):
        HeadCodes(expression=np.zeros(51))


def test_gaze_signs() -> None:
    e = np.zeros(52, np.float32)
    e[INDEX["eyeLookOutLeft"]] = e[INDEX["eyeLookInRight"]] = 1  # both eyes to the subject's left
    e[INDEX["eyeLookUpLeft"]] = e[INDEX["eyeLookUpRight"]] = 0.5
    angles = gaze_angles(e)
    np.testing.assert_allclose(angles[:, 0], codes.EYE_YAW)
    np.testing.assert_allclose(angles[:, 1], codes.EYE_PITCH / 2)


@given(coefficients)
def test_mirroring_an_expression_mirrors_the_gaze(expression: np.ndarray) -> None:
    angles, mirrored = gaze_angles(expression), gaze_angles(expression[MIRROR])
    np.testing.assert_allclose(mirrored[::-1] * [-1, 1], angles, atol=1e-6)
