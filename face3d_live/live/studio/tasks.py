"""The studio process's tasks: finding the faces of a photo, and rendering finished heads.

It is a process of its own, so that turning a head stays smooth while the worker makes another one, and so that a
picture that crashes a decoder ends neither. Slow imports happen there, on first use.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import AssetError, InputError
from face3d_live.live.studio.view_messages import StudioView
from face3d_live.live.worker.process import Report
from face3d_live.live.worker.tasks import to_plain

if TYPE_CHECKING:
    from face3d_live.track.detector import Detector


#: Heads whose textures are on the GPU; the least recently used is dropped for a new one.
MAX_HEADS = 4
#: Side of the picture in pixels, while the view moves and once it rests.
DRAFT_SIDE, FINE_SIDE = 512, 1024
_MAX_FACES = 30


def faces(report: Report, photo: bytes) -> bytes:
    """JSON: the picture's width and height, upright, and its faces as {"number", "box": [x0, y0, x1, y1] in 0..1,
    "score"}, the largest first.

    The numbers are those of `find.Choice`, which also has doubtful faces. "detections": all that was found, for
    `worker.tasks.reconstruct_photo`, so that the photo is searched only once.
    Raises InputError as `read_photo` does, and "no-face".
    """
    from face3d_live.reconstruct import read_photo
    from face3d_live.reconstruct.advice import refusal
    from face3d_live.reconstruct.search import search
    from face3d_live.track.detector import SURE

    rgb = read_photo(photo)
    detections = search(_detector(), rgb)
    found = list(enumerate(detections, 1))
    if not found:
        raise refusal("no-face")
    height, width = rgb.shape[:2]
    sides = np.array([width, height, width, height])
    plain = [
        {
            "number": number,
            "box": np.clip(face.box / sides, 0, 1).round(4).tolist(),
            "score": round(face.score, 3),
        }
        for number, face in found[:_MAX_FACES]
        if number == 1 or face.score >= SURE
    ]
    every = to_plain(detections)
    return json.dumps({"width": width, "height": height, "faces": plain, "detections": every}).encode()


def prepare(report: Report) -> bytes:
    """Load the renderer ahead of the first head."""
    _renderer()
    return b""


def render(report: Report, key: str, view: StudioView, files: tuple[bytes, bytes] | None) -> bytes:
    """A JPEG of the head `key`. files: its params.npz and texture.png; None when they were sent before.

    Raises AssetError "not-loaded" when no files are given and the head is not in the cache.
    """
    renderer = _renderer()
    if files is not None:
        renderer.load(key, *files)
    return renderer.render(key, view)


def unload(report: Report, key: str) -> bytes:
    """Drop a head."""
    _renderer().unload(key)
    return b""


@cache
def _detector() -> Detector:
    from face3d_live.track.detector import Detector

    return Detector.load()


@cache
def _renderer() -> HeadRenderer:
    return HeadRenderer()


class HeadRenderer:
    """A renderer with an LRU cache of heads, each with its own texture."""

    def __init__(self) -> None:
        from face3d_live.head.model import Head
        from face3d_live.render.pictures import studio
        from face3d_live.render.renderer import Renderer

        self._renderer = Renderer(Head.load(), DRAFT_SIDE, DRAFT_SIDE, "medium")
        self._side, self._background = DRAFT_SIDE, studio(DRAFT_SIDE, DRAFT_SIDE)
        self._heads: OrderedDict[str, tuple[HeadCodes, str]] = OrderedDict()  # codes, name of the texture
        self._free = [f"head {i}" for i in range(MAX_HEADS)]

    def load(self, key: str, params: bytes, texture: bytes) -> None:
        """Add a head to the cache. Raises InputError "not-params" or "not-a-texture"."""
        from face3d_live.export.params import params_from

        codes = params_from(params).codes
        image = cv2.imdecode(np.frombuffer(texture, np.uint8), cv2.IMREAD_UNCHANGED)
        if image is None or image.ndim != 3 or image.shape[2] != 4:
            raise InputError("not-a-texture", "this is no texture.png of face3d-live: give the file as it was written")
        self.unload(key)
        if not self._free:
            self.unload(next(iter(self._heads)))
        name = self._free.pop()
        self._renderer.set_texture(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA), name)
        # Without the photo's pose: the viewer turns the head.
        self._heads[key] = replace(codes, rotation=np.eye(3, dtype=np.float32)), name

    def render(self, key: str, view: StudioView) -> bytes:
        """See `render` of this module."""
        from face3d_live.render.view import View

        if key not in self._heads:
            raise AssetError("not-loaded", "the head has to be sent first")
        self._heads.move_to_end(key)
        codes, texture = self._heads[key]
        self._resize(FINE_SIDE if view.fine else DRAFT_SIDE)
        image = self._renderer.render(
            view.applied_to(codes),
            Camera.webcam(self._side, self._side),  # used by overlays only
            view=View(view.yaw, view.pitch, view.zoom),
            mode=view.mode,
            background=self._background if view.mode == "geometry" else None,
            texture=texture,
        )
        quality = [cv2.IMWRITE_JPEG_QUALITY, 93 if view.fine else 85]
        return cv2.imencode(".jpg", np.ascontiguousarray(image[..., 2::-1]), quality)[1].tobytes()

    def unload(self, key: str) -> None:
        """Drop a head and overwrite its texture. Unknown heads are no error."""
        if key in self._heads:
            _, name = self._heads.pop(key)
            self._renderer.set_texture(np.zeros((4, 4, 4), np.uint8), name)
            self._free.append(name)

    def _resize(self, side: int) -> None:
        from face3d_live.render.pictures import studio

        if side != self._side:
            self._renderer.resize(side, side)
            self._side, self._background = side, studio(side, side)
