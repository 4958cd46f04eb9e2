"""The default skin texture: a plain albedo with brows, lip colour, a blush and lid margins, rendered once."""

from __future__ import annotations

import moderngl

from face3d_live.head.topology import MeshTopology
from face3d_live.render import gpu
from face3d_live.render.features import Features
from face3d_live.render.kept_arrays import kept_array
from face3d_live.typing import AnyArray, Picture

#: Pixels of the painted texture: a brow hair is then about a pixel wide.
SIZE = 1024


def paint(ctx: moderngl.Context, mesh: MeshTopology, drawn: Features, skin: Picture, hair_colour: AnyArray) -> Picture:
    """Draw the features of `drawn` on the albedo `skin` (S, S, 3): -> (SIZE, SIZE, 3), row 0 on top.

    Kept from the first time on (`kept_arrays`).
    """
    fixed = {"uv": mesh.uv, "rest": drawn.rest, "trait": drawn.trait, "lash": drawn.lash}
    uniforms = drawn.uniforms | {"hair_colour": hair_colour}
    triangles = mesh.face_uv[mesh.part[mesh.faces].min(1) == 0]
    made_from = (triangles, skin, *fixed.values(), *uniforms, *uniforms.values(), ctx.info["GL_RENDERER"])
    code = (__file__, gpu.__file__)
    return kept_array(lambda: _painted(ctx, triangles, fixed, uniforms, skin), (SIZE, SIZE, 3), made_from, code)


def _painted(
    ctx: moderngl.Context, triangles: AnyArray, fixed: dict[str, AnyArray], uniforms: dict[str, object], skin: Picture
) -> Picture:
    program = gpu.load_program(ctx, "paint.vert", "paint.frag")
    unrolled = gpu.MovingMesh(ctx, {"all": triangles}, fixed, {})
    target = gpu.Target(ctx, SIZE, SIZE)
    table = gpu.texture_from(ctx, skin)
    red, green, blue = skin.reshape(-1, 3).mean(0) / 255
    target.begin((red, green, blue, 1.0))
    ctx.enable_only(moderngl.NOTHING)
    table.use(0)
    gpu.set_uniforms(program, uniforms)
    unrolled.draw(program, "all")
    painted = target.read()[..., :3].copy()
    gpu.release([unrolled, target, table, program])
    return painted
