"""The network: OpenVINO's answer is that of a slow plain ResNet50 written with NumPy, and PyTorch's; checkpoints."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deep3d_support import random_weights

from face3d_live.errors import AssetError
from face3d_live.regress.deep3d import graph
from face3d_live.regress.deep3d.checkpoint import checked, digest, find_checkpoint, read_checkpoint
from face3d_live.regress.deep3d.layout import BLOCKS, HEADS, N_COEFFICIENTS, tensor_shapes
from face3d_live.regress.openvino_loader import core

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    return random_weights()


def pictures(size: int, count: int = 2) -> np.ndarray:
    import cv2

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (count, 6, 6, 3), dtype=np.uint8)
    return np.stack([cv2.resize(c, (size, size), interpolation=cv2.INTER_CUBIC) for c in coarse])


def convolved(x: np.ndarray, weight: np.ndarray, stride: int) -> np.ndarray:  # (B, C, H, W)
    """Zero padding of half the kernel; one product per place in the kernel, in double precision."""
    kernel = weight.shape[-1]
    pad = kernel // 2
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    height, width = ((n + 2 * pad - kernel) // stride + 1 for n in x.shape[2:])
    out = np.zeros((len(x), len(weight), height, width))
    for i in range(kernel):
        for j in range(kernel):
            part = padded[:, :, i : i + stride * (height - 1) + 1 : stride, j : j + stride * (width - 1) + 1 : stride]
            out += np.einsum("oc,bchw->bohw", weight[:, :, i, j].astype(np.float64), part, optimize=True)
    return out


def reference(tensors: dict[str, np.ndarray], rgb: np.ndarray) -> np.ndarray:
    """The definition, step by step: no folding of norms, no reuse of the program's code."""

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        weight, bias, mean, variance = (
            tensors[f"backbone.{name}.{part}"].astype(np.float64)[:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias

    def layer(x: np.ndarray, conv: str, bn: str, stride: int = 1) -> np.ndarray:
        return norm(convolved(x, tensors[f"backbone.{conv}.weight"], stride), bn)

    x = rgb.transpose(0, 3, 1, 2) / 255.0
    x = np.maximum(layer(x, "conv1", "bn1", 2), 0)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    half = [(n + 1) // 2 for n in x.shape[2:]]
    windows = [padded[:, :, i : i + 2 * half[0] : 2, j : j + 2 * half[1] : 2] for i in range(3) for j in range(3)]
    x = np.max([w[:, :, : half[0], : half[1]] for w in windows], axis=0)
    for stage, depth in enumerate(BLOCKS, 1):
        for i in range(depth):
            name, stride = f"layer{stage}.{i}", 2 if i == 0 and stage > 1 else 1
            y = np.maximum(layer(x, f"{name}.conv1", f"{name}.bn1"), 0)
            y = np.maximum(layer(y, f"{name}.conv2", f"{name}.bn2", stride), 0)
            y = layer(y, f"{name}.conv3", f"{name}.bn3")
            x = np.maximum(y + (layer(x, f"{name}.downsample.0", f"{name}.downsample.1", stride) if i == 0 else x), 0)
    features = x.mean((2, 3), keepdims=True)
    outputs = [
        convolved(features, tensors[f"final_layers.{i}.weight"], 1)
        + tensors[f"final_layers.{i}.bias"].astype(np.float64)[:, None, None]
        for i in range(7)
    ]
    return np.concatenate(outputs, 1)[:, :, 0, 0]


def in_openvino(tensors: dict[str, np.ndarray], rgb: np.ndarray) -> np.ndarray:
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"}
    compiled = core().compile_model(graph.build(tensors, rgb.shape[1]), "CPU", settings)
    return compiled.create_infer_request().infer({0: rgb})[0]


def test_the_order_and_number_of_the_coefficients() -> None:
    assert list(HEADS.values()) == [80, 64, 80, 3, 27, 2, 1] and N_COEFFICIENTS == 257
    shapes = tensor_shapes()
    assert shapes["backbone.conv1.weight"] == (64, 3, 7, 7)
    assert shapes["backbone.layer4.2.conv3.weight"] == (2048, 512, 1, 1)
    assert shapes["backbone.layer2.0.downsample.0.weight"] == (512, 256, 1, 1)
    assert "backbone.layer1.1.downsample.0.weight" not in shapes
    assert shapes["final_layers.6.weight"] == (1, 2048, 1, 1)
    assert sum(np.prod(shape) for shape in shapes.values()) == 23_508_032 + 2 * 26_560 + 257 * 2049  # ResNet50's own


@pytest.mark.slow
def test_openvino_gives_the_plain_references_answer(tensors) -> None:
    """At 64 pixels, as the reference is slow: the graph is the same but for the size of its input."""
    rgb = pictures(64)
    wanted, got = reference(tensors, rgb), in_openvino(tensors, rgb)
    assert got.shape == (2, 257)
    scale = np.abs(wanted).max()
    assert scale > 0.1 and np.abs(wanted[0] - wanted[1]).max() > 1e-3 * scale  # two pictures, two answers
    assert np.abs(got - wanted).max() < 2e-4 * scale


@pytest.mark.slow
def test_torch_gives_openvinos_answer_at_full_size(tensors) -> None:
    pytest.importorskip("torch")
    from face3d_live.regress.deep3d.torch_network import Deep3DTorchBackend

    rgb = pictures(224)
    ours, theirs = in_openvino(tensors, rgb), Deep3DTorchBackend(tensors, "cpu", "fp32").run(rgb)[graph.OUTPUT]
    assert np.abs(ours - theirs).max() < 2e-4 * np.abs(ours).max()


def saved(path: Path, stored: object) -> Path:
    torch = pytest.importorskip("torch")
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(stored, path)
    return path


def as_torch(tensors: dict[str, np.ndarray], prefix: str = "") -> dict[str, Any]:
    torch = pytest.importorskip("torch")
    state = {prefix + name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    return state | {f"{prefix}backbone.bn1.num_batches_tracked": torch.tensor(7)}


@pytest.mark.parametrize("form", ["sicxu", "modelscope", "flat", "parallel"])
@pytest.mark.slow
def test_every_form_of_checkpoint_gives_the_tensors(tensors, tmp_path: Path, form: str) -> None:
    torch = pytest.importorskip("torch")
    other = {"layers.0.weight": torch.zeros(3, 3)}
    stored = {
        "sicxu": {
            "net_recon": as_torch(tensors),
            "opt_00": {"state": {}, "param_groups": [{"lr": 1e-4}]},
            "sched_00": {},
        },
        "modelscope": {"net_recon": as_torch(tensors), "mid_net": other, "high_net": other, "alpha": torch.ones(1)},
        "flat": as_torch(tensors, "net_recon."),
        "parallel": {"net_recon": as_torch(tensors, "module.")},
    }[form]
    read = read_checkpoint(saved(tmp_path / "epoch_20.pth", stored))
    assert read.keys() == tensors.keys()
    assert all(np.array_equal(read[name], tensor) for name, tensor in tensors.items())


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_no_pickle_is_ever_executed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    bare = tmp_path / "epoch_1.pth"
    bare.write_bytes(pickle.dumps({"net_recon": Bomb()}))
    for path in (bare, saved(tmp_path / "epoch_2.pth", {"net_recon": Bomb()})):
        with pytest.raises(AssetError) as refused:
            read_checkpoint(path)
        assert refused.value.code == "deep3d-foreign" and "github.com/sicxu" in refused.value.message
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("bytes_", [b"", b"no zip", b"PK\x03\x04 cut off", pickle.dumps([1, 2])])
def test_damaged_files_are_refused(tmp_path: Path, bytes_: bytes) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "pytorch_model.pt"
    path.write_bytes(bytes_)
    with pytest.raises(AssetError, match="deep3d-foreign"):
        read_checkpoint(path)


def test_checkpoints_of_other_make(tensors, tmp_path: Path) -> None:
    """Files of before PyTorch 1.6 and halves are read; others are refused, without torch's advice to execute them."""
    torch = pytest.importorskip("torch")
    state = as_torch(tensors)
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    path = tmp_path / "epoch_1.pth"
    torch.save({"net_recon": state}, path, _use_new_zipfile_serialization=False)
    assert np.array_equal(read_checkpoint(path)["final_layers.0.bias"], tensors["final_layers.0.bias"])
    read = read_checkpoint(saved(path, {"net_recon": half}))
    np.testing.assert_allclose(read["final_layers.0.bias"], tensors["final_layers.0.bias"], atol=1e-3)
    sparse = {**state, "backbone.bn1.weight": torch.ones(64).to_sparse()}
    counted = {name: tensor.int() for name, tensor in state.items()}
    for stored in (
        {"net_recon": sparse},
        counted,
        {},
        [1],
        {1: torch.ones(2)},
        {"net_recon": {}},
        torch.nn.Linear(2, 2),
    ):
        with pytest.raises(AssetError, match="deep3d-foreign") as refused:
            read_checkpoint(saved(path, stored))
        assert "trust" not in refused.value.message and "\x1b" not in refused.value.message


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    assert len(digest(Path(__file__))) == 64
    with pytest.raises(AssetError, match=r"deep3d-foreign: .*cannot be read"):
        digest(tmp_path)  # a folder, as no file is closed to root


def test_without_torch_the_cure_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AssetError, match=r"torch-missing: .*face3d-live\[deep3d\]"):
        read_checkpoint(tmp_path / "epoch_20.pth")


def test_tensors_of_another_network_are_refused(tensors) -> None:
    path, name = Path("epoch_20.pth"), "backbone.layer3.4.conv2.weight"
    assert checked(tensors | {"more": np.zeros(2)}, path).keys() == tensors.keys()
    lacking = {key: value for key, value in tensors.items() if key != name}
    broken = tensors[name].copy()
    broken[0, 0, 0, 0] = np.nan
    for bad, about in (
        (lacking, "lacks"),
        (tensors | {name: broken}, "not finite"),
        (tensors | {name: np.zeros(3)}, "shape"),
    ):
        with pytest.raises(AssetError, match=f"deep3d-foreign: .*{name}|{about}"):
            checked(bad, path)


def test_which_checkpoint_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"deep3d-missing: .*no folder"):
        find_checkpoint(tmp_path / "nowhere")
    with pytest.raises(AssetError, match=r"deep3d-missing: .*epoch_20\.pth of .*pytorch_model\.pt of ModelScope"):
        find_checkpoint(tmp_path)
    for name in ("checkpoints/face/epoch_9.pth", "checkpoints/face/epoch_20.pth", "large_base_net.pth"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_checkpoint(tmp_path).name == "epoch_20.pth"
    (tmp_path / "pytorch_model.pt").touch()
    assert find_checkpoint(tmp_path).name == "pytorch_model.pt"
