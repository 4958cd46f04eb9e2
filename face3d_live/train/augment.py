"""What a webcam and a tracker do to a stored sample: shifted crops, poor light, noise, blur, compression, fingers.

Everything works on whole batches in torch, on any device. Labels move with the picture. `plain` is the same cut
without chance, for evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as nn
from torch import Tensor

from face3d_live.codes import MIRROR
from face3d_live.head.model import Head
from face3d_live.head.points import MIRROR_478
from face3d_live.train import damage
from face3d_live.train.data.pool import STORED
from face3d_live.typing import AnyArray, Array

Batch = dict[str, Tensor]

#: Signs of the nine spherical harmonics (1, y, z, x, xy, yz, 3z2-1, xz, x2-y2) when x changes its sign.
LIGHT_MIRROR = np.array([1, 1, 1, -1, -1, 1, 1, -1, 1], np.float32)

MAX_SHIFT = 0.3  # of the crop's half side
MAX_ZOOM = 1.35


def mirror_shape(head: Head) -> Array:  # -> (80, 80): mirrored code = code @ matrix
    """The shape code of the mirrored head, as a linear map (least squares over the vertices)."""
    flip = np.array([-1, 1, 1], np.float32)
    partner = mirror_vertices(head.template)
    basis = head.shape_basis.reshape(len(head.shape_basis), -1)
    mirrored = (head.shape_basis[:, partner] * flip).reshape(len(basis), -1)
    gram = basis @ basis.T
    return np.linalg.solve(gram, basis @ mirrored.T).T.astype(np.float32)


def mirror_vertices(template: AnyArray) -> AnyArray:  # (V, 3) -> (V,)
    """The vertex on the other side of each vertex."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(template).query(template * (-1, 1, 1))[1])


def to_tensors(batch: Mapping[str, AnyArray | Tensor], device: str | torch.device = "cpu") -> Batch:
    """A batch of the pool as tensors; the picture becomes float (B, 3, S, S) in 0..1."""
    out = {
        key: (value if isinstance(value, Tensor) else torch.from_numpy(np.ascontiguousarray(value))).to(device)
        for key, value in batch.items()
    }
    out["image"] = out["image"].permute(0, 3, 1, 2).float().div_(255)
    return out


def plain(batch: Mapping[str, AnyArray], size: int, device: str | torch.device = "cpu") -> Batch:
    """The exact crop of each sample at `size` pixels."""
    tensors = to_tensors(batch, device)
    count = len(tensors["image"])
    zero = torch.zeros(count, device=device)
    return reframe(tensors, size, zoom=zero + 1, shift=torch.zeros(count, 2, device=device), roll=zero)


class Augmenter:
    """Seeded random augmentation of batches.

    mirror: what `mirror_shape` gives for the head; without it mirrored samples lose their shape label.
    Draws are made on the CPU, so that a seed gives the same batch on every device, up to the grain of noise (`damage`).
    """

    def __init__(self, seed: int, mirror: AnyArray | None = None) -> None:
        self._random = torch.Generator().manual_seed(seed)
        self._mirror = None if mirror is None else torch.from_numpy(np.asarray(mirror, np.float32))

    def state(self) -> Tensor:
        """What `restore` needs to continue the stream of chances."""
        return self._random.get_state()

    def restore(self, state: Tensor) -> None:
        self._random.set_state(state)

    def __call__(self, batch: Mapping[str, AnyArray | Tensor], size: int, device: str | torch.device = "cpu") -> Batch:
        """A batch of the pool -> pictures (B, 3, size, size) in 0..1 and labels that fit them."""
        out = to_tensors(batch, device)
        count = len(out["image"])
        out = flip(out, self._uniform(count).to(device) < 0.5, self._mirror)
        zoom = torch.exp(self._normal(count) * 0.11 + 0.01).clamp(1 / MAX_ZOOM, MAX_ZOOM)
        shift = (self._normal(count, 2) * 0.09).clamp(-MAX_SHIFT, MAX_SHIFT)
        roll = self._normal(count) * math.radians(8)
        out = reframe(out, size, zoom.to(device), shift.to(device), roll.to(device))
        out["image"], out["visible"] = damage.occlude(out["image"], out["points"], out["visible"], self._random)
        out["image"] = damage.degrade(out["image"], self._random)
        return out

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self._random)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._random)


