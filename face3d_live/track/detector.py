"""Face detection in a whole picture: BlazeFace, short range, run by OpenCV's DNN module.

The network takes 128x128 pixels and gives a score, a box and six keypoints for each of 896 anchors. It misses faces
smaller than about a tenth of the picture, so a picture without a detection is searched again in overlapping tiles.

Source of the decoding: V. Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs",
arXiv:1907.05047 (anchors, and blending of overlapping boxes by score instead of suppressing them).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.errors import AssetError
from face3d_live.paths import MODELS
from face3d_live.typing import AnyArray, Array

SIDE = 128  # pixels of the network's input
KEYPOINTS = ("right eye", "left eye", "nose tip", "mouth", "right ear", "left ear")  # the subject's sides
SCORE = 0.5  # least score of a face
SURE = 0.75  # score in a close-up from which a detection is certain
SCORE_NEAR = 0.4  # least score of a face that is expected at a place
SAME_NEAR = 0.15  # least overlap (intersection over union) of such a face with that place
LEAST_SIDE = 8  # pixels: in smaller pictures nothing is searched
SAME = 0.3  # boxes that overlap more than this (intersection over union) are one face
LOGIT_LIMIT = 50.0  # beyond it exp overflows and the sigmoid is 0 or 1 anyway
TILE_SHARES = (0.55, 0.3)  # side of a tile, of the longer side of the picture, coarse to fine
TILE_MIN = 96  # pixels: tiles smaller than this only enlarge noise
LEAST_CONTRAST = 16  # of 255: below it (a covered lens, a blank picture) nothing is searched
MAX_ASPECT = 8  # longer over shorter side: beyond it a face would be too small for the network


@dataclass(frozen=True)
class Detection:
    """A face found in a picture. box: (4,) x0, y0, x1, y1 in pixels; keypoints: (6, 2) pixels, order of `KEYPOINTS`."""

    box: Array
    score: float
    keypoints: Array

    @property
    def area(self) -> float:
        """Pixels inside the box."""
        return float(max(self.box[2] - self.box[0], 0) * max(self.box[3] - self.box[1], 0))

    @property
    def centre(self) -> Array:  # (2,)
        """Middle of the box, pixels."""
        return np.asarray((self.box[:2] + self.box[2:]) / 2, np.float32)

    @property
    def side(self) -> float:
        """Longer side of the box, pixels."""
        return float((self.box[2:] - self.box[:2]).max())

    @property
    def roll(self) -> float:
        """Roll of the face by eyes and mouth: the mean direction of the line between the eyes and the eyes-mouth line.

        Radians, counter-clockwise as seen in the picture, -pi..pi, as `rotations.from_euler`. The line between the eyes
        makes it exact for frontal faces. In profile that line is short and `midline_roll` is the safer estimate.
        """
        across = self.keypoints[1] - self.keypoints[0]
        down = self.keypoints[3] - (self.keypoints[0] + self.keypoints[1]) / 2
        return math.atan2(down[0] - across[1], across[0] + down[1])

    @property
    def midline_roll(self) -> float:
        """Roll of the face by the line from the mouth to the middle of the eyes alone; 0 without keypoints.

        Same unit and sense as `roll`.
        """
        up = (self.keypoints[0] + self.keypoints[1]) / 2 - self.keypoints[3]
        return math.atan2(-up[0], -up[1]) if np.isfinite(up).all() and np.abs(up).max() > 0 else 0.0


def anchor_centres() -> Array:  # (896, 2) x, y in 0..1
    """Anchor centres in the order of the network's outputs: 16x16 cells of 2 anchors, then 8x8 cells of 6.

    The four SSD layers have strides 8, 16, 16, 16 and two anchors a cell; layers of one stride share their cells.
    """
    layers = []
    for stride, per_cell in ((8, 2), (16, 6)):
        cells = SIDE // stride
        centre = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        grid = np.stack(np.meshgrid(centre, centre), -1).reshape(-1, 2)  # row by row
        layers.append(np.repeat(grid, per_cell, axis=0))
    return np.concatenate(layers)


def overlap(box: AnyArray, boxes: AnyArray) -> Array:  # (4,), (N, 4) -> (N,)
    """Intersection over union of one box with many (x0, y0, x1, y1)."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    inner = np.prod(np.maximum(high - low, 0), -1)
    area = float(np.prod(np.maximum(box[2:] - box[:2], 0)))
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), -1)
    return np.asarray(inner / np.maximum(area + areas - inner, 1e-9), np.float32)


