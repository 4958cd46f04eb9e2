"""What scripts/check_gpu.sh runs: each job on its own, with a time of its own, and one table of all at the end.

A job that fails, hangs, lacks a package or is not there is a row of the table, and the others go on. Whole outputs are
in OUT.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent

#: Lines of a job's output that the table shows.
LINES = 16


@dataclass(frozen=True)
class Job:
    """A Python command line, and how many seconds it may take. cuda: there is nothing to run without a GPU."""

    name: str
    arguments: tuple[str, ...]
    seconds: float
    cuda: bool = False

    @property
    def there(self) -> bool:
        """Whether the file that it runs exists."""
        return self.arguments[0] == "-m" or (ROOT / self.arguments[0]).is_file()


JOBS = (
    Job(
        "tests",
        (
            "-m",
            "pytest",
            "tests/scripts/test_cuda.py",
            "tests/regress/test_torch_fit.py",
            "-q",
            "-rs",
            "-p",
            "no:cacheprovider",
        ),
        120,
    ),
    Job("network, CUDA", ("bench/regress.py", "--device", "cuda"), 40, cuda=True),
    Job("network, CPU", ("bench/regress.py", "--device", "cpu", "--threads", "2", "--frames", "50"), 60),
    Job("pictures", ("bench/render.py", "--frames", "20"), 90),
    Job("head", ("bench/head.py",), 40),
    Job("head, CUDA", ("bench/head.py", "--device", "cuda"), 40, cuda=True),
    Job("engine, CUDA", ("bench/engine.py", "--device", "cuda"), 120, cuda=True),
    Job("training, batch 512", ("bench/train.py", "--device", "cuda"), 60, cuda=True),
    Job("training, batch 1024", ("bench/train.py", "--device", "cuda", "--batch", "1024"), 60, cuda=True),
)


@dataclass(frozen=True)
class Outcome:
    """How a job ended, after how many seconds, and what it printed."""

    word: str
    seconds: float
    output: str

    @property
    def bad(self) -> bool:
        return self.word in ("FAILED", "TOO LONG")


def run(job: Job, most: float) -> Outcome:
    """Run one job for `most` seconds at the longest."""
    if not job.there:
        return Outcome("not there", 0, job.arguments[0])
    if job.cuda and not torch.cuda.is_available():
        return Outcome("skipped", 0, "no NVIDIA GPU")
    if most < 5:
        return Outcome("skipped", 0, "no time left")
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *job.arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=most)
        word = "ok" if process.returncode == 0 else _excuse(output) or "FAILED"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with what it started
        output, _ = process.communicate()
        word = "TOO LONG"
    return Outcome(word, time.monotonic() - began, output)


def _excuse(output: str) -> str:
    """What to say of a job that lacks a package: not all that the program needs can be carried there."""
    found = re.search(r"^ModuleNotFoundError: No module named '([\w.]+)'", output, re.MULTILINE)
    return f"no {found[1]}" if found else ""


def machine() -> str:
    """Python, torch and the GPU."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no NVIDIA GPU"
    return f"Python {sys.version.split()[0]}\ntorch {torch.__version__}, CUDA {torch.version.cuda}\n{gpu}"


def last_lines(output: str) -> str:
    """The end of an output, for the table."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    return "\n".join(lines[-LINES:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=500.0, help="for all jobs together")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--renderer", default="", help="what draws, for the table")
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    table = Table(title="check_gpu")
    for title in ("job", "", "s", "says"):
        table.add_column(title, justify="right" if title == "s" else "left", no_wrap=title == "job")
    table.add_row("machine", "", "", f"{machine()}\nOpenGL: {options.renderer or 'none'}", end_section=True)
    failed = False
    for job in JOBS:
        outcome = run(job, min(job.seconds, until - time.monotonic()))
        print(f"{job.name}: {outcome.word}", flush=True)
        failed = failed or outcome.bad
        style = "red" if outcome.bad else ""
        says = last_lines(outcome.output)
        table.add_row(job.name, outcome.word, f"{outcome.seconds:.0f}", says, style=style, end_section=True)
        with (options.out / "check.log").open("a") as log:
            log.write(f"=== {job.name}: {outcome.word}\n{outcome.output}\n")
    with (options.out / "check.txt").open("w") as file:
        Console(file=file, width=140).print(table)
    Console(width=140).print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
