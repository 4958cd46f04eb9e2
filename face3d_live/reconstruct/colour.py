"""Conversion of a decoded photo to 8-bit sRGB, from whatever colour space its file declares.

The colour space is the first of these that the file declares: cICP (PNG, AVIF), an ICC profile, a PNG's sRGB, a PNG's
gAMA and cHRM, the mark of Adobe RGB that cameras write into EXIF (DCF 2.0, interoperability index "R03"). Without any,
the values are sRGB already. Profiles go through LittleCMS, relative colorimetric with black point compensation; the
others through the formulas of ITU-T H.273. PQ and HLG are brought to the range of a screen: 203 nits (ITU-R BT.2408)
become white.

Grey of 16 bits counts from 0 to 65535; where no value is above 255, from 0 to 255. Floating point is refused: such
files hold linear light or encoded values without declaring which.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.reconstruct.advice import refusal
from face3d_live.typing import Array

if TYPE_CHECKING:
    from PIL import Image


_ROWS = 256  # of a picture that are converted at a time: floating point takes four times the memory
_ALIKE = 2  # of 255: a profile that moves no colour further is sRGB by another name

#: Chromaticities x, y of red, green, blue and white.
Primaries = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
_D65 = (0.3127, 0.3290)
_SRGB: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_ADOBE: Primaries = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65)
#: By the numbers of ITU-T H.273, table 2. What is not here is taken for sRGB's.
_PRIMARIES: dict[int, Primaries] = {
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
}
_PQ, _HLG = 16, 18
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_KNEE = 0.6  # linear light from where highlights of PQ and HLG are bent to stay below white


@dataclass(frozen=True)
class _Space:
    """What RGB values mean. decode: values 0..1 to linear light, 1 = white, or above it where hdr."""

    primaries: Primaries
    decode: Callable[[Array], Array]
    hdr: bool = False


def photo_to_srgb(image: Image.Image, data: bytes) -> tuple[Image.Image, bool]:
    """(RGB or RGBA in sRGB, whether its colours are certain). data: the file.

    Raises InputError("unsupported-type") for floating point.
    """
    image = _eight_bits(image)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    flat, certain = _converted(image, data)
    if alpha is not None:
        flat.putalpha(alpha)
    return flat, certain


def _converted(image: Image.Image, data: bytes) -> tuple[Image.Image, bool]:
    cicp, profile = _cicp(data), image.info.get("icc_profile")
    if cicp is not None and (cicp.hdr or not profile or image.format == "PNG"):  # an AVIF's profile goes before its box
        return _through(image.convert("RGB"), cicp), True
    if image.mode == "LAB" or profile:
        converted = _by_profile(image, profile)
        if converted is not None:
            return converted, True
    space = _space_of(image)
    plain = image.convert("RGB")
    return (plain if space is None else _through(plain, space)), not profile and image.mode != "CMYK"


def _eight_bits(image: Image.Image) -> Image.Image:
    """The picture in a mode of eight bits a channel."""
    from PIL import Image

    if image.mode == "F":
        raise refusal("unsupported-type", "floating point")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image, np.float32)
    if values.min() < 0 or values.max() > 65535:
        raise refusal("unsupported-type", "32-bit integers")
    grey = values / (257 if values.max() > 255 else 1)
    tags: Any = getattr(image, "tag_v2", {})
    if tags.get(262) == 0:  # TIFF: white is zero; Pillow sees to it with eight bits only
        grey = 255 - grey
    plain = Image.fromarray((grey + 0.5).clip(0, 255).astype(np.uint8))
    plain.info = image.info
    return plain


# --- ICC profiles -----------------------------------------------------------------------------------------------------


def _by_profile(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """RGB by an embedded profile, or from CIE L*a*b*; None where the profile is broken or means another kind."""
    from PIL import Image, ImageCms

    try:
        if image.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        kind = source.profile.xcolor_space.strip()
        mode = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK", "Lab": "LAB", "LAB": "LAB"}.get(kind)
        if (
            mode is None
            or (mode == "CMYK") != (image.mode == "CMYK")
            or (mode == "L" and image.mode not in ("L", "LA"))
        ):
            return None
        plain = image.convert(mode) if image.mode != mode else image
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if mode == "RGB":
            steps = np.stack(np.meshgrid(*[np.arange(0, 256, 51)] * 3), -1).reshape(1, -1, 3).astype(np.uint8)
            moved = np.asarray(ImageCms.applyTransform(Image.fromarray(steps), transform)).astype(int)
            if np.abs(moved - steps).max() <= _ALIKE:
                return plain
        return ImageCms.applyTransform(plain, transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


# --- spaces declared by numbers ---------------------------------------------------------------------------------------


def _through(image: Image.Image, space: _Space) -> Image.Image:
    """An RGB picture from a space to sRGB."""
    from PIL import Image

    rgb = np.array(image)
    matrix = np.linalg.solve(_to_xyz(_SRGB), _to_xyz(space.primaries)).astype(np.float32)
    table = space.decode(np.linspace(0, 1, 256, dtype=np.float32)).astype(np.float32)
    for top in range(0, len(rgb), _ROWS):
        linear = table[rgb[top : top + _ROWS]] @ matrix.T
        if space.hdr:
            linear = _bent(linear)
        rgb[top : top + _ROWS] = 255 * _srgb_encode(linear.clip(0, 1)) + 0.5
    return Image.fromarray(rgb)


def _bent(linear: Array) -> Array:
    """Highlights brought below 1, colours kept: the largest channel follows a curve that is straight up to `_KNEE`."""
    most = np.maximum(linear.max(-1, keepdims=True), 1e-6)
    above = np.maximum(most - _KNEE, 0) / (1 - _KNEE)
    return np.asarray(linear * (np.minimum(most, _KNEE) + (1 - _KNEE) * (1 - np.exp(-above))) / most, np.float32)


def _to_xyz(primaries: Primaries) -> NDArray[np.float64]:  # (3, 3)
    """Linear RGB to XYZ, white at Y = 1 and adapted to D65 (Bradford)."""
    white = _columns(_D65)
    columns = np.stack([_columns(xy) for xy in primaries[:3]], 1)
    own = _columns(primaries[3])
    cone = (_BRADFORD @ white) / (_BRADFORD @ own)
    adapt = np.linalg.solve(_BRADFORD, cone[:, None] * _BRADFORD)
    return np.asarray(adapt @ (columns * np.linalg.solve(columns, own)))


def _columns(xy: tuple[float, float]) -> NDArray[np.float64]:  # -> (3,)
    """XYZ at Y = 1."""
    x, y = xy
    return np.array([x / y, 1, (1 - x - y) / y])


def _space_of(image: Image.Image) -> _Space | None:
    """The colour space declared by a PNG's chunks or a camera's EXIF; None for sRGB."""
    info = image.info
    if image.format == "PNG" and "srgb" not in info and info.get("gamma"):
        white, *others = np.reshape(info.get("chromaticity") or np.array([*_SRGB[3:], *_SRGB[:3]]), (4, 2)).tolist()
        primaries: Any = tuple(map(tuple, [*others, white]))
        gamma = float(info["gamma"])
        usual = abs(gamma - 1 / 2.2) < 0.005
        if usual and np.allclose(primaries, _SRGB, atol=0.002):
            return None
        if not 0.1 < gamma < 3 or np.linalg.matrix_rank(np.c_[np.array(primaries[:3]), np.ones(3)]) < 3:
            return None
        if min(y for _, y in primaries) <= 0:
            return None
        return _Space(primaries, _srgb_decode if usual else lambda v: v ** (1 / gamma))
    try:
        exif = image.getexif()
        marked = exif.get_ifd(0xA005).get(1, "")
        index = marked.decode("latin-1", "replace") if isinstance(marked, bytes) else str(marked)
    except Exception:  # EXIF is whatever a program left there; Pillow fails on it in many ways
        return None
    return _Space(_ADOBE, lambda v: v**2.19921875) if index.startswith("R03") else None


def _cicp(data: bytes) -> _Space | None:
    """The code points of a PNG's cICP chunk or of an AVIF's nclx box; None where there are none, or they mean sRGB."""
    if data.startswith(b"\x89PNG"):
        at = data.find(b"cICP", 0, data.find(b"IDAT"))
        codes = data[at + 4 : at + 6] if at > 0 else b""
    elif data[4:8] == b"ftyp":
        at = data.find(b"colrnclx", 0, 1 << 16)
        codes = bytes(v & 255 for v in struct.unpack(">HH", data[at + 8 : at + 12])) if at > 0 else b""
    else:
        return None
    if len(codes) != 2 or codes[0] == codes[1] == 2:  # 2: not specified
        return None
    primaries, transfer = codes
    curves: dict[int, Callable[[Array], Array]] = {
        4: lambda v: v**2.2, 5: lambda v: v**2.8, 8: lambda v: v, _PQ: _pq, _HLG: _hlg,
    }  # fmt: skip
    decode = curves.get(transfer, _srgb_decode)  # photos in BT.709's curve are shown as if it were sRGB's
    if decode is _srgb_decode and primaries not in _PRIMARIES:
        return None
    return _Space(_PRIMARIES.get(primaries, _SRGB), decode, transfer in (_PQ, _HLG))


def _srgb_decode(v: Array) -> Array:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _srgb_encode(v: Array) -> Array:
    return np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055).astype(np.float32)


def _pq(v: Array) -> Array:
    """SMPTE ST 2084, in units of 203 nits."""
    p = v ** (1 / 78.84375)
    return np.asarray(
        (10000 / 203 * (np.maximum(p - 0.8359375, 0) / (18.8515625 - 18.6875 * p)) ** (1 / 0.1593017578125)).astype(
            np.float32
        )
    )


def _hlg(v: Array) -> Array:
    """ARIB STD-B67 on a screen of 1000 nits (BT.2100), in units of 203; the system gamma on each channel alone."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(v <= 0.5, v * v / 3, (np.exp((v - c) / a) + b) / 12)
    return (1000 / 203 * scene**1.2).astype(np.float32)
