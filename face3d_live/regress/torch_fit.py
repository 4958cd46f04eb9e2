"""The fit of `fit.py` for many faces at once, in PyTorch: on a GPU a batch takes about as long as one face.

The same objective, linearised, bounded and solved in the same way. Heads of known shape only: `Fitter` does the few
frames in which a shape is solved for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import BLINKS
from face3d_live.head.points import EYE_CORNERS
from face3d_live.regress.fit import EFFECTIVE, MODEL_ERROR, Fit, Fitter
from face3d_live.regress.gauss_newton import POSE, updated_codes
from face3d_live.typing import AnyArray

_ROUNDS = 12


class TorchFitter:
    """Fits the head model of a `Fitter`, with its prior."""

    def __init__(self, fitter: Fitter, device: str) -> None:
        def tensor(values: AnyArray, kind: Any = torch.float32) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values)).to(device, kind)

        basis = fitter.points
        self._device, self._rows = device, tensor(fitter.rows, torch.int64)
        self._usable, self._precision = tensor(fitter.usable), tensor(fitter.precision, torch.float64)
        # Planes of x, y and z, (..., 3, 478), flattened for products with the codes.
        self._mean = tensor(basis.mean.T)
        self._shape = tensor(basis.shape.transpose(0, 2, 1)).flatten(1)
        self._expression = tensor(basis.expression.transpose(0, 2, 1))
        self._blink = tensor(basis.blink.transpose(0, 1, 3, 2)).flatten(2)

    @torch.inference_mode()
    def fit_all(
        self, points_px: AnyArray, sigma_px: AnyArray, cameras: Sequence[Camera], inits: Sequence[HeadCodes]
    ) -> list[Fit]:
        """`Fitter.fit` with one step and without the shape: points (B, 478, 2) with their standard deviations (B, 478).

        cameras, inits: B of each.
        """

        def tensor(rows: Sequence[AnyArray | float], kind: Any = torch.float32) -> Tensor:
            return torch.from_numpy(np.stack([np.asarray(row) for row in rows])).to(self._device, kind)

        points, sigma = tensor(list(points_px)), tensor(list(sigma_px))
        shape, expression = tensor([c.shape for c in inits]), tensor([c.expression for c in inits])
        lens = tensor([np.array([c.focal, c.width / 2, c.height / 2]) for c in cameras])
        basis = self._expression.repeat(len(inits), 1, 1, 1)  # (B, 52, 3, 478)
        for i, channel in enumerate(BLINKS):
            basis[:, channel] += (shape @ self._blink[i]).view(-1, *self._mean.shape)
        rest = self._mean + (shape @ self._shape).view(-1, *self._mean.shape)  # (B, 3, 478)
        pose = tensor([c.rotation for c in inits]), tensor([c.translation for c in inits])
        seen = points[:, self._rows].transpose(1, 2), sigma[:, self._rows]
        jacobian, error = self._linearise(rest, basis, expression, pose, lens, seen)
        normal = (jacobian @ jacobian.mT).double()
        gradient = (jacobian @ error[..., None])[..., 0].double()
        normal[:, POSE:, POSE:] += self._precision
        diagonal = normal.diagonal(dim1=1, dim2=2)
        diagonal[:, :POSE] = diagonal[:, :POSE] * (1 + 1e-6) + 1e-9
        low, high = torch.full_like(gradient, -1e3), torch.full_like(gradient, 1e3)
        low[:, POSE:], high[:, POSE:] = -expression, 1 - expression
        change = bounded_solve_all(normal, -gradient, low, high).cpu().numpy()
        codes = [updated_codes(init, delta) for init, delta in zip(inits, change, strict=True)]
        pose = tensor([c.rotation for c in codes]), tensor([c.translation for c in codes])
        return self._report(codes, rest, basis, tensor([c.expression for c in codes]), pose, lens, points)

    def _linearise(
        self, rest: Tensor, basis: Tensor, expression: Tensor, pose: tuple[Tensor, Tensor], lens: Tensor,
        seen: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """See `gauss_newton.linearise`: (B, 6 + 52, 2N) and (B, 2N)."""
        (rotation, place), (observed, sigma) = pose, seen
        rows = basis[..., self._rows]  # (B, 52, 3, N)
        turned = rotation @ (rest[..., self._rows] + torch.einsum("be,becn->bcn", expression, rows))
        x, y, z = turned.unbind(1)
        focal, middle = lens[:, :1], lens[:, 1:, None]
        inverse = 1 / (-(z + place[:, 2:])).clamp(min=1e-3)
        slopes = torch.stack([x + place[:, :1], y + place[:, 1:2]], 1) * inverse[:, None]  # (B, 2, N)
        flip = torch.tensor([1.0, -1.0], device=rest.device)[:, None]
        size = (observed.amax(2) - observed.amin(2)).amax(1)
        weight = (EFFECTIVE * self._usable[self._rows] / (sigma**2 + (MODEL_ERROR * size[:, None]) ** 2)).sqrt()
        error = (middle + flip * focal[..., None] * slopes - observed) * weight[:, None]
        gain = flip * (focal * inverse * weight)[:, None]  # (B, 2, N)
        zero, depth = torch.zeros_like(x), (-place[:, 2:]).expand_as(x)
        moves = (
            (zero, -z, y),
            (z, zero, -x),
            (-y, x, zero),
            (depth, zero, zero),
            (zero, depth, zero),
            (zero, zero, depth),
        )
        by_pose = torch.stack([gain * (torch.stack(move[:2], 1) + slopes * move[2][:, None]) for move in moves], 1)
        # Pixels per metre of the head: (B, 2 image axes, 3 head axes, N).
        weights = gain[:, :, None] * (rotation[:, :2, :, None] + slopes[:, :, None] * rotation[:, 2, None, :, None])
        by_expression = torch.einsum("becn,bacn->bean", rows, weights)
        return torch.cat([by_pose, by_expression], 1).flatten(2), error.flatten(1)

    def _report(
        self, codes: Sequence[HeadCodes], rest: Tensor, basis: Tensor, expression: Tensor,
        pose: tuple[Tensor, Tensor], lens: Tensor, points: Tensor,
    ) -> list[Fit]:  # fmt: skip
        """See `Fitter.report`."""
        local = rest + torch.einsum("be,becn->bcn", expression, basis)
        space = (pose[0] @ local + pose[1][..., None]).mT  # (B, 478, 3)
        depth = (-space[..., 2]).clamp(min=1e-6)
        flip = torch.tensor([1.0, -1.0], device=rest.device)
        drawn = lens[:, None, 1:] + flip * lens[:, None, :1] * space[..., :2] / depth[..., None]
        a, b = EYE_CORNERS
        eyes = (space[:, a] - space[:, b]).norm(dim=1) * lens[:, 0] / -pose[1][:, 2]
        distance = ((drawn - points).norm(dim=2) * self._usable).sum(1) / self._usable.sum()
        residual = (distance / eyes.clamp(min=1e-6)).cpu().numpy()
        spaces, drawings = space.contiguous().cpu().numpy(), drawn.cpu().numpy()
        return [Fit(c, spaces[i], drawings[i], float(residual[i])) for i, c in enumerate(codes)]


def bounded_solve_all(normal: Tensor, target: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """`gauss_newton.bounded_solve` of B problems: (B, n, n), and (B, n) each, float64 -> (B, n)."""
    wall = torch.where(low >= 0, -1, 0)
    slack = 1e-9 * target.abs().amax(1, keepdim=True).clamp(min=1e-30)
    identity = torch.eye(normal.shape[1], dtype=normal.dtype, device=normal.device)
    x = torch.zeros_like(target)
    for _ in range(_ROUNDS):
        free = wall == 0
        fixed = torch.where(wall < 0, low, torch.where(wall > 0, high, 0.0))
        rest = torch.where(free, target - (normal @ fixed[..., None])[..., 0], fixed)
        matrix = torch.where(free[:, :, None] & free[:, None, :], normal, identity)
        x = torch.linalg.solve(matrix, rest)
        pull = target - (normal @ x[..., None])[..., 0]
        freed = ((wall < 0) & (pull > slack)) | ((wall > 0) & (pull < -slack))
        below, above = free & (x < low), free & (x > high)
        if not bool((freed | below | above).any()):
            break
        wall = torch.where(freed, 0, torch.where(below, -1, torch.where(above, 1, wall)))
    return torch.minimum(torch.maximum(x, low), high)
