"""Vertex attributes and uniforms of features drawn by shaders: hairline, brows, lashes, lips; from the template."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.head.hairline import above_hairline
from face3d_live.head.model import Head
from face3d_live.head.points import BROW_LEFT, BROW_RIGHT, LIPS_OUTER
from face3d_live.head.regions import PARTS
from face3d_live.head.topology import MeshTopology
from face3d_live.nearest import nearest
from face3d_live.render.face_outline import inside_face
from face3d_live.splines import cubic_spline
from face3d_live.typing import AnyArray, Array

#: MediaPipe points in the middle of the upper and the lower inner lip.
UPPER_LIP, LOWER_LIP = 13, 14

#: Hair is drawn on triangles that reach this far below the hairline, metres: strands end unevenly, and cast a shadow.
_HAIR_REACH = 0.013
#: Occlusion is measured with closed lips: there it is reduced by this share, as they part.
_LIPS_OPEN = 0.3

#: Rows of the teeth's mesh: height from the edge as a share of the crown; the two uppermost are gum.
_HEIGHTS, _ROOTS = (1.65, 1.06, 0.94, 0.45, 0.0, 0.9), 2
#: Behind the lips the mouth's lining becomes as dark as the mouth within this distance, metres.
_LIP_TO_MOUTH = 0.010
#: The lips' colour fades in over this width, metres.
_LIP_EDGE = 0.0022
_MOUTH_INTERIOR = PARTS.index("mouth_interior")

#: MediaPipe points: nose tip, middle of the left cheek.
_NOSE_TIP, _CHEEK = 4, 425


@dataclass(frozen=True)
class Features:
    """Traits of a mesh level's GPU vertices (U), its triangles by material, and places in the head frame, metres."""

    rest: Array  # (U, 3) the template
    part: NDArray[np.uint8]  # (U,)
    trait: Array  # (U, 4) ambient occlusion; lips; metres inside the hairline or behind the lips; metres above the neck
    face: Array  # (U,) metres inside the outline of the face
    wreath: Array  # (U,) metres inside the edge of receding hair
    tooth: Array  # (U, 2) along the arch in teeth; height from the edge 0 to the gum 1; -1 off the teeth
    lash: Array  # (U,) 1 on the upper lid's margin
    groups: dict[str, NDArray[np.int32]]  # skin, hair, eye, mouth; face: of skin and hair what lies in it -> (F, 3)
    poles: NDArray[np.int64]  # (2,) GPU vertices where the left and the right eyeball look ahead
    uniforms: dict[str, object]


def measure(head: Head, mesh: MeshTopology, ambient_occlusion: AnyArray) -> Features:  # (V_level,) 1 = open
    """Everything that does not change, for one mesh level."""
    rest = mesh.refine(head.template)
    points = head.points(head.template)
    hair, face = above_hairline(head, rest), inside_face(points, rest)
    lips = lip_colour(mesh, points, rest)
    lining = mesh.part == _MOUTH_INTERIOR
    behind_lips = np.zeros(len(rest), np.float32)
    behind_lips[lining] = nearest(rest[mesh.part == 0], rest[lining])[0]
    # The mouth shades itself, by depth; its lining does so gradually, so that no border shows on the lips.
    inside = np.where(lining, np.clip(behind_lips / _LIP_TO_MOUTH, 0, 1), mesh.part != 0)
    occlusion = ambient_occlusion + (1 - ambient_occlusion) * np.maximum(inside, _LIPS_OPEN * lips)
    depth = np.where(lining, behind_lips, hair)
    trait = np.stack([occlusion, lips, depth, above_neck(head, rest)], -1).astype(np.float32)
    split = mesh.split_vertex
    mouth = (points[UPPER_LIP] + points[LOWER_LIP]) / 2
    uniforms: dict[str, object] = {
        "eye_centre": np.asarray(head.eye_centers, np.float32),
        "mouth_front": mouth,
        "nose_tip": points[_NOSE_TIP] * np.array([0, 1, 1], np.float32),
        "cheek": points[_CHEEK],
        **brows(points),
    }
    return Features(
        rest[split],
        mesh.part[split],
        trait[split],
        face[split],
        above_hairline(head, rest, receding=True)[split],
        teeth(head, mesh)[split],
        lashes(head, mesh, rest)[split],
        materials(mesh, hair, face),
        np.array([_pole(mesh, rest, centre) for centre in head.eye_centers]),
        uniforms,
    )


