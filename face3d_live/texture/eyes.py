"""Eyeballs in the texture: sclera, iris and pupil around each eye's axis, the iris in the photo's colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.lighting import shade, to_linear, to_srgb
from face3d_live.texture.sample import project_texels, sample_pixels
from face3d_live.texture.texels import LEVEL, Texels
from face3d_live.typing import AnyArray, Array, Picture

EYES = 1  # `head.regions.PARTS`
_IRIS, _PUPIL, _RIM = 0.46, 0.17, 0.06  # angles from the eye's axis, radians: outer edges, and the dark rim's width
_LEAST_PIXELS = 24  # of iris, in both eyes together
_SCLERA = np.array([0.90, 0.87, 0.85], np.float32)
_PLAIN_IRIS = np.array([0.33, 0.23, 0.16], np.float32)


def eye_angles(head: Head, texels: Texels) -> tuple[NDArray[np.intp], Array]:
    """(which of the texels show eyeballs, their angle from the axis of their eye in radians)."""
    mine = np.flatnonzero(texels.part == EYES)
    rest = texels.at(head.topology(LEVEL).refine(head.template))[mine]
    arm = rest - head.eye_centers[(rest[:, 0] < 0).astype(int)]
    return mine, np.arccos(np.clip(arm[:, 2] / np.maximum(np.linalg.norm(arm, axis=1), 1e-9), -1, 1))


def iris_colour(frame_rgb: Picture, codes: HeadCodes, camera: Camera, head: Head, texels: Texels) -> Array:
    """(3,) sRGB 0..1 of the irises in a frame; brown where too little of them is seen."""
    view = project_texels(codes, camera, head, texels, part=EYES)
    mine, angle = eye_angles(head, texels)
    ring = mine[(angle > _PUPIL * 1.3) & (angle < _IRIS * 0.85) & (view.weight[mine] > 0.2)]
    if len(np.unique(view.pixel[ring].astype(int), axis=0)) < _LEAST_PIXELS:
        return _PLAIN_IRIS
    light = np.maximum(shade(codes.light, view.normals[ring]), 0.3)
    colour = to_linear(sample_pixels(frame_rgb, view.pixel[ring], 1.0)) / light
    # lids and lashes shade the iris, highlights whiten it: the middle of the range is its own
    return np.clip(np.asarray(np.median(to_srgb(colour), axis=0), np.float32), 0.06, 0.75)


def paint_eyes(texture: Picture, head: Head, texels: Texels, iris: AnyArray) -> Picture:
    """A copy of a texture (S, S, 3 or 4) with sclera, iris and pupil on its eyeballs."""
    mine, angle = eye_angles(head, texels)
    soft = 0.02
    inside = np.clip((_IRIS - angle) / soft + 0.5, 0, 1)[:, None]
    pupil = np.clip((_PUPIL - angle) / soft + 0.5, 0, 1)[:, None]
    rim = np.clip(1 - np.abs(angle - (_IRIS - _RIM / 2)) / _RIM, 0, 1)[:, None]
    brightness = 0.85 + 0.35 * np.clip((angle - _PUPIL) / (_IRIS - _PUPIL), 0, 1)[:, None]
    ring = np.asarray(iris, np.float32) * brightness * (1 - 0.6 * rim)
    colour = _SCLERA * (1 - inside) + (ring * (1 - pupil) + 0.03 * pupil) * inside
    eyes = np.zeros((texels.size * texels.size, 3), np.float32)
    eyes[texels.index[mine]] = colour
    shown = np.zeros(texels.size * texels.size, bool)
    shown[texels.index] = texels.part == EYES
    near = shown[texels.nearest].reshape(texels.size, texels.size)  # with the gutter around the islands
    near &= cv2.dilate(shown.reshape(near.shape).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    painted = texture.copy()
    filled = eyes[texels.nearest].reshape(texels.size, texels.size, 3)
    painted[near, :3] = np.clip(filled[near] * 255 + 0.5, 0, 255).astype(np.uint8)
    return painted
