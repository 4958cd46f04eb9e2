"""What keys do to the face: rest, hold, an expression of one's own."""

import numpy as np
import pytest

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.errors import InputError
from face3d_live.live.engine.acting import Acting
from face3d_live.live.webrtc.data_channel import Act, parse
from face3d_live.rotations import from_euler

JAW, SMILE = INDEX["jawOpen"], INDEX["mouthSmileLeft"]


def codes(jaw):
    expression = np.zeros(52, np.float32)
    expression[JAW] = jaw
    return HeadCodes(expression=expression, rotation=from_euler(0.4, 0, 0))


def test_without_keys_nothing_changes():
    seen = codes(0.5)
    assert Acting().apply(seen, None) is seen


def test_rest_hold_and_own_expressions():
    seen, held = codes(0.5), codes(0.9).expression
    rest = Acting("rest").apply(seen, None)
    assert rest.expression.max() == 0 and np.allclose(rest.rotation, np.eye(3))
    hold = Acting("hold").apply(seen, held)
    assert hold.expression[JAW] == np.float32(0.9) and np.array_equal(hold.rotation, seen.rotation)
    smile = Acting("track", ((JAW, 0.2), (SMILE, 0.8))).apply(seen, None)
    assert smile.expression[[JAW, SMILE]] == pytest.approx([0.5, 0.8])
    assert seen.expression[SMILE] == 0


def test_messages():
    assert parse('{"type":"act"}', 0) == Act(Acting())
    got = parse('{"type":"act","mode":"hold","expression":{"jawOpen":7}}', 0)
    assert got == Act(Acting("hold", ((JAW, 1.0),)))
    for wrong in ('"mode":"dance"', '"expression":{"ears":1}', '"expression":[1]', '"expression":{"jawOpen":"wide"}'):
        with pytest.raises(InputError, match="control message"):
            parse(f'{{"type":"act",{wrong}}}', 0)
