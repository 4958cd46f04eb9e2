"""three.js for the tests: fetched from the npm registry when it is first needed, kept outside the repository."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import platformdirs
import pytest

VERSION = "0.180.0"
#: What the registry states for this version, base64 of SHA-512.
INTEGRITY = "o+qycAMZrh+TsE01GqWUxUIKR1AL0S8pq7zDkYOQw8GqfX8b8VoCKYUoHbhiX5j+7hr8XsuHDVU6+gkQJQKg9w=="
FOLDER = platformdirs.user_cache_path("face3d-live-tests")
SECONDS = 120
_WANTED = (
    "build/three.module.js",
    "build/three.core.js",
    "examples/jsm/loaders/GLTFLoader.js",
    "examples/jsm/utils/BufferGeometryUtils.js",
)


def three() -> dict[str, bytes]:
    """Path in the package -> script. Skips the test where the package cannot be had; another one than ours fails it."""
    package = FOLDER / f"three-{VERSION}.tgz"
    if not package.is_file():
        _fetch(package)
    data = package.read_bytes()
    if base64.b64encode(hashlib.sha512(data).digest()).decode() != INTEGRITY:
        package.unlink()
        raise AssertionError(f"three {VERSION} is not what it was: its hash has changed")
    with tarfile.open(package) as archive:
        members = {path: archive.extractfile(f"package/{path}") for path in _WANTED}
        return {path: member.read() for path, member in members.items() if member is not None}


def _fetch(package: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("three.js: no npm to fetch it with: apt-get install npm")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"three@{VERSION}", "--ignore-scripts", "--silent", "--pack-destination", folder]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip(f"three.js: the npm registry did not answer within {SECONDS} s")
        found = list(Path(folder).glob("*.tgz"))
        if done.returncode or not found:
            pytest.skip(f"three.js: the npm registry cannot be reached: {done.stderr.strip()[-200:]}")
        package.parent.mkdir(parents=True, exist_ok=True)
        draft = package.with_suffix(".part")
        shutil.copy(found[0], draft)
        draft.replace(package)
