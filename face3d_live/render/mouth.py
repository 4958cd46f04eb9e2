"""The colours of teeth, gums and tongue of a texture, which the shader draws them in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face3d_live.head.model import Head
from face3d_live.head.regions import PARTS
from face3d_live.head.topology import MeshTopology
from face3d_live.lighting import LUMINANCE
from face3d_live.render.pictures import median_at
from face3d_live.typing import Array, Picture

#: Of these places, so much must be known.
_KNOWN = 0.5
#: Linear: what `mouth.frag` has for crowns, and for flesh.
_TEETH, _FLESH = np.array([0.72, 0.68, 0.60], np.float32), np.array([0.56, 0.20, 0.19], np.float32)
_GREY = 1.1  # ratio of a tongue's red to green below which a texture has no colours
#: Teeth are at least so bright and at most so red (ratio to green); a texture that has others there has none.
_DARKEST, _REDDEST = 0.15, 1.6
_MOST = 3.0


@dataclass(frozen=True)
class MouthLook:
    """teeth, flesh: (3,) factors of the linear colours of crowns, and of gums, tongue and lining."""

    teeth: Array
    flesh: Array


PLAIN_MOUTH = MouthLook(np.ones(3, np.float32), np.ones(3, np.float32))


class MouthPlaces:
    """Where a head's textures show teeth and tongue."""

    def __init__(self, head: Head, mesh: MeshTopology) -> None:
        part = mesh.part[mesh.split_vertex]
        self._teeth, self._tongue = (mesh.uv[part == PARTS.index(name)] for name in ("teeth", "tongue"))

    def look_in(self, image: Picture) -> MouthLook:  # (S, S, 3|4)
        """The median colours that a texture has there, if it has teeth."""
        teeth, tongue = (median_at(image, uv, _KNOWN) for uv in (self._teeth, self._tongue))
        if teeth is None or tongue is None or teeth.mean() < _DARKEST or teeth[0] > _REDDEST * teeth[1]:
            return PLAIN_MOUTH
        grey = tongue[0] < _GREY * tongue[1]
        flesh = LUMINANCE @ _FLESH / _FLESH if grey else PLAIN_MOUTH.flesh
        return MouthLook(np.clip(teeth / _TEETH, 1 / _MOST, _MOST), flesh)
