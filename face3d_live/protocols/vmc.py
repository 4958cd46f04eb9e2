"""VMC protocol: OSC over UDP, as a "Performer" that a "Marionette" listens to on port 39539.

https://protocol.vmc.info/english. Every frame: availability, time, root, the bones of the head, one message for each
blend shape, and Apply, which tells the receiver to show what it has got since the last one.

Bones are in Unity's axes (`pose`), local to their parents. The rotation is shared between neck and head. The positions
are those of an average person: receivers take the rotations only, and one that does take positions should not find
the head in the neck.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from face3d_live.protocols import pose
from face3d_live.protocols.frame import StreamFrame
from face3d_live.protocols.osc import MAX_BUNDLE, Template, bundles

PORT = 39539

#: How much of the head's rotation the neck does.
NECK_SHARE = 0.35

#: Metres from the parent bone, Unity's axes: an average adult.
_PLACES = {
    "Neck": (0.0, 0.12, 0.0),
    "Head": (0.0, 0.09, 0.01),
    "LeftEye": (-0.032, 0.065, 0.075),
    "RightEye": (0.032, 0.065, 0.075),
}
_CALIBRATED, _NORMAL = 3, 0


class Encoder:
    """names: of the blend shapes, at most 255 bytes each. Raises ValueError for one that is longer."""

    def __init__(self, names: Sequence[str], limit: int = MAX_BUNDLE) -> None:
        for name in names:
            if not 0 < len(name.encode()) < 256 or "\0" in name:
                raise ValueError(f"{name[:40]!r} cannot be the name of a blend shape")
        self._limit = limit
        self._available = {
            face: Template("/VMC/Ext/OK", (1, _CALIBRATED, _NORMAL, int(face))).fill() for face in (False, True)
        }
        self._time = Template("/VMC/Ext/T", floats=1)
        self._root = Template("/VMC/Ext/Root/Pos", ("root",), 7).fill(0, 0, 0, *pose.IDENTITY)
        self._bones = {name: Template("/VMC/Ext/Bone/Pos", (name,), 7) for name in _PLACES}
        self._blends = [Template("/VMC/Ext/Blend/Val", (name,), 1) for name in names]
        self._apply = Template("/VMC/Ext/Blend/Apply").fill()

    def encode(self, frame: StreamFrame, values: Iterable[float]) -> list[bytes]:
        """One frame with a value, 0..1, for each name: bundles to send in this order, the last one ends in Apply."""
        messages = [self._available[frame.face], self._time.fill(frame.t % 86400.0), self._root]
        for name, rotation in _rotations(frame).items():
            messages.append(self._bones[name].fill(*_PLACES[name], *pose.unity(rotation)))
        for template, value in zip(self._blends, values, strict=True):
            messages.append(template.fill(min(1.0, max(0.0, value))))
        messages.append(self._apply)
        return bundles(messages, self._limit)


def _rotations(frame: StreamFrame) -> dict[str, pose.Quaternion]:
    head = pose.unit(frame.rotation)
    left, right = pose.eyes(frame)
    return {
        "Neck": pose.part(head, NECK_SHARE),
        "Head": pose.part(head, 1 - NECK_SHARE),
        "LeftEye": pose.from_angles(*left),
        "RightEye": pose.from_angles(*right),
    }
