"""Small videos of one known picture, for the tests of reading them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext

WIDTH, HEIGHT = 96, 64
MS = Fraction(1, 1000)
LOSSLESS = {"libx264": {"crf": "8", "g": "5"}, "mjpeg": {}, "ffv1": {}}


def picture(level: int = 60, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Grey; the top left corner is red, the top right green, the bottom left blue."""
    rgb = np.full((height, width, 3), level, np.uint8)
    rgb[: height // 4, : width // 4] = (220, 30, 30)
    rgb[: height // 4, -width // 4 :] = (30, 200, 30)
    rgb[-height // 4 :, : width // 4] = (30, 30, 220)
    return rgb


def corners(rgb: np.ndarray) -> str:
    """The colours of the corners top left, top right, bottom left, bottom right as letters: r, g, b, or - for grey."""
    height, width = rgb.shape[:2]
    said = ""
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        patch = rgb[(height * (1 + 14 * y)) // 16, (width * (1 + 14 * x)) // 16].astype(int)
        said += "rgb"[patch.argmax()] if np.ptp(patch) > 60 else "-"
    return said


def write(
    path: Path,
    frames: Sequence[np.ndarray] | int = 6,
    *,
    codec: str = "libx264",
    times: Sequence[int] | None = None,
    time_base: Fraction = MS,
    rate: int = 30,
    pix_fmt: str | None = None,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    form: str | None = None,
    tags: dict[str, str] | None = None,
    prepare: Callable[[av.VideoStream], object] | None = None,
    each: Callable[[av.VideoFrame], av.VideoFrame] | None = None,
) -> Path:
    """A video of these RGB frames, or of so many pictures. times: in `time_base`; without them the rate counts.
    prepare: what else the stream is told; each: what becomes of a frame before it is encoded."""
    pictures = [picture(10 + 4 * (i % 50)) for i in range(frames)] if isinstance(frames, int) else frames
    with av.open(str(path), "w", format=form, options=container or {}) as target:
        target.metadata.update(tags or {})
        stream = target.add_stream(codec, rate=rate, options=LOSSLESS.get(codec, {}) | (options or {}))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt or ("yuvj420p" if codec == "mjpeg" else "yuv420p")
        if times is not None:
            stream.time_base = stream.codec_context.time_base = time_base
        if prepare is not None:
            prepare(stream)
        for i, rgb in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
            frame = each(frame) if each is not None else frame
            if times is not None:
                frame.pts, frame.time_base = times[i], time_base
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


def remux(
    source: Path, out: Path, *, bsf: str | None = None, shift: Callable[[int, int], int | None] | None = None
) -> Path:
    """The packets of a video in another file, through a bitstream filter, or with other times.

    shift: (number of the packet, its time in ticks) -> its new time.
    """
    with av.open(str(source)) as read, av.open(str(out), "w") as target:
        film = read.streams.video[0]
        stream = target.add_stream_from_template(film)
        if bsf and out.suffix == ".h264":
            bsf = f"h264_mp4toannexb,{bsf}"
        filtered = BitStreamFilterContext(bsf, film, stream) if bsf else None
        for number, packet in enumerate(read.demux(film)):
            if packet.dts is None:
                continue
            for one in filtered.filter(packet) if filtered else [packet]:
                if shift is not None:
                    one.pts, one.dts = shift(number, one.pts), shift(number, one.dts)
                one.stream = stream
                target.mux(one)
    return out
