"""Glasses as meshes, built on a head at rest: rims, bridge, pads, temples over the ears, lenses.

The measures are those of common frames: a lens 46 to 56 mm wide and a bridge of 16 to 20 mm at 62 mm between the pupils
(ISO 8624, boxed system), 12 mm and more between cornea and lens, the frame's front tilted by 8 degrees (pantoscopic
angle) and bent about the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face3d_live.head.model import Head
from face3d_live.triangles import Shape, join, tube
from face3d_live.typing import AnyArray, Array

#: Metres between the pupils at which the styles' measures hold.
_PUPILS = 0.062
_POINTS = 44  # of a rim
_SIDES = 8  # of a bar's section
_VERTEX = 0.012  # metres from the cornea to the lens
_CLEAR = 0.0016  # metres between rims or temples and the skin
_TILT = 0.14  # of the front: metres back a metre down
_BEND = 0.17  # metres, radius of the front about the head
_BRIDGE = 0.0085  # metres from the middle to a rim, at least
#: MediaPipe points of the nose's root and of its ridge below.
_ROOT, _RIDGE = 168, 6
#: Metres that the end of a temple goes down and back behind the ear.
_HOOK = ((-0.006, -0.012), (-0.020, -0.022), (-0.032, -0.026))


@dataclass(frozen=True)
class _Style:
    """Metres. half: of a lens, width and height; power: of its superellipse, 2 round .. 5 square; drop: how much
    further down than up it reaches; flare: how much wider it is above than below; rim: width and depth of the rim;
    pads: whether metal arms carry pads; bar: a second bridge above."""

    half: tuple[float, float]
    power: float
    drop: float = 0.0
    flare: float = 0.0
    rim: tuple[float, float] = (0.0032, 0.0040)
    pads: bool = False
    bar: bool = False


_METAL = (0.0015, 0.0018)
_STYLES = {
    "round": _Style((0.0225, 0.0220), 2.0, rim=(0.0022, 0.0026), pads=True),
    "oval": _Style((0.0245, 0.0165), 2.2, rim=(0.0019, 0.0022), pads=True),
    "rectangle": _Style((0.0260, 0.0158), 4.0, flare=0.02, rim=(0.0026, 0.0034)),
    "square": _Style((0.0255, 0.0195), 3.2, flare=0.05, rim=(0.0036, 0.0042)),
    "aviator": _Style((0.0275, 0.0210), 2.5, drop=0.20, flare=-0.04, rim=_METAL, pads=True, bar=True),
    "sunglasses": _Style((0.0270, 0.0205), 3.0, flare=0.06, rim=(0.0040, 0.0046)),
}


@dataclass(frozen=True)
class GlassesMesh:
    """Head frame, metres; faces counterclockwise from outside. lenses: seen from both sides."""

    frame: Shape
    lenses: Shape


def glasses_mesh(style: str, head: Head, neutral: AnyArray) -> GlassesMesh:  # (V, 3) low level
    """A style of `eyewear.STYLES` on a head at rest. Raises KeyError for "none" and unknown styles."""
    made = _STYLES[style]
    eyes = np.array([neutral[ball].mean(0) for ball in head.eye_vertices])  # left, right
    scale = float(np.clip((eyes[0, 0] - eyes[1, 0]) / _PUPILS, 0.8, 1.25))
    skin = neutral[(head.part == 0) & (neutral[:, 2] > eyes[:, 2].mean() - 0.05)]
    outline = _outline(made) * scale
    across = max(float(np.abs(eyes[:, 0]).mean()), float(-outline[:, 0].min()) + _BRIDGE * scale)
    front = _Front(float(eyes[:, 1].mean()) + 0.001, float(eyes[:, 2].max()) + head.eye_radius + _VERTEX)
    left = front.place(outline + np.array([across, 0]))
    front = _Front(front.height, front.depth + _needed(left, skin))
    left = front.place(outline + np.array([across, 0]))
    rims: list[Array] = [left, left * np.array([-1, 1, 1], np.float32)]
    width, depth = made.rim[0] * scale, made.rim[1] * scale
    parts = [tube(rim, width, depth, _SIDES, closed=True) for rim in rims]
    parts += _bridges(made, left, front, head.points(neutral)[[_ROOT, _RIDGE]], width, depth)
    for side in (1.0, -1.0):
        parts.append(tube(_temple(left * np.array([side, 1, 1]), side, head, neutral), width * 0.9, depth, _SIDES))
    middles = front.place(np.array([[across, 0.0], [-across, 0.0]]))
    lenses = [_lens(rim, middle) for rim, middle in zip(rims, middles, strict=True)]
    return GlassesMesh(join(parts), join(lenses))


@dataclass(frozen=True)
class _Front:
    """The surface that the lenses lie in. height, depth: of its middle, metres."""

    height: float
    depth: float

    def place(self, at: AnyArray) -> Array:  # (N, 2) x, y from the eyes' height -> (N, 3)
        back = at[:, 0] ** 2 / (2 * _BEND)
        return np.stack([at[:, 0], self.height + at[:, 1], self.depth + _TILT * at[:, 1] - back], -1).astype(np.float32)


def _outline(style: _Style) -> Array:  # -> (_POINTS, 2) about the lens' middle, x towards the temple
    angle = np.arange(_POINTS) * 2 * np.pi / _POINTS
    unit = np.stack([np.cos(angle), np.sin(angle)], -1)
    x, y = (np.sign(unit) * np.abs(unit) ** (2 / style.power)).T
    y = np.where(y < 0, y * (1 + style.drop), y)
    return np.asarray(np.stack([style.half[0] * x * (1 + style.flare * y), style.half[1] * y], -1))


def _needed(rim: AnyArray, skin: AnyArray) -> float:  # (N, 3), (M, 3)
    """How far the front must move ahead for the rim to be clear of cheeks and brows, metres."""
    away = np.hypot(*(skin[None, :, axis] - rim[:, None, axis] for axis in (0, 1)))
    below = np.where(away < 0.004, skin[None, :, 2], -np.inf).max(1)
    return max(0.0, float((below - rim[:, 2]).max()) + 2 * _CLEAR)


def _bridges(
    style: _Style, left: AnyArray, front: _Front, nose: AnyArray, width: float, depth: float
) -> list[Shape]:  # left (_POINTS, 3), nose (2, 3)
    """What joins the rims over the nose, and what rests on it."""
    inner = left[_POINTS // 2 - 5]  # somewhat above the middle, on the nose's side
    height = float(inner[1])
    ahead = max(float(front.depth + _TILT * (height - front.height)), float(nose[0, 2]) + 2 * _CLEAR + depth / 2)
    x = np.linspace(float(inner[0]), -float(inner[0]), 9)
    rise = 1 - (x / inner[0]) ** 2
    curve = np.stack([x, height + 0.0025 * rise, inner[2] + (ahead - inner[2]) * rise**0.6], -1)
    parts = [tube(curve, width, depth, _SIDES)]
    if style.bar:
        above = left[_POINTS // 2 - 7]
        x = np.linspace(float(above[0]), -float(above[0]), 7)
        parts.append(tube(np.stack([x, 0 * x + above[1], 0 * x + above[2]], -1), width, depth, _SIDES))
    if style.pads:
        for side in (1.0, -1.0):
            start = left[_POINTS // 2 + 2] * [side, 1, 1]
            end = nose[1] + [side * 0.0095, -0.001, -0.004]
            middle = (start + end) / 2 + [0, 0, -0.003]
            parts.append(tube(np.stack([start, middle, end]), width * 0.6, width * 0.6, _SIDES))
            lean = np.array([side * 0.0016, -0.0045, -0.0012])
            parts.append(tube(end + np.linspace(-1, 1, 5)[:, None] * lean, 0.0020, 0.0040, _SIDES))
    return parts


def _temple(rim: AnyArray, side: float, head: Head, neutral: AnyArray) -> Array:  # (_POINTS, 3) -> (N, 3)
    """The bar from the rim's upper outer part over the ear's root and down behind it."""
    start = rim[4]
    ear = neutral[_ear_root(head, side)]
    hinge = np.array([max(abs(start[0]) + 0.005, abs(ear[0]) - 0.008), start[1], start[2] - 0.006])
    top = np.array([abs(ear[0]) + 0.0015, ear[1] + 0.002, ear[2]])
    share = np.linspace(0, 1, 7)[:, None]
    bar = hinge + (top - hinge) * share
    near = neutral[(head.part == 0) & (neutral[:, 0] * side > 0) & (np.abs(neutral[:, 1] - ear[1]) < 0.012)]
    for point in bar[1:-1]:
        beside = np.abs(near[:, 2] - point[2]) < 0.008
        if beside.any():
            point[0] = max(point[0], float(np.abs(near[beside, 0]).max()) + _CLEAR)
    hook = [top + np.array([-0.002, down, back]) for down, back in _HOOK]
    whole = np.concatenate([[np.abs(start) * [1, 0, 0] + start * [0, 1, 1]], bar, hook])
    return np.asarray(whole * [side, 1, 1])


def _ear_root(head: Head, side: float) -> int:
    """The low-level vertex where a temple lies: on the template, the ear's upper edge where it leaves the head."""
    ear = head.regions["ears"] & (head.template[:, 0] * side > 0)
    height = head.template[:, 1] - 0.6 * np.abs(head.template[:, 0])
    return int(np.flatnonzero(ear)[np.argmax(height[ear])])


def _lens(rim: AnyArray, middle: AnyArray) -> Shape:  # (N, 3), (3,)
    count = len(rim)
    ring = np.arange(count)
    faces = np.stack([np.zeros(count), 1 + ring, 1 + (ring + 1) % count], -1)
    if rim[:, 0].mean() < 0:
        faces = faces[:, ::-1]
    return Shape(np.concatenate([middle[None], rim]).astype(np.float32), faces.astype(np.int32))
