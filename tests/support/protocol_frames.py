"""Shared by tests: what `test_protocol_engines` and others use."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.protocols.frame import StreamFrame
from face3d_live.rotations import from_vector

TURN = math.radians(20)


def frame_of(rotation=None, face=True, t=1.5, **expression) -> StreamFrame:
    values = np.zeros(52, np.float32)
    for name, value in expression.items():
        values[INDEX[name]] = value
    codes = HeadCodes(expression=values, rotation=np.eye(3) if rotation is None else rotation)
    return StreamFrame.from_codes("s", 7, t, face, codes)


def any_frames() -> st.SearchStrategy[StreamFrame]:
    """Whatever a StreamFrame admits: any finite number, quaternions of any length, zero included."""
    any_float = st.floats(allow_nan=False, allow_infinity=False, width=32)
    return st.builds(
        StreamFrame,
        st.text(max_size=8),
        st.integers(0, 2**32 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
        hnp.arrays(np.float32, 52, elements=any_float),
        hnp.arrays(np.float32, 4, elements=any_float),
        hnp.arrays(np.float32, 3, elements=any_float),
        hnp.arrays(np.float32, (2, 2), elements=any_float),
    )


# A head that does one thing, said in design words only: where the nose and the crown go. +x is the subject's left.
LEFT = from_vector(np.array([0, TURN, 0]))


UP = from_vector(np.array([-TURN, 0, 0]))


TILT_LEFT = from_vector(np.array([0, 0, -TURN]))
