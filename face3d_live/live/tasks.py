"""What the worker process does for the server: textures and zips. Heavy rooms are imported there, on first use."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.live.mailbox import SKIN_SIZE
from face3d_live.live.worker import Report

if TYPE_CHECKING:
    from face3d_live.reconstruct import Reconstruction, Reconstructor
    from face3d_live.texture.albedo import Albedo

Rgb = NDArray[np.uint8]


@cache
def _reconstructor() -> Reconstructor:
    from face3d_live.reconstruct import Reconstructor

    # The GPU, where there is one, is the engine's.
    return Reconstructor("cpu")


@cache
def _albedo() -> Albedo:
    from face3d_live.texture.albedo import Albedo

    return Albedo.load()


def snapshot(report: Report, rgb: Rgb, codes: HeadCodes) -> bytes:
    """A zip of the files for a picture (H, W, 3) whose codes the tracker has found already."""
    return _zip(_reconstructor().frame(rgb, codes, progress=report))


def reconstruct_photo(report: Report, photo: bytes) -> bytes:
    """A zip of the files for a photo's largest face. Raises InputError for what is no photo or shows no face."""
    from face3d_live.reconstruct import read_photo

    return _zip(_reconstructor().photo(read_photo(photo), progress=report))


def skin(report: Report, rgb: Rgb, codes: HeadCodes) -> bytes:
    """What the avatar wears: the texture (SKIN_SIZE, SKIN_SIZE, 4) uint8 of the head in a picture, as raw bytes."""
    from face3d_live.texture.portrait import skin_of_photo

    height, width = rgb.shape[:2]
    camera = Camera.webcam(width, height)
    made = skin_of_photo(rgb, codes, camera, _reconstructor().head, _albedo(), SKIN_SIZE)
    return np.ascontiguousarray(made.texture, np.uint8).tobytes()


def _zip(made: Reconstruction) -> bytes:
    from face3d_live.export.bundle import zip_bytes

    return zip_bytes(made.files)
