"""The bones of exported heads: where they are, and which carries each vertex.

A jaw bone is left out: `jawOpen` and its like move jaw, lips, teeth and tongue as morph targets, and a bone would move
them a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.export.gltf import Buffer
from face3d_live.head.model import Head
from face3d_live.head.per_head import per_head
from face3d_live.head.regions import REGION_NAMES
from face3d_live.head.topology import Level
from face3d_live.nearest import nearest
from face3d_live.render.features import above_neck
from face3d_live.typing import AnyArray, Array

#: Bones that carry vertices, in the order of the skin's joints. The names are VRM's, which our own reader knows, too.
JOINTS = ("head", "neck", "leftEye", "rightEye")
HEAD, NECK, LEFT_EYE, RIGHT_EYE = range(4)
_EYES = 1  # of `head.regions.PARTS`
_NECK_REGION = REGION_NAMES.index("neck")

#: Low-level vertices nearer than this to the neck's open end lie on it, metres.
_ON_RIM = 1e-4

#: Bone -> its parent and where it is, metres from there, of somebody 1.7 m tall in T-pose who looks along +z.
_LEFT: dict[str, tuple[str, tuple[float, float, float]]] = {
    "leftUpperLeg": ("hips", (0.09, -0.05, 0.0)),
    "leftLowerLeg": ("leftUpperLeg", (0.0, -0.41, 0.0)),
    "leftFoot": ("leftLowerLeg", (0.0, -0.42, -0.02)),
    "leftUpperArm": ("chest", (0.17, 0.2, 0.0)),
    "leftLowerArm": ("leftUpperArm", (0.26, 0.0, 0.0)),
    "leftHand": ("leftLowerArm", (0.24, 0.0, 0.0)),
}
#: What VRM's humanoid requires below the neck, and a chest.
BODY: dict[str, tuple[str, tuple[float, float, float]]] = {
    "hips": ("", (0.0, 0.96, 0.0)),
    "spine": ("hips", (0.0, 0.1, 0.0)),
    "chest": ("spine", (0.0, 0.14, 0.0)),
    **_LEFT,
    **{name.replace("left", "right"): (parent.replace("left", "right"), (-x, y, z))
       for name, (parent, (x, y, z)) in _LEFT.items()},
}  # fmt: skip
#: The crown's height above the ground, metres, where there is a body.
_TALL = 1.7


def add_body(nodes: list[dict[str, Any]]) -> dict[str, int]:
    """Append the nodes of `BODY`, each below its parent; bone -> node."""
    bones: dict[str, int] = {}
    for bone, (parent, place) in BODY.items():
        bones[bone] = len(nodes)
        nodes.append({"name": bone, "translation": list(place)})
        if parent:
            nodes[bones[parent]].setdefault("children", []).append(bones[bone])
    return bones


@dataclass(frozen=True)
class Skeleton:
    """Neck, head and eyes of a neutral head. places: (4, 3) of `JOINTS`, metres. origin: (3,) what is added to the
    head frame's coordinates in the file.

    The head turns about the head frame's origin, as the codes' rotation does; the neck about the middle of its lower
    end; each eye about its centre.
    """

    places: Array
    origin: Array

    @classmethod
    def of(cls, head: Head, shape: AnyArray, low: AnyArray, body: bool = False) -> Skeleton:  # (80,), (V, 3)
        """low: the low level's neutral vertices of this shape. body: the head stands on a body of 1.7 m."""
        rim = _above_neck(head, "low") < _ON_RIM
        places = np.stack([np.zeros(3), low[rim].mean(0), *head.eye_positions(shape)]).astype(np.float32)
        tall = _TALL - float(low[:, 1].max()) if body else 0.0
        return cls(places, np.array([0, tall, 0], np.float32))

    def add_nodes(self, nodes: list[dict[str, Any]], body: bool = False) -> dict[str, int]:
        """Append the bones, below those of the body where one is wanted; bone -> node."""
        bones = add_body(nodes) if body else {}
        chest = np.sum([BODY[name][1] for name in ("hips", "spine", "chest")], axis=0) if body else np.zeros(3)
        at = self.places + self.origin
        bones |= {name: len(nodes) + i for i, name in enumerate(("neck", "head", "leftEye", "rightEye"))}
        below = [at[NECK] - chest, at[HEAD] - at[NECK], at[LEFT_EYE] - at[HEAD], at[RIGHT_EYE] - at[HEAD]]
        for name, place in zip(("neck", "head", "leftEye", "rightEye"), below, strict=True):
            nodes.append({"name": name, "translation": place.astype(float).round(6).tolist()})
        nodes[bones["neck"]]["children"] = [bones["head"]]
        nodes[bones["head"]]["children"] = [bones["leftEye"], bones["rightEye"]]
        if body:
            nodes[bones["chest"]].setdefault("children", []).append(bones["neck"])
        return bones

    def skin(self, buffer: Buffer, bones: dict[str, int]) -> dict[str, Any]:
        """glTF's skin: joints with their inverse bind matrices."""
        inverse = np.tile(np.eye(4, dtype=np.float32), (len(JOINTS), 1, 1))
        inverse[:, :3, 3] = -(self.places + self.origin)
        matrices = buffer.add_matrices(inverse)
        joints = [bones[name] for name in JOINTS]
        return {"name": "head", "joints": joints, "skeleton": bones["neck"], "inverseBindMatrices": matrices}


@dataclass(frozen=True)
class Carriers:
    """joints, weights: (V, 4) uint8 of a level's vertices; the weights sum to 255."""

    joints: NDArray[np.uint8]
    weights: NDArray[np.uint8]


@per_head
def carriers(head: Head, level: Level) -> Carriers:
    """The eyeballs hang on their bones, the skin of the neck between head and neck, all else on the head."""
    mesh = head.topology(level)
    rest = mesh.refine(head.template)
    on_neck = np.rint(255 * np.clip(mesh.refine(_neck_share(head)[:, None])[:, 0], 0, 1)).astype(np.uint8)
    joints, weights = np.zeros((2, mesh.n_vertices, 4), np.uint8)
    joints[:, 1] = np.where(on_neck > 0, NECK, 0)
    weights[:, 0], weights[:, 1] = 255 - on_neck, on_neck
    ball = mesh.part == _EYES
    joints[ball] = np.where(rest[ball, :1] > 0, LEFT_EYE, RIGHT_EYE) * (np.arange(4) == 0)
    weights[ball] = (255, 0, 0, 0)
    return Carriers(joints, weights)


def on_head(count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Joints and weights of so many vertices that hang on the head alone."""
    return np.full((count, 4), (HEAD, 0, 0, 0), np.uint8), np.full((count, 4), (255, 0, 0, 0), np.uint8)


@per_head
def _above_neck(head: Head, level: Level) -> Array:  # -> (V,)
    return above_neck(head, head.topology(level).refine(head.template))


def _neck_share(head: Head) -> Array:  # -> (V,) low level
    """1 at the neck's open end, 0 where the region of the neck ends, smooth between."""
    neck = (head.region_of == _NECK_REGION) & (head.part == 0)
    others = head.template[(head.part == 0) & ~neck]
    share = np.zeros(head.n_vertices, np.float32)
    up, down = _above_neck(head, "low")[neck], nearest(others, head.template[neck])[0]
    t = down / np.maximum(up + down, 1e-9)
    share[neck] = t * t * (3 - 2 * t)
    return share
