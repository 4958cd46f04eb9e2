"""A take as VRM animation: the head's rotation on neck and head, the gaze, and expressions.

Avatars with ARKit's names (made for "perfect sync") usually also have VRM's presets. A file with both would move mouth
and lids twice, so there are two kinds: presets, which every VRM has, and ARKit's names.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from face3d_live.avatar.presets import PRESETS, preset_values
from face3d_live.codes import ARKIT, INDEX, gaze_angles
from face3d_live.export.vrma import Turns, vrma
from face3d_live.takes.bvh import NECK_SHARE
from face3d_live.takes.model import Take
from face3d_live.typing import AnyArray


def vrma_bytes(take: Take, arkit: bool) -> bytes:
    """The file, keys at the take's own times. arkit: ARKit's names as custom expressions, instead of the presets."""
    return vrma(take.t, _turns(take), _arkit(take) if arkit else _presets(take), take.header.name)


def _turns(take: Take) -> Turns:
    turn = Rotation.from_matrix(take.rotation.astype(np.float64)).as_rotvec()
    yaw, pitch = gaze_angles(take.expression).mean(1).T  # both eyes' middle: VRM has one gaze
    gaze = Rotation.from_euler("YX", np.stack([yaw, -pitch], -1))
    neck, head = (Rotation.from_rotvec(share * turn) for share in (NECK_SHARE, 1 - NECK_SHARE))
    return Turns(*(_continuous(one.as_quat()) for one in (neck, head, gaze)))


def _presets(take: Take) -> dict[str, AnyArray]:
    moods = np.array([preset_values(np.clip(row, 0, 1)) for row in take.expression])
    left, right = (take.expression[:, INDEX[f"eyeBlink{side}"]] for side in ("Left", "Right"))
    return dict(zip(PRESETS, moods.T, strict=True)) | {"blinkLeft": left, "blinkRight": right}


def _arkit(take: Take) -> dict[str, AnyArray]:
    """All coefficients but eyeLook*, which the gaze covers."""
    return {name: take.expression[:, i] for i, name in enumerate(ARKIT) if not name.startswith("eyeLook")}


def _continuous(q: AnyArray) -> AnyArray:  # (T, 4)
    """Of the two quaternions of a rotation the one nearer to the previous."""
    q = q.copy()
    q[1:] *= np.cumprod(np.where((q[1:] * q[:-1]).sum(1) < 0, -1, 1))[:, None]
    return q
