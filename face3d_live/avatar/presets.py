"""VRM's expression presets (vowels, moods, blinks, looks) computed from ARKit coefficients.

How strong a vowel or a mood is comes from the same table as what is sent to other programs (`mapping.presets`, "vrm1").
Blinks and looks need no table: they are ARKit's own.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from face3d_live.avatar.names import Shares
from face3d_live.codes import INDEX, N_EXPRESSION
from face3d_live.mapping import presets as mapping
from face3d_live.typing import AnyArray, Array

#: VRM 1.0's names.
PRESETS = ("aa", "ih", "ou", "ee", "oh", "happy", "angry", "sad", "relaxed", "surprised")

#: The other presets as ARKit coefficients.
AS_ARKIT: dict[str, Shares] = {
    "blinkLeft": ((INDEX["eyeBlinkLeft"], 1.0),),
    "blinkRight": ((INDEX["eyeBlinkRight"], 1.0),),
    "blink": ((INDEX["eyeBlinkLeft"], 0.5), (INDEX["eyeBlinkRight"], 0.5)),
    "lookUp": ((INDEX["eyeLookUpLeft"], 0.5), (INDEX["eyeLookUpRight"], 0.5)),
    "lookDown": ((INDEX["eyeLookDownLeft"], 0.5), (INDEX["eyeLookDownRight"], 0.5)),
    "lookLeft": ((INDEX["eyeLookOutLeft"], 0.5), (INDEX["eyeLookInRight"], 0.5)),
    "lookRight": ((INDEX["eyeLookInLeft"], 0.5), (INDEX["eyeLookOutRight"], 0.5)),
}

#: VRM 0.x's names of the same, lower case.
VRM0 = {
    "a": "aa",
    "i": "ih",
    "u": "ou",
    "e": "ee",
    "o": "oh",
    "blink": "blink",
    "blink_l": "blinkLeft",
    "blink_r": "blinkRight",
    "joy": "happy",
    "angry": "angry",
    "sorrow": "sad",
    "fun": "relaxed",
    "surprised": "surprised",
    "lookup": "lookUp",
    "lookdown": "lookDown",
    "lookleft": "lookLeft",
    "lookright": "lookRight",
}

#: Looks: where the eyes have bones, those turn instead.
LOOKS = ("lookUp", "lookDown", "lookLeft", "lookRight")
#: Which expressions others may override, as `model.Expressions.kinds`: blinks, looks, the mouth.
OVERRIDE_KINDS = {
    **dict.fromkeys(("blink", "blinkLeft", "blinkRight"), 1),
    **dict.fromkeys(LOOKS, 2),
    **dict.fromkeys(("aa", "ih", "ou", "ee", "oh"), 3),
}

#: Where an avatar has all of these coefficients, a preset would move the same thing twice and is left alone.
REPLACED_BY = {
    **dict.fromkeys(("aa", "ih", "ou", "ee", "oh"), ("jawOpen",)),
    **dict.fromkeys(("happy", "relaxed"), ("mouthSmileLeft", "mouthSmileRight")),
    "angry": ("browDownLeft", "browDownRight"),
    "sad": ("mouthFrownLeft", "mouthFrownRight"),
    "surprised": ("browInnerUp",),
}


@cache
def _table() -> tuple[Array, Array, Array]:
    """Weights (P, 52), bias (P,), limits (P, 2)."""
    outputs = [mapping.load("vrm1").outputs[name] for name in PRESETS]
    weights = np.zeros((len(PRESETS), N_EXPRESSION), np.float32)
    for row, output in zip(weights, outputs, strict=True):
        for name, weight in output.weights.items():
            row[INDEX[name]] = weight
    bias = np.array([output.bias for output in outputs], np.float32)
    return weights, bias, np.array([(output.low, output.high) for output in outputs], np.float32)


def preset_values(expression: AnyArray) -> Array:  # (52,) -> (P,), 0..1, order of PRESETS
    """How strong each vowel and mood is."""
    weights, bias, limits = _table()
    return np.asarray(np.clip(weights @ expression + bias, *limits.T).astype(np.float32))


def signals(expression: AnyArray) -> Array:  # (52,) -> (52 + P,)
    """Everything that a morph can follow: the coefficients, then the presets."""
    clipped = np.clip(expression, 0, 1).astype(np.float32)
    return np.concatenate([clipped, preset_values(clipped)])
