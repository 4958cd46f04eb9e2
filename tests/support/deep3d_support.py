"""A made-up Basel Face Model of the right shapes, bent out of this project's own head, and random network weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.io import savemat
from scipy.spatial import cKDTree

from face3d_live.head.model import Head
from face3d_live.regress.deep3d import coefficients as C
from face3d_live.regress.deep3d.alignment import five_points
from face3d_live.regress.deep3d.coefficients import FOCAL
from face3d_live.regress.deep3d.decoder import Decoder
from face3d_live.regress.deep3d.graph import OUTPUT
from face3d_live.regress.deep3d.layout import ANGLES, IDENTITY, TRANSLATION, tensor_shapes
from face3d_live.regress.deep3d.morphable_model import FRONT, MorphableModel
from face3d_live.regress.deep3d.regressor import Deep3DRegressor
from face3d_live.regress.deep3d.surface import closest_on
from face3d_live.track.detector import Detection

N_FRONT = 35709


@dataclass(frozen=True)
class MadeUp:
    """model: the arrays as a reader should give them. points: (478, 3) where the head's points lie on its mean."""

    model: MorphableModel
    points: np.ndarray

    def write(self, folder: Path) -> Path:
        """`BFM_model_front.mat`, as published: rows of vertices end to end, indices from 1."""
        folder.mkdir(parents=True, exist_ok=True)
        rng, rows = np.random.default_rng(5), 3 * N_FRONT
        savemat(folder / FRONT, {
            "meanshape": self.model.mean.reshape(1, -1), "idBase": self.model.identity,
            "exBase": self.model.expression, "tri": self.model.faces.astype(float) + 1,
            "keypoints": self.model.keypoints[None].astype(float) + 1,
            "meantex": np.full((1, rows), 128, np.float32), "texBase": rng.normal(0, 1, (rows, 80)).astype(np.float32),
        })  # fmt: skip
        return folder


@cache
def made_up(bend: float = 1.0) -> MadeUp:
    """bend: how far the mean is from the head's. Identity and the first 52 movements are the head's own."""
    head, rng = Head.load(), np.random.default_rng(2)
    mesh = head.topology("high")
    plain = mesh.refine(head.template).astype(np.float64)
    skin = np.flatnonzero(mesh.part == 0)
    nose = head.points(head.template)[4]
    kept = np.sort(skin[np.argsort(np.linalg.norm(plain[skin] - nose, axis=1))[:N_FRONT]])
    number = np.full(len(plain), -1)
    number[kept] = np.arange(N_FRONT)
    faces = number[mesh.faces]
    faces = faces[(faces >= 0).all(1)]
    plain = plain[kept]
    shape = bend * rng.normal(0, 0.7, 80).astype(np.float32)
    bent = plain + mesh.refine(np.tensordot(shape, head.shape_basis, 1))[kept]
    bent = bent + bend * 0.003 * np.sin(bent[:, [1, 2, 0]] * 40 + np.array([0, 1, 2]))
    size = 10.0
    middle = bent.mean(0)

    def basis(moves: np.ndarray) -> np.ndarray:  # (n, V, 3) -> (3N, n)
        flat = mesh.refine(moves.transpose(1, 0, 2).reshape(head.n_vertices, -1))[kept]
        columns = flat.reshape(N_FRONT, len(moves), 3).transpose(0, 2, 1).reshape(3 * N_FRONT, len(moves))
        return (size * columns).astype(np.float32)

    expression = np.concatenate([basis(head.expression_basis), np.zeros((3 * N_FRONT, 12), np.float32)], 1)
    keypoints = cKDTree(plain).query(head.landmarks68(head.template))[1]
    model = MorphableModel(
        (size * (bent - middle)).astype(np.float32), basis(head.shape_basis), expression, faces.astype(np.int32),
        keypoints.astype(np.int32),
    )  # fmt: skip
    vertices, weights, _ = closest_on(head.points(head.template), plain, faces)
    return MadeUp(model, np.einsum("pk,pkx->px", weights, model.mean[vertices]))


def random_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Tensors of the network whose answers stay small and differ from picture to picture."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in tensor_shapes().items():
        if len(shape) == 4:
            tensor = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        elif name.endswith("running_var"):
            tensor = rng.uniform(0.5, 2, shape)
        elif name.endswith("weight"):
            tensor = rng.uniform(0.2, 0.6, shape)
        else:
            tensor = rng.normal(0, 0.1, shape)
        tensors[name] = tensor.astype(np.float32)
    return tensors


