"""Pictures of videos as people should see them: upright, in square pixels, in the right colours, without teeth."""

from __future__ import annotations

import struct
from itertools import product

import numpy as np
import pytest
from video_support import HEIGHT, WIDTH, corners, picture, remux, write

from face3d_live.video import Video
from face3d_live.video.colour import (
    BT709,
    BT2020,
    DISPLAY_P3,
    HLG,
    PQ,
    WHITE,
    ColourMapper,
    Colours,
    coded_to_srgb,
    table_of,
    to_pq,
    xyz_of,
)
from face3d_live.video.picture import deinterlaced, oriented

ONE = 1 << 16
#: (a, b, c, d) of the display matrix: what becomes of the corners "rgb-" (top left, top right, bottom left, ...).
EIGHT = {
    (1, 0, 0, 1): "rgb-",
    (0, 1, -1, 0): "br-g",  # a quarter turn clockwise
    (-1, 0, 0, -1): "-bgr",
    (0, -1, 1, 0): "g-rb",
    (-1, 0, 0, 1): "gr-b",  # left and right change places
    (1, 0, 0, -1): "b-rg",
    (0, 1, 1, 0): "rbg-",
    (0, -1, -1, 0): "-gbr",
}


def matrix_of(a: float, b: float, c: float, d: float) -> list[int]:
    return [round(a * ONE), round(b * ONE), 0, round(c * ONE), round(d * ONE), 0, 0, 0, 1 << 30]


def first(path) -> np.ndarray:
    with Video.open(path) as video:
        return next(iter(video))[0]


# --- orientation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", EIGHT)
@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_all_eight_orientations_of_a_track(tmp_path, name, orientation):
    path = write(tmp_path / name, prepare=lambda stream: stream.set_display_matrix(matrix_of(*orientation)))
    rgb = first(path)
    assert corners(rgb) == EIGHT[orientation]
    assert rgb.shape[:2] == ((HEIGHT, WIDTH) if orientation[0] else (WIDTH, HEIGHT))
    assert rgb.flags.c_contiguous


@pytest.mark.parametrize(
    ("rotate", "flip", "expected"),
    [(90, None, "g-rb"), (180, None, "-bgr"), (270, None, "br-g"), (0, "horizontal", "gr-b"), (0, "vertical", "b-rg")],
)
@pytest.mark.parametrize("name", ["b.h264", "b.ts", "b.mp4"])
def test_the_orientation_inside_of_h264(tmp_path, name, rotate, flip, expected):
    """A "display orientation" SEI, whose turns are anticlockwise (ITU-T H.264, D.2.24)."""
    wanted = f"h264_metadata=display_orientation=insert:rotate={rotate}" + (f":flip={flip}" if flip else "")
    rgb = first(remux(write(tmp_path / "a.mp4"), tmp_path / name, bsf=wanted))
    assert corners(rgb) == expected


@pytest.mark.parametrize("degrees", [-170, -80, -7, 5, 40, 50, 95, 200])
def test_a_matrix_between_two_turns_is_the_nearest(degrees):
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.array(matrix_of(cos, sin, -sin, cos)).reshape(3, 3)  # clockwise
    assert corners(oriented(picture(), matrix)) == corners(np.rot90(picture(), -round(degrees / 90)))


def test_a_matrix_that_is_nothing_changes_nothing():
    for matrix in (None, np.zeros((3, 3)), np.array(matrix_of(0.2, 0, 0, 3)).reshape(3, 3)):
        assert np.array_equal(oriented(picture(), matrix), picture())


