"""Muon: its matrices are orthogonal, its steps as large as promised, and it goes downhill where directions differ."""

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from face3d_live.train.muon import USUAL, Muon, orthogonal  # noqa: E402


@pytest.mark.parametrize("shape", [(24, 24), (16, 90), (90, 16)])
def test_singular_values_become_alike(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape) * torch.logspace(0, -0.7, shape[1])
    before, after = (torch.linalg.svdvals(m) for m in (matrix, orthogonal(matrix)))
    assert before.max() / before.min() > 2
    assert after.min() > 0.5 and after.max() < 1.3
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    assert torch.nn.functional.cosine_similarity(orthogonal(matrix).ravel(), (u @ v).ravel(), dim=0) > 0.97


def test_an_update_is_as_large_as_adams() -> None:
    weight = torch.zeros(32, 8, 3, 3, requires_grad=True)
    weight.grad = torch.randn_like(weight)
    Muon([weight], lr=0.01).step()
    assert weight.square().mean().sqrt().item() == pytest.approx(0.01 * USUAL, rel=0.3)


def test_no_gradient_is_no_step_and_no_decay() -> None:
    weight = torch.ones(4, 4, requires_grad=True)
    Muon([weight], lr=0.1, weight_decay=1.0).step()
    assert (weight == 1).all()


@pytest.mark.slow
def test_directions_with_little_gradient_are_learned_too() -> None:
    """A quadratic whose directions differ a hundredfold: gradient descent leaves the flat ones behind."""
    torch.manual_seed(0)
    target, steepness = torch.randn(16, 16), torch.logspace(0, -4, 16)

    def left(optimiser: Callable[..., Any], **options: float) -> float:
        weight = torch.zeros(16, 16, requires_grad=True)
        steps = optimiser([weight], **options)
        for step in range(150):
            steps.param_groups[0]["lr"] = options["lr"] * (1 - step / 150)
            steps.zero_grad()
            ((weight - target).square() * steepness).sum().backward()
            steps.step()
        return float((weight - target).detach()[:, 8:].abs().mean())

    assert left(Muon, lr=0.2) < 0.5 * left(torch.optim.SGD, lr=0.4)
