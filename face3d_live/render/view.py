"""Modes, backgrounds, camera and light of a rendered picture: the orbit around a portrait, or the tracked camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from face3d_live import lighting
from face3d_live.camera import Camera
from face3d_live.checks import checked_finite, checked_rgb
from face3d_live.rotations import from_euler
from face3d_live.typing import AnyArray, Array, Picture

#: avatar: the head in the middle, tracked rotation, studio light, a backdrop. overlay: at the tracked pose, over the
#: camera's picture. wireframe: regions in colours under the mesh's edges. geometry: grey, shaded, no albedo.
Mode = Literal["avatar", "overlay", "wireframe", "geometry"]

#: A picture (H, W, 3) sRGB; a colour, RGB 0..1; "transparent": nothing, alpha is the head's coverage; None: the mode's
#: own, a studio wall behind "avatar" and "wireframe", nothing behind the others.
Background = Picture | tuple[float, float, float] | Literal["transparent"] | None

#: A portrait lens: little perspective, as with a long focal length.
PORTRAIT_DEGREES = 22.0
#: Share of the shorter picture side that the head's height takes at zoom 1.
FILL = 0.86
ZOOM_RANGE = (0.25, 8.0)
#: Share of the tracked light in the studio's.
TRACKED_LIGHT = 0.25


def checked_mode(mode: object) -> None:
    """Raises ValueError for anything but a `Mode`."""
    if mode not in get_args(Mode):
        raise ValueError(f"mode: expected one of {', '.join(get_args(Mode))}, got {mode!r}")


def checked_background(background: object) -> Background:
    """The background, pictures contiguous and colours as floats. Raises ValueError for anything else."""
    if background is None:
        return None
    if isinstance(background, str):
        if background == "transparent":
            return "transparent"
        raise ValueError(f'background: expected "transparent", a colour or a picture, got {background!r:.60}')
    if isinstance(background, tuple | list):
        if len(background) != 3:
            raise ValueError(f"background: expected a colour of 3 numbers, got {len(background)}")
        red, green, blue = (checked_finite(value, "background") for value in background)
        return red, green, blue
    return checked_rgb(background, "background")


@dataclass(frozen=True)
class View:
    """A viewer's orbit around the head.

    yaw, pitch: radians, with the signs of `rotations.from_euler`: positive yaw turns the head to the image's right,
    positive pitch turns the face down, as if the head were dragged. zoom: 1 fits the head into the picture. Raises
    ValueError for numbers that are not finite.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    zoom: float = 1.0

    def __post_init__(self) -> None:
        for name in ("yaw", "pitch", "zoom"):
            object.__setattr__(self, name, checked_finite(getattr(self, name), name))


@dataclass(frozen=True)
class Pose:
    """Camera from head, and the camera."""

    rotation: Array  # (3, 3)
    translation: Array  # (3,) metres
    camera: Camera


def portrait(view: View, rotation: AnyArray, box: tuple[Array, Array], width: int, height: int) -> Pose:
    """The pose of a head shown by itself: turned by its own `rotation` (3, 3), then by the viewer's.

    box: lowest and highest corner (3,) of the head at rest, head frame. The head turns about its own origin; the
    middle of the box's height is the middle of the picture.
    """
    shorter = min(width, height)
    camera = Camera(width, height, Camera.from_fov(shorter, shorter, PORTRAIT_DEGREES).focal)
    low, high = box
    zoom = float(np.clip(view.zoom, *ZOOM_RANGE))
    distance = camera.focal * float(high[1] - low[1]) / (FILL * shorter)
    scaled = Camera(width, height, camera.focal * zoom)
    turned = from_euler(view.yaw, view.pitch, 0.0) @ np.asarray(rotation, np.float32)
    middle = float(high[1] + low[1]) / 2
    return Pose(turned.astype(np.float32), np.array([0, -middle, -distance], np.float32), scaled)


def staged(mode: Mode, light: AnyArray, over: Pose, alone: Pose) -> tuple[Pose, Array]:
    """Pose and light (27,) of a mode: "overlay" uses the tracked ones, the others the viewer's pose and studio light.

    light: the tracked one. over, alone: the pose at the tracked place, and the viewer's.
    """
    if mode == "overlay":
        return over, np.asarray(light, np.float32)
    mixed = (1 - TRACKED_LIGHT) * lighting.PRESETS["studio"] + TRACKED_LIGHT * light
    return alone, mixed.astype(np.float32)


def camera_to_cover(camera: Camera, width: int, height: int) -> Camera:
    """The camera whose picture of width x height covers the same middle of the scene; the longer way is cut off."""
    scale = max(width / camera.width, height / camera.height)
    return Camera(width, height, camera.focal * scale)