# --- pixel aspect ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aspect", "width"), [("4:3", 128), ("8:9", 85), ("16:15", 102), ("1:1", 96), ("0:1", 96), ("9:1", 96), ("1:8", 96)]
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.h264"])
def test_pixels_become_square(tmp_path, name, aspect, width):
    """By the codec alone in a raw stream, by the container as well in the others; nonsense is ignored."""
    bsf = "h264_metadata=sample_aspect_ratio=" + aspect.replace(":", "/")
    path = remux(write(tmp_path / "plain.mp4"), tmp_path / f"whole{name}", bsf=bsf)
    rgb = first(path)
    assert rgb.shape == (HEIGHT, width, 3)
    assert corners(rgb) == "rgb-"


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_square_pixels_and_a_quarter_turn(tmp_path, name):
    """The aspect is that of the stored picture, which is turned afterwards."""
    path = write(tmp_path / "p.mp4", prepare=lambda stream: stream.set_display_matrix(matrix_of(0, 1, -1, 0)))
    rgb = first(remux(path, tmp_path / name, bsf="h264_metadata=sample_aspect_ratio=4/3"))
    assert rgb.shape == (128, HEIGHT, 3)
    assert corners(rgb) == "br-g"


# --- colours --------------------------------------------------------------------------------------------------------

SKIN = np.array([162, 124, 104])
TO_2020 = np.linalg.inv(xyz_of(BT2020)) @ xyz_of(BT709)


def linear(srgb: np.ndarray) -> np.ndarray:
    coded = srgb / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def hlg_of(nits: np.ndarray) -> np.ndarray:
    """BT.2100's inverse OOTF and OETF for a display of 1000 nits."""
    display = nits / 1000
    luminance = display @ [0.2627, 0.6780, 0.0593]
    scene = display * (luminance ** ((1 - 1.2) / 1.2))[..., None]
    return np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    )


def ten_bits(coded: np.ndarray, said: dict[str, int]):
    """A frame of one R'G'B' (3,) colour 0..1 as 10-bit 4:2:0 of limited range, BT.2020's matrix."""
    import av

    r, g, b = coded
    y = 0.2627 * r + 0.6780 * g + 0.0593 * b
    planes = 64 + 876 * y, 512 + 896 * (b - y) / 1.8814, 512 + 896 * (r - y) / 1.4746
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p10le")
    for plane, value in zip(frame.planes, planes, strict=True):
        plane.update(struct.pack("<H", round(value)) * (plane.buffer_size // 2))
    for key, value in said.items():
        setattr(frame, key, value)
    return frame


def hdr_video(path, coded, transfer, *, primaries=9, in_stream=True):
    def prepare(stream):
        if in_stream:
            context = stream.codec_context
            context.color_range, context.colorspace, context.color_primaries, context.color_trc = (
                1,
                9,
                primaries,
                transfer,
            )

    said = {"color_range": 1, "colorspace": 9, "color_primaries": primaries, "color_trc": transfer}
    return write(
        path, 3, codec="libx265", pix_fmt="yuv420p10le", options={"x265-params": "log-level=none:crf=4"},
        prepare=prepare, each=lambda frame: ten_bits(coded, said),
    )  # fmt: skip


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_skin_in_hdr_is_as_bright_as_in_sdr(tmp_path, name, transfer):
    nits = WHITE * TO_2020 @ linear(SKIN)
    coded = to_pq(nits) if transfer == PQ else hlg_of(nits)
    rgb = first(hdr_video(tmp_path / name, coded, transfer))
    assert rgb.shape == (HEIGHT, WIDTH, 3) and rgb.dtype == np.uint8
    assert rgb.reshape(-1, 3).mean(0) == pytest.approx(SKIN, abs=3)


def test_the_table_is_smooth_rises_and_keeps_greys_grey():
    for transfer in (PQ, HLG):
        grey = coded_to_srgb(np.repeat(np.linspace(0, 1, 200)[:, None], 3, 1), transfer, BT2020)
        assert np.ptp(grey, axis=1).max() < 0.003
        assert (np.diff(grey[:, 0]) >= -1e-9).all() and grey[0, 0] == 0 and grey[-1, 0] == pytest.approx(1, abs=1e-3)
        assert table_of(transfer, BT2020)[16, 16, 16] == pytest.approx(coded_to_srgb(np.full(3, 0.5), transfer, BT2020))
    assert 215 < 255 * coded_to_srgb(to_pq(np.full(3, WHITE)), PQ, BT2020)[0] < 245, "paper white is light, not clipped"


@pytest.mark.parametrize(("primaries", "name"), [(BT2020, "a.mp4"), (DISPLAY_P3, "a.mp4"), (BT2020, "a.mkv")])
def test_wide_gamuts_without_hdr(tmp_path, primaries, name):
    to_wide = np.linalg.inv(xyz_of(primaries)) @ xyz_of(BT709)
    light = to_wide @ linear(SKIN)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    rgb = first(hdr_video(tmp_path / name, coded, 1, primaries=primaries))
    assert rgb.reshape(-1, 3).mean(0) == pytest.approx(SKIN, abs=3)


#: kr, kb of the matrices, and their numbers in H.273.
MATRICES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087)}


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full", [False, True])
def test_the_declared_matrix_and_range_count(tmp_path, matrix, full):
    import av

    kr, kb = MATRICES[matrix]
    r, g, b = colour = np.array([200, 90, 60]) / 255
    y = kr * r + (1 - kr - kb) * g + kb * b
    low, luma, chroma = (0, 255, 255) if full else (16, 219, 224)
    values = low + luma * y, 128 + chroma * (b - y) / (2 - 2 * kb), 128 + chroma * (r - y) / (2 - 2 * kr)

    def each(_):
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for plane, value in zip(frame.planes, values, strict=True):
            plane.update(bytes([round(value)]) * plane.buffer_size)
        frame.color_range, frame.colorspace = 1 + full, matrix
        return frame

    def prepare(stream):
        stream.codec_context.color_range, stream.codec_context.colorspace = 1 + full, matrix

    rgb = first(write(tmp_path / "a.mp4", 3, prepare=prepare, each=each))
    assert rgb.reshape(-1, 3).mean(0) == pytest.approx(255 * colour, abs=3)


