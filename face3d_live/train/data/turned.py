"""Portraits with poses and brows they never had: the picture warped by its fitted head, hair and background with it.

They are further shards of the pool `portraits_train`. Only movements that uncover nothing are made: small turns, brows,
corners of the mouth, squints. Training portraits only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live import rotations
from face3d_live.codes import INDEX, N_EXPRESSION
from face3d_live.head.model import Head
from face3d_live.regress.crop import Crop
from face3d_live.train.data.pool import SIZE, STORED, Sample, ShardWriter
from face3d_live.train.data.portraits import Labeller, load_index
from face3d_live.train.synthetic.scene import Placement, place
from face3d_live.typing import AnyArray, Array

#: Chance and largest strength of what may be added to (or, half as often, taken off) a fitted expression.
MOVES = (
    (("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), 0.35, 0.9),
    (("browInnerUp",), 0.12, 0.9),
    (("browOuterUpLeft",), 0.05, 0.8),
    (("browOuterUpRight",), 0.05, 0.8),
    (("browDownLeft", "browDownRight"), 0.3, 0.9),
    (("eyeSquintLeft", "eyeSquintRight"), 0.15, 0.6),
    (("eyeBlinkLeft", "eyeBlinkRight"), 0.2, 0.55),
    (("mouthSmileLeft", "mouthSmileRight"), 0.2, 0.5),
    (("mouthFrownLeft", "mouthFrownRight"), 0.12, 0.6),
    (("mouthPucker",), 0.15, 0.6),
    (("mouthStretchLeft", "mouthStretchRight"), 0.08, 0.5),
    (("mouthLeft",), 0.06, 0.7),
    (("mouthRight",), 0.06, 0.7),
    (("jawLeft",), 0.05, 0.7),
    (("jawRight",), 0.05, 0.7),
    (("noseSneerLeft", "noseSneerRight"), 0.08, 0.7),
)
YAW, PITCH, ROLL = 11.0, 7.0, 4.0  # degrees, standard deviation of the added turn
_MOST_TURN = np.radians([24, 15, 12])
_SCALES = (18.0, 7.0, 2.8, 1.3)  # pixels of the stored picture


@dataclass(frozen=True)
class Pose:
    """A head in front of a portrait's camera: its vertices and normals (V, 3) in camera axes, and where they fall."""

    vertices: Array
    normals: Array
    place: Placement

    @property
    def seen(self) -> Array:  # (V, 2) crop coordinates
        return self.place.project(self.vertices)

    @property
    def facing(self) -> Array:  # (V,) cosine towards the camera
        return (self.normals @ self.place.rotation.T)[:, 2]


class Turner:
    """Makes turned samples of real pictures whose head is known."""

    def __init__(self, head: Head) -> None:
        self.head = head
        # Ears and neck slip behind the cheek as the head turns: what they do must not show through it.
        self.skin = np.flatnonzero((head.part == 0) & ~head.regions["ears"] & ~head.regions["neck"])

    def sample(self, start: Sample, rgb: NDArray[np.uint8], crop: Crop, rng: np.random.Generator) -> Sample:
        """A new sample from one of `crop` of the picture (H, W, 3)."""
        shape, expression = start["shape"], moved_expression(start["expression"], rng)
        placement = Placement(start["rotation"], float(start["scale"]), start["position"], float(start["focal"]))
        before = self._pose(shape, start["expression"], placement)
        turn = np.clip(rng.normal(0, np.radians((YAW, PITCH, ROLL))), -_MOST_TURN, _MOST_TURN)
        rotation = rotations.from_euler(*turn) @ placement.rotation
        vertices = self.head.vertices(shape, expression)
        distance = -float(placement.translation[2])
        after = self._pose(shape, expression, place(self.head.points(vertices), rotation, distance))
        source = backward_map(before, after, self.skin)
        # The teacher's points lie beside the fitted ones; they keep their distance from them.
        points = after.place.project(self.head.points(after.vertices))
        scale = before.place.half / after.place.half
        fitted = before.place.project(self.head.points(before.vertices))
        points = points + (start["points"] - fitted) * scale
        return start | {
            "image": _resample(rgb, crop, source),
            "points": points.astype(np.float32),
            "expression": expression,
            "rotation": after.place.rotation,
            "scale": np.float32(after.place.scale),
            "position": after.place.position,
            "focal": np.float32(after.place.focal),
            "teacher_weight": np.zeros(N_EXPRESSION, np.float32),
        }

    def _pose(self, shape: Array, expression: Array, where: Placement) -> Pose:
        vertices = self.head.vertices(shape, expression)
        return Pose(vertices, self.head.topology("low").normals(vertices), where)


