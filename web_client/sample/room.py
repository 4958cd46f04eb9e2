"""The sample's surroundings, painted: a room out of focus, and shoulders in a jumper that go with the head."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Image = NDArray[np.float32]  # (H, W, 3) sRGB, 0..255

JUMPER = np.array([62, 84, 92], np.float32)
SPINES = ((126, 74, 58), (70, 92, 108), (176, 150, 104), (92, 104, 80), (52, 58, 70), (150, 98, 82), (204, 190, 164))


def room(width: int, height: int) -> Image:
    """A wall by daylight from the left, a window, a shelf of books, a lamp, a plant; blurred as by a near focus."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height  # 0..1 down, 0..4/3 across
    daylight = np.exp(-x * 1.1) * 0.34 + 0.66 - 0.14 * y
    picture = daylight[..., None] * np.array([214, 205, 192], np.float32)

    def box(x0: float, y0: float, x1: float, y1: float, colour: tuple[float, ...]) -> None:
        at = (np.array([x0, y0, x1, y1]) * height).round().astype(int)
        cv2.rectangle(picture, at[:2].tolist(), at[2:].tolist(), colour, -1)

    for pane in (0.02, 0.20):  # the window
        box(pane, 0.04, pane + 0.16, 0.56, (238, 243, 248))
    box(-0.1, 0.57, 0.42, 0.60, (196, 186, 172))
    for shelf in (0.20, 0.50, 0.80):
        box(0.98, shelf, 1.40, shelf + 0.022, (122, 92, 66))
        at = 1.00
        while at < 1.33:
            wide, tall = random.uniform(0.016, 0.04), random.uniform(0.13, 0.22)
            box(at, shelf - tall, at + wide, shelf, SPINES[random.integers(len(SPINES))])
            at += wide + random.uniform(0.002, 0.02)
    for _ in range(60):  # the plant's leaves
        centre = np.array([0.36, 0.39]) + random.normal(0, [0.04, 0.055]).clip(-0.1, 0.1)
        green = (np.array([74, 112, 70]) * random.uniform(0.6, 1.25)).tolist()
        axes = (int(height * 0.035), int(height * 0.012))
        cv2.ellipse(picture, (centre * height).astype(int).tolist(), axes, random.uniform(0, 180), 0, 360, green, -1)
    box(0.325, 0.47, 0.395, 0.57, (170, 110, 84))
    picture = cv2.GaussianBlur(picture, (0, 0), height / 52)
    lamp = np.exp(-(((x - 1.16) / 0.34) ** 2 + ((y - 0.02) / 0.26) ** 2))[..., None]
    return np.clip(picture * 0.92 + lamp * np.array([70, 52, 26], np.float32), 0, 255)


def shoulders(picture: Image, neck: NDArray, skin: NDArray, pixels_per_metre: float) -> Rgb:
    """The room with a person's neck and shoulders in front of it.

    neck: (2,) pixels, the middle of the neck at the collar; skin: (3,) sRGB of the neck, 0..255.
    """
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    across, down = (x - neck[0]) / pixels_per_metre, (y - neck[1]) / pixels_per_metre  # metres

    def cover(inside: NDArray) -> Image:  # a signed distance in metres, positive inside -> soft coverage
        return np.clip(0.5 + inside * pixels_per_metre / 2.4, 0, 1)[..., None].astype(np.float32)

    throat = 0.053 + 0.030 * np.exp(-(((down - 0.03) / 0.04) ** 2)) - np.abs(across)
    shade = 1 - 60 * across**2 - 2.4 * across
    shade *= 1 - 0.38 * np.clip((-0.012 - down) / 0.05, 0, 1)  # under the chin
    shade *= 1 - 0.10 * np.exp(-(((np.abs(across) - 0.018 - 0.1 * (0.02 - down)) / 0.007) ** 2))  # two sinews
    picture = picture + cover(np.minimum(throat, 0.12 + down)) * (np.clip(shade, 0.3, 1.1)[..., None] * skin - picture)
    neckline = 0.004 + 0.04 * (1 - np.exp(-((across / 0.085) ** 2)))
    slope = neckline + 0.26 * np.maximum(np.abs(across) - 0.13, 0) ** 1.25
    collar = 0.045 * np.clip(1 - (across / 0.064) ** 2, 0, 1)  # dips in front of the throat
    cloth = down - slope - collar + 0.018
    light = 0.98 - 1.5 * across - 0.25 * np.abs(across) - 0.16 * np.exp(-((cloth / 0.02) ** 2))
    rib = 1 - 0.13 * np.exp(-(((cloth - 0.011) / 0.0022) ** 2))  # the collar's seam
    fold = 1 + 0.05 * np.sin(across * 46 + 2.2 * np.sin(down * 30)) * np.clip(cloth / 0.05, 0, 1)
    jumper = np.clip((light * rib * fold)[..., None], 0.2, 1.5) * JUMPER
    picture = picture + cover(cloth) * (jumper - picture)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)
