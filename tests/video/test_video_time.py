"""Times of videos: from their timestamps, never from a declared rate; and what is made of them keeps the times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from track_cli_helpers import fake_tracker
from video_support import MS, picture, remux, write

from face3d_live.codes import INDEX
from face3d_live.takes.formats import load_take, to_bytes
from face3d_live.takes.npz import read_npz
from face3d_live.takes.record import record
from face3d_live.track.track_video import save, track_video
from face3d_live.video import Video
from face3d_live.video.clock import Clock, frame_rate

STEP = 1 / 30


def levels(count: int) -> list[np.ndarray]:
    """Frames that tell their number: each brighter than the one before."""
    return [np.full((64, 96, 3), 40 + 3 * i, np.uint8) for i in range(count)]


def read(path: Path) -> tuple[np.ndarray, np.ndarray, Video]:
    """Times and mean levels of the frames, and the video, which is over."""
    with Video.open(path) as video:
        frames = [(t, rgb.mean()) for rgb, t in video]
    times, bright = np.array(frames).T
    assert (np.diff(times) > 0).all() and times[0] == 0
    return times, bright, video


def browser_times(count: int) -> list[int]:
    """Uneven milliseconds of a camera of 30 pictures a second."""
    random = np.random.default_rng(2)
    return [round(1000 * (i / 30 + random.uniform(-0.006, 0.006))) + 10 for i in range(count)]


# --- the clock ------------------------------------------------------------------------------------------------------


def placed(stamps, step=0.1):
    clock = Clock(step)
    return [round(clock(stamp), 4) for stamp in stamps], clock.offsets


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([5.0, 5.1, 5.3], [0, 0.1, 0.3]),
        ([-0.5, -0.4, 0.0], [0, 0.1, 0.5]),
        ([1.0, 1.1, 1.2, 0.0, 0.1, 0.2], [0, 0.1, 0.2, 0.3, 0.4, 0.5]),  # begins again
        ([0.0, 0.1, 5000.0, 5000.1, 0.2, 0.3], [0, 0.1, 0.2, 0.3, 0.4, 0.5]),  # jumps there and back
        ([0.0, 0.1, 4.0, 4.1], [0, 0.1, 4.0, 4.1]),  # a pause of the camera
        ([None, None, None], [0, 0.1, 0.2]),
        ([0.0, None, 0.2, None, None, 0.5], [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ([None, 7.0, 7.1], [0, 0.1, 0.2]),
        ([0.0, 0.1, 0.1, 0.2], [0, 0.1, 0.15, 0.2]),  # twice the same
        ([0.0, 0.1, 0.2, 0.15, 0.3], [0, 0.1, 0.2, 0.25, 0.3]),  # one that trembles
        ([0.0] * 4, [0, 0.05, 0.1, 0.15]),
    ],
)
def test_the_clock(stamps, expected):
    times, _ = placed(stamps)
    assert times == pytest.approx(expected, abs=1e-6)


def test_the_clock_says_what_it_added():
    assert placed([1.0, 1.1, 0.0, 0.1])[1] == pytest.approx([-1.0, 0.2])


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 59.94, 0.05])
def test_rounded_milliseconds_tell_near_rates_apart(rate):
    assert frame_rate(np.round(np.arange(300) / float(rate), 3)) == pytest.approx(float(rate), rel=4e-4)


def test_losses_and_pauses_do_not_change_the_rate():
    times = [i / 25 for i in range(200) if i % 5 != 3 and not 50 < i < 90]
    assert frame_rate(times) == pytest.approx(25, rel=0.01)
    assert frame_rate([0, 0.001, 0.040, 0.041, 0.080]) == pytest.approx(1 / 0.039), "every frame twice"
    assert frame_rate([1.0]) is None and frame_rate([2.0, 1.0]) is None


# --- files ----------------------------------------------------------------------------------------------------------


class Pipe:
    """What a browser's recorder writes to: it cannot go back to fill in a length."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()


