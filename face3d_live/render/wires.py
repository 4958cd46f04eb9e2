"""The head as a wire model: regions in soft colours, the quads' edges over them."""

from __future__ import annotations

import numpy as np

from face3d_live.head.model import Head
from face3d_live.typing import Array

#: Linear colours by region name; a name that ends in _left or _right counts without it.
REGION_COLOURS: dict[str, tuple[float, float, float]] = {
    "forehead": (0.20, 0.42, 0.62),
    "brows": (0.42, 0.24, 0.60),
    "eyelids": (0.10, 0.50, 0.48),
    "nose": (0.72, 0.46, 0.12),
    "cheeks": (0.70, 0.27, 0.30),
    "lips_upper": (0.75, 0.12, 0.24),
    "lips_lower": (0.58, 0.07, 0.32),
    "chin": (0.36, 0.55, 0.16),
    "jaw": (0.16, 0.48, 0.26),
    "ears": (0.70, 0.60, 0.16),
    "scalp": (0.15, 0.18, 0.30),
    "neck": (0.22, 0.24, 0.28),
    "eyes": (0.75, 0.78, 0.82),
    "teeth": (0.80, 0.78, 0.70),
    "tongue": (0.62, 0.20, 0.22),
    "mouth_interior": (0.24, 0.06, 0.08),
}
_OTHER = (0.35, 0.35, 0.38)
_DARK_IRIS = (0.03, 0.05, 0.08)
_IRIS = 0.36  # its radius as a share of the ball's


def region_tints(head: Head) -> Array:  # -> (V, 3) linear
    """Every vertex of the low level in its region's colour; the irises dark, so that gaze is seen."""
    table = [
        REGION_COLOURS.get(name.removesuffix("_left").removesuffix("_right"), _OTHER) for name in head.region_names
    ]
    tints = np.array(table, np.float32)[head.region_of]
    for centre in head.eye_centers:
        away = head.template - centre
        ahead = (head.part == 1) & (np.hypot(away[:, 0], away[:, 1]) < _IRIS * head.eye_radius) & (away[:, 2] > 0)
        tints[ahead] = _DARK_IRIS
    return tints


def corners(head: Head) -> Array:  # -> (3 F, 3)
    """Barycentric coordinates of every corner of the low level's triangles, quads in pairs a b c, a c d.

    A component is 1 throughout where the edge opposite is not to be drawn: a quad's diagonal, and all of an eyeball's.
    """
    faces = head.topology("low").faces
    own = np.tile(np.eye(3, dtype=np.float32), (len(faces), 1, 1))
    own[0::2, :, 1] = 1
    own[1::2, :, 2] = 1
    own[(head.part[faces] == 1).all(1)] = 1
    return own.reshape(-1, 3)
