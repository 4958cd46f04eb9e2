"""report.json: quality, warnings and the part of the photo used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from face3d_live.camera import Camera
from face3d_live.eyewear import Glasses
from face3d_live.hairstyle import Hair
from face3d_live.head.topology import Level
from face3d_live.reconstruct.advice import WARNINGS
from face3d_live.reconstruct.find import Found
from face3d_live.reconstruct.options import Options
from face3d_live.reconstruct.quality_gate import Quality
from face3d_live.regress.choose import OWN
from face3d_live.texture.portrait import PhotoTexture
from face3d_live.texture.residual_light import SHADED

COVERED = 0.03  # occluded share of the visible face from which the warning "covered" is given


def described(mesh: Level, texture: int, quality: Quality | None) -> dict[str, Any]:
    """The part of the report that is known before the texture is."""
    codes = () if quality is None else quality.warnings
    held_back = quality is not None and quality.conservative
    report: dict[str, Any] = {
        "confidence": 1.0 if quality is None else round(quality.confidence, 3),
        "mode": "conservative" if held_back else "full",
        "mesh": mesh,
        "texture": texture,
        "warnings": [WARNINGS[code].en for code in codes],
        "warning_codes": list(codes),
    }
    return report if quality is None else report | {"quality": quality.to_json()}


def add_skin(report: dict[str, Any], skin: PhotoTexture, hair: Hair, glasses: Glasses) -> None:
    """What the texture has shown, with its warnings. hair, glasses: that are worn in the files."""
    report |= {"observed": round(skin.observed, 3), "covered": round(skin.occluded, 3)}
    report |= {"hair": hair.said(), "hair_style": hair.style, "glasses": glasses.style}
    for code in [*["covered"] * (skin.occluded > COVERED), *["half-dark"] * (skin.shaded > SHADED)]:
        report["warnings"].append(WARNINGS[code].en)
        report["warning_codes"].append(code)


def part_of_photo(found: Found) -> dict[str, Any]:
    """For report.json: which part of the photo the camera of params.npz took, where it is not the whole, upright."""
    frame = found.frame
    if frame is None or (frame.roll == 0 and frame.camera == Camera.webcam(*frame.size)):
        return {}
    height, width = frame.picture.shape[:2]
    corners = frame.in_photo(np.array([[0, 0], [width, 0], [width, height], [0, height]]))
    turned = round(0.0 - float(np.degrees(frame.roll)), 1)  # the file's sense is clockwise
    return {"frame": {"turned_deg": turned, "corners": corners.round(1).tolist()}}


def finished(folder: Path, options: Options, regressor: str) -> dict[str, Any] | None:
    """The report of a head that is there already, made by the same regressor with the same options; report.json is
    written with the rest. Reports of older versions lack options that did not exist."""
    try:
        report = json.loads((folder / "report.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(report, dict) or not isinstance(report.get("options"), dict):
        return None
    same = Options().to_json() | report["options"] == options.to_json()
    return report if same and report.get("regressor", OWN) == regressor.partition(":")[0] else None
