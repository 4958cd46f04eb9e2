"""A cartoon fox's bust, made of formulas: `cartoon.glb`, an avatar to try and a model of how yours may be built.

    python examples/avatars/build_cartoon.py [glb|vrm0|vrm1] [FILE]

One mesh with morph targets that bear ARKit's names, a skeleton with neck, head and eyes, a painted texture. `vrm0` and
`vrm1` write the same fox with VRM's expressions. Metres, y up; CC0: do what you like with it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from face3d_live.export.gltf import Buffer

Kind = Literal["glb", "vrm0", "vrm1"]

EYE = np.array([0.043, 0.014])  # where an eye sits on the face, x (mirrored for the right one) and y
EYE_RADIUS, EYE_OUT = 0.036, 0.0065  # of the ball, and how far it stands out of the face
MOUTH_Y, MOUTH_WIDTH, MOUTH_LINE = -0.043, 0.024, 0.0011
HEAD_JOINT, NECK_JOINT, SPINE_JOINT = (
    np.array([0, -0.06, -0.012]),
    np.array([0, -0.115, -0.016]),
    np.array([0, -0.27, -0.02]),
)
LEAST_MOVE = 2e-4  # metres; what a target moves less stays
TEXTURE, CELL = 512, 64  # pixels of the texture; the lowest row of cells is a palette
PALETTE = {
    "ball": (252, 252, 250), "dark": (38, 26, 30), "mouth": (104, 26, 36), "tongue": (232, 112, 118),
    "tooth": (255, 250, 240), "lid": (224, 113, 45), "ear": (70, 44, 44), "cloth": (52, 84, 128),
}  # fmt: skip


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


def mouth() -> list[Piece]:
    s = np.linspace(-1, 1, 25)

    def curves(e: dict[str, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """x, upper and lower edge (25,), and how far the lips are apart."""
        x, upper, lower = np.zeros(25), np.full(25, MOUTH_Y), np.full(25, MOUTH_Y)
        apart = 0.034 * (e.get("jawOpen", 0) - 0.9 * e.get("mouthClose", 0)) + 0.010 * e.get("mouthFunnel", 0)
        for side in (1, -1):
            half = np.clip(side * s, 0, 1)
            grow = (
                0.40 * get(e, "mouthSmile", side)
                + 0.30 * get(e, "mouthStretch", side)
                + 0.1 * get(e, "mouthDimple", side)
            )
            shrink = 0.52 * e.get("mouthPucker", 0) + 0.30 * e.get("mouthFunnel", 0) + 0.12 * e.get("jawOpen", 0)
            x += side * half * MOUTH_WIDTH * (1 + grow - shrink)
            corner = 0.004 + 0.014 * get(e, "mouthSmile", side) - 0.013 * get(e, "mouthFrown", side)
            corner -= 0.004 * get(e, "mouthStretch", side)
            upper += half**2 * corner
            lower += half**2 * corner
            middle = half * (1 - half) * 4
            upper += 0.006 * middle * get(e, "mouthUpperUp", side)
            lower -= 0.007 * middle * get(e, "mouthLowerDown", side)
        x += 0.012 * (e.get("mouthLeft", 0) - e.get("mouthRight", 0))
        round_ = np.sqrt(np.maximum(1 - s**2, 0))
        thick = MOUTH_LINE * (1 + 1.6 * e.get("mouthPucker", 0)) * round_
        upper += thick + 0.2 * apart * round_
        lower -= thick + 0.8 * apart * round_
        x += 0.012 * (e.get("jawLeft", 0) - e.get("jawRight", 0)) * 0.5
        return x, upper, lower, apart

    def behind(apart: float) -> float:
        """0 while the lips are closed: teeth and tongue are then behind the dark."""
        return min(max(apart, 0) / 0.012, 1.0)

    def sheet(x: np.ndarray, top: np.ndarray, bottom: np.ndarray, rows: int, out: float) -> np.ndarray:
        share = np.linspace(0, 1, rows)[:, None]
        y = (1 - share) * top + share * bottom
        # The lower lip hangs before the muzzle, which comes down behind it.
        return on_face(np.broadcast_to(x, y.shape), y, out + 0.3 * np.maximum(MOUTH_Y - y, 0)).reshape(-1, 3)

    def inside(e: dict[str, float]) -> np.ndarray:
        x, upper, lower, _ = curves(e)
        return sheet(x, upper, lower, 6, 0.0030)

    def tongue(e: dict[str, float]) -> np.ndarray:
        x, _, lower, apart = curves(e)
        out = e.get("tongueOut", 0)
        round_ = np.sqrt(np.maximum(1 - s**2, 0))
        height = (0.55 * max(apart, 0) + 0.0002) * round_
        bottom = lower + 0.1 * max(apart, 0) * round_ - 0.026 * out * round_
        return sheet(0.62 * x, bottom + height + 0.026 * out * round_, bottom, 5, 0.0024 + 0.0012 * behind(apart) + 0.0052 * out)

    def teeth(e: dict[str, float]) -> np.ndarray:
        x, upper, _, apart = curves(e)
        show = min(0.3 * max(apart, 0), 0.0085)
        rows = []
        for at in (5, 19):
            left, right, top = x[at - 2], x[at + 2], upper[at] - 0.0006
            tri = on_face([left, right, (left + right) / 2], [top, top, top - show - 1e-5], 0.0024 + 0.0018 * behind(apart))
            rows.append(tri)
        return np.concatenate(rows)

    none: dict[str, float] = {}
    return [
        Piece(inside, cell("mouth", len(inside(none))), grid(6, 25)),
        Piece(tongue, cell("tongue", len(tongue(none))), grid(5, 25)),
        Piece(teeth, cell("tooth", 6), np.array([[0, 2, 1], [3, 5, 4]])),
    ]


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


TARGETS = (
    *(f"{stem}{side}" for stem in ("eyeBlink", "eyeWide", "eyeSquint", "eyeLookUp", "eyeLookDown", "mouthSmile",
      "mouthFrown", "mouthStretch", "mouthDimple", "mouthUpperUp", "mouthLowerDown", "browDown", "browOuterUp",
      "cheekSquint", "noseSneer") for side in ("Left", "Right")),
    "jawOpen", "jawForward", "jawLeft", "jawRight", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft",
    "mouthRight", "mouthShrugLower", "browInnerUp", "cheekPuff", "tongueOut",
)  # fmt: skip


# --- pictures ---------------------------------------------------------------------------------------------------------


def fur_picture() -> np.ndarray:  # (TEXTURE, TEXTURE, 3) RGB
    """Orange above, cream below and around the muzzle, dark ear tips, and the palette."""
    v, u = np.mgrid[0:TEXTURE, 0:TEXTURE] / TEXTURE
    share = 2 * u - 1
    phi, theta = np.pi * (0.62 * share + 0.38 * share**3), np.pi * v / (1 - CELL / TEXTURE)
    d = np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], -1)
    orange, cream = np.array([232, 122, 50.0]), np.array([255, 241, 222.0])
    mask = np.clip((-0.16 - d[..., 1] - 0.55 * np.abs(d[..., 0]) ** 2 + 0.45 * np.exp(-((d[..., 0] / 0.16) ** 2))
                    * (d[..., 2] > 0) * np.clip(0.6 - d[..., 1], 0, 1)) / 0.07 + 0.5, 0, 1)  # fmt: skip
    cheek = (
        np.clip((0.92 * np.abs(d[..., 0]) - 0.52 - d[..., 1] * 0.9) / 0.06, 0, 1)
        * (d[..., 1] < -0.05)
        * (d[..., 2] > -0.2)
    )
    mask = np.maximum(mask, cheek)[..., None]
    picture = (1 - mask) * orange + mask * cream
    picture *= 1 + 0.006 * np.random.default_rng(3).standard_normal((TEXTURE, TEXTURE, 1))
    for i, colour in enumerate(PALETTE.values()):
        picture[-CELL:, i * CELL : (i + 1) * CELL] = colour
    return picture.clip(0, 255).astype(np.uint8)


def iris_picture(size: int = 128) -> np.ndarray:  # (size, size, 3) RGB
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size * 2 - 1
    r = np.hypot(x, y)
    green = np.array([96, 172, 92.0]) * (0.62 + 0.5 * np.clip(y + 0.4, 0, 1))[..., None]
    picture = np.where((r > 0.86)[..., None], [34, 52, 40], green)
    picture = np.where((np.hypot(x, y * 0.9) < 0.52)[..., None], [18, 14, 18], picture)
    for gx, gy, gr in ((-0.30, -0.36, 0.24), (0.34, 0.34, 0.11)):
        picture = np.where((np.hypot(x - gx, y - gy) < gr)[..., None], [255, 255, 255], picture)
    return cv2.GaussianBlur(picture.astype(np.uint8), (3, 3), 0)


def blush_picture(size: int = 64) -> np.ndarray:  # (size, size, 4) RGBA
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size * 2 - 1
    alpha = 150 * np.clip(1 - np.hypot(x, y), 0, 1) ** 0.8
    return np.dstack([np.full((size, size, 3), (255, 96, 96)), alpha]).astype(np.uint8)


def png(picture: np.ndarray) -> bytes:
    code = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    return cv2.imencode(".png", cv2.cvtColor(picture, code), [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()


def jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 84])[1].tobytes()


# --- the file ---------------------------------------------------------------------------------------------------------


def normals(p: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Smooth across vertices at the same place, so that seams do not show."""
    across = np.cross(p[faces[:, 1]] - p[faces[:, 0]], p[faces[:, 2]] - p[faces[:, 0]])
    _, same = np.unique(p.round(7), axis=0, return_inverse=True)
    total = np.zeros((same.max() + 1, 3))
    for corner in range(3):
        np.add.at(total, same.ravel()[faces[:, corner]], across)
    n = total[same.ravel()]
    return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-12)


