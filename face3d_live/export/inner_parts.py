"""Pictures and texture coordinates of eyes, teeth, tongue and mouth for files that others read.

They show what the renderer's shaders draw (`eye.frag`, `mouth.frag`), as far as a picture can: with the shade of lids
and cheeks, without what moves with the light. Coordinates: v up.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.head.per_head import per_head
from face3d_live.head.regions import PARTS
from face3d_live.head.topology import Level, MeshTopology
from face3d_live.lighting import to_linear, to_srgb
from face3d_live.nearest import nearest
from face3d_live.render.eyes import EyeLook, EyePlaces
from face3d_live.render.features import LOWER_LIP, UPPER_LIP, teeth
from face3d_live.render.mouth import MouthLook, MouthPlaces
from face3d_live.render.pictures import texels_at
from face3d_live.typing import AnyArray, Array, Picture

_LIMBUS, _PUPIL = 0.40, 0.40  # the iris' radius as a sine from the eye's axis; the pupil's as a share of that
_GLINT = 0.8  # linear
_TOOTH, _ROOT = 12, 1.65  # teeth of an arch; the height of the gum's upper end in crowns
_LINING_DEEP = 0.012  # metres behind the lips at which the lining has the mouth's colour
_DEEP = 0.09  # metres behind the lips that the pictures of tongue and lining show
_TONGUE_HALF = 0.03  # metres
_OPEN = 0.65  # how open the mouth is whose light the pictures show
_CAVITY = np.array([0.26, 0.065, 0.06], np.float32)
_TONGUE, _GUM = np.array([0.56, 0.20, 0.19], np.float32), np.array([0.50, 0.17, 0.16], np.float32)
_EDGE, _NECK = np.array([0.72, 0.69, 0.63], np.float32), np.array([0.68, 0.58, 0.43], np.float32)
_CELLS = 64
_MOUTH = PARTS.index("mouth_interior")


@dataclass(frozen=True)
class InnerParts:
    """uv: part's name -> (V, 2) of a level's vertices, of which those of other parts mean nothing. pictures: part's
    name -> (H, W, 3) sRGB."""

    uv: dict[str, Array]
    pictures: dict[str, Picture]


def inner_parts(head: Head, level: Level, texture: Picture) -> InnerParts:
    """In the colours of a texture (S, S, 3 or 4)."""
    same = _same_for_all(head, level)
    mouth = same.mouth.look_in(texture)
    return InnerParts(
        same.uv,
        {
            "eyes": eye_picture(same.eyes.look_in(texture)),
            "teeth": _teeth_picture(*same.arch, mouth),
            "tongue": _tongue_picture(mouth),
            "mouth": _lining_picture(_lip_colour(head.topology(level), texture), mouth),
        },
    )


def inner_uv(head: Head, level: Level) -> dict[str, Array]:
    """See `InnerParts`."""
    return _same_for_all(head, level).uv


@dataclass(frozen=True)
class _SameForAll:
    """What no person changes. uv: see `InnerParts`. eyes, mouth: where textures show them. arch: see `_arch`."""

    uv: dict[str, Array]
    eyes: EyePlaces
    mouth: MouthPlaces
    arch: tuple[Array, Array]


@per_head
def _same_for_all(head: Head, level: Level) -> _SameForAll:
    mesh = head.topology(level)
    rest = mesh.refine(head.template)
    lips = head.points(head.template, [UPPER_LIP, LOWER_LIP]).mean(0)
    inside = lips[2] - rest[:, 2]
    at = teeth(head, mesh)
    lining = mesh.part == _MOUTH
    behind = np.zeros(len(rest), np.float32)
    behind[lining] = nearest(rest[mesh.part == 0], rest[lining])[0]
    uv = {
        "eyes": _on_balls(head, rest),
        "teeth": np.clip(at / (_TOOTH, _ROOT), 0, 1).astype(np.float32),
        "tongue": _uv(rest[:, 0] / (2 * _TONGUE_HALF) + 0.5, inside / _DEEP),
        "mouth": _uv(behind / _LINING_DEEP, inside / _DEEP),
    }
    return _SameForAll(uv, EyePlaces(head, mesh), MouthPlaces(head, mesh), _arch(at, inside))


def _uv(u: AnyArray, v: AnyArray) -> Array:
    return np.asarray(np.clip(np.stack([u, v], -1), 0, 1), np.float32)


def _on_balls(head: Head, rest: AnyArray) -> Array:  # (V, 3) -> (V, 2)
    """An eye seen from the front fills the square; what is behind it lies on the circle's edge."""
    away = rest - head.eye_centers[(rest[:, 0] < 0).astype(int)]
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
    across = np.maximum(np.linalg.norm(away[:, :2], axis=1, keepdims=True), 1e-9)
    u, v = (0.5 + 0.5 * np.where(away[:, 2:] > 0, away[:, :2], away[:, :2] / across)).T
    return _uv(u, v)


