"""Bytes to an upright picture, without trusting them."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.reconstruct.advice import refusal

if TYPE_CHECKING:
    from PIL import Image

Picture = NDArray[np.uint8]

MOST_PIXELS = 80_000_000  # a photo of a large camera; more is a mistake or an attack
MOST_BYTES = 200_000_000
LEAST_SIDE = 64
WORKING_SIDE = 2048  # a larger photo is scaled down: its face has more pixels than any texture here
#: Decoders that are let near unknown bytes.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")

#: (offset, bytes) of files that people take for photos and that are not decoded here.
_OTHER_TYPES = (
    (0, b"%PDF"), (0, b"8BPS"), (4, b"ftyp"), (0, b"<svg"), (0, b"<?xml"), (0, b"\x00\x00\x00\x0cjP"), (0, b"RIFF"),
    (0, b"\x1a\x45\xdf\xa3"), (0, b"PK\x03\x04"), (0, b"\x00\x00\x01\x00"), (0, b"II*\x00\x10\x00\x00\x00CR"),
    (0, b"FUJIFILM"), (0, b"gimp xcf"), (0, b"ID3"), (0, b"P6"), (0, b"v/1\x01"), (0, b"\x76\x2f\x31\x01"),
)  # fmt: skip


def read_photo(source: Path | bytes) -> Picture:
    """A photo upright as RGB (H, W, 3), at most `WORKING_SIDE` on its longer side.

    Raises InputError: "no-file", "not-an-image", "unsupported-type", "too-large", "too-small".
    """
    if isinstance(source, bytes):
        return _decode(source, "the upload")
    return _decode(_bytes(source), str(source))


def read_texture(path: Path) -> Picture:
    """A texture.png (S, S, 3 or 4), as it was written. Raises InputError as `read_photo` does."""
    data = _bytes(path)
    _decode(data, str(path))  # judges size and type
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


def _decode(data: bytes, name: str) -> Picture:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is judged here
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise refusal("too-large", f"{name} is {width} x {height}")
                if min(width, height) < LEAST_SIDE:
                    raise refusal("too-small", f"{name} is {width} x {height}")
                image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))
                upright = _flat(ImageOps.exif_transpose(image))
                upright.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS)
                return np.asarray(upright, np.uint8).copy()
    except Image.DecompressionBombError as error:
        raise refusal("too-large", name) from error
    except UnidentifiedImageError as error:
        other = any(data[at : at + len(sign)] == sign for at, sign in _OTHER_TYPES)
        raise refusal("unsupported-type" if other else "not-an-image", name) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise refusal("not-an-image", name) from error


def _flat(image: Image.Image) -> Image.Image:
    """RGB; see-through pixels over grey; 16-bit grey brought to eight."""
    from PIL import Image

    if image.mode.startswith("I"):
        values = np.asarray(image, np.float32)
        image = Image.fromarray((values / (257 if values.max() > 255 else 1)).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        whole = image.convert("RGBA")
        image = Image.new("RGBA", whole.size, (128, 128, 128, 255))
        image.alpha_composite(whole)
    return image.convert("RGB")
