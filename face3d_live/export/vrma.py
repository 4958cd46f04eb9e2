"""A take as VRM animation (.vrma): a glTF of bones and of nodes that stand for expressions. Bytes out.

Source: vrm-c/vrm-specification, `VRMC_vrm_animation-1.0` (the extension), `VRMC_vrm-1.0/humanoid.md` (which bones must
be there) and `VRMC_vrm-1.0/tpose.md`. An expression's weight is the x of its node's translation; the gaze is the
rotation of a node of its own, yaw about y and then pitch about x; eye bones may have no animation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from face3d_live.export.animation import rising
from face3d_live.export.gltf import Buffer
from face3d_live.export.skeleton import add_body
from face3d_live.typing import AnyArray

#: Expressions that the format calls presets and that may be animated; `look...` may not, the gaze does that.
PRESETS = (
    "happy", "angry", "sad", "relaxed", "surprised", "aa", "ih", "ou", "ee", "oh", "blink", "blinkLeft", "blinkRight",
    "neutral",
)  # fmt: skip
#: Bone: its parent and where it is, metres from there; see `skeleton.BODY`.
_ABOVE: dict[str, tuple[str, tuple[float, float, float]]] = {
    "neck": ("chest", (0.0, 0.25, -0.01)),
    "head": ("neck", (0.0, 0.09, 0.01)),
}
#: The eyes' middle from the head bone, metres.
_EYES = [0.0, 0.07, 0.08]


class Turns(NamedTuple):
    """(T, 4) unit quaternions x, y, z, w without jumps: neck in the chest, head in the neck, gaze in the head."""

    neck: AnyArray
    head: AnyArray
    gaze: AnyArray


def vrma(t: AnyArray, turns: Turns, weights: Mapping[str, AnyArray], name: str = "take") -> bytes:
    """The file. t: (T,) rising seconds from 0. weights: expression -> (T,) 0..1, the presets by their VRM 1 names.

    Raises ValueError for numbers that are not finite.
    """
    nodes: list[dict[str, Any]] = []
    bones = _skeleton(nodes)
    expressions: dict[str, dict[str, Any]] = {"preset": {}, "custom": {}}
    for expression in weights:
        kind = "preset" if expression in PRESETS else "custom"
        expressions[kind][expression] = {"node": _add(nodes, expression)}
    look = _add(nodes, "lookAt")

    buffer = Buffer()
    times = buffer.add_floats(rising(t), bounds=True, target=None)
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []

    def animate(values: AnyArray, node: int, path: str) -> None:
        samplers.append({"input": times, "interpolation": "LINEAR", "output": buffer.add_floats(values, target=None)})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})

    for bone, values in (("neck", turns.neck), ("head", turns.head)):
        animate(values, bones[bone], "rotation")
    for named in expressions.values():
        for expression, place in named.items():
            moved = np.zeros((len(t), 3), np.float32)
            moved[:, 0] = np.clip(weights[expression], 0, 1)
            animate(moved, place["node"], "translation")
    animate(turns.gaze, look, "rotation")
    extension = {
        "specVersion": "1.0",
        "humanoid": {"humanBones": {bone: {"node": node} for bone, node in bones.items()}},
        "expressions": {kind: named for kind, named in expressions.items() if named},
        "lookAt": {"node": look, "offsetFromHeadBone": _EYES},
    }
    children = {child for node in nodes for child in node.get("children", ())}
    return buffer.glb(
        {
            "asset": {"version": "2.0", "generator": "face3d-live"},
            "scene": 0,
            "scenes": [{"nodes": [i for i in range(len(nodes)) if i not in children]}],
            "nodes": nodes,
            "animations": [{"name": name, "samplers": samplers, "channels": channels}],
            "extensionsUsed": ["VRMC_vrm_animation"],
            "extensions": {"VRMC_vrm_animation": extension},
        }
    )


def _skeleton(nodes: list[dict[str, Any]]) -> dict[str, int]:
    """Add the bones, each below its parent; bone -> node."""
    bones = add_body(nodes)
    for bone, (parent, place) in _ABOVE.items():
        bones[bone] = _add(nodes, bone, place)
        nodes[bones[parent]].setdefault("children", []).append(bones[bone])
    return bones


def _add(nodes: list[dict[str, Any]], name: str, place: tuple[float, float, float] | None = None) -> int:
    nodes.append({"name": name} if place is None else {"name": name, "translation": list(place)})
    return len(nodes) - 1
