"""Makes the sample: a short clip of the project's own head in a painted room, and the codes it was made from.

    python web_client/sample/make_sample.py

The clip loops without a seam. The page plays it to who has no camera; the tests find its known jaw and blink timing
back in the server's answer. Everything in it comes from the project's own models and this file, and the same inputs
give the same frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import room
from numpy.typing import NDArray

from face3d_live import lighting, rotations
from face3d_live.camera import Camera
from face3d_live.codes import ARKIT, INDEX, N_EXPRESSION, N_SHAPE, HeadCodes
from face3d_live.head.model import Head
from face3d_live.render.renderer import Renderer

Array = NDArray[np.float32]
Rgb = NDArray[np.uint8]

HERE = Path(__file__).resolve().parent
FPS = 30
SECONDS = 9.0
WIDTH, HEIGHT = 640, 480
FRAMES = round(FPS * SECONDS)

#: By suffix: codec, its quality, the container's options.
CODECS = {
    ".mp4": ("libx264", {"crf": "19", "preset": "slow"}, {"movflags": "+faststart"}),
    ".webm": ("libvpx-vp9", {"crf": "30", "b": "0", "cpu-used": "2", "row-mt": "0"}, {}),
}

#: The person: a seed of the shape codes.
IDENTITY = 4
#: From the head's origin to the middle of the collar, metres.
NECK = np.array([0.0, -0.150, -0.03])
#: The painted throat, sRGB; what shows of it lies below the head's own neck.
SKIN = np.array([186.0, 138.0, 114.0])

#: A motion: (coefficient, or both sides with "*"), how strong, and when it starts, is full, begins to go, is gone.
MOTIONS = (
    # Slow, clear speech: "ah, oh, ooh, eh".
    ("jawOpen", 0.80, 0.65, 0.87, 1.05, 1.27),
    ("mouthStretch*", 0.20, 0.65, 0.87, 1.05, 1.27),
    ("jawOpen", 0.55, 1.27, 1.47, 1.62, 1.82),
    ("mouthFunnel", 0.50, 1.24, 1.47, 1.62, 1.86),
    ("mouthPucker", 0.75, 1.84, 2.02, 2.16, 2.34),
    ("jawOpen", 0.65, 2.30, 2.50, 2.62, 2.82),
    ("mouthLowerDown*", 0.30, 2.30, 2.50, 2.62, 2.82),
    # A smile that grows.
    ("mouthSmile*", 0.85, 2.85, 3.25, 4.00, 4.45),
    ("cheekSquint*", 0.55, 2.95, 3.30, 4.00, 4.40),
    ("eyeSquint*", 0.30, 2.95, 3.30, 4.00, 4.40),
    # Surprise: brows up, eyes wide, mouth open.
    ("browInnerUp", 0.85, 4.50, 4.72, 5.15, 5.45),
    ("browOuterUp*", 0.80, 4.50, 4.72, 5.15, 5.45),
    ("eyeWide*", 0.65, 4.52, 4.74, 5.10, 5.35),
    ("jawOpen", 0.90, 4.56, 4.80, 5.16, 5.50),
    # Looking about; the eyes go first.
    ("eyeLookOutLeft", 0.60, 5.55, 5.70, 6.10, 6.35),
    ("eyeLookInRight", 0.60, 5.55, 5.70, 6.10, 6.35),
    ("eyeLookInLeft", 0.65, 6.35, 6.50, 6.95, 7.15),
    ("eyeLookOutRight", 0.65, 6.35, 6.50, 6.95, 7.15),
    # A doubtful frown with pressed lips, then rest.
    ("browDown*", 0.75, 7.15, 7.40, 7.85, 8.15),
    ("mouthPress*", 0.50, 7.20, 7.40, 7.80, 8.05),
    ("mouthFrown*", 0.35, 7.20, 7.45, 7.80, 8.10),
)
#: When a blink begins, and how long it takes to close, stays shut and takes to open: a slow blink, which a slow machine
#: sees as well.
BLINKS = (0.08, 1.80, 3.45, 5.48, 6.72, 8.30)
BLINK = (0.12, 0.16, 0.20)

#: Turns of the head: (yaw, pitch, roll) in degrees, and the same four times.
TURNS = (
    ((-3, 4, 2), 0.60, 0.85, 1.00, 1.30),
    ((4, -2, -3), 1.20, 1.50, 2.10, 2.60),
    ((-4, -2, 5), 2.85, 3.30, 3.90, 4.40),
    ((0, -7, 0), 4.50, 4.75, 5.15, 5.50),
    ((22, 2, -2), 5.60, 6.00, 6.20, 6.55),
    ((-24, 3, 2), 6.35, 6.75, 6.95, 7.35),
    ((3, 7, 3), 7.20, 7.50, 7.85, 8.25),
)


def ease(t: NDArray, start: float, full: float, leave: float, gone: float) -> Array:  # (T,) -> (T,) 0..1
    """Up and down again with no jerk at either end (the minimum-jerk polynomial)."""

    def rise(x: NDArray) -> NDArray:
        x = np.clip(x, 0, 1)
        return x**3 * (10 - 15 * x + 6 * x**2)

    return (rise((t - start) / (full - start)) * rise((gone - t) / (gone - leave))).astype(np.float32)


def expressions() -> Array:  # (T, 52) 0..1
    """The clip's coefficients, frame by frame."""
    t = np.arange(FRAMES) / FPS
    e = np.zeros((FRAMES, N_EXPRESSION), np.float32)
    for pattern, strength, *times in MOTIONS:
        stem = pattern.removesuffix("*")
        for name in (stem + "Left", stem + "Right") if pattern.endswith("*") else (stem,):
            e[:, INDEX[name]] = np.maximum(e[:, INDEX[name]], strength * ease(t, *times))
    close, shut, reopen = BLINK
    for start in BLINKS:
        lid = ease(t, start, start + close, start + close + shut, start + close + shut + reopen)
        for side in ("Left", "Right"):
            e[:, INDEX["eyeBlink" + side]] = np.maximum(e[:, INDEX["eyeBlink" + side]], lid)
    return e


