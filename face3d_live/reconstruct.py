"""A photo in, a textured head out: the files of `face3d-live reconstruct`, and of the live snapshot."""

from __future__ import annotations

import io
import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import Face3DError, InputError
from face3d_live.export.bundle import write_folder
from face3d_live.export.obj import mtl_text, obj_text
from face3d_live.export.params import Params, params_bytes
from face3d_live.export.png import png_bytes, uv_grid
from face3d_live.head.mesh import Level
from face3d_live.head.model import Head
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.portrait import skin_of_photo

Picture = NDArray[np.uint8]
Device = Literal["auto", "cpu", "cuda"]
#: progress(stage, share done 0..1)
Progress = Callable[[str, float], None]

MOST_PIXELS = 80_000_000  # a photo of a large camera; more is a mistake or an attack
LEAST_SIDE = 64
WORKING_SIDE = 2048  # a larger photo is scaled down: its face has more pixels than any texture here
SURE = 0.5  # confidence below which a warning is given
TURNED = 0.6  # radians of yaw from where the far side of the face is mostly guessed
RENDER_SIDE, STRUCTURE_SIDE = 768, 256


@dataclass(frozen=True)
class Reconstruction:
    """files: name -> bytes, design section 4; report: what report.json says."""

    files: dict[str, bytes]
    report: dict[str, Any]


