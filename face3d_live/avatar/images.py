"""Decoding of embedded PNG, JPEG and WebP textures, within limits.

Pillow decodes; it is told the formats, and sizes are checked before a pixel is unpacked (an image bomb is a small file
that unpacks to gigabytes).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from face3d_live.avatar.gltf import fields
from face3d_live.avatar.gltf.accessors import Accessors
from face3d_live.avatar.gltf.buffers import decode_uri
from face3d_live.avatar.gltf.fields import Json
from face3d_live.avatar.model import Image
from face3d_live.errors import InputError

MAX_SIDE = 8192
MAX_PIXELS = 8192 * 8192
MAX_IMAGES = 500
#: Texels of all images together that are kept; larger ones are halved until they fit.
MAX_TEXELS = 24 * 1024 * 1024
#: Texels of all images together as they lie in the file: 24 textures of 4096 x 4096. A PNG of so many takes half a
#: minute to unpack.
MAX_DECODED = 24 * 4096 * 4096
#: Wider than this no live picture needs a texture.
KEPT_SIDE = 2048

_TOO_MANY = "the textures are too many and too large: scale them to 2048 pixels"
_FORMATS = ("PNG", "JPEG", "WEBP")
_REPEAT, _MIRROR = 10497, 33648


class Images:
    """The images that materials use, each decoded once."""

    def __init__(self, root: Json, accessors: Accessors) -> None:
        self._accessors = accessors
        self._images = fields.objects(root, "images", MAX_IMAGES)
        self._textures = fields.objects(root, "textures", 2000)
        self._samplers = fields.objects(root, "samplers", 2000)
        self._slots: dict[tuple[int, bool, bool, bool], int] = {}
        self._decoded: dict[int, NDArray[np.uint8]] = {}
        self._texels = self._unpacked = 0

    def slot(self, texture: int, linear: bool = False) -> int | None:
        """Position in `taken` of a texture's image; None where the file has no image that can be read.

        linear: it holds numbers and no colours. Raises InputError "avatar-image", "avatar-external", "avatar-broken" or
        "avatar-too-complex".
        """
        if not 0 <= texture < len(self._textures):
            raise fields.broken(f"texture {texture} does not exist")
        plain = self._textures[texture]
        webp = fields.mapping(fields.mapping(plain, "extensions"), "EXT_texture_webp")
        source = fields.index(webp if "source" in webp else plain, "source", len(self._images), "image")
        if source is None:
            return None
        sampler = fields.index(plain, "sampler", len(self._samplers), "sampler")
        wraps = self._samplers[sampler] if sampler is not None else {}
        key = source, *(wraps.get(way, _REPEAT) in (_REPEAT, _MIRROR) for way in ("wrapS", "wrapT")), linear
        if source not in self._decoded:
            self._decoded[source] = self._decode(source)
        return self._slots.setdefault(key, len(self._slots))  # type: ignore[arg-type]

    def taken(self) -> tuple[Image, ...]:
        """All used images, in the order of their slots, halved until they fit `MAX_TEXELS` together."""
        pictures = dict(self._decoded)
        while sum(picture.size // 4 for picture in pictures.values()) > MAX_TEXELS:
            largest = max(pictures, key=lambda number: pictures[number].size)
            pictures[largest] = _halved(pictures[largest])
        return tuple(Image(pictures[source], (across, down), linear) for source, across, down, linear in self._slots)

    def _decode(self, number: int) -> NDArray[np.uint8]:
        image = self._images[number]
        data, what = self._bytes(image, f"image {number}"), f"image {number}"
        width, height = image_size(data, what)
        self._unpacked += width * height
        if self._unpacked > MAX_DECODED:
            raise InputError("avatar-too-complex", _TOO_MANY)
        picture = decode_image(data, what)
        self._texels += picture.size // 4
        if self._texels > 4 * MAX_TEXELS:
            raise InputError("avatar-too-complex", _TOO_MANY)
        return picture

    def _bytes(self, image: Json, what: str) -> bytes:
        if image.get("uri") is not None:
            return decode_uri(image["uri"], what)
        view = fields.index(image, "bufferView", 2**31, "buffer view")
        if view is None:
            raise fields.broken(f"{what} has no data")
        return bytes(self._accessors.view(view))


def image_size(data: bytes, what: str) -> tuple[int, int]:
    """Width and height by the image's header, nothing unpacked. Raises InputError "avatar-image"."""
    with _reading(what), Pillow.open(io.BytesIO(data), formats=_FORMATS) as image:
        if max(image.size) > MAX_SIDE or image.width * image.height > MAX_PIXELS:
            raise InputError("avatar-image", f"{what} is {image.width} x {image.height}: scale it to 2048 pixels")
        return image.size


def decode_image(data: bytes, what: str) -> NDArray[np.uint8]:  # -> (H, W, 4) sRGB
    """An image of at most `KEPT_SIDE` pixels a side. Raises InputError "avatar-image"."""
    image_size(data, what)
    with _reading(what), Pillow.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.format == "JPEG":
            image.draft("RGB", (KEPT_SIDE, KEPT_SIDE))
        scale = min(1.0, KEPT_SIDE / max(image.size))
        rgba = image.convert("RGBA")
    if scale < 1:
        size = max(1, round(rgba.width * scale)), max(1, round(rgba.height * scale))
        rgba = rgba.resize(size, Pillow.Resampling.BOX)
    return np.asarray(rgba, np.uint8).copy()


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Whatever Pillow's decoders raise on damaged files (struct.error, SyntaxError, ...) is an InputError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own bomb warning: the limits here are stricter
            yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        text = f"{what} cannot be read ({type(error).__name__}): save it as PNG or JPEG and export the model again"
        raise InputError("avatar-image", text) from error


def _halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    size = max(1, width // 2), max(1, height // 2)
    return np.asarray(Pillow.fromarray(picture).resize(size, Pillow.Resampling.BOX))
