"""Shared by tests: what `test_tracker` and others use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.regress.crop import CROP_MARGIN
from face3d_live.rotations import from_euler
from face3d_live.track.crop_placement import BOX_GROWTH, BOX_RISE
from face3d_live.track.detector import Detection, overlap
from face3d_live.track.track_validation import box_of
from face3d_live.track.tracker import Tracker

FPS = 30


Face = Callable[[float], "HeadCodes | None"]


class Points:
    """478 points on the front of an ellipsoid as large as a face, with made-up but small bases."""

    rng = np.random.default_rng(0)
    mean = rng.normal(size=(478, 3)) * [1, 1, 0.5]
    mean = (mean / np.linalg.norm(mean, axis=1, keepdims=True) * [0.07, 0.09, 0.07]).astype(np.float32)
    shape = rng.normal(0, 2e-4, (80, 478, 3)).astype(np.float32)
    expression = rng.normal(0, 5e-4, (52, 478, 3)).astype(np.float32)

    @classmethod
    def units(cls, shape):
        return cls.expression

    @classmethod
    def of(cls, codes: HeadCodes, camera: Camera) -> np.ndarray:
        local = cls.mean + np.tensordot(codes.shape, cls.shape, 1) + np.tensordot(codes.expression, cls.expression, 1)
        return camera.project(local @ codes.rotation.T + codes.translation)


class FakeHead:
    def point_basis(self):
        return Points


@dataclass
class FakeEstimate:
    codes: HeadCodes
    points_px: np.ndarray
    confidence: float
    residual: float
    own: HeadCodes | None = None  # before the fit

    @property
    def predicted(self) -> HeadCodes:
        return self.own or self.codes

    point_offsets = np.zeros((478, 3), np.float32)


@dataclass
class World:
    """Faces by time. It is estimator and detector at once, and counts what it is asked."""

    faces: dict[str, Face]
    size: tuple[int, int] = (640, 480)
    t: float = 0.0
    noise: float = 0.0
    hallucinate: bool = False  # sure of a face wherever it looks
    blind: bool = False  # the detector refuses
    unsure: bool = False  # the estimator doubts
    estimates: int = 0
    looks: list[int] = field(default_factory=list)
    opinions: int = 0
    identities: list = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    @property
    def camera(self) -> Camera:
        return Camera.webcam(*self.size)

    def visible(self) -> dict[str, HeadCodes]:
        found = {name: face(self.t) for name, face in self.faces.items()}
        return {name: codes for name, codes in found.items() if codes is not None}

    def estimate(self, frame_rgb, crop, camera, identity=None, points=None):
        self.estimates += 1
        self.identities.append(identity)
        best = None
        for codes in self.visible().values():
            points = Points.of(codes, camera)
            centre, side = box_of(points)
            off = np.linalg.norm(centre - (crop.x, crop.y)) / crop.half
            ratio = 2 * crop.half / side / CROP_MARGIN
            if off < 0.9 and 0.4 < ratio < 2.5 and (best is None or off < best[0]):
                # A network sees an ill-cut face too near to the middle and too near to the usual size.
                drawn = points + 0.15 * (np.array([crop.x, crop.y]) - centre)
                drawn = (drawn - centre) * (1 + 0.15 * (ratio - 1)) + centre
                best = off, codes, drawn
        if best is None:
            if not self.hallucinate:
                blob = np.array([crop.x, crop.y]) + crop.half * self.rng.normal(0, 0.3, (478, 2))
                return FakeEstimate(HeadCodes(), blob, 0.05, 0.6)
            points = Points.of(HeadCodes(), camera)
            centre, side = box_of(points)
            points = (points - centre) * (2 * crop.half / CROP_MARGIN / side) + (crop.x, crop.y)
            return FakeEstimate(HeadCodes(), points, 0.95, 0.03)
        _, codes, points = best
        own = codes
        if identity is not None:
            codes = codes.with_(shape=identity)
        points = points + self.rng.normal(0, self.noise, points.shape)
        return FakeEstimate(codes, points.astype(np.float32), 0.1 if self.unsure else 0.9, 0.03, own)

    def detect(self, rgb, *, finest=2):
        """The faces in a part of the frame, in the part's own pixels: `frame` writes into each pixel where it is."""
        self.looks.append(finest)
        if self.blind:
            return []
        x, y, high = (int(value) for value in rgb[0, 0])
        corner = np.array([x + 256 * (high % 16), y + 256 * (high // 16)], float)
        found = []
        for face in map(self.box, self.visible().values()):
            box = face.box - np.tile(corner, 2)
            inside = (box[:2] >= 0).all() and (box[2:] <= rgb.shape[1::-1]).all()
            if inside or rgb.shape[1::-1] == self.size:
                found.append(Detection(box, face.score, face.keypoints))
        return sorted(found, key=lambda face: -face.area)

    def frame(self) -> np.ndarray:
        y, x = np.mgrid[: self.size[1], : self.size[0]]
        return np.stack([x % 256, y % 256, x // 256 + 16 * (y // 256)], -1).astype(np.uint8)

    def detect_near(self, rgb, centre, side):
        self.opinions += 1
        if self.blind:
            return None
        square = np.concatenate([centre - side / 2, centre + side / 2])
        faces = [self.box(codes) for codes in self.visible().values()]
        faces = [face for face in faces if overlap(square, face.box[None])[0] > 0.15]
        return faces[0] if faces else None

    def box(self, codes: HeadCodes) -> Detection:
        centre, side = box_of(Points.of(codes, self.camera))
        side = side / BOX_GROWTH
        centre = centre + np.array([0, BOX_RISE * side])
        box = np.concatenate([centre - side / 2, centre + side / 2]).astype(np.float32)
        return Detection(box, 0.9, np.zeros((6, 2), np.float32))

    def tracker(self, **options) -> Tracker:
        return Tracker(self, FakeHead(), self, **options)

    def play(self, tracker: Tracker, seconds: float, fps: float = FPS):
        out, frame = [], self.frame()
        for _ in range(round(seconds * fps)):
            out.append(tracker.update(frame, self.t))
            self.t += 1 / fps
        return out


def at(x=0.0, y=0.0, z=-0.6, yaw=0.0, person=0.0, **expression: float) -> HeadCodes:
    e = np.zeros(52, np.float32)
    for name, value in expression.items():
        e[INDEX[name]] = value
    shape = np.full(80, person, np.float32)
    return HeadCodes(shape=shape, expression=e, rotation=from_euler(yaw, 0, 0), translation=np.array([x, y, z]))


def live(t: float, **place: float) -> HeadCodes:
    """A face that moves, as living ones do."""
    return at(jawOpen=0.3 + 0.3 * np.sin(5 * t), **place)
