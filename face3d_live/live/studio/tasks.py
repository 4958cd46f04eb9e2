"""The studio process's tasks: finding the faces of a photo, and rendering finished heads.

It is a process of its own, so that turning a head stays smooth while the worker makes another one, and so that a
picture that crashes a decoder ends neither. Slow imports happen there, on first use.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import AssetError
from face3d_live.eyewear import Glasses
from face3d_live.hairstyle import AS_SEEN, Hair
from face3d_live.live.studio.view_messages import StudioView
from face3d_live.live.worker.process import Report
from face3d_live.live.worker.tasks import to_plain
from face3d_live.typing import Picture

if TYPE_CHECKING:
    from face3d_live.track.detector import Detector


#: Heads whose textures are on the GPU; the least recently used is dropped for a new one.
MAX_HEADS = 4
#: Side of the picture in pixels, while the view moves and once it rests.
DRAFT_SIDE, FINE_SIDE = 512, 1024
#: Side of the texture that the UV grid is drawn on, at least: on smaller ones its lines would run together.
GRID_SIDE = 2048
_PARTS_SIDE = 256
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


@dataclass
class _Head:
    """codes: without a pose. name: of its texture in the renderer. texture: as its file has it. glasses: the file's.
    shown: the hair of what the renderer has, and whether with the grid."""

    codes: HeadCodes
    name: str
    texture: Picture
    glasses: Glasses
    shown: tuple[Hair, bool] | None = None


class HeadRenderer:
    """A renderer with an LRU cache of heads, each with its own texture."""

    def __init__(self) -> None:
        from face3d_live.head.model import Head
        from face3d_live.render.pictures import studio
        from face3d_live.render.renderer import Renderer

        self._head = Head.load()
        self._renderer = Renderer(self._head, DRAFT_SIDE, DRAFT_SIDE, "medium")
        self._side, self._background = DRAFT_SIDE, studio(DRAFT_SIDE, DRAFT_SIDE)
        self._heads: OrderedDict[str, _Head] = OrderedDict()
        self._free = [f"head {i}" for i in range(MAX_HEADS)]

    def load(self, key: str, params: bytes, texture: bytes) -> None:
        """Add a head to the cache. Raises InputError "not-params" or "not-a-texture"."""
        from face3d_live.export.params import params_from
        from face3d_live.export.png import read_texture

        known, image = params_from(params), read_texture(texture)
        self.unload(key)
        if not self._free:
            self.unload(next(iter(self._heads)))
        name = self._free.pop()
        # Without the photo's pose: the viewer turns the head.
        facing = replace(known.codes, rotation=np.eye(3, dtype=np.float32))
        self._heads[key] = _Head(facing, name, image, known.glasses)
        self._dress(self._heads[key], AS_SEEN, False)

    def render(self, key: str, view: StudioView) -> bytes:
        """See `render` of this module."""
        from face3d_live.render.view import View

        if key not in self._heads:
            raise AssetError("not-loaded", "the head has to be sent first")
        self._heads.move_to_end(key)
        head = self._heads[key]
        self._dress(head, view.styling.hair, view.grid)
        self._resize(FINE_SIDE if view.fine else DRAFT_SIDE)
        image = self._renderer.render(
            view.applied_to(head.codes),
            Camera.webcam(self._side, self._side),  # used by overlays only
            view=View(view.yaw, view.pitch, view.zoom),
            mode=view.mode,
            background=self._background if view.mode == "geometry" else None,
            texture=head.name,
            glasses=view.styling.over_glasses(head.glasses).glasses,
        )
        quality = [cv2.IMWRITE_JPEG_QUALITY, 93 if view.fine else 85]
        return cv2.imencode(".jpg", np.ascontiguousarray(image[..., 2::-1]), quality)[1].tobytes()

    def unload(self, key: str) -> None:
        """Drop a head and overwrite its texture. Unknown heads are no error."""
        if key in self._heads:
            name = self._heads.pop(key).name
            self._renderer.set_texture(np.zeros((4, 4, 4), np.uint8), name)
            self._free.append(name)

    def _dress(self, head: _Head, hair: Hair, grid: bool) -> None:
        """Give the renderer the head's texture with this hair, and with the UV grid over it or without."""
        from face3d_live.texture.hair.scalp import recolour_hair

        if head.shown == (hair, grid):
            return
        texture = recolour_hair(head.texture, hair, self._head)
        if grid:
            texture = self._with_grid(texture)
        self._renderer.set_texture(texture, head.name)
        head.shown = hair, grid

    def _with_grid(self, texture: Picture) -> Picture:
        """The UV grid over the skin: on scalp and eyeballs the renderer looks for the colours of hair and irises."""
        from face3d_live.export.png import uv_grid
        from face3d_live.head.hairline import is_hair
        from face3d_live.texture.texels import texels_of

        low, texels, side = self._head.topology("low"), texels_of(self._head, _PARTS_SIDE), max(GRID_SIDE, len(texture))
        texture = cv2.resize(texture, (side, side), interpolation=cv2.INTER_NEAREST)
        skin = texels.image((texels.part == 0).astype(np.float32))
        drawn = (cv2.resize(skin, (side, side)) > 0.5) & ~is_hair(texture[..., 3])
        wires = uv_grid(texture, low.uv, low.face_uv)
        return np.dstack([np.where(drawn[..., None], wires, texture[..., :3]), texture[..., 3]])

    def _resize(self, side: int) -> None:
        from face3d_live.render.pictures import studio

        if side != self._side:
            self._renderer.resize(side, side)
            self._side, self._background = side, studio(side, side)
