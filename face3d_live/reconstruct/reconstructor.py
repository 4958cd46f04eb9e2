"""`Reconstructor`: a picture in, the files of a head out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from face3d_live.camera import Camera
from face3d_live.checks import checked_rgb
from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.export.params import Params, params_bytes
from face3d_live.head.model import Head
from face3d_live.reconstruct.advice import WARNINGS, refusal
from face3d_live.reconstruct.files import RENDER_SIDE, mesh_files, pictures, structure_png
from face3d_live.reconstruct.find import Choice, Face, Finder, Found
from face3d_live.reconstruct.fusing import PersonView, one_identity, with_shape
from face3d_live.reconstruct.options import Options
from face3d_live.reconstruct.quality_gate import Quality, assess
from face3d_live.reconstruct.refine import Refiner
from face3d_live.reconstruct.report import described, part_of_photo
from face3d_live.regress.fit import Fitter
from face3d_live.text import shown
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.displacement import estimate_displacement
from face3d_live.texture.portrait import OBSERVED, ObservedTexture, complete_texture, observe_texture
from face3d_live.texture.several import fuse
from face3d_live.texture.sharpen import sharpen
from face3d_live.track.detector import Detection
from face3d_live.typing import Device, Picture, Precision

#: progress(stage, share done 0..1); stages: face, geometry, texture, detail, files, done.
Progress = Callable[[str, float], None]

CONSERVATIVE_TEXTURE = 512
COVERED = 0.03  # occluded share of the visible face from which the warning "covered" is given
CONSERVATIVE_SHAPE = 0.5  # share of the identity that is kept where the face was hard to see

#: What a reconstruction holds, in the order of a zip.
FILES = (
    "mesh.obj", "mesh.mtl", "head.glb", "texture.png", "normal.png", "texture_grid.png", "render.png", "structure.png",
    "params.npz", "report.json",
)  # fmt: skip


@dataclass(frozen=True)
class Reconstruction:
    """files: name -> bytes, see docs/reconstruct.md; report: the content of report.json."""

    files: dict[str, bytes]
    report: dict[str, Any]


@dataclass
class _Run:
    """One reconstruction under way: its clock and who watches."""

    options: Options
    tell: Progress
    ms: dict[str, float] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)  # for the report

    @contextmanager
    def stage(self, name: str, share: float) -> Iterator[None]:
        """Announce a stage and measure it."""
        self.tell(name, share)
        begun = time.perf_counter()
        yield
        self.ms[name] = round((time.perf_counter() - begun) * 1e3, 1)


class Reconstructor:
    """Everything that reconstruction needs, loaded when first used. For one thread.

    Raises AssetError when a model file or OpenGL is missing.
    """

    def __init__(self, device: Device = "auto", precision: Precision = "auto") -> None:
        self._device: Device = device
        self._precision: Precision = precision

    @classmethod
    def load(cls, device: Device = "auto", precision: Precision = "auto") -> Reconstructor:
        """The same as the constructor: nothing is read before it is needed."""
        return cls(device, precision)

    @cached_property
    def head(self) -> Head:
        return Head.load()

    @cached_property
    def _albedo(self) -> Albedo:
        return Albedo.load()

    @cached_property
    def finder(self) -> Finder:
        """Detector and network, loaded at the first use."""
        from face3d_live.regress.estimate import Estimator
        from face3d_live.regress.runtime import Regressor
        from face3d_live.track.detector import Detector

        return Finder(Detector.load(), Estimator(Regressor.load(self._device, precision=self._precision), self.head))

    @cached_property
    def _refiner(self) -> Refiner:
        return Refiner(self.head, self._albedo, self._fitter)

    @cached_property
    def _fitter(self) -> Fitter:
        return Fitter(self.head)

    @cached_property
    def _renderer(self) -> Any:
        from face3d_live.render.renderer import Renderer

        return Renderer(self.head, RENDER_SIDE, RENDER_SIDE, level="medium", samples=4)

    def faces(self, rgb: Picture) -> list[Face]:
        """The faces of a picture, the largest first: what `Options.face` chooses from. Raises ValueError as `photo`."""
        return self.finder.faces(checked_rgb(rgb, "photo"))

    def find(self, rgb: Picture, choice: Choice, detections: Sequence[Detection] | None = None) -> Found:
        """One face of a picture with its codes. detections: of `search`, where it was done before.

        Raises ValueError for what is no picture, InputError: see `Finder.find`.
        """
        return self.finder.find(checked_rgb(rgb, "photo"), choice, detections)

    def photo(
        self, rgb: Picture, options: Options | None = None, progress: Progress | None = None,
        warnings: Sequence[str] = (), detections: Sequence[Detection] | None = None,
    ) -> Reconstruction:  # fmt: skip
        """The files of a picture (H, W, 3) of any size. warnings: codes of what reading it brought up.

        detections: the picture's faces, of `search.search`; None: it is searched.

        Raises InputError: see `Finder.find` and `quality_gate.assess`; ValueError: see `checks.checked_rgb`.
        """
        run, rgb = _Run(options or Options(), progress or _silent), checked_rgb(rgb, "photo")
        found, quality = self._geometry(rgb, run, detections)
        quality = replace(quality, warnings=(*warnings, *quality.warnings))
        run.notes |= part_of_photo(found)
        return self._finish(found.picture(rgb), found.codes, found.camera, run, quality)

    def geometry(self, rgb: Picture, options: Options | None = None) -> Found:
        """The face of a picture with the codes that its files would hold. Raises as `photo` does."""
        return self._geometry(checked_rgb(rgb, "photo"), _Run(options or Options(), _silent))[0]

    def _geometry(
        self, rgb: Picture, run: _Run, detections: Sequence[Detection] | None = None
    ) -> tuple[Found, Quality]:
        """The first two stages."""
        with run.stage("face", 0.0):
            found = self.find(rgb, run.options.face, detections)
            quality = assess(rgb, found)
        with run.stage("geometry", 0.15):
            if run.options.refine and run.options.only == "all":
                refined = self._refiner.refine(found.picture(rgb), found)
                found = replace(found, codes=refined.codes)
                run.notes["refinement"] = refined.to_json()
            if quality.conservative:
                found = self._held_back(found)
        return found, quality

    def person(
        self, pictures: Sequence[tuple[str, Picture]], options: Options | None = None, progress: Progress | None = None
    ) -> Reconstruction:
        """The files of one person from several pictures (name, (H, W, 3)): one identity, one texture; pose and
        expression of the best picture. Pictures that would be refused are left out, and the report says which.

        Raises InputError of the first picture where every one is refused.
        """
        run = _Run(options or Options(), progress or _silent)
        with run.stage("face", 0.0):
            named = [(shown(name), rgb) for name, rgb in pictures]
            views, refused = self._usable_views([(name, checked_rgb(rgb, name)) for name, rgb in named], run.options)
        with run.stage("geometry", 0.25):
            if run.options.refine and run.options.only == "all":
                views = [
                    replace(one, found=replace(one.found, codes=self._refiner.refine(one.rgb, one.found).codes))
                    for one in views
                ]
            views = one_identity(views, self._fitter)
            best = views[0]
            if best.quality.conservative:
                views = [replace(one, found=self._held_back(one.found)) for one in views]
                best = views[0]
        run.notes["fused"] = {"pictures": [one.name for one in views], "left_out": refused}
        return self._finish(best.rgb, best.found.codes, best.found.camera, run, best.quality, views[1:])

    def _usable_views(
        self, pictures: Sequence[tuple[str, Picture]], options: Options
    ) -> tuple[list[PersonView], dict[str, str]]:
        """(the pictures that show the person well enough, name -> code of the others)."""
        views, refused = [], {}
        first: InputError | None = None
        for name, rgb in pictures:
            try:
                found = self.find(rgb, options.face)
                views.append(PersonView(name, found.picture(rgb), found, assess(rgb, found)))
            except InputError as error:
                refused[name], first = error.code, first or error
        if not views:
            raise first or refusal("no-face")
        return views, refused

    def frame(
        self, rgb: Picture, codes: HeadCodes, options: Options | None = None, progress: Progress | None = None
    ) -> Reconstruction:
        """The files of a frame whose codes the tracker has found already, as seen by `Camera.webcam`.

        Raises ValueError: see `photo`.
        """
        rgb = checked_rgb(rgb, "frame")
        height, width = rgb.shape[:2]
        run = _Run(options or Options(), progress or _silent)
        return self._finish(rgb, codes, Camera.webcam(width, height), run, None)

    def _finish(
        self, rgb: Picture, codes: HeadCodes, camera: Camera, run: _Run, quality: Quality | None,
        others: Sequence[PersonView] = (),
    ) -> Reconstruction:  # fmt: skip
        options = run.options
        if quality is not None and quality.conservative:
            options = replace(options, texture=min(options.texture, CONSERVATIVE_TEXTURE))
        report: dict[str, Any] = {"options": run.options.to_json()} | described(options.mesh, options.texture, quality)
        files: dict[str, bytes] = {}
        if options.only == "all":
            with run.stage("texture", 0.4):
                seen = self._seen(rgb, codes, camera, options)
                if quality is not None and not seen.has_skin:
                    raise refusal("no-skin")
                if others:
                    parts = [self._seen(one.rgb, one.found.codes, one.found.camera, options) for one in others]
                    seen = fuse([seen, *parts], [1.0, *(one.trust for one in others)])
                skin = complete_texture(seen, rgb, codes, camera, self.head, self._albedo)
                if options.sharpen and report["mode"] == "full":
                    skin = replace(skin, texture=sharpen(skin.texture, seen.known, seen.texels_per_pixel))
            codes = skin.codes
            report |= {"observed": round(skin.observed, 3), "covered": round(skin.occluded, 3)}
            if skin.occluded > COVERED:
                report["warnings"].append(WARNINGS["covered"].en)
                report["warning_codes"].append("covered")
            displacement = None
            if report["mode"] == "full":
                with run.stage("detail", 0.6):
                    displacement = estimate_displacement(
                        skin.texture, skin.texture[..., 3] == OBSERVED, codes, self.head, self._albedo
                    )
                report["relief_mm"] = round(1e3 * float(np.abs(displacement).max()), 2)
        if options.frontal:
            codes, camera = _faced(codes, camera)
        with run.stage("files", 0.7):
            if options.only == "all":
                files |= mesh_files(self.head, codes, options.mesh, skin.texture, displacement)
                files |= pictures(self.head, codes, camera, skin.texture, self._renderer)
            files["structure.png"] = structure_png(codes, camera, self._renderer)
            files["params.npz"] = params_bytes(self._params(codes, camera))
        report |= run.notes
        report["ms"] = run.ms
        files["report.json"] = (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode()
        run.tell("done", 1.0)
        return Reconstruction({name: files[name] for name in FILES if name in files}, report)

    def _held_back(self, found: Found) -> Found:
        """The same face with a shape moved towards the mean, pose and expression fitted to that."""
        return with_shape(found, CONSERVATIVE_SHAPE * found.codes.shape, self._fitter)

    def _seen(self, rgb: Picture, codes: HeadCodes, camera: Camera, options: Options) -> ObservedTexture:
        return observe_texture(rgb, codes, camera, self.head, self._albedo, options.texture)

    def _params(self, codes: HeadCodes, camera: Camera) -> Params:
        return Params(codes, self.head.landmarks68(self.head.vertices(codes.shape, codes.expression)), camera)


def _faced(codes: HeadCodes, camera: Camera) -> tuple[HeadCodes, Camera]:
    """The head straight before a square camera of the same focal length, as far away as it was."""
    side = min(camera.width, camera.height)
    distance = float(np.linalg.norm(codes.translation))
    straight = codes.with_(rotation=np.eye(3, dtype=np.float32), translation=np.array([0, 0, -distance]))
    return straight, Camera(side, side, camera.focal)


def _silent(stage: str, share: float) -> None:
    """Progress that is not reported."""
