"""int8: ranges are measured, bound to their weights, and given only where they keep the answers."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from face3d_live.errors import AssetError, InputError
from face3d_live.regress import activation_ranges, weights
from face3d_live.regress.devices import has_int8
from face3d_live.regress.runtime import Regressor
from face3d_live.train import quantise

torch = pytest.importorskip("torch")


def pictures(count: int, seed: int) -> np.ndarray:  # (N, 112, 112, 3)
    """Smooth random pictures."""
    coarse = np.random.default_rng(seed).integers(0, 255, (count, 8, 8, 3), dtype=np.uint8)
    return np.stack([cv2.resize(c, (112, 112), interpolation=cv2.INTER_CUBIC) for c in coarse])


@pytest.fixture
def thin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small network, and a data folder of random pictures."""
    from face3d_live.regress.network import THIN, Network
    from face3d_live.train import checkpoint

    torch.manual_seed(3)
    network = Network(THIN)
    for head in network.heads.values():
        torch.nn.init.normal_(head.weight, std=0.05)
    checkpoint.export(tmp_path / "w.npz", network, 64, {"trained": False})
    monkeypatch.setattr(quantise, "crops_of", lambda data, held_out: pictures(6, int(held_out)))
    return tmp_path / "w.npz"


@pytest.fixture
def loose(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network by chance has points on one spot: nothing is small against its eye distance."""
    monkeypatch.setattr(quantise, "MOST_POINTS", 1e9)
    monkeypatch.setattr(quantise, "MOST_COEFFICIENTS", 1e9)


@pytest.mark.slow
def test_ranges_are_the_largest_inputs(thin: Path) -> None:
    stored = weights.load(thin)
    ranges = quantise.measure(stored, pictures(3, 0))
    assert set(ranges) == set(quantise.convolutions(stored))
    assert "layer2.0.conv2" in ranges and "neck_conv" in ranges and "layer1_lateral.conv" in ranges
    assert not {"conv1", "windows.mouth.conv1.conv"} & set(ranges)
    from face3d_live.regress.network import THIN, Network

    network = Network(THIN).eval()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in stored.tensors.items()}, strict=False)
    seen = {}
    network.layer1.register_forward_hook(lambda _, __, output: seen.update(high=float(output.max())))
    small = np.stack([cv2.resize(p, (64, 64), interpolation=cv2.INTER_AREA) for p in pictures(3, 0)])
    with torch.inference_mode():
        network(torch.from_numpy(small))
    assert ranges["layer2.0.conv1"] == ranges["layer1_lateral.conv"] == pytest.approx(seen["high"], rel=1e-3)


@pytest.mark.slow
def test_the_command_writes_what_the_run_time_reads(thin: Path, loose: None, capsys) -> None:
    if not has_int8():
        pytest.skip("this processor gains nothing by int8")
    assert quantise.main(["--weights", str(thin), "--data", "anywhere"]) == 0
    assert "int8 moves points by" in capsys.readouterr().out
    plain = json.loads(activation_ranges.sidecar_path(thin).read_text())
    assert plain["measured"]["portraits"] == 6 and plain["measured"]["coefficients"] < 0.02
    rounded, exact = (Regressor.load("cpu", thin, precision=precision) for precision in ("int8", "fp32"))
    assert (rounded.precision, exact.precision) == ("int8", "fp32")
    a, b = rounded.predict(pictures(2, 5)), exact.predict(pictures(2, 5))
    assert not (a.points == b.points).all()  # int8 it is
    assert np.abs(a.points - b.points).max() < 0.05 * np.abs(b.points).max() + 0.01
    assert Regressor.load("cpu", thin).precision == "int8"


@pytest.mark.slow
def test_other_weights_get_no_int8_from_them(thin: Path, loose: None) -> None:
    quantise.quantise(thin, Path("anywhere"))
    stored = weights.load(thin)
    stored.tensors["heads.light.bias"] += 1
    weights.save(thin, stored.tensors, stored.meta)
    assert activation_ranges.load(thin) is None
    assert Regressor.load("cpu", thin).precision != "int8"
    with pytest.raises(AssetError, match="precision-missing"):
        Regressor.load("cpu", thin, precision="int8")


def test_int8_that_misses_the_bounds_leaves_no_file(thin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    activation_ranges.save(thin, {"neck_conv": 1.0}, {})
    monkeypatch.setattr(quantise, "MOST_COEFFICIENTS", 0.0)
    with pytest.raises(InputError, match=r"int8-inexact: .* no int8"):
        quantise.quantise(thin, Path("anywhere"))
    assert not activation_ranges.sidecar_path(thin).exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "7", '{"format": 1}', '{"format": 1, "weights": 3, "ranges": {}}', "\ud800", "[" * 100000],
)
@pytest.mark.slow
def test_a_damaged_file_means_no_int8(thin: Path, text: str) -> None:
    activation_ranges.sidecar_path(thin).write_text(text, encoding="utf-8", errors="surrogatepass")
    assert activation_ranges.load(thin) is None


@pytest.mark.parametrize("high", [0, -1, "x", None, float("nan"), float("inf"), [], 1e30])
@pytest.mark.slow
def test_a_range_that_is_none_means_no_int8(thin: Path, high: object) -> None:
    activation_ranges.save(thin, {"neck_conv": 1.0}, {})
    path = activation_ranges.sidecar_path(thin)
    plain = json.loads(path.read_text())
    assert activation_ranges.load(thin) == {"neck_conv": 1.0}
    path.write_text(json.dumps({**plain, "ranges": {"neck_conv": high}}))
    assert activation_ranges.load(thin) is None


def test_the_shipped_ranges_were_earned() -> None:
    if not activation_ranges.sidecar_path(weights.DEFAULT).is_file():
        pytest.skip("int8 is not offered for the shipped weights")
    stale = "the weights have changed: run python -m face3d_live.train.quantise"
    assert activation_ranges.load(weights.DEFAULT) is not None, stale
    measured = json.loads(activation_ranges.sidecar_path(weights.DEFAULT).read_text())["measured"]
    assert measured["points_percent"] < 0.2 and measured["coefficients"] < 0.005 and measured["portraits"] > 100
