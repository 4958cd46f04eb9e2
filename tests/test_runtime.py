"""The run time: ONNX equals PyTorch, torch stays out of the CPU process, the shipped weights follow a face."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from face3d_live.regress import weights
from face3d_live.regress.crop import CROP_SIZE
from face3d_live.regress.runtime import Regressor


def crops(count: int = 2) -> np.ndarray:
    """Smooth random pictures."""
    import cv2

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (count, 8, 8, 3), dtype=np.uint8)
    return np.stack([cv2.resize(c, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_CUBIC) for c in coarse])


def thin_file(folder: Path, size: int) -> Path:
    """A small network with batch norms that are not trivial, written as a weights file."""
    torch = pytest.importorskip("torch")
    from face3d_live.regress.network import THIN, Network
    from face3d_live.train import checkpoint

    torch.manual_seed(1)
    network = Network(THIN)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                torch.nn.init.normal_(tensor, std=0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, torch.nn.Linear):
            torch.nn.init.normal_(module.weight, std=0.01)
    torch.nn.init.normal_(network.aligned.own, std=0.01)
    path = folder / "thin.npz"
    checkpoint.export(path, network, size, {"trained": False})
    return path


def assert_equal_outputs(path: Path | None, tolerance: float) -> None:
    from face3d_live.regress.runtime import _TorchBackend

    onnx = Regressor.load("cpu", path)
    torch = Regressor(weights.load(path), "cpu", _TorchBackend(weights.load(path), "cpu"))
    ours, theirs = onnx.predict(crops()), torch.predict(crops())
    for name, value in vars(ours).items():
        assert value == pytest.approx(getattr(theirs, name), abs=tolerance), name
    assert np.std(ours.points[0] - ours.points[1]) > 1e-5  # two pictures, two answers


@pytest.mark.parametrize("size", [112, 64])
def test_onnx_equals_torch_on_a_thin_network(tmp_path: Path, size: int) -> None:
    assert_equal_outputs(thin_file(tmp_path, size), 1e-4)


def test_onnx_equals_torch_on_the_shipped_weights() -> None:
    pytest.importorskip("torch")
    assert_equal_outputs(None, 2e-3)


def test_the_cpu_runtime_never_imports_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from face3d_live.head.model import Head\n"
        "from face3d_live.regress.estimate import Estimator\n"
        "from face3d_live.regress.runtime import Regressor\n"
        "from face3d_live.regress.crop import Crop\n"
        "from face3d_live.camera import Camera\n"
        "estimator = Estimator(Regressor.load('cpu'), Head.load())\n"
        "frame = np.zeros((480, 640, 3), np.uint8)\n"
        "estimator.estimate(frame, Crop(320, 240, 90), Camera.webcam(640, 480))\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=Path(__file__).parent.parent)


def test_wrong_input_is_refused() -> None:
    regressor = Regressor.load("cpu")
    with pytest.raises(ValueError, match="uint8"):
        regressor.predict(np.zeros((1, CROP_SIZE, CROP_SIZE, 3), np.float32))
    with pytest.raises(ValueError, match="112"):
        regressor.predict(np.zeros((1, 64, 64, 3), np.uint8))


def test_batches_equal_single_crops() -> None:
    regressor = Regressor.load("cpu")
    both = regressor.predict(crops(2))
    alone = regressor.predict(crops(2)[1:])
    assert both.points[1] == pytest.approx(alone.points[0], abs=1e-4)


def test_the_shipped_file_is_small_and_trained() -> None:
    assert weights.DEFAULT.stat().st_size < 30e6
    meta = weights.load().meta
    assert meta["trained"] and meta["samples"] > 50_000
