"""Where hair grows: the hairline of the template."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from face3d_live.head.model import Head
from face3d_live.typing import AnyArray, Array

#: The hairline around the head: degrees from the front (0) past the ear (about 95) to the nape (180), and its height
#: as a share of the way from the chin (0) to the top of the skull (1).
_HAIRLINE = np.array(
    [(0, 0.765), (14, 0.775), (27, 0.79), (36, 0.765), (47, 0.67), (58, 0.575), (68, 0.47), (76, 0.43), (85, 0.47),
     (95, 0.55), (108, 0.48), (120, 0.35), (140, 0.22), (160, 0.17), (180, 0.16)]
)  # fmt: skip
#: Alpha of a texture's scalp: its colour is the hair's, or skin, as no hair grows there. Whoever blends by alpha shows
#: both as opaque.
HAIR_ALPHA, BALD_ALPHA = 253, 252
#: MediaPipe's point on the chin.
_CHIN = 152


def above_hairline(head: Head, rest: AnyArray) -> Array:  # (U, 3) -> (U,)
    """Height in metres above the hairline, negative below it, of places on the template."""
    chin, top = float(head.points(head.template)[_CHIN, 1]), float(head.template[:, 1].max())
    around = np.degrees(np.arctan2(np.abs(rest[:, 0]), rest[:, 2]))
    share: AnyArray = np.asarray(PchipInterpolator(*_HAIRLINE.T)(around))
    return np.asarray(rest[:, 1] - (chin + share * (top - chin)), np.float32)
