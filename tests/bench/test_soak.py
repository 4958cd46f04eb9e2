"""The soak itself, short: faults come, and what they leave behind is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.server
def test_a_short_soak():
    """Each fault once or so. How long things take is not for a test to say: a busy machine has other bounds."""
    faults = ["engine_killed", "client_vanishes", "hostile_files", "disk_full"]
    patient = ["--gap", "20", "--back", "25", "--hung", "25", "--pause", "0", "--settle", "2"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "soak.py"), "--minutes", "0.1", "--faults", *faults, *patient,
         "--program", str(ROOT / "tests" / "support" / "live_program.py")],
        capture_output=True, text=True, timeout=240, check=False, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "memory" in done.stdout and " 0 with something wrong" in done.stdout
