"""`Head`: from codes to vertices and landmarks. NumPy only.

The head's frame: right-handed (metres, +x the subject's left, +y up, +z out of the face). Its origin lies between the
ears at the height of the eyes, about where a head turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live import arrays
from face3d_live.checks import checked_picture
from face3d_live.codes import INDEX, N_EXPRESSION, N_SHAPE, HeadCodes, gaze_angles
from face3d_live.head.mesh import HeadMesh
from face3d_live.head.points import IBUG68_FROM_478
from face3d_live.head.regions import REGION_NAMES, masks
from face3d_live.head.subdivide import triangles_from_quads
from face3d_live.head.topology import LEVELS, Level, MeshTopology
from face3d_live.paths import MODELS
from face3d_live.typing import AnyArray, Array, Mask, Picture

#: The blinks of the left and the right eye.
BLINKS = (INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"])
#: MakeHuman's eyeballs have a radius of 16 mm, people's of 12: turned by this part of the gaze, the iris moves between
#: the lids as far as a person's does.
EYE_TURN = 0.75


@dataclass(frozen=True)
class PointBasis:
    """The 478 points as a function of the codes: mean + shape @ .shape + expression @ .units(shape), metres.

    It is linear in either code: only how far a blink goes depends on the shape (`blink`, left and right).
    """

    mean: Array  # (478, 3)
    shape: Array  # (80, 478, 3)
    expression: Array  # (52, 478, 3)
    blink: Array  # (2, 80, 478, 3)

    def units(self, shape: AnyArray) -> Array:  # (80,) -> (52, 478, 3)
        """The movements at coefficient 1 of a head of this shape."""
        units = self.expression.copy()
        units[list(BLINKS)] += np.tensordot(np.asarray(shape, np.float32), self.blink, (0, 1))
        return units


@dataclass(frozen=True)
class Head:
    """The head of `models/head.npz`. Arrays in head frame, metres, float32.

    template: (V, 3). shape_basis: (80, V, 3) for unit variance. expression_basis: (52, V, 3) in ARKit order; zero on
    the eyeballs, which turn instead. blink_basis: (80, n, 3), what the shape code adds to a blink at the lids
    blink_vertices: (n,), whose eye is blink_eye: (n,) 0 left, 1 right. expression_covariance: (52, 52) of people's
    coefficients, each about their own mean. quads, quad_uv: (Q, 4); uv: (U, 2), v up. chart_uv, chart_quad_uv: a second
    layout, see `chart`. part: (V,) index into `regions.PARTS`. region_of: (V,) index into region_names. eye_centers:
    (2, 3) of the template, [left, right], moved by eye_center_basis: (80, 2, 3). point_faces: (478, 3) vertices and
    point_weights: (478, 3) of the MediaPipe points. point_usable: (478,) 0..1, how far each correspondence can be
    trusted.
    """

    template: Array
    shape_basis: Array
    expression_basis: Array
    blink_basis: Array
    blink_vertices: NDArray[np.int64]
    blink_eye: NDArray[np.uint8]
    expression_covariance: Array
    quads: NDArray[np.int32]
    quad_uv: NDArray[np.int32]
    uv: Array
    chart_quad_uv: NDArray[np.int32]
    chart_uv: Array
    part: NDArray[np.uint8]
    region_of: NDArray[np.uint8]
    eye_centers: Array
    eye_center_basis: Array
    eye_radius: float
    point_faces: NDArray[np.int32]
    point_weights: Array
    point_usable: Array
    region_names: tuple[str, ...] = REGION_NAMES
    _topologies: dict[str, MeshTopology] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path: Path | None = None) -> Head:
        """Read the model file, `models/head.npz` by default.

        Raises AssetError("head-missing") or AssetError("head-broken").
        """
        path = path or MODELS / "head.npz"
        with arrays.asset(path, "head", "restore it", "run python -m face3d_live.head.build") as stored:
            return cls._from_arrays(stored)

    @classmethod
    def _from_arrays(cls, a: dict[str, Any]) -> Head:
        metres = np.float32(1e-3)  # bases are stored as half-precision millimetres
        return cls(
            template=a["template"].astype(np.float32),
            shape_basis=a["shape_mm"].astype(np.float32) * metres,
            expression_basis=a["expression_mm"].astype(np.float32) * metres,
            blink_basis=a["blink_mm"].astype(np.float32) * metres,
            blink_vertices=a["blink_vertices"].astype(np.int64),
            blink_eye=a["blink_eye"],
            expression_covariance=a["expression_covariance"],
            quads=a["quads"].astype(np.int32),
            quad_uv=a["quad_uv"].astype(np.int32),
            uv=a["uv"].astype(np.float32),
            chart_quad_uv=a["chart_quad_uv"].astype(np.int32),
            chart_uv=a["chart_uv"].astype(np.float32),
            part=a["part"],
            region_of=a["region_of"],
            eye_centers=a["eye_centers"].astype(np.float32),
            eye_center_basis=a["eye_center_basis"].astype(np.float32),
            eye_radius=float(a["eye_radius"]),
            point_faces=a["point_faces"].astype(np.int32),
            point_weights=a["point_weights"].astype(np.float32),
            point_usable=a["point_usable"].astype(np.float32),
        )

    @property
    def n_vertices(self) -> int:
        """Vertices of the low level."""
        return len(self.template)

    @cached_property
    def faces(self) -> NDArray[np.int32]:
        """(F, 3) triangles of the low level."""
        return triangles_from_quads(self.quads)

    @cached_property
    def regions(self) -> dict[str, Mask]:
        """Name -> (V,) bool; "face" is the union of the face's regions."""
        return masks(self.region_of)

    @cached_property
    def eye_vertices(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Vertex numbers of the left and the right eyeball."""
        eye, x = self.part == 1, self.template[:, 0]
        return np.flatnonzero(eye & (x > 0)), np.flatnonzero(eye & (x < 0))

    @cached_property
    def _shape_flat(self) -> Array:
        return self.shape_basis.reshape(N_SHAPE, -1)

    @cached_property
    def _expression_flat(self) -> Array:
        return self.expression_basis.reshape(N_EXPRESSION, -1)

    def neutral(self, shape: AnyArray) -> Array:  # (..., 80) -> (..., V, 3)
        """The head without expression."""
        shape = np.asarray(shape, np.float32)
        offsets = shape @ self._shape_flat
        return self.template + offsets.reshape(*shape.shape[:-1], self.n_vertices, 3)

    def vertices(self, shape: AnyArray, expression: AnyArray) -> Array:  # (..., 80), (..., 52) -> (..., V, 3)
        """The head with an expression (clipped to 0..1) and its eyeballs turned."""
        return self.posed(self.neutral(shape), shape, expression)

    def posed(self, neutral: Array, shape: AnyArray, expression: AnyArray) -> Array:  # (..., V, 3) -> (..., V, 3)
        """Like `vertices`, for a neutral head that is already known: a tracked identity changes rarely."""
        expression = np.clip(np.asarray(expression, np.float32), 0, 1)
        offsets = expression @ self._expression_flat
        moved = neutral + offsets.reshape(*expression.shape[:-1], self.n_vertices, 3)
        blinks = expression[..., list(BLINKS)]
        if blinks.any():
            farther = np.tensordot(np.asarray(shape, np.float32), self.blink_basis, 1)  # (..., n, 3)
            moved[..., self.blink_vertices, :] += farther * blinks[..., self.blink_eye, None]
        turns = eye_rotations(expression)  # (..., 2, 3, 3)
        centers = self.eye_positions(shape)
        for eye, ids in enumerate(self.eye_vertices):
            center = centers[..., eye, None, :]
            moved[..., ids, :] = (moved[..., ids, :] - center) @ np.swapaxes(turns[..., eye, :, :], -1, -2) + center
        return moved

    def eye_positions(self, shape: AnyArray) -> Array:  # (..., 80) -> (..., 2, 3)
        """Centres of the left and the right eyeball."""
        return self.eye_centers + np.tensordot(np.asarray(shape, np.float32), self.eye_center_basis, 1)

    def points(self, vertices: Array, chosen: Sequence[int] | slice = slice(None)) -> Array:  # -> (..., 478, 3)
        """MediaPipe's points, or the chosen ones of them, on low-level vertices (..., V, 3)."""
        corners = vertices[..., self.point_faces[chosen], :]
        return np.asarray(np.einsum("...pkc,pk->...pc", corners, self.point_weights[chosen]))

    def landmarks68(self, vertices: Array) -> Array:  # (..., V, 3) -> (..., 68, 3)
        """iBUG's points on these low-level vertices."""
        return self.points(vertices, list(IBUG68_FROM_478))

    def point_basis(self) -> PointBasis:
        """The points as a function of the codes; the eyes' turning is replaced by its chord at coefficient 1."""
        return self._point_basis

    @cached_property
    def _point_basis(self) -> PointBasis:
        expression = self.points(self.expression_basis)
        mean = self.points(self.template)
        for side, eye in (("Left", 0), ("Right", 1)):
            mine = np.isin(self.point_faces[:, 0], self.eye_vertices[eye])
            for look in ("In", "Out", "Up", "Down"):
                channel = INDEX[f"eyeLook{look}{side}"]
                code = np.zeros(N_EXPRESSION, np.float32)
                code[channel] = 1
                arm = mean[mine] - self.eye_centers[eye]
                expression[channel, mine] += arm @ eye_rotations(code)[eye].T - arm
        return PointBasis(mean, self.points(self.shape_basis), expression, self.points(self.blink_offsets()))

    def blink_offsets(self) -> Array:  # (2, 80, V, 3)
        """What the shape code adds to the blink of the left and the right eye, over all vertices."""
        out = np.zeros((2, N_SHAPE, self.n_vertices, 3), np.float32)
        for eye in (0, 1):
            mine = self.blink_eye == eye
            out[eye][:, self.blink_vertices[mine]] = self.blink_basis[:, mine]
        return out

    def mesh(self, codes: HeadCodes | None = None, level: Level = "medium", texture: Picture | None = None) -> HeadMesh:
        """The head of these codes, by default the average head at rest, as triangles. The pose is not applied.

        texture: a picture in the head's own UV layout, such as `texture.png` of a reconstruction, kept as it is.
        Raises KeyError for an unknown level, ValueError for a texture that is no (S, S, 3 or 4) uint8 picture.
        """
        if texture is not None:
            texture = checked_picture(texture, (3, 4), "texture")
        codes, topology = codes or HeadCodes(), self.topology(level)
        vertices = topology.refine(self.vertices(codes.shape, codes.expression))
        normals = topology.normals(vertices)
        return HeadMesh(vertices, normals, topology.faces, topology.uv, topology.face_uv, texture)

    def topology(self, level: Level) -> MeshTopology:
        """The connectivity of a mesh level; made on first use, then kept. Raises KeyError for an unknown name."""
        if level not in LEVELS:
            raise KeyError(level)
        if level not in self._topologies:
            if level == "low":
                self._topologies[level] = MeshTopology(self.quads, self.quad_uv, self.uv, self.part, self.region_of)
            else:
                coarser = self.topology(LEVELS[LEVELS.index(level) - 1])
                self._topologies[level] = coarser.finer(coarser.outer if level == "high" else None)
        return self._topologies[level]

    @cached_property
    def chart(self) -> MeshTopology:
        """The medium level with texture coordinates in which face, scalp and neck hang together: what looks at the
        neighbourhood of a place works there. Textures are in the other layout, which has more room for the face."""
        return MeshTopology(self.quads, self.chart_quad_uv, self.chart_uv, self.part, self.region_of).finer()


def eye_rotations(expression: AnyArray) -> Array:  # (..., 52) -> (..., 2, 3, 3)
    """Rotation of each eyeball: yaw about +y after pitch about -x, `EYE_TURN` of `codes.gaze_angles`."""
    angles = EYE_TURN * gaze_angles(expression)
    (cy, cp), (sy, sp) = np.moveaxis(np.cos(angles), -1, 0), np.moveaxis(np.sin(angles), -1, 0)
    zero = np.zeros_like(cy)
    rows = [[cy, -sy * sp, sy * cp], [zero, cp, sp], [-sy, -cy * sp, cy * cp]]
    return np.stack([np.stack(row, -1) for row in rows], -2).astype(np.float32)
