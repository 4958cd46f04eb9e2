"""Training by the clock: the schedule follows the seconds, and a pool on a device gives the batches of one on disk."""

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from pool_support import random_pool  # noqa: E402

from face3d_live.errors import InputError  # noqa: E402
from face3d_live.head.model import Head  # noqa: E402
from face3d_live.regress import weights  # noqa: E402
from face3d_live.regress.network import THIN, Network  # noqa: E402
from face3d_live.train import checkpoint, loop, timed  # noqa: E402
from face3d_live.train.data.pool import KEYS, Mixture, Pool  # noqa: E402
from face3d_live.train.data.resident import ResidentMixture  # noqa: E402

pytestmark = pytest.mark.slow

RECIPE = loop.Recipe(THIN, samples=0, batch=8, warm_up=2, sizes=((0.5, 32), (1.0, 48)), seconds=10.0)


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Pool, float]]:
    """Two pools and one that is empty, with their shares."""
    folder = tmp_path_factory.mktemp("pools")
    counts = {"a": 40, "b": 7, "none": 0}
    made = [random_pool(folder / name, count, seed=count) for name, count in counts.items()]
    return list(zip(made, (0.5, 0.3, 0.2), strict=True))


def trainer(pools: list[tuple[Pool, float]], head: Head, recipe: loop.Recipe = RECIPE) -> loop.Trainer:
    return loop.Trainer(recipe, ResidentMixture(pools, 0, "cpu"), head, None)


def test_a_resident_mixture_gives_the_same_batches(pools: list[tuple[Pool, float]]) -> None:
    on_disk, resident = Mixture(pools, seed=3), ResidentMixture(pools, 3, "cpu")
    for size in (5, 64, 5):
        wanted, got = on_disk.batch(size), resident.batch(size)
        assert got.keys() == KEYS.keys()
        for key, values in wanted.items():
            assert got[key].numpy().dtype == values.dtype
            assert (got[key].numpy() == values).all(), key


def test_a_resident_mixture_goes_on_where_it_was(pools: list[tuple[Pool, float]]) -> None:
    first, second = ResidentMixture(pools, 3, "cpu"), ResidentMixture(pools, 4, "cpu")
    first.batch(9)
    second.restore(first.state())
    assert (first.batch(9)["points"] == second.batch(9)["points"]).all()


def test_new_shards_do_not_change_a_resident_mixture(tmp_path: Path) -> None:
    pool = random_pool(tmp_path, 8)
    resident = ResidentMixture([(pool, 1.0)], 0, "cpu")
    random_pool(tmp_path, 64, seed=1)
    resident.batch(4)
    assert len(pool) == 8 and int(resident.draw(500)[0][0].max()) < 8


def test_a_step_learns_the_same_from_a_resident_mixture(pools: list[tuple[Pool, float]], head: Head) -> None:
    from_disk = loop.Trainer(RECIPE, Mixture(pools, 0), head, None)
    assert from_disk.step() == pytest.approx(trainer(pools, head).step(), rel=1e-5)


def test_the_schedule_follows_the_clock(pools: list[tuple[Pool, float]], head: Head) -> None:
    run = trainer(pools, head)
    seen = []
    for run.seconds in (0.0, 4.9, 5.0, 9.99, 10.5):
        seen.append((run.fraction, run.size))
    assert [size for _, size in seen] == [32, 32, 48, 48, 48]
    assert [fraction for fraction, _ in seen] == pytest.approx([0, 0.49, 0.5, 0.999, 1.05])


