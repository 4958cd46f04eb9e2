"""The files of a finished head made again with what a user has changed of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from face3d_live import strict_json
from face3d_live.codes import HeadCodes
from face3d_live.export.params import params_bytes, params_from
from face3d_live.export.png import read_texture
from face3d_live.head.model import Head
from face3d_live.reconstruct.files import mesh_files, render_png, structure_png, texture_files
from face3d_live.styling import Styling
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.displacement import estimate_displacement
from face3d_live.texture.hair.scalp import painted_hair, recolour_hair
from face3d_live.texture.portrait import OBSERVED

if TYPE_CHECKING:
    from face3d_live.render.renderer import Renderer


@dataclass(frozen=True)
class Changes:
    """codes: the new codes of the old ones. styling: of hair and glasses. note: for report.json."""

    codes: Callable[[HeadCodes], HeadCodes]
    styling: Styling
    note: Mapping[str, Any]


def edited_files(
    files: Mapping[str, bytes], changes: Changes, head: Head, albedo: Albedo, renderer: Renderer
) -> dict[str, bytes]:
    """The files of a reconstruction, name -> bytes, with changes; `files` are those from before any.

    The displacement is estimated again, of the same texture and codes: it is the same. report.json gets `edited`.
    Raises InputError "not-params", "not-a-texture".
    """
    report, params = strict_json.loads(files["report.json"]), params_from(files["params.npz"])
    texture, displacement = read_texture(files["texture.png"]), None
    if "normal.png" in files:
        displacement = estimate_displacement(texture, texture[..., 3] == OBSERVED, params.codes, head, albedo)
    codes, texture = changes.codes(params.codes), recolour_hair(texture, changes.styling.hair, head)
    glasses = changes.styling.glasses.over(params.glasses)
    landmarks = head.landmarks68(head.vertices(codes.shape, codes.expression))
    report["edited"] = dict(changes.note)
    kept = {name: data for name, data in files.items() if name != "hair.png"}
    return {
        **kept,
        **mesh_files(head, codes, report["options"]["mesh"], texture, displacement, glasses=glasses),
        **texture_files(head, texture),
        "render.png": render_png(codes, params.camera, texture, glasses, renderer),
        "structure.png": structure_png(codes, params.camera, renderer),
        "params.npz": params_bytes(
            replace(params, codes=codes, landmarks=landmarks, hair=painted_hair(texture), glasses=glasses)
        ),
        "report.json": (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode(),
    }
