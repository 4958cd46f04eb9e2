"""The run time: OpenVINO equals PyTorch, torch stays out of the CPU process, the shipped weights follow a face."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.paths import WEB_CLIENT
from face3d_live.regress import activation_ranges, weights
from face3d_live.regress.crop import CROP_SIZE, Crop, crop_from_points
from face3d_live.regress.devices import has_bf16, has_int8
from face3d_live.regress.estimate import EstimateRequest, Estimator
from face3d_live.regress.fit import FROM_NETWORK
from face3d_live.regress.prediction import HEADS, Prediction, decode
from face3d_live.regress.runtime import Regressor
from face3d_live.render.renderer import Renderer
from face3d_live.rotations import from_euler
from face3d_live.track.track_validation import validate_estimate
from face3d_live.train.evaluate.metrics import landmark_errors
from face3d_live.typing import Precision
from face3d_live.video import Video


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
    pytest.importorskip("torch")
    ours, theirs = Regressor.load("cpu", path, precision="fp32").predict(crops()), in_torch(path).predict(crops())
    for name, value in vars(ours).items():
        assert value == pytest.approx(getattr(theirs, name), abs=tolerance), name
    assert np.std(ours.points[0] - ours.points[1]) > 1e-5  # two pictures, two answers


def in_torch(path: Path | None = None) -> Regressor:
    from face3d_live.regress.torch_backend import TorchBackend

    stored = weights.load(path)
    return Regressor(stored.meta, "cpu", "fp32", TorchBackend(stored, "cpu", "fp32"))


@pytest.mark.parametrize("size", [112, 64])
@pytest.mark.slow
def test_openvino_equals_torch_on_a_thin_network(tmp_path: Path, size: int) -> None:
    assert_equal_outputs(thin_file(tmp_path, size), 1e-4)


@pytest.mark.slow
def test_openvino_equals_torch_on_the_shipped_weights() -> None:
    assert_equal_outputs(None, 2e-3)


@pytest.fixture(scope="module")
def faces(head: Head) -> np.ndarray:  # (N, 112, 112, 3)
    """Drawn heads of several people, turned and moving."""
    rng = np.random.default_rng(3)
    renderer, camera = Renderer(head, 256, 256, level="low"), Camera.webcam(256, 256)
    pictures = []
    for _ in range(12):
        codes = HeadCodes(
            shape=rng.normal(0, 0.7, 80).astype(np.float32),
            expression=(rng.uniform(0, 1, 52) * (rng.uniform(0, 1, 52) < 0.15)).astype(np.float32),
            rotation=from_euler(*rng.uniform(-0.4, 0.4, 3)),
            translation=np.array([0, 0.02, -0.6], np.float32),
        )
        background = rng.integers(60, 180, (256, 256, 3), dtype=np.uint8)
        picture = renderer.render(codes, camera, mode="overlay", background=background)[..., :3]
        points = head.points(head.vertices(codes.shape, codes.expression)) @ codes.rotation.T + codes.translation
        pictures.append(crop_from_points(camera.project(points)).extract(np.ascontiguousarray(picture)))
    return np.stack(pictures)


def moved(ours: Prediction, theirs: Prediction) -> tuple[float, float]:
    """Mean distance of the points in per cent of the eye distance, and of the coefficients."""
    points = landmark_errors(ours.points, theirs.points).mean()
    return float(points), float(np.abs(ours.expression - theirs.expression).mean())


@pytest.mark.slow
def test_on_drawn_heads_float32_is_torchs_answer(faces: np.ndarray) -> None:
    pytest.importorskip("torch")
    points, coefficients = moved(Regressor.load("cpu", precision="fp32").predict(faces), in_torch().predict(faces))
    assert points < 0.005 and coefficients < 1e-4


@pytest.mark.slow
def test_on_drawn_heads_bfloat16_stays_near_float32(faces: np.ndarray) -> None:
    if not has_bf16():
        pytest.skip("this processor multiplies no bfloat16")
    exact = Regressor.load("cpu", precision="fp32").predict(faces)
    points, coefficients = moved(Regressor.load("cpu", precision="bf16").predict(faces), exact)
    assert points < 0.4 and coefficients < 0.005


@pytest.mark.slow
def test_on_drawn_heads_int8_stays_near_float32(faces: np.ndarray) -> None:
    if activation_ranges.load(weights.DEFAULT) is None:
        pytest.skip("the shipped weights have no ranges: run python -m face3d_live.train.quantise")
    if not has_int8():
        pytest.skip("this processor gains nothing by int8")
    exact = Regressor.load("cpu", precision="fp32").predict(faces)
    points, coefficients = moved(Regressor.load("cpu", precision="int8").predict(faces), exact)
    assert 0 < points < 0.2 and coefficients < 0.005


@pytest.mark.data
@pytest.mark.slow
def test_on_real_portraits_the_precisions_agree(shared_data: Path) -> None:
    pytest.importorskip("torch")
    from face3d_live.train.data.portraits import crops_of

    pictures = crops_of(shared_data, held_out=True)[:24]
    exact = Regressor.load("cpu", precision="fp32").predict(pictures)
    points, coefficients = moved(exact, in_torch().predict(pictures))
    assert points < 0.005 and coefficients < 1e-4
    there = {"bf16": has_bf16(), "int8": has_int8() and activation_ranges.load(weights.DEFAULT) is not None}
    for precision in [name for name, offered in there.items() if offered]:
        points, coefficients = moved(Regressor.load("cpu", precision=precision).predict(pictures), exact)
        assert points < 0.2 and coefficients < 0.005, precision


@pytest.mark.slow
def test_threads_may_share_it(faces: np.ndarray) -> None:
    regressor = Regressor.load("cpu", precision="fp32")
    alone = regressor.predict(faces).points
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda i: regressor.predict(faces[i : i + 1]).points[0], [*range(12)] * 3))
    for i, points in enumerate(answers):
        assert points == pytest.approx(alone[i % 12], abs=1e-4)


@pytest.mark.slow
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
        "assert not {'torch', 'onnx', 'onnxruntime'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=Path(__file__).resolve().parents[2])


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


@pytest.mark.parametrize("crops", [
    np.zeros((1, 112, 112, 3)), np.zeros((1, 112, 112, 4), np.uint8), np.zeros((112, 112, 3), np.uint8),
    np.zeros((0, 112, 112, 3), np.uint8), [np.zeros((112, 112, 3), np.uint8)], None,
])  # fmt: skip
def test_what_are_no_crops_is_refused(crops):
    class Backend:
        def run(self, crops):
            return {name: np.zeros((len(crops), width), np.float32) for name, width in HEADS.items()}

    regressor = Regressor({"size": 112}, "cpu", "fp32", Backend())
    with pytest.raises(ValueError, match=r"crops: expected uint8 \(B, 112, 112, 3\), got"):
        regressor.predict(crops)


@pytest.mark.parametrize("options", [{"device": "tpu"}, {"precision": "fp8"}, {"threads": 0}, {"threads": None}])
def test_options_that_are_none_are_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}: expected"):
        Regressor.load(**{"device": "cpu", **options})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["points", "expression", "placement", "rotation", "confidence"])
def test_a_prediction_that_is_not_finite_is_lost_and_no_error(head, name, bad):
    """float16 on a GPU overflows now and then; the tracker then loses the face for a frame."""
    raw = {key: np.zeros((1, width), np.float32) for key, width in HEADS.items()}
    raw[name][:] = bad
    with np.errstate(all="ignore"):
        prediction = decode(raw)

    class Broken:
        prior = FROM_NETWORK

        def cut(self, rgb, square, points=None):
            return square.extract(rgb), square

        def predict(self, crops):
            return prediction

    camera = Camera.webcam(64, 64)
    estimate = Estimator(Broken(), head).estimate(np.zeros((64, 64, 3), np.uint8), Crop(32, 32, 20), camera)
    if not all(np.isfinite(part).all() for part in vars(prediction).values()):
        assert estimate.confidence == 0 and validate_estimate(estimate, None, 0.0, (64, 64)) == "lost"
    assert np.isfinite(estimate.codes.expression).all()


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.slow
def test_a_batch_equals_single_frames_up_to_rounding(head: Head, precision: Precision) -> None:
    """The shipped network and its fit, in every other frame of the sample: one call for all, or one for each."""
    if precision == "int8" and not has_int8():
        pytest.skip("this processor gains nothing by int8")
    estimator, camera = Estimator(Regressor.load("cpu", precision=precision), head), Camera.webcam(640, 480)
    with Video.open(WEB_CLIENT / "sample" / "sample.mp4") as video:
        frames = [rgb for i, (rgb, _) in enumerate(video) if i in (0, 40, 80)]
    known = np.full(80, 0.1, np.float32)
    requests = [
        EstimateRequest(rgb, Crop(320 + 5 * i, 240, 130), camera, known if i else None) for i, rgb in enumerate(frames)
    ]
    for together, request in zip(estimator.estimate_all(requests), requests, strict=True):
        alone = estimator.estimate(request.rgb, request.crop, camera, request.identity)
        np.testing.assert_allclose(together.points_px, alone.points_px, atol=1e-3)
        np.testing.assert_allclose(together.codes.expression, alone.codes.expression, atol=1e-4)
        np.testing.assert_allclose(together.codes.rotation, alone.codes.rotation, atol=1e-5)
        assert together.confidence == pytest.approx(alone.confidence, abs=1e-4)
