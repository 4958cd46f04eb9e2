"""Which stream of a file is meant, for pictures and for sound; damage, and what is no video."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from video_support import picture, write

from face3d_live.errors import InputError
from face3d_live.takes import sound
from face3d_live.video import Video

Film = tuple[int, int, int, Disposition, str]  # width, height, frames, disposition, codec
NONE = Disposition(0)


def write_films(path: Path, films: Sequence[Film]) -> Path:
    """A file with several video streams, each of one grey: 40 for the first, 80 for the second, and so on."""
    with av.open(str(path), "w") as target:
        streams = []
        for width, height, _, disposition, codec in films:
            stream = target.add_stream(codec, rate=30)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.disposition = disposition
            streams.append(stream)
        for number, (stream, (width, height, count, _, _)) in enumerate(zip(streams, films, strict=True), 1):
            for _ in range(count):
                grey = np.full((height, width, 3), 40 * number, np.uint8)
                target.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "rgb24")))
            target.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("films", "chosen"),
    [
        pytest.param(
            [(64, 48, 2, Disposition.default, "mjpeg"), (160, 120, 20, NONE, "libx264")], 2, id="preview first"
        ),
        pytest.param([(160, 120, 20, NONE, "libx264"), (64, 48, 20, Disposition.default, "libx264")], 1, id="largest"),
        pytest.param([(96, 64, 20, NONE, "libx264"), (96, 64, 20, Disposition.default, "libx264")], 2, id="default"),
        pytest.param([(96, 64, 20, NONE, "libx264"), (96, 64, 20, NONE, "libx264")], 1, id="first"),
        pytest.param([(320, 240, 1, NONE, "mjpeg"), (96, 64, 20, NONE, "libx264")], 2, id="large still"),
    ],
)
@pytest.mark.parametrize("name", ["a.mkv", "a.mov"])
def test_the_stream_that_is_meant(tmp_path, name, films, chosen):
    with Video.open(write_films(tmp_path / name, films)) as video:
        frames = [rgb for rgb, _ in video]
    width, height, count, _, _ = films[chosen - 1]
    assert len(frames) == count and frames[0].shape == (height, width, 3)
    assert frames[0].mean() == pytest.approx(40 * chosen, abs=4)


def cover(side: int = 400) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture(90, side, side)).save(out, "JPEG")
    return out.getvalue()


def with_cover(path: Path, frames: int) -> Path:
    """An MP4 or an M4A with a cover in its tags, larger than the film of so many frames."""
    with av.open(str(path), "w", format="mp4") as target:
        film = target.add_stream("libx264", rate=30) if frames else None
        voice = target.add_stream("aac", rate=48_000)
        art = target.add_stream("mjpeg", rate=1)
        art.width = art.height = 400
        art.pix_fmt, art.disposition = "yuvj420p", Disposition.attached_pic
        if film is not None:
            film.width, film.height, film.pix_fmt = 96, 64, "yuv420p"
            for _ in range(frames):
                target.mux(film.encode(av.VideoFrame.from_ndarray(picture(), "rgb24")))
            target.mux(film.encode(None))
        quiet = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), format="fltp", layout="mono")
        quiet.sample_rate = 48_000
        target.mux([*voice.encode(quiet), *voice.encode(None)])
        target.mux([*art.encode(av.VideoFrame.from_ndarray(picture(90, 400, 400), "rgb24")), *art.encode(None)])
    return path


def test_a_cover_is_no_video(tmp_path):
    with pytest.raises(InputError, match=r"not-a-video.*cover"):
        Video.open(with_cover(tmp_path / "a.m4a", 0))
    with Video.open(with_cover(tmp_path / "a.mp4", 10)) as video:
        assert {rgb.shape for rgb, _ in video} == {(64, 96, 3)}


def test_the_cover_of_an_mp3_is_no_video(tmp_path):
    """ID3v2.3 with an APIC frame, then silence: MPEG-1 layer III frames without side information."""
    apic = b"\x00image/jpeg\x00\x03\x00" + cover()
    body = b"APIC" + len(apic).to_bytes(4, "big") + b"\x00\x00" + apic
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    (tmp_path / "a.mp3").write_bytes(b"ID3\x03\x00\x00" + size + body + (b"\xff\xfb\x90\xc4" + bytes(413)) * 40)
    with pytest.raises(InputError, match=r"not-a-video.*cover"):
        Video.open(tmp_path / "a.mp3")


# --- sound ----------------------------------------------------------------------------------------------------------

LOUD = 12_000


def write_sounds(path: Path, sounds: Sequence[tuple[int, float, Disposition]]) -> Path:
    """One second of pictures, and sounds of (channels, seconds, disposition): the n-th one's level is n * 4000."""
    with av.open(str(path), "w") as target:
        film = target.add_stream("libx264", rate=30)
        film.width, film.height, film.pix_fmt = 96, 64, "yuv420p"
        streams = []
        for channels, _, disposition in sounds:
            stream = target.add_stream("pcm_s16le", rate=48_000, layout={1: "mono", 2: "stereo"}[channels])
            stream.disposition = disposition
            streams.append(stream)
        for _ in range(30):
            target.mux(film.encode(av.VideoFrame.from_ndarray(picture(), "rgb24")))
        target.mux(film.encode(None))
        for number, (stream, (channels, seconds, _)) in enumerate(zip(streams, sounds, strict=True), 1):
            samples = np.full((1, channels * round(48_000 * seconds)), 4000 * number, np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=stream.codec_context.layout.name)
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
            target.mux([*stream.encode(frame), *stream.encode(None)])
    return path


