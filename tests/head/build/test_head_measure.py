"""How well the components fit: arithmetic on made-up heads, the promise on scan-like ones where at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from face3d_live.errors import AssetError
from face3d_live.head.build import identity, measure
from face3d_live.head.build.source import N_ANNY
from face3d_live.head.model import Head
from face3d_live.rotations import from_vector


def blob(n: int = 300) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.05, (n, 3)).astype(np.float32)


def test_heads_within_the_span_fit_whatever_their_pose() -> None:
    template = blob()
    rng = np.random.default_rng(1)
    basis = rng.normal(0, 0.002, (5, len(template), 3)).astype(np.float32)
    heads = template + np.tensordot(rng.normal(size=(4, 5)), basis, 1)
    turned = (heads @ from_vector(np.array([0.2, -0.1, 0.3])).T + 0.05).astype(np.float32)
    found = measure.fit_error(template, basis, turned, np.ones(len(template), bool), rounds=6)
    assert found.mean.max() < 1e-4
    assert found.mean_shape.min() > 1e-3


def test_what_is_outside_the_span_stays_as_error() -> None:
    template = blob()
    area = np.zeros(len(template), bool)
    area[:150] = True
    noise = np.random.default_rng(2).normal(0, 0.001, (3, *template.shape))
    found = measure.fit_error(
        template, np.zeros((2, *template.shape), np.float32), (template + noise).astype(np.float32), area
    )
    assert 0.0012 < found.mean.mean() < 0.002  # 1 mm in each of three axes


@pytest.mark.slow
def test_principal_components_find_the_directions_and_their_spread() -> None:
    rng = np.random.default_rng(3)
    truth = np.linalg.qr(rng.normal(size=(120 * 3, 4)))[0].T.reshape(4, 120, 3)
    spread = np.array([0.8, 0.4, 0.2, 0.1])
    heads = (np.tensordot(rng.normal(size=(3000, 4)) * spread, truth, 1) + blob(120)).astype(np.float32)
    found = identity.principal_components(heads, np.ones(120), seed=0, count=4)
    for k in range(4):
        component = found.basis[k].ravel()
        assert abs(component @ truth[k].ravel()) / np.linalg.norm(component) > 0.98
        assert np.linalg.norm(component) == pytest.approx(spread[k], rel=0.1)
    assert found.explained.sum() == pytest.approx(1, abs=1e-3)


def test_smooth_fields_are_smooth_mostly_symmetric_and_of_the_stated_size() -> None:
    line = np.zeros((200, 3), np.float32)
    line[:, 0] = np.linspace(-0.1, 0.1, 200)
    fields = identity.smooth_fields(line, 400, np.random.default_rng(0))
    assert fields.std() == pytest.approx(identity.FIELD_STD * np.hypot(1, identity.FIELD_ASYMMETRY), rel=0.15)
    assert np.abs(np.diff(fields, axis=1)).max() < 0.3 * identity.FIELD_STD
    mirrored = fields[:, ::-1] * [-1, 1, 1]
    assert np.linalg.norm(fields - mirrored) < 0.5 * np.linalg.norm(fields + mirrored)


def test_stiff_keeps_a_ball_a_ball() -> None:
    ball = blob(80)
    ball = 0.016 * ball / np.linalg.norm(ball, axis=1, keepdims=True) + np.array([0.03, 0, 0.07], np.float32)
    offsets = np.random.default_rng(4).normal(0, 0.001, (3, 80, 3)).astype(np.float32)
    held, shift = identity.stiff(offsets, ball, np.array([0.03, 0, 0.07]))
    radius = np.linalg.norm(ball + held - np.array([0.03, 0, 0.07]) - shift[:, None], axis=2)
    assert (radius.std(1) < 1e-6).all()


def test_missing_scans_say_so(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="scans-missing"):
        measure.scan_heads(tmp_path / "scan_heads.npz", 2, 0)


@pytest.mark.data
def test_scan_like_heads_fit_to_less_than_eight_tenths_of_a_millimetre(shared_data: Path) -> None:
    head = Head.load()
    heads = measure.scan_heads(shared_data / "scan_heads.npz", 40, seed=11)
    found = measure.fit_error(
        head.template[:N_ANNY], head.shape_basis[:, :N_ANNY], heads, head.regions["face"][:N_ANNY]
    )
    assert found.mean.mean() < 0.8e-3
    assert np.abs(found.code).max() < 5
