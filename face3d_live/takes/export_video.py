"""Exporting a take as video: rendered frame by frame at a constant rate, encoded to MP4 (H264) or WebM (VP9).

The take's sound is included when there is any. WebM may have an alpha channel, for compositing and browser sources.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from face3d_live.camera import Camera
from face3d_live.errors import AssetError, InputError
from face3d_live.head.model import Head
from face3d_live.render.renderer import Renderer
from face3d_live.takes.default_head import take_texture
from face3d_live.takes.files import replacing
from face3d_live.takes.model import Take
from face3d_live.takes.render_video import SoundTrack
from face3d_live.takes.resample import resample_uniform
from face3d_live.typing import Rgba

SUFFIXES = (".mp4", ".webm")
SIDES = (64, 4096)
_ENCODERS = {".mp4": "libx264", ".webm": "libvpx-vp9"}
_OPTIONS = {
    ".mp4": {"crf": "18", "preset": "medium"},
    # Hidden reference frames cannot carry alpha.
    ".webm": {"crf": "24", "b": "0", "row-mt": "1", "deadline": "good", "cpu-used": "4", "auto-alt-ref": "0"},
}


def check(out: Path, alpha: bool, size: int) -> None:
    """Raises InputError "no-alpha", "bad-size" or AssetError "no-encoder" for what `write_video` cannot do."""
    suffix = out.suffix.lower()
    if alpha and suffix != ".webm":
        raise InputError("no-alpha", f"{suffix} cannot hold transparency: end the name in .webm")
    if size % 2 or not SIDES[0] <= size <= SIDES[1]:
        raise InputError("bad-size", f"a side of {size} pixels: use an even number from {SIDES[0]} to {SIDES[1]}")
    encoder = _ENCODERS[suffix]
    wanted = "yuva420p" if alpha else "yuv420p"
    if encoder not in av.codecs_available:
        other = next(s for s in SUFFIXES if s != suffix)
        raise AssetError(
            "no-encoder", f"this FFmpeg has no {encoder}: end the name in {other}, or install PyAV's wheel"
        )
    if wanted not in {one.name for one in av.Codec(encoder, "w").video_formats or ()}:
        raise AssetError("no-encoder", f"this PyAV's {encoder} knows no {wanted}: leave --alpha out")


def write_video(
    take: Take,
    out: Path,
    size: int = 720,
    alpha: bool = False,
    on_frame: Callable[[int, int], None] | None = None,
    sound: Path | None = None,
) -> None:
    """Render the take as the live avatar looks, size x size pixels, at the take's rate. on_frame: (done, of).

    sound: a sound file that starts with the take's first frame. Raises InputError: "no-alpha", "bad-size", "disk-full",
    "takes-unwritable", "not-a-sound"; AssetError: "no-encoder", "egl-missing".
    """
    check(out, alpha, size)
    even = resample_uniform(take, take.header.fps)
    with replacing(out) as temporary:
        _encode(draw_pictures(even, size, alpha), temporary, even.header.fps, size, alpha, len(even), on_frame, sound)


def draw_pictures(take: Take, size: int, alpha: bool) -> Iterator[Rgba]:
    """The head at every frame of a take: (size, size, 4), row 0 = top."""
    head = Head.load()
    renderer = Renderer(head, size, size, "medium")
    try:
        renderer.set_texture(take_texture(take, head))
        camera = take.camera or Camera.webcam(size, size)
        for i in range(len(take)):
            yield renderer.render(take.codes(i), camera, background="transparent" if alpha else None)
    finally:
        renderer.close()


def _encode(
    pictures: Iterator[Rgba],
    path: Path,
    fps: float,
    size: int,
    alpha: bool,
    count: int,
    on_frame: Callable[[int, int], None] | None,
    sound: Path | None,
) -> None:
    suffix, rate = path.suffix.lower(), Fraction(fps).limit_denominator(1001)
    with av.open(
        str(path), "w", format=suffix[1:], options={"movflags": "faststart"} if suffix == ".mp4" else {}
    ) as container:
        stream = container.add_stream(_ENCODERS[suffix], rate=rate, options=_OPTIONS[suffix])
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = size
        stream.pix_fmt = "yuva420p" if alpha else "yuv420p"
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = 1, 1, 1, 1  # BT.709
        if alpha:
            stream.metadata["alpha_mode"] = "1"  # what browsers look for
        track = None if sound is None else SoundTrack(container, sound, suffix)
        for i, picture in enumerate(pictures):
            if track is not None:
                track.until(float(i / rate))
            pixels = picture if alpha else picture[..., :3]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgba" if alpha else "rgb24")
            frame = frame.reformat(format=stream.pix_fmt, dst_colorspace="ITU709")
            frame.pts, frame.time_base = i, 1 / rate
            container.mux(stream.encode(frame))
            if on_frame is not None:
                on_frame(i + 1, count)
        container.mux(stream.encode())
        if track is not None:
            track.finish(float(count / rate))
