"""Wavefront OBJ and MTL as text; no I/O. Source: the format's appendix B1 (Wavefront, Advanced Visualizer Manual)."""

from __future__ import annotations

import numpy as np

from face3d_live.export.hair import NAME as HAIR
from face3d_live.export.hair import HairPart
from face3d_live.typing import AnyArray

UV_MAP = "UVMap"  # the name a texture map carries in every export, where the format has a place for one
MATERIAL = "head"


def obj_text(
    vertices: AnyArray,
    faces: AnyArray,
    uv: AnyArray,
    face_uv: AnyArray,
    normals: AnyArray,
    material_file: str = "mesh.mtl",
    name: str = "head",
) -> str:
    """One object with texture coordinates and normals.

    vertices, normals: (V, 3); faces: (F, 3) into both; uv: (U, 2), v up; face_uv: (F, 3) into uv. Metres, y up, facing
    +z. Raises ValueError for arrays that do not belong together.
    """
    _check(vertices, faces, uv, face_uv, normals)
    corners = np.stack([faces, face_uv, faces], 2).reshape(len(faces), 9) + 1
    parts = [
        f"# {name}, metres, y up, facing +z; texture coordinates: {UV_MAP}",
        f"mtllib {material_file}",
        f"o {name}",
        *_rows("v %.6f %.6f %.6f", vertices),
        *_rows("vt %.6f %.6f", uv),
        *_rows("vn %.4f %.4f %.4f", normals),
        f"usemtl {MATERIAL}",
        "s 1",
        *_rows("f %d/%d/%d %d/%d/%d %d/%d/%d", corners),
    ]
    return "\n".join(parts) + "\n"


def hair_obj_text(hair: HairPart, after: tuple[int, int, int]) -> str:
    """The hair as a second object, to follow the text of one with so many vertices, texture coordinates and normals.

    Raises as `obj_text`.
    """
    _check(hair.vertices, hair.faces, hair.uv, hair.faces, hair.normals)
    corners = np.repeat(hair.faces + 1, 3, axis=1) + np.tile(after, 3)
    parts = [
        f"o {HAIR}",
        *_rows("v %.6f %.6f %.6f", hair.vertices),
        *_rows("vt %.6f %.6f", hair.uv),
        *_rows("vn %.4f %.4f %.4f", hair.normals),
        f"usemtl {HAIR}",
        "s 1",
        *_rows("f %d/%d/%d %d/%d/%d %d/%d/%d", corners),
    ]
    return "\n".join(parts) + "\n"


def hair_mtl_text(picture_file: str = "hair.png") -> str:
    """The material of `hair_obj_text`; between the strands its picture's alpha is 0."""
    return (
        f"newmtl {HAIR}\n"
        "Ka 0.0 0.0 0.0\nKd 1.0 1.0 1.0\nKs 0.1 0.1 0.1\nNs 40.0\nd 1.0\nillum 2\n"
        f"map_Kd {picture_file}\nmap_d -imfchan m {picture_file}\n"
    )


def coloured_obj_text(vertices: AnyArray, faces: AnyArray, normals: AnyArray, colours: AnyArray, name: str) -> str:
    """One object without texture: x, y, z, r, g, b of each vertex, as MeshLab, Blender and others read it.

    vertices, normals, colours: (V, 3), colours 0..1; faces: (F, 3). Raises as `obj_text`.
    """
    _check(vertices, faces, np.zeros((0, 2)), np.zeros_like(faces[:0]), normals, textured=False)
    rows = np.concatenate([vertices, colours], 1)
    parts = [
        f"# {name}, metres, y up, facing +z; colours after the coordinates",
        f"o {name}",
        *_rows("v %.6f %.6f %.6f %.4f %.4f %.4f", rows),
        *_rows("vn %.4f %.4f %.4f", normals),
        "s 1",
        *_rows("f %d//%d %d//%d %d//%d", np.repeat(faces, 2, axis=1) + 1),
    ]
    return "\n".join(parts) + "\n"


def mtl_text(texture_file: str = "texture.png", normal_file: str | None = None) -> str:
    """The material of `obj_text`: a matt skin with a little gloss. Its texture's alpha is not used: skin is opaque.

    normal_file: a tangent-space normal map, by the key that most programs know it by.
    """
    return (
        f"newmtl {MATERIAL}\n"
        "Ka 0.0 0.0 0.0\nKd 1.0 1.0 1.0\nKs 0.04 0.04 0.04\nNs 30.0\nd 1.0\nillum 2\n"
        f"map_Kd {texture_file}\n" + ("" if normal_file is None else f"norm {normal_file}\n")
    )


def _rows(pattern: str, array: AnyArray) -> list[str]:
    return [pattern % tuple(row) for row in np.asarray(array).tolist()]


def _check(
    vertices: AnyArray, faces: AnyArray, uv: AnyArray, face_uv: AnyArray, normals: AnyArray, textured: bool = True
) -> None:
    shapes = (vertices.shape[1:], faces.shape[1:], uv.shape[1:], face_uv.shape, normals.shape)
    if shapes != ((3,), (3,), (2,), faces.shape if textured else (0, 3), vertices.shape):
        raise ValueError(f"mesh arrays of unexpected shapes: {shapes}")
    for index, count in ((faces, len(vertices)), (face_uv, len(uv))):
        if len(index) and (index.min() < 0 or index.max() >= count):
            raise ValueError("a face refers to a vertex that is not there")
    if not (np.isfinite(vertices).all() and np.isfinite(uv).all() and np.isfinite(normals).all()):
        raise ValueError("a mesh with coordinates that are not numbers")