@pytest.mark.parametrize(
    ("sounds", "chosen"),
    [
        pytest.param([(1, 1, NONE), (1, 1, Disposition.default)], 2, id="default"),
        pytest.param([(1, 1, NONE), (2, 1, NONE)], 2, id="channels"),
        pytest.param([(2, 1, Disposition.default | Disposition.comment), (1, 1, NONE)], 2, id="no commentary"),
        pytest.param([(1, 1, Disposition.hearing_impaired), (1, 1, NONE)], 2, id="not for the deaf"),
        pytest.param([(1, 1, Disposition.visual_impaired)], 1, id="unless alone"),
        pytest.param([(1, 1, NONE), (1, 1, NONE)], 1, id="first"),
    ],
)
def test_the_sound_that_is_meant(tmp_path, sounds, chosen):
    path = write_sounds(tmp_path / "a.mkv", sounds)
    sound.extract(path, tmp_path / "a.wav")
    heard = np.concatenate(list(sound.chunks(tmp_path / "a.wav")))
    assert np.median(heard) == pytest.approx(4000 * chosen, abs=40)


def pulses(path: Path, brightest: int, *, begin: float = 0.0) -> Path:
    """A second of 30 frames, of which one is bright, with a beep in the same moment; MPEG-TS."""
    with av.open(str(path), "w", format="mpegts") as target:
        film, voice = target.add_stream("libx264", rate=30), target.add_stream("mp2", rate=48_000, layout="mono")
        film.width, film.height, film.pix_fmt = 96, 64, "yuv420p"
        for i in range(30):
            grey = np.full((64, 96, 3), 220 if i == brightest else 40, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, "rgb24")
            frame.pts, frame.time_base = i + round(30 * begin), Fraction(1, 30)
            target.mux(film.encode(frame))
        samples = np.zeros(48_000, np.int16)
        samples[1600 * brightest :][:1600] = LOUD
        heard = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        heard.sample_rate, heard.pts, heard.time_base = 48_000, round(48_000 * begin), Fraction(1, 48_000)
        target.mux([*film.encode(None), *voice.encode(heard), *voice.encode(None)])
    return path


