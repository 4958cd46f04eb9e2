"""Training data that travels: what is packed comes back, once for every copy, and held-out people stay apart."""

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from pool_support import data_folder, portrait, training_folder, write_pool

from face3d_live.errors import InputError
from face3d_live.head.model import Head
from face3d_live.train.data import pack_folder, packing
from face3d_live.train.data.pool import KEYS, Pool, Sample
from face3d_live.train.data.portraits import exemplars, load_index
from face3d_live.train.synthetic.generate import Generator
from face3d_live.train.synthetic.scene import Backgrounds


@pytest.fixture
def samples(head: Head) -> list[Sample]:
    """Five different ones, of which the second was turned and the fourth is there three times."""
    rng = np.random.default_rng(0)
    different = [portrait(head, rng, turned=i == 1) for i in range(5)]
    return [different[i] for i in (0, 3, 1, 2, 3, 4, 3)]


def test_copies_are_found_and_turned_ones_come_last(tmp_path: Path, samples: list[Sample]) -> None:
    indices, repeats = packing.unique_samples(write_pool(tmp_path, samples))
    assert indices.tolist() == [0, 1, 3, 5, 2]
    assert repeats.tolist() == [1, 3, 1, 1, 1]


def test_what_is_packed_comes_back(tmp_path: Path, samples: list[Sample]) -> None:
    pool = write_pool(tmp_path / "pool", samples)
    indices, repeats = packing.unique_samples(pool)
    np.savez(tmp_path / "packed.npz", **packing.pack_samples(pool.take(indices), repeats))
    assert packing.unpack_pool(tmp_path / "packed.npz", tmp_path / "again") == len(samples)
    again = Pool(tmp_path / "again").take(np.arange(len(samples)))
    wanted = pool.take(np.repeat(indices, repeats))
    for key, (_, kind) in KEYS.items():
        assert again[key].dtype == kind and again[key].shape == wanted[key].shape
        if key != "image":
            error = np.abs(again[key].astype(float) - wanted[key]).max()
            assert error <= (2.0**-12 if key == "points" else 2.0**-9), key
    assert np.abs(again["image"].astype(float) - wanted["image"]).mean() < 6
    assert (tmp_path / "packed.npz").stat().st_size < 0.2 * pool.take(indices)["image"].nbytes


def test_untouched_pictures_are_turned_once_more(tmp_path: Path, head: Head, samples: list[Sample]) -> None:
    pool = write_pool(tmp_path / "pool", samples)
    indices, repeats = packing.unique_samples(pool)
    np.savez(tmp_path / "packed.npz", **packing.pack_samples(pool.take(indices), repeats))
    counts = [packing.turn(head, tmp_path / "packed.npz", tmp_path / "out", part, 2, 1) for part in range(2)]
    assert sum(counts) == 5  # five that differ, one of them twice, one turned already
    made = Pool(tmp_path / "out")
    assert len(made) == 5
    batch = made.take(np.arange(5))
    assert not batch["teacher_weight"].any()
    assert np.abs(batch["rotation"] - np.eye(3)).max() > 0.02  # turned
    assert packing.turn(head, tmp_path / "packed.npz", tmp_path / "late", 0, 1, 3, until=0.0) == 0
    assert not (tmp_path / "late").exists()


@pytest.mark.slow
def test_a_folder_travels(tmp_path: Path, head: Head) -> None:
    data = data_folder(tmp_path / "data")
    folder = training_folder(tmp_path / "training", head, data)
    most = 900_000
    counts = pack_folder.pack(folder, data, tmp_path / "out" / "training.tar", most, skins=4)
    assert counts["skins"] == 4 and counts["held-out portraits"] == 3
    assert 100 < counts["portraits"] < 300  # what there is room for
    assert 0.9 * most < (tmp_path / "out" / "training.tar").stat().st_size <= most

    there = tmp_path / "there"
    samples = pack_folder.unpack(tmp_path / "out" / "training.tar", there)
    assert samples == {"portraits_train": counts["portraits"], "portraits_heldout": 3}
    assert len(Pool(there / "training" / "pool" / "portraits_train")) == counts["portraits"]
    kept = {path.stem for path in (there / "training" / "skins").iterdir()}
    assert kept == {"plain", "lifted_0", "lifted_2", "lifted_4"}  # evenly from dark to light, and no held-out person
    assert [p.held_out for p in load_index(there / "data")] == [p.held_out for p in load_index(data)]
    assert exemplars(there / "data") == pytest.approx(exemplars(data), abs=1e-3)


def test_backgrounds_are_what_they_were_and_faces_do_not_travel(tmp_path: Path, head: Head) -> None:
    data = data_folder(tmp_path / "data")
    folder = training_folder(tmp_path / "training", head, data, portraits=2)
    pack_folder.pack(folder, data, tmp_path / "training.tar", 10_000_000)
    pack_folder.unpack(tmp_path / "training.tar", tmp_path / "there")
    pictures = sorted((tmp_path / "there" / "data" / "faces" / "images").iterdir())
    assert len(pictures) == sum(not p.held_out for p in load_index(data))
    picture = cv2.imread(str(pictures[0]))
    assert abs(float(picture[100:140, 100:150].mean()) - 128) < 3
    for strip in Backgrounds(pictures).strips:
        assert abs(float(strip.mean()) - 220) < 4


def test_faces_can_be_drawn_from_what_travelled(tmp_path: Path, head: Head) -> None:
    data = data_folder(tmp_path / "data")
    folder = training_folder(tmp_path / "training", head, data, portraits=2)
    pack_folder.pack(folder, data, tmp_path / "training.tar", 10_000_000)
    pack_folder.unpack(tmp_path / "training.tar", tmp_path / "there")
    generator = Generator(head, tmp_path / "there" / "data", tmp_path / "there" / "training" / "skins")
    assert generator.sample(np.random.default_rng(0))["image"].std() > 5


def test_what_is_missing_and_what_does_not_fit_is_said(tmp_path: Path, head: Head) -> None:
    data = data_folder(tmp_path / "data")
    with pytest.raises(InputError, match="prepare") as caught:
        pack_folder.pack(tmp_path, data, tmp_path / "t.tar", 10_000)
    assert caught.value.code == "training-missing"
    folder = training_folder(tmp_path / "training", head, data, portraits=2)
    with pytest.raises(InputError) as caught:
        pack_folder.pack(folder, data, tmp_path / "t.tar", 10_000)
    assert caught.value.code == "pack-too-large" and not (tmp_path / "t.tar").exists()


def test_a_damaged_pack_is_refused(tmp_path: Path, head: Head) -> None:
    data = data_folder(tmp_path / "data")
    packed = tmp_path / "training.tar"
    pack_folder.pack(training_folder(tmp_path / "training", head, data, portraits=2), data, packed, 10_000_000)
    whole = packed.read_bytes()
    for damaged in (b"", b"nonsense" * 999, whole[: len(whole) // 2], whole[:5000] + bytes(5000) + whole[10_000:]):
        packed.write_bytes(damaged)
        with pytest.raises(InputError) as caught:
            pack_folder.unpack(packed, tmp_path / "there")
        assert caught.value.code == "pack-broken"
    assert pack_folder.main(["unpack", str(tmp_path / "none.tar"), "--folder", str(tmp_path)]) == 1
