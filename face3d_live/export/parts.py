"""Meshes that a head carries in files that others read: its hair and its glasses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from face3d_live.export.png import png_bytes
from face3d_live.eyewear import Glasses, frame_colour, lens_tint
from face3d_live.hairstyle import ON_SCALP, Hair
from face3d_live.head.glasses import glasses_mesh
from face3d_live.head.hair import HairMesh
from face3d_live.head.model import Head
from face3d_live.lighting import to_linear, to_srgb
from face3d_live.typing import AnyArray, Array, Picture

#: Names of the objects, the meshes and the materials.
HAIR, GLASSES, LENSES = "hair", "glasses", "lenses"
#: How much the strands' brightness varies about the hair's colour, as the renderer has it.
_VARIES = 1.5
#: sRGB of hair whose colour is not known.
_UNKNOWN = (0.23, 0.17, 0.13)
#: sRGB of the glass, and the alpha that lenses have at least: what they reflect.
_GLASS, _LEAST = (0.06, 0.065, 0.07), 0.06


@dataclass(frozen=True, eq=False)
class Material:
    """picture: (S, S, 4) sRGB; without one colour: sRGB and alpha, 0..1. alpha: how glTF calls it."""

    picture: Picture | None = None
    colour: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    roughness: float = 0.5
    alpha: Literal["OPAQUE", "MASK", "BLEND"] = "OPAQUE"
    both_sides: bool = False

    @cached_property
    def png(self) -> bytes | None:
        """The picture's file."""
        return None if self.picture is None else png_bytes(self.picture)


@dataclass(frozen=True)
class MeshPart:
    """vertices, normals: (N, 3) head frame, metres. uv: (N, 2), v up. faces: (F, 3)."""

    name: str
    vertices: Array
    normals: Array
    uv: Array
    faces: NDArray[np.int32]
    material: Material


def carried(head: Head, vertices: AnyArray, neutral: AnyArray, hair: Hair, glasses: Glasses) -> Sequence[MeshPart]:
    """The hair on these low-level vertices (V, 3), where its style has a mesh, and the glasses on the head at rest.

    Raises AssetError "hair-missing", "hair-broken".
    """
    return [*_hair(head, vertices, hair), *_glasses(head, neutral, glasses)]


def _hair(head: Head, vertices: AnyArray, hair: Hair) -> list[MeshPart]:
    if hair.style is None or hair.style in ON_SCALP:
        return []
    mesh, strands = _coloured(hair.style, hair.rgb() or _UNKNOWN)
    return [MeshPart(HAIR, mesh.on(head.template, vertices), mesh.normal, mesh.uv, mesh.faces, strands)]


@lru_cache(maxsize=1)
def _coloured(style: str, colour: tuple[float, float, float]) -> tuple[HairMesh, Material]:
    """A style, and its strands in a colour. A head's files need them twice: at rest, and as in the photo."""
    mesh = HairMesh.load(style)
    share = 1 + _VARIES * (mesh.strands[..., :1].astype(np.float32) / 255 - 0.5)
    rgb = (255 * to_srgb(to_linear(np.array(colour, np.float32)) * share) + 0.5).astype(np.uint8)
    picture = np.concatenate([rgb, mesh.strands[..., 3:]], 2)
    return mesh, Material(picture, alpha="MASK", both_sides=True)


def _glasses(head: Head, neutral: AnyArray, glasses: Glasses) -> list[MeshPart]:
    if not glasses.drawn:
        return []
    made = glasses_mesh(str(glasses.style), head, neutral)
    frame = Material(colour=(*frame_colour(glasses), 1.0), roughness=0.3)
    alpha = max(_LEAST, lens_tint(glasses))
    glass = Material(colour=(*_GLASS, alpha), roughness=0.05, alpha="BLEND", both_sides=True)
    return [
        MeshPart(name, shape.vertices, shape.normals, np.zeros((len(shape.vertices), 2), np.float32), shape.faces, look)
        for name, shape, look in ((GLASSES, made.frame, frame), (LENSES, made.lenses, glass))
    ]
