"""The network: names, sizes, parts that must stay as they are."""

import copy

import numpy as np
import pytest

from face3d_live.head.points import BROW_LEFT, EYE_LEFT, IRIS_LEFT

torch = pytest.importorskip("torch")

from face3d_live.regress.network import THIN, Architecture, Network, Pointwise  # noqa: E402
from face3d_live.regress.prediction import HEADS, decode  # noqa: E402


@pytest.fixture(scope="module")
def thin() -> Network:
    torch.manual_seed(0)
    return Network(THIN).eval()


@pytest.mark.slow
def test_resnet50_has_torchvisions_names_and_shapes() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(p.shape) for name, p in Network().state_dict().items()}
    assert shapes["conv1.weight"] == (64, 3, 7, 7)
    assert shapes["layer1.0.downsample.0.weight"] == (256, 64, 1, 1)
    assert shapes["layer3.5.conv2.weight"] == (256, 256, 3, 3)
    assert shapes["layer4.2.bn3.running_var"] == (2048,)
    trunk = [n for n in shapes if n.split(".")[0] in {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}]
    learnt = [n for n in trunk if n.endswith(("weight", "bias"))]
    assert sum(np.prod(shapes[n]) for n in learnt) == 23_508_032  # torchvision's ResNet50 without its classifier


@pytest.mark.parametrize("size", [64, 96, 112])
@pytest.mark.slow
def test_every_size_gives_every_head(thin: Network, size: int) -> None:
    raw = thin(torch.zeros(2, size, size, 3, dtype=torch.uint8))
    assert {name: tuple(value.shape) for name, value in raw.items()} == {n: (2, width) for n, width in HEADS.items()}


def test_pointwise_is_a_convolution() -> None:
    layer = Pointwise(6, 5, stride=2)
    x = torch.randn(2, 6, 9, 9)
    expected = torch.nn.functional.conv2d(x, layer.weight, stride=2)
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_heads_start_at_their_means() -> None:
    network = Network(THIN)
    network.set_means({"expression": torch.full((52,), 0.3)})
    for parameter in network.neck_bn.parameters():
        torch.nn.init.zeros_(parameter)  # nothing reaches the heads: what remains are the biases
    raw = network.eval()(torch.randint(0, 255, (1, 64, 64, 3), dtype=torch.uint8))
    prediction = decode({name: value.detach().numpy() for name, value in raw.items()})
    assert prediction.expression == pytest.approx(np.full((1, 52), 0.3), abs=1e-6)
    assert prediction.rotation[0] == pytest.approx(np.eye(3), abs=1e-6)


def test_position_in_the_picture_reaches_the_heads(thin: Network) -> None:
    """A spot on the left is another input than a spot on the right: no global pooling on the way."""
    left = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    left[:, 20:40, 4:20] = 255
    a, b = thin.features(left)[0], thin.features(left.flip(2))[0]
    assert (a - b).abs().max() > 0.05 * a.abs().max()


def test_windows_correct_their_own_points_and_the_expression(thin: Network) -> None:
    network = copy.deepcopy(thin)
    pictures = torch.randint(0, 255, (2, 112, 112, 3), dtype=torch.uint8)
    before, coarse, _ = network.forward_features(pictures)
    assert torch.equal(before["points"], coarse)  # untrained windows say nothing
    torch.nn.init.normal_(network.windows["eyeLeft"].out.weight)
    after, unmoved, _ = network.forward_features(pictures)
    assert torch.equal(unmoved, coarse)
    moved = (after["points"] - coarse).reshape(2, 478, 2).abs().amax((0, 2)) > 1e-4
    assert set(np.flatnonzero(moved)) == set(EYE_LEFT + IRIS_LEFT + BROW_LEFT)
    changed = (after["expression"] - before["expression"]).abs().amax(0) > 1e-4
    assert changed.all()
    assert torch.equal(after["shape"], before["shape"])


def test_a_window_follows_its_points(thin: Network) -> None:
    """Points and features moved together: the window sees the same."""
    window = thin.windows["mouth"]
    levels = [torch.randn(1, 16, 28, 28), torch.randn(1, 16, 28, 28), torch.randn(1, 16, 14, 14)]
    points = torch.zeros(1, 478, 2)
    step = 4  # cells of 28, two of 14
    shifted = [levels[0].roll(step, 3), levels[1].roll(step, 3), levels[2].roll(step // 2, 3)]
    moved = points + torch.tensor([2 * step / 28, 0.0])
    assert torch.allclose(window(levels, points), window(shifted, moved), atol=1e-4)
    assert not torch.allclose(window(levels, points), window(levels, moved), atol=1e-2)


def test_aligned_features_follow_their_points(thin: Network) -> None:
    """Points and features moved together: the same corrections. Only the points moved: others."""
    aligned = copy.deepcopy(thin.aligned)
    torch.nn.init.normal_(aligned.own)
    torch.nn.init.normal_(aligned.out.weight)
    levels = [torch.randn(1, 16, 28, 28), torch.randn(1, 16, 28, 28), torch.randn(1, 16, 14, 14)]
    points = torch.rand(1, 478, 2) - 0.5
    shifted = [levels[0].roll(4, 3), levels[1].roll(4, 3), levels[2].roll(2, 3)]
    moved = points + torch.tensor([2 * 4 / 28, 0.0])
    here, there, stale = aligned(levels, points)[0], aligned(shifted, moved)[0], aligned(levels, moved)[0]
    assert set(here) == {"points", "log_sigma", "shape", "expression", "rotation", "placement"}
    for name, value in here.items():
        assert torch.allclose(value, there[name], atol=1e-3), name
        assert not torch.allclose(value, stale[name], atol=1e-1), name


def test_a_point_reads_its_own_features_only(thin: Network) -> None:
    aligned = copy.deepcopy(thin.aligned)
    torch.nn.init.normal_(aligned.own)
    levels = [torch.randn(1, 16, 28, 28)] * 3
    points = torch.zeros(1, 478, 2)
    before = aligned(levels, points)[0]
    points[0, 7] = 0.4
    after = aligned(levels, points)[0]
    moved = (after["points"] - before["points"]).reshape(478, 2).abs().amax(1) > 1e-5
    assert np.flatnonzero(moved).tolist() == [7]
    assert np.flatnonzero((after["log_sigma"] - before["log_sigma"])[0].abs() > 1e-5).tolist() == [7]


def test_architecture_survives_json() -> None:
    assert Architecture.from_json({"blocks": [1, 1, 1, 1], "width": 16, "neck": 32}) == THIN
    assert Architecture.from_json(Architecture().to_json()) == Architecture()


def test_decode_keeps_its_bounds() -> None:
    rng = np.random.default_rng(0)
    wild = {name: rng.normal(size=(3, width)).astype(np.float32) * 50 for name, width in HEADS.items()}
    prediction = decode(wild)
    assert prediction.expression.min() >= 0 and prediction.expression.max() <= 1
    assert np.abs(prediction.rotation @ prediction.rotation.transpose(0, 2, 1) - np.eye(3)).max() < 1e-5
    assert prediction.sigma.min() > 0.001 and prediction.sigma.max() < 0.51
    assert len(prediction.row(1)) == 1 and (prediction.row(1).points == prediction.points[1:2]).all()
