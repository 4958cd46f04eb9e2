"""The fox: vertices of every piece as a function of the expression, so that every morph target is a difference.

Metres, y up, facing +z, +x is the fox's left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from fox_pictures import CELL, PALETTE, TEXTURE

EYE = np.array([0.043, 0.014])  # where an eye sits on the face, x (mirrored for the right one) and y
EYE_RADIUS, EYE_OUT = 0.036, 0.0065  # of the ball, and how far it stands out of the face
MOUTH_Y, MOUTH_WIDTH, MOUTH_LINE = -0.043, 0.024, 0.0011
HEAD_JOINT, NECK_JOINT, SPINE_JOINT = (
    np.array([0, -0.06, -0.012]),
    np.array([0, -0.115, -0.016]),
    np.array([0, -0.27, -0.02]),
)


# --- the head's form --------------------------------------------------------------------------------------------------


def bump(at: np.ndarray, middle: tuple[float, float, float], width: float) -> np.ndarray:
    """1 in the middle, fading within `width`. at (N, 3)."""
    return np.exp(-((at - np.array(middle)) ** 2).sum(-1) / (2 * width**2))


def radius(d: np.ndarray) -> np.ndarray:  # (N, 3) unit -> (N,)
    """The head: a broad ellipsoid with cheeks and a muzzle."""
    ball = 1 / np.sqrt((d / np.array([0.112, 0.096, 0.094])) ** 2 @ np.ones(3))
    cheeks = bump(d * [1, 1, 1], (0.80, -0.45, 0.40), 0.28) + bump(d, (-0.80, -0.45, 0.40), 0.28)
    return ball + 0.016 * cheeks + 0.021 * bump(d, (0, -0.34, 0.94), 0.24)


def on_face(x: np.ndarray, y: np.ndarray, out: float | np.ndarray = 0.0) -> np.ndarray:  # -> (..., 3)
    """The point of the face's surface in front of (x, y), lifted by `out`."""
    x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    z = np.full(x.shape, 0.09)
    for _ in range(40):
        p = np.stack([x, y, z], -1)
        r = radius(p / np.linalg.norm(p, axis=-1, keepdims=True))
        z = np.sqrt(np.maximum(r**2 - x**2 - y**2, 1e-6))
    p = np.stack([x, y, z], -1)
    return p + np.asarray(out)[..., None] * p / np.linalg.norm(p, axis=-1, keepdims=True)


@cache
def eye_centre(side: int) -> np.ndarray:  # +1 left, -1 right
    at = on_face(side * EYE[0], EYE[1])
    outwards = np.array([0.35 * side, 0.05, 1.0])
    return at + (EYE_OUT - EYE_RADIUS) * outwards / np.linalg.norm(outwards)


# --- pieces: vertices as a function of the expression, so that every target is a difference ---------------------------


@dataclass
class Piece:
    """points(expression) -> (N, 3); uv (N, 2), v down; faces (F, 3)."""

    points: Callable[[dict[str, float]], np.ndarray]
    uv: np.ndarray
    faces: np.ndarray
    material: int = 0


def grid(rows: int, columns: int) -> np.ndarray:  # -> (F, 3): seen from the front where columns run to the left (+x)
    i = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = i[:-1, :-1].ravel(), i[:-1, 1:].ravel(), i[1:, :-1].ravel(), i[1:, 1:].ravel()
    return np.concatenate([np.column_stack([a, c, b]), np.column_stack([b, c, d])])


def cell(name: str, count: int) -> np.ndarray:  # -> (count, 2)
    u = (list(PALETTE).index(name) + 0.5) * CELL / TEXTURE
    return np.tile([u, 1 - 0.5 * CELL / TEXTURE], (count, 1))


def get(e: dict[str, float], stem: str, side: int) -> float:
    return e.get(stem + ("Left" if side > 0 else "Right"), 0.0)


