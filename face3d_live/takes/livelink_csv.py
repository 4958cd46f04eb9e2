"""Live Link Face's CSV: the file that Epic's app leaves for every take, which Unreal and many add-ons import.

One line a frame: `Timecode` (HH:MM:SS:FF.mmm, the time of day), `BlendShapeCount` (61), then the 52 coefficients and
nine angles in radians. The column order is the app's own and differs from its UDP packets: Right before Left for jaw
and mouth sideways.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from face3d_live.codes import ARKIT, gaze_angles
from face3d_live.protocols import pose
from face3d_live.rotations import to_quaternion
from face3d_live.takes.model import Header, Take
from face3d_live.typing import AnyArray

_SIDEWAYS = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
#: The 52 names in the file's order.
CHANNELS = tuple(_SIDEWAYS.get(name, name) for name in ARKIT)
ANGLES = (
    "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch",
    "RightEyeRoll",
)  # fmt: skip
COLUMNS = ("Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in CHANNELS), *ANGLES)
_ORDER = [ARKIT.index(name) for name in CHANNELS]


def csv_text(take: Take) -> str:
    """The whole file, every frame of the take; frames without a face hold what the avatar showed."""
    angles = head_and_eyes(take.rotation, take.expression)
    rows = [",".join(COLUMNS)]
    for t, expression, nine in zip(take.t.tolist(), take.expression[:, _ORDER], angles, strict=True):
        numbers = ",".join(f"{v:.8f}" for v in (*expression.tolist(), *nine.tolist()))
        rows.append(f"{timecode(take.header, t)},{len(ANGLES) + len(ARKIT)},{numbers}")
    return "\n".join(rows) + "\n"


def timecode(header: Header, t: float) -> str:
    """HH:MM:SS:FF.mmm of the frame `t` seconds into the take: time of day, whole frames, thousandths of a frame.

    Counted without drops: at 29.97 frames a second each second has 30 numbers, of which the last is not full.
    """
    base = max(round(header.fps), 1)
    moment = header.created + timedelta(seconds=t)
    # Half a thousandth of a frame is rounded first, as it may carry into the second.
    thousandths = round((moment.microsecond / 1e6) * base * 1000)
    if thousandths >= base * 1000:
        thousandths, moment = 0, moment + timedelta(seconds=1)
    frames, rest = divmod(thousandths, 1000)
    return f"{moment:%H:%M:%S}:{frames:02d}.{rest:03d}"


def head_and_eyes(rotation: AnyArray, expression: AnyArray) -> AnyArray:  # (T, 3, 3), (T, 52) -> (T, 9) radians
    """Yaw, pitch and roll of head, left eye and right eye, in the sense of `protocols.live_link`."""
    angles = np.zeros((len(rotation), 9))
    for i, matrix in enumerate(rotation):
        angles[i, :3] = pose.angles(to_quaternion(matrix))
    gaze = gaze_angles(expression)  # (T, 2, 2)
    angles[:, [3, 6]], angles[:, [4, 7]] = gaze[..., 0], -gaze[..., 1]
    return angles
