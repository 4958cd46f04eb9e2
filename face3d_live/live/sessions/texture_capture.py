"""Texture capture: keyframes are selected from the stream, and the worker fuses them into the head's texture.

Nothing is written to disk: the texture stays in the memory of this process and of the engine until the session ends.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import numpy as np

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.errors import AssetError, Face3DError
from face3d_live.eyewear import Glasses
from face3d_live.live.worker.live_texture import LiveTexture
from face3d_live.live.worker.process import Task, Worker
from face3d_live.track.identity import FAR, goodness
from face3d_live.typing import Rgb

logger = logging.getLogger(__name__)


#: Seconds from the first keyframe to the first texture: a head that looks like somebody else should not be seen long.
FIRST_SECONDS = 0.1
#: Seconds between two textures.
INTERVAL_SECONDS = 2.5
#: A texture is fused from so many keyframes at most.
MAX_KEYFRAMES = 6
#: At most one keyframe is kept of each window of so many seconds.
WINDOW_SECONDS = 0.25
#: Frames of less quality are never keyframes.
MIN_QUALITY = 0.15
#: After so many seconds without a face it may be another person's.
ABSENCE_SECONDS = 2.0
#: Metres at which a webcam's face is 80 pixels wide: a plain texture looks better than what is captured from there.
MAX_DISTANCE = 1.5
#: A new texture is fused when the keyframes' total quality exceeds that of the last texture's by this factor.
MIN_GAIN = 1.15
#: After failures a session waits longer and longer, at most so many intervals.
MAX_PAUSE = 64.0
#: Failures that say nothing of the next texture.
_PASSING = ("worker-died", "too-slow", "task-failed", "stopping")
_LIDS = [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]
#: Coefficients that open, stretch or fold the mouth: teeth and creases must not become part of the texture.
_MOUTH = [i for name, i in INDEX.items() if name.startswith(("jaw", "mouth"))]


@dataclass(frozen=True, eq=False)
class Keyframe:
    """rgb: (H, W, 3). quality: how well it shows the skin, 0..1, see `frame_quality`. at: monotonic seconds."""

    rgb: Rgb
    codes: HeadCodes
    quality: float
    at: float


class FrameSelector:
    """One session's best keyframes. Notices a change of person, and then starts again.

    set_texture: takes the finished texture (TEXTURE_SIZE, TEXTURE_SIZE, 4) and the glasses. texture_quality: total
    quality of the keyframes that the current texture is made of. person: changes with the person. fusing: a texture is
    being made. failures: how many could not be made in a row.
    next_time: monotonic seconds before which none is made.
    """

    def __init__(self, set_texture: Callable[[Rgb, Glasses], None]) -> None:
        self.set_texture = set_texture
        self.keyframes: list[Keyframe] = []
        self.texture_quality = 0.0
        self.person = 0
        self.fusing = False
        self.failures = 0
        self.next_time = 0.0
        self._newest: Keyframe | None = None

    def clear(self) -> None:
        """Drop the keyframes of the person."""
        self.keyframes.clear()
        self.texture_quality = 0.0
        self.person += 1
        self._newest = None

    def offer(self, frame: Keyframe) -> None:
        """Keep a frame if it is among the best. Those of another person are dropped first."""
        if self._newest is not None and _is_another_person(self._newest, frame):
            self.clear()
        self._newest = frame
        if frame.quality < MIN_QUALITY:
            return
        if not self.keyframes:
            self.next_time = max(self.next_time, frame.at + FIRST_SECONDS)
        replaced = [kept for kept in self.keyframes if kept.at // WINDOW_SECONDS == frame.at // WINDOW_SECONDS]
        if not replaced and len(self.keyframes) == MAX_KEYFRAMES:
            replaced = [min(self.keyframes, key=lambda kept: kept.quality)]
        if any(kept.quality >= frame.quality for kept in replaced):
            return
        self.keyframes = [kept for kept in self.keyframes if kept not in replaced] + [frame]

    def is_due(self, now: float) -> bool:
        """Whether it is time for a texture, and the keyframes would give a better one."""
        if self.fusing or not self.keyframes or now < self.next_time:
            return False
        return sum(frame.quality for frame in self.keyframes) > MIN_GAIN * self.texture_quality


class TextureCapture:
    """Fuses textures for all sessions, one at a time in the worker.

    spawn: runs a task that ends with the server. load: the worker's task that loads what `task` needs.
    """

    def __init__(
        self,
        worker: Worker,
        task: Task,
        spawn: Callable[[Coroutine[Any, Any, None], str], None],
        load: Task | None = None,
    ) -> None:
        self._worker = worker
        self._task, self._load = task, load
        self._spawn = spawn
        self._closed = False

    def preload(self) -> None:
        """A session begins, or soon will: have the worker load what its first texture will need. Once."""
        load, self._load = self._load, None
        if load is not None and not self._closed:
            self._spawn(self._run_ahead(load), "loading for textures")

    async def _run_ahead(self, load: Task) -> None:
        try:
            await self._worker.run(load)
        except Face3DError as error:  # the first texture will say so again
            logger.info("nothing was loaded ahead of textures: %s", error)

    def add_frame(self, selector: FrameSelector, rgb: Rgb, codes: HeadCodes, confidence: float) -> None:
        """Offer a picture (H, W, 3) with a face to its session's selector, and start a texture when one is due."""
        if self._closed:
            return
        now = time.monotonic()
        selector.offer(Keyframe(rgb, codes, frame_quality(codes, confidence), now))
        if selector.is_due(now):
            selector.fusing = True
            self._spawn(self.fuse(selector, list(selector.keyframes)), "texture capture")

    async def fuse(self, selector: FrameSelector, keyframes: list[Keyframe]) -> None:
        """Make a texture, and use it unless the person has changed meanwhile."""
        person = selector.person
        try:
            made = await self._worker.run(self._task, [(k.rgb, k.codes, k.quality) for k in keyframes])
        except Face3DError as error:
            selector.failures += 1
            # What is missing on the disk stays missing; a process that died, or is busy, is another one next time.
            self._closed = isinstance(error, AssetError) and error.code not in _PASSING
            what = "texture capture is switched off" if self._closed else "no texture was made"
            logger.warning("%s: %s", what, error)
            return
        else:
            selector.failures = 0
        finally:
            pause = INTERVAL_SECONDS * min(2.0**selector.failures, MAX_PAUSE)
            selector.fusing, selector.next_time = False, time.monotonic() + pause
        if selector.person != person:
            return
        selector.texture_quality = sum(frame.quality for frame in keyframes)
        texture = LiveTexture.from_bytes(made)
        selector.set_texture(texture.image, texture.glasses)


def frame_quality(codes: HeadCodes, confidence: float) -> float:
    """How well a frame shows the skin, 0..1: a product of confidence and frontality, open lids, closeness, rest."""
    lids = float(np.clip(1.5 - 2 * codes.expression[_LIDS].max(), 0, 1))
    near = float(np.clip((MAX_DISTANCE + codes.translation[2]) / 0.6, 0, 1))
    rest = 1 - 0.6 * float(np.clip(codes.expression[_MOUTH].max(), 0, 1))
    return goodness(codes, confidence) * lids * near * rest


def _is_another_person(before: Keyframe, now: Keyframe) -> bool:
    """True after `ABSENCE_SECONDS` without a face, or when the tracker's averaged shape jumps.

    While the tracker learns a person the shape moves slowly; it jumps when it finds another one.
    """
    jump = float(np.sqrt(np.mean((now.codes.shape - before.codes.shape) ** 2)))
    return now.at - before.at > ABSENCE_SECONDS or jump > FAR