def head() -> Piece:
    rows, columns = 28, 37
    share = np.linspace(-1, 1, columns)
    around = np.pi * (0.62 * share + 0.38 * share**3)  # finer in front
    down = np.linspace(0, np.pi, rows)
    theta, phi = np.meshgrid(down, around, indexing="ij")
    d = np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], -1).reshape(-1, 3)
    rest = d * radius(d)[:, None]
    uv = np.column_stack(
        [(share[None] * 0.5 + 0.5 + 0 * theta).ravel(), (theta / np.pi).ravel() * (1 - CELL / TEXTURE)]
    )
    front = np.clip(rest[:, 2] / 0.05, 0, 1)
    jaw = front * np.clip((MOUTH_Y + 0.012 - rest[:, 1]) / 0.03, 0, 1)

    def points(e: dict[str, float]) -> np.ndarray:
        p = rest.copy()
        p[:, 1] -= jaw * (0.024 * e.get("jawOpen", 0) - 0.004 * e.get("mouthShrugLower", 0))
        p[:, 2] -= jaw * (0.014 * e.get("jawOpen", 0) - 0.007 * e.get("jawForward", 0))
        p[:, 0] += jaw * 0.012 * (e.get("jawLeft", 0) - e.get("jawRight", 0))
        for side in (1, -1):
            cheek = bump(rest, (side * 0.058, -0.040, 0.072), 0.020)[:, None]
            p += cheek * d * (0.016 * e.get("cheekPuff", 0) + 0.006 * get(e, "mouthSmile", side))
            p[:, 1] += cheek[:, 0] * (0.009 * get(e, "mouthSmile", side) + 0.006 * get(e, "cheekSquint", side))
            snout = bump(rest, (side * 0.016, -0.020, 0.108), 0.014)
            p[:, 1] += 0.007 * snout * get(e, "noseSneer", side)
        return p

    return Piece(points, uv, grid(rows, columns))


def ear(side: int) -> list[Piece]:
    """A cone with a soft tip, and the dark inside as a shell in front."""
    rows, columns = 8, 17
    foot, tip = np.array([side * 0.066, 0.058, -0.012]), np.array([side * 0.098, 0.150, -0.004])
    t, a = np.meshgrid(np.linspace(1, 0, rows), np.linspace(-np.pi, np.pi, columns), indexing="ij")

    def cone(t: np.ndarray, a: np.ndarray, wide: float, deep: float, lift: float) -> np.ndarray:
        along = tip - foot
        across = np.cross(along, [0, 0, 1.0])
        across *= -1 / np.linalg.norm(across)
        r = np.sqrt(np.maximum(1 - t, 0)) * (1 - 0.25 * t)
        p = foot + t[..., None] * along + (wide * r * np.sin(a))[..., None] * -across
        p[..., 2] += deep * r * np.cos(a) + lift
        return p.reshape(-1, 3)

    outer = cone(t, a, 0.036, 0.018, 0)
    uv = np.column_stack([0.5 + 0.1 * np.sin(a).ravel(), 0.02 + 0.10 * t.ravel()])
    t2, a2 = np.meshgrid(np.linspace(0.86, 0.12, rows), np.linspace(-1.25, 1.25, columns), indexing="ij")
    inner = cone(t2, a2, 0.028, 0.018, 0.0022)
    return [
        Piece(lambda e: outer, uv, grid(rows, columns)),
        Piece(lambda e: inner, cell("ear", len(inner)), grid(rows, columns)),
    ]


def cap(side: int, elevation: np.ndarray, azimuth: np.ndarray, scale: float) -> np.ndarray:
    """Points on a ball around an eye; angles in degrees, (rows,) and (columns,) or both (rows, columns)."""
    if elevation.ndim == 1:
        elevation, azimuth = np.meshgrid(elevation, azimuth, indexing="ij")
    el, az = np.radians(elevation), np.radians(azimuth)
    d = np.stack([np.sin(az) * np.cos(el), np.sin(el), np.cos(az) * np.cos(el)], -1)
    return (eye_centre(side) + EYE_RADIUS * scale * d).reshape(-1, 3)


def lids(side: int) -> list[Piece]:
    columns = np.linspace(-62, 62, 15)
    bow = 1 - (columns / 62) ** 2  # lids are arches

    def upper_edge(e: dict[str, float]) -> np.ndarray:
        blink, wide, squint = get(e, "eyeBlink", side), get(e, "eyeWide", side), get(e, "eyeSquint", side)
        look = get(e, "eyeLookDown", side) * 10 - get(e, "eyeLookUp", side) * 7
        return 12 + 17 * bow + 9 * wide - 6 * squint - look - blink * (26 + 22 * bow)

    def lower_edge(e: dict[str, float]) -> np.ndarray:
        raised = 9 * get(e, "eyeSquint", side) + 8 * get(e, "cheekSquint", side) + 7 * get(e, "mouthSmile", side)
        return -14 - 18 * bow + raised + 4 * get(e, "eyeBlink", side) * bow

    def sheet(first: np.ndarray, last: np.ndarray, rows: int, scale: float) -> np.ndarray:
        share = np.linspace(0, 1, rows)[:, None]
        elevation = (1 - share) * first + share * last
        return cap(side, elevation, np.broadcast_to(columns, elevation.shape), scale)

    def upper(e: dict[str, float]) -> np.ndarray:
        return sheet(np.full(15, 78.0), upper_edge(e), 7, 1.085)

    def line(e: dict[str, float]) -> np.ndarray:
        edge = upper_edge(e)
        return sheet(edge + 2.6 + 3.0 * bow, edge - 1.5, 3, 1.095)

    def lower(e: dict[str, float]) -> np.ndarray:
        return sheet(lower_edge(e), np.full(15, -78.0), 5, 1.07)

    none: dict[str, float] = {}
    return [
        Piece(upper, cell("lid", len(upper(none))), grid(7, 15)),
        Piece(line, cell("dark", len(line(none))), grid(3, 15)),
        Piece(lower, cell("lid", len(lower(none))), grid(5, 15)),
    ]


