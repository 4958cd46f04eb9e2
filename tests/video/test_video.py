"""Reading videos: true timestamps, phones' rotation, and files that are empty, cut off or no videos at all."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from face3d_live.errors import InputError
from face3d_live.video import Video

TIMES = (0, 33, 66, 150, 183, 500, 533, 566, 600, 633)  # milliseconds: a camera that stutters
SIZE = (64, 96)


def picture(i: int) -> np.ndarray:
    """Grey, brighter with i, with a white block in the top-left corner."""
    rgb = np.full((*SIZE, 3), 20 * i, np.uint8)
    rgb[:16, :32] = 255
    return rgb


def write(path: Path, *, times=TIMES, rotation: int | None = None, options: dict[str, str] | None = None) -> Path:
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "10", "g": "5", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for i, t in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(i % 12), format="rgb24")
            frame.pts, frame.time_base = t, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_frames_and_true_timestamps(tmp_path, name):
    with Video.open(write(tmp_path / name)) as video:
        frames = list(video)
        assert video.warning is None
    assert [t for _, t in frames] == pytest.approx([t / 1000 for t in TIMES], abs=0.002)
    for i, (rgb, _) in enumerate(frames):
        assert rgb.shape == (*SIZE, 3)
        assert rgb.dtype == np.uint8
        assert rgb[40:, 50:].mean() == pytest.approx(20 * i, abs=4)


def test_rate_and_expected_count(tmp_path):
    path = write(tmp_path / "a.mp4", times=[33 * i for i in range(60)])
    with Video.open(path) as video:
        assert video.fps == pytest.approx(30, rel=0.03)
        assert video.expected == pytest.approx(60, abs=2)


@pytest.mark.parametrize(("rotation", "corner"), [(90, (-1, 0)), (-90, (0, -1)), (180, (-1, -1))])
def test_a_phone_held_upright(tmp_path, rotation, corner):
    with Video.open(write(tmp_path / "a.mp4", rotation=rotation)) as video:
        rgb, _ = next(iter(video))
    assert rgb.shape[:2] == (SIZE if rotation == 180 else SIZE[::-1])
    bright = np.argwhere(rgb.min(-1) > 200).mean(0) / rgb.shape[:2]  # the white block, once at the top left
    assert bright == pytest.approx([0.9 if c else 0.15 for c in corner], abs=0.2)


def test_a_still_is_a_video_of_one_frame(tmp_path):
    from PIL import Image

    Image.fromarray(picture(3)).save(tmp_path / "a.png")
    with Video.open(tmp_path / "a.png") as video:
        frames = list(video)
    assert len(frames) == 1
    assert frames[0][0] == pytest.approx(picture(3), abs=2)


@pytest.mark.parametrize("content", [b"hello, this is text\n" * 50, b"\x00" * 4096, b"%PDF-1.7 no"])
@pytest.mark.parametrize("name", ["a.mp4", "a.txt", "a.mkv"])
def test_not_a_video(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught, Video.open(path) as video:
        list(video)
    assert caught.value.code in ("not-a-video", "empty-video")


def test_sound_without_pictures(tmp_path):
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="not-a-video"):
        Video.open(path)


def test_missing_empty_folder(tmp_path):
    with pytest.raises(InputError, match="missing-video"):
        Video.open(tmp_path / "none.mp4")
    (tmp_path / "a.mp4").touch()
    with pytest.raises(InputError, match="empty-video"):
        Video.open(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="not-a-video"):
        Video.open(tmp_path)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_cut_off_yields_what_is_there_and_warns(tmp_path, name):
    options = {"movflags": "faststart"} if name.endswith("mp4") else None
    path = write(tmp_path / name, times=[33 * i for i in range(120)], options=options)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with Video.open(path) as video:
        frames = list(video)
        assert 5 < len(frames) < 100
        assert video.warning is not None
        assert "cut off" in video.warning


def test_cut_off_before_its_index_is_refused(tmp_path):
    path = write(tmp_path / "a.mp4", times=[33 * i for i in range(60)])
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="not-a-video"):
        Video.open(path)


def test_damage_in_the_middle_goes_on(tmp_path):
    path = write(tmp_path / "a.mkv", times=[33 * i for i in range(120)])
    broken = bytearray(path.read_bytes())
    middle = len(broken) // 2
    broken[middle : middle + 300] = bytes(300)
    path.write_bytes(bytes(broken))
    with Video.open(path) as video:
        times = [t for _, t in video]
    assert len(times) > 60
    assert times[-1] > 3
