"""head.vrm: the head of head.glb as a VRM 1.0 avatar: humanoid bones, expressions, look-at, licence. Bytes out.

Source: vrm-c/vrm-specification, `VRMC_vrm-1.0` (`humanoid.md`, `expressions.md`, `lookAt.md`, `meta.md`). There is
no body: the bones that the format requires below the neck are nodes without a mesh, where somebody 1.7 m tall has them
in T-pose.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from face3d_live.codes import ARKIT, EYE_PITCH, EYE_YAW, INDEX, N_EXPRESSION
from face3d_live.export.glb import MESH_NODE, build_model
from face3d_live.export.skeleton import HEAD, LEFT_EYE, RIGHT_EYE, Skeleton
from face3d_live.export.textured_head import TexturedHead
from face3d_live.export.vrm_meta import VrmMeta
from face3d_live.head.model import EYE_TURN
from face3d_live.typing import Array

_SIDES = ("Left", "Right")
#: Preset -> coefficients at weight 1; a name that lacks its side means both.
_PRESETS: dict[str, dict[str, float]] = {
    "aa": {"jawOpen": 0.6, "mouthLowerDown": 0.2},
    "ih": {"mouthStretch": 0.4, "mouthLowerDown": 0.4, "mouthUpperUp": 0.2, "jawOpen": 0.1},
    "ou": {"mouthPucker": 0.9, "jawOpen": 0.12},
    "ee": {"mouthStretch": 0.5, "mouthSmile": 0.2, "mouthLowerDown": 0.5, "mouthUpperUp": 0.3, "jawOpen": 0.15},
    "oh": {"mouthFunnel": 0.8, "jawOpen": 0.3},
    "blink": {"eyeBlink": 1.0},
    "blinkLeft": {"eyeBlinkLeft": 1.0},
    "blinkRight": {"eyeBlinkRight": 1.0},
    "happy": {"mouthSmile": 0.9, "cheekSquint": 0.5, "eyeSquint": 0.3},
    "angry": {"browDown": 1.0, "noseSneer": 0.4, "mouthPress": 0.4, "mouthFrown": 0.3},
    "sad": {"browInnerUp": 0.9, "mouthFrown": 0.8, "mouthShrugLower": 0.3},
    "relaxed": {"mouthSmile": 0.35, "eyeSquint": 0.25, "eyeBlink": 0.15},
    "surprised": {"eyeWide": 0.9, "browInnerUp": 0.8, "browOuterUp": 0.8, "jawOpen": 0.25},
    "neutral": {},
    "lookUp": {"eyeLookUp": 1.0},
    "lookDown": {"eyeLookDown": 1.0},
    "lookLeft": {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0},
    "lookRight": {"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0},
}
_LOOKS = ("lookUp", "lookDown", "lookLeft", "lookRight")
#: Moods with closed eyes or an open mouth leave less to blinks and vowels.
_OVERRIDES = {"surprised": {"overrideBlink": "blend", "overrideMouth": "blend"}, "relaxed": {"overrideBlink": "blend"}}


def head_vrm(made: TexturedHead, meta: VrmMeta | None = None) -> bytes:
    """The file. Of the codes the shape alone counts: a VRM begins without expression.

    The eyes turn by their bones. The 52 are custom expressions, of which eyeLook... moves the lids alone, as what turns
    the bones should not turn the eyes twice; lookUp, lookDown, lookLeft, lookRight turn them by targets of their own.
    """
    looks = {name: _coefficients(name) for name in _LOOKS}
    model = build_model(made, looks)
    number = {name: i for i, name in enumerate(model.targets)}
    extension = {
        "specVersion": "1.0",
        "meta": (meta or VrmMeta()).to_json(),
        "humanoid": {"humanBones": {bone: {"node": node} for bone, node in model.bones.items()}},
        "expressions": {
            "preset": {name: _expression(name, number) for name in _PRESETS},
            "custom": {name: {"morphTargetBinds": [_bind(number[name], 1.0)]} for name in ARKIT},
        },
        "lookAt": _look_at(model.skeleton),
    }
    document = {**model.document, "extensionsUsed": ["VRMC_vrm"], "extensions": {"VRMC_vrm": extension}}
    return model.buffer.glb(document)


def _coefficients(preset: str) -> Array:  # -> (52,)
    coefficients = np.zeros(N_EXPRESSION, np.float32)
    for name, value in _PRESETS[preset].items():
        for one in [name] if name in INDEX else [name + side for side in _SIDES]:
            coefficients[INDEX[one]] = value
    return coefficients


def _expression(preset: str, number: dict[str, int]) -> dict[str, Any]:
    coefficients = _coefficients(preset)
    binds = [_bind(number[ARKIT[k]], float(coefficients[k])) for k in np.flatnonzero(coefficients)]
    if preset in number:
        binds.append(_bind(number[preset], 1.0))
    return {"isBinary": False, "morphTargetBinds": binds, **_OVERRIDES.get(preset, {})}


def _bind(target: int, weight: float) -> dict[str, Any]:
    return {"node": MESH_NODE, "index": target, "weight": round(weight, 3)}


def _look_at(skeleton: Skeleton) -> dict[str, Any]:
    """The eyes turn by a part of the gaze, see `head.model.EYE_TURN`, as far as the lids go with them."""
    between = (skeleton.places[LEFT_EYE] + skeleton.places[RIGHT_EYE]) / 2 - skeleton.places[HEAD]
    yaw, pitch = (
        {"inputMaxValue": round(most, 3), "outputScale": round(EYE_TURN * most, 3)}
        for most in np.degrees((EYE_YAW, EYE_PITCH)).tolist()
    )
    return {
        "type": "bone",
        "offsetFromHeadBone": between.astype(float).round(5).tolist(),
        "rangeMapHorizontalInner": yaw,
        "rangeMapHorizontalOuter": yaw,
        "rangeMapVerticalDown": pitch,
        "rangeMapVerticalUp": pitch,
    }