def read_photo(source: Path | bytes) -> Picture:
    """A photo upright as RGB (H, W, 3), at most `WORKING_SIDE` on its longer side.

    Raises InputError: "no-file", "not-an-image", "too-large", "too-small".
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = "the upload" if isinstance(source, bytes) else str(source)
    try:
        data = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise InputError("no-file", f"{name} cannot be read ({error.strerror}): check the path") from error
    broken = InputError("not-an-image", f"{name} is no picture that can be read: give a JPEG, PNG or WebP photo")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is judged here
            with Image.open(io.BytesIO(data)) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise InputError("too-large", f"{name} has {width} x {height} pixels: scale it down")
                if min(width, height) < LEAST_SIDE:
                    raise InputError("too-small", f"{name} is {width} x {height}: give {LEAST_SIDE} pixels or more")
                image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))
                upright = ImageOps.exif_transpose(image).convert("RGB")
                upright.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS)
                return np.asarray(upright, np.uint8).copy()
    except Image.DecompressionBombError as error:
        raise InputError("too-large", f"{name} has far too many pixels: scale it down") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise broken from error


class Reconstructor:
    """Everything that reconstruction needs, loaded when first used. For one thread.

    Raises AssetError when a model file or OpenGL is missing.
    """

    def __init__(self, device: Device = "auto") -> None:
        self._device: Device = device

    @cached_property
    def head(self) -> Head:
        return Head.load()

    @cached_property
    def _albedo(self) -> Albedo:
        return Albedo.load()

    @cached_property
    def _estimator(self) -> Any:
        from face3d_live.regress.estimate import Estimator
        from face3d_live.regress.runtime import Regressor

        return Estimator(Regressor.load(self._device), self.head)

    @cached_property
    def _detector(self) -> Any:
        from face3d_live.track.detector import Detector

        return Detector.load()

    @cached_property
    def _renderer(self) -> Any:
        from face3d_live.render.renderer import Renderer

        return Renderer(self.head, RENDER_SIDE, RENDER_SIDE, level="medium", samples=4)

    def find(self, rgb: Picture) -> tuple[HeadCodes, Camera, float]:
        """(codes, camera, confidence) of the largest face of a picture. Raises InputError("no-face")."""
        from face3d_live.still import look_again
        from face3d_live.track.tracker import Tracker

        found = Tracker(self._estimator, self.head, self._detector, smooth=False).update(rgb, 0.0)
        if not found.face:
            raise InputError("no-face", "no face was found: give a photo that shows a face from the front")
        codes = look_again(self._estimator, rgb, found.raw, found.camera)
        return codes, found.camera, found.confidence

    def photo(
        self, rgb: Picture, mesh: Level = "medium", texture: int = 1024, progress: Progress | None = None
    ) -> Reconstruction:
        """The files of a picture (H, W, 3) of which nothing else is known. Raises InputError("no-face")."""
        tell = progress or _silent
        tell("face", 0.0)
        begun = time.perf_counter()
        codes, camera, confidence = self.find(rgb)
        timings = {"face": _ms(begun)}
        return self._finish(rgb, codes, camera, confidence, mesh, texture, tell, timings)

    def frame(
        self, rgb: Picture, codes: HeadCodes, mesh: Level = "medium", texture: int = 1024,
        progress: Progress | None = None,
    ) -> Reconstruction:  # fmt: skip
        """The files of a frame whose codes the tracker has found already, as seen by `Camera.webcam`."""
        height, width = rgb.shape[:2]
        return self._finish(rgb, codes, Camera.webcam(width, height), 1.0, mesh, texture, progress or _silent, {})

    def _finish(
        self, rgb: Picture, codes: HeadCodes, camera: Camera, confidence: float, level: Level, size: int,
        tell: Progress, timings: dict[str, float],
    ) -> Reconstruction:  # fmt: skip
        tell("texture", 0.3)
        begun = time.perf_counter()
        skin = skin_of_photo(rgb, codes, camera, self.head, self._albedo, size)
        timings["texture"] = _ms(begun)
        tell("pictures", 0.6)
        begun = time.perf_counter()
        files = self._mesh_files(skin.codes, level) | self._pictures(rgb, skin.codes, camera, skin.texture)
        timings["files"] = _ms(begun)
        neutral = self.head.vertices(skin.codes.shape, skin.codes.expression)
        files["params.npz"] = params_bytes(Params(skin.codes, self.head.landmarks68(neutral), camera))
        report = {
            "ms": {name: round(ms, 1) for name, ms in timings.items()},
            "confidence": round(confidence, 3),
            "observed": round(skin.observed, 3),
            "mesh": level,
            "texture": size,
            "warnings": _warnings(skin.codes, camera, confidence),
        }
        files["report.json"] = (json.dumps(report, indent=1) + "\n").encode()
        tell("done", 1.0)
        return Reconstruction({name: files[name] for name in FILES}, report)

    def _mesh_files(self, codes: HeadCodes, level: Level) -> dict[str, bytes]:
        mesh = self.head.mesh(level)
        vertices = mesh.refine(self.head.vertices(codes.shape, codes.expression))
        text = obj_text(vertices, mesh.faces, mesh.uv, mesh.face_uv, mesh.normals(vertices))
        return {"mesh.obj": text.encode(), "mesh.mtl": mtl_text().encode()}

    def _pictures(self, rgb: Picture, codes: HeadCodes, camera: Camera, texture: Picture) -> dict[str, bytes]:
        low = self.head.mesh("low")
        renderer = self._renderer
        renderer.set_texture(texture)
        renderer.resize(RENDER_SIDE, RENDER_SIDE)
        render = renderer.render(codes, camera, mode="avatar")
        renderer.resize(STRUCTURE_SIDE, STRUCTURE_SIDE)
        structure = renderer.render(codes, camera, mode="geometry", background=(0.0, 0.0, 0.0))
        return {
            "texture.png": png_bytes(texture),
            "texture_grid.png": png_bytes(uv_grid(texture, low.uv, low.face_uv)),
            "render.png": png_bytes(np.ascontiguousarray(render[..., :3])),
            "structure.png": png_bytes(np.ascontiguousarray(structure[..., 1])),
        }


#: What a reconstruction holds, in the order of a zip.
FILES = (
    "mesh.obj", "mesh.mtl", "texture.png", "texture_grid.png", "render.png", "structure.png", "params.npz",
    "report.json",
)  # fmt: skip


def reconstruct_photos(
    paths: Sequence[Path], out: Path, mesh: Level = "medium", texture: int = 1024, device: Device = "auto"
) -> int:
    """The command: one photo into `out`, several into a folder each inside it. Returns the exit code.

    A photo that fails prints `error: CODE: what to do` and leaves nothing; the others go on.
    """
    maker, failed = Reconstructor(device), False
    for path, folder in zip(paths, _folders(paths, out), strict=True):
        try:
            made = maker.photo(read_photo(path), mesh, texture)
            write_folder(made.files, folder)
        except Face3DError as error:
            failed = True
            where = "" if len(paths) == 1 or str(path) in error.message else f"{path}: "
            print(f"error: {error.code}: {where}{error.message}", file=sys.stderr)
        except OSError as error:
            failed = True
            print(f"error: not-written: {folder} cannot be written ({error.strerror})", file=sys.stderr)
        else:
            total = sum(made.report["ms"].values()) / 1e3
            notes = "".join(f"; {note}" for note in made.report["warnings"])
            print(f"{folder}: {mesh} mesh, {texture} texture, {total:.1f} s{notes}")
    return 1 if failed else 0


def _folders(paths: Sequence[Path], out: Path) -> list[Path]:
    """A folder for each photo, named after it; photos of the same name get a number."""
    if len(paths) == 1:
        return [out]
    taken: set[str] = set()
    folders = []
    for path in paths:
        name, count = path.stem or "photo", 1
        while name in taken:
            count += 1
            name = f"{path.stem}-{count}"
        taken.add(name)
        folders.append(out / name)
    return folders


def _warnings(codes: HeadCodes, camera: Camera, confidence: float) -> list[str]:
    """What a user should know about the result, in words."""
    found = []
    if confidence < SURE:
        found.append("the face was hard to see: expect errors")
    if abs(np.arctan2(codes.rotation[0, 2], codes.rotation[2, 2])) > TURNED:
        found.append("the face is turned away: its far side is a guess")
    if camera.focal * 0.15 / -codes.translation[2] < 60:
        found.append("the face is small: the texture is blurred")
    return found


def _ms(begun: float) -> float:
    return (time.perf_counter() - begun) * 1e3


def _silent(stage: str, share: float) -> None:
    """Progress that nobody watches."""
