"""VRM's expression presets from ARKit coefficients, for avatars that have vowels and moods but no single muscles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d_live.codes import INDEX, gaze_angles

Array = NDArray[np.float32]

#: VRM 1.0's names.
PRESETS = (
    "aa",
    "ih",
    "ou",
    "ee",
    "oh",
    "blink",
    "blinkLeft",
    "blinkRight",
    "happy",
    "angry",
    "sad",
    "relaxed",
    "surprised",
    "lookUp",
    "lookDown",
    "lookLeft",
    "lookRight",
)

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

#: Where an avatar has these coefficients of its own, the presets would move the same thing twice and are left alone.
REPLACED_BY = {
    **dict.fromkeys(("aa", "ih", "ou", "ee", "oh"), ("jawOpen",)),
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
    "blinkLeft": ("eyeBlinkLeft",),
    "blinkRight": ("eyeBlinkRight",),
    "happy": ("mouthSmileLeft", "mouthSmileRight"),
    "relaxed": ("mouthSmileLeft", "mouthSmileRight"),
    "angry": ("browDownLeft", "browDownRight"),
    "sad": ("mouthFrownLeft", "mouthFrownRight"),
    "surprised": ("browInnerUp",),
    **{look: ("eyeLookInLeft", "eyeLookInRight") for look in ("lookLeft", "lookRight")},
    "lookUp": ("eyeLookUpLeft", "eyeLookUpRight"),
    "lookDown": ("eyeLookDownLeft", "eyeLookDownRight"),
}

#: Radians of gaze at which a look preset is fully on.
_FULL_LOOK = float(np.radians(30))


def preset_values(expression: NDArray) -> Array:  # (52,) -> (P,), 0..1, order of PRESETS
    """The vowels share what the jaw is open, by how round and how wide the lips are; moods need clear signs."""

    def one(name: str) -> float:
        return float(expression[INDEX[name]])

    def both(stem: str) -> float:
        return (one(stem + "Left") + one(stem + "Right")) / 2

    open_ = float(np.clip(1.2 * (one("jawOpen") - 0.6 * one("mouthClose")), 0, 1))
    round_ = min(1.0, max(one("mouthPucker"), one("mouthFunnel")))
    wide = min(1.0, max(both("mouthStretch"), 0.7 * both("mouthSmile")))
    lips = min(1.0, max(both("mouthUpperUp"), both("mouthLowerDown")))
    smile, frown, brow_down = both("mouthSmile"), both("mouthFrown"), both("browDown")
    brow_up = max(one("browInnerUp"), both("browOuterUp"))
    happy = _ramp(smile, 0.35, 0.85)
    yaw, pitch = gaze_angles(expression).mean(0) / _FULL_LOOK
    values = {
        "aa": open_ * (1 - round_) * (1 - wide),
        "ih": lips * (1 - open_) * (1 - round_) * 0.7,
        "ou": round_ * (1 - open_),
        "ee": open_ * (1 - round_) * wide,
        "oh": open_ * round_,
        "blink": both("eyeBlink"),
        "blinkLeft": one("eyeBlinkLeft"),
        "blinkRight": one("eyeBlinkRight"),
        "happy": happy,
        "angry": _ramp(brow_down, 0.3, 0.8) * (1 - happy),
        "sad": _ramp(frown, 0.25, 0.8) * (1 - happy),
        "relaxed": _ramp(smile, 0.12, 0.5) * (1 - happy) * 0.6,
        "surprised": _ramp(min(brow_up, both("eyeWide") + 0.5 * open_), 0.25, 0.7),
        "lookUp": max(pitch, 0.0),
        "lookDown": max(-pitch, 0.0),
        "lookLeft": max(yaw, 0.0),
        "lookRight": max(-yaw, 0.0),
    }
    return np.array([values[name] for name in PRESETS], np.float32).clip(0, 1)


def _ramp(value: float, low: float, high: float) -> float:
    """0 up to low, 1 from high on, straight between."""
    return float(np.clip((value - low) / (high - low), 0, 1))


def signals(expression: NDArray) -> Array:  # (52,) -> (52 + P,)
    """Everything that a morph can follow: the coefficients, then the presets."""
    clipped = np.clip(expression, 0, 1).astype(np.float32)
    return np.concatenate([clipped, preset_values(clipped)])
