"""A pipeline without a model, for the tests of the live server: cheap, and its answers tell which picture made them.

The "face" of a picture is its mean brightness: `jawOpen` is the mean / 255 of the frame's middle, the avatar is a flat
grey of the same brightness (a colour that survives video coding), and black frames hold no face.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from waiting import take

from face3d_live.codes import INDEX, N_EXPRESSION, HeadCodes
from face3d_live.errors import AssetError, ConflictError, GpuLostError, InputError
from face3d_live.export.bundle import zip_bytes
from face3d_live.eyewear import NO_GLASSES
from face3d_live.live.engine.pipeline import CalibrationResult, Result
from face3d_live.live.worker.live_texture import LiveTexture


def nothing():
    """The engine has not said what to do."""


@dataclass
class FakePipeline:
    """Picklable, so that it can be its own factory's product in a child process."""

    delay: float = 0.0
    device: str = "fake"
    precision: str = "none"
    neutral: dict[str, float] = field(default_factory=dict)
    level: dict[str, float] = field(default_factory=dict)
    skin: dict[str, float] = field(default_factory=dict)
    on_tracked: Callable[[], None] = nothing

    def start(self):
        """There is nothing to wait for."""

    def open(self, session, state):
        self.neutral[session] = float(state) if state is not None else 0.0
        self.level[session] = 0.0

    def close(self, session):
        self.neutral.pop(session, None)
        self.level.pop(session, None)
        self.skin.pop(session, None)

    def prepare(self, pictures):
        """There is no network."""

    def process(self, session, rgb, t, view):
        take(self.delay)
        if rgb is not None:
            self.level[session] = float(rgb[rgb.shape[0] // 4 : -rgb.shape[0] // 4].mean()) / 255
        level = self.level[session]
        self._misbehave(level)
        expression = np.zeros(N_EXPRESSION, np.float32)
        expression[INDEX["jawOpen"]] = max(0.0, level - self.neutral[session])
        expression[INDEX["cheekPuff"]] = 1.0 if view.mode == "wireframe" else 0.0
        image = np.full((view.side, view.side, 3), round(255 * level), np.uint8)
        if view.mode == "wireframe":
            image[:, : view.side // 2] = 255 - image[:, : view.side // 2]
        # The worn skin shows in a corner.
        if session in self.skin:
            image[:32, :32] = self.skin[session]
        codes = HeadCodes(expression=expression)
        drawn = image if view.picture else None
        return Result(level > 0.02, codes, codes, 0.9, drawn, {"track": 1.0, "render": 2.0})

    def render_codes(self, session, codes, view):
        level = self.level[session] = float(codes.expression[INDEX["jawOpen"]])  # drawn again until the next picture
        image = np.full((view.side, view.side, 3), round(255 * level), np.uint8)
        return Result(True, codes, codes, 1.0, image, {"track": 0.0, "render": 1.0})

    def set_texture(self, session, rgba):
        assert rgba.shape == (512, 512, 4)
        self.skin[session] = int(rgba[..., :3].mean())

    def show_avatar(self, session, key, data):
        """A flat grey has no other faces."""

    def calibrate(self, session, request):
        if request.step == "load":
            self.neutral[session] = 0.0 if request.state is None else float(request.state.expression[INDEX["jawOpen"]])
            return CalibrationResult(request.state)
        if self.level[session] < 0.02:
            return CalibrationResult(error=ConflictError("no-face", "no face to calibrate on"))
        self.neutral[session] = self.level[session]
        return CalibrationResult(self.level[session])

    def _misbehave(self, level):
        """Hook for the wicked one."""


class WickedPipeline(FakePipeline):
    """Some brightnesses break it: 0.2 raises, 0.4 hangs, 0.8 kills the process, 0.9 has no OpenGL any more."""

    def _misbehave(self, level):
        if abs(level - 0.2) < 0.01:
            raise RuntimeError("a wicked frame")
        if abs(level - 0.4) < 0.01:
            signal.pause()  # for ever
        if abs(level - 0.9) < 0.01:
            raise GpuLostError("gpu-lost", "OpenGL draws no more")
        if abs(level - 0.8) < 0.01:
            os._exit(7)


class StagedPipeline(FakePipeline):
    """Says when a picture is tracked, draws slowly, and tells how many pictures were prepared while it drew."""

    prepared = 0

    def prepare(self, pictures):
        self.prepared += len(pictures)

    def process(self, session, rgb, t, view):
        result = super().process(session, rgb, t, view)
        before = self.prepared
        self.on_tracked()
        take(0.03)
        result.ms["prepared"] = float(self.prepared - before)
        return result


def slow_pipeline():
    return FakePipeline(delay=0.1)


def pipeline_without_egl():
    raise AssetError("egl-missing", "install libegl1")


def pipeline_that_crashes():
    os._exit(3)


def grey(level, width=64, height=48):
    """A picture of even brightness, 0..1."""
    return np.full((height, width, 3), round(255 * level), np.uint8)


def fake_snapshot(report, rgb, codes):
    report("halfway", 0.5)
    return b"PK" + bytes([int(rgb.mean())])


def fake_texture(report, moments):
    """A skin as bright as the pictures."""
    assert 1 <= len(moments) <= 6 and all(0.15 <= weight <= 1 for _, _, weight in moments)
    level = int(np.mean([rgb.mean() for rgb, _, _ in moments]))
    return LiveTexture(np.full((512, 512, 4), level, np.uint8), NO_GLASSES).to_bytes()


def no_texture(report, moments):
    raise AssetError("albedo-missing", "restore it")


def noted(report, *, path):
    """A task that leaves a file."""
    path.write_text("done")
    return b""


def fake_reconstruct(report, photo):
    report("decoding", 0.1)
    if not photo.startswith(b"\x89PNG"):
        raise InputError("not-an-image", "this is no picture")
    if photo.endswith(b"crash"):
        os._exit(9)
    if photo.endswith(b"bug"):
        raise RuntimeError("a bug")
    if photo.endswith(b"slow"):
        signal.pause()  # for ever
    report("rendering", 0.9)
    return zip_bytes({"photo.bin": photo[:4]})


def fake_settings():
    """Of a worker of a cluster: called in its server's process."""
    from face3d_live.live.sessions import texture_capture

    texture_capture.FIRST_SECONDS = 1e9  # nor a process that would make one
    return {
        "pipeline": FakePipeline,
        "snapshot": fake_snapshot,
        "reconstruct": fake_reconstruct,
        "texture": no_texture,
    }
