"""The head in torch is the head in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from face3d_live.codes import N_EXPRESSION, N_SHAPE
from face3d_live.head.model import Head

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'face3d-live[train]'")


def test_vertices_and_points_agree_and_have_gradients() -> None:
    from face3d_live.head.torch_head import TorchHead

    head = Head.load()
    twin = TorchHead(head)
    rng = np.random.default_rng(0)
    shape = rng.normal(size=(4, N_SHAPE)).astype(np.float32)
    expression = rng.uniform(-0.2, 1.2, (4, N_EXPRESSION)).astype(np.float32)
    wanted = torch.from_numpy(shape).requires_grad_()
    vertices = twin(wanted, torch.from_numpy(expression))
    expected = head.vertices(shape, expression)
    np.testing.assert_allclose(vertices.detach().numpy(), expected, atol=2e-6)
    points = twin.points(vertices)
    np.testing.assert_allclose(points.detach().numpy(), head.points(expected), atol=2e-6)
    points[:, 473].sum().backward()  # the left iris: through the turned eyeball
    assert torch.isfinite(wanted.grad).all() and wanted.grad.abs().max() > 1e-4
