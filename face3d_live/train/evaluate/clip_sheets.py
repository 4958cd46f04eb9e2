"""Contact sheets of clips: the moments at which the other tracker sees most of a movement, beside our avatar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import AssetError
from face3d_live.head.model import Head
from face3d_live.regress.crop import Crop
from face3d_live.render.renderer import Renderer
from face3d_live.track.tracker import Tracker
from face3d_live.train.evaluate.clips import CHANNELS, Track, channel
from face3d_live.typing import AnyArray, Picture
from face3d_live.video import Video

SIDE = 208
#: What is looked for, each a signed sum of `CHANNELS` of which the largest magnitude counts.
MOMENTS: dict[str, tuple[str, ...]] = {
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "raised brows": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
    "pucker": ("mouthPucker",),
    "gaze aside": ("gaze sideways",),
    "jaw": ("jawOpen",),
}
#: Chains of iBUG's 68 points, drawn where a person's picture may not be shown.
CHAINS: tuple[tuple[int, int, bool], ...] = (  # first, one past the last, closed
    (0, 17, False), (17, 22, False), (22, 27, False), (27, 31, False), (31, 36, False),
    (36, 42, True), (42, 48, True), (48, 60, True), (60, 68, True),
)  # fmt: skip
_LINE, _PAPER, _TEXT = (60, 60, 70), (236, 236, 232), (20, 20, 20)


@dataclass(frozen=True)
class Moment:
    """A frame of a clip: its picture (H, W, 3), our codes, the camera, and both trackers' 68 landmarks."""

    name: str
    value: float
    rgb: Picture
    codes: HeadCodes
    camera: Camera
    theirs: AnyArray


def greatest(theirs: Track) -> dict[str, tuple[int, float]]:
    """For each of `MOMENTS` the frame where the other tracker's answer lies farthest from its median, and how far."""
    out = {}
    for name, channels in MOMENTS.items():
        value = sum((channel(theirs.expression, CHANNELS[c]) for c in channels), np.zeros(len(theirs.expression)))
        away = value / len(channels) - np.nanmedian(value / len(channels))
        size = np.nan_to_num(np.abs(away) if name == "gaze aside" else away, nan=-1.0)
        out[name] = (int(size.argmax()), float(size.max()))
    return out


def find_moments(tracker: Tracker, clip: Path, theirs: Track) -> list[Moment]:
    """The clip through the tracker; frames of `greatest` at which it has a face, in the order of `MOMENTS`."""
    wanted, found = greatest(theirs), {}
    tracker.reset()
    with Video.open(clip) as video:
        for i, (rgb, t) in enumerate(video):
            seen = tracker.update(rgb, t)
            for name, (frame, value) in wanted.items():
                if frame == i and seen.face:
                    found[name] = Moment(name, value, rgb.copy(), seen.codes, seen.camera, theirs.landmarks[i])
    return [found[name] for name in MOMENTS if name in found]


def sheet(head: Head, clips: Mapping[str, Sequence[Moment]], path: Path, shown: bool) -> bool:
    """Write a PNG: a row for each clip, for each of its moments the face and our head. False where there is no OpenGL.

    shown: the camera's picture; else the other tracker's landmarks as lines, where the picture may not be published.
    """
    try:
        renderer = Renderer(head, SIDE, SIDE, "low")
    except AssetError:
        return False
    rows = []
    for name, moments in clips.items():
        tiles = [np.hstack([_face(m, shown), _head(renderer, m)]) for m in moments]
        blank = np.full((SIDE, 2 * SIDE, 3), _PAPER, np.uint8)
        row = np.hstack(tiles + [blank] * (len(MOMENTS) - len(tiles)))
        cv2.putText(row, name, (4, SIDE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _TEXT, 1, cv2.LINE_AA)
        rows.append(row)
    renderer.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    return bool(cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)))


def _crop(moment: Moment) -> Crop:
    low, high = moment.theirs.min(0), moment.theirs.max(0)
    x, y = (low + high) / 2
    return Crop(float(x), float(y), 0.62 * float((high - low).max()))


def _face(moment: Moment, shown: bool) -> Picture:
    crop = _crop(moment)
    if shown:
        out = crop.extract(moment.rgb, SIDE)
    else:
        out = np.full((SIDE, SIDE, 3), _PAPER, np.uint8)
        places = (crop.from_frame(moment.theirs) + 1) / 2 * SIDE
        for first, end, closed in CHAINS:
            line = np.round(places[first:end] * 8).astype(np.int32)
            cv2.polylines(out, [line], closed, _LINE, 1, cv2.LINE_AA, shift=3)
    text = f"{moment.name} {moment.value:+.2f}"
    cv2.putText(out, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 0) if shown else _TEXT, 1, cv2.LINE_AA)
    return np.asarray(out, np.uint8)


def _head(renderer: Renderer, moment: Moment) -> Picture:
    return renderer.render(moment.codes, moment.camera)[..., :3]
