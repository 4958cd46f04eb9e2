"""Ambient occlusion of the head: soft shadows in nostrils, ears, eye sockets and under the chin.

The head at rest is rendered as a depth map from directions spread over the sphere. A direction counts for a vertex when
nothing lies in front of it. Computed when a renderer starts for the first time, and kept (`kept_arrays`).
"""

from __future__ import annotations

import moderngl
import numpy as np

from face3d_live.render import gpu
from face3d_live.render.kept_arrays import kept_array
from face3d_live.typing import AnyArray, Array

_DIRECTIONS = 64
_PIXELS = 192
#: A vertex is lifted this far off the surface, metres, so that it does not shadow itself.
_LIFT = 0.0012


def ambient_occlusion(
    ctx: moderngl.Context,
    surface: AnyArray,  # (S, 3) the occluder
    faces: AnyArray,  # (F, 3) into it
    vertices: AnyArray,  # (V, 3) on, or near, that surface
    normals: AnyArray,  # (V, 3) unit
) -> Array:
    """Cosine-weighted share of directions that are free above each vertex: (V,) 0 occluded .. 1 open."""
    made_from = (surface, faces, vertices, normals, ctx.info["GL_RENDERER"])
    code = (__file__, gpu.__file__)
    return kept_array(lambda: _measured(ctx, surface, faces, vertices, normals), (len(vertices),), made_from, code)


def _measured(
    ctx: moderngl.Context, surface: AnyArray, faces: AnyArray, vertices: AnyArray, normals: AnyArray
) -> Array:
    reach = float(np.linalg.norm(vertices, axis=1).max()) * 1.02
    lifted = vertices + _LIFT * normals
    seen, total = np.zeros(len(vertices), np.float32), np.full(len(vertices), 1e-6, np.float32)
    program = gpu.load_program(ctx, "depth.vert", "depth.frag")
    mesh = gpu.MovingMesh(ctx, {"all": faces}, {"position": surface}, {})
    depth = ctx.depth_texture((_PIXELS, _PIXELS))
    drawn = ctx.framebuffer(depth_attachment=depth)
    ctx.enable_only(moderngl.DEPTH_TEST)
    for direction in _spread(_DIRECTIONS):
        weight = np.maximum(normals @ direction, 0)
        axes = _axes_towards(direction) / reach
        clip = np.eye(4, dtype=np.float32)
        clip[:3, :3] = axes * np.array([[1], [1], [-1]], np.float32)  # nearer to the direction = smaller depth
        drawn.use()
        drawn.clear()
        gpu.set_uniforms(program, {"projection": clip.T})
        mesh.draw(program, "all")
        nearest = np.frombuffer(depth.read(alignment=1), np.float32).reshape(_PIXELS, _PIXELS)
        at = lifted @ axes.T
        column, row = ((at[:, :2] * 0.5 + 0.5) * _PIXELS).astype(int).clip(0, _PIXELS - 1).T
        seen += weight * (0.5 - 0.5 * at[:, 2] <= nearest[row, column])
        total += weight
    gpu.release([mesh, program, drawn, depth])
    return (seen / total).astype(np.float32)


def _spread(count: int) -> Array:  # -> (count, 3)
    """Unit vectors spread evenly over the sphere (Fibonacci lattice)."""
    i = np.arange(count) + 0.5
    z, angle = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], -1).astype(np.float32)


def _axes_towards(direction: Array) -> Array:  # (3,) -> (3, 3)
    """An orthonormal frame whose last row is the direction."""
    helper = np.eye(3, dtype=np.float32)[int(np.abs(direction).argmin())]
    x = np.cross(helper, direction)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(direction, x), direction]).astype(np.float32)