class Detector:
    """BlazeFace with its anchors. Not safe to share between threads: OpenCV's network keeps its input."""

    def __init__(self, net: cv2.dnn.Net) -> None:
        self._net = net
        self._anchors = anchor_centres()

    @classmethod
    def load(cls, path: Path | None = None) -> Detector:
        """Read the network. Raises AssetError("detector-missing" or "detector-broken")."""
        path = path or MODELS / "face_detector.tflite"
        if not path.is_file():
            raise AssetError("detector-missing", f"{path} is not there: check the project out again")
        # OpenCV 5 prefers an engine that finds only one of this network's outputs; OpenCV 4 has no choice to make.
        classic = {"engine": cv2.dnn.ENGINE_CLASSIC} if hasattr(cv2.dnn, "ENGINE_CLASSIC") else {}
        try:
            return cls(cv2.dnn.readNetFromTFLite(str(path), **classic))
        except cv2.error as error:
            raise AssetError("detector-broken", f"{path} cannot be read ({error.err}): check it out again") from error

    def detect(self, rgb: NDArray[np.uint8], *, finest: int = len(TILE_SHARES)) -> list[Detection]:
        """Faces of a picture (H, W, 3), largest first, those with a score below `SURE` last.

        Runs on the whole picture and, while there is no face, on smaller overlapping tiles, `finest` sizes of them
        (about 2 ms a run on one core; on a 4:3 picture 1 run, then 6, then 24). Each detection is repeated in a
        close-up, which gives its box and score. Prints and patterns that score as a face from afar do not in the
        close-up, and do not end the search.
        """
        height, width = rgb.shape[:2]
        if min(height, width) < LEAST_SIDE or max(height, width) > MAX_ASPECT * min(height, width):
            return []
        if np.ptp(rgb[::8, ::8]) < LEAST_CONTRAST:
            return []
        faces = self._confirmed(rgb, self.detect_raw(rgb, 0, 0))
        for share in TILE_SHARES[:finest]:
            if faces:
                break
            faces = self._confirmed(rgb, [f for tile, x, y in tiles(rgb, share) for f in self.detect_raw(tile, x, y)])
        return sorted(faces, key=lambda face: (face.score < SURE, -face.area))

    def _confirmed(self, rgb: NDArray[np.uint8], found: list[Detection]) -> list[Detection]:
        """Those of the unmerged detections that a close-up confirms."""
        second = (self.detect_near(rgb, face.centre, face.side) for face in merge_detections(found))
        return merge_detections([face for face in second if face is not None])

    def detect_near(self, rgb: NDArray[np.uint8], centre: AnyArray, side: float) -> Detection | None:
        """Detection in a close-up: the best-scored face of about `side` pixels around `centre` (2,), or None.

        One run on a square twice as wide. A lower score (`SCORE_NEAR`) is enough, as a face is expected there: real
        faces get about 0.9, a skull printed on a shirt 0.1 to 0.7.
        """
        low = np.maximum(np.floor(centre - side), 0).astype(int)
        high = np.minimum(np.ceil(centre + side), rgb.shape[1::-1]).astype(int)
        if (high - low).min() < LEAST_SIDE:
            return None
        faces = merge_detections(
            self.detect_raw(rgb[low[1] : high[1], low[0] : high[0]], int(low[0]), int(low[1]), SCORE_NEAR)
        )
        square = np.concatenate([centre - side / 2, centre + side / 2])
        faces = [face for face in faces if overlap(square, face.box[None])[0] > SAME_NEAR]
        return max(faces, key=lambda face: face.score, default=None)

    def detect_raw(self, rgb: NDArray[np.uint8], left: int, top: int, least: float = SCORE) -> list[Detection]:
        """Detections of one run, not merged, for a picture whose top-left corner lies at (left, top) of the frame."""
        height, width = rgb.shape[:2]
        scale = SIDE / max(height, width)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        boxed = np.zeros((SIDE, SIDE, 3), np.float32)
        x, y = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
        boxed[y : y + size[1], x : x + size[0]] = cv2.resize(rgb, size, interpolation=method)
        self._net.setInput(((boxed / 127.5) - 1).transpose(2, 0, 1)[None])
        logits, raw = self._net.forward(["classificators", "regressors"])
        score = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -LOGIT_LIMIT, LOGIT_LIMIT)))
        keep = np.flatnonzero(score >= least)
        if not len(keep):
            return []
        points = raw.reshape(-1, 8, 2)[keep] / SIDE  # box centre, box size, six keypoints
        points[:, [0, 2, 3, 4, 5, 6, 7]] += self._anchors[keep, None]
        offset = np.array([left, top]) - np.array([x, y]) / scale
        centre = points[:, 0] * SIDE / scale + offset
        half = points[:, 1] * SIDE / scale / 2
        boxes = np.concatenate([centre - half, centre + half], 1).astype(np.float32)
        keypoints = (points[:, 2:] * SIDE / scale + offset).astype(np.float32)
        return [Detection(boxes[i], float(score[k]), keypoints[i]) for i, k in enumerate(keep)]


def tiles(rgb: NDArray[np.uint8], share: float) -> Iterable[tuple[NDArray[np.uint8], int, int]]:
    """Square tiles (tile, left, top) of `share` of the longer side that overlap by half, evenly spread."""
    height, width = rgb.shape[:2]
    side = min(max(round(share * max(height, width)), TILE_MIN), max(height, width))

    def starts(length: int) -> list[int]:
        if length <= side:
            return [0]
        count = 1 + -(-(length - side) // (side // 2))
        return [round(s) for s in np.linspace(0, length - side, count)]

    for top in starts(height):
        for left in starts(width):
            yield rgb[top : top + side, left : left + side], left, top


def merge_detections(found: list[Detection]) -> list[Detection]:
    """Merge overlapping detections: the best one and all that overlap it, averaged with their scores as weights."""
    rest = sorted(found, key=lambda face: -face.score)
    faces = []
    while rest:
        near = overlap(rest[0].box, np.stack([face.box for face in rest])) > SAME
        near[0] = True  # an empty box overlaps nothing, not even itself
        group = [face for face, same in zip(rest, near, strict=True) if same]
        rest = [face for face, same in zip(rest, near, strict=True) if not same]
        weight = np.array([face.score for face in group], np.float32)
        weight /= weight.sum()
        box = np.tensordot(weight, np.stack([face.box for face in group]), 1)
        keypoints = np.tensordot(weight, np.stack([face.keypoints for face in group]), 1)
        faces.append(Detection(box, group[0].score, keypoints))
    return faces
