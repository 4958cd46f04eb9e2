"""The fox's textures, painted: fur with a palette of plain colours below, iris, blush."""

from __future__ import annotations

import cv2
import numpy as np

TEXTURE, CELL = 512, 64  # pixels of the texture; the lowest row of cells is a palette
PALETTE = {
    "ball": (252, 252, 250), "dark": (38, 26, 30), "mouth": (104, 26, 36), "tongue": (232, 112, 118),
    "tooth": (255, 250, 240), "lid": (224, 113, 45), "ear": (70, 44, 44), "cloth": (52, 84, 128),
}  # fmt: skip


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
