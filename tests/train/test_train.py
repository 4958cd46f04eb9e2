"""Training: the losses mean what they say, a run resumes to the step, and the whole recipe learns."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from face3d_live.codes import N_EXPRESSION, N_SHAPE  # noqa: E402
from face3d_live.errors import InputError  # noqa: E402
from face3d_live.head.model import Head  # noqa: E402
from face3d_live.regress import weights  # noqa: E402
from face3d_live.regress.network import THIN  # noqa: E402
from face3d_live.regress.runtime import Regressor  # noqa: E402
from face3d_live.train import checkpoint, command, loop, losses  # noqa: E402
from face3d_live.train.data.pool import KEYS, Mixture, Pool, ShardWriter  # noqa: E402
from face3d_live.train.evaluate import answers as evaluate  # noqa: E402
from face3d_live.train.evaluate import metrics  # noqa: E402

pytestmark = pytest.mark.slow

RECIPE = loop.Recipe(THIN, samples=6 * 32, batch=32, warm_up=2, sizes=((0.5, 32), (1.0, 48)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool of random arrays, for what does not need a face."""
    path = tmp_path_factory.mktemp("pool")
    rng = np.random.default_rng(0)
    writer = ShardWriter(path, "random", {})
    for _ in range(40):
        sample = {
            key: (rng.integers(0, 255, shape) if kind is np.uint8 else rng.uniform(0, 0.5, shape)).astype(kind)
            for key, (shape, kind) in KEYS.items()
            if shape
        }
        sample |= {key: np.asarray(1, kind) for key, (shape, kind) in KEYS.items() if not shape}
        sample["focal"], sample["source"] = np.float32(5), np.uint8(0)
        sample["rotation"] = np.eye(3, dtype=np.float32)
        writer.add({key: np.asarray(value, KEYS[key][1]) for key, value in sample.items()})
    writer.close()
    return path


def trainer(folder: Path, head: Head, recipe: loop.Recipe = RECIPE) -> loop.Trainer:
    return loop.Trainer(recipe, Mixture([(Pool(folder), 1.0)], 0), head, np.eye(N_SHAPE, dtype=np.float32))


def perfect(batch: dict[str, Any]) -> dict[str, Any]:
    """What a network that knows the labels would answer."""
    count = len(batch["points"])
    rotation = batch["rotation"]
    return {
        "points": batch["points"].reshape(count, -1),
        "coarse": batch["points"].reshape(count, -1),
        "log_sigma": torch.full((count, 478), -6.0),
        "expression": batch["expression"],
        "shape": batch["shape"],
        "texture": batch["texture"],
        "light": batch["light"],
        "teacher": batch["teacher"],
        "rotation": torch.cat([rotation[:, :, 0], rotation[:, :, 1]], 1),
        "placement": torch.cat([batch["scale"][:, None], batch["position"]], 1),
        "confidence": torch.full((count, 1), 9.0),
    }


def some_labels(folder: Path) -> dict[str, Any]:
    batch = Pool(folder).take(np.arange(8))
    return {key: torch.from_numpy(value) for key, value in batch.items() if key != "image"}


def test_perfect_answers_cost_nothing(folder: Path, head: Head) -> None:
    batch = some_labels(folder)
    terms = losses.Losses.of(head, torch.device("cpu"), torch.full((52,), 0.2))(perfect(batch), batch, torch.ones(8))
    assert set(terms) == set(losses.WEIGHTS)
    for name, value in terms.items():
        if name != "likelihood":
            assert float(value) < 0.02, name


@pytest.mark.parametrize("wrong", ["points", "expression", "shape", "texture", "light", "teacher", "rotation"])
def test_each_wrong_answer_costs(folder: Path, head: Head, wrong: str) -> None:
    batch = some_labels(folder)
    cost = losses.Losses.of(head, torch.device("cpu"), torch.full((52,), 0.2))
    good, answers = perfect(batch), perfect(batch)
    answers[wrong] = answers[wrong] + torch.linspace(-0.5, 0.5, answers[wrong].shape[1])
    assert losses.total(cost(answers, batch, torch.ones(8))) > losses.total(cost(good, batch, torch.ones(8))) + 0.01


def test_pictures_without_a_face_teach_only_confidence(folder: Path, head: Head) -> None:
    batch = some_labels(folder)
    answers = {name: value.clone().requires_grad_() for name, value in perfect(batch).items()}
    losses.total(
        losses.Losses.of(head, torch.device("cpu"), torch.full((52,), 0.2))(answers, batch, torch.zeros(8))
    ).backward()
    for name, value in answers.items():
        moved = value.grad is not None and float(value.grad.abs().max()) > 0
        assert moved == (name == "confidence"), name


def test_sigma_learns_the_error(head: Head) -> None:
    """The likelihood is least where sigma is the standard deviation of the errors."""
    torch.manual_seed(0)
    errors = torch.randn(20000) * 0.05
    costs = []
    for log_sigma in torch.linspace(-5, -1, 41):
        sigma = torch.exp(log_sigma)
        costs.append(float((errors.square() / (2 * sigma**2) + log_sigma).mean()))
    best = float(torch.linspace(-5, -1, 41)[int(np.argmin(costs))])
    assert np.exp(best) == pytest.approx(0.05, rel=0.11)


def test_spoilt_pictures_are_marked_and_changed() -> None:
    image = torch.rand(64, 3, 32, 32)
    out, face = loop.make_negatives(image, torch.Generator().manual_seed(0))
    assert face.tolist() == [0.0] * 2 + [1.0] * 62
    assert (out[2:] == image[2:]).all()
    assert all((out[i] - image[i]).abs().mean() > 0.05 for i in range(2))


