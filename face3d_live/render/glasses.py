"""Glasses: built when the identity or the style changes, drawn with the head; their frame shades the skin behind it."""

from __future__ import annotations

import moderngl
import numpy as np

from face3d_live.eyewear import Glasses, frame_colour, lens_tint
from face3d_live.head.glasses import glasses_mesh
from face3d_live.head.model import Head
from face3d_live.head.topology import MeshTopology
from face3d_live.lighting import to_linear
from face3d_live.nearest import nearest
from face3d_live.render import gpu
from face3d_live.typing import AnyArray, Array

#: Metres from the frame over which the skin is shaded, and by how much.
_REACH, _SHADE = 0.008, 0.30


class GlassesMeshes:
    """The pair that one renderer draws. Used inside `with ctx`."""

    def __init__(self, ctx: moderngl.Context, head: Head, mesh: MeshTopology) -> None:
        self._ctx, self._head, self._mesh = ctx, head, mesh
        self._frame = gpu.load_program(ctx, "glasses.vert", "frame.frag")
        self._lens = gpu.load_program(ctx, "glasses.vert", "lens.frag")
        self._bare = np.ones(len(mesh.split_vertex), np.float32)
        self._open = self._bare
        self._pair: tuple[gpu.MovingMesh, gpu.MovingMesh] | None = None
        self._made: tuple[str, AnyArray] | None = None

    def skin_open(self, glasses: Glasses, neutral: AnyArray) -> Array:  # (V, 3) low level -> (U,)
        """How much light the frame leaves the head's GPU vertices. Makes the meshes where they have changed."""
        if not glasses.drawn:
            return self._bare
        if self._made is None or self._made[0] != glasses.style or self._made[1] is not neutral:
            self._make(str(glasses.style), neutral)
        return self._open

    def _make(self, style: str, neutral: AnyArray) -> None:
        self._drop()
        made = glasses_mesh(style, self._head, neutral)
        frame, lenses = (
            gpu.MovingMesh(self._ctx, {"all": each.faces}, {"position": each.vertices, "normal": each.normals}, {})
            for each in (made.frame, made.lenses)
        )
        self._pair, self._made = (frame, lenses), (style, neutral)
        near = _distance(neutral, made.frame.vertices)
        shade = 1 - _SHADE * np.clip(1 - near / _REACH, 0, 1)
        self._open = np.asarray(self._mesh.refine(shade[:, None])[self._mesh.split_vertex, 0], np.float32)

    def draw_frame(self, glasses: Glasses, uniforms: dict[str, object]) -> None:
        """The frame, which hides what is behind it. After `skin_open` of the same."""
        if glasses.drawn and self._pair is not None:
            colour = np.asarray(to_linear(np.array(frame_colour(glasses), np.float32)), np.float32)
            gpu.set_uniforms(self._frame, uniforms | {"frame_colour": colour})
            self._pair[0].draw(self._frame, "all")

    def draw_lenses(self, glasses: Glasses, uniforms: dict[str, object]) -> None:
        """The lenses, blended over what is drawn, seen from both sides."""
        if glasses.drawn and self._pair is not None:
            gpu.set_uniforms(self._lens, uniforms | {"lens_tint": lens_tint(glasses)})
            self._ctx.disable(moderngl.CULL_FACE)
            self._ctx.fbo.depth_mask = False
            self._pair[1].draw(self._lens, "all")
            self._ctx.fbo.depth_mask = True
            self._ctx.enable(moderngl.CULL_FACE)

    def _drop(self) -> None:
        if self._pair is not None:
            gpu.release(self._pair)
        self._pair = self._made = None

    def release(self) -> None:
        self._drop()
        gpu.release([self._frame, self._lens])


def _distance(vertices: AnyArray, frame: AnyArray) -> Array:  # (V, 3), (N, 3) -> (V,)
    return nearest(frame, vertices)[0].clip(max=_REACH)