def eye_picture(look: EyeLook, size: int = 256) -> Picture:
    """Iris with its ring, pupil, and sclera, redder at its ends, under the lids' shade.

    A highlight is part of the picture, as lamps without size leave none that could be seen on a ball so small.
    """
    ends = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(ends, -ends)
    r, angle = np.hypot(x, y) / _LIMBUS, np.arctan2(y, x)
    turn = angle * _CELLS / (2 * np.pi)
    spokes = 0.6 * _noise(turn, r * 3) + 0.4 * _noise(3 * turn, r * 5)
    iris = look.iris * (_mix(1.5, 0.7, _smooth(0.35, 1.0, r)) * (0.5 + spokes))[..., None]
    white = look.sclera * _mix(1.0, np.array([0.83, 0.53, 0.50]), _smooth(0.5, 0.85, np.abs(x))[..., None])
    colour = _mix(iris, white, _smooth(0.93, 1.07, r)[..., None])
    shade = 1 - 0.6 / (1 + ((r - 0.97) / 0.12) ** 4)
    shade *= _smooth(_PUPIL - 0.04, _PUPIL + 0.04, r)
    shade *= _mix(0.22, 1.0, _smooth(0.62, 0.08, y) * _smooth(-0.85, -0.2, y))
    glint = _smooth(0.15, 0.09, np.hypot(x / _LIMBUS + 0.08, y / _LIMBUS - 0.46))[..., None]
    return _picture(_mix(colour * shade[..., None], _GLINT, glint))


def _arch(at: AnyArray, inside: AnyArray) -> tuple[Array, Array]:
    """Places along the arch, rising, and how far behind the lips the edges are there, metres."""
    edge = np.flatnonzero((at[:, 1] >= 0) & (at[:, 1] < 0.3))
    edge = edge[np.argsort(at[edge, 0])]
    return at[edge, 0], inside[edge]


def _teeth_picture(place: AnyArray, inside: AnyArray, look: MouthLook, width: int = 512, height: int = 64) -> Picture:
    """Twelve crowns side by side, gaps between them, the gum above. Those further back are darker."""
    along, up = _span(width, 0, _TOOTH), _ROOT * (1 - (np.arange(height) + 0.5) / height)
    across, up = np.meshgrid(along % 1 * 2 - 1, up)
    away = np.abs(across)
    gum = _smooth(-0.05, 0.05, up - (1 - 0.30 * away**3))[..., None]
    gap = _smooth(0.86 - 0.10 * (1 - up), 1.0, away)[..., None] * (1 - gum)
    crown = _mix(_EDGE, _NECK, _smooth(0.1, 1.0, up)[..., None]) * (1 - 0.5 * gap)
    colour = _mix(crown * look.teeth, _GUM * look.flesh, gum) * _mix(1.0, 0.8, gum * away[..., None])
    light = _mix(0.10, 1.0, _smooth(0.038, 0.011, np.interp(along, place, inside)))[:, None]
    return _picture(colour * light * (1 - 0.18 * across[..., None] ** 2 * (1 - gum)))


def _tongue_picture(look: MouthLook, size: int = 64) -> Picture:
    """Rough, with a groove along its middle; darker towards its root."""
    x, inside = np.meshgrid(_span(size, -_TONGUE_HALF, _TONGUE_HALF), _span(size, _DEEP, 0))
    rough = 0.8 + 0.25 * _noise(x * 900, inside * 900)
    light = _mix(0.10, 0.95, _OPEN) * _mix(0.06, 1.0, _smooth(0.062, 0.014, inside))
    return _picture(_TONGUE * look.flesh * (rough * _mix(0.72, 1.0, _smooth(0, 0.004, np.abs(x))) * light)[..., None])


def _lining_picture(lip: AnyArray, look: MouthLook, size: int = 64) -> Picture:  # (3,) linear
    """From the lips' colour to that of a dark cavity."""
    deep, inside = np.meshgrid(_smooth(0, 1, _span(size, 0, 1)), _span(size, _DEEP, 0))
    light = _mix(0.10, 1.0, _OPEN) * _mix(0.05, 1.0, _smooth(0.045, 0.006, inside))
    return _picture(_mix(lip, _CAVITY * look.flesh, deep[..., None]) * _mix(1.0, light, deep)[..., None])


def _lip_colour(mesh: MeshTopology, texture: Picture) -> Array:  # -> (3,) linear
    """Where the skin ends at the mouth's lining."""
    part = mesh.part[mesh.faces]
    border = (part.min(1) == 0) & (part.max(1) == _MOUTH)
    at = mesh.uv[mesh.face_uv[border][part[border] == 0]]
    return to_linear(np.median(texels_at(texture, at)[:, :3], axis=0) / 255)


def _span(size: int, first: float, last: float) -> Array:
    """Middles of `size` pixels between two values."""
    return np.asarray(first + (last - first) * (np.arange(size) + 0.5) / size, np.float32)


def _smooth(low: float | AnyArray, high: float, x: AnyArray) -> AnyArray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _mix(a: float | AnyArray, b: float | AnyArray, share: float | AnyArray) -> AnyArray:
    return np.asarray(a * (1 - share) + b * share)


def _noise(x: AnyArray, y: AnyArray) -> AnyArray:
    """Smooth values 0..1, one feature per unit, which repeat after `_CELLS`; the same in every run."""
    cells = np.random.default_rng(1).random((_CELLS, _CELLS), np.float32)
    column, row = (np.asarray(values % _CELLS, np.float32) for values in (x, y))
    return np.asarray(cv2.remap(cells, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))


def _picture(linear: AnyArray) -> Picture:
    return np.asarray(255 * to_srgb(np.clip(linear, 0, 1)) + 0.5).astype(np.uint8)
