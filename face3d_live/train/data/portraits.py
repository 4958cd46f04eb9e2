"""The portraits of the data folder as training samples, with a teacher's 478 points and 52 scores.

They make two pools, `portraits_train` and `portraits_heldout`. A tenth
of the people is held out by a hash of their name, so the split never changes; pictures of one person stay together.
"""

from __future__ import annotations

import csv
import hashlib
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, N_EXPRESSION, N_LIGHT, N_TEXTURE, HeadCodes
from face3d_live.errors import InputError
from face3d_live.head import points as landmarks
from face3d_live.head.model import Head
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.regress.fit import FROM_SCORES, UNSEEN, Fit, Fitter
from face3d_live.train.data.pool import N_POINTS, PORTRAIT, SIZE, STORED, UNIT, Sample, ShardWriter
from face3d_live.train.data.shared_shape import fit_together
from face3d_live.train.data.teacher import in_order
from face3d_live.train.synthetic.scene import Placement
from face3d_live.typing import Array

#: Portraits are taken from about 1.5 m: the focal length in half sides of the crop.
FOCAL = 9.0
#: How far the fitted codes may be trusted beside synthetic truth.
EXPRESSION_TRUST, SHAPE_TRUST = 1.0, 0.3
FIT_STEPS = 10
#: Standard deviation of the teacher's points, in half sides of the crop.
POINT_ERROR = 0.006

#: The teacher never answers these (constant or nearly so on renders whose codes are known).
DEAD = (
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
    "jawForward",
)


@dataclass(frozen=True)
class Portrait:
    """One row of the index. tone: ITA in degrees, light > 41, dark < 10."""

    image: Path
    group: str
    tone: float
    person: str
    row: int  # in teacher.npz

    @property
    def held_out(self) -> bool:
        return int(hashlib.sha256(self.person.encode()).hexdigest(), 16) % 10 == 0

    @property
    def copies(self) -> int:
        """How often it comes up in training: dark skins and the varied ages of `faker` are rare."""
        return (3 if self.tone < 10 else 2 if self.tone < 28 else 1) + (self.group == "faker")


def load_index(data: Path) -> list[Portrait]:
    """All portraits. Raises InputError "data-missing" when the folder is not there."""
    index = data / "faces" / "index.csv"
    if not index.is_file():
        raise InputError("data-missing", f"{index} is missing: give the folder of faces with --data")
    with np.load(data / "faces" / "teacher.npz") as teacher:
        rows = {str(name): i for i, name in enumerate(teacher["image"])}
    with index.open(encoding="utf-8-sig", newline="") as lines:
        return [
            Portrait(
                data / "faces" / "images" / row["image"],
                row["set"],
                float(row["ita_deg"]),
                f"{row['set'].split('_')[0]}:{row['person']}" if row["person"] else row["image"],
                rows[row["image"]],
            )
            for row in csv.DictReader(lines)
            if row["image"] in rows
        ]


def training_images(data: Path) -> list[Path]:
    """Pictures of the people who are not held out, in an order without pattern."""
    paths = [p.image for p in load_index(data) if not p.held_out]
    return sorted(paths, key=lambda path: zlib.crc32(path.name.encode()))


def crops_of(data: Path, held_out: bool) -> NDArray[np.uint8]:  # (N, 112, 112, 3) RGB
    """Every portrait of the people held out, or of the others, cut as the network sees a tracked face."""
    with np.load(data / "faces" / "teacher.npz") as teacher:
        points = teacher["landmarks"][..., :2]
    chosen = [portrait for portrait in load_index(data) if portrait.held_out == held_out]
    return np.stack([crop_from_points(points[p.row]).extract(Labeller.picture(p)) for p in chosen])


def held_out_skins(data: Path) -> frozenset[str]:
    """Names of the skins lifted from held-out people, which training must not see; none without data."""
    if not (data / "faces" / "index.csv").is_file():
        return frozenset()
    return frozenset(f"lifted_{p.image.stem}" for p in load_index(data) if p.held_out)


def teacher_scores(data: Path) -> Array:  # -> (N, 52) in ARKit order, 0 where the teacher has no such name
    """The teacher's coefficients, matched by name."""
    with np.load(data / "faces" / "teacher.npz") as teacher:
        return in_order(teacher["blendshapes"], teacher["blendshape_names"])


def exemplars(data: Path) -> Array | None:  # (M, 52)
    """The teacher's answers for the training portraits, less what every neutral face scores; None without data."""
    if not (data / "faces" / "index.csv").is_file():
        return None
    rows = [p.row for p in load_index(data) if not p.held_out]
    scores = teacher_scores(data)[rows]
    return np.clip(scores - np.percentile(scores, 15, axis=0), 0, 1).astype(np.float32)


def point_trust() -> Array:  # (478,)
    """How far the teacher's points mean what the head's do: less on the oval and the brows."""
    trust = np.ones(N_POINTS, np.float32)
    trust[list(landmarks.OVAL)] = 0.4
    trust[list(landmarks.BROW_LEFT + landmarks.BROW_RIGHT)] = 0.6
    return trust


