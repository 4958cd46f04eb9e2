"""How much the skin of a texture shines: less where beards, moustaches and brows grow on it."""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.head.topology import MeshTopology
from face3d_live.lighting import LUMINANCE, to_linear
from face3d_live.render.pictures import texels_at
from face3d_live.typing import Array, Picture

_SIDE = 256  # texels a side from which vertices take the colour: single hairs and moles do not count
_PLAIN = ("cheeks", "forehead", "nose")
_HAIRY = ("cheeks", "chin", "jaw", "lips_upper", "brows_left", "brows_right", "neck")
#: Luminance against that of plain skin, linear: hair that hides the skin, and skin; between them it is seen through.
_HAIR, _SKIN = 0.2, 0.55


class GlossPlaces:
    """Where a head's textures may show hair that grows on the face."""

    def __init__(self, head: Head, mesh: MeshTopology) -> None:
        region = mesh.region[mesh.split_vertex]
        skin = mesh.part[mesh.split_vertex] == 0
        self._uv = mesh.uv
        self._plain = skin & np.isin(region, [head.region_names.index(name) for name in _PLAIN])
        self._hairy = skin & np.isin(region, [head.region_names.index(name) for name in _HAIRY])

    def look_in(self, image: Picture) -> Array:  # (S, S, 3|4) -> (U,) 0..1
        """1 where skin shines as skin does, 0 where hair hides it, for each vertex of the GPU."""
        small = cv2.resize(np.ascontiguousarray(image[..., :3]), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        light = to_linear(texels_at(small, self._uv) / 255) @ LUMINANCE
        share = light / max(float(np.median(light[self._plain])), 1e-4)
        gloss = np.clip((share - _HAIR) / (_SKIN - _HAIR), 0, 1)
        return np.where(self._hairy, gloss, 1).astype(np.float32)
