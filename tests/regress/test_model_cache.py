"""Compiled models in the cache folder: found again, never those of other weights, and no harm from a bad folder."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from face3d_live.errors import AssetError
from face3d_live.regress import model_cache, openvino_backend, weights
from face3d_live.regress.activation_ranges import Ranges
from face3d_live.regress.crop import CROP_SIZE
from face3d_live.regress.runtime import Regressor

torch = pytest.importorskip("torch")

CROPS = np.random.default_rng(0).integers(0, 255, (1, CROP_SIZE, CROP_SIZE, 3), dtype=np.uint8)


def write_weights(path: Path, seed: int) -> Path:
    """A small network with weights by chance."""
    from face3d_live.regress.network import THIN, Network
    from face3d_live.train import checkpoint

    torch.manual_seed(seed)
    network = Network(THIN)
    for head in network.heads.values():
        torch.nn.init.normal_(head.bias, std=0.1)
    checkpoint.export(path, network, 64, {"trained": False})
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACE3D_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The weights files that a graph was built from."""
    built: list[Path] = []
    build = openvino_backend.build_model

    def building(path: Path, ranges: Ranges) -> Any:
        built.append(path)
        return build(path, ranges)

    monkeypatch.setattr(openvino_backend, "build_model", building)
    return built


def answer(path: Path) -> np.ndarray:
    return Regressor.load("cpu", path, precision="fp32").predict(CROPS).points


def test_the_second_load_builds_nothing_and_answers_alike(tmp_path: Path, cache: Path, builds: list[Path]) -> None:
    path = write_weights(tmp_path / "w.npz", 1)
    first, second = answer(path), answer(path)
    assert builds == [path]
    assert (first == second).all()
    assert len(list(cache.iterdir())) == 1


@pytest.mark.slow
def test_other_weights_at_the_same_place_do_not_get_the_old_model(tmp_path: Path, cache: Path) -> None:
    path = write_weights(tmp_path / "w.npz", 1)
    before, stamp = answer(path), path.stat().st_mtime_ns
    write_weights(path, 2)
    os.utime(path, ns=(stamp, stamp))
    after = answer(path)
    assert np.abs(before - after).max() > 0.01
    assert len(list(cache.iterdir())) == 2


def test_version_precision_and_device_have_models_of_their_own() -> None:
    base = {"weights": "a", "graph": "g", "program": "1", "openvino": "2026", "device": "x", "precision": "fp32"}
    keys = {model_cache.key(**(base | {name: "other"})) for name in base} | {model_cache.key(**base)}
    assert len(keys) == len(base) + 1


def test_a_processor_held_to_older_instructions_builds_its_own(
    tmp_path: Path, cache: Path, builds: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO refuses a model that was compiled for other instructions."""
    path = write_weights(tmp_path / "w.npz", 1)
    answer(path)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    answer(path)
    assert len(builds) == 2 and len(list(cache.iterdir())) == 2
    answer(path)
    assert len(builds) == 2


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _flip(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _nonsense(path: Path) -> None:
    """A sound file that holds no model."""
    model_cache.write(path.stem, b"hello" * 100)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [_cut, _flip, _empty, _nonsense, _folder])
@pytest.mark.slow
def test_a_damaged_model_is_made_anew(tmp_path: Path, cache: Path, builds: list[Path], damage) -> None:
    path = write_weights(tmp_path / "w.npz", 1)
    before = answer(path)
    (file,) = cache.iterdir()
    damage(file)
    assert (answer(path) == before).all()
    assert len(builds) == 2
    assert (answer(path) == before).all()
    assert len(builds) == (3 if damage is _folder else 2)  # a folder in the file's place is nobody's to delete


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("FACE3D_CACHE", str(tmp_path / "file"))
    path = write_weights(tmp_path / "w.npz", 1)
    assert (answer(path) == answer(path)).all()


def test_a_full_disk_only_costs_time(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_cache, "replacing", full)
    path = write_weights(tmp_path / "w.npz", 1)
    assert (answer(path) == answer(path)).all()
    assert not cache.exists()


def test_only_the_newest_models_are_kept(cache: Path) -> None:
    for i in range(model_cache.KEPT + 2):
        model_cache.write(f"model{i}", b"x" * 100)
        os.utime(cache / f"model{i}.blob", (i, i))
    model_cache.write("last", b"y" * 100)
    names = {path.stem for path in cache.iterdir()}
    assert len(names) == model_cache.KEPT and "last" in names and "model0" not in names


def test_weights_that_do_not_fit_their_architecture_are_named(tmp_path: Path, cache: Path) -> None:
    path = write_weights(tmp_path / "w.npz", 1)
    stored = weights.load(path)
    del stored.tensors["neck_conv.weight"]
    weights.save(path, stored.tensors, stored.meta)
    with pytest.raises(AssetError, match=r"regressor-broken: .*restore"):
        answer(path)
    assert not cache.exists()
