"""Antialiasing as a post-process (FXAA), on edge pixels only.

The "console" form of FXAA (T. Lottes, "FXAA", NVIDIA 2009): along each edge, the mean of samples a few pixels to both
sides. On a CPU rasteriser multisampling costs three times the frame; edges are some 2 % of the pixels, so finding them
with OpenCV and smoothing those alone takes about a millisecond.
"""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.typing import AnyArray, Array, Picture

#: Grey values between neighbours from which on an edge counts.
_CONTRAST = 22
#: How far along an edge samples are taken, pixels.
_REACH = 8.0
_REDUCE = 1 / 8
_REDUCE_LEAST = 2.0  # grey values
_AROUND = np.ones((3, 3), np.uint8)
_TALL = 64  # rows of the maps given to OpenCV, which takes no list longer than 32767


def antialias(picture: Picture) -> None:  # (H, W, 4) uint8, in place
    """Smooth the edges of what is drawn (alpha > 0) and its outline, colour and alpha alike; the rest stays."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGBA2GRAY)
    highest, lowest = cv2.dilate(grey, _AROUND), cv2.erode(grey, _AROUND)
    drawn = cv2.dilate(cv2.extractChannel(picture, 3), _AROUND)
    edges = cv2.min(cv2.subtract(highest, lowest), drawn)
    rows, columns = np.nonzero(edges[1:-1, 1:-1] > _CONTRAST)
    if not len(rows):
        return
    rows, columns = rows + 1, columns + 1
    step = _along_edge(grey, rows, columns)

    def sample(share: float) -> Array:  # -> (N, 4), bilinear, at that share of the step
        x, y = (columns + share * step[:, 0]).astype(np.float32), (rows + share * step[:, 1]).astype(np.float32)
        tall = np.pad(np.stack([x, y]), ((0, 0), (0, -len(x) % _TALL))).reshape(2, _TALL, -1)
        found = cv2.remap(picture, tall[0], tall[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found.reshape(-1, 4)[: len(x)].astype(np.float32))

    near = (sample(-1 / 6) + sample(1 / 6)) / 2
    wide = near / 2 + (sample(-0.5) + sample(0.5)) / 4
    level = wide[:, :3] @ np.array([0.299, 0.587, 0.114], np.float32)
    stays = (level >= lowest[rows, columns]) & (level <= highest[rows, columns])
    picture[rows, columns] = np.where(stays[:, None], wide, near) + 0.5


def _along_edge(grey: Picture, rows: AnyArray, columns: AnyArray) -> Array:  # -> (N, 2) x, y in pixels
    """The edge's direction, from the four diagonal neighbours, as long as the edge is straight (at most `_REACH`)."""
    width = grey.shape[1]
    at, flat = rows * width + columns, grey.reshape(-1)
    a, b, c, d = (flat[at + offset].astype(np.float32) for offset in (-width - 1, -width + 1, width - 1, width + 1))
    x, y = (c + d) - (a + b), (a + c) - (b + d)
    reduce = np.maximum((a + b + c + d) * 0.25 * _REDUCE, _REDUCE_LEAST)
    scale = 1 / (np.minimum(np.abs(x), np.abs(y)) + reduce)
    return np.asarray(np.clip(np.stack([x * scale, y * scale], -1), -_REACH, _REACH).astype(np.float32))