def _resample(rgb: NDArray[np.uint8], crop: Crop, source: Array) -> NDArray[np.uint8]:
    """source (SIZE, SIZE, 2): which crop coordinates of the picture each new pixel shows."""
    pixels = crop.to_frame(source) - np.float32(0.5)
    return np.asarray(
        cv2.remap(rgb, pixels[..., 0], pixels[..., 1], cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


def moved_expression(expression: Array, rng: np.random.Generator) -> Array:  # (52,) -> (52,)
    """The expression with some of `MOVES` added or taken off."""
    out = expression.copy()
    for names, chance, most in MOVES:
        if rng.random() < chance:
            change = rng.uniform(0.1, most) * (1 if rng.random() < 0.7 else -1)
            for name in names:
                out[INDEX[name]] += change * (1 + 0.1 * rng.normal())
    return np.clip(out, 0, 1).astype(np.float32)


def backward_map(before: Pose, after: Pose, skin: AnyArray) -> Array:  # -> (SIZE, SIZE, 2) crop coordinates before
    """For each pixel of the new stored picture, what it shows of the old one.

    A similarity carries the whole picture; what the skin's vertices move beyond it is spread by normalised Gaussians,
    fine where vertices are dense, coarse elsewhere, fading to nothing away from the head.
    """
    weight = np.clip(np.minimum(before.facing, after.facing)[skin] - 0.05, 0, 0.4)
    old, new = before.seen[skin], after.seen[skin]
    matrix, offset = _similarity(new, old, weight)
    residual = old - (new @ matrix.T + offset)
    pixel = (new / STORED + 1) / 2 * SIZE - 0.5
    inside = np.flatnonzero((pixel > 0).all(1) & (pixel < SIZE - 1).all(1) & (weight > 0))
    column, row = np.round(pixel[inside]).astype(int).T
    splat = np.zeros((SIZE, SIZE, 3), np.float32)
    values = np.concatenate([residual[inside], np.ones((len(inside), 1))], 1) * weight[inside, None]
    np.add.at(splat, (row, column), values)
    field = np.zeros((SIZE, SIZE, 2), np.float32)
    for sigma in _SCALES:
        spread = cv2.GaussianBlur(splat, (0, 0), sigma)
        known = spread[..., 2:] * sigma**2
        share = known / (known + 0.02)
        field += share * (spread[..., :2] / np.maximum(spread[..., 2:], 1e-8) - field)
    axis = ((np.arange(SIZE) + 0.5) / SIZE * 2 - 1) * STORED
    grid = np.stack(np.meshgrid(axis, axis), -1)
    return (grid @ matrix.T + offset + field).astype(np.float32)


def _similarity(source: AnyArray, target: AnyArray, weight: AnyArray) -> tuple[AnyArray, AnyArray]:  # (N, 2) x 2, (N,)
    """Turn, scale and shift that carry source to target (weighted Procrustes): target = source @ matrix.T + offset."""
    share = (weight / weight.sum())[:, None]
    a, b = (share * source).sum(0), (share * target).sum(0)
    covariance = ((target - b) * share).T @ (source - a)
    u, values, vt = np.linalg.svd(covariance)
    sign = np.array([1.0, np.sign(np.linalg.det(u @ vt))])
    scale = (values * sign).sum() / (share * (source - a) ** 2).sum()
    matrix = scale * (u * sign) @ vt
    return matrix, b - matrix @ a


def build(head: Head, data: Path, out: Path, copies: int, seed: int = 0) -> int:
    """Add `copies` shards to the portraits of training; returns how many samples they hold."""
    labeller, turner = Labeller(head, data), Turner(head)
    index = [p for p in load_index(data) if not p.held_out]
    fits = [fit.codes for fit in labeller.fit_all(index)]
    total = 0
    for number in range(copies):
        rng = np.random.default_rng([seed, number])
        about = {"kind": "turned portraits", "seed": seed, "number": number}
        writer = ShardWriter(out / "portraits_train", f"turned_{number:03d}", about)
        for portrait, codes in zip(index, fits, strict=True):
            start, rgb, crop = labeller.sample(portrait, codes), labeller.picture(portrait), labeller.crop(portrait)
            for _ in range(portrait.copies):
                writer.add(turner.sample(start, rgb, crop, rng))
        total += len(writer.samples)
        print(f"{writer.close().name}: {total} samples", flush=True)
    return total