def test_sizes_grow_and_the_rate_falls() -> None:
    assert [RECIPE.size_at(f) for f in (0, 0.49, 0.5, 1.0, 1.2)] == [32, 32, 48, 48, 48]
    assert RECIPE.rate_at(0, 0) < RECIPE.rate_at(5, 0.01) > RECIPE.rate_at(5, 0.9) > 0


def test_a_run_resumes_to_the_step(folder: Path, head: Head, tmp_path: Path) -> None:
    whole = trainer(folder, head)
    terms = [whole.step()["total"] for _ in range(6)]
    first = trainer(folder, head)
    assert [first.step()["total"] for _ in range(3)] == terms[:3]
    checkpoint.save(tmp_path, first.state())
    second = trainer(folder, head, dataclasses.replace(RECIPE, seed=5))  # what a seed decides comes from the checkpoint
    state = checkpoint.load(tmp_path, torch.device("cpu"))
    assert state is not None
    second.restore(state)
    assert (second.steps, second.seen) == (3, 96)
    assert [second.step()["total"] for _ in range(3)] == pytest.approx(terms[3:], rel=1e-4)
    for name, tensor in whole.average.state_dict().items():
        assert torch.allclose(tensor.float(), second.average.state_dict()[name].float(), atol=1e-5), name


def test_a_run_stops_at_its_end_and_leaves_a_checkpoint(folder: Path, head: Head, tmp_path: Path) -> None:
    seen: list[int] = []
    recipe = dataclasses.replace(RECIPE, samples=64)
    loop.run(trainer(folder, head, recipe), tmp_path, lambda t, terms: seen.append(t.seen))
    assert seen == [32, 64]
    loop.run(trainer(folder, head, recipe), tmp_path, lambda t, terms: seen.append(t.seen))
    assert seen == [32, 64]  # nothing left to do


def test_no_checkpoint_and_a_damaged_one(tmp_path: Path) -> None:
    assert checkpoint.load(tmp_path, torch.device("cpu")) is None
    (tmp_path / checkpoint.NAME).write_bytes(b"nonsense")
    with pytest.raises(InputError) as caught:
        checkpoint.load(tmp_path, torch.device("cpu"))
    assert caught.value.code == "checkpoint-broken"


def test_exported_weights_answer_like_the_average(folder: Path, head: Head, tmp_path: Path) -> None:
    run = trainer(folder, head)
    for _ in range(3):
        run.step()
    run.export(tmp_path / "w.npz")
    meta = weights.load(tmp_path / "w.npz").meta
    assert (meta["samples"], meta["trained"], meta["size"]) == (96, True, 48)
    crops = np.random.default_rng(0).integers(0, 255, (2, 112, 112, 3), dtype=np.uint8)
    assert np.isfinite(Regressor.load("cpu", tmp_path / "w.npz").predict(crops).points).all()


def test_a_run_can_begin_with_exported_weights(folder: Path, head: Head, tmp_path: Path) -> None:
    first, second = trainer(folder, head), trainer(folder, head)
    for _ in range(3):
        first.step()
    first.export(tmp_path / "w.npz")
    second.begin_with(weights.load(tmp_path / "w.npz").tensors)
    crops = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (2, 48, 48, 3), dtype=np.uint8))
    untrained = trainer(folder, head).average(crops)["points"]
    wanted, got = first.average(crops)["points"], second.average(crops)["points"]
    assert (got - wanted).abs().max() < 0.2 * (untrained - wanted).abs().max()  # int8 on the way


def test_metrics_on_known_answers(head: Head) -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(-1, 1, (5, 478, 2))
    assert metrics.point_errors(truth, truth, np.ones((5, 478))) == pytest.approx(np.zeros(5))
    shifted = truth + (0.1, 0) * metrics.eye_distance(truth)[:, None, None]
    assert metrics.point_errors(shifted, truth, np.ones((5, 478))) == pytest.approx(np.full(5, 10.0))
    values = rng.uniform(0, 1, (50, N_EXPRESSION))
    assert all(r == pytest.approx(1) for r in metrics.correlations(values * 0.5 + 0.1, values).values())
    assert all(slope == pytest.approx(0.5) for slope in metrics.slopes(values * 0.5 + 0.1, values).values())
    shape = np.zeros((2, N_SHAPE))
    rest, opened = np.zeros((2, 52)), np.zeros((2, 52))
    opened[:, 17] = 1  # jawOpen moves the lower face by a centimetre or so
    still, moved = (metrics.face_surfaces(head, shape, expression) for expression in (rest, opened))
    assert metrics.surface_errors(still, still) == pytest.approx(np.zeros(2))
    assert 0.5 < metrics.surface_errors(still, moved).mean() < 20
    assert metrics.confidence_correlation(np.array([0.9, 0.5, 0.1]), np.array([1, 2, 3])) == pytest.approx(-1)


@pytest.mark.parametrize("run", [command.evaluate_weights, command.train_network])
def test_without_faces_it_says_so(tmp_path: Path, run: Callable[..., object]) -> None:
    with pytest.raises(InputError) as caught:
        run(tmp_path / "out.npz", folder=tmp_path, data=tmp_path / "none")
    assert caught.value.code == "data-missing"


def test_quick_run_learns(tmp_path: Path) -> None:
    """The whole recipe on a thin network, with real synthetic heads; raises when it does not beat the untrained one."""
    line = command.quick_run(tmp_path)
    assert "before" in line
    trained = Regressor.load("cpu", tmp_path / "trained.npz")
    report = evaluate.evaluate_pool(trained, Head.load(), Pool(tmp_path / "test"))
    assert report["faces"] == command.QUICK_TEST
    assert report["network"]["vertices_mm"] > 0 and report["fit"]["points_percent"] > 0
