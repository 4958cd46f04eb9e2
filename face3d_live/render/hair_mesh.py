"""Hair styles with a mesh: uploaded when first drawn, moved with the head, drawn in two passes.

What is mostly strand is drawn before the head, with depth, so that nothing below is shaded; the edges are blended over
the head afterwards. Triangles without either are left out of that pass: their number is what llvmpipe takes time for.
"""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from face3d_live.hairstyle import ON_SCALP
from face3d_live.head.hair import HairMesh
from face3d_live.head.model import Head
from face3d_live.head.topology import MeshTopology
from face3d_live.render import gpu
from face3d_live.render.pictures import texels_at
from face3d_live.render.view import Pose
from face3d_live.typing import AnyArray, Array

#: Alpha that each of the passes draws.
_SOLID, _EDGES = (0.5, 2.0), (0.08, 0.5)
_DIRECTIONS = 8  # around the head, of which each has its order of triangles
_SHELLS = ("curls", "afro")  # closed: seen from outside alone
_SAMPLES = 6  # of a triangle's sides, to see what alpha it has
#: Metres that a style may rise above the skull before the portrait shows more than the head.
_RISE = 0.015


@dataclass(frozen=True)
class Scalp:
    """What the scalp's shader draws under a style. volume: metres that the skin is lifted by; amount: 0 bald .. 1;
    edge: metres over which the hair begins; recede: 1 for a bald front and crown."""

    volume: float = -0.004  # out of the way of the strands
    amount: float = 1.0
    edge: float = 0.008
    recede: float = 0.0


_SCALPS = {
    "bald": Scalp(0.0, 0.0),
    "receding": Scalp(0.008, 0.9, 0.012, 1.0),
    "buzz": Scalp(0.001, 0.75, 0.010),
}


def scalp_of(style: str) -> Scalp:
    """The scalp under a style."""
    return _SCALPS.get(style, Scalp())


class _Style:
    """One style on the GPU. skin_open: (U,) of the head's GPU vertices. rise: metres above the skull, 0 mostly."""

    def __init__(self, ctx: moderngl.Context, hair: HairMesh, head: Head, mesh: MeshTopology) -> None:
        self._offset = hair.vertices - np.einsum("nk,nkc->nc", hair.weight, head.template[hair.near])
        starts = np.arange(0, hair.near.size + 1, hair.near.shape[1])
        self._carry = csr_matrix(
            (hair.weight.ravel(), hair.near.ravel(), starts), shape=(len(hair.vertices), head.n_vertices)
        )
        fixed = {"normal": hair.normal, "along": hair.along, "uv": hair.uv, "open": hair.open}
        fixed["height"] = hair.vertices[:, 1]
        self.mesh = gpu.MovingMesh(ctx, _groups(hair), fixed, {"position": 3})
        self.strands = gpu.texture_from(ctx, hair.strands)
        self.skin_open = mesh.refine(hair.skin_open[:, None])[mesh.split_vertex, 0]
        top = float(head.template[head.part == 0, 1].max())
        self.rise = max(0.0, float(hair.vertices[:, 1].max()) - top - _RISE)

    def place(self, vertices: AnyArray) -> None:  # (V, 3)
        self.mesh.write("position", self._offset + self._carry @ np.asarray(vertices, np.float32))


class HairMeshes:
    """The styles of one head's renderer. Used inside `with ctx`."""

    def __init__(self, ctx: moderngl.Context, head: Head, mesh: MeshTopology) -> None:
        self._ctx, self._head, self._mesh = ctx, head, mesh
        self._program = gpu.load_program(ctx, "strands.vert", "strands.frag")
        self._styles: dict[str, _Style] = {}
        self._open_skin = np.ones(len(mesh.split_vertex), np.float32)

    def _style(self, name: str) -> _Style | None:
        if name in ON_SCALP:
            return None
        if name not in self._styles:
            self._styles[name] = _Style(self._ctx, HairMesh.load(name), self._head, self._mesh)
        return self._styles[name]

    def skin_open(self, name: str) -> Array:  # -> (U,)
        """How much light a style leaves the head's GPU vertices. Raises AssetError "hair-missing", "hair-broken"."""
        style = self._style(name)
        return self._open_skin if style is None else style.skin_open

    def rise(self, name: str) -> float:
        """Metres that a style adds to the portrait's height."""
        style = self._style(name)
        return 0.0 if style is None else style.rise

    def draw_solid(self, name: str, vertices: AnyArray, pose: Pose, uniforms: dict[str, object]) -> None:
        """The style on the head's low-level vertices (V, 3), before the head."""
        style = self._style(name)
        if style is not None:
            style.place(vertices)
            gpu.set_uniforms(self._program, uniforms | {"strands": 1, "kept": _SOLID})
            self._draw(style, name, f"solid {_side(pose.rotation, pose.translation)}")

    def draw_edges(self, name: str, pose: Pose) -> None:
        """The same style's edges, with the same uniforms, after everything that it may cover."""
        style = self._style(name)
        if style is not None:
            gpu.set_uniforms(self._program, {"kept": _EDGES})
            self._ctx.fbo.depth_mask = False
            self._draw(style, name, f"edges {_side(pose.rotation, pose.translation)}")
            self._ctx.fbo.depth_mask = True

    def _draw(self, style: _Style, name: str, group: str) -> None:
        style.strands.use(1)
        if name not in _SHELLS:
            self._ctx.disable(moderngl.CULL_FACE)
        if style.mesh.has(group):
            style.mesh.draw(self._program, group)
        self._ctx.enable(moderngl.CULL_FACE)

    def release(self) -> None:
        for style in self._styles.values():
            gpu.release([style.mesh, style.strands])
        self._program.release()


def _groups(hair: HairMesh) -> dict[str, NDArray[np.int32]]:
    """The triangles that have something for each pass, by depth from each direction: what is hidden is not
    shaded, and edges are blended from behind."""
    share = (
        np.array([(a, b, _SAMPLES - a - b) for a in range(_SAMPLES + 1) for b in range(_SAMPLES + 1 - a)]) / _SAMPLES
    )
    uv = np.einsum("sk,fkc->fsc", share, hair.uv[hair.faces])
    alpha = texels_at(hair.strands, uv.reshape(-1, 2))[:, 3].reshape(uv.shape[:2]) / 255
    solid = np.asarray((alpha >= _SOLID[0]).any(1))
    edges = np.asarray(((alpha > _EDGES[0]) & (alpha < _EDGES[1])).any(1))
    middles = hair.vertices[hair.faces].mean(1)
    groups = {}
    for number in range(_DIRECTIONS):
        angle = 2 * np.pi * number / _DIRECTIONS
        nearest = np.argsort(-middles @ [np.sin(angle), 0, np.cos(angle)])
        groups[f"solid {number}"] = hair.faces[nearest[solid[nearest]]]
        groups[f"edges {number}"] = hair.faces[nearest[edges[nearest]][::-1]]
    return {name: faces for name, faces in groups.items() if len(faces)}


def _side(rotation: AnyArray, translation: AnyArray) -> int:
    """The number of the direction that the head is seen from."""
    towards = -np.asarray(translation) @ np.asarray(rotation)
    return round(float(np.arctan2(towards[0], towards[2])) * _DIRECTIONS / (2 * np.pi)) % _DIRECTIONS
