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
from face3d_live.export.hair import hair_part
from face3d_live.export.obj import hair_mtl_text, hair_obj_text, mtl_text, obj_text
from face3d_live.export.params import params_from
from face3d_live.export.png import png_bytes, uv_grid
from face3d_live.export.vrm import head_vrm
from face3d_live.export.vrm_meta import VrmMeta
from face3d_live.head.model import Head
from face3d_live.head.topology import Level
from face3d_live.texture.displacement import displaced, normal_map
from face3d_live.texture.hair_tone import painted_hair
from face3d_live.texture.texture_file import read_texture_file
from face3d_live.typing import Array, Picture

if TYPE_CHECKING:
    from face3d_live.render.renderer import Renderer


RENDER_SIDE, STRUCTURE_SIDE = 768, 256


def mesh_files(
    head: Head,
    codes: HeadCodes,
    level: Level,
    texture: Picture,
    displacement: Array | None = None,
    vrm: VrmMeta | None = None,
) -> dict[str, bytes]:
    """mesh.obj with its material: the head with the photo's expression; head.glb: neutral, with 52 morph targets. The
    hair that the texture says is in both, with its picture, hair.png, unless its style has no mesh.

    displacement: the map of `texture.displacement`. The high level is displaced by it. The other levels and head.glb,
    which is never finer than medium (52 targets of the high level are 30 MB), get it as normal map, normal.png. vrm:
    head.vrm, which holds the same as head.glb, is made, too.
    """
    mesh = head.topology(level)
    low, hair = head.vertices(codes.shape, codes.expression), painted_hair(texture)
    vertices = mesh.refine(low)
    if displacement is not None and level == "high":
        vertices = displaced(vertices, mesh, displacement)
    bumps = None if displacement is None else normal_map(displacement, codes, head)
    text = obj_text(vertices, mesh.faces, mesh.uv, mesh.face_uv, mesh.normals(vertices))
    material = mtl_text(normal_file=None if bumps is None or level == "high" else "normal.png")
    posed, neutral = (hair_part(head, at, hair) for at in (low, head.neutral(codes.shape)))
    if posed is not None:
        text += hair_obj_text(posed, (len(vertices), len(mesh.uv), len(vertices)))
        material += hair_mtl_text()
    animated: Level = "low" if level == "low" else "medium"
    files = {
        "mesh.obj": text.encode(),
        "mesh.mtl": material.encode(),
        "head.glb": head_glb(head, codes, animated, texture, bumps, neutral),
    }
    if vrm is not None:
        files["head.vrm"] = head_vrm(head, codes, animated, texture, bumps, neutral, vrm)
    if posed is not None:
        files["hair.png"] = png_bytes(posed.picture)
    return files if bumps is None else files | {"normal.png": png_bytes(bumps)}


def vrm_file(files: Mapping[str, bytes], head: Head, meta: VrmMeta) -> bytes:
    """head.vrm of a reconstruction's files, name -> bytes. Raises InputError "not-params", "not-a-texture"."""
    report, codes = strict_json.loads(files["report.json"]), params_from(files["params.npz"]).codes
    texture, bumps = read_texture_file(files["texture.png"]), None
    if "normal.png" in files:
        with Image.open(io.BytesIO(files["normal.png"])) as picture:
            bumps = np.asarray(picture.convert("RGB"))
    level: Level = "low" if report["options"]["mesh"] == "low" else "medium"
    hair = hair_part(head, head.neutral(codes.shape), painted_hair(texture))
    return head_vrm(head, codes, level, texture, bumps, hair, meta)


def pictures(head: Head, codes: HeadCodes, camera: Camera, texture: Picture, renderer: Renderer) -> dict[str, bytes]:
    """texture.png, texture_grid.png, render.png."""
    low = head.topology("low")
    renderer.set_texture(texture)
    renderer.resize(RENDER_SIDE, RENDER_SIDE)
    render = renderer.render(codes, camera, mode="avatar")
    return {
        "texture.png": png_bytes(texture),
        "texture_grid.png": png_bytes(uv_grid(texture, low.uv, low.face_uv)),
        "render.png": png_bytes(np.ascontiguousarray(render[..., :3])),
    }


def structure_png(codes: HeadCodes, camera: Camera, renderer: Renderer) -> bytes:
    """256 x 256 grey: the shaded geometry on black, no albedo."""
    renderer.resize(STRUCTURE_SIDE, STRUCTURE_SIDE)
    structure = renderer.render(codes, camera, mode="geometry", background=(0.0, 0.0, 0.0))
    return png_bytes(np.ascontiguousarray(structure[..., 1]))