def poses() -> tuple[Array, Array]:  # (T, 3, 3), (T, 3)
    """The head's rotations and translations: turns, and a slow sway that closes after the clip's length."""
    t = np.arange(FRAMES) / FPS
    phase = 2 * np.pi * t / SECONDS
    angles = np.radians([1.2, 0.8, 0.7]) * np.stack([np.sin(phase), np.sin(2 * phase + 1), np.sin(phase + 2)], -1)
    for degrees, *times in TURNS:
        angles += np.radians(degrees) * ease(t, *times)[:, None]
    rotation = np.stack([rotations.from_euler(*a) for a in angles])
    sway = np.stack([0.006 * np.sin(phase), 0.003 * np.sin(2 * phase), 0.008 * np.sin(phase + 1)], -1)
    follow = np.stack([0.05 * np.sin(angles[:, 0]), -0.03 * np.sin(angles[:, 1]), np.zeros(FRAMES)], -1)
    return rotation, (np.array([0, -0.018, -0.56]) + sway + follow).astype(np.float32)


def codes() -> list[HeadCodes]:
    """The clip's codes, frame by frame: one person, one light."""
    random = np.random.default_rng(IDENTITY)
    shape = (0.6 * random.standard_normal(N_SHAPE)).astype(np.float32)
    light = lighting.lamp(np.array([-0.75, 0.35, 0.6]), np.array([0.60, 0.59, 0.57]))
    light = light + lighting.ambient(np.array([0.40, 0.38, 0.36]))
    rows = zip(expressions(), *poses(), strict=True)
    return [HeadCodes(shape=shape, expression=e, rotation=r, translation=t, light=light) for e, r, t in rows]


def frames(clip: list[HeadCodes]) -> Iterator[Rgb]:
    """The pictures: the head over the room, twice as large and reduced, which smooths the edges."""
    head, camera = Head.load(), Camera.webcam(WIDTH, HEIGHT)
    renderer = Renderer(head, 2 * WIDTH, 2 * HEIGHT, level="medium")
    scenery = room.room(2 * WIDTH, 2 * HEIGHT)
    middle = np.mean([c.translation for c in clip], axis=0)
    for now in clip:
        # The body follows a third of the way.
        collar = camera.project(0.65 * middle + 0.35 * now.translation + NECK) * 2
        scale = 2 * camera.focal / -middle[2]
        background = room.shoulders(scenery, collar, SKIN, scale)
        picture = renderer.render(now, camera, mode="overlay", background=background)[..., :3]
        yield cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    renderer.close()


def write_clip(path: Path, pictures: Iterable[Rgb], size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    """H264, or VP9 for browsers without it; one thread, as the encoders' results depend on their number."""
    codec, quality, container = CODECS[path.suffix]
    with av.open(str(path), "w", options=container) as target:
        stream = target.add_stream(codec, rate=FPS, options=quality | {"threads": "1"})
        (stream.width, stream.height), stream.pix_fmt, stream.bit_rate = size, "yuv420p", 0
        for picture in pictures:
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        target.mux(stream.encode(None))


def main() -> None:
    clip = codes()
    pictures = list(frames(clip))
    for suffix in CODECS:
        write_clip((HERE / "sample").with_suffix(suffix), pictures)
    np.savez_compressed(
        HERE / "sample_codes.npz",
        fps=FPS,
        expression=np.stack([c.expression for c in clip]).astype(np.float16),
        expression_names=np.array(ARKIT),
        rotation=np.stack([c.rotation for c in clip]),
        translation=np.stack([c.translation for c in clip]),
        shape=clip[0].shape,
        light=clip[0].light,
    )


if __name__ == "__main__":
    main()
