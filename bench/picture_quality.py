"""Which hints pictures get as they are, and made darker, brighter, lit from one side and blurred.

    python bench/picture_quality.py [--data ../shared/data] [--portraits 260]

Prints the share of pictures with each hint of `face3d_live/live/sessions/picture_quality.py`. Needs the training data.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from face3d_live.codes import HeadCodes
from face3d_live.live.sessions.picture_quality import measure
from face3d_live.track.tracker import Tracker
from face3d_live.typing import Rgb
from face3d_live.video import Video

EVERY, FROM_CLIP = 10, 12
Shot = tuple[Rgb, HeadCodes]
SHOWN = ("dark", "bright", "far", "side-light", "blurred")


def face_pixels(rgb: Rgb, codes: HeadCodes) -> float:
    """The face's width."""
    return 0.15 * max(rgb.shape[:2]) / float(-codes.translation[2])


def shaded(rgb: Rgb, codes: HeadCodes) -> Rgb:
    """A fifth of the light on one side of the face."""
    width = face_pixels(rgb, codes)
    middle = rgb.shape[1] / 2 + codes.translation[0] / 0.15 * width
    light = 0.2 + 0.8 / (1 + np.exp((np.arange(rgb.shape[1]) - middle) / (0.13 * width)))
    return (rgb * light[None, :, None]).astype(np.uint8)


#: What is done to a picture.
CONDITIONS: dict[str, Callable[[Rgb, HeadCodes], Rgb]] = {
    "as it is": lambda rgb, codes: rgb,
    "a third of the light": lambda rgb, codes: (0.35 * rgb).astype(np.uint8),
    "a quarter of the light": lambda rgb, codes: (0.25 * rgb).astype(np.uint8),
    "overexposed": lambda rgb, codes: np.minimum(1.6 * rgb + 20, 255).astype(np.uint8),
    "lit from one side": shaded,
    "blurred, 1/40 of the face": lambda rgb, codes: cv2.GaussianBlur(rgb, (0, 0), face_pixels(rgb, codes) / 40),
    "blurred, 1/25 of the face": lambda rgb, codes: cv2.GaussianBlur(rgb, (0, 0), face_pixels(rgb, codes) / 25),
}


def from_clips(tracker: Tracker, folder: Path) -> Iterator[Shot]:
    for path in sorted(folder.glob("*.mkv")):
        tracker.reset()
        found = 0
        with Video.open(path) as video:
            for number, (rgb, t) in enumerate(video):
                tracked = tracker.update(rgb, t)
                if tracked.face and number % EVERY == 0:
                    found += 1
                    yield rgb, tracked.raw
                if found == FROM_CLIP:
                    break


def from_portraits(tracker: Tracker, folder: Path, count: int) -> Iterator[Shot]:
    paths = sorted(folder.glob("*"))
    for path in random.Random(1).sample(paths, min(count, len(paths))):
        tracker.reset()
        rgb = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
        tracked = tracker.update(rgb, 0.0)
        if tracked.face:
            yield rgb, tracked.raw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--portraits", type=int, default=260)
    args = parser.parse_args()
    tracker = Tracker.load("cpu")
    shots = {
        "clips": list(from_clips(tracker, args.data / "clips")),
        "portraits": list(from_portraits(tracker, args.data / "faces/images", args.portraits)),
    }
    print(f"{'pictures':36}", *(f"{hint:>11}" for hint in SHOWN))
    for source, pictures in shots.items():
        for name, change in CONDITIONS.items():
            hints = [measured.hints() for shot in pictures if (measured := measure(change(*shot), shot[1]))]
            shares = [sum(hint in each for each in hints) / max(len(hints), 1) for hint in SHOWN]
            print(f"{f'{len(hints)} {source}, {name}':36}", *(f"{share:11.1%}" for share in shares))


if __name__ == "__main__":
    main()