def brow(side: int) -> Piece:
    s = np.linspace(0, 1, 9)  # from the nose outwards

    def points(e: dict[str, float]) -> np.ndarray:
        inner = 0.012 * e.get("browInnerUp", 0) - 0.011 * get(e, "browDown", side)
        outer = 0.011 * get(e, "browOuterUp", side) - 0.004 * get(e, "browDown", side)
        middle = EYE[1] + 0.029 + 0.006 * np.sin(np.pi * s) + inner * (1 - s) + outer * s
        x = side * (0.020 + 0.042 * s - 0.004 * get(e, "browDown", side))
        thick = 0.0042 * np.sqrt(np.sin(np.pi * (0.08 + 0.86 * s)))
        y = np.stack([middle + thick, middle, middle - thick])
        p = on_face(np.broadcast_to(x, y.shape), y, 0.0035)
        p[1] *= 1.012
        return (p if side > 0 else p[:, ::-1]).reshape(-1, 3)

    return Piece(points, cell("dark", 27), grid(3, 9))


def nose() -> Piece:
    rows, columns = 9, 13
    theta, phi = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(-np.pi, np.pi, columns), indexing="ij")
    d = np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], -1).reshape(-1, 3)
    d[:, 0] *= 1 + 0.25 * d[:, 1]
    middle = on_face(0.0, -0.019)
    return Piece(lambda e: middle + d * [0.0125, 0.0085, 0.0085], cell("dark", len(d)), grid(rows, columns))


def blush(side: int) -> Piece:
    """A see-through patch on the cheek."""
    u, v = np.meshgrid(np.linspace(-1, 1, 7), np.linspace(-1, 1, 7))
    x, y = side * 0.063 + 0.016 * u, -0.022 - 0.010 * v
    uv = np.column_stack([(u.ravel() + 1) / 2, (v.ravel() + 1) / 2])

    def points(e: dict[str, float]) -> np.ndarray:
        return on_face(x, y + 0.007 * get(e, "mouthSmile", side), 0.0045 + 0.012 * e.get("cheekPuff", 0)).reshape(-1, 3)

    return Piece(points, uv, grid(7, 7), material=2)


def eye(side: int) -> list[Piece]:
    """White and iris, to be turned by the eye's bone."""
    white = cap(side, np.linspace(64, -64, 13), np.linspace(-64, 64, 13), 1.0)
    ring, spoke = np.meshgrid(np.linspace(0, 1, 6), np.linspace(-np.pi, np.pi, 25), indexing="ij")
    across = np.radians(20.5) * ring
    d = np.stack([np.sin(across) * np.sin(spoke), np.sin(across) * np.cos(spoke), np.cos(across)], -1).reshape(-1, 3)
    aside = np.radians(7 * side)  # the balls look a little apart, or the fox would squint
    d = d @ np.array([[np.cos(aside), 0, -np.sin(aside)], [0, 1, 0], [np.sin(aside), 0, np.cos(aside)]])
    iris = eye_centre(side) + 1.012 * EYE_RADIUS * d
    uv = np.column_stack([0.5 + 0.5 * (ring * np.sin(spoke)).ravel(), 0.5 - 0.5 * (ring * np.cos(spoke)).ravel()])
    return [
        Piece(lambda e: white, cell("ball", len(white)), grid(13, 13)),
        Piece(lambda e: iris, uv, grid(6, 25)[:, ::-1], material=1),
    ]


def bust() -> Piece:
    """Neck and shoulders: a body of revolution, flattened."""
    profile = np.array(
        [(-0.070, 0.050, 0.048), (-0.095, 0.047, 0.044), (-0.112, 0.050, 0.046), (-0.122, 0.066, 0.055),
         (-0.135, 0.094, 0.062), (-0.155, 0.118, 0.067), (-0.19, 0.132, 0.071), (-0.30, 0.138, 0.074)]
    )  # fmt: skip
    a = np.linspace(-np.pi, np.pi, 27)
    y, wide, deep = (profile[:, k][:, None] + 0 * a for k in range(3))
    p = np.stack([wide * np.sin(a), y, deep * np.cos(a) - 0.02], -1).reshape(-1, 3)
    fur = p[:, 1] > -0.11
    uv = np.where(fur[:, None], [[0.5, 0.78]], cell("cloth", len(p)))
    return Piece(lambda e: p, uv, grid(len(profile), 27), material=0)