def write_like_a_browser(path: Path, count: int) -> Path:
    """WebM without a rate or a length, with uneven milliseconds."""
    pipe = Pipe(path)
    with av.open(pipe, "w", format="webm", options={"live": "1"}) as target:
        stream = target.add_stream("libvpx", rate=1000, options={"deadline": "realtime", "cpu-used": "8"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.time_base = stream.codec_context.time_base = MS
        for rgb, t in zip(levels(count), browser_times(count), strict=True):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts, frame.time_base = t, MS
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    pipe.close()
    return path


def test_a_browsers_recording_has_the_rate_that_it_has(tmp_path):
    path = write_like_a_browser(tmp_path / "a.webm", 60)
    with Video.open(path) as video:
        assert video.fps == pytest.approx(30, rel=0.02), "before any frame was decoded"
        assert video.expected == 60
    times, _, video = read(path)
    assert times[-1] == pytest.approx(59 / 30, abs=0.02) and video.fps == pytest.approx(30, rel=0.02)
    assert video.warning is None
    record(str(path), tmp_path / "a.jsonl", None, fake_tracker())
    take = load_take(tmp_path / "a.jsonl")
    assert take.header.fps == pytest.approx(30, rel=0.02) and take.seconds == pytest.approx(2, abs=0.03)


def joined(tmp_path: Path, name: str, codec: str, shift: int) -> Path:
    """Two recordings one after the other, the second one's timestamps later by `shift` frames than if they began
    again."""
    frames = levels(60)
    parts = [
        write(tmp_path / f"{i}.ts", frames[30 * i : 30 * i + 30], codec=codec,
              times=[k + i * shift for k in range(30)], time_base=Fraction(1, 30))
        for i in (0, 1)
    ]  # fmt: skip
    path = tmp_path / name
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
@pytest.mark.parametrize("shift", [0, 15, 450_000])
def test_transport_streams_that_were_joined(tmp_path, codec, shift):
    times, bright, video = read(joined(tmp_path, "a.ts", codec, shift))
    assert len(times) == 60 and (np.diff(bright) > 0).all()
    assert times == pytest.approx(np.arange(60) / 30, abs=0.003)
    assert video.fps == pytest.approx(30, rel=0.01) and video.warning is None


@pytest.mark.parametrize("name", ["a.webm", "a.mkv", "a.avi", "a.mpg", "a.h264", "a.gif"])
def test_whole_files_one_after_the_other(tmp_path, name):
    """As people join recordings with cat."""
    kinds = {".mpg": {"codec": "mpeg2video"}, ".gif": {"codec": "gif", "pix_fmt": "rgb8"}}
    path = tmp_path / name
    if name == "a.webm":
        write_like_a_browser(path, 30)
    else:
        write(path, levels(30), **kinds.get(path.suffix, {}))
    path.write_bytes(2 * path.read_bytes())
    times, _, video = read(path)
    assert len(times) == 60 and video.warning is None
    assert times[-1] == pytest.approx(59 / 30, abs=0.04) and np.diff(times).max() < 0.06


@pytest.mark.parametrize(
    "shift",
    [
        pytest.param(lambda n, t: t, id="whole"),
        pytest.param(lambda n, t: t - 1000 if n >= 30 else t, id="begins again"),
        pytest.param(lambda n, t: t + 3_600_000 if n >= 30 else t, id="an hour later"),
        pytest.param(lambda n, t: t + 3_600_000 * (n == 30), id="one frame an hour later"),
        pytest.param(lambda n, t: t + 70_000 * (n >= 20) - 3_000_000 * (n >= 40), id="both"),
    ],
)
def test_matroska_whose_times_break(tmp_path, shift):
    plain = write(tmp_path / "p.mkv", levels(60), codec="ffv1", times=[1000 * k // 30 for k in range(60)])
    path = rewritten(plain, tmp_path / "a.mkv", shift)
    times, bright, _ = read(path)
    assert len(times) == 60 and (np.diff(bright) > 0).all()
    assert times == pytest.approx(np.arange(60) / 30, abs=0.04)


def test_a_camera_that_froze_while_its_sound_went_on(tmp_path):
    plain = write(tmp_path / "p.mkv", levels(60), codec="ffv1", times=[1000 * k // 30 for k in range(60)])
    times, _, _ = read(rewritten(plain, tmp_path / "a.mkv", lambda n, t: t + 20_000 if n >= 30 else t))
    assert times[29] == pytest.approx(29 / 30, abs=0.01) and times[30] == pytest.approx(21, abs=0.01)


BASE = 5_000_000


def rewritten(source: Path, out: Path, shift) -> Path:
    """Matroska with other times, which FFmpeg's muxer would refuse: the cluster of each frame says its own. All times
    are about an hour and a half, so that each takes three bytes."""
    options = {"cluster_size_limit": "1", "write_crc32": "0"}
    with av.open(str(source)) as read_from, av.open(str(out), "w", options=options) as target:
        stream = target.add_stream_from_template(read_from.streams.video[0])
        for packet in read_from.demux(video=0):
            if packet.pts is not None:
                packet.stream, packet.pts, packet.dts = stream, packet.pts + BASE, packet.dts + BASE
                target.mux(packet)
    data = bytearray(out.read_bytes())
    at, number = 0, 0
    while (at := data.find(b"\x1f\x43\xb6\x75", at + 1)) >= 0:  # a cluster; its time is the element 0xE7 of `n` bytes
        place = data.index(b"\xe7\x83", at + 4)
        stamp = int.from_bytes(data[place + 2 : place + 5], "big") - BASE
        data[place + 2 : place + 5] = (shift(number, stamp) + BASE).to_bytes(3, "big")
        number += 1
    out.write_bytes(bytes(data))
    return out


@pytest.mark.parametrize("name", ["a.avi", "a.h264", "a.mp4", "a.mkv", "a.ts", "a.flv"])
def test_frames_that_are_decoded_in_another_order(tmp_path, name):
    path = write(tmp_path / name, levels(40), options={"bf": "3", "g": "20"})
    times, bright, _ = read(path)
    assert (np.diff(bright) > 0).all(), "shown in their order"
    assert times == pytest.approx(np.arange(40) / 30, abs=0.002)


@pytest.mark.parametrize("rate", [25, 50])
def test_raw_streams_say_their_rate_inside(tmp_path, rate):
    times, _, video = read(write(tmp_path / "a.h264", levels(30), rate=rate))
    assert times == pytest.approx(np.arange(30) / rate, abs=1e-6) and video.fps == rate


def test_raw_motion_jpeg_has_no_times_at_all(tmp_path):
    times, _, video = read(write(tmp_path / "a.mjpeg", levels(30), codec="mjpeg", form="mjpeg"))
    assert len(times) == 30 and np.ptp(np.diff(times)) < 1e-9 and 20 <= video.fps <= 30


def test_times_that_are_all_the_same(tmp_path):
    plain = write(tmp_path / "p.mkv", levels(20), codec="ffv1", times=[1000 * k // 30 for k in range(20)])
    times, _, video = read(rewritten(plain, tmp_path / "a.mkv", lambda n, t: 0))
    assert len(times) == 20 and np.ptp(np.diff(times)) < 1e-9 and 10 <= video.fps <= 60


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_start_before_zero_and_one_long_after(tmp_path, name):
    for start in (-700 if name == "a.mkv" else 0, 90_000):
        path = write(tmp_path / name, levels(20), times=[start + 40 * k for k in range(20)])
        times, _, video = read(path)
        assert times == pytest.approx(0.04 * np.arange(20), abs=0.002) and video.fps == pytest.approx(25, rel=0.01)


def test_an_edit_list_leaves_frames_out(tmp_path):
    """What is before 0 in an MP4 is decoded and not shown."""
    times, bright, video = read(write(tmp_path / "a.mp4", levels(30), times=[-400 + 40 * k for k in range(30)]))
    assert times == pytest.approx(0.04 * np.arange(20), abs=0.002) and video.expected == pytest.approx(20, abs=3)
    assert bright[0] == pytest.approx(40 + 3 * 10, abs=2)


def test_animations_keep_their_delays(tmp_path):
    from PIL import Image

    stills = [Image.fromarray(picture(40 * i)) for i in range(4)]
    for name in ("a.gif", "a.png"):
        stills[0].save(tmp_path / name, save_all=True, append_images=stills[1:], duration=[100, 300, 100, 100])
        times, _, _ = read(tmp_path / name)
        assert times == pytest.approx([0, 0.1, 0.4, 0.5], abs=0.01)


def test_a_rate_that_varies_is_no_damage(tmp_path):
    times, _, video = read(write(tmp_path / "a.mp4", levels(50), times=VARIABLE))
    assert times == pytest.approx(np.array(VARIABLE) / 1000, abs=0.002)
    assert video.fps == pytest.approx(30, rel=0.02) and video.warning is None


# --- what is made of them -------------------------------------------------------------------------------------------

#: Thirty frames in the first second, then ten a second for two.
VARIABLE = [1000 * k // 30 for k in range(30)] + [1000 + 100 * k for k in range(20)]


def test_track_keeps_the_times_and_exports_follow_them(tmp_path):
    """Frame 40, at 2.0 s, is the only bright one."""
    frames = [np.full((64, 96, 3), 230 if i == 40 else 90, np.uint8) for i in range(50)]
    out = tmp_path / "a.npz"
    video = write(tmp_path / "a.mp4", frames, times=VARIABLE, options={"crf": "4", "g": "1"})
    track_video(video, out, smooth=False, progress=False, tracker=fake_tracker(smooth=False))
    with np.load(out) as z:
        assert z["t"] == pytest.approx(np.array(VARIABLE) / 1000, abs=0.002)
        assert z["fps"] == pytest.approx(30, rel=0.02)
    take = read_npz(out)
    assert take.t[-1] == pytest.approx(2.9, abs=0.002)
    jaw = INDEX["jawOpen"]
    assert take.t[take.expression[:, jaw].argmax()] == pytest.approx(2.0, abs=0.002)

    lines = to_bytes(take, ".csv").decode().splitlines()
    column = lines[0].split(",").index("JawOpen")
    codes, values = zip(*((line.split(",")[0], float(line.split(",")[column])) for line in lines[1:]), strict=True)
    seconds = np.array([_seconds(code, round(take.header.fps)) for code in codes])
    assert seconds[-1] - seconds[0] == pytest.approx(2.9, abs=0.01)
    assert seconds[int(np.argmax(values))] - seconds[0] == pytest.approx(2.0, abs=0.01)

    motion = to_bytes(take, ".bvh").decode().split("MOTION\n")[1].splitlines()
    count, step = int(motion[0].split()[-1]), float(motion[1].split()[-1])
    assert count * step == pytest.approx(2.93, abs=0.05)


def _seconds(timecode: str, base: int) -> float:
    hours, minutes, seconds, frames = timecode.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + int(seconds) + float(frames) / base


def test_tracks_of_older_versions_have_even_times(tmp_path):
    write(tmp_path / "a.mp4", levels(12))
    out = tmp_path / "a.npz"
    track_video(tmp_path / "a.mp4", out, progress=False, tracker=fake_tracker())
    with np.load(out) as z:
        old = {key: z[key] for key in z.files if key != "t"} | {"fps": np.array(25.0)}
    save(out, old)
    assert read_npz(out).t == pytest.approx(np.arange(12) / 25)


def test_a_track_of_time_lapse_is_a_take(tmp_path):
    write(tmp_path / "a.mkv", levels(6), codec="ffv1", times=[30_000 * k for k in range(6)])
    track_video(tmp_path / "a.mkv", tmp_path / "a.npz", progress=False, tracker=fake_tracker())
    take = read_npz(tmp_path / "a.npz")
    assert take.t == pytest.approx(30.0 * np.arange(6)) and take.header.fps == 0.1


def test_a_remuxed_film_is_the_same_film(tmp_path):
    plain = write(tmp_path / "p.mp4", levels(30), options={"bf": "2"})
    for name in ("a.mkv", "a.ts", "a.mov", "a.flv"):
        assert read(remux(plain, tmp_path / name))[0] == pytest.approx(np.arange(30) / 30, abs=0.002)