def primitive(
    buffer: Buffer, pieces: list[Piece], targets: tuple[str, ...], origin: np.ndarray, flip: np.ndarray
) -> dict:
    """One material's pieces as a primitive. origin: of the node that carries it; flip (3,): the file's axes."""
    counts = np.cumsum([0, *(len(piece.uv) for piece in pieces)])
    faces = np.concatenate([piece.faces + start for piece, start in zip(pieces, counts, strict=False)])
    rest = np.concatenate([piece.points({}) for piece in pieces])
    n = np.concatenate([normals(piece.points({}), piece.faces) for piece in pieces])
    made: dict[str, Any] = {
        "attributes": {
            "POSITION": buffer.add_floats((rest - origin) * flip, bounds=True),
            "NORMAL": buffer.add_floats(n * flip),
            "TEXCOORD_0": buffer.add_floats(np.concatenate([piece.uv for piece in pieces])),
        },
        "indices": buffer.add_indices(faces),
        "material": pieces[0].material,
    }
    if targets:
        moved = [np.concatenate([piece.points({name: 1.0}) for piece in pieces]) - rest for name in targets]
        still = buffer.add_offsets(0 * rest, LEAST_MOVE, bounds=True)  # shared by all targets that move nothing here
        made["targets"] = [
            {
                "POSITION": buffer.add_offsets(move * flip, LEAST_MOVE, bounds=True)
                if np.abs(move).max() > LEAST_MOVE
                else still
            }
            for move in moved
        ]
    return made