@cache
def decoder() -> Decoder:
    """Of a made-up model that is not far from the head."""
    made = made_up(0.6)
    return Decoder(made.model, Head.load())


GREEN, MAGENTA = (0, 255, 0), (255, 0, 255)


def dots(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Middles (2,) of the green and the magenta dot of a picture, pixels, or None where one is not in it."""
    found, bright, dark = [], rgb > 150, rgb < 100
    for there in (dark[..., 0] & bright[..., 1] & dark[..., 2], bright[..., 0] & dark[..., 1] & bright[..., 2]):
        rows, columns = np.nonzero(there)
        if len(rows) < 2:
            return None
        found.append(np.array([columns.mean() + 0.5, rows.mean() + 0.5]))
    return found[0], found[1]


class DotNetwork:
    """A backend that sees a face wherever a green and a magenta dot are its eyes, either one the left; without them it
    answers with the mean face in the middle, as a network that was trained on faces alone does."""

    def __init__(self) -> None:
        self.runs = 0
        self.identity = np.random.default_rng(7).normal(0, 0.5, 80)

    def run(self, pictures: np.ndarray) -> dict[str, np.ndarray]:
        self.runs += len(pictures)
        return {OUTPUT: np.stack([self._one(picture) for picture in pictures])}

    def _one(self, picture: np.ndarray) -> np.ndarray:
        c = np.zeros(257, np.float32)
        c[IDENTITY] = self.identity
        seen = dots(picture)
        if seen is not None:
            seen = sorted(seen, key=lambda place: float(place[0]))  # mirrored pictures are upright faces, too
            left, right, *_ = five_points(decoder().points(c[None])[0])
            across = (seen[1] - seen[0]) * (1, -1)
            c[ANGLES.stop - 1] = roll = np.arctan2(across[1], across[0])
            turned = [C.rotation(c) @ eye for eye in (left, right)]
            depth = FOCAL * np.linalg.norm(right[:2] - left[:2]) / np.linalg.norm(across)
            middle = (seen[0] + seen[1]) / 2 - 112
            eyes = (turned[0] + turned[1]) / 2
            place = np.array([middle[0], -middle[1]]) * depth / FOCAL
            c[TRANSLATION] = *(place - eyes[:2]), 10 - depth - eyes[2]
            assert np.isfinite(roll)
        return c


def dot_regressor(folder: Path = Path("nowhere"), network: DotNetwork | None = None) -> Deep3DRegressor:
    """The whole regressor but for its network."""
    return Deep3DRegressor(decoder(), network or DotNetwork(), {"regressor": "deep3d"}, folder)


class DotDetector:
    """Finds the dots as a detector finds a face: upright ones, and those turned by up to a quarter."""

    def detect(self, rgb: np.ndarray, *, finest: int = 2) -> list[Detection]:
        seen = dots(rgb)
        if seen is None:
            return []
        across = seen[1] - seen[0]
        if abs(np.arctan2(across[1], across[0])) > 1.6:
            return []
        size, middle = float(np.linalg.norm(across)), (seen[0] + seen[1]) / 2
        down = np.array([-across[1], across[0]])
        centre = middle + 0.45 * down
        box = np.concatenate([centre - 1.1 * size, centre + 1.1 * size]).astype(np.float32)
        points = [seen[0], seen[1], middle + 0.55 * down, middle + 1.05 * down, middle - across, middle + across]
        return [Detection(box, 0.95, np.array(points, np.float32))]

    def detect_near(self, rgb: np.ndarray, centre: np.ndarray, side: float) -> Detection | None:
        return next((face for face in self.detect(rgb) if np.linalg.norm(face.centre - centre) < 2 * side), None)


def dotted(size: tuple[int, int], left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """A grey frame (H, W, 3) with a face's eyes as dots."""
    import cv2

    frame = np.full((size[1], size[0], 3), 128, np.uint8)
    radius = max(2, round(0.16 * float(np.linalg.norm(right - left))))
    for place, colour in ((left, GREEN), (right, MAGENTA)):
        cv2.circle(frame, tuple(int(v * 16) for v in place - 0.5), radius * 16, colour, -1, cv2.LINE_AA, 4)
    return frame