@pytest.mark.slow
def test_whatever_a_frame_says_of_its_colours_it_becomes_a_picture():
    """Every number of H.273's lists, reserved ones as well: grey stays grey."""
    import av

    for transfer, primaries in ((2, 2), (1, 1), (16, 9), (18, 9), (3, 3), (14, 9), (13, 12), (255, 200)):
        mapper = ColourMapper(Colours(2, 0, 2, 2))
        for matrix, span in product(range(18), range(4)):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 118, np.uint8), "rgb24").reformat(format="yuv420p")
            frame.colorspace, frame.color_range = matrix, span
            frame.color_trc, frame.color_primaries = transfer, primaries
            assert np.ptp(mapper.rgb(frame, 16, 16)) <= 3, (matrix, span, transfer, primaries)


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "name"),
    [("yuv444p", "libx264", "a.mp4"), ("gray", "ffv1", "a.mkv"), ("gray10le", "ffv1", "a.mkv"),
     ("rgb24", "png", "a.mov"), ("yuv422p10le", "ffv1", "a.mkv"), ("yuva420p", "libvpx-vp9", "a.webm"),
     ("rgb8", "gif", "a.gif")],
)  # fmt: skip
def test_other_kinds_of_pixels(tmp_path, pix_fmt, codec, name):
    rgb = first(write(tmp_path / name, [picture(120)] * 3, codec=codec, pix_fmt=pix_fmt))
    assert rgb.shape == (HEIGHT, WIDTH, 3)
    assert rgb[-8:, -8:].mean() == pytest.approx(120, abs=25 if codec == "gif" else 6)
    if "gray" not in pix_fmt:
        assert corners(rgb) == "rgb-"


def test_odd_sizes(tmp_path):
    rgb = first(write(tmp_path / "a.mkv", [picture(90, 97, 65)] * 3, codec="ffv1"))
    assert rgb.shape == (65, 97, 3) and corners(rgb) == "rgb-"