class Labeller:
    """Fits the head to the teacher's points, which gives a portrait every label that its picture can give."""

    def __init__(self, head: Head, data: Path) -> None:
        self.fitter = Fitter(head, FROM_SCORES)
        with np.load(data / "faces" / "teacher.npz") as teacher:
            self.landmarks = teacher["landmarks"][..., :2].astype(np.float32)
        self.scores = teacher_scores(data)
        self.rest = np.percentile(self.scores, 15, axis=0)
        self.camera = Camera(2, 2, FOCAL)
        self.sigma = (POINT_ERROR / np.sqrt(point_trust())).astype(np.float32)

    def crop(self, portrait: Portrait) -> Crop:
        return crop_from_points(self.landmarks[portrait.row])

    @staticmethod
    def picture(portrait: Portrait) -> NDArray[np.uint8]:  # (256, 256, 3) RGB
        return np.asarray(cv2.cvtColor(cv2.imread(str(portrait.image)), cv2.COLOR_BGR2RGB), np.uint8)

    def fit(self, portraits: Sequence[Portrait]) -> list[Fit]:
        """The heads that explain the points of pictures of one person: they share a shape."""
        points, starts = [], []
        for portrait in portraits:
            seen = self.crop(portrait).from_frame(self.landmarks[portrait.row]) + 1  # the camera's pixels: half sides
            guess = np.clip(self.scores[portrait.row] - self.rest, 0, 1)
            guess[[INDEX[name] for name in UNSEEN]] = 0
            points.append(seen)
            starts.append(self.fitter.initial(seen, self.camera).with_(expression=guess))
        return fit_together(self.fitter, points, [self.sigma] * len(points), self.camera, starts, FIT_STEPS)

    def fit_all(self, index: Sequence[Portrait]) -> list[Fit]:
        """The fits of all these portraits, in their order."""
        people: dict[str, list[int]] = defaultdict(list)
        for i, portrait in enumerate(index):
            people[portrait.person].append(i)
        fits: dict[int, Fit] = {}
        for rows in people.values():
            fits.update(zip(rows, self.fit([index[i] for i in rows]), strict=True))
        return [fits[i] for i in range(len(index))]

    def sample(self, portrait: Portrait, codes: HeadCodes) -> Sample:
        """The sample of a portrait with its fitted codes."""
        half = -float(codes.translation[2]) / FOCAL
        position = (codes.translation[:2] * (1, -1) / half).astype(np.float32)
        placement = Placement(codes.rotation, float(np.log(half / UNIT)), position, FOCAL)
        crop, points = self.crop(portrait), self.landmarks[portrait.row]
        weight = self.fitter.usable * point_trust()
        return labelled(self.picture(portrait), crop, points, weight, placement, codes, self.scores[portrait.row])


def labelled(
    rgb: NDArray[np.uint8], crop: Crop, points: Array, weight: Array, where: Placement, codes: HeadCodes, scores: Array
) -> Sample:
    """A sample of the pool from a real picture (H, W, 3).

    points: (478, 2) the teacher's, pixels, and weight: (478,) how far to trust them. where, codes: the fitted head.
    scores: (52,) the teacher's, ARKit order.
    """
    alive = np.ones(N_EXPRESSION, np.float32)
    alive[[INDEX[name] for name in DEAD]] = 0  # these channels live on synthetic truth
    return {
        "image": Crop(crop.x, crop.y, crop.half * STORED).extract(rgb, SIZE),
        "points": crop.from_frame(points),
        "visible": np.ones(N_POINTS, np.float32),
        "weight": weight.astype(np.float32),
        "expression": codes.expression,
        "expression_weight": EXPRESSION_TRUST * alive,
        "shape": codes.shape,
        "shape_weight": np.float32(SHAPE_TRUST),
        "rotation": where.rotation,
        "scale": np.float32(where.scale),
        "position": where.position,
        "focal": np.float32(where.focal),
        "texture": np.zeros(N_TEXTURE, np.float32),
        "texture_valid": np.float32(0),
        "light": np.zeros(N_LIGHT, np.float32),
        "light_valid": np.float32(0),
        "teacher": scores.astype(np.float32),
        "teacher_weight": alive,
        "source": np.uint8(PORTRAIT),
    }


def build(head: Head, data: Path, out: Path) -> dict[str, float]:
    """Write both pools; returns the median residual of the fits (fraction of the eye distance) and the counts."""
    labeller = Labeller(head, data)
    index = load_index(data)
    train = ShardWriter(out / "portraits_train", "portraits", {"kind": "portraits", "split": "train"})
    held_out = ShardWriter(out / "portraits_heldout", "portraits", {"kind": "portraits", "split": "held out"})
    residuals = []
    for portrait, fit in zip(index, labeller.fit_all(index), strict=True):
        residuals.append(fit.residual)
        sample = labeller.sample(portrait, fit.codes)
        if portrait.held_out:
            held_out.add(sample)
        else:
            for _ in range(portrait.copies):
                train.add(sample)
    counts = {"residual": float(np.median(residuals)), "train": len(train.samples), "held out": len(held_out.samples)}
    train.close()
    held_out.close()
    return counts
