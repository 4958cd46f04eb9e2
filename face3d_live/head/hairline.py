"""Where hair grows on the template, and how a texture says what grows there."""

from __future__ import annotations

import numpy as np

from face3d_live.hairstyle import STYLES
from face3d_live.head.model import Head
from face3d_live.splines import monotone_cubic
from face3d_live.typing import AnyArray, Array

#: The hairline around the head: degrees from the front (0) past the ear (about 95) to the nape (180), and its height
#: as a share of the way from the chin (0) to the top of the skull (1).
_HAIRLINE = np.array(
    [(0, 0.765), (14, 0.775), (27, 0.79), (36, 0.765), (47, 0.67), (58, 0.575), (68, 0.47), (76, 0.43), (85, 0.47),
     (95, 0.55), (108, 0.48), (120, 0.35), (140, 0.22), (160, 0.17), (180, 0.16)]
)  # fmt: skip
#: Alpha of a texture where hair grows says which style; its colour is the hair's there, or skin under "bald". Whoever
#: blends by alpha shows all as opaque.
ALPHA_OF = {"short": 253, "bald": 252} | {
    style: 251 - i for i, style in enumerate(style for style in STYLES if style not in ("short", "bald"))
}
STYLE_OF = {alpha: style for style, alpha in ALPHA_OF.items()}
#: MediaPipe's point on the chin.
_CHIN = 152
#: Receding hair: degrees from the front from which it grows, share of the way from chin to top below which, and the
#: metres of a degree and of that share there.
_RECEDED, _CROWN, _DEGREE, _SHARE = 48.0, 0.92, 0.0016, 0.2
#: Above the temple, at this share of the height, it begins farther back: degrees for the rest of the height.
_TEMPLE, _SLANT = 0.72, 110.0


def above_hairline(head: Head, rest: AnyArray, receding: bool = False) -> Array:  # (U, 3) -> (U,)
    """Height in metres above the hairline, negative below it, of places on the template. receding: the distance from
    the edge of the wreath of hair that is left around a bald front and crown.
    """
    chin, top = float(head.points(head.template)[_CHIN, 1]), float(head.template[:, 1].max())
    around = np.degrees(np.arctan2(np.abs(rest[:, 0]), rest[:, 2]))
    share = monotone_cubic(_HAIRLINE[:, 0], _HAIRLINE[:, 1], around)
    above = rest[:, 1] - (chin + share * (top - chin))
    if receding:
        up = (rest[:, 1] - chin) / (top - chin)
        front = _RECEDED + _SLANT * np.maximum(up - _TEMPLE, 0)
        above = np.minimum(above, np.minimum(_DEGREE * (around - front), _SHARE * (_CROWN - up)))
    return np.asarray(above, np.float32)


def is_hair(alpha: AnyArray) -> AnyArray:  # -> bool, the same shape
    """Where a texture's alpha says that hair grows, of any style but "bald"."""
    return np.isin(alpha, [code for code, style in STYLE_OF.items() if style != "bald"])
