"""Hair styles with a mesh: uploaded when first drawn, moved with the head, drawn in two passes."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np
from scipy.sparse import csr_matrix

from face3d_live.hairstyle import ON_SCALP
from face3d_live.head.hair import HairMesh
from face3d_live.head.model import Head
from face3d_live.head.topology import MeshTopology
from face3d_live.render import gpu
from face3d_live.typing import AnyArray, Array

#: The first pass draws what is mostly strand, with depth; the second blends the edges over it.
_SOLID, _EDGES = (0.5, 2.0), (0.06, 0.5)
#: Metres that a style may rise above the skull before the portrait shows more than the head.
_RISE = 0.015


@dataclass(frozen=True)
class Scalp:
    """What the scalp's shader draws under a style. volume: metres that the skin is lifted by; amount: 0 bald .. 1; edge:
    metres over which the hair begins; recede: 1 for a bald front and crown."""

    volume: float = -0.004  # out of the way of the strands
    amount: float = 1.0
    edge: float = 0.008
    recede: float = 0.0


_SCALPS = {
    "bald": Scalp(0.0, 0.0),
    "receding": Scalp(0.004, 0.9, 0.012, 1.0),
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
        self.solid = gpu.MovingMesh(ctx, {"all": hair.faces}, fixed, {"position": 3})
        self.strands = gpu.texture_from(ctx, hair.strands)
        self.skin_open = mesh.refine(hair.skin_open[:, None])[mesh.split_vertex, 0]
        top = float(head.template[head.part == 0, 1].max())
        self.rise = max(0.0, float(hair.vertices[:, 1].max()) - top - _RISE)

    def place(self, vertices: AnyArray) -> None:  # (V, 3)
        self.solid.write("position", self._offset + self._carry @ np.asarray(vertices, np.float32))


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

    def draw(self, name: str, vertices: AnyArray, uniforms: dict[str, object]) -> None:
        """The style on the head's low-level vertices (V, 3); after everything that it may cover."""
        style = self._style(name)
        if style is None:
            return
        style.place(vertices)
        style.strands.use(1)
        ctx, program = self._ctx, self._program
        gpu.set_uniforms(program, uniforms | {"strands": 1, "kept": _SOLID})
        ctx.disable(moderngl.CULL_FACE)
        style.solid.draw(program, "all")
        gpu.set_uniforms(program, {"kept": _EDGES})
        ctx.fbo.depth_mask = False
        style.solid.draw(program, "all")
        ctx.fbo.depth_mask = True

    def release(self) -> None:
        for style in self._styles.values():
            gpu.release([style.solid, style.strands])
        self._program.release()
