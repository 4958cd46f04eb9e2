"""The runner of scripts/check_gpu.sh outlives its jobs and says how each ended."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_gpu", ROOT / "scripts" / "check_gpu.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_gpu"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("code", "word", "bad", "limit"),
    [
        ("print('12.5 ms')", "ok", False, 20),
        ("raise SystemExit(3)", "FAILED", True, 20),
        ("import no_such_package", "no no_such_package", False, 20),
        ("import os; os.abort()", "FAILED", True, 20),
        ("import subprocess as s; s.run(['sleep', '60'])", "TOO LONG", True, 5),
    ],
)
@pytest.mark.slow
def test_how_a_job_ends(check: ModuleType, tmp_path: Path, code: str, word: str, bad: bool, limit: int) -> None:
    file = tmp_path / "job.py"
    file.write_text(code)
    outcome = check.run(check.Job("job", (str(file),), limit), limit)
    assert (outcome.word, outcome.bad) == (word, bad)
    assert outcome.seconds < 30


def test_what_is_not_run(check: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check.run(check.Job("gone", ("bench/no_such_bench.py",), 5), 5).word == "not there"
    assert check.run(check.Job("late", ("bench/head.py",), 5), 1.0).word == "skipped"
    monkeypatch.setattr(check.torch.cuda, "is_available", lambda: False)
    assert check.run(check.Job("cuda", ("bench/head.py",), 5, cuda=True), 5).output == "no NVIDIA GPU"


def test_its_table_and_exit_status(check: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in {"good": "print('7 ms')", "bad": "raise ValueError('broken')"}.items():
        (tmp_path / f"{name}.py").write_text(code)
    jobs = {name: check.Job(name, (str(tmp_path / f"{name}.py"),), 20) for name in ("good", "bad")}
    monkeypatch.setattr(sys, "argv", ["check_gpu", "--out", str(tmp_path), "--renderer", "a card"])
    monkeypatch.setattr(check, "JOBS", (jobs["good"],))
    assert check.main() == 0
    monkeypatch.setattr(check, "JOBS", (jobs["bad"], jobs["good"]))
    assert check.main() == 1
    table = (tmp_path / "check.txt").read_text()
    assert all(word in table for word in ("7 ms", "ok", "FAILED", "broken", "a card"))
    assert "Traceback" in (tmp_path / "check.log").read_text()
