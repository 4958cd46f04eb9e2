"""Where a synthetic head stands, what lights it and what is behind it: everything random but the head itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from face3d_live import rotations
from face3d_live.codes import AMBIENT
from face3d_live.lighting import lamp, shade
from face3d_live.train.data.pool import STORED, UNIT
from face3d_live.typing import AnyArray, Array, Picture


@dataclass(frozen=True)
class Placement:
    """A head in front of a camera whose optical axis passes through the crop's centre; labels as in `pool`."""

    rotation: Array  # (3, 3)
    scale: float
    position: Array  # (2,)
    focal: float

    @property
    def half(self) -> float:
        """Half side of the crop at the head origin's depth, metres."""
        return UNIT * float(np.exp(self.scale))

    @property
    def translation(self) -> Array:  # (3,) camera from head, metres
        x, y = self.position
        return (self.half * np.array([x, -y, -self.focal])).astype(np.float32)

    def clip_matrix(self, near: float = 0.05, far: float = 6.0) -> Array:  # (4, 4) row-major, camera -> clip
        """Perspective that fills the stored picture, which is `STORED` times the crop."""
        zoom = self.focal / STORED
        a, b = -(far + near) / (far - near), -2 * far * near / (far - near)
        return np.array([[zoom, 0, 0, 0], [0, zoom, 0, 0], [0, 0, a, b], [0, 0, -1, 0]], np.float32)

    def project(self, points: AnyArray) -> Array:  # (..., 3) head frame -> (..., 2) crop coordinates
        camera = points @ self.rotation.T + self.translation
        return (self.focal * camera[..., :2] * (1, -1) / -camera[..., 2:]).astype(np.float32)


def sample_rotation(rng: np.random.Generator) -> Array:  # (3, 3)
    """Mostly within 35 degrees of frontal, to 68 of yaw, 38 of pitch, 30 of roll.

    A sixth is seen from below or above as laptops and high monitors do; a quarter is turned far.
    """
    kind = rng.random()
    if kind < 0.25:
        yaw, pitch = rng.choice((-1, 1)) * rng.uniform(20, 68), rng.uniform(-30, 30)
    elif kind < 0.42:
        yaw, pitch = rng.normal(0, 16), rng.choice((-1, 1)) * rng.uniform(12, 38)
    else:
        yaw, pitch = rng.normal(0, 16), rng.normal(2, 9)
    roll = rng.normal(0, 9)
    angles = np.clip([yaw, pitch, roll], (-68, -38, -30), (68, 38, 30))
    return rotations.from_euler(*np.radians(angles))


def place(points: AnyArray, rotation: Array, distance: float) -> Placement:  # (478, 3) head frame, metres
    """Aim the camera at the middle of the face points' box and take the crop of the crop rule."""
    turned = points @ rotation.T
    shift = np.zeros(3)
    shift[2] = -distance
    half = 1.0
    for _ in range(12):
        camera = turned + shift
        image = camera[:, :2] / -camera[:, 2:]
        low, high = image.min(0), image.max(0)
        half = 0.7 * float((high - low).max())
        shift[:2] -= (low + high) / 2 * distance
    unit = half * distance  # metres
    position = np.array([shift[0] / unit, -shift[1] / unit], np.float32)
    return Placement(rotation, float(np.log(unit / UNIT)), position, float(1 / half))


@dataclass(frozen=True)
class Light:
    """Soft light from all sides and one lamp. soft: (9, 3) SH; direction: (3,) towards the lamp; lamp: (3,) colour."""

    soft: Array
    direction: Array
    lamp: Array

    @property
    def label(self) -> Array:  # (27,) the whole as SH irradiance, the lamp's shadows left out
        return self.soft.reshape(-1) + lamp(self.direction, self.lamp)


def sample_light(rng: np.random.Generator) -> Light:
    """A room: even light, two or three windows or screens, perhaps a lamp; warm, cold or coloured."""
    white = _tint(rng, 0.05)
    soft = AMBIENT.reshape(9, 3) * rng.uniform(0.15, 0.7) * white
    for _ in range(rng.integers(1, 4)):
        colour = _tint(rng, 0.35 if rng.random() < 0.04 else 0.06) * rng.uniform(0.1, 0.6)
        soft = soft + lamp(_direction(rng, 0.3), colour).reshape(9, 3)
    colour = _tint(rng, 0.06) * (rng.uniform(0.2, 1.2) if rng.random() < 0.65 else 0.0)
    direction = _direction(rng, 0.6)
    front = shade(soft, np.array([0, 0, 1], np.float32))
    level = float((front + colour * max(0.0, direction[2])).mean())
    gain = 0.95 * np.exp(rng.normal(0, 0.25)) * (0.45 if rng.random() < 0.12 else 1.0) / max(level, 0.2)
    return Light((soft * gain).astype(np.float32), direction, (colour * gain).astype(np.float32))


