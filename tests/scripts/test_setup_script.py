"""`scripts/setup.sh page`: Node.js where it is missing, too old, or here. The machine's own stays out of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "setup.sh"
TOOLS = ("sh", "env", "dirname", "cat", "chmod", "mkdir")

#: Answers `node --version`, and `node -e CODE` as Node.js does for the check of its version.
NODE = """#!/bin/sh
[ "$1" = --version ] && echo v{version} && exit
case {version} in 12.*|18.1[0-8].*) exit 1;; esac
"""
#: Notes what it is asked for; what it installs is Node.js 20.
APT = """#!/bin/sh
echo "$@" >>{folder}/asked
case "$*" in *install*)
    for tool in node npm; do cp {folder}/new-node {folder}/$tool; chmod +x {folder}/$tool; done
esac
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The only folder where programs are found: the few that the script uses, and an `id` that says root."""
    for tool in (*TOOLS, "cp"):
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / tool).symlink_to(found)
    program(tmp_path / "id", "#!/bin/sh\necho 0\n")
    return tmp_path


def program(at: Path, text: str) -> None:
    at.write_text(text)
    at.chmod(0o755)


def run(path: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(path)}
    return subprocess.run([path / "sh", SCRIPT, "page"], env=environment, capture_output=True, text=True, timeout=60)


def test_where_it_is_here_nothing_is_said(path: Path) -> None:
    for version in ("18.19.1", "20.20.2", "24.0.0"):
        program(path / "node", NODE.format(version=version))
        program(path / "npm", "#!/bin/sh\n")
        done = run(path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_debian_brings_it(path: Path) -> None:
    program(path / "apt-get", APT.format(folder=path))
    program(path / "new-node", NODE.format(version="20.19.2"))
    done = run(path)
    assert done.returncode == 0, done.stderr
    assert (path / "asked").read_text().splitlines()[-1].endswith("npm nodejs")
    assert run(path).stderr == ""


def test_a_node_that_is_too_old_is_said_so(path: Path) -> None:
    program(path / "node", NODE.format(version="12.22.9"))
    program(path / "npm", "#!/bin/sh\n")
    done = run(path)
    assert done.returncode == 1
    assert "v12.22.9" in done.stderr and "https://nodejs.org" in done.stderr
    # Also where apt-get has just brought it.
    for tool in ("node", "npm"):
        (path / tool).unlink()
    program(path / "apt-get", APT.format(folder=path))
    program(path / "new-node", NODE.format(version="12.22.9"))
    done = run(path)
    assert done.returncode == 1 and "v12.22.9" in done.stderr


def test_elsewhere_it_says_what_is_missing(path: Path) -> None:
    done = run(path)
    assert done.returncode == 1
    assert "npm nodejs" in done.stderr