def skin(buffer: Buffer, p: np.ndarray, flip: np.ndarray) -> dict[str, int]:
    """Joints and weights of the bust: spine, neck, head."""
    up = np.clip((p[:, 1] + 0.135) / 0.05, 0, 1)
    weights = np.column_stack([1 - np.clip(2 * up, 0, 1), np.clip(2 * up, 0, 1) - np.clip(2 * up - 1, 0, 1),
                               np.clip(2 * up - 1, 0, 1), 0 * up])  # fmt: skip
    joints = np.tile(np.array([0, 1, 2, 0], np.uint8), (len(p), 1))
    buffer.accessors.append(
        {"bufferView": buffer.add_bytes(joints.tobytes()), "componentType": 5121, "count": len(p), "type": "VEC4"}
    )
    return {"JOINTS_0": len(buffer.accessors) - 1, "WEIGHTS_0": buffer.add_floats(weights)}


def build(kind: Kind = "glb") -> bytes:
    """The file's bytes."""
    buffer = Buffer()
    flip = np.array([-1.0, 1.0, -1.0]) if kind == "vrm0" else np.ones(3)  # VRM 0 looks along -z
    face = [head(), *ear(1), *ear(-1), *lids(1), *lids(-1), brow(1), brow(-1), *mouth(), nose()]
    both = [blush(1), blush(-1)]
    body = bust()
    shoulders = primitive(buffer, [body], (), np.zeros(3), flip)
    shoulders["attributes"] |= skin(buffer, body.points({}), flip)
    names = TARGETS if kind != "vrm0" else tuple(f"shape_{i:02}" for i in range(len(TARGETS)))
    extras = {"targetNames": list(names)}
    face_primitives = [primitive(buffer, pieces, TARGETS, HEAD_JOINT, flip) for pieces in (face, both)]
    meshes: list[dict[str, Any]] = [
        {"name": "face", "primitives": face_primitives, "extras": extras},
        {"name": "bust", "primitives": [shoulders]},
    ]
    nodes: list[dict[str, Any]] = [
        {"name": "fox", "children": [1, 7]},
        {"name": "spine", "translation": (SPINE_JOINT * flip).tolist(), "children": [2]},
        {"name": "neck", "translation": ((NECK_JOINT - SPINE_JOINT) * flip).tolist(), "children": [3]},
        {"name": "head", "translation": ((HEAD_JOINT - NECK_JOINT) * flip).tolist(), "children": [4, 5, 6]},
        {"name": "face", "mesh": 0},
    ]
    for name, side in (("LeftEye", 1), ("RightEye", -1)):
        centre = eye_centre(side)
        parts = [primitive(buffer, [piece], (), centre, flip) for piece in eye(side)]
        nodes.append({"name": name, "mesh": len(meshes), "translation": ((centre - HEAD_JOINT) * flip).tolist()})
        meshes.append({"name": name, "primitives": parts})
    nodes.append({"name": "bust", "mesh": 1, "skin": 0})
    inverse = np.stack([np.eye(4)] * 3)
    inverse[:, 3, :3] = -np.stack([SPINE_JOINT, NECK_JOINT, HEAD_JOINT]) * flip  # columns first
    buffer.accessors.append({"bufferView": buffer.add_bytes(inverse.astype("<f4").tobytes()), "componentType": 5126,
                             "count": 3, "type": "MAT4"})  # fmt: skip
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "build_cartoon.py", "copyright": "CC0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": nodes,
        "meshes": meshes,
        "skins": [{"joints": [1, 2, 3], "inverseBindMatrices": len(buffer.accessors) - 1}],
    }
    document |= looks(buffer, kind)
    if kind != "glb":
        document |= vrm(kind)
    return buffer.glb(document)


