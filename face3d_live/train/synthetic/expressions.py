"""Random faces people make: ARKit coefficients for synthetic training heads.

Portraits smile at the camera; blinks, open jaws, raised brows and speech are what they lack, so these come up often
here. Every draw is symmetric with a little left-right difference unless it is a movement of one side.
"""

from __future__ import annotations

import numpy as np

from face3d_live.codes import ARKIT, EYE_PITCH, EYE_YAW, INDEX, N_EXPRESSION
from face3d_live.typing import AnyArray, Array

#: Coefficients that `ExpressionSampler` draws as gaze and never otherwise.
GAZE = np.array([i for i, name in enumerate(ARKIT) if name.startswith("eyeLook")])
_NOT_GAZE = np.setdiff1d(np.arange(N_EXPRESSION), GAZE)
#: Movements without their side: "eyeBlink" for both lids, but "mouthLeft", which is no half of a pair.
_PAIRED = {
    name.removesuffix("Left") for name in ARKIT if name.endswith("Left") and name not in ("jawLeft", "mouthLeft")
}
_STEMS = [
    *sorted(_PAIRED - {"eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp"}),
    *(name for name in ARKIT if not any(name.startswith(stem) for stem in _PAIRED)),
]


class ExpressionSampler:
    """Draws plausible expressions.

    exemplars: (M, 52) measured expressions to draw from, amplified, a quarter of the time; None for none.
    """

    def __init__(self, exemplars: AnyArray | None = None) -> None:
        self.exemplars = None if exemplars is None else np.asarray(exemplars, np.float32)

    def sample(self, rng: np.random.Generator) -> Array:  # (52,)
        """One expression, 0..1, with a gaze of its own."""
        face = _Face(rng)
        kind = rng.random()
        if kind < 0.10:
            face.add("mouthSmile", 0.15 * rng.random())
        elif kind < 0.25 and self.exemplars is not None:
            exemplar = self.exemplars[rng.integers(len(self.exemplars))]
            face.values[_NOT_GAZE] = exemplar[_NOT_GAZE] * rng.uniform(0.7, 1.6)
            if rng.random() < 0.5:
                _lids(face)
        elif kind < 0.65:
            _combination(face)
        else:
            _anything(face)
        _gaze(face)
        return _consistent(face.values, rng)


class _Face:
    """An expression in the making: coefficients by stem, both sides at once or one."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.values = np.zeros(N_EXPRESSION, np.float32)

    def add(self, stem: str, amount: float, unevenness: float = 0.12) -> None:
        """Add to a coefficient, or to the Left and Right of a stem with a relative difference between them."""
        if stem in INDEX:
            self.values[INDEX[stem]] += amount
            return
        for side in ("Left", "Right"):
            self.values[INDEX[stem + side]] += amount * (1 + unevenness * self.rng.normal())

    def add_one_side(self, stem: str, amount: float) -> None:
        self.add(stem + str(self.rng.choice(["Left", "Right"])), amount)

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return float(self.rng.uniform(low, high))


def _anything(face: _Face) -> None:
    """A few movements, whichever: the rare ones are learned here, apart from their usual company."""
    for stem in face.rng.choice(_STEMS, face.rng.integers(1, 7), replace=False):
        if stem in INDEX or face.chance(0.6):
            face.add(stem, face.uniform())
        else:
            face.add_one_side(stem, face.uniform())


def _combination(face: _Face) -> None:
    """Mouth, lids and brows drawn on their own: each pair of movements is met sooner or later."""
    (_smile if face.chance(0.35) else _mouth_shape if face.chance(0.6) else _speech)(face)
    if face.chance(0.5):
        _lids(face)
    if face.chance(0.5):
        _brows(face)
    if face.chance(0.08):
        face.add("cheekPuff", face.uniform(0.2, 1.0))
    if face.chance(0.1):
        face.add("noseSneer", face.uniform(0.2, 1.0))
        face.add("browDown", face.uniform(0, 0.6))
        face.add("mouthUpperUp", face.uniform(0, 0.5))


def _smile(face: _Face) -> None:
    """A smile pulls the cheeks and squints; a wide one bares the upper teeth."""
    strength = face.uniform(0.1, 1.0)
    face.add("mouthSmile", strength)
    face.add("cheekSquint", strength * face.uniform(0, 0.9))
    face.add("eyeSquint", strength * face.uniform(0, 0.6))
    face.add("mouthDimple", strength * face.uniform(0, 0.4))
    if face.chance(0.6):
        face.add("mouthUpperUp", strength * face.uniform(0.1, 0.7))
        face.add("mouthLowerDown", strength * face.uniform(0, 0.6))
        face.add("mouthStretch", strength * face.uniform(0, 0.3))
    if face.chance(0.35):
        face.add("jawOpen", face.uniform(0, 0.5))
    if face.chance(0.1):
        face.add_one_side("mouthSmile", face.uniform(-0.6, 0.6))


def _speech(face: _Face) -> None:
    """Jaw and lips as in talking: a vowel's opening with a rounding or a spread, or a closed consonant."""
    if face.chance(0.75):
        face.add("jawOpen", face.uniform() ** 1.3)
        if face.chance(0.45):
            face.add("mouthFunnel" if face.chance(0.6) else "mouthPucker", face.uniform(0.1, 0.9))
        elif face.chance(0.6):
            face.add("mouthStretch", face.uniform(0, 0.6))
            face.add("mouthLowerDown", face.uniform(0, 0.8))
            face.add("mouthUpperUp", face.uniform(0, 0.5))
        if face.chance(0.2):
            face.add("mouthClose", face.uniform(0, 0.9) * face.values[INDEX["jawOpen"]])
        if face.chance(0.12):
            face.add("tongueOut", face.uniform(0.3, 1.0))
    else:
        face.add("mouthPress", face.uniform(0, 0.8))
        face.add("mouthRollLower", face.uniform(0, 0.7))
        face.add("mouthRollUpper", face.uniform(0, 0.7))
    if face.chance(0.2):
        face.add(f"jaw{face.rng.choice(['Left', 'Right', 'Forward'])}", face.uniform(0, 0.8))


