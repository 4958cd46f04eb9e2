"""Untrusted bytes to an upright picture."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from face3d_live.reconstruct.advice import refusal
from face3d_live.reconstruct.colour import photo_to_srgb
from face3d_live.typing import Picture

if TYPE_CHECKING:
    from PIL import Image


MOST_PIXELS = 80_000_000  # a photo of a large camera; more is a mistake or an attack
MOST_BYTES = 200_000_000
LEAST_SIDE = 64
#: Decoders that are let near unknown bytes.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
_LEAST_SHOWN = 0.5  # share of the rows that a JPEG without its end has to have
#: What is a TIFF and yet unknown to the decoder has channels that it cannot read: floating point, 64 bits, many.
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG_END, _JPEG_SCAN = b"\xff\xd9", b"\xff\xda"
_SOMETHING_ELSE = bytes(range(1, 251)) * 8  # where a JPEG's code breaks off
_MCU = 16  # rows that a JPEG is coded in at most: the last ones that are there may be damaged

#: (offset, bytes) of files that people take for photos and that are not decoded here.
_OTHER_TYPES = (
    (0, b"%PDF"), (0, b"8BPS"), (4, b"ftyp"), (0, b"<svg"), (0, b"<?xml"), (0, b"\x00\x00\x00\x0cjP"), (0, b"RIFF"),
    (0, b"\x1a\x45\xdf\xa3"), (0, b"PK\x03\x04"), (0, b"\x00\x00\x01\x00"), (0, b"II*\x00\x10\x00\x00\x00CR"),
    (0, b"FUJIFILM"), (0, b"gimp xcf"), (0, b"ID3"), (0, b"P6"), (0, b"v/1\x01"), (0, b"\x76\x2f\x31\x01"),
)  # fmt: skip


@dataclass(frozen=True)
class Photo:
    """rgb: (H, W, 3) sRGB, turned upright by its EXIF; warnings: codes of `advice.WARNINGS`."""

    rgb: Picture
    warnings: tuple[str, ...] = ()


def load_photo(source: Path | bytes) -> Photo:
    """A photo and what could not be read for certain.

    Of an animation or a file of several pictures the first. Raises InputError: "no-file", "not-an-image",
    "unsupported-type", "too-large", "too-small".
    """
    if isinstance(source, bytes):
        return _decode(source, "the upload")
    return _decode(_bytes(source), str(source))


def read_photo(source: Path | bytes) -> Picture:
    """The picture of `load_photo` alone."""
    return load_photo(source).rgb


def read_texture(path: Path) -> Picture:
    """A texture.png (S, S, 3 or 4), as it was written. Raises InputError as `read_photo` does."""
    data = _bytes(path)
    _decode(data, str(path))  # checks size and type
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.dtype != np.uint8:
        raise refusal("not-an-image", str(path))
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB))


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise refusal("too-large", str(path))
        return path.read_bytes()
    except OSError as error:
        raise refusal("no-file", f"{path} ({error.strerror})") from error


def _decode(data: bytes, name: str) -> Photo:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes are checked here, and damaged metadata does not matter
            image, shown = _loaded(data, name)
            if shown < _LEAST_SHOWN:
                raise refusal("not-an-image", f"{name}, of which {shown:.0%} is there")
            image = _upright(image)
            coloured, certain = photo_to_srgb(image, data)
            codes = {"end-missing": shown < 1, "colours": not certain}
            return Photo(_flat(coloured), tuple(code for code, true in codes.items() if true))
    except Image.DecompressionBombError as error:
        raise refusal("too-large", name) from error
    except UnidentifiedImageError as error:
        other = data.startswith(_TIFF) or any(data[at : at + len(sign)] == sign for at, sign in _OTHER_TYPES)
        raise refusal("unsupported-type" if other else "not-an-image", name) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise refusal("not-an-image", name) from error


def _loaded(data: bytes, name: str) -> tuple[Image.Image, float]:
    """(the decoded picture, share of its rows that are there); missing rows are cut off."""
    image = _opened(data, name)
    try:
        image.load()
    except OSError:
        if image.format not in ("JPEG", "MPO"):
            raise
    else:
        return image, 1.0
    closed = _opened(data + _JPEG_END, name)
    closed.load()
    if _scans(data) > 1:  # progressive: what is missing is detail, not rows
        return closed, 0.999
    # Rows that come out otherwise when something else follows are not in the file.
    other = _opened(data + _SOMETHING_ELSE + _JPEG_END, name)
    other.load()
    apart = (np.asarray(closed) != np.asarray(other)).reshape(closed.height, -1).any(1)
    rows = int(np.argmax(apart)) if apart.any() else closed.height
    if rows < closed.height:
        rows = max(rows - _MCU, 1)
    shown = min(rows / closed.height, 0.999)
    cut = closed.crop((0, 0, closed.width, rows))
    cut.info, cut.format = closed.info, "JPEG"
    return cut, shown


def _scans(data: bytes) -> int:
    """How many scans of a JPEG are there at least in part; a thumbnail's do not count."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == _JPEG_SCAN[1]:
            return data.count(_JPEG_SCAN, at)
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0


def _opened(data: bytes, name: str) -> Image.Image:
    """Raises InputError "too-large" and "too-small" before anything is decoded."""
    from PIL import Image

    image = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise refusal("too-large", f"{name} is {width} x {height}")
    if min(width, height) < LEAST_SIDE:
        raise refusal("too-small", f"{name} is {width} x {height}")
    return image


def _upright(image: Image.Image) -> Image.Image:
    """Turned and mirrored by EXIF orientation; unchanged where EXIF cannot be read."""
    from PIL import ImageOps

    with contextlib.suppress(Exception):  # EXIF is whatever a program left there; Pillow fails on it in many ways
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _flat(image: Image.Image) -> Picture:
    """(H, W, 3); see-through pixels over grey."""
    from PIL import Image

    if image.mode == "RGBA":
        whole = Image.new("RGBA", image.size, (128, 128, 128, 255))
        whole.alpha_composite(image)
        image = whole.convert("RGB")
    return np.asarray(image, np.uint8).copy()
