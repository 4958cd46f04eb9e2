"""A made-up Basel Face Model of the right shapes, bent out of this project's own head, and random network weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.io import savemat
from scipy.spatial import cKDTree

from face3d_live.head.model import Head
from face3d_live.regress.deep3d.layout import tensor_shapes
from face3d_live.regress.deep3d.morphable_model import FRONT, MorphableModel
from face3d_live.regress.deep3d.surface import closest_on

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
