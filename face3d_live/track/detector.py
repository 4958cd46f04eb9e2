"""Finding faces in a whole picture: BlazeFace, short range, run by OpenCV's own DNN module.

The network sees 128x128 pixels and answers for 896 anchors with a score, a box and six keypoints. Faces smaller than
about a tenth of the picture drown at that size, so a picture without a face is searched again in overlapping tiles.

Source of the decoding: V. Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs",
arXiv:1907.05047 (anchors, and blending of overlapping boxes by score instead of suppressing them).
"""

from __future__ import annotations

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
SURE = 0.75  # score in a close look from which it is beyond doubt
SCORE_NEAR = 0.4  # least score of a face that is expected at a place
SAME_NEAR = 0.15  # and least overlap with that place
LEAST_SIDE = 8  # pixels: smaller pictures hold nothing
SAME = 0.3  # boxes that overlap more than this (intersection over union) are one face
LOGIT_LIMIT = 50.0  # beyond it exp overflows and the sigmoid is 0 or 1 anyway
TILE_SHARES = (0.55, 0.3)  # side of a tile, of the longer side of the picture, coarse to fine
TILE_MIN = 96  # pixels: tiles smaller than this only enlarge noise
LEAST_CONTRAST = 16  # of 255: a covered lens or a blank picture is not worth the looks
MAX_ASPECT = 8  # a picture thinner than this cannot hold a face that the network would see


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
        """Degrees by which the face is turned clockwise in the picture, -180..180: from right eye to left eye and from
        the eyes to the mouth."""
        across = self.keypoints[1] - self.keypoints[0]
        down = self.keypoints[3] - (self.keypoints[0] + self.keypoints[1]) / 2
        x, y = across[0] + down[1], across[1] - down[0]
        return float(np.degrees(np.arctan2(y, x)))


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
        """Faces of a picture (H, W, 3), largest first, doubtful ones last.

        Looks at the whole picture and, while there is no face, at smaller overlapping tiles, `finest` sizes of them
        (about 2 ms a look on one core; on a 4:3 picture 1 look, then 6, then 24). Each face found is then looked at
        closely, which gives its box and score: prints and patterns that pass for a face from afar do not up close, and
        do not end the search.
        """
        height, width = rgb.shape[:2]
        if min(height, width) < LEAST_SIDE or max(height, width) > MAX_ASPECT * min(height, width):
            return []
        if np.ptp(rgb[::8, ::8]) < LEAST_CONTRAST:
            return []
        faces = self._closely(rgb, self.look(rgb, 0, 0))
        for share in TILE_SHARES[:finest]:
            if faces:
                break
            faces = self._closely(rgb, [f for tile, x, y in tiles(rgb, share) for f in self.look(tile, x, y)])
        return sorted(faces, key=lambda face: (face.score < SURE, -face.area))

    def _closely(self, rgb: NDArray[np.uint8], found: list[Detection]) -> list[Detection]:
        """What is left of unmerged answers after a second opinion on each."""
        second = (self.near(rgb, face.centre, face.side) for face in blend(found))
        return blend([face for face in second if face is not None])

    def near(self, rgb: NDArray[np.uint8], centre: AnyArray, side: float) -> Detection | None:
        """A second opinion on a face of about `side` pixels around `centre` (2,): the likeliest one there, or None.

        One look at a square twice as wide; a lower score is enough, as something speaks for a face there already: real
        faces get about 0.9 there, a skull printed on a shirt 0.1 to 0.7.
        """
        low = np.maximum(np.floor(centre - side), 0).astype(int)
        high = np.minimum(np.ceil(centre + side), rgb.shape[1::-1]).astype(int)
        if (high - low).min() < LEAST_SIDE:
            return None
        faces = blend(self.look(rgb[low[1] : high[1], low[0] : high[0]], int(low[0]), int(low[1]), SCORE_NEAR))
        square = np.concatenate([centre - side / 2, centre + side / 2])
        faces = [face for face in faces if overlap(square, face.box[None])[0] > SAME_NEAR]
        return max(faces, key=lambda face: face.score, default=None)

    def look(self, rgb: NDArray[np.uint8], left: int, top: int, least: float = SCORE) -> list[Detection]:
        """Unmerged answers for one picture whose top-left corner lies at (left, top) of the frame."""
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


def blend(found: list[Detection]) -> list[Detection]:
    """Answers for one face made one: the best answer and all that overlap it, averaged by their scores."""
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
