"""Samples whose labels are known, and a regressor that knows them: it reads from a picture which one it is."""

from pathlib import Path
from typing import Any

import numpy as np

from face3d_live import rotations
from face3d_live.codes import N_EXPRESSION, N_LIGHT, N_SHAPE, N_TEXTURE
from face3d_live.head.model import Head
from face3d_live.regress.crop import Crop
from face3d_live.regress.fit import FROM_NETWORK
from face3d_live.regress.prediction import Prediction
from face3d_live.train.data.pool import KEYS, ShardWriter
from face3d_live.train.synthetic.scene import place


def sample(head: Head, rng: np.random.Generator, number: int) -> dict[str, Any]:
    """A synthetic head without a picture: every pixel is its number."""
    expression = (rng.random(N_EXPRESSION) * (rng.random(N_EXPRESSION) < 0.3)).astype(np.float32)
    shape = rng.normal(size=N_SHAPE).astype(np.float32)
    points = head.points(head.vertices(shape, expression))
    where = place(points, rotations.from_euler(*rng.normal(0, 0.15, 3)), 0.7)
    values = {
        "image": np.full(KEYS["image"][0], number),
        "points": where.project(points),
        "visible": np.ones(478),
        "weight": np.ones(478),
        "expression": expression,
        "expression_weight": np.ones(52),
        "shape": shape,
        "shape_weight": 1,
        "rotation": where.rotation,
        "scale": where.scale,
        "position": where.position,
        "focal": where.focal,
        "texture": rng.normal(size=N_TEXTURE),
        "texture_valid": 1,
        "light": np.zeros(N_LIGHT),
        "light_valid": 0,
        "teacher": np.zeros(52),
        "teacher_weight": np.zeros(52),
        "source": 0,
        "worn": (number % 4 == 1, number % 4 == 2, number % 2, 0),
    }
    return {key: np.asarray(value, KEYS[key][1]) for key, value in values.items()}


def write_pool(head: Head, folder: Path, count: int, name: str = "known") -> Path:
    """A pool of such samples."""
    writer, rng = ShardWriter(folder, name, {}), np.random.default_rng(0)
    for number in range(count):
        writer.add(sample(head, rng, number))
    writer.close()
    return folder


class Knowing:
    """Answers with the labels of the picture it is shown, off by what a test asks for.

    labels: arrays of a pool; shift: added to the points, in half sides; mix: the expression's share that is noise.
    """

    prior = FROM_NETWORK

    def __init__(self, labels: dict[str, np.ndarray], shift: float = 0.0, mix: float = 0.0) -> None:
        self.labels, self.shift, self.mix = labels, shift, mix
        self.meta: dict[str, Any] = {"samples": 0, "note": "knows"}

    def cut(self, rgb: np.ndarray, square: Crop, points: np.ndarray | None = None) -> tuple[np.ndarray, Crop]:
        return square.extract(rgb), square

    def predict(self, crops: np.ndarray) -> Prediction:
        which = crops[:, 56, 56, 0].astype(int) % len(self.labels["source"])
        take = {key: value[which] for key, value in self.labels.items()}
        noise = np.random.default_rng(1).random(take["expression"].shape).astype(np.float32)
        count = len(crops)
        return Prediction(
            expression=(1 - self.mix) * take["expression"] + self.mix * noise,
            shape=take["shape"],
            texture=take["texture"],
            rotation=take["rotation"],
            scale=take["scale"],
            position=take["position"],
            light=take["light"],
            points=take["points"] + np.float32([self.shift, 0]),
            sigma=np.full((count, 478), 0.004, np.float32),
            confidence=np.full(count, np.exp(-self.shift / 0.06), np.float32),
            coefficients=np.zeros((count, 0), np.float32),
        )
