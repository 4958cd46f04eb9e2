"""Photos in every colour that cameras and editors write, and damaged files: what `load_photo` makes of them."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from face3d_live.errors import InputError
from face3d_live.reconstruct import load_photo

SKIN = (200, 120, 90)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
D50, D65 = np.array([0.9642, 1, 0.8249]), np.array([0.95047, 1, 1.08883])
SPACES = {  # primaries, white, gamma
    "Display P3": ([(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)], D65, 2.2),
    "Adobe RGB": ([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)], D65, 2.2),
    "ProPhoto": ([(0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)], D50, 1.8),
    "linear Rec. 2020": ([(0.708, 0.292), (0.17, 0.797), (0.131, 0.046)], D65, 1.0),
}


def to_pcs(primaries, white):
    """Linear RGB to XYZ under D50 (ICC.1, annex E)."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    gain = (BRADFORD @ D50) / (BRADFORD @ white)
    return np.linalg.solve(BRADFORD, gain[:, None] * BRADFORD) @ (columns * np.linalg.solve(columns, white))


def icc(kind: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ", device: bytes = b"mntr") -> bytes:
    """A profile of version 2."""
    at, table, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"none", 0x02400000, device, kind, pcs)
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + xyz(D50)[8:] + b"\0" * 48
    return head + struct.pack(">I", len(tags)) + table + body


def xyz(value) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in value))


def curve(gamma) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def rgb_profile(name: str) -> bytes:
    primaries, white, gamma = SPACES[name]
    columns = to_pcs(primaries, white).T
    tags = {letter + b"XYZ": xyz(column) for letter, column in zip((b"r", b"g", b"b"), columns, strict=True)}
    tags |= {letter + b"TRC": curve(gamma) for letter in (b"r", b"g", b"b")}
    return icc(b"RGB ", tags | {b"wtpt": xyz(white)})


def in_space(name: str, srgb=SKIN) -> tuple[int, ...]:
    """The values of an sRGB colour in another space."""
    primaries, white, gamma = SPACES[name]
    value = np.array(srgb) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    native = np.linalg.solve(to_pcs(primaries, white), to_pcs([(0.64, 0.33), (0.3, 0.6), (0.15, 0.06)], D65) @ linear)
    return tuple(round(255 * v) for v in native.clip(0, 1) ** (1 / gamma))


def saved(image: Image.Image, kind: str, **more) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def plain(colour=SKIN, mode="RGB") -> Image.Image:
    return Image.new(mode, (96, 80), colour)


def colour_of(data: bytes) -> list[int]:
    return load_photo(data).rgb[40, 48].tolist()


def chunks(*more: tuple[bytes, bytes]) -> bytes:
    """A PNG of `SKIN` with further chunks before its pixels."""
    png = saved(plain(), "PNG")
    new = b"".join(struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in more)
    return png[:33] + new + png[33:]


# --- profiles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_an_embedded_profile_tells_the_colours(space, kind):
    stored = in_space(space)
    assert max(abs(a - b) for a, b in zip(stored, SKIN, strict=True)) > 8, "the test would pass without the profile"
    exact = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}, "AVIF": {"quality": 100}}
    data = saved(plain(stored), kind, icc_profile=rgb_profile(space), **exact.get(kind, {}))
    assert colour_of(data) == pytest.approx(SKIN, abs=5)
    assert load_photo(data).warnings == ()


def test_a_profile_is_kept_through_palettes_and_alpha():
    profile, stored = rgb_profile("Adobe RGB"), in_space("Adobe RGB")
    assert colour_of(saved(plain(stored).quantize(4), "PNG", icc_profile=profile)) == pytest.approx(SKIN, abs=4)
    clear = plain((*stored, 255), "RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 20, 80))
    read = load_photo(saved(clear, "PNG", icc_profile=profile)).rgb
    assert read[40, 48].tolist() == pytest.approx(SKIN, abs=4) and read[40, 5].tolist() == [128] * 3


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.6])
def test_grey_profiles(gamma):
    profile = icc(b"GRAY", {b"kTRC": curve(gamma), b"wtpt": xyz(D50)})
    linear = ((120 / 255 + 0.055) / 1.055) ** 2.4
    stored = round(255 * linear ** (1 / gamma))
    for mode, colour in (("L", stored), ("LA", (stored, 255))):
        data = saved(plain(colour, mode), "PNG", icc_profile=profile)
        assert colour_of(data) == pytest.approx([120] * 3, abs=3)


