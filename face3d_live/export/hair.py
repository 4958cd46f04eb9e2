"""The hair of a head as a mesh of its own, for files that others read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d_live.hairstyle import ON_SCALP, Hair
from face3d_live.head.hair import HairMesh
from face3d_live.head.model import Head
from face3d_live.lighting import to_linear, to_srgb
from face3d_live.typing import AnyArray, Array, Picture

#: Name of the object, the mesh and the material.
NAME = "hair"
#: How much the strands' brightness varies about the hair's colour, as the renderer has it.
_VARIES = 1.5
#: sRGB of hair whose colour is not known.
_UNKNOWN = (0.23, 0.17, 0.13)


@dataclass(frozen=True)
class HairPart:
    """vertices, normals: (N, 3) head frame, metres. uv: (N, 2), v up. faces: (F, 3), seen from both sides. picture:
    (S, S, 4) sRGB strands in the hair's colour, alpha 0 between them."""

    vertices: Array
    normals: Array
    uv: Array
    faces: NDArray[np.int32]
    picture: Picture


def hair_part(head: Head, vertices: AnyArray, hair: Hair) -> HairPart | None:  # (V, 3) low level
    """The hair on these vertices; None for a style without a mesh, or none. Raises AssetError "hair-missing",
    "hair-broken"."""
    if hair.style is None or hair.style in ON_SCALP:
        return None
    mesh = HairMesh.load(hair.style)
    colour = to_linear(np.array(hair.rgb() or _UNKNOWN, np.float32))
    share = 1 + _VARIES * (mesh.strands[..., :1].astype(np.float32) / 255 - 0.5)
    rgb = (255 * to_srgb(colour * share) + 0.5).astype(np.uint8)
    picture = np.concatenate([rgb, mesh.strands[..., 3:]], 2)
    return HairPart(mesh.on(head.template, vertices), mesh.normal, mesh.uv, mesh.faces, picture)