def looks(buffer: Buffer, kind: Kind) -> dict[str, Any]:
    """Materials, textures, images."""
    pictures = (
        (jpeg(fur_picture()), "image/jpeg"),
        (png(iris_picture()), "image/png"),
        (png(blush_picture()), "image/png"),
    )
    views = [{"bufferView": buffer.add_bytes(data), "mimeType": mime} for data, mime in pictures]
    materials: list[dict[str, Any]] = []
    for i, name in enumerate(("fur", "iris", "blush")):
        rough = {"metallicFactor": 0.0, "roughnessFactor": 0.8, "baseColorTexture": {"index": i}}
        materials.append({"name": name, "pbrMetallicRoughness": rough, "doubleSided": name == "fur"})
    materials[1]["extensions"] = {"KHR_materials_unlit": {}}
    materials[2]["alphaMode"] = "BLEND"
    used = ["KHR_materials_unlit"]
    if kind == "vrm1":
        shade = {"shadeColorFactor": [0.72, 0.52, 0.5], "specVersion": "1.0"}
        materials[0]["extensions"] = {"VRMC_materials_mtoon": shade}
        used += ["VRMC_vrm", "VRMC_materials_mtoon"]
    if kind == "vrm0":
        used.append("VRM")
    textures = [{"source": i} for i in range(3)]
    return {"materials": materials, "textures": textures, "images": views, "extensionsUsed": used}