def test_a_run_by_the_clock_ends_and_goes_on(
    pools: list[tuple[Pool, float]], head: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step takes 3 of 10 seconds: four steps; a second run with 16 seconds needs two more."""

    def step(self: loop.Trainer) -> dict[str, float]:
        self.steps, self.seen, self.seconds = self.steps + 1, self.seen + 8, self.seconds + 3.0
        return {"total": 1.0}

    monkeypatch.setattr(loop.Trainer, "step", step)
    seen: list[float] = []
    loop.run(trainer(pools, head), tmp_path, lambda run, terms: seen.append(run.seconds))
    assert seen == [3, 6, 9, 12]
    longer = dataclasses.replace(RECIPE, seconds=16.0)
    loop.run(trainer(pools, head, longer), tmp_path, lambda run, terms: seen.append(run.seconds))
    assert seen == [3, 6, 9, 12, 15, 18]
    state = checkpoint.load(tmp_path, torch.device("cpu"))
    assert state is not None and state["counts"] == [6, 48, 18.0]


def thin_weights(path: Path) -> Path:
    torch.manual_seed(0)
    checkpoint.export(path, Network(THIN), 112, {"trained": False})
    return path


def train_folder(folder: Path) -> Path:
    """A training folder with both pools and both held-out ones."""
    for seed, name in enumerate(("synthetic", "portraits_train", *timed.HELD_OUT)):
        random_pool(folder / "pool" / name, 6, seed)
    return folder


def test_training_writes_weights_and_evaluation_compares_them(tmp_path: Path) -> None:
    folder, start = train_folder(tmp_path / "training"), thin_weights(tmp_path / "start.npz")
    done = timed.train(folder, tmp_path / "out.npz", 0.01, 4, 1e-4, start, "cpu")
    assert done.steps >= 1 and done.fraction >= 1
    assert weights.load(tmp_path / "out.npz").meta["trained"]
    files = {"before": start, "after": tmp_path / "out.npz"}
    report = timed.evaluate(folder, files, 3, "cpu")
    assert set(report) == set(files) and set(report["after"]) == set(timed.HELD_OUT)
    assert report["after"]["portraits_heldout"]["faces"] == 3
    shown = timed.table(report)
    assert [column.header for column in shown.columns] == ["held out", "measure", "before", "after"]
    assert shown.row_count > 10


def test_a_run_that_is_stopped_still_writes_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, start = train_folder(tmp_path / "training"), thin_weights(tmp_path / "start.npz")
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(timed, "Spoken", lambda: lambda trainer, terms: signal.raise_signal(signal.SIGTERM))
    try:
        with pytest.raises(SystemExit):
            timed.train(folder, tmp_path / "out.npz", 1e6, 4, 1e-4, start, "cpu")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert weights.load(tmp_path / "out.npz").meta["samples"] == 4


def test_training_without_samples_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        timed.train(tmp_path, tmp_path / "out.npz", 1, 4, 1e-4, thin_weights(tmp_path / "start.npz"), "cpu")
    assert caught.value.code == "pool-empty"


def test_the_norms_stand_still_from_the_first_step(tmp_path: Path, head: Head, pools: list[tuple[Pool, float]]) -> None:
    """Trained weights answer for their own statistics: a batch's would throw the first step off."""
    run = trainer(pools, head, dataclasses.replace(timed.recipe(THIN, 1e6, 4, 1e-4), sizes=((1.0, 32),)))
    kept = run.network.bn1.running_mean.clone()
    run.step()
    assert (run.network.bn1.running_mean == kept).all()


def test_what_runs_elsewhere_needs_few_packages() -> None:
    """scripts/train_gpu.sh finds NumPy, SciPy, OpenCV and torch there and brings ModernGL and rich: nothing else."""
    code = (
        "import sys\n"
        "for name in ('aiortc', 'anny', 'av', 'matplotlib', 'mediapipe', 'onnx', 'onnxruntime', 'openvino',"
        " 'PIL', 'platformdirs', 'pythonosc', 'starlette', 'tomli_w', 'typer', 'uvicorn', 'websockets'):\n"
        "    sys.modules[name] = None\n"
        "from face3d_live.train import timed\n"
        "from face3d_live.train.data import pack_folder\n"
        "from face3d_live.train.synthetic import generate\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200, cwd=Path(__file__).resolve().parents[2])