def _mouth_shape(face: _Face) -> None:
    """One held mouth: the remaining coefficients, each at any strength."""
    shapes: tuple[tuple[str, ...], ...] = (
        ("jawOpen",),
        ("mouthPucker",),
        ("mouthFunnel",),
        ("mouthFrown", "mouthShrugLower"),
        ("mouthPress", "mouthDimple"),
        ("mouthRollLower", "mouthRollUpper"),
        ("mouthUpperUp",),
        ("mouthLowerDown",),
        ("mouthStretch",),
        ("mouthShrugUpper", "mouthShrugLower"),
        ("jawOpen", "mouthClose"),
        ("jawOpen", "tongueOut"),
        ("cheekPuff", "mouthPucker"),
    )
    for stem in shapes[face.rng.integers(len(shapes))]:
        face.add(stem, face.uniform(0.1, 1.0))
    if face.chance(0.3):
        face.add(("mouthLeft", "mouthRight", "jawLeft", "jawRight")[face.rng.integers(4)], face.uniform(0.1, 1.0))
    if face.chance(0.15):
        face.add_one_side(("mouthSmile", "mouthUpperUp", "mouthFrown", "mouthDimple")[face.rng.integers(4)], 0.6)


def _lids(face: _Face) -> None:
    """Closed, half closed, one eye, squinting or wide."""
    kind = face.uniform()
    if kind < 0.4:
        face.add("eyeBlink", 1.0, unevenness=0.03)
    elif kind < 0.65:
        face.add("eyeBlink", face.uniform(0.1, 0.95), unevenness=0.05)
    elif kind < 0.74:
        face.add_one_side("eyeBlink", face.uniform(0.6, 1.0))
        face.add("eyeSquint", face.uniform(0, 0.5))
    elif kind < 0.87:
        face.add("eyeSquint", face.uniform(0.2, 1.0))
    else:
        face.add("eyeWide", face.uniform(0.2, 1.0))


def _brows(face: _Face) -> None:
    """Up, down, the worried inner lift, or one brow."""
    kind = face.uniform()
    if kind < 0.35:
        face.add("browInnerUp", face.uniform(0.1, 1.0))
        face.add("browOuterUp", face.uniform(0.1, 1.0))
    elif kind < 0.55:
        face.add("browInnerUp", face.uniform(0.2, 1.0))
    elif kind < 0.65:
        face.add_one_side("browOuterUp", face.uniform(0.3, 1.0))
    elif kind < 0.92:
        face.add("browDown", face.uniform(0.1, 1.0))
    else:
        face.add("browDown", face.uniform(0.2, 0.8))
        face.add("browInnerUp", face.uniform(0.2, 0.8))


def _gaze(face: _Face) -> None:
    """Both eyes at one far point, a little crossed at times; drawn whatever the lids do."""
    rng = face.rng
    spread = 0.08 if face.chance(0.3) else 0.4
    across, up = np.clip(rng.normal(0, spread, 2), -1, 1)
    crossed = abs(rng.normal(0, 0.05)) + (0.3 * rng.random() if face.chance(0.05) else 0)
    face.values[GAZE] = 0
    for side, inwards in (("Left", -across), ("Right", across)):  # + across looks to the subject's left
        turn = float(np.clip(inwards + crossed, -1, 1))
        face.values[INDEX[f"eyeLook{'In' if turn > 0 else 'Out'}{side}"]] = abs(turn)
        face.values[INDEX[f"eyeLook{'Up' if up > 0 else 'Down'}{side}"]] = abs(up)


def look_along(expression: Array, direction: AnyArray) -> Array:  # (52,), (3,) head frame -> (52,)
    """The expression with both eyes turned towards a far point, as far as they go."""
    x, y, z = (float(v) for v in direction)
    across = np.arctan2(x, z) / EYE_YAW  # + is the subject's left
    up = float(np.clip(np.arctan2(y, np.hypot(x, z)) / EYE_PITCH, -1, 1))
    out = expression.copy()
    out[GAZE] = 0
    for side, inwards in (("Left", -across), ("Right", across)):
        turn = float(np.clip(inwards, -1, 1))
        out[INDEX[f"eyeLook{'In' if turn > 0 else 'Out'}{side}"]] = abs(turn)
        out[INDEX[f"eyeLook{'Up' if up > 0 else 'Down'}{side}"]] = abs(up)
    return out


def _consistent(values: Array, rng: np.random.Generator) -> Array:  # (52,) -> (52,)
    """Clip, and repair what a face cannot do: lips closed further than the jaw opens, a tongue through closed lips."""
    out = np.clip(values, 0, 1)
    jaw, close, tongue = (INDEX[name] for name in ("jawOpen", "mouthClose", "tongueOut"))
    if out[tongue] > 0.05:
        out[jaw] = max(out[jaw], rng.uniform(0.25, 0.6))
        out[close] = 0
    out[close] = min(out[close], out[jaw])
    for side in ("Left", "Right"):
        blink, wide = INDEX["eyeBlink" + side], INDEX["eyeWide" + side]
        if out[blink] > 0.3:
            out[wide] = 0
    return out.astype(np.float32)
