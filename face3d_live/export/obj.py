"""Wavefront OBJ and MTL as text; no I/O. Source: the format's appendix B1 (Wavefront, Advanced Visualizer Manual)."""

from __future__ import annotations

import numpy as np

from face3d_live.export.parts import MeshPart
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
        _rows("v %.6f %.6f %.6f", vertices),
        _rows("vt %.6f %.6f", uv),
        _rows("vn %.4f %.4f %.4f", normals),
        f"usemtl {MATERIAL}",
        "s 1",
        _rows("f %d/%d/%d %d/%d/%d %d/%d/%d", corners),
    ]
    return "\n".join(filter(None, parts)) + "\n"


def part_obj_text(part: MeshPart, after: tuple[int, int, int]) -> str:
    """Another object, to follow the text of those with so many vertices, texture coordinates and normals.

    Raises as `obj_text`.
    """
    _check(part.vertices, part.faces, part.uv, part.faces, part.normals)
    corners = np.repeat(part.faces + 1, 3, axis=1) + np.tile(after, 3)
    parts = [
        f"o {part.name}",
        _rows("v %.6f %.6f %.6f", part.vertices),
        _rows("vt %.6f %.6f", part.uv),
        _rows("vn %.4f %.4f %.4f", part.normals),
        f"usemtl {part.name}",
        "s 1",
        _rows("f %d/%d/%d %d/%d/%d %d/%d/%d", corners),
    ]
    return "\n".join(filter(None, parts)) + "\n"


def part_mtl_text(part: MeshPart) -> str:
    """The material of `part_obj_text`: its picture NAME.png, whose alpha is 0 between strands, or a colour."""
    red, green, blue, alpha = part.material.colour
    gloss = 2 / max(part.material.roughness, 0.05) ** 2
    text = f"newmtl {part.name}\nKa 0.0 0.0 0.0\nKd {red:.4f} {green:.4f} {blue:.4f}\nKs 0.1 0.1 0.1\n"
    text += f"Ns {gloss:.1f}\nd {alpha:.3f}\nillum 2\n"
    return text + (
        f"map_Kd {part.name}.png\nmap_d -imfchan m {part.name}.png\n" if part.material.picture is not None else ""
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
        _rows("v %.6f %.6f %.6f %.4f %.4f %.4f", rows),
        _rows("vn %.4f %.4f %.4f", normals),
        "s 1",
        _rows("f %d//%d %d//%d %d//%d", np.repeat(faces, 2, axis=1) + 1),
    ]
    return "\n".join(filter(None, parts)) + "\n"


def mtl_text(texture_file: str = "texture.png", normal_file: str | None = None) -> str:
    """The material of `obj_text`: a matt skin with a little gloss. Its texture's alpha is not used: skin is opaque.

    normal_file: a tangent-space normal map, by the key that most programs know it by.
    """
    return (
        f"newmtl {MATERIAL}\n"
        "Ka 0.0 0.0 0.0\nKd 1.0 1.0 1.0\nKs 0.04 0.04 0.04\nNs 30.0\nd 1.0\nillum 2\n"
        f"map_Kd {texture_file}\n" + ("" if normal_file is None else f"norm {normal_file}\n")
    )


def _rows(pattern: str, array: AnyArray) -> str:
    """A line for each row of an array (N, C); formatted at once, as a line at a time takes half as long again."""
    return "\n".join([pattern] * len(array)) % tuple(np.ravel(array).tolist())


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
