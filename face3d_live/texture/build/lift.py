"""Albedo textures from portraits: the head is fitted to their 478 teacher points, sampled, the light divided out."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.errors import AssetError
from face3d_live.head.model import Head
from face3d_live.lighting import to_linear
from face3d_live.regress.fit import Fitter
from face3d_live.rotations import to_euler
from face3d_live.texture.build.files import read_picture
from face3d_live.texture.light import light_of_skin
from face3d_live.texture.regions import PLAIN, face_only, share_of
from face3d_live.texture.sample import as_picture, pose_head, sample_pixels, without_light
from face3d_live.texture.texels import texels_of
from face3d_live.typing import AnyArray, Array, Picture

_FOCAL = 4.0  # portraits are taken from afar: focal length over the picture's side
_POINT_ERROR = 1.5  # pixels of the 256
_WORST_FIT = 0.033  # of the eye distance
_LEAST_CHROMA = 0.02  # linear: what has less is a black-and-white picture
_SIDEWAYS = 0.25  # weight of a view (`sample.TexelView`) below which background may shine in
_DARKER, _BRIGHTER, _OFF_HUE = -0.7, 0.6, 0.3  # logarithms of what is no skin any more, against the rest of the face
_LEAST_LEFT = 0.75
_DARK = 25.0  # degrees of individual typology angle
_MOST_YAW, _MOST_PITCH = np.radians(28), np.radians(25)


@dataclass(frozen=True)
class Lifted:
    """One portrait's albedo. texture: (S, S, 3) sRGB and weight: (S, S), zero where the face was not seen."""

    name: str
    texture: Picture
    weight: Array


class Lifter:
    """Takes the skin off portraits, at one texture size."""

    def __init__(self, head: Head, size: int, reference: Picture) -> None:
        """reference: (S, S, 3) an average skin, whose pattern separates light from albedo."""
        self._head, self._fitter, self.texels = head, Fitter(head), texels_of(head, size)
        self._trust = face_only(head, self.texels.size)
        self._reference = to_linear(self.texels.of(reference) / 255)
        self._plain = share_of(head, self.texels, PLAIN) > 0.9
        bare = self.texels.image(share_of(head, self.texels, ("cheeks", "forehead", "jaw")))
        self._bare = self.texels.of(cv2.GaussianBlur(bare, (0, 0), size / 41)) > 0.93

    def lift(self, name: str, rgb: Picture, points: AnyArray) -> Lifted | None:
        """rgb: (H, W, 3), points: (478, 2) its pixels. None where it fits badly, looks away or shows little skin."""
        height, width = rgb.shape[:2]
        camera = Camera(width, height, _FOCAL * max(width, height))
        error = np.full(len(points), _POINT_ERROR * width / 256, np.float32)
        start = self._fitter.initial(points, camera)
        fit = self._fitter.fit(points, error, camera, start, solve_shape=True, steps=10)
        yaw, pitch, _ = to_euler(fit.codes.rotation)
        if fit.residual > _WORST_FIT or abs(yaw) > _MOST_YAW or abs(pitch) > _MOST_PITCH:
            return None
        view = pose_head(fit.codes, camera, self._head).view(self.texels)
        colour = to_linear(sample_pixels(rgb, view.pixel, 2.0))
        weight = np.clip((view.weight - _SIDEWAYS) / (1 - _SIDEWAYS), 0, 1) * self._trust
        if np.ptp(colour[weight > 0.5].mean(0)) < _LEAST_CHROMA:
            return None
        sure = np.flatnonzero((weight > 0.3) & self._plain)[::7]
        light, tone = light_of_skin(self._reference[sure], view.normals[sure], colour[sure])
        albedo = as_picture(without_light(colour, view, light), view)
        before = float(weight.sum())
        weight = weight * self._skin(to_linear(albedo / np.float32(255)), tone)
        if weight.sum() < _LEAST_LEFT * before:  # hard shadows, a fringe over half the face
            return None
        albedo[weight <= 0] = 0
        return Lifted(name, self.texels.image(albedo, pad=False), self.texels.image(weight, pad=False))

    def tone(self, texture: Picture, weight: Array | None = None) -> Array:  # (S, S, 3) -> (3,)
        """Mean picture colour of the plain skin of the face."""
        colour = self.texels.of(texture)[self._plain].astype(np.float32) / 255
        share = np.ones(len(colour), np.float32) if weight is None else self.texels.of(weight)[self._plain]
        return np.asarray(((colour * share[:, None]).sum(0) / max(float(share.sum()), 1e-6)).astype(np.float32))

    def _skin(self, albedo: Array, tone: Array) -> Array:  # (N, 3) linear -> (N,) 1 on skin, 0 on hair and background
        """On cheeks, forehead and jaw, away from the features, all skin has about one brightness and hue."""
        ratio = np.log(np.maximum(albedo, 1e-3) / np.maximum(self._reference * tone, 1e-3))
        bright = ratio.mean(1)
        hue = np.abs(ratio - bright[:, None]).max(1)
        odd = self._bare & ((bright < _DARKER) | (bright > _BRIGHTER) | (hue > _OFF_HUE))
        wide = cv2.dilate(self.texels.image(odd.astype(np.float32), pad=False), np.ones((11, 11)))
        soft = cv2.GaussianBlur(wide, (0, 0), self.texels.size / 87)
        return np.asarray(np.clip(1 - 2 * self.texels.of(soft), 0, 1))


def portraits(data_dir: Path) -> Iterator[tuple[str, Picture, Array]]:
    """(name, picture, (478, 2) points) of the portraits. Raises AssetError("portraits-missing")."""
    folder = data_dir / "faces"
    if not (folder / "teacher.npz").is_file():
        raise AssetError("portraits-missing", f"no portraits in {folder}: give the data folder with --data")
    with np.load(folder / "teacher.npz") as teacher:
        names, landmarks = teacher["image"], teacher["landmarks"]
    for i in _balanced(folder / "index.csv", names):
        path = folder / "images" / str(names[i])
        yield path.stem, read_picture(path), landmarks[i, :, :2]


def _balanced(index: Path, names: AnyArray) -> AnyArray:
    """An order in which a part of the portraits already stands for all: the few dark skins first, the rest shuffled."""
    with index.open(newline="", encoding="utf-8-sig") as lines:
        tone = {row["image"]: float(row["ita_deg"]) for row in csv.DictReader(lines)}
    order = np.random.default_rng(0).permutation(len(names))
    dark = np.array([tone.get(str(name), 90.0) < _DARK for name in names])
    return np.concatenate([order[dark[order]], order[~dark[order]]])
