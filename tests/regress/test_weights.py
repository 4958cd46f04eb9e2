"""The weights file: what goes in comes out, small, and what is broken is said."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from face3d_live.errors import AssetError
from face3d_live.regress import weights


@given(arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 7)), elements=st.floats(-100, 100, width=32)))
def test_quantisation_errs_by_half_a_step(matrix: np.ndarray) -> None:
    stored, scale = weights.quantise(matrix)
    error = np.abs(weights.dequantise(stored, scale) - matrix)
    assert (error <= scale[:, None] * 0.501 + 1e-6).all()


def test_each_channel_has_its_own_scale() -> None:
    matrix = np.array([[1e-4, -5e-5], [100, 3]], np.float32)
    assert weights.dequantise(*weights.quantise(matrix)) == pytest.approx(matrix, rel=0.15)


def test_save_and_load(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tensors = {
        "conv.weight": rng.normal(size=(8, 4, 3, 3)).astype(np.float32),
        "bn.running_var": rng.uniform(1e-7, 3, 8).astype(np.float32),
        "bn.num_batches_tracked": np.array(7),
    }
    weights.save(tmp_path / "w.npz", tensors, {"architecture": {"blocks": [1]}, "note": "ü"})
    stored = weights.load(tmp_path / "w.npz")
    assert set(stored.tensors) == {"conv.weight", "bn.running_var"}
    assert (stored.tensors["bn.running_var"] == tensors["bn.running_var"]).all()
    assert np.abs(stored.tensors["conv.weight"] - tensors["conv.weight"]).max() < 0.02
    assert stored.meta["note"] == "ü" and stored.meta["architecture"] == {"blocks": [1]}
    assert list(tmp_path.iterdir()) == [tmp_path / "w.npz"]


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AssetError) as caught:
        weights.load(tmp_path / "none.npz")
    assert caught.value.code == "regressor-missing" and "face3d-live train" in caught.value.message


@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "w.npz"
    weights.save(path, {"a": np.ones((2, 2))}, {})
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"hello", "cut": whole[: len(whole) // 2]}[damage])
    with pytest.raises(AssetError) as caught:
        weights.load(path)
    assert caught.value.code == "regressor-broken"


def test_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.npz"
    monkeypatch.setattr(weights, "FORMAT", 99)
    weights.save(path, {"a": np.ones((2, 2))}, {})
    monkeypatch.undo()
    with pytest.raises(AssetError) as caught:
        weights.load(path)
    assert caught.value.code == "regressor-format"
