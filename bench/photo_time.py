"""What a head of a photo costs: `OPENBLAS_NUM_THREADS=1 python bench/photo_time.py PHOTO [--runs N] [--texture SIDE]`.

"command line": `face3d-live reconstruct` as a program of its own, from its start to its end. "studio": a process that
has its models loaded, and packs the zip, as the server's worker does. Wall seconds and processor seconds (user and
system), median of the runs; the stages by the wall clock, as report.json has them. Medium mesh, refined.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from face3d_live import strict_json
from face3d_live.export.bundle import zip_bytes
from face3d_live.reconstruct import Options, Reconstructor, load_photo

STAGES = ("face", "geometry", "texture", "detail", "files")
Row = dict[str, float]


def command_line(photo: Path, texture: int) -> Row:
    """One run of the program."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "face3d_live", "reconstruct", str(photo), "-o", folder + "/head"]
        begun = time.perf_counter()
        process = subprocess.Popen([*command, "--texture", str(texture)], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"the program ended with {process.returncode}")
        report = strict_json.loads((Path(folder) / "head" / "report.json").read_bytes())
    return {"wall": wall, "processor": used.ru_utime + used.ru_stime} | _seconds(report["ms"])


def studio(maker: Reconstructor, photo: Path, texture: int) -> Row:
    """One photo in this process."""
    begun, used = time.perf_counter(), time.process_time()
    made = maker.photo(load_photo(photo).rgb, Options(texture=texture))
    zip_bytes(made.files)
    row = {"wall": time.perf_counter() - begun, "processor": time.process_time() - used}
    return row | _seconds(made.report["ms"])


def _seconds(ms: dict[str, float]) -> Row:
    return {stage: ms.get(stage, 0.0) / 1e3 for stage in STAGES}


def table(rows: dict[str, list[Row]]) -> str:
    """Medians."""
    names = ("wall", "processor", *STAGES)
    lines = [f"| s | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for name, runs in rows.items():
        figures = (float(np.median([run[column] for run in runs])) for column in names)
        lines.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in figures)} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--texture", type=int, default=1024)
    options = parser.parse_args()
    maker = Reconstructor("cpu")
    studio(maker, options.photo, options.texture)  # the first one loads the models
    print(
        table(
            {
                "command line": [command_line(options.photo, options.texture) for _ in range(options.runs)],
                "studio": [studio(maker, options.photo, options.texture) for _ in range(options.runs)],
            }
        )
    )


if __name__ == "__main__":
    main()
