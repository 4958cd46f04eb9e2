"""The last layers of the expression, solved for when training ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pool_support import portrait, random_pool, write_pool

from face3d_live.codes import INDEX
from face3d_live.errors import InputError
from face3d_live.head.model import Head
from face3d_live.regress.network import THIN, Network
from face3d_live.train import readout
from face3d_live.train.expression_readers import Readers

LIVE, DEAD, MOUTH = INDEX["browInnerUp"], INDEX["cheekPuff"], INDEX["mouthSmileLeft"]


@pytest.fixture
def network() -> Network:
    """A thin network whose windows and aligned features take part."""
    torch.manual_seed(0)
    network = Network(THIN).eval()
    with torch.no_grad():
        for layer in (*(w.out for w in network.windows.values()), network.aligned.out):
            layer.weight.normal_(0, 0.01)
            layer.bias.normal_(0, 0.01)
    return network


def answered(network: Network, crops: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Features and expression of crops (N, S, S, 3)."""
    with torch.no_grad():
        raw, _, features = network.forward_features(crops)
    return features.numpy(), raw["expression"].numpy()


def samples(network: Network, rng: np.random.Generator, count: int = 4000) -> readout.Samples:
    """Features of noise about what the network gives, and truths that hang on them: live channels on real pictures,
    one dead one on drawn ones only."""
    crops = torch.from_numpy(rng.integers(0, 255, (16, 48, 48, 3)).astype(np.float32))
    base = answered(network, crops)[0]
    features = np.repeat(base, count // 16, 0) + rng.normal(0, 1, (count // 16 * 16, base.shape[1]))
    features = features.astype(np.float32)
    matrix, bias = Readers(network).map()
    answers = (features @ matrix.T + bias).astype(np.float32)
    kind = np.where(np.arange(len(features)) % 2, "portrait", "drawn")
    truth = np.zeros_like(answers)
    known = np.zeros(answers.shape, bool)
    for channel, columns, real in ((LIVE, slice(0, 4), True), (MOUTH, slice(2, 6), True), (DEAD, slice(4, 8), False)):
        wave = features[:, columns] - features[:, columns].mean(0)
        noise = rng.normal(0, 0.05, len(features))
        truth[:, channel] = np.clip(0.5 + 0.05 * wave.sum(1) + noise, 0, 1)
        known[:, channel] = True if real else kind == "drawn"
    return readout.Samples(features, answers, truth, known, kind, rng.integers(0, readout.FOLDS, len(features)))


def test_the_map_is_what_the_network_answers(network: Network) -> None:
    crops = torch.from_numpy(np.random.default_rng(1).integers(0, 255, (3, 48, 48, 3)).astype(np.float32))
    features, expression = answered(network, crops)
    readers = Readers(network)
    matrix, bias = readers.map()
    assert matrix.shape == (52, features.shape[1])
    np.testing.assert_allclose(features @ matrix.T + bias, expression, atol=1e-4)
    readers.set_map(matrix * 1.5, bias - 0.1)
    np.testing.assert_allclose(answered(network, crops)[1], features @ (matrix * 1.5).T + bias - 0.1, atol=1e-4)


@pytest.mark.slow
def test_refit_finds_what_the_features_tell(network: Network) -> None:
    """Answers to other pictures agree with the truth afterwards, at its size; channels without a truth stay."""
    data, others = (samples(network, np.random.default_rng(seed)) for seed in (0, 1))
    before = Readers(network).map()
    measured = readout.refit(network, data)
    matrix, bias = Readers(network).map()
    after = np.clip(others.features @ matrix.T + bias, 0, 1)
    for channel, kind in ((LIVE, "portrait"), (MOUTH, "portrait"), (DEAD, "drawn")):
        rows = others.kind == kind
        a, t = after[rows, channel], others.truth[rows, channel]
        slope = np.cov(a, t)[0, 1] / t.var(ddof=1)
        assert np.corrcoef(a, t)[0, 1] > 0.4 > np.corrcoef(others.answers[rows, channel], t)[0, 1]
        assert 0.85 < slope < 1.15, "what regression makes smaller is stretched"
        assert 1.05 < measured.gain[channel] == pytest.approx(1 / measured.slope[channel])
        assert np.percentile(a, readout.REST) == pytest.approx(np.percentile(t, readout.REST), abs=0.1), "at rest"
    other = INDEX["jawOpen"]
    np.testing.assert_allclose(data.features @ (matrix - before[0])[other] + (bias - before[1])[other], 0, atol=0.05)


@pytest.mark.slow
def test_what_is_not_seen_is_not_stretched(network: Network) -> None:
    data = samples(network, np.random.default_rng(0))
    data.truth[:, LIVE] = np.random.default_rng(5).uniform(0, 1, len(data.truth))
    measured = readout.refit(network, data)
    assert measured.r[LIVE] < readout.LEAST_R and measured.gain[LIVE] == 1


def test_too_few_pictures_change_nothing(network: Network) -> None:
    before = Readers(network).map()
    measured = readout.refit(network, samples(network, np.random.default_rng(0), readout.LEAST - 20))
    assert np.isnan(measured.gain).all()
    np.testing.assert_allclose(Readers(network).map()[0], before[0], atol=1e-6)


def test_pictures_of_pools_are_read_in_folds(network: Network, head: Head, tmp_path: Path) -> None:
    write_pool(tmp_path / "portraits_train", [portrait(head, np.random.default_rng(i), i >= 6) for i in range(10)])
    random_pool(tmp_path / "synthetic", 5)
    data = readout.gather(network, head, tmp_path, 48, {"portrait": 20, "frame": 5, "turned": 3, "drawn": 100})
    assert {kind: int((data.kind == kind).sum()) for kind in readout.WEIGHTS} == {
        "portrait": 20,
        "frame": 0,
        "turned": 3,
        "drawn": 30,
    }
    matrix, bias = Readers(network).map()
    np.testing.assert_allclose(data.features @ matrix.T + bias, data.answers, atol=1e-3)
    assert set(data.fold) == set(range(readout.FOLDS)) and np.isfinite(data.features).all()


def test_an_empty_pool_is_said(network: Network, head: Head, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no samples") as caught:
        readout.gather(network, head, tmp_path, 48)
    assert caught.value.code == "pool-empty"
