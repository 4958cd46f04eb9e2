"""What only a machine with an NVIDIA GPU can show: the same answers there as on a CPU, in use and in training."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pool_support import random_pool  # noqa: E402

from face3d_live.errors import AssetError  # noqa: E402
from face3d_live.head.model import Head  # noqa: E402
from face3d_live.regress import weights  # noqa: E402
from face3d_live.regress.crop import CROP_SIZE  # noqa: E402
from face3d_live.regress.devices import cuda_available  # noqa: E402
from face3d_live.regress.network import THIN, Architecture, Network  # noqa: E402
from face3d_live.regress.prediction import Prediction, decode  # noqa: E402
from face3d_live.regress.runtime import Regressor  # noqa: E402
from face3d_live.render.gpu import create_context  # noqa: E402
from face3d_live.train import checkpoint, loop, timed  # noqa: E402
from face3d_live.train.augment import Augmenter  # noqa: E402
from face3d_live.train.data.pool import Mixture, Pool  # noqa: E402
from face3d_live.train.data.resident import ResidentMixture  # noqa: E402

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU that torch can use"),
]

GOLDEN = Path(__file__).resolve().parents[1] / "golden"

#: Half precision against single: points in half sides of the crop, coefficients, rotation matrix.
TOLERANCE = {"points": 0.006, "expression": 0.01, "rotation": 0.01, "shape": 0.05, "confidence": 0.02}

PLAN = loop.Recipe(THIN, samples=0, batch=32, warm_up=2, sizes=((1.0, 64),), norms_until=0.0, seconds=1e6)


@pytest.fixture(scope="module")
def crops() -> np.ndarray:  # (8, 112, 112, 3)
    """Drawn heads, as they are and darker."""
    pictures = [cv2.imread(str(path)) for path in sorted(GOLDEN.glob("avatar*.png"))]
    faces = np.stack([cv2.resize(p[..., ::-1], (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA) for p in pictures])
    return np.concatenate([faces, faces // 2])


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return random_pool(tmp_path / "pool", 48)


def on_cpu(crops: np.ndarray) -> Prediction:
    """What the shipped network answers in single precision."""
    stored = weights.load()
    network = Network(Architecture.from_json(stored.meta["architecture"]))
    state = {name: torch.from_numpy(np.array(tensor)) for name, tensor in stored.tensors.items()}
    network.load_state_dict(state, strict=False)
    with torch.inference_mode():
        raw = network.eval()(torch.from_numpy(crops))
    return decode({name: value.numpy() for name, value in raw.items()})


def test_the_program_sees_the_gpu() -> None:
    assert cuda_available()
    assert Regressor.load("auto").device == "cuda"


def test_answers_equal_those_of_the_cpu(crops: np.ndarray) -> None:
    wanted, got = on_cpu(crops), Regressor.load("cuda").predict(crops)
    worst = {name: float(np.abs(getattr(got, name) - getattr(wanted, name)).max()) for name in TOLERANCE}
    print(worst)
    assert all(worst[name] < most for name, most in TOLERANCE.items()), worst
    assert np.ptp(wanted.expression, axis=0).max() > 0.1  # the pictures differ


@pytest.mark.parametrize("batch", [1, 2, 8, 64])
def test_a_batch_equals_single_crops(crops: np.ndarray, batch: int) -> None:
    regressor = Regressor.load("cuda")
    many = np.concatenate([crops] * 8)[:batch]
    together = regressor.predict(many)
    for i in (0, batch - 1):
        alone = regressor.predict(many[i : i + 1])
        assert np.abs(together.points[i] - alone.points[0]).max() < TOLERANCE["points"]
        assert np.abs(together.expression[i] - alone.expression[0]).max() < TOLERANCE["expression"]


def test_a_resident_mixture_gives_the_same_batches(pool: Pool) -> None:
    wanted = Mixture([(pool, 1.0)], 3).batch(64)
    got = ResidentMixture([(pool, 1.0)], 3, "cuda").batch(64)
    for key, values in wanted.items():
        assert got[key].is_cuda and (got[key].cpu().numpy() == values).all(), key


def test_augmentation_equals_that_of_the_cpu_up_to_noise(pool: Pool) -> None:
    batch = Mixture([(pool, 1.0)], 3).batch(64)
    wanted, got = (Augmenter(5, np.eye(80, dtype=np.float32))(batch, 64, device) for device in ("cpu", "cuda"))
    for key, values in wanted.items():
        if key not in ("image", "visible"):
            assert torch.allclose(got[key].cpu(), values, atol=1e-4), key
    assert got["image"].is_cuda and 0 <= float(got["image"].min()) <= float(got["image"].max()) <= 1
    # Another stream of noise shifts the draws that follow it: single pictures differ, their brightness does not much.
    assert float(got["image"].mean()) == pytest.approx(float(wanted["image"].mean()), abs=0.05)


def test_a_step_costs_what_it_costs_on_the_cpu(pool: Pool, head: Head) -> None:
    losses = {}
    for device in ("cpu", "cuda"):
        mixture = ResidentMixture([(pool, 1.0)], 0, device)
        losses[device] = loop.Trainer(PLAN, mixture, head, None, device).step()
    assert losses["cuda"]["total"] == pytest.approx(losses["cpu"]["total"], rel=0.15), losses


def test_a_run_goes_on_from_its_checkpoint(pool: Pool, head: Head, tmp_path: Path) -> None:
    first = loop.Trainer(PLAN, ResidentMixture([(pool, 1.0)], 0, "cuda"), head, None, "cuda")
    for _ in range(3):
        first.step()
    checkpoint.save(tmp_path, first.state())
    second = loop.Trainer(
        dataclasses.replace(PLAN, seed=7), ResidentMixture([(pool, 1.0)], 7, "cuda"), head, None, "cuda"
    )
    state = checkpoint.load(tmp_path, torch.device("cuda"))
    assert state is not None
    second.restore(state)
    assert (second.steps, second.seen) == (3, 96)
    assert second.step()["total"] == pytest.approx(first.step()["total"], rel=0.05)


def test_a_run_by_the_clock_ends_by_it(head: Head, tmp_path: Path) -> None:
    for name in ("synthetic", "portraits_train"):
        random_pool(tmp_path / "pool" / name, 16)
    checkpoint.export(tmp_path / "start.npz", Network(THIN), CROP_SIZE, {"trained": False})
    done = timed.train(tmp_path, tmp_path / "out.npz", 8.0, 32, 2e-3, tmp_path / "start.npz", "cuda")
    assert 8.0 <= done.seconds < 30.0 and done.steps > 5
    answer = Regressor.load("cuda", tmp_path / "out.npz").predict(np.zeros((1, 112, 112, 3), np.uint8))
    assert np.isfinite(answer.points).all()


def test_the_gpu_draws() -> None:
    try:
        context = create_context()
    except AssetError as error:
        pytest.skip(f"no EGL here: {error}")
    assert "NVIDIA" in context.info["GL_RENDERER"] or "NVIDIA" in context.info["GL_VENDOR"], context.info


def test_deep3d_answers_as_on_the_cpu() -> None:
    """Other people's network, on random weights: in half precision within a hundredth of the largest coefficient."""
    from deep3d_support import random_weights

    from face3d_live.regress.deep3d.graph import OUTPUT
    from face3d_live.regress.deep3d.torch_network import Deep3DTorchBackend

    tensors = random_weights()
    coarse = np.random.default_rng(0).integers(0, 255, (4, 7, 7, 3), dtype=np.uint8)
    pictures = np.stack([cv2.resize(c, (224, 224), interpolation=cv2.INTER_CUBIC) for c in coarse])
    wanted = Deep3DTorchBackend(tensors, "cpu", "fp32").run(pictures)[OUTPUT]
    for precision, most in (("fp32", 2e-3), ("fp16", 1e-2), ("bf16", 5e-2)):
        got = Deep3DTorchBackend(tensors, "cuda", precision).run(pictures)[OUTPUT]
        assert np.abs(got - wanted).max() < most * np.abs(wanted).max(), precision
