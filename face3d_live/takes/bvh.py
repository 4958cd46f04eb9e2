"""BVH: a take's bones (neck, head, eyes) for programs that animate skeletons. BVH has no face.

Centimetres, +y up, facing +z. Angles in degrees in the order Z, X, Y, which means R = Rz Rx Ry in the parent's axes.
Source: the format as its inventors describe it (Meredith and Maddock, "Motion Capture File Formats Explained", 2001).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from face3d_live.codes import gaze_angles
from face3d_live.takes.model import Take
from face3d_live.takes.resample import resample_uniform
from face3d_live.typing import AnyArray

#: The neck's share of the head's rotation, as in `protocols.vmc`.
NECK_SHARE = 0.35
_CENTIMETRES = 100.0
#: Bone offsets, metres. The head's origin is between the ears.
_NECK_TO_HEAD = np.array([0.0, 0.11, 0.02])
_CROWN, _EYE_LENGTH = 0.12, 0.012
_CHANNELS = "Zrotation Xrotation Yrotation"


def bvh_text(take: Take, eyes: AnyArray) -> str:
    """The file, at the take's own rate. eyes: (2, 3) centres of the left and the right eye, head frame, metres."""
    even = resample_uniform(take, take.header.fps)
    head = Rotation.from_matrix(even.rotation.astype(np.float64))
    turn = head.as_rotvec()
    neck = Rotation.from_rotvec(NECK_SHARE * turn)
    rest = Rotation.from_rotvec((1 - NECK_SHARE) * turn)
    left, right = (_eye(gaze) for gaze in np.moveaxis(gaze_angles(even.expression), -2, 0))
    place = _CENTIMETRES * (even.translation - even.translation[:1] + np.array([0.0, 1.5, 0.0]))
    columns = [place, *(bone.as_euler("ZXY", degrees=True) for bone in (neck, rest, left, right))]
    rows = ["%.6f " * 14 % tuple(row[:-1]) + f"{row[-1]:.6f}" for row in np.hstack(columns).tolist()]
    motion = ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {1 / even.header.fps:.10f}", *rows]
    return "\n".join([*_skeleton(eyes), *motion]) + "\n"


def _eye(gaze: AnyArray) -> Rotation:  # (T, 2) yaw, pitch
    return Rotation.from_euler("YX", np.stack([gaze[:, 0], -gaze[:, 1]], -1))


def _skeleton(eyes: AnyArray) -> list[str]:
    def offset(at: AnyArray) -> str:
        x, y, z = (_CENTIMETRES * np.asarray(at)).tolist()
        return f"OFFSET {x:.4f} {y:.4f} {z:.4f}"

    lines = [
        "HIERARCHY", "ROOT Neck", "{", "  OFFSET 0 0 0", f"  CHANNELS 6 Xposition Yposition Zposition {_CHANNELS}",
        "  JOINT Head", "  {", f"    {offset(_NECK_TO_HEAD)}", f"    CHANNELS 3 {_CHANNELS}",
    ]  # fmt: skip
    for name, eye in zip(("LeftEye", "RightEye"), eyes, strict=True):
        lines += [
            f"    JOINT {name}", "    {", f"      {offset(eye)}", f"      CHANNELS 3 {_CHANNELS}", "      End Site",
            "      {", f"        {offset(np.array([0, 0, _EYE_LENGTH]))}", "      }", "    }",
        ]  # fmt: skip
    end = ["    End Site", "    {", f"      {offset(np.array([0, _CROWN, 0]))}", "    }"]
    return [*lines, *end, "  }", "}"]