def _tint(rng: np.random.Generator, amount: float) -> AnyArray:
    colour = np.exp(rng.normal(0, amount, 3))
    result: AnyArray = colour / colour.mean()
    return result


def _direction(rng: np.random.Generator, front: float) -> Array:
    """A direction towards a light, rather above than below and in front than behind."""
    d = rng.normal(size=3) * (1.0, 0.6, 0.7) + (0, 0.35, front)
    return (d / np.linalg.norm(d)).astype(np.float32)


#: Rows and columns of a portrait beside and above the head.
STRIPS = (np.s_[4:150, 3:46], np.s_[4:150, 210:253])


class Backgrounds:
    """Pictures behind a head: patches of the portraits' surroundings, gradients, blurred rooms.

    portraits: paths of 256x256 portraits whose face box is the middle 1/2.2; only `STRIPS` of them are used.
    """

    def __init__(self, portraits: list[Path], limit: int = 400) -> None:
        self.strips: list[Picture] = []
        for path in portraits[:limit]:
            image = cv2.imread(str(path)) if path.is_file() else None  # of a missing one OpenCV complains on its own
            if image is not None:
                rgb = np.ascontiguousarray(image[..., ::-1])
                self.strips += [rgb[strip] for strip in STRIPS]

    def sample(self, rng: np.random.Generator, size: int) -> Picture:  # -> (size, size, 3)
        kind = rng.random()
        if kind < 0.45 and self.strips:
            picture = self._patches(rng, size)
        elif kind < 0.65:
            corners = rng.uniform(0, 255, (2, 2, 3)) * 0.18 + rng.uniform(0, 255, 3) * 0.12 + rng.uniform(10, 245) * 0.7
            picture = cv2.resize(corners.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
        elif kind < 0.96:
            picture = _room(rng, size)
        else:
            cells = int(rng.integers(3, 16))
            noise = rng.uniform(0, 110, (cells, cells, 1)) + rng.uniform(0, 40, (cells, cells, 3)) + rng.uniform(0, 110)
            picture = cv2.resize(noise.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        tint = rng.uniform(0.6, 1.15) * np.exp(rng.normal(0, 0.06, 3))
        picture = picture.astype(np.float32) * tint + rng.normal(0, 6)
        return np.clip(picture, 0, 255).astype(np.uint8)

    def _patches(self, rng: np.random.Generator, size: int) -> AnyArray:
        """Two strips side by side, stretched, blurred as things out of focus are."""
        halves = []
        for _ in range(2):
            strip = self.strips[rng.integers(len(self.strips))]
            height = int(rng.integers(strip.shape[1], strip.shape[0]))
            top = int(rng.integers(0, strip.shape[0] - height + 1))
            piece = strip[top : top + height, :: rng.choice([-1, 1])]
            halves.append(cv2.resize(piece, (size // 2, size), interpolation=cv2.INTER_LINEAR))
        picture = np.concatenate(halves, 1)[:, : size + size % 2]
        picture = cv2.resize(picture, (size, size)).astype(np.float32)
        blur = rng.choice([0, 1.5, 4, 9])
        if blur:
            picture = cv2.GaussianBlur(picture, (0, 0), blur * size / 144)
        result: AnyArray = picture
        return result


def _room(rng: np.random.Generator, size: int) -> AnyArray:
    """A wall with shelves, frames, windows and lamps: boxes of muted colours, blurred."""
    wall = rng.uniform(40, 225) + rng.normal(0, 14, 3)
    picture = np.tile(wall.astype(np.float32), (size, size, 1))
    for _ in range(rng.integers(2, 14)):
        x, y = rng.integers(-size // 4, size, 2)
        width, height = rng.integers(size // 20 + 1, size // 2, 2)
        colour = rng.uniform(0, 255) * 0.85 + rng.uniform(0, 255, 3) * 0.15
        if rng.random() < 0.1:
            colour = np.array([255.0, 250, 235])
        cv2.rectangle(picture, (int(x), int(y)), (int(x + width), int(y + height)), tuple(map(float, colour)), -1)
    ramp = np.linspace(rng.uniform(0.7, 1.1), rng.uniform(0.7, 1.1), size, dtype=np.float32)
    picture = picture * (ramp[None, :, None] if rng.random() < 0.5 else ramp[:, None, None])
    result: AnyArray = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 6) * size / 144)
    return result