def cmyk_profile() -> bytes:
    """A printer whose black ink alone prints: L* = 100 (1 - K)."""
    corners = [(0 if k else 255, 128, 128) for _ in range(8) for k in (0, 1)]
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * np.eye(3, dtype=int)).ravel())
    table += bytes(range(256)) * 4 + bytes(v for corner in corners for v in corner) + bytes(range(256)) * 3
    return icc(b"CMYK", {b"A2B0": table, b"A2B1": table, b"wtpt": xyz(D50)}, b"Lab ", b"prtr")


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks(kind):
    """By their profile, where there is one; a JPEG's are stored inverted, as Adobe does."""
    ink = plain((200, 30, 90, 128), "CMYK")
    with_profile = load_photo(saved(ink, kind, icc_profile=cmyk_profile()))
    assert np.ptp(with_profile.rgb[40, 48]) < 4 and with_profile.rgb[40, 48, 0] == pytest.approx(119, abs=6)
    without = load_photo(saved(plain((0, 100, 140, 20), "CMYK"), kind))
    assert without.rgb[40, 48].tolist() == pytest.approx([235, 143, 106], abs=6)
    assert without.warnings == ("colours",)


def test_lab():
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    assert colour_of(saved(ImageCms.applyTransform(plain(), transform), "TIFF")) == pytest.approx(SKIN, abs=3)


@pytest.mark.parametrize(
    "profile",
    [b"nonsense" * 40, b"\0", rgb_profile("ProPhoto")[:200], icc(b"GRAY", {b"kTRC": curve(1)}), cmyk_profile()],
    ids=["nonsense", "a byte", "cut", "grey for colour", "inks for colour"],
)
def test_a_broken_profile_is_left_out_and_said(profile):
    photo = load_photo(saved(plain(), "PNG", icc_profile=profile))
    assert photo.rgb[40, 48].tolist() == list(SKIN) and photo.warnings == ("colours",)


def test_srgb_by_name_changes_nothing():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = np.random.default_rng(0).integers(0, 256, (80, 96, 3)).astype(np.uint8)
    assert np.array_equal(load_photo(saved(Image.fromarray(noise), "PNG", icc_profile=profile)).rgb, noise)


# --- numbers instead of profiles --------------------------------------------------------------------------------------


def test_adobe_rgb_as_cameras_mark_it():
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 65535
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    data = saved(plain(in_space("Adobe RGB")), "JPEG", exif=exif, quality=100, subsampling=0)
    assert colour_of(data) == pytest.approx(SKIN, abs=4)


def test_png_gamma_and_chromaticities():
    def gamma(value):
        return b"gAMA", struct.pack(">I", round(value * 100000))

    adobe = b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    assert colour_of(chunks(gamma(0.45455))) == list(SKIN)
    assert colour_of(chunks(gamma(1.0)))[1] == pytest.approx(182, abs=2)  # 120 / 255 of the light
    wide = colour_of(chunks(gamma(0.45455), adobe))
    assert wide[0] > SKIN[0] + 15 and wide[1] == pytest.approx(SKIN[1], abs=2)
    assert colour_of(chunks((b"sRGB", b"\0"), gamma(1.0))) == list(SKIN)  # says it more precisely
    nothing = b"cHRM", bytes(32)
    assert colour_of(chunks(gamma(0.45455), nothing)) == list(SKIN)


def test_coding_independent_code_points():
    p3 = colour_of(chunks((b"cICP", bytes([12, 13, 0, 1]))))
    assert p3[0] > SKIN[0] + 8 and p3[2] < SKIN[2] - 3
    assert colour_of(chunks((b"cICP", bytes([1, 13, 0, 1])))) == list(SKIN)
    unknown = chunks((b"cICP", bytes([2, 2, 0, 1])))
    assert colour_of(unknown) == list(SKIN)


