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
_SHARES = (-1 / 6, 1 / 6, -0.5, 0.5)
_GREY = np.array([0.299, 0.587, 0.114, 0.0], np.float32)
_TALL = 64  # rows of the maps for one sample: OpenCV takes no list longer than 32767


def antialias(picture: Picture) -> None:  # (H, W, 4) uint8, in place
    """Smooth the edges of what is drawn (alpha > 0) and its outline, colour and alpha alike; the rest stays."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGBA2GRAY)
    highest, lowest = cv2.dilate(grey, _AROUND), cv2.erode(grey, _AROUND)
    drawn = cv2.dilate(cv2.extractChannel(picture, 3), _AROUND)
    edges = cv2.min(cv2.subtract(highest, lowest), drawn)
    edges[[0, -1]] = edges[:, [0, -1]] = 0
    at = np.flatnonzero(edges > _CONTRAST)  # a tenth of the time of `nonzero` in two dimensions
    if not len(at):
        return
    rows, columns = np.divmod(at, edges.shape[1])
    step = _along_edge(grey, at)

    place = np.stack([columns, rows]).astype(np.float32)
    # Two pairs of samples, at these shares of the step: x, then y, of each (2, 4, N).
    maps = place[:, None] + np.array(_SHARES, np.float32)[:, None] * step[:, None]
    maps = np.pad(maps, ((0, 0), (0, 0), (0, -len(at) % _TALL)), mode="edge").reshape(2, 4 * _TALL, -1)
    found = cv2.remap(picture, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    samples = found.reshape(4, -1, 4)[:, : len(at)].astype(np.float32)  # (4, N, RGBA)
    near = (samples[0] + samples[1]) / 2
    wide = near / 2 + (samples[2] + samples[3]) / 4
    level = wide @ _GREY
    stays = (level >= lowest.reshape(-1)[at]) & (level <= highest.reshape(-1)[at])
    near[stays] = wide[stays]
    picture.reshape(-1, 4).view(np.uint32)[at] = (near + 0.5).astype(np.uint8).view(np.uint32)


def _along_edge(grey: Picture, at: AnyArray) -> Array:  # -> (2, N) x, y in pixels
    """The edge's direction at flat indices (N,), from the four diagonal neighbours, as long as the edge is straight (at
    most `_REACH`)."""
    width, flat = grey.shape[1], grey.reshape(-1)
    a, b, c, d = (flat[at + offset].astype(np.float32) for offset in (-width - 1, -width + 1, width - 1, width + 1))
    x, y = (c + d) - (a + b), (a + c) - (b + d)
    reduce = np.maximum((a + b + c + d) * 0.25 * _REDUCE, _REDUCE_LEAST)
    scale = 1 / (np.minimum(np.abs(x), np.abs(y)) + reduce)
    return np.asarray(np.clip(np.stack([x, y]) * scale, -_REACH, _REACH).astype(np.float32))
