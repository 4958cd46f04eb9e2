"""A photo sampled at the vertices of a head: colours, gradients, and Jacobians of projection and shading."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.reconstruct.find import Found
from face3d_live.regress.crop import crop_from_points
from face3d_live.regress.gauss_newton import POSE
from face3d_live.typing import Array, Picture

SIDE, BLUR = 192, 1.2  # the face's picture, pixels


def tangential(vectors: Array, normals: Array) -> Array:  # (N, 3), (N, 3) unit -> (N, 3)
    """The part of each vector that is perpendicular to its normal."""
    return np.asarray(vectors - (vectors * normals).sum(1, keepdims=True) * normals)


@dataclass(frozen=True)
class FaceCrop:
    """The face's part of a photo, `SIDE` pixels a side, picture values 0..1. scale: its pixels per photo pixel."""

    picture: Array  # (S, S, 3)
    slopes: Array  # (S, S, 6) gradient per pixel: by x, then by y
    corner: Array  # (2,) photo pixels
    scale: float

    @classmethod
    def of(cls, rgb: Picture, found: Found) -> FaceCrop:
        crop = crop_from_points(found.points)
        plain = crop.extract(rgb, SIDE).astype(np.float32) / 255
        soft = cv2.GaussianBlur(plain, (0, 0), BLUR)
        by_x, by_y = (cv2.Sobel(soft, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
        corner = np.array([crop.x - crop.half, crop.y - crop.half], np.float32)
        return cls(soft, np.concatenate([by_x, by_y], 2), corner, SIDE / (2 * crop.half))

    def place(self, pixel: Array) -> Array:  # (N, 2) photo pixels -> (N, 2) pixels of the cut
        return ((pixel - self.corner) * self.scale).astype(np.float32)

    def sample(self, pixel: Array) -> tuple[Array, Array]:  # (N, 2) -> (N, 3), (N, 3, 2)
        """Colours, and their gradient per pixel of the crop."""
        at = np.ascontiguousarray(pixel - 0.5, np.float32)[:, None]
        both = [cv2.remap(part, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
                for part in (self.picture, self.slopes[..., :3], self.slopes[..., 3:])]  # fmt: skip
        return np.asarray(both[0], np.float32), np.stack(both[1:], -1).astype(np.float32)


def projection_jacobian(local: Array, basis: Array, codes: HeadCodes, camera: Camera) -> Array:
    """Derivative of the projected points (3, N) by pose, expression and shape: (6 + n, 2, N) pixels.

    basis: (3, n, N). Pose variables as in `regress.gauss_newton.linearise`.
    """
    turned = codes.rotation @ local
    x, y, z = turned + codes.translation[:, None]
    near = 1 / np.maximum(-z, 1e-3)
    by_x, by_y = camera.focal * near, -camera.focal * near
    u, v = x * near, y * near
    n, depth = basis.shape[1], -float(codes.translation[2])
    out = np.zeros((POSE + n, 2, local.shape[1]), np.float32)
    for k, axis in enumerate(np.eye(3)):
        dx, dy, dz = np.cross(axis, turned.T).T
        out[k, 0], out[k, 1] = by_x * (dx + u * dz), by_y * (dy + v * dz)
    out[3, 0], out[4, 1] = by_x * depth, by_y * depth
    out[5, 0], out[5, 1] = by_x * u * depth, by_y * v * depth
    for row, (gain, slope) in enumerate(((by_x, u), (by_y, v))):
        weights = gain * (codes.rotation[row][:, None] + slope * codes.rotation[2][:, None])  # (3, N)
        out[POSE:, row] = basis[0] * weights[0] + basis[1] * weights[1] + basis[2] * weights[2]
    return out


def texel_at(picture: Array, uv: Array) -> Array:  # (S, S, 3), (N, 2) v up -> (N, 3)
    size = picture.shape[0]
    where = np.ascontiguousarray(uv * (size, -size) + (0, size) - 0.5, np.float32)[:, None]
    return np.asarray(cv2.remap(np.ascontiguousarray(picture), where, None, cv2.INTER_LINEAR,
                                borderMode=cv2.BORDER_REPLICATE)[:, 0], np.float32)  # fmt: skip
