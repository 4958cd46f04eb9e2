"""The worker process's tasks: heads from photos, textures from keyframes. Slow imports happen there, on first use."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.export.vrm_meta import VrmMeta
from face3d_live.live.engine.pipeline import TEXTURE_SIZE
from face3d_live.live.worker.head_edit import HeadEdit
from face3d_live.live.worker.live_texture import LiveTexture
from face3d_live.live.worker.process import Report
from face3d_live.regress.choose import OWN
from face3d_live.styling import AS_SEEN, Styling
from face3d_live.typing import Rgb

if TYPE_CHECKING:
    from face3d_live.head.topology import Level
    from face3d_live.reconstruct import Reconstruction, Reconstructor
    from face3d_live.texture.fuse import TextureFuser
    from face3d_live.track.detector import Detection


@cache
def _reconstructor(regressor: str) -> Reconstructor:
    from face3d_live.reconstruct import Reconstructor

    # On the CPU, as the engine uses the GPU.
    return Reconstructor("cpu", regressor=regressor)


@cache
def _fuser(regressor: str) -> TextureFuser:
    from face3d_live.texture.albedo import Albedo
    from face3d_live.texture.fuse import TextureFuser

    return TextureFuser(_reconstructor(regressor).head, Albedo.load(), TEXTURE_SIZE)


#: Faces of a photo as plain data: box, score and keypoints of each `Detection`.
Detections = list[dict[str, Any]]


def to_plain(detections: Iterable[Detection]) -> Detections:
    """Detections as JSON can hold them, exactly."""
    return [{"box": d.box.tolist(), "score": d.score, "keypoints": d.keypoints.tolist()} for d in detections]


def from_plain(plain: Detections) -> list[Detection]:
    """The inverse of `to_plain`."""
    from face3d_live.track.detector import Detection

    return [Detection(np.array(p["box"], np.float32), p["score"], np.array(p["keypoints"], np.float32)) for p in plain]


def snapshot(report: Report, rgb: Rgb, codes: HeadCodes, styling: Styling = AS_SEEN, *, regressor: str = OWN) -> bytes:
    """A zip of the files for a picture (H, W, 3), with the codes that the tracker has found, in this styling."""
    from face3d_live.reconstruct import Options

    return _zip(
        _reconstructor(regressor).frame(
            rgb, codes, Options(hair=styling.hair, glasses=styling.glasses), progress=report
        )
    )


def warm_up(report: Report, *, regressor: str = OWN) -> bytes:
    """Load what `reconstruct_photo` needs ahead of the first photo."""
    maker = _reconstructor(regressor)
    maker.preload()
    maker.faces(np.zeros((64, 64, 3), np.uint8))
    return b""


def reconstruct_photo(
    report: Report,
    photo: bytes,
    *,
    face: int | None = None,
    detections: Detections | None = None,
    mesh: Level = "medium",
    texture: int | Literal["auto"] = "auto",
    sharpen: bool = False,
    refine: bool = True,
    regressor: str = OWN,
) -> bytes:
    """A zip of the files for a face of a photo: the one that is clearly meant, or number `face`, see `find.Choice`.

    detections: of this photo, by `to_plain`; None: it is searched for faces. Raises InputError for what is no photo,
    shows no face, or shows none well enough.
    """
    from face3d_live.reconstruct import Options, load_photo

    options = Options(mesh=mesh, texture=texture, sharpen=sharpen, refine=refine)
    if face is not None:
        options = replace(options, face=face)
    read = load_photo(photo)
    found = None if detections is None else from_plain(detections)
    return _zip(_reconstructor(regressor).photo(read.rgb, options, report, read.warnings, found))


def edit_head(report: Report, made: bytes, edit: HeadEdit, *, regressor: str = OWN) -> bytes:
    """A zip of the files of `made`, the zip of a reconstruction, with an edit."""
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    from face3d_live.export.bundle import zip_bytes
    from face3d_live.reconstruct.edited import Changes

    return zip_bytes(_reconstructor(regressor).edited(files, Changes(edit.posed, edit.styling, edit.to_json())))


def load_texture(report: Report, *, regressor: str = OWN) -> bytes:
    """Load what `fuse_texture` needs ahead of the first frames: by a texture of nobody, as tables are made on first
    use."""
    fuse_texture(report, [(np.full((480, 640, 3), 128, np.uint8), HeadCodes(), 1.0)], regressor=regressor)
    return b""


def make_vrm(report: Report, made: bytes, meta: VrmMeta, *, regressor: str = OWN) -> bytes:
    """head.vrm of `made`, the zip of a reconstruction."""
    from face3d_live.reconstruct.files import vrm_file

    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return vrm_file(files, _reconstructor(regressor).head, meta)


def fuse_texture(report: Report, keyframes: Sequence[tuple[Rgb, HeadCodes, float]], *, regressor: str = OWN) -> bytes:
    """The head's texture from keyframes of one person: (picture (H, W, 3), codes, weight).

    Returns `LiveTexture.to_bytes`.
    """
    fuser = _fuser(regressor)
    fuser.reset()
    for rgb, codes, weight in keyframes:
        height, width = rgb.shape[:2]
        fuser.add(rgb, codes, Camera.webcam(width, height), weight)
    made = LiveTexture(*fuser.texture())
    fuser.reset()
    return made.to_bytes()


def _zip(made: Reconstruction) -> bytes:
    from face3d_live.export.bundle import zip_bytes

    return zip_bytes(made.files)
