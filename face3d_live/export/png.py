"""PNG files as bytes, and the texture of one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.errors import InputError
from face3d_live.typing import AnyArray, Picture

_WIRE = (60, 220, 200)


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """A picture (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, row 0 on top. Raises ValueError for other arrays."""
    picture = np.asarray(picture)
    if (
        picture.dtype != np.uint8
        or picture.ndim not in (2, 3)
        or (picture.ndim == 3 and picture.shape[2] not in (3, 4))
    ):
        raise ValueError(f"no picture: {picture.dtype} {picture.shape}")
    order = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[picture.shape[2] if picture.ndim == 3 else 2]
    ok, data = cv2.imencode(".png", picture if order is None else cv2.cvtColor(picture, order))
    if not ok:
        raise ValueError(f"no picture: {picture.shape}")
    return data.tobytes()


def read_texture(data: bytes) -> Picture:  # -> (S, S, 4)
    """texture.png of a reconstruction. Raises InputError "not-a-texture"."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        raise InputError("not-a-texture", "this is no texture.png of face3d-live: give the file as it was written")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA), np.uint8)


def uv_grid(texture: NDArray[np.uint8], uv: AnyArray, face_uv: AnyArray) -> NDArray[np.uint8]:
    """The texture (S, S, 3 or 4) with the edges of the triangles (F, 3) into uv (U, 2) drawn over it, (S, S, 3)."""
    size = texture.shape[0]
    canvas = texture[..., :3].copy()
    ends = np.sort(face_uv[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64), 1)
    edges = np.unique(ends[:, 0] * len(uv) + ends[:, 1])
    at = uv * (size, -size) + (0, size) - 0.5
    lines = np.rint(at[np.stack(divmod(edges, len(uv)), 1)] * 16).astype(np.int32)  # sixteenths of a pixel
    wires = np.zeros((size, size), np.uint8)
    cv2.polylines(wires, list(lines), False, 255, 1, cv2.LINE_AA, 4)
    drawn = np.flatnonzero(wires)
    share = wires.ravel()[drawn, None] / np.float32(255) * np.float32(0.7)
    pixels = canvas.reshape(-1, 3)
    pixels[drawn] = np.rint(pixels[drawn] * (1 - share) + np.array(_WIRE, np.float32) * share)
    return canvas
