"""Shared by tests: what `test_track_cli` and others use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np

from face3d_live.codes import ARKIT, HeadCodes
from face3d_live.track.detector import Detection
from face3d_live.track.tracker import Tracker

BASIS_RNG = np.random.default_rng(0)


class FlatHead:
    """478 points on a face-sized disc."""

    mean = (BASIS_RNG.uniform(-0.08, 0.08, (478, 3)) * [1, 1, 0.3]).astype(np.float32)
    shape = np.zeros((80, 478, 3), np.float32)
    expression = BASIS_RNG.normal(0, 5e-4, (52, 478, 3)).astype(np.float32)

    def point_basis(self):
        return FlatHead

    @staticmethod
    def units(shape):
        return FlatHead.expression


class Bright:
    """Sees a face at a fixed place in every frame that is not dark; its jaw opens with the frame's brightness."""

    def __init__(self, confidence: float = 0.9) -> None:
        self.confidence = confidence

    def _codes(self, rgb):
        e = np.zeros(52, np.float32)
        e[ARKIT.index("jawOpen")] = rgb.mean() / 255
        return HeadCodes(expression=e, shape=np.full(80, 0.5))

    def estimate(self, frame_rgb, crop, camera, identity=None, points=None):
        codes = self._codes(frame_rgb)
        points = camera.project(FlatHead.mean + codes.translation)

        sure = self.confidence

        class Estimate:
            predicted = codes
            points_px = points
            confidence = sure if frame_rgb.mean() > 30 else 0.0
            residual = 0.02
            point_offsets = np.zeros((478, 3), np.float32)

        found: Any = Estimate()
        found.codes = codes
        return found

    def detect(self, rgb, *, finest=2):
        if rgb.mean() <= 30:
            return []
        h, w = rgb.shape[:2]
        return [Detection(np.array([0.4 * w, 0.4 * h, 0.6 * w, 0.6 * h], np.float32), 0.9, np.zeros((6, 2)))]

    def detect_near(self, rgb, centre, side):
        return next(iter(self.detect(rgb)), None)


def fake_tracker(smooth: bool = True, confidence: float = 0.9) -> Tracker:
    world = Bright(confidence)
    return Tracker(world, FlatHead(), world, smooth=smooth)


def write_video(path: Path, levels: list[int], size=(128, 96), fps=30) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "12", "g": "8"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for level in levels:
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
