"""What drawing an avatar costs, bounded before anything is drawn: a small file may hold a picture that takes minutes.

Measured on two busy cores without a GPU, 512 x 512: a see-through layer over the whole picture takes 25 ms, an opaque
one behind others 1 ms, a draw call 0.1 ms, 600,000 triangles 0.3 s. So layers count most.
"""

from __future__ import annotations

import numpy as np

from face3d_live.avatar.model import HEAD_HEIGHT, Avatar, Part
from face3d_live.errors import InputError
from face3d_live.typing import AnyArray

#: Layers that may lie over the whole picture, seen from the front, the side or above; an opaque one counts `_OPAQUE`.
#: The fox has 1.
MAX_LAYERS = 30.0
_OPAQUE = 0.25
#: See-through surfaces are drawn in two passes.
_BLEND_PASSES = 2
MAX_DRAWS = 2000
#: Triangles after layering: those of every pass.
MAX_DRAWN_TRIANGLES = 900_000
#: About the picture's side, metres, and how far around its middle surfaces count: the view may be turned.
_SIDE = HEAD_HEIGHT


def check_cost(avatar: Avatar) -> None:
    """Raises InputError "avatar-too-complex"."""
    passes = [_BLEND_PASSES if avatar.materials[part.material].alpha == "blend" else 1 for part in avatar.parts]
    triangles = sum(count * len(part.faces) for count, part in zip(passes, avatar.parts, strict=True))
    if triangles > MAX_DRAWN_TRIANGLES:
        text = f"{triangles} triangles are drawn, see-through ones twice, at most {MAX_DRAWN_TRIANGLES}: decimate them"
        raise InputError("avatar-too-complex", text)
    if sum(passes) > MAX_DRAWS:
        raise InputError(
            "avatar-too-complex", f"more than {MAX_DRAWS} pieces, see-through ones twice: merge the meshes"
        )
    layers = layers_of(avatar)
    if layers > MAX_LAYERS:
        text = f"{layers:.0f} layers lie over each other, at most {MAX_LAYERS:.0f}: use fewer see-through surfaces"
        raise InputError("avatar-too-complex", text)


def layers_of(avatar: Avatar) -> float:
    """How often the picture is painted over, at rest, from the worst of three sides."""
    middle = (avatar.low.astype(np.float64) + avatar.high) / 2
    area = np.zeros(3)
    for part in avatar.parts:
        weight = 1.0 if avatar.materials[part.material].alpha == "blend" else _OPAQUE
        area += weight * _projected(part, middle)
    return float(area.max()) / _SIDE**2


def _projected(part: Part, middle: AnyArray) -> AnyArray:  # (3,) square metres along x, y, z
    """Areas of the triangles near the head as they are seen from each side; a triangle fills the picture at most."""
    # Without what lies beyond the picture: it is clipped.
    corners = np.clip((part.positions.astype(np.float64) - middle)[part.faces], -_SIDE, _SIDE)  # (F, 3, 3)
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.asarray(np.minimum(np.abs(doubled) / 2, _SIDE**2).sum(0))
