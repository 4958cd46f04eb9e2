"""`HeadMesh`: one head as triangles, to be passed on to other programs and libraries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from face3d_live.head.topology import vertex_of_uv
from face3d_live.typing import Array, Picture

if TYPE_CHECKING:
    import trimesh


@dataclass(frozen=True)
class HeadMesh:
    """A head in the head frame: metres, +y up, facing +z, +x the subject's left.

    vertices, normals: (V, 3) float32. faces: (F, 3) int32 into both, counter-clockwise from outside. uv: (U, 2), v up,
    0 = bottom. face_uv: (F, 3) int32 into uv: along a seam of the texture a vertex has several coordinates. texture:
    (S, S, 3) or (S, S, 4) uint8 sRGB, row 0 = v 1, or None.
    """

    vertices: Array
    normals: Array
    faces: NDArray[np.int32]
    uv: Array
    face_uv: NDArray[np.int32]
    texture: Picture | None = None

    def to_trimesh(self) -> trimesh.Trimesh:
        """The mesh for trimesh, which shows it and writes PLY, STL, OBJ, GLB and more.

        trimesh keeps one texture coordinate a vertex, so vertices along the texture's seams are repeated: the faces
        are `face_uv`, and vertex i has the coordinate `uv[i]`.
        """
        import trimesh
        from PIL import Image
        from trimesh.visual.material import SimpleMaterial
        from trimesh.visual.texture import TextureVisuals

        owner = vertex_of_uv(self.faces, self.face_uv, len(self.uv))
        picture = None if self.texture is None else Image.fromarray(self.texture)
        return trimesh.Trimesh(
            vertices=self.vertices[owner],
            faces=self.face_uv,
            vertex_normals=self.normals[owner],
            visual=TextureVisuals(uv=self.uv, material=SimpleMaterial(image=picture)),
            process=False,
        )