def test_see_through_pixels_lie_over_grey(tmp_path):
    from PIL import Image

    rgba = np.zeros((64, 96, 4), np.uint8)
    rgba[:, :48] = (250, 10, 10, 255)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    rgb = first(tmp_path / "a.png")
    assert rgb[30, 10].tolist() == [250, 10, 10] and rgb[30, 80].tolist() == [128, 128, 128]


@pytest.mark.parametrize("interlaced", [False, True])
def test_no_larger_than_asked_for(tmp_path, interlaced):
    options = {"x264-params": "tff=1", "flags": "+ildct+ilme"} if interlaced else {}
    turned = matrix_of(0, 1, -1, 0)
    path = write(tmp_path / "a.mp4", options=options, prepare=lambda stream: stream.set_display_matrix(turned))
    for most, shape in ((48, (48, 32)), (500, (96, 64))):
        with Video.open(path, most) as video:
            rgb = next(iter(video))[0]
        assert rgb.shape[:2] == shape and corners(rgb) == "br-g"


# --- interlacing ----------------------------------------------------------------------------------------------------


def combed() -> np.ndarray:
    """A bright block that moves to the right by 12 pixels between the two fields."""
    rgb = np.full((64, 96, 3), 40, np.uint8)
    rgb[0::2, 20:50] = 220
    rgb[1::2, 32:62] = 220
    return rgb


def test_a_moving_edge_has_no_teeth():
    rgb = deinterlaced(combed())
    assert (rgb[1:-1, 22:30] > 200).all() and (rgb[1:-1, 52:60] < 60).all(), "the first field's place"
    still = picture()
    assert np.array_equal(deinterlaced(still), still), "what stands still keeps its lines"


def test_only_interlaced_frames_are_touched(tmp_path):
    flagged = {"x264-params": "tff=1", "flags": "+ildct+ilme"}
    rgb = first(write(tmp_path / "i.mp4", [combed()] * 3, options=flagged))
    assert rgb[20:40, 24:28].mean() > 190, "the teeth are gone"
    plain = first(write(tmp_path / "p.mp4", [combed()] * 3))
    assert plain[20:40, 24:28].mean() < 150


@pytest.mark.parametrize("exif", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_the_orientation_of_a_still(tmp_path, form, exif):
    """EXIF beside the matrix, a kind of side data that PyAV 18 cannot list."""
    from PIL import Image, ImageOps

    said = Image.Exif()
    said[0x0112] = exif
    path = tmp_path / f"a.{form.lower()}"
    Image.fromarray(picture()).save(path, form, exif=said)
    with Image.open(path) as still:
        expected = corners(np.asarray(ImageOps.exif_transpose(still).convert("RGB")))
    assert corners(first(path)) == expected


@pytest.mark.parametrize(("shown", "width"), [((128, 64), 128), ((72, 64), 72), ((4, 3), 85), ((255, 1), 96)])
def test_the_shown_size_of_matroska(tmp_path, shown, width):
    """DisplayWidth and DisplayHeight in the element Video, in place of DisplayUnit and of an element after it."""
    path = write(tmp_path / "a.mkv", codec="ffv1")
    data = bytearray(path.read_bytes())
    plain = bytes([0xE0, 0x8A, 0xB0, 0x81, WIDTH, 0xBA, 0x81, HEIGHT]) + bytes.fromhex("54b2810455ee8100")
    where = data.index(plain)
    said = bytes.fromhex("54b081") + bytes(shown[:1]) + bytes.fromhex("54ba81") + bytes(shown[1:])
    data[where + 1] = 0x8E
    data[where + 8 : where + 16] = said
    path.write_bytes(data)
    rgb = first(path)
    assert rgb.shape == (HEIGHT, width, 3) and corners(rgb) == "rgb-"