#: VRM's presets as mixtures of the fox's targets.
EXPRESSIONS: dict[str, dict[str, float]] = {
    "aa": {"jawOpen": 1}, "ih": {"jawOpen": 0.25, "mouthStretchLeft": 0.7, "mouthStretchRight": 0.7},
    "ou": {"jawOpen": 0.25, "mouthPucker": 1}, "ee": {"jawOpen": 0.45, "mouthStretchLeft": 1, "mouthStretchRight": 1},
    "oh": {"jawOpen": 0.7, "mouthFunnel": 0.8}, "blinkLeft": {"eyeBlinkLeft": 1}, "blinkRight": {"eyeBlinkRight": 1},
    "blink": {"eyeBlinkLeft": 1, "eyeBlinkRight": 1},
    "happy": {"mouthSmileLeft": 1, "mouthSmileRight": 1, "browInnerUp": 0.3},
    "angry": {"browDownLeft": 1, "browDownRight": 1, "mouthFrownLeft": 0.5, "mouthFrownRight": 0.5},
    "sad": {"browInnerUp": 1, "mouthFrownLeft": 1, "mouthFrownRight": 1},
    "relaxed": {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.6},
    "surprised": {"browInnerUp": 1, "eyeWideLeft": 1, "eyeWideRight": 1, "jawOpen": 0.4},
}  # fmt: skip
_OLD_NAMES = {"aa": "a", "ih": "i", "ou": "u", "ee": "e", "oh": "o", "blinkLeft": "blink_l", "blinkRight": "blink_r",
              "blink": "blink", "happy": "joy", "angry": "angry", "sad": "sorrow", "relaxed": "fun"}  # fmt: skip
_BONES = {"hips": 0, "spine": 1, "neck": 2, "head": 3, "leftEye": 5, "rightEye": 6}


def vrm(kind: Kind) -> dict[str, Any]:
    """VRM 0 with presets alone, VRM 1 with presets and all ARKit names as custom expressions ("perfect sync")."""
    ranges = {"HorizontalInner": 12.0, "HorizontalOuter": 14.0, "VerticalUp": 10.0, "VerticalDown": 10.0}
    if kind == "vrm1":

        def expression(mixture: dict[str, float]) -> dict[str, Any]:
            binds = [{"node": 4, "index": TARGETS.index(name), "weight": w} for name, w in mixture.items()]
            return {"morphTargetBinds": binds}

        extension = {
            "specVersion": "1.0",
            "meta": {
                "name": "Fox",
                "authors": ["Face3D Live"],
                "licenseUrl": "https://creativecommons.org/publicdomain/zero/1.0/",
            },
            "humanoid": {"humanBones": {name: {"node": node} for name, node in _BONES.items()}},
            "lookAt": {"type": "bone"}
            | {f"rangeMap{k}": {"inputMaxValue": 90.0, "outputScale": v} for k, v in ranges.items()},
            "expressions": {
                "preset": {name: expression(mixture) for name, mixture in EXPRESSIONS.items()},
                "custom": {name[0].upper() + name[1:]: expression({name: 1}) for name in TARGETS},
            },
        }
        return {"extensions": {"VRMC_vrm": extension}}
    groups = []
    for name, mixture in EXPRESSIONS.items():
        binds = [{"mesh": 0, "index": TARGETS.index(target), "weight": 100 * w} for target, w in mixture.items()]
        old = _OLD_NAMES.get(name, "unknown")
        groups.append({"name": name.capitalize(), "presetName": old, "binds": binds})
    old_materials = [{"name": "fur", "shader": "VRM/MToon", "renderQueue": 2000,
                      "vectorProperties": {"_ShadeColor": [0.86, 0.72, 0.72, 1]}}]  # fmt: skip
    extension = {
        "specVersion": "0.0",
        "meta": {"title": "Fox", "author": "Face3D Live", "licenseName": "CC0"},
        "humanoid": {"humanBones": [{"bone": name, "node": node} for name, node in _BONES.items()]},
        "firstPerson": {f"lookAt{k}": {"xRange": 90.0, "yRange": v} for k, v in ranges.items()},
        "blendShapeMaster": {"blendShapeGroups": groups},
        "materialProperties": old_materials,
    }
    return {"extensions": {"VRM": extension}}


if __name__ == "__main__":
    wanted: Any = sys.argv[1] if len(sys.argv) > 1 else "glb"
    path = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).with_name("cartoon.glb")
    path.write_bytes(build(wanted))
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
