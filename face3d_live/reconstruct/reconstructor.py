"""`Reconstructor`: a picture in, the files of a head out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from face3d_live.camera import Camera
from face3d_live.checks import checked_rgb
from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.export.params import Params, params_bytes
from face3d_live.eyewear import Glasses
from face3d_live.hairstyle import Hair
from face3d_live.head.model import Head
from face3d_live.reconstruct.advice import refusal
from face3d_live.reconstruct.background import Background
from face3d_live.reconstruct.edited import Changes, edited_files
from face3d_live.reconstruct.files import animated_level, mesh_files, render_png, structure_png, texture_files
from face3d_live.reconstruct.find import Choice, Face, Finder, Found
from face3d_live.reconstruct.fusing import PersonView, one_identity, with_shape
from face3d_live.reconstruct.options import USUAL_TEXTURE, Options, texture_side
from face3d_live.reconstruct.own_topology import check_topology, coefficients_of, own_mesh_file
from face3d_live.reconstruct.quality_gate import Quality, assess
from face3d_live.reconstruct.refinement.refine import Refiner
from face3d_live.reconstruct.report import add_skin, described, part_of_photo
from face3d_live.reconstruct.run import Progress, Run, silent
from face3d_live.regress.choose import OWN, deep3d_folder, load_regressor
from face3d_live.regress.fit import Fitter
from face3d_live.regress.interface import FaceRegressor
from face3d_live.text import shown
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.displacement import estimate_displacement
from face3d_live.texture.hair.scalp import painted_hair, recolour_hair
from face3d_live.texture.portrait import OBSERVED, ObservedTexture, complete_texture, observe_texture
from face3d_live.texture.several import fuse
from face3d_live.texture.sharpen import sharpen
from face3d_live.track.detector import Detection
from face3d_live.typing import Array, Device, Picture, Precision

CONSERVATIVE_TEXTURE = 512
CONSERVATIVE_SHAPE = 0.5  # share of the identity that is kept where the face was hard to see

#: What a reconstruction holds, in the order of a zip.
FILES = (
    "mesh.obj", "mesh.mtl", "head.glb", "texture.png", "normal.png", "hair.png", "texture_grid.png", "render.png",
    "structure.png", "params.npz", "report.json",
)  # fmt: skip


#: What it holds where that is asked for.
ON_REQUEST = ("head.vrm",)


@dataclass(frozen=True)
class Reconstruction:
    """files: name -> bytes, see docs/reconstruct.md; report: the content of report.json."""

    files: dict[str, bytes]
    report: dict[str, Any]


class Reconstructor:
    """Everything that reconstruction needs, loaded when first used. For one thread.

    regressor: "own", or "deep3d:FOLDER". Raises InputError "bad-regressor"; AssetError when a model file or OpenGL is
    missing.
    """

    _own = True  # whether the regressor is this project's

    def __init__(self, device: Device = "auto", precision: Precision = "auto", regressor: str = OWN) -> None:
        self._device: Device = device
        self._precision: Precision = precision
        self._name, self._own = regressor, deep3d_folder(regressor) is None

    @classmethod
    def load(cls, device: Device = "auto", precision: Precision = "auto", regressor: str = OWN) -> Reconstructor:
        """The same as the constructor: nothing is read before it is needed."""
        return cls(device, precision, regressor)

    @cached_property
    def head(self) -> Head:
        return Head.load()

    @cached_property
    def _albedo(self) -> Albedo:
        return Albedo.load()

    @cached_property
    def regressor(self) -> FaceRegressor:
        """The network, loaded at the first use."""
        return load_regressor(self._name, self.head, self._device, self._precision)

    @cached_property
    def finder(self) -> Finder:
        """Detector and network, loaded at the first use."""
        from face3d_live.regress.estimate import Estimator
        from face3d_live.track.detector import Detector

        return Finder(Detector.load(), Estimator(self.regressor, self.head))

    @cached_property
    def _refiner(self) -> Refiner:
        return Refiner(self.head, self._albedo, self._fitter)

    @cached_property
    def _fitter(self) -> Fitter:
        return Fitter(self.head)

    @cached_property
    def _background(self) -> Background:
        return Background(self.head, self._albedo)

    def preload(self) -> None:
        """Load everything that a photo of usual size needs; what is drawn with, and tables, in the background."""
        self._background.load_tables(USUAL_TEXTURE)
        self._background.load_renderer()
        _ = self.finder, self._refiner

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
        run, rgb = self._run(options, progress), checked_rgb(rgb, "photo")
        if run.options.only == "all" and (side := texture_side(run.options, min(rgb.shape[:2]))) <= USUAL_TEXTURE:
            self._background.load_tables(side)  # otherwise the face may be too small for so fine a texture
        found, quality = self._geometry(rgb, run, detections)
        quality = replace(quality, warnings=(*warnings, *quality.warnings))
        run.notes |= part_of_photo(found)
        return self._finish(found.picture(rgb), found.codes, found.camera, run, quality, found.coefficients)

    def geometry(self, rgb: Picture, options: Options | None = None) -> Found:
        """The face of a picture with the codes that its files would hold. Raises as `photo` does."""
        return self._geometry(checked_rgb(rgb, "photo"), self._run(options, None))[0]

    def _geometry(self, rgb: Picture, run: Run, detections: Sequence[Detection] | None = None) -> tuple[Found, Quality]:
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
        run = self._run(options, progress)
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
        found = best.found
        return self._finish(best.rgb, found.codes, found.camera, run, best.quality, found.coefficients, views[1:])

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
        run, camera, coefficients = self._run(options, progress), Camera.webcam(width, height), np.zeros(0, np.float32)
        if not self._own:
            coefficients = coefficients_of(self.regressor, self._fitter, rgb, codes, camera)
        return self._finish(rgb, codes, camera, run, None, coefficients)

    def edited(self, files: Mapping[str, bytes], changes: Changes) -> dict[str, bytes]:
        """The files of a finished reconstruction with changes, see `edited_files`."""
        made = self._background.draw(partial(edited_files, files, changes, self.head, self._albedo)).result()
        return {name: made[name] for name in FILES if name in made}

    def _run(self, options: Options | None, progress: Progress | None) -> Run:
        check_topology(options or Options(), self._own)
        return Run(options or Options(), progress or silent)

    def _finish(
        self, rgb: Picture, codes: HeadCodes, camera: Camera, run: Run, quality: Quality | None, coefficients: Array,
        others: Sequence[PersonView] = (),
    ) -> Reconstruction:  # fmt: skip
        side = texture_side(run.options, 0.0 if quality is None else quality.face)
        if quality is not None and quality.conservative:
            side = min(side, CONSERVATIVE_TEXTURE)
        options = replace(run.options, texture=side)
        report: dict[str, Any] = {"options": run.options.to_json(), "regressor": "own" if self._own else "deep3d"}
        report |= described(options.mesh, side, quality)
        files, hair, glasses = dict[str, bytes](), options.hair, options.glasses
        tables = self._background.load_tables(side)
        self._background.load_renderer()
        if options.only == "all":
            moved = self._background.measure_movements(codes.shape, animated_level(options.mesh))
            with run.stage("texture", 0.4):
                tables.result()
                seen = self._seen(rgb, codes, camera, side)
                if quality is not None and not seen.has_skin:
                    raise refusal("no-skin")
                if others:
                    parts = [self._seen(one.rgb, one.found.codes, one.found.camera, side) for one in others]
                    seen = fuse([seen, *parts], [1.0, *(one.trust for one in others)], self.head)
                skin = complete_texture(seen, rgb, codes, camera, self.head, self._albedo)
                if options.sharpen and report["mode"] == "full":
                    skin = replace(skin, texture=sharpen(skin.texture, seen.known, seen.texels_per_pixel))
            skin = replace(skin, texture=recolour_hair(skin.texture, options.hair, self.head))
            codes, hair, glasses = skin.codes, painted_hair(skin.texture), options.glasses.over(skin.glasses)
            add_skin(report, skin, hair, glasses)
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
            structure = self._background.draw(partial(structure_png, codes, camera))
            if options.only == "all":
                drawn = self._background.draw(partial(render_png, codes, camera, skin.texture, glasses))
                files |= texture_files(self.head, skin.texture)
                files |= mesh_files(
                    self.head, codes, options.mesh, skin.texture, displacement, options.vrm, glasses, moved.result()
                )
                if options.topology == "bfm":
                    files["mesh.obj"] = own_mesh_file(self.regressor, coefficients)
                    for name in ("mesh.mtl", "hair.png"):
                        files.pop(name, None)
                files["render.png"] = drawn.result()
            files["structure.png"] = structure.result()
            files["params.npz"] = params_bytes(self._params(codes, camera, coefficients, hair, glasses))
        report |= run.notes
        report["ms"] = run.ms
        files["report.json"] = (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode()
        run.tell("done", 1.0)
        return Reconstruction({name: files[name] for name in (*FILES, *ON_REQUEST) if name in files}, report)

    def _held_back(self, found: Found) -> Found:
        """The same face with a shape moved towards the mean, pose and expression fitted to that."""
        return with_shape(found, CONSERVATIVE_SHAPE * found.codes.shape, self._fitter)

    def _seen(self, rgb: Picture, codes: HeadCodes, camera: Camera, side: int) -> ObservedTexture:
        return observe_texture(rgb, codes, camera, self.head, self._albedo, side)

    def _params(self, codes: HeadCodes, camera: Camera, coefficients: Array, hair: Hair, glasses: Glasses) -> Params:
        landmarks = self.head.landmarks68(self.head.vertices(codes.shape, codes.expression))
        return Params(codes, landmarks, camera, coefficients=coefficients, hair=hair, glasses=glasses)


def _faced(codes: HeadCodes, camera: Camera) -> tuple[HeadCodes, Camera]:
    """The head straight before a square camera of the same focal length, as far away as it was."""
    side = min(camera.width, camera.height)
    distance = float(np.linalg.norm(codes.translation))
    straight = codes.with_(rotation=np.eye(3, dtype=np.float32), translation=np.array([0, 0, -distance]))
    return straight, Camera(side, side, camera.focal)
