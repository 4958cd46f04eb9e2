"""What the worker process does for the server: textures and zips. Heavy rooms are imported there, on first use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.live.engine.shared_memory import SKIN_SIZE
from face3d_live.live.worker.process import Report
from face3d_live.typing import Rgb

if TYPE_CHECKING:
    from face3d_live.head.topology import Level
    from face3d_live.reconstruct import Reconstruction, Reconstructor
    from face3d_live.texture.fuse import TextureFuser


@cache
def _reconstructor() -> Reconstructor:
    from face3d_live.reconstruct import Reconstructor

    # The GPU, where there is one, is the engine's.
    return Reconstructor("cpu")


@cache
def _fuser() -> TextureFuser:
    from face3d_live.texture.albedo import Albedo
    from face3d_live.texture.fuse import TextureFuser

    return TextureFuser(_reconstructor().head, Albedo.load(), SKIN_SIZE)


def snapshot(report: Report, rgb: Rgb, codes: HeadCodes) -> bytes:
    """A zip of the files for a picture (H, W, 3) whose codes the tracker has found already."""
    return _zip(_reconstructor().frame(rgb, codes, progress=report))


def warm_up(report: Report) -> bytes:
    """Load what `reconstruct_photo` needs first."""
    _reconstructor().faces(np.zeros((64, 64, 3), np.uint8))
    return b""


def reconstruct_photo(
    report: Report,
    photo: bytes,
    *,
    face: int | None = None,
    mesh: Level = "medium",
    texture: int = 1024,
    sharpen: bool = False,
    refine: bool = True,
) -> bytes:
    """A zip of the files for a face of a photo: the one that is clearly meant, or number `face`, see `find.Choice`.

    Raises InputError for what is no photo, shows no face, or shows none well enough.
    """
    from face3d_live.reconstruct import Options, load_photo

    options = Options(mesh=mesh, texture=texture, sharpen=sharpen, refine=refine)
    if face is not None:
        options = replace(options, face=face)
    read = load_photo(photo)
    return _zip(_reconstructor().photo(read.rgb, options, progress=report, warnings=read.warnings))


def skin(report: Report, moments: Sequence[tuple[Rgb, HeadCodes, float]]) -> bytes:
    """What the avatar wears, from good pictures of one person: (picture (H, W, 3), codes, weight).

    The texture (SKIN_SIZE, SKIN_SIZE, 4) uint8 as raw bytes.
    """
    fuser = _fuser()
    fuser.reset()
    for rgb, codes, weight in moments:
        height, width = rgb.shape[:2]
        fuser.add(rgb, codes, Camera.webcam(width, height), weight)
    texture = fuser.texture()
    fuser.reset()
    return np.ascontiguousarray(texture, np.uint8).tobytes()


def _zip(made: Reconstruction) -> bytes:
    from face3d_live.export.bundle import zip_bytes

    return zip_bytes(made.files)
