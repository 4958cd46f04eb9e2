"""What the studio's child process does: finds the faces of a photo, and draws finished heads.

It is a process of its own so that turning a head stays smooth while the worker makes another one, and so that a
picture that breaks a decoder costs neither. Heavy rooms are imported there, on first use.
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
from face3d_live.live.studio.view_messages import Look
from face3d_live.live.worker.process import Report

if TYPE_CHECKING:
    from face3d_live.track.detector import Detector


#: Heads whose textures are kept ready; one more costs the one that was not looked at for longest its place.
MAX_SITTERS = 4
#: Pixels of a side while the head moves, and once it rests.
DRAFT_SIDE, FINE_SIDE = 512, 1024
_MOST_FACES = 30


def faces(report: Report, photo: bytes) -> bytes:
    """JSON: the picture's width and height, upright, and its faces as {"number", "box": [x0, y0, x1, y1] in 0..1,
    "score"}, the largest first.

    The numbers are those of `find.Choice`, which knows further faces that are in doubt.
    Raises InputError as `read_photo` does, and "no-face".
    """
    from face3d_live.reconstruct import read_photo
    from face3d_live.reconstruct.advice import refusal
    from face3d_live.reconstruct.search import search
    from face3d_live.track.detector import SURE

    rgb = read_photo(photo)
    found = list(enumerate(search(_detector(), rgb), 1))
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
        for number, face in found[:_MOST_FACES]
        if number == 1 or face.score >= SURE
    ]
    return json.dumps({"width": width, "height": height, "faces": plain}).encode()


def prepare(report: Report) -> bytes:
    """Load what the first head will need."""
    _easel()
    return b""


def draw(report: Report, key: str, look: Look, files: tuple[bytes, bytes] | None) -> bytes:
    """A JPEG of the head `key`. files: its params.npz and texture.png, when it has not been drawn yet.

    Raises AssetError "not-seated" when it is not known, and no files are given.
    """
    easel = _easel()
    if files is not None:
        easel.seat(key, *files)
    return easel.draw(key, look)


def forget(report: Report, key: str) -> bytes:
    """Let go of a head."""
    _easel().forget(key)
    return b""


@cache
def _detector() -> Detector:
    from face3d_live.track.detector import Detector

    return Detector.load()


@cache
def _easel() -> Easel:
    return Easel()


class Easel:
    """A renderer and the heads that sit for it, each with a texture of its own."""

    def __init__(self) -> None:
        from face3d_live.head.model import Head
        from face3d_live.render.pictures import studio
        from face3d_live.render.renderer import Renderer

        self._renderer = Renderer(Head.load(), DRAFT_SIDE, DRAFT_SIDE, "medium")
        self._side, self._wall = DRAFT_SIDE, studio(DRAFT_SIDE, DRAFT_SIDE)
        self._sitters: OrderedDict[str, tuple[HeadCodes, str]] = OrderedDict()  # codes, name of the texture
        self._free = [f"head {i}" for i in range(MAX_SITTERS)]

    def seat(self, key: str, params: bytes, texture: bytes) -> None:
        """Get a head ready. Raises InputError "not-params" or "not-a-texture"."""
        from face3d_live.export.params import params_from

        codes = params_from(params).codes
        image = cv2.imdecode(np.frombuffer(texture, np.uint8), cv2.IMREAD_UNCHANGED)
        if image is None or image.ndim != 3 or image.shape[2] != 4:
            raise InputError("not-a-texture", "this is no texture.png of face3d-live: give the file as it was written")
        self.forget(key)
        if not self._free:
            self.forget(next(iter(self._sitters)))
        name = self._free.pop()
        self._renderer.set_texture(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA), name)
        # The photo's pose is of no use here: the viewer turns the head.
        self._sitters[key] = replace(codes, rotation=np.eye(3, dtype=np.float32)), name

    def draw(self, key: str, look: Look) -> bytes:
        """See the function of this name."""
        from face3d_live.render.view import View

        if key not in self._sitters:
            raise AssetError("not-seated", "the head has to be sent first")
        self._sitters.move_to_end(key)
        codes, texture = self._sitters[key]
        self._resize(FINE_SIDE if look.fine else DRAFT_SIDE)
        image = self._renderer.render(
            look.applied_to(codes),
            Camera.webcam(self._side, self._side),  # of use to overlays only
            view=View(look.yaw, look.pitch, look.zoom),
            mode=look.mode,
            background=self._wall if look.mode == "geometry" else None,
            texture=texture,
        )
        quality = [cv2.IMWRITE_JPEG_QUALITY, 93 if look.fine else 85]
        return cv2.imencode(".jpg", np.ascontiguousarray(image[..., 2::-1]), quality)[1].tobytes()

    def forget(self, key: str) -> None:
        """Paint the head's texture over. Unknown heads are no error."""
        if key in self._sitters:
            _, name = self._sitters.pop(key)
            self._renderer.set_texture(np.zeros((4, 4, 4), np.uint8), name)
            self._free.append(name)

    def _resize(self, side: int) -> None:
        from face3d_live.render.pictures import studio

        if side != self._side:
            self._renderer.resize(side, side)
            self._side, self._wall = side, studio(side, side)