@pytest.mark.parametrize(("transfer", "white"), [(16, 0.58), (18, 0.75)], ids=["PQ", "HLG"])
def test_high_dynamic_range_keeps_its_middle(transfer, white):
    """203 nits, which both write at these values, are as bright as white but for what highlights need."""
    pixels = Image.new("RGB", (96, 80), (round(255 * white),) * 3)
    png = saved(pixels, "PNG")
    body = bytes([9, transfer, 0, 1])
    chunk = struct.pack(">I", 4) + b"cICP" + body + struct.pack(">I", zlib.crc32(b"cICP" + body))
    grey = colour_of(png[:33] + chunk + png[33:])
    assert np.ptp(grey) <= 2 and 215 < grey[0] < 252


# --- depth ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [".png", ".tiff"])
def test_sixteen_bits(kind):
    deep = np.full((80, 96, 3), [257 * v for v in SKIN[::-1]], np.uint16)
    assert colour_of(cv2.imencode(kind, deep)[1].tobytes()) == pytest.approx(SKIN, abs=1)
    assert colour_of(cv2.imencode(kind, deep[..., 2])[1].tobytes()) == pytest.approx([200] * 3, abs=1)


def test_sixteen_bits_with_white_at_zero():
    tags = {262: 0}
    data = saved(Image.fromarray(np.full((80, 96), 65535 - 257 * 200, np.uint16)), "TIFF", tiffinfo=tags)
    assert colour_of(data) == pytest.approx([200] * 3, abs=1)


@pytest.mark.parametrize("channels", [(80, 96), (80, 96, 3)], ids=["grey", "colour"])
def test_floating_point_is_refused(channels):
    data = cv2.imencode(".tiff", np.full(channels, 0.5, np.float32))[1].tobytes()
    with pytest.raises(InputError) as refused:
        load_photo(data)
    assert refused.value.code == "unsupported-type"


# --- files without their end ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy():
    """(640, 480): something to see everywhere, so that missing rows are told."""
    rng = np.random.default_rng(1)
    return Image.fromarray(cv2.resize(rng.integers(0, 256, (60, 80, 3)).astype(np.uint8), (640, 480)))


def test_a_jpeg_that_lacks_its_end_alone_is_whole(busy):
    data = saved(busy, "JPEG", quality=90)
    photo = load_photo(data[:-2])
    assert photo.warnings == ("end-missing",)
    assert np.array_equal(photo.rgb[:400], load_photo(data).rgb[:400]) and len(photo.rgb) >= 464


def test_rows_that_are_missing_are_cut_off(busy):
    exif = Image.Exif()
    exif[0x0112] = 3
    whole = load_photo(saved(busy, "JPEG", quality=90)).rgb
    for more, straight in (({}, lambda rgb: rgb), ({"exif": exif}, lambda rgb: rgb[::-1, ::-1])):
        data = saved(busy, "JPEG", quality=90, **more)
        photo = load_photo(data[: int(0.8 * len(data))])
        rows = len(photo.rgb)
        assert photo.warnings == ("end-missing",) and 0.7 * 480 < rows < 0.85 * 480
        assert np.array_equal(straight(photo.rgb), whole[:rows])


def test_a_progressive_jpeg_that_breaks_off_lacks_detail(busy):
    data = saved(busy, "JPEG", quality=90, progressive=True)
    photo = load_photo(data[: int(0.6 * len(data))])
    assert photo.rgb.shape == (480, 640, 3) and photo.warnings == ("end-missing",)


def test_less_than_half_a_picture_is_refused(busy):
    data = saved(busy, "JPEG", quality=90)
    with pytest.raises(InputError) as refused:
        load_photo(data[: len(data) // 3])
    assert refused.value.code == "not-an-image" and "% is there" in refused.value.message


# --- turned, moving, several ------------------------------------------------------------------------------------------

TURNED = {  # what the stored pixels are, by the orientation that brings them upright
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", TURNED)
def test_all_orientations(kind, orientation):
    upright = np.zeros((80, 120, 3), np.uint8)
    upright[:20], upright[:, :16, 0] = 255, 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(TURNED[orientation](upright)))
    read = load_photo(saved(stored, kind, exif=exif)).rgb
    assert read.shape == upright.shape and np.abs(read.astype(int) - upright).mean() < 8


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF", "MPO"])
def test_of_several_pictures_the_first(kind):
    data = saved(plain(), kind, save_all=True, append_images=[plain((0, 0, 255))])
    assert colour_of(data) == pytest.approx(SKIN, abs=4)


def test_broken_exif_is_left_out():
    assert colour_of(saved(plain(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")) == pytest.approx(SKIN, abs=3)
