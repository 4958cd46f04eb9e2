"""scripts/train_gpu.sh from a pack to weights in pieces, with a small network and a handful of faces on the CPU."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from pool_support import data_folder, training_folder  # noqa: E402

from face3d_live.head.model import Head  # noqa: E402
from face3d_live.regress import weights  # noqa: E402
from face3d_live.regress.network import THIN, Network  # noqa: E402
from face3d_live.train import checkpoint  # noqa: E402
from face3d_live.train.data import pack_folder  # noqa: E402

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def script(name: str, **environment: object) -> subprocess.CompletedProcess[str]:
    settings = os.environ | {"PYTHON": sys.executable} | {key: str(value) for key, value in environment.items()}
    command = [str(ROOT / "scripts" / name)]
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=280)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_train_gpu_leaves_weights_in_pieces(tmp_path: Path, head: Head) -> None:
    data = data_folder(tmp_path / "data")
    folder = training_folder(tmp_path / "training", head, data, portraits=4)
    pack_folder.pack(folder, data, tmp_path / "pack" / "training.tar", 10_000_000)
    (tmp_path / "pack" / "wheels").mkdir()
    checkpoint.export(tmp_path / "start.npz", Network(THIN), 112, {"trained": False})
    done = script(
        "train_gpu.sh",
        PACK=tmp_path / "pack",
        SCRATCH=tmp_path / "scratch",
        OUT=tmp_path / "out",
        START=tmp_path / "start.npz",
        BUDGET=270,
        DRAW_SECONDS=150,
        TRAIN_SECONDS=1,
        PROCESSES=1,
        SHARDS=1,
        SHARD_FACES=3,
        EVAL_FACES=2,
        TURNS=1,
        BATCH=4,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pieces = sorted((tmp_path / "out").glob("regressor.npz.part?"))
    whole = b"".join(piece.read_bytes() for piece in pieces)
    assert (tmp_path / "out" / "regressor.npz.sha256").read_text().split()[0] == hashlib.sha256(whole).hexdigest()
    (tmp_path / "joined.npz").write_bytes(whole)
    meta = weights.load(tmp_path / "joined.npz").meta
    assert meta["trained"] and meta["samples"] >= 4
    assert "synthetic_heldout (2)" in (tmp_path / "out" / "evaluation.txt").read_text()
    assert "portraits_heldout (2)" in (tmp_path / "out" / "evaluation.txt").read_text()
    assert all(file.stat().st_size < 16e6 for file in (tmp_path / "out").iterdir())
    assert len(list((tmp_path / "out").iterdir())) <= 8


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize("name", ["train_gpu.sh", "check_gpu.sh"])
def test_without_a_pack_they_say_how_to_make_one(tmp_path: Path, name: str) -> None:
    done = script(name, PACK=tmp_path / "none", SCRATCH=tmp_path / "scratch", OUT=tmp_path / "out")
    assert done.returncode == 2 and "scripts/pack_training.py" in done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_without_the_training_data_it_says_so(tmp_path: Path) -> None:
    """A pack for scripts/check_gpu.sh has wheels only."""
    (tmp_path / "pack" / "wheels").mkdir(parents=True)
    done = script("train_gpu.sh", PACK=tmp_path / "pack", SCRATCH=tmp_path / "scratch", OUT=tmp_path / "out")
    assert done.returncode != 0 and "pack-broken" in done.stderr
