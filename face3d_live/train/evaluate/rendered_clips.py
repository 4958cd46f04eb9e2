"""Moving synthetic heads in video files, whose every coefficient is known: what real clips cannot tell.

The real clips are short and hardly blink, and what is called truth there is another tracker's answer. Here a few people
of a fixed seed speak, smile, frown, look about, turn and blink, in H264; both trackers can be held against the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live import rotations
from face3d_live.codes import INDEX, N_EXPRESSION
from face3d_live.train.data.pool import STORED
from face3d_live.train.evaluate.clips import Track
from face3d_live.train.synthetic.generate import Generator
from face3d_live.train.synthetic.identities import Identity
from face3d_live.train.synthetic.people import Person
from face3d_live.train.synthetic.scene import Placement
from face3d_live.typing import AnyArray, Array

SEED, PEOPLE = 5555, 6
FPS, SECONDS = 30, 8
FRAMES = FPS * SECONDS
SIDE = 160  # pixels of a frame; the face is some 90 wide, as in front of a webcam

#: Seconds between blinks, and how long one takes to close, stays shut and takes to open.
BLINK_EVERY, BLINK = (1.2, 2.6), (0.07, 0.05, 0.13)
#: Seconds that an expression takes to come, stays, and lets the face rest.
COMES, STAYS, RESTS = (0.15, 0.4), (0.2, 0.7), (0.1, 0.5)
NOISE = 2.5  # grey levels of the camera


@dataclass(frozen=True)
class Motion:
    """What a head does in T frames. expression: (T, 52). rotation: (T, 3, 3) camera from head."""

    expression: Array
    rotation: Array


def sample_motion(rng: np.random.Generator, expression: Callable[[np.random.Generator], Array]) -> Motion:
    """A few expressions drawn one after the other, a slow turning of the head, and blinks on their own clock."""
    t = np.arange(FRAMES) / FPS
    values = np.zeros((FRAMES, N_EXPRESSION), np.float32)
    lids = [INDEX[f"eye{what}{side}"] for what in ("Blink", "Wide") for side in ("Left", "Right")]
    now = 0.0
    while now < SECONDS:
        comes, stays, goes, rests = (rng.uniform(*span) for span in (COMES, STAYS, COMES, RESTS))
        target = expression(rng)
        target[lids] = 0  # blinks are counted: nothing else shall close an eye
        envelope = _rise(t, now, comes) * (1 - _rise(t, now + comes + stays, goes))
        values = np.maximum(values, envelope[:, None] * target)
        now += comes + stays + goes + rests
    close, shut, reopen = BLINK
    begin = rng.uniform(0.4, 1.0)
    while begin < SECONDS - 0.5:
        closed = _rise(t, begin, close) * (1 - _rise(t, begin + close + shut, reopen))
        for index in lids[:2]:
            values[:, index] = np.maximum(values[:, index], closed)
        begin += rng.uniform(*BLINK_EVERY)
    phase, rate = rng.uniform(0, 2 * np.pi, (2, 3)), rng.uniform(0.12, 0.45, (2, 3))
    waves = np.sin(2 * np.pi * rate[:, None] * t[:, None] + phase[:, None]).sum(0)  # (T, 3)
    angles = np.radians((9, 5, 4)) * waves + np.radians(rng.normal(0, 6, 3))
    return Motion(values.astype(np.float32), np.stack([rotations.from_euler(*a) for a in angles]))


def _rise(t: AnyArray, start: float, seconds: float) -> AnyArray:  # (T,) -> (T,) 0..1
    """From rest to rest with the least jerk (Flash and Hogan 1985)."""
    x = np.clip((t - start) / seconds, 0, 1)
    return x**3 * (10 - 15 * x + 6 * x**2)


def name(number: int) -> str:
    """Of the files of a clip."""
    return f"drawn_{number}"


def draw(generator: Generator, folder: Path, number: int) -> None:
    """Write the clip and, beside it, its truth."""
    rng = np.random.default_rng([SEED, number])
    folder.mkdir(parents=True, exist_ok=True)
    clip, truth = folder / f"{name(number)}.mkv", []
    partial = clip.with_name(f".{clip.name}")
    with av.open(str(partial), "w", format="matroska") as target:
        stream = target.add_stream("libx264", rate=FPS, options={"crf": "21", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        for picture, row in _frames(generator, rng):
            truth.append(row)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        target.mux(stream.encode(None))
    expression, landmarks, rotation = (np.array(column) for column in zip(*truth, strict=True))
    np.savez_compressed(clip.with_suffix(".npz"), expression=expression, landmarks=landmarks, rotation=rotation)
    partial.replace(clip)


def _frames(
    generator: Generator, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.uint8], tuple[Array, Array, Array]]]:
    """Pictures (S, S, 3), and the coefficients, landmarks (68, 2) in pixels and rotation of each."""
    head, identity = generator.head, generator.identities.sample(rng)
    motion = sample_motion(rng, generator.expressions.sample)
    person = _bare_eyed(generator, rng, identity)
    middle = person.subject.placement
    background = generator.backgrounds.sample(rng, SIDE).astype(np.float32)
    for expression, rotation in zip(motion.expression, motion.rotation, strict=True):
        vertices = head.posed(identity.neutral, identity.shape, expression)
        place = Placement(rotation, middle.scale, middle.position, middle.focal)
        mouth = float(np.clip(expression[INDEX["jawOpen"]] * 1.5, 0, 1))
        rgba, _ = generator.painter.draw(replace(person.subject, vertices=vertices, placement=place, open_mouth=mouth))
        drawn = cv2.resize(rgba, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        picture = drawn[..., :3] + background * (1 - drawn[..., 3:] / 255) + rng.normal(0, NOISE, (SIDE, SIDE, 1))
        landmarks = (place.project(head.landmarks68(vertices)) / STORED + 1) / 2 * SIDE
        yield np.clip(picture, 0, 255).astype(np.uint8), (expression, landmarks.astype(np.float32), rotation)


def _bare_eyed(generator: Generator, rng: np.random.Generator, identity: Identity) -> Person:
    """Somebody without sunglasses, at rest, straight ahead, a little further off than the crop rule would have them."""
    rest, straight = np.zeros(N_EXPRESSION, np.float32), np.eye(3, dtype=np.float32)
    vertices = generator.head.posed(identity.neutral, identity.shape, rest)
    points = generator.head.points(vertices)
    while True:
        person = generator.people.sample(rng, identity, vertices, points, rest, straight)
        if not len(person.hidden):
            return person


def find_rendered(folder: Path) -> list[Path]:
    """The clips of a folder that are whole."""
    clips = [folder / f"{name(number)}.mkv" for number in range(PEOPLE)]
    return [clip for clip in clips if clip.is_file() and clip.with_suffix(".npz").is_file()]


def truth(clip: Path) -> Track:
    """What a rendered clip shows."""
    with np.load(clip.with_suffix(".npz")) as stored:
        return Track(stored["expression"], stored["landmarks"], stored["rotation"])