def materials(mesh: MeshTopology, hair: AnyArray, face: AnyArray) -> dict[str, NDArray[np.int32]]:  # (V_level,) each
    """Triangles into the GPU's vertices by material; a triangle of two parts counts as the outer one, skin."""
    part = mesh.part[mesh.faces].min(1)
    hairy = (part == 0) & (hair[mesh.faces].max(1) > -_HAIR_REACH)
    chosen = {"skin": (part == 0) & ~hairy, "hair": hairy, "eye": part == 1, "mouth": part > 1}
    chosen["face"] = (part == 0) & (face[mesh.faces].max(1) > 0)
    return {name: mesh.face_uv[rows] for name, rows in chosen.items()}


def teeth(head: Head, mesh: MeshTopology) -> Array:  # -> (V_level, 2)
    """Where on which tooth each vertex lies: see `Features`.

    The head's last vertices are two arches of columns across the teeth: three a tooth, the first between two of them,
    of rows over gum, crown and edge, the last of which is the back.
    """
    low = np.full((head.n_vertices, 2), -1, np.float32)
    columns = (len(low) - int(np.flatnonzero(head.part == 2)[0]) + _ROOTS) // (2 * len(_HEIGHTS))
    number = np.repeat(np.arange(columns) / 3, len(_HEIGHTS))
    one = np.stack([number, np.tile(_HEIGHTS, columns)], 1)
    low[-2 * len(one) :] = np.concatenate([one, one])
    return np.asarray(mesh.refine(low), np.float32)


def _pole(mesh: MeshTopology, rest: AnyArray, centre: AnyArray) -> int:
    """The GPU vertex in the middle of a pupil."""
    away = rest - centre
    ahead = np.where(mesh.part == 1, away[:, 2] - 10 * np.hypot(away[:, 0], away[:, 1]), -np.inf)
    return int(np.flatnonzero(mesh.split_vertex == ahead.argmax())[0])


def brows(points: AnyArray) -> dict[str, object]:  # (478, 3)
    """The brows' middle line as height over |x|, a parabola through MediaPipe's brow points, and its span."""
    both = points[[*BROW_LEFT, *BROW_RIGHT]]
    x = np.abs(both[:, 0])
    c, b, a = np.polyfit(x, both[:, 1], 2)
    return {"brow": (float(a), float(b), float(c)), "brow_span": (float(x.min()), float(x.max()))}


def lashes(head: Head, mesh: MeshTopology, rest: AnyArray) -> Array:  # (V_level, 3) -> (V_level,)
    """1 where skin touches the front of an eyeball: the lid margins; the lower lid's are fainter."""
    dark = np.zeros(len(rest), np.float32)
    skin = mesh.part == 0
    for centre in head.eye_centers:
        away = rest - centre
        gap = np.abs(np.linalg.norm(away, axis=1) - head.eye_radius)
        margin = skin & (gap < 0.0016) & (away[:, 2] > 0.003)
        dark[margin] = np.where(away[margin, 1] > -0.001, 1.0, 0.4)
    return dark


def above_neck(head: Head, rest: AnyArray) -> Array:  # (V_level, 3) -> (V_level,)
    """Metres from the open end of the neck."""
    faces = head.topology("low").faces
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    open_ends = unique[count == 1]
    neck = (head.part[open_ends] == 0).all(1) & (head.template[open_ends, 1] < np.median(head.template[:, 1])).all(1)
    share = np.linspace(0, 1, 8)[:, None, None]
    first, last = head.template[open_ends[neck]].swapaxes(0, 1)
    rim = (first + share * (last - first)).reshape(-1, 3)
    return nearest(rim, rest)[0]


def lip_colour(mesh: MeshTopology, points: AnyArray, rest: AnyArray) -> Array:  # (478, 3), (V_level, 3) -> (V_level,)
    """0..1: inside a smooth outline through MediaPipe's outer lip points, seen from the front; 0.5 on the outline."""
    ring = points[[*LIPS_OUTER, LIPS_OUTER[0]]]
    steps, fine = np.arange(len(ring)), np.linspace(0, len(LIPS_OUTER), 200)
    outline = cubic_spline(steps, ring[:, :2], fine, periodic=True)
    contour = (1e6 * outline).astype(np.float32)[:, None]  # micrometres: OpenCV's distances are coarse in small units
    near = (np.abs(rest - ring[:-1].mean(0)) < np.array([0.04, 0.03, 0.03])).all(1)
    colour = np.zeros(len(rest), np.float32)
    for vertex in np.flatnonzero(near & (mesh.part == 0)):
        x, y = (1e6 * rest[vertex, :2]).tolist()
        colour[vertex] = 0.5 + 1e-6 * cv2.pointPolygonTest(contour, (x, y), True) / _LIP_EDGE
    colour[mesh.part == _MOUTH_INTERIOR] = 1
    return colour.clip(0, 1)
