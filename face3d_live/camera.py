"""The pinhole camera, shared by all modules.

Camera frame: right-handed, metres, OpenGL: +x image right, +y up, +z towards the viewer, so what is seen has z < 0.
Pixels: origin at the top-left corner of the image, x right, y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from face3d_live.checks import checked_finite, checked_size
from face3d_live.typing import AnyArray, Array

#: A webcam's usual focal length in units of the longer image side (53 degrees across).
DEFAULT_FOCAL = 1.0


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with square pixels and the principal point in the middle.

    width, height: image size in pixels, above zero; focal: focal length in pixels, above zero. Raises ValueError.
    """

    width: int
    height: int
    focal: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", checked_size(self.width, "width"))
        object.__setattr__(self, "height", checked_size(self.height, "height"))
        focal = checked_finite(self.focal, "focal")
        if focal <= 0:
            raise ValueError(f"focal: expected a length above zero, got {focal}")
        object.__setattr__(self, "focal", focal)

    @classmethod
    def webcam(cls, width: int, height: int) -> Camera:
        """The camera assumed where the focal length is not known: `DEFAULT_FOCAL` times the longer side."""
        return cls(width, height, DEFAULT_FOCAL * max(width, height))

    @classmethod
    def from_fov(cls, width: int, height: int, vertical_degrees: float) -> Camera:
        """A camera with this vertical field of view, between 0 and 180 degrees. Raises ValueError."""
        if not 0 < checked_finite(vertical_degrees, "vertical_degrees") < 180:
            raise ValueError(f"vertical_degrees: expected an angle between 0 and 180, got {vertical_degrees}")
        return cls(width, height, 0.5 * height / math.tan(math.radians(vertical_degrees) / 2))

    @property
    def matrix(self) -> Array:  # (3, 3)
        """Intrinsics K in the computer-vision form (x right, y down, z forward)."""
        f, cx, cy = self.focal, self.width / 2, self.height / 2
        return np.array([[f, 0, cx], [0, f, cy], [0, 0, 1]], np.float32)

    def project(self, points: AnyArray) -> Array:  # (..., 3) metres -> (..., 2) pixels
        """Project camera-frame points to pixels. Points behind the camera give meaningless pixels, never an error."""
        depth = np.maximum(-points[..., 2], 1e-6)
        x = self.width / 2 + self.focal * points[..., 0] / depth
        y = self.height / 2 - self.focal * points[..., 1] / depth
        return np.stack([x, y], -1).astype(np.float32)

    def gl_projection(self, near: float = 0.02, far: float = 20.0) -> Array:  # (4, 4), row-major: clip = P @ point
        """The OpenGL clip matrix of this camera (right-handed, depth -1..1)."""
        w, h, f = self.width, self.height, self.focal
        a, b = -(far + near) / (far - near), -2 * far * near / (far - near)
        return np.array([[2 * f / w, 0, 0, 0], [0, 2 * f / h, 0, 0], [0, 0, a, b], [0, 0, -1, 0]], np.float32)
