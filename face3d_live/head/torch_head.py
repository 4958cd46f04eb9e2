"""The head in batches on a GPU: `Head.vertices` and `Head.points` in torch, with gradients. Needs the extra `train`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from face3d_live.codes import EYE_PITCH, EYE_YAW, INDEX, N_EXPRESSION, N_SHAPE
from face3d_live.head.model import BLINKS, EYE_TURN, Head


def gaze_matrices(expression: Tensor) -> Tensor:  # (B, 52) -> (B, 2, 3, 3)
    """Rotations of the left and the right eyeball, the twin of `model.eye_rotations`."""

    def take(name: str) -> Tensor:
        return expression[:, INDEX[name]]

    out = torch.stack(
        [take("eyeLookOutLeft") - take("eyeLookInLeft"), take("eyeLookInRight") - take("eyeLookOutRight")], 1
    )
    up = torch.stack([take(f"eyeLookUp{s}") - take(f"eyeLookDown{s}") for s in ("Left", "Right")], 1)
    yaw, pitch = EYE_TURN * EYE_YAW * out, EYE_TURN * EYE_PITCH * up
    cy, sy, cp, sp = yaw.cos(), yaw.sin(), pitch.cos(), pitch.sin()
    zero = torch.zeros_like(cy)
    rows = [[cy, -sy * sp, sy * cp], [zero, cp, sp], [-sy, -cy * sp, cy * cp]]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


class TorchHead(torch.nn.Module):
    """The bases as buffers; `.to(device)` and `.half()` work. Same frames and units as `Head`."""

    template: Tensor
    shape: Tensor
    expression: Tensor
    blink: Tensor
    blink_vertices: Tensor
    blink_channel: Tensor
    eye_centers: Tensor
    eye_center_basis: Tensor
    point_faces: Tensor
    point_weights: Tensor

    def __init__(self, head: Head) -> None:
        super().__init__()
        arrays = {
            "template": head.template,
            "shape": head.shape_basis.reshape(N_SHAPE, -1),
            "expression": head.expression_basis.reshape(N_EXPRESSION, -1),
            "blink": head.blink_basis.reshape(N_SHAPE, -1),
            "blink_vertices": head.blink_vertices,
            "blink_channel": np.array(BLINKS)[head.blink_eye],
            "eye_centers": head.eye_centers,
            "eye_center_basis": head.eye_center_basis.reshape(N_SHAPE, -1),
            "point_faces": head.point_faces.astype("int64"),
            "point_weights": head.point_weights,
            "left_eye": head.eye_vertices[0],
            "right_eye": head.eye_vertices[1],
        }
        for name, value in arrays.items():
            self.register_buffer(name, torch.from_numpy(value), persistent=False)

    def forward(self, shape: Tensor, expression: Tensor) -> Tensor:  # (B, 80), (B, 52) -> (B, V, 3)
        """Vertices of the low level, expression clipped to 0..1."""
        expression = expression.clamp(0, 1)
        moved = self.template + (shape @ self.shape + expression @ self.expression).unflatten(1, (-1, 3))
        farther = (shape @ self.blink).unflatten(1, (-1, 3)) * expression[:, self.blink_channel, None]
        moved = moved.index_add(1, self.blink_vertices, farther)
        centers = self.eye_centers + (shape @ self.eye_center_basis).unflatten(1, (2, 3))
        turns = gaze_matrices(expression)
        for eye, name in enumerate(("left_eye", "right_eye")):
            ids = self.get_buffer(name)
            center = centers[:, eye, None]
            turned = (moved[:, ids] - center) @ turns[:, eye].transpose(1, 2) + center
            moved = moved.index_copy(1, ids, turned)
        return moved

    def points(self, vertices: Tensor) -> Tensor:  # (B, V, 3) -> (B, 478, 3)
        """MediaPipe's points."""
        return (vertices[:, self.point_faces] * self.point_weights[..., None]).sum(2)
