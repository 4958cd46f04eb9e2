"""Recording without a browser: a video or a camera through the tracker into a take."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from face3d_live.errors import InputError, NotFoundError
from face3d_live.takes import sound
from face3d_live.takes.model import Gap, Header, TakeFrame, now
from face3d_live.takes.writer import SUFFIX, TakeWriter
from face3d_live.track.types import Tracked
from face3d_live.typing import Rgb
from face3d_live.video import Video
from face3d_live.video.clock import frame_rate

#: A camera's picture that comes after so many intervals means that pictures were lost.
LATE = 1.6
SILENT_SECONDS = 0.25
#: The current rate is measured on so many pictures.
_RECENT = 90


class FaceTracker(Protocol):
    """What is used of `track.tracker.Tracker`."""

    def update(self, rgb: Rgb, t: float) -> Tracked:
        """The face in a picture."""


def record(source: str, out: Path, seconds: float | None, tracker: FaceTracker, with_sound: bool = False) -> str:
    """Record a video file, or a camera by number or path, until its end, `seconds`, or Ctrl-C.

    with_sound: keep a file's sound beside the take. Returns what was done, in words. Raises InputError:
    "unknown-format", "no-sound" (a camera has none), and those of `Video`, `TakeWriter` and `sound.extract`.
    """
    if out.suffix.lower() != SUFFIX:
        raise InputError("unknown-format", f"recordings end in {SUFFIX}: name it so, then export it")
    is_camera = source.isdecimal() or source.startswith("/dev/")
    if is_camera and with_sound:
        raise NotFoundError("no-sound", "a camera gives no sound: record it in the page with its microphone, or a file")
    with Video.open(f"/dev/video{source}" if source.isdecimal() else source) as video:
        header = Header(out.stem, now(), min(max(video.fps, 1.0), 240.0), source if is_camera else Path(source).name)
        faces, heard_seconds = 0, 0.0
        # Ctrl-C is how the recording of a camera ends.
        with TakeWriter(out, header) as take, suppress(KeyboardInterrupt):
            if with_sound:
                heard_seconds = sound.extract(Path(source), out.with_suffix(sound.SUFFIX), seconds)
            for number, (rgb, t, gap) in enumerate(_until(video, seconds, is_camera), 1):
                if gap is not None:
                    take.write(gap)
                tracked = tracker.update(rgb, t)
                take.write(TakeFrame(number, t, tracked.face, tracked.codes, tracked.camera))
                faces += tracked.face
        heard = f", sound {heard_seconds:.2f} s" if with_sound else ""
        share = f"face in {faces / take.frames:.0%}" if take.frames else "no picture came"
        line = f"{out}: {take.frames} frames, {take.seconds:.2f} s, {share}{heard}"
        return line if video.warning is None else f"{line}\nwarning: {video.warning}"


def _until(video: Video, seconds: float | None, is_camera: bool) -> Iterator[tuple[Rgb, float, Gap | None]]:
    """(picture (H, W, 3), time in seconds, gap before it or None)."""
    recent: deque[float] = deque(maxlen=_RECENT)
    for rgb, t in video:
        if seconds is not None and t >= seconds:
            return
        gap = None
        if recent:
            step, fps = t - recent[-1], frame_rate(recent) or video.fps  # in the dark a camera gives fewer than it says
            if is_camera and step * fps > LATE:
                gap = Gap(round(step * fps) - 1, "busy")
            elif step > max(SILENT_SECONDS, LATE / fps):
                gap = Gap(0, "silent")
        yield rgb, t, gap
        recent.append(t)