def flip(batch: Batch, which: Tensor, mirror: Tensor | None) -> Batch:  # which (B,) bool
    """Mirror some samples: Left and Right of every label change places."""
    device = which.device

    def choose(key: str, mirrored: Tensor) -> Tensor:
        mask = which.reshape(-1, *[1] * (mirrored.ndim - 1))
        return torch.where(mask, mirrored, batch[key])

    points = torch.from_numpy(np.asarray(MIRROR_478)).to(device)
    channels = torch.from_numpy(MIRROR).to(device)
    axes = torch.tensor([-1.0, 1.0, 1.0], device=device)
    signs = torch.from_numpy(np.repeat(LIGHT_MIRROR, 3)).to(device)
    out = dict(batch)
    out["image"] = batch["image"].clone()
    out["image"][which] = batch["image"][which].flip(-1)
    out["points"] = choose("points", batch["points"][:, points] * axes[:2])
    for key in ("visible", "weight"):
        out[key] = choose(key, batch[key][:, points])
    for key in ("expression", "expression_weight", "teacher", "teacher_weight"):
        out[key] = choose(key, batch[key][:, channels])
    out["rotation"] = choose("rotation", batch["rotation"] * torch.outer(axes, axes))
    out["position"] = choose("position", batch["position"] * axes[:2])
    out["light"] = choose("light", batch["light"] * signs)
    out["texture_valid"] = torch.where(which, 0.0, batch["texture_valid"])
    if mirror is None:
        out["shape_weight"] = torch.where(which, 0.0, batch["shape_weight"])
    else:
        out["shape"] = choose("shape", batch["shape"] @ mirror.to(device))
    return out


def reframe(batch: Batch, size: int, zoom: Tensor, shift: Tensor, roll: Tensor) -> Batch:
    """Cut another square out of the stored pictures.

    zoom (B,) of its side, shift (B, 2) of its centre in crop coordinates, roll (B,) radians by which the content turns
    counter-clockwise. The optical axis moves with the centre, so the rotation seen along it changes, too.
    """
    cos, sin = torch.cos(roll), torch.sin(roll)
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)  # new crop axes -> old, y down
    out = dict(batch)
    out["image"] = _sample(batch["image"], size, turn * zoom[:, None, None], shift)

    def move(points: Tensor) -> Tensor:  # (B, N, 2)
        return (points - shift[:, None]) @ turn / zoom[:, None, None]

    out["points"] = move(batch["points"])
    out["position"] = move(batch["position"][:, None])[:, 0]
    out["scale"] = batch["scale"] + torch.log(zoom)
    out["focal"] = batch["focal"] / zoom
    upright = torch.zeros(len(roll), 3, 3, device=roll.device)
    upright[:, 0, 0], upright[:, 0, 1], upright[:, 1, 0], upright[:, 1, 1], upright[:, 2, 2] = cos, -sin, sin, cos, 1
    out["rotation"] = upright @ towards_axis(shift, batch["focal"]) @ batch["rotation"]
    out["light"] = roll_light(batch["light"], roll)
    return out


def _sample(image: Tensor, size: int, matrix: Tensor, shift: Tensor) -> Tensor:
    """Resample; small pictures are drawn at twice the size and averaged, so that fine lines do not alias."""
    fine = 2 * size if size <= 80 else size
    theta = torch.cat([matrix, shift[:, :, None]], -1) / STORED
    grid = nn.affine_grid(theta, [len(image), 3, fine, fine], align_corners=False)
    out = nn.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return nn.avg_pool2d(out, 2) if fine != size else out


def towards_axis(shift: Tensor, focal: Tensor) -> Tensor:  # (B, 2), (B,) -> (B, 3, 3)
    """The smallest rotation that brings the ray through `shift` onto the optical axis (Rodrigues)."""
    ray = nn.normalize(torch.cat([shift * shift.new_tensor([1.0, -1.0]), -focal[:, None]], -1), dim=-1)
    axis = torch.linalg.cross(ray, ray.new_tensor([0.0, 0.0, -1.0]).expand_as(ray))
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    cosine = -ray[:, 2, None, None]
    return torch.eye(3, device=ray.device) + skew + skew @ skew / (1 + cosine)


def roll_light(light: Tensor, roll: Tensor) -> Tensor:  # (B, 27), (B,)
    """Spherical harmonics turned about z: each pair of order m turns by m times the angle."""
    bands = light.reshape(-1, 9, 3)
    out = bands.clone()
    for first, second, order in ((3, 1, 1), (7, 5, 1), (8, 4, 2)):  # (x, y), (xz, yz), (x2-y2, xy)
        cos, sin = torch.cos(order * roll)[:, None], torch.sin(order * roll)[:, None]
        out[:, first] = cos * bands[:, first] - sin * bands[:, second]
        out[:, second] = sin * bands[:, first] + cos * bands[:, second]
    return out.reshape(len(light), -1)