@pytest.mark.parametrize("begin", [0.0, 500.0])
def test_sound_stays_with_its_pictures_where_the_times_break(tmp_path, begin):
    """Two recordings joined: the second one's timestamps begin again, or jump ahead."""
    first, second = pulses(tmp_path / "1.ts", 10), pulses(tmp_path / "2.ts", 20, begin=begin)
    path = tmp_path / "a.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    with Video.open(path) as video:
        frames = [(t, rgb.mean()) for rgb, t in video]
    bright = [t for t, level in frames if level > 130]
    assert bright == pytest.approx([10 / 30, 50 / 30], abs=0.01)
    assert sound.extract(path, tmp_path / "a.wav") == pytest.approx(2.0, abs=0.1)
    heard = np.concatenate(list(sound.chunks(tmp_path / "a.wav")))
    loud = np.flatnonzero(np.abs(heard.astype(int)) > LOUD / 3) / sound.RATE
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > 0.3) + 1)
    assert [part[0] for part in parts] == pytest.approx(bright, abs=0.04)


# --- damage, and other files ----------------------------------------------------------------------------------------


def test_a_still_with_a_films_name_is_a_film_of_one_frame(tmp_path):
    (tmp_path / "a.mp4").write_bytes(cover(80))
    with Video.open(tmp_path / "a.mp4") as video:
        assert [rgb.shape for rgb, _ in video] == [(80, 80, 3)]


def test_an_animation_that_cannot_be_decoded_says_so(tmp_path):
    from PIL import Image

    stills = [Image.fromarray(picture(40 * i)) for i in range(4)]
    stills[0].save(tmp_path / "a.webp", save_all=True, append_images=stills[1:], duration=100)
    with pytest.raises(InputError, match=r"not-a-video.*convert"):
        Video.open(tmp_path / "a.webp")


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.mp4", "a.avi"])
@pytest.mark.parametrize("place", [0.3, 0.6])
@pytest.mark.slow
def test_garbage_in_the_middle(tmp_path, name, place):
    noise = np.random.default_rng(4)
    frames = [noise.integers(0, 255, (64, 96, 3), np.uint8) for _ in range(60)]
    path = write(tmp_path / name, frames, options={"g": "5", "crf": "20"})
    data = bytearray(path.read_bytes())
    at = round(place * len(data))
    data[at : at + 4000] = noise.integers(0, 255, 4000, np.uint8).tobytes()
    path.write_bytes(bytes(data))
    with Video.open(path) as video:
        times = [t for _, t in video]
    assert len(times) >= 40 and (np.diff(times) > 0).all() and times[-1] > 1.5


def test_streams_that_begin_in_the_middle(tmp_path):
    """Two transport streams joined that number their streams differently: the first one's pictures, and no crash."""
    first = write(tmp_path / "1.ts", 12)
    second = write(tmp_path / "2.ts", 12, container={"mpegts_start_pid": "300", "mpegts_pmt_start_pid": "310"})
    (tmp_path / "a.ts").write_bytes(first.read_bytes() + second.read_bytes())
    with Video.open(tmp_path / "a.ts") as video:
        assert len(list(video)) >= 12


def test_a_size_that_changes_on_the_way(tmp_path):
    """A browser's recording of a phone that is turned."""
    small, large = (
        write(tmp_path / f"{n}.ts", [picture(60, *size)] * 10) for n, size in ((1, (96, 64)), (2, (64, 96)))
    )
    (tmp_path / "a.ts").write_bytes(small.read_bytes() + large.read_bytes())
    with Video.open(tmp_path / "a.ts") as video:
        shapes = [rgb.shape for rgb, _ in video]
    assert shapes == [(64, 96, 3)] * 10 + [(96, 64, 3)] * 10


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv"])
def test_a_title_that_is_not_utf8(tmp_path, name):
    """As old cameras and editors write it, in the code page of their country."""
    path = write(tmp_path / name, 4, tags={"title": "Muenchen"})
    data = path.read_bytes()
    assert b"Muenchen" in data
    path.write_bytes(data.replace(b"Muenchen", b"M\xfcnchen!"))
    with Video.open(path) as video:
        assert len(list(video)) == 4
    assert sound.extract(path, tmp_path / "a.wav") == 0


@pytest.mark.parametrize("name", ["größe.mp4", "顔.mkv", b"caf\xe9.mp4"])
def test_names_of_any_kind(tmp_path, name):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + os.fsencode(name)))
    path.write_bytes(write(tmp_path / f"plain{path.suffix}", 4).read_bytes())
    with Video.open(path) as video:
        assert len(list(video)) == 4
