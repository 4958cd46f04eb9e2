"""What a synthetic person looks like: colours of skin, hair and eyes, brows, beard, make-up, what is worn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face3d_live.typing import AnyArray, Array

#: Linear colours.
_HAIR = np.array(
    [[0.012, 0.010, 0.009], [0.022, 0.015, 0.011], [0.045, 0.025, 0.014], [0.09, 0.05, 0.026], [0.17, 0.10, 0.05],
     [0.33, 0.22, 0.11], [0.45, 0.35, 0.22], [0.28, 0.28, 0.28], [0.5, 0.49, 0.47], [0.16, 0.055, 0.02]]
)  # fmt: skip
_IRIS = np.array(
    [[0.025, 0.013, 0.007], [0.05, 0.023, 0.01], [0.085, 0.05, 0.022],
     [0.07, 0.08, 0.045], [0.08, 0.12, 0.17], [0.1, 0.11, 0.12]]
)  # fmt: skip
#: Skin from dark to light: its linear colour at evenly spaced steps.
_SKIN = np.array(
    [[0.045, 0.022, 0.015], [0.11, 0.055, 0.034], [0.24, 0.125, 0.078], [0.42, 0.26, 0.18], [0.62, 0.44, 0.35]]
)


@dataclass(frozen=True)
class Appearance:
    """uniforms: values for the head shader by name. The rest says what else is drawn."""

    uniforms: dict[str, object]
    hair_colour: Array
    hair: str  # "style", "cap", "cropped", "bald"
    hat: str  # "", "beanie", "cap"
    wears: frozenset[str]  # of "glasses", "sunglasses", "headphones"
    skin_colour: Array  # (3,) linear, mean of the face


def sample_look(rng: np.random.Generator, skin_mean: AnyArray, lifted: bool, browless: bool) -> Appearance:
    """skin_mean (3,) linear mean of the texture's face; lifted: it is a photograph; browless: it shows no brows."""
    lightness = float(rng.uniform(0, 1))
    near = np.array([np.interp(lightness * (len(_SKIN) - 1), np.arange(len(_SKIN)), _SKIN[:, c]) for c in range(3)])
    near = near * np.exp(rng.normal(0, 0.04, 3))
    tone = near / np.maximum(skin_mean, 0.01)
    tone *= min(1.0, 3.0 / tone.max())  # all channels alike: a clipped hue is no skin
    if lifted and rng.random() < 0.65:  # a photograph keeps its own colour more often than not
        tone = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.04, 3))
    elif lifted:
        tone *= min(1.0, 1.8 / tone.max())
    colour = (skin_mean * tone).astype(np.float32)
    dark = float(colour.mean()) < 0.14
    hair = _HAIR[rng.integers(4 if dark and rng.random() < 0.85 else len(_HAIR))] * rng.uniform(0.7, 1.4)
    brow = hair * rng.uniform(0.5, 1.1) if rng.random() < 0.85 else _HAIR[rng.integers(4)]
    bearded = rng.random() < 0.22
    lip = colour * np.array([1.05, 0.62, 0.66]) * rng.uniform(0.7, 1.2)
    painted = rng.random() < 0.15
    if painted:
        lip = np.array([0.45, 0.05, 0.08]) * rng.uniform(0.3, 1.2) * np.exp(rng.normal(0, 0.25, 3))
    shade = np.array([0.75, 0.68, 0.7]) if rng.random() < 0.75 else rng.uniform(0.3, 0.9, 3)
    iris = _IRIS[rng.integers(2) if dark else rng.choice(6, p=[0.36, 0.26, 0.12, 0.08, 0.1, 0.08])]
    white = float(rng.uniform(0.42, 0.72))
    hairy = rng.choice(["style", "cap", "cropped", "bald"], p=[0.55, 0.2, 0.15, 0.1])
    uniforms: dict[str, object] = {
        "tone": _triple(tone),
        "mottle": float(rng.uniform(0.02, 0.2)) * (0.3 if lifted else 1.0),
        "shine": float(rng.uniform(0, 1) ** 2),
        "brow": (
            float(rng.uniform(0.5, 1.2)) if browless else 0.0,
            float(rng.uniform(0.0018, 0.0052)),
            float(rng.normal(0, 0.0015)),
            float(rng.normal(0, 0.06)),
        ),
        "brow_colour": _triple(np.minimum(brow, colour * 0.8)),
        "hair_colour": _triple(hair),
        "lash": float(rng.uniform(0.25, 1.0)) * (0.6 if lifted else 1.0),
        "shaved": 0.0 if hairy == "bald" else float(rng.uniform(0.5, 0.95)),
        "hair_edge": 0.9 if hairy == "style" else float(rng.uniform(0.55, 0.85)),
        "beard": float(rng.uniform(0.1, 0.95)) if bearded and not painted else 0.0,
        "lips": (*_triple(lip), 0.75 if painted else float(rng.uniform(0, 0.3 if lifted else 0.6))),
        "shadow": (*_triple(shade), 0.0 if lifted else float(rng.uniform(0, 0.7))),
        "iris": _triple(iris * rng.uniform(0.7, 1.5)),
        "eye_shape": (float(rng.uniform(0.13, 0.26)), float(rng.uniform(0.44, 0.52)), white * (0.8 if dark else 1.0)),
        "sclera": _triple(np.array([1.0, 0.96, 0.92]) * np.exp(rng.normal(0, 0.03, 3))),
    }  # fmt: skip
    hat = str(rng.choice(["", "beanie", "cap"], p=[0.9, 0.05, 0.05]))
    wears = set()
    if rng.random() < 0.24:
        wears.add("glasses")
    elif rng.random() < 0.02:
        wears.add("sunglasses")
    if rng.random() < 0.1:
        wears.add("headphones")
    return Appearance(uniforms, hair.astype(np.float32), str(hairy), hat, frozenset(wears), colour)


def sample_cloth(rng: np.random.Generator) -> dict[str, object]:
    """Uniforms of a cloth: muted or dark more often than bright, sometimes striped, with a weave."""
    grey = rng.uniform(0.01, 0.6) ** 1.4
    colour = grey * np.exp(rng.normal(0, 0.35 if rng.random() < 0.4 else 0.1, 3))
    striped = rng.random() < 0.15
    return {
        "base": _triple(np.clip(colour, 0.004, 0.85)),
        "second": _triple(np.clip(colour * rng.uniform(0.3, 2.5), 0.004, 0.85)),
        "pattern": (float(rng.uniform(20, 90)) if striped else 0.0, float(rng.uniform(0.2, 0.6)) if striped else 0.0,
                    float(rng.uniform(0.1, 0.7)), float(rng.uniform(60, 500))),
        "shine": 0.0, "edge": -1.0, "ragged": 0.0, "neckline": 9.0, "opacity": 1.0, "lift": 0.0, "thin": 0.0,
    }  # fmt: skip


def _triple(values: AnyArray) -> tuple[float, float, float]:
    a, b, c = (float(v) for v in values)
    return a, b, c
