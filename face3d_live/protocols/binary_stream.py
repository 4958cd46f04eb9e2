"""The expression stream as bytes, for clients that want no parser: 249 bytes a frame, little-endian, no padding.

| offset | type    | meaning                                             |
|--------|---------|-----------------------------------------------------|
| 0      | u32     | frame                                               |
| 4      | f64     | t, seconds                                          |
| 12     | u8      | face, 0 or 1                                        |
| 13     | f32[52] | expression, in the order of the hello's names       |
| 221    | f32[4]  | rotation, quaternion x, y, z, w                     |
| 237    | f32[3]  | translation, metres                                 |

The hello comes first, as JSON text (`json_stream.encode_hello`). A packet names no session and carries no gaze: gaze
follows from the eyeLook coefficients. A client that asked for N names gets f32[N], in the hello's order.
"""

from __future__ import annotations

import struct

import numpy as np

from face3d_live.codes import N_EXPRESSION, gaze_angles
from face3d_live.protocols.frame import StreamFrame
from face3d_live.typing import AnyArray

_HEAD = struct.Struct("<IdB")
_FLOATS = N_EXPRESSION + 4 + 3
SIZE = _HEAD.size + 4 * _FLOATS


def encode(frame: StreamFrame, columns: AnyArray | None = None) -> bytes:  # SIZE bytes
    """One frame; columns: (N,) which coefficients, in their order, all by default."""
    expression = frame.expression if columns is None else frame.expression[columns]
    numbers = np.concatenate([expression, frame.rotation, frame.translation]).astype("<f4")
    return _HEAD.pack(frame.frame, frame.t, frame.face) + numbers.tobytes()


def decode(packet: bytes, session: str = "") -> StreamFrame:
    """Read one packet; the session must be known from elsewhere. Raises ValueError for a wrong size or flag, or NaN."""
    if len(packet) != SIZE:
        raise ValueError(f"expected {SIZE} bytes, got {len(packet)}")
    number, t, face = _HEAD.unpack_from(packet)
    if face > 1:
        raise ValueError(f"face flag {face}: expected 0 or 1")
    values = np.frombuffer(packet, "<f4", _FLOATS, _HEAD.size).astype(np.float32)
    expression, rotation, translation = np.split(values, [N_EXPRESSION, N_EXPRESSION + 4])
    with np.errstate(over="ignore", invalid="ignore"):
        gaze = gaze_angles(expression)
    return StreamFrame(session, number, t, bool(face), expression, rotation, translation, gaze)
