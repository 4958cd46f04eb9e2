"""Codes and a texture as files: name -> bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from face3d_live import strict_json
from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.export.glb import head_glb
from face3d_live.export.obj import mtl_text, obj_text, part_mtl_text, part_obj_text
from face3d_live.export.params import params_from
from face3d_live.export.parts import carried
from face3d_live.export.pieces import Movements
from face3d_live.export.png import png_bytes, read_texture, uv_grid
from face3d_live.export.textured_head import TexturedHead
from face3d_live.export.vrm import head_vrm
from face3d_live.export.vrm_meta import VrmMeta
from face3d_live.eyewear import NO_GLASSES, Glasses
from face3d_live.head.model import Head
from face3d_live.head.topology import Level
from face3d_live.reconstruct.background import RENDER_SIDE
from face3d_live.texture.displacement import displaced, normal_map
from face3d_live.texture.hair.scalp import painted_hair
from face3d_live.typing import Array, Picture

if TYPE_CHECKING:
    from face3d_live.render.renderer import Renderer


STRUCTURE_SIDE = 256


def animated_level(level: Level) -> Level:
    """Of head.glb beside a mesh.obj of that level."""
    return "low" if level == "low" else "medium"


def mesh_files(
    head: Head,
    codes: HeadCodes,
    level: Level,
    texture: Picture,
    displacement: Array | None = None,
    vrm: VrmMeta | None = None,
    glasses: Glasses = NO_GLASSES,
    moved: Movements | None = None,
) -> dict[str, bytes]:
    """mesh.obj with its material: the head with the photo's expression; head.glb: neutral, with 52 morph targets. The
    hair that the texture says is in both, with its picture, hair.png, unless its style has no mesh; so are glasses.

    displacement: the map of `texture.displacement`. The high level is displaced by it. The other levels and head.glb,
    which is never finer than medium (52 targets of the high level are 30 MB), get it as normal map, normal.png. vrm:
    head.vrm, which holds the same as head.glb, is made, too. moved: see `TexturedHead`, at `animated_level`.
    """
    mesh = head.topology(level)
    low, neutral = head.vertices(codes.shape, codes.expression), head.neutral(codes.shape)
    hair = painted_hair(texture)
    vertices = mesh.refine(low)
    if displacement is not None and level == "high":
        vertices = displaced(vertices, mesh, displacement)
    bumps = None if displacement is None else normal_map(displacement, codes, head)
    text = obj_text(vertices, mesh.faces, mesh.uv, mesh.face_uv, mesh.normals(vertices))
    material = mtl_text(normal_file=None if bumps is None or level == "high" else "normal.png")
    posed, resting = (carried(head, at, neutral, hair, glasses) for at in (low, neutral))
    after = len(vertices), len(mesh.uv)
    for part in posed:
        text += part_obj_text(part, (after[0], after[1], after[0]))
        material += part_mtl_text(part)
        after = after[0] + len(part.vertices), after[1] + len(part.uv)
    textured = TexturedHead(head, codes, animated_level(level), texture, bumps, resting, moved)
    files = {
        "mesh.obj": text.encode(),
        "mesh.mtl": material.encode(),
        "head.glb": head_glb(textured),
    }
    if vrm is not None:
        files["head.vrm"] = head_vrm(textured, vrm)
    for part in posed:
        if part.material.png is not None:
            files[f"{part.name}.png"] = part.material.png
    return files if bumps is None else files | {"normal.png": png_bytes(bumps)}


def vrm_file(files: Mapping[str, bytes], head: Head, meta: VrmMeta) -> bytes:
    """head.vrm of a reconstruction's files, name -> bytes. Raises InputError "not-params", "not-a-texture"."""
    report, params = strict_json.loads(files["report.json"]), params_from(files["params.npz"])
    codes, neutral = params.codes, head.neutral(params.codes.shape)
    texture, bumps = read_texture(files["texture.png"]), None
    if "normal.png" in files:
        with Image.open(io.BytesIO(files["normal.png"])) as picture:
            bumps = np.asarray(picture.convert("RGB"))
    level = animated_level(report["options"]["mesh"])
    parts = carried(head, neutral, neutral, painted_hair(texture), params.glasses)
    return head_vrm(TexturedHead(head, codes, level, texture, bumps, parts), meta)


def texture_files(head: Head, texture: Picture) -> dict[str, bytes]:
    """texture.png, texture_grid.png."""
    low = head.topology("low")
    grid = uv_grid(texture, low.uv, low.face_uv)
    return {"texture.png": png_bytes(texture), "texture_grid.png": png_bytes(grid)}


def render_png(codes: HeadCodes, camera: Camera, texture: Picture, glasses: Glasses, renderer: Renderer) -> bytes:
    """The head as in the photo."""
    renderer.set_texture(texture)
    renderer.resize(RENDER_SIDE, RENDER_SIDE)
    render = renderer.render(codes, camera, mode="avatar", glasses=glasses)
    return png_bytes(np.ascontiguousarray(render[..., :3]))


def structure_png(codes: HeadCodes, camera: Camera, renderer: Renderer) -> bytes:
    """256 x 256 grey: the shaded geometry on black, no albedo."""
    renderer.resize(STRUCTURE_SIDE, STRUCTURE_SIDE)
    structure = renderer.render(codes, camera, mode="geometry", background=(0.0, 0.0, 0.0))
    return png_bytes(np.ascontiguousarray(structure[..., 1]))
