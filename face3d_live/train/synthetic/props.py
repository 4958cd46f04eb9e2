"""Shapes that synthetic heads wear, in the head frame, metres: shoulders, glasses, headphones, a peak.

Each shape has a fixed number of vertices and fixed faces, so that the renderer only moves it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face3d_live.triangles import Shape, grid_faces, join, tube
from face3d_live.typing import AnyArray, Array


def shoulders(neck: Array, radius: float, rng: np.random.Generator) -> tuple[Shape, float]:  # neck (3,)
    """A torso below the neck's base, and the height at which its collar begins (above it is skin)."""
    wide, deep = rng.uniform(0.16, 0.23), rng.uniform(0.085, 0.12)
    slope = rng.uniform(0.5, 1.3)
    steps = np.array(
        [  # height, half width, half depth, shift back
            (0.035, radius * 1.00, radius * 1.00, 0.0),
            (0.012, radius * 1.10, radius * 1.08, 0.0),
            (-0.005, radius * 1.35, radius * 1.15, 0.0),
            (-0.022 * slope, wide * 0.62, deep * 0.72, 0.004),
            (-0.045 * slope, wide * 0.86, deep * 0.9, 0.006),
            (-0.080 * slope, wide, deep, 0.008),
            (-0.140, wide * 1.06, deep * 1.1, 0.010),
            (-0.420, wide, deep * 1.05, 0.010),
        ]
    )
    angle = np.arange(28) * 2 * np.pi / 28
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.85
    z = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.85
    rings = [np.stack([w * x, np.full(28, h), d * z - back], -1) for h, w, d, back in steps]
    vertices = (np.concatenate(rings) + neck).astype(np.float32)
    neckline = float(neck[1]) + rng.choice([0.05, 0.02, 0.004, -0.02 * slope, -0.05 * slope])
    return Shape(vertices, grid_faces(len(steps), 28, closed=True)), neckline


@dataclass(frozen=True)
class Glasses:
    frame: Shape
    lenses: Shape


def glasses(eyes: Array, bridge: Array, ears: Array, rng: np.random.Generator) -> Glasses:
    """Rims around both eyes, a bridge, temples to the ears. eyes (2, 3) left and right, bridge (3,), ears (2, 3)."""
    half_width = float(np.clip(np.abs(eyes[:, 0]).mean() * rng.uniform(0.66, 0.84), 0.018, 0.031))
    half_height = half_width * rng.uniform(0.58, 1.0)
    power = rng.choice([2.0, 2.6, 4.0])  # round to square
    thick = rng.uniform(0.0012, 0.0045)
    front = max(float(bridge[2]) + 0.004, float(eyes[:, 2].max()) + 0.022)
    drop = rng.uniform(-0.006, 0.002)
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    parts, lenses = [], []
    hinges = []
    for side, eye in zip((1, -1), eyes, strict=True):
        x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / power) * half_width
        y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / power) * half_height
        center = np.array([side * max(abs(float(eye[0])), half_width + 0.007), float(eye[1]) + drop, front])
        curve = np.stack([x, y, -0.16 * np.maximum(0, side * x)], -1) + center
        parts.append(tube(curve, thick, thick * 1.2, closed=True))
        fan = np.concatenate([center[None], curve])
        faces = np.stack([np.zeros(28), 1 + np.arange(28), 1 + (np.arange(28) + 1) % 28], -1).astype(np.int32)
        lenses.append(Shape(fan.astype(np.float32), faces))
        hinges.append(center + np.array([side * half_width, half_height * 0.35, -0.16 * half_width]))
    inner = [h - [s * 2 * half_width, -0.001, 0] for h, s in zip(hinges, (1, -1), strict=True)]
    middle = (inner[0] + inner[1]) / 2 + [0, half_height * 0.1, 0.003]
    parts.append(tube(np.stack([inner[0], middle, inner[1]]), thick, thick))
    for side, hinge, ear in zip((1, -1), hinges, ears, strict=True):
        end = np.array([ear[0] + side * 0.004, hinge[1] - 0.004, ear[2]])
        outer = hinge + np.array([side * 0.005, 0, -0.004])
        parts.append(tube(np.stack([hinge, outer, end]), thick * 0.8, thick * 1.6))
    return Glasses(join(parts), join(lenses))


def headphones(top: Array, ears: Array, rng: np.random.Generator) -> Shape:
    """A band over the head and two cups. top (3,) of the skull, ears (2, 3)."""
    rise = float(top[1] - ears[:, 1].mean()) + rng.uniform(0.008, 0.03)
    reach = float(np.abs(ears[:, 0]).mean()) + 0.012
    angle = np.linspace(0, np.pi, 20)
    center = ears.mean(0) * (0, 1, 1) + (0, 0, rng.uniform(-0.005, 0.012))
    curve = center + np.stack([reach * np.cos(angle), rise * np.sin(angle), 0 * angle], -1)
    parts = [tube(curve, rng.uniform(0.006, 0.014), rng.uniform(0.018, 0.035))]
    size = rng.uniform(0.028, 0.042)
    middles = [center + np.array([side * (reach - 0.002), 0, 0]) for side in (1, -1)]
    return join(parts + [_ellipsoid(middle, (0.014, size * 1.15, size)) for middle in middles])


def peak(brow: Array, half_width: float, rng: np.random.Generator) -> Shape:
    """A cap's peak: half a disc that leans forwards and down. brow (3,): middle of the cap's front edge."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 15)
    reach = np.linspace(0, 1, 6)[:, None]
    length, droop = rng.uniform(0.05, 0.075), rng.uniform(0.1, 0.45)
    x = half_width * np.sin(angle) * (1 + 0 * reach)
    z = -0.05 * np.sin(angle) ** 2 + length * reach * np.cos(angle) ** 0.7
    y = -droop * length * reach * np.cos(angle) - 0.22 * np.abs(x) ** 2 / half_width
    vertices = (np.stack([x, y, z], -1).reshape(-1, 3) + brow).astype(np.float32)
    return Shape(vertices, grid_faces(6, 15, closed=False))


def _ellipsoid(center: AnyArray, radii: tuple[float, float, float]) -> Shape:
    latitude, longitude = np.linspace(-np.pi / 2, np.pi / 2, 8)[:, None], np.arange(14) * 2 * np.pi / 14
    ball = np.stack(
        [
            np.sin(latitude) + 0 * longitude,
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
        ],
        -1,
    )
    vertices = (ball.reshape(-1, 3) * radii + center).astype(np.float32)
    return Shape(vertices, grid_faces(8, 14, closed=True))
