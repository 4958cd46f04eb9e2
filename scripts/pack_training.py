"""Packs what scripts/train_gpu.sh and scripts/check_gpu.sh need on a machine without a network: docs/gpu.md.

    python scripts/pack_training.py --folder training --data ../shared/data [--out work/gpu] [--megabytes 60]

In OUT, which git ignores: `wheels/` for Python 3.12, `gl/` (the OpenGL loader of this machine), `training.tar`. All of
it and the tracked files together stay below `--megabytes`. Without `--folder` there is no `training.tar`: enough for
scripts/check_gpu.sh.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from face3d_live.errors import Face3DError
from face3d_live.train.data.pack_folder import pack

ROOT = Path(__file__).resolve().parent.parent
WHEELS = (
    "moderngl", "glcontext", "rich", "markdown-it-py", "mdurl", "pygments",
    "pytest", "pluggy", "iniconfig", "packaging", "pytest-timeout", "pytest-asyncio", "typing-extensions",
)  # fmt: skip
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
#: libglvnd without its part for X11: what is asked for as libGL is libOpenGL.
LOADER = {"libEGL.so.1": "libEGL.so.1", "libGLdispatch.so.0": "libGLdispatch.so.0", "libGL.so.1": "libOpenGL.so.0"}


def wheels(out: Path) -> None:
    """Download them, with nothing that they depend on: the machine has torch, numpy, opencv and scipy."""
    command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary=:all:", "--dest", str(out)]
    command += ["--python-version", "3.12", "--implementation", "cp"]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    subprocess.run([*command, *WHEELS], check=True)


def loader(out: Path) -> int:
    """Copy this machine's OpenGL loader; returns how many of its files there are."""
    out.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    paths = {line.split()[0]: line.split()[-1] for line in listed.splitlines() if "=>" in line and "x86-64" in line}
    found = {name: paths[real] for name, real in LOADER.items() if real in paths}
    for name, path in found.items():
        shutil.copy(path, out / name)
    return len(found)


def bytes_of(paths: list[Path]) -> int:
    """Of all these files."""
    return sum(path.stat().st_size for path in paths if path.is_file())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="the training folder, made by face3d_live.train.data.prepare")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=ROOT / "work" / "gpu")
    parser.add_argument("--megabytes", type=float, default=60.0, help="of all that travels, tracked files included")
    parser.add_argument("--skins", type=int, default=150)
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    wheels(options.out / "wheels")
    print(f"{loader(options.out / 'gl')} files of the OpenGL loader")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    there = bytes_of([ROOT / name for name in tracked.split("\0") if name])
    packed = bytes_of(list(options.out.rglob("*")))
    if options.folder is not None:
        most = int(options.megabytes * 1e6) - there - packed
        try:
            counts = pack(options.folder, options.data, options.out / "training.tar", most, options.skins)
        except Face3DError as error:
            print(error, file=sys.stderr)
            return 1
        print(", ".join(f"{count} {name}" for name, count in counts.items()))
        packed = bytes_of(list(options.out.rglob("*")))
    print(f"{options.out}: {packed / 1e6:.1f} MB; with the tracked files {(there + packed) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
