"""What the shaders draw on the head where no texture has it: hairline, brows, lashes, lips. Measured on the template."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from face3d_live.head.model import Head, Mesh
from face3d_live.head.points import BROW_LEFT, BROW_RIGHT

Array = NDArray[np.float32]

#: MediaPipe points in the middle of the upper and the lower inner lip.
UPPER_LIP, LOWER_LIP = 13, 14

#: The hairline around the head: degrees from the front (0) past the ear (about 95) to the nape (180), and its height
#: as a share of the way from the chin (0) to the top of the skull (1).
_HAIRLINE = np.array(
    [(0, 0.755), (20, 0.765), (38, 0.75), (50, 0.665), (62, 0.56), (72, 0.44), (80, 0.40), (88, 0.47), (97, 0.55),
     (108, 0.47), (120, 0.34), (140, 0.20), (160, 0.14), (180, 0.12)]
)  # fmt: skip
#: The ears' hair distance: far outside.
_NO_HAIR = -0.02


@dataclass(frozen=True)
class Features:
    """Per-vertex traits of a mesh level, and curves for the fragment shader (head frame, metres)."""

    rest: Array  # (U, 3) the template
    trait: Array  # (U, 4) part, openness, lips, lashes
    hair: Array  # (U,) height above the hairline
    uniforms: dict[str, object]


def hairline(rest: NDArray, chin: float, top: float) -> Array:  # (U, 3) -> (U,)
    """Height in metres above the hairline, negative below it. chin, top: heights of chin and skull top."""
    around = np.degrees(np.arctan2(np.abs(rest[:, 0]), rest[:, 2]))
    share = PchipInterpolator(*_HAIRLINE.T)(around)
    return (rest[:, 1] - (chin + share * (top - chin))).astype(np.float32)


def measure(head: Head, mesh: Mesh, openness: NDArray) -> Features:  # openness (V_level,)
    """Everything drawn, for one mesh level."""
    rest = mesh.refine(head.template)
    points = head.points(head.template)
    chin, top = float(points[152, 1]), float(head.template[:, 1].max())
    hair = np.where(_soft(head, mesh, "ears") > 0.25, _NO_HAIR, hairline(rest, chin, top))
    lips = np.maximum(_soft(head, mesh, "lips_upper"), _soft(head, mesh, "lips_lower"))
    trait = np.stack([mesh.part, openness, lips, lashes(head, mesh, rest)], -1)
    split = mesh.split_vertex
    mouth = (points[UPPER_LIP] + points[LOWER_LIP]) / 2
    uniforms: dict[str, object] = {
        "eye_centre": np.asarray(head.eye_centers, np.float32),
        "eye_radius": float(head.eye_radius),
        "mouth_front": tuple(float(x) for x in mouth),
        "neck_fade": float(head.template[:, 1].min()),
        **brows(points),
    }
    return Features(rest[split], trait[split].astype(np.float32), hair[split].astype(np.float32), uniforms)


def brows(points: NDArray) -> dict[str, object]:  # (478, 3)
    """The brows' middle line as height over |x|, a parabola through MediaPipe's brow points, and its span."""
    both = points[[*BROW_LEFT, *BROW_RIGHT]]
    x = np.abs(both[:, 0])
    c, b, a = np.polyfit(x, both[:, 1], 2)
    return {"brow": (float(a), float(b), float(c)), "brow_span": (float(x.min()), float(x.max()))}


def lashes(head: Head, mesh: Mesh, rest: NDArray) -> Array:  # (V_level, 3) -> (V_level,)
    """1 where skin touches the front of an eyeball: the lid margins; the lower lid's are fainter."""
    dark = np.zeros(len(rest), np.float32)
    skin = mesh.part == 0
    for centre in head.eye_centers:
        away = rest - centre
        gap = np.abs(np.linalg.norm(away, axis=1) - head.eye_radius)
        margin = skin & (gap < 0.0016) & (away[:, 2] > 0.003)
        dark[margin] = np.where(away[margin, 1] > -0.001, 1.0, 0.4)
    return dark


def _soft(head: Head, mesh: Mesh, region: str) -> Array:  # -> (V_level,) 0..1
    """A region's mask carried to the level: soft across its border."""
    mask = head.regions[region].astype(np.float32)
    return mesh.refine(np.repeat(mask[:, None], 3, axis=1))[:, 0]
