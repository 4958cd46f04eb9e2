"""How many faces one engine follows: frames a second, and milliseconds from a picture to its answer.

    python bench/engine.py [--device auto] [--precision auto] [--sessions 1 4 16 64] [--seconds 5]

The engine process as the server runs it, with shared memory and batches. Each session plays the project's sample from
another place of it, and sends the next picture when the last is answered: the rates are what the engine can do. Without
pictures it answers codes alone, as for streams and outputs that nobody watches. CPU: processor milliseconds of the
engine process for each frame.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import get_args

import numpy as np

import face3d_live.cli  # noqa: F401  # one thread for OpenBLAS, as the program has it: here, and in the engine process
from face3d_live.live.engine.client import EngineClient
from face3d_live.live.engine.head_pipeline import HeadPipeline
from face3d_live.live.engine.pipeline import CalibrationResult, Result
from face3d_live.live.engine.quarantine import Measure
from face3d_live.live.engine.session import EngineSession, Submitted
from face3d_live.typing import Device, Precision, Rgb
from face3d_live.video import Video

SAMPLE = Path(__file__).resolve().parents[1] / "web_client" / "sample" / "sample.mp4"
PICTURES = 60
#: Answers that each session has had before its figures count: the face is found, batches are full.
WARM_UP = 8


@dataclass
class Camera:
    """One session that always has a picture in the engine. ms: of each answer; faces: how many showed a face."""

    pictures: Sequence[Rgb]
    at: int
    session: EngineSession | None = None
    answers: int = 0
    faces: int = 0
    ms: list[float] = field(default_factory=list)

    def submit(self) -> None:
        """Send the next picture."""
        assert self.session is not None
        self.at += 1
        turn, i = divmod(self.at, len(self.pictures))
        picture = self.pictures[i if turn % 2 == 0 else -1 - i]  # to and fro: a jump would end the track
        self.session.submit(picture, self.at / 30, time.monotonic())

    def on_result(self, result: Result, of: Submitted) -> None:
        self.answers += 1
        self.faces += result.face
        self.ms.append(1000 * (time.monotonic() - of.arrived))
        self.submit()

    def on_calibrated(self, calibration: CalibrationResult) -> None: ...

    def on_avatar(self, code: str, message: str) -> None: ...

    def on_engine_restarted(self) -> None:
        raise SystemExit("error: the engine died")

    def on_quarantined(self, measure: Measure) -> None: ...


def cpu_seconds(pid: int | None) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(client: EngineClient, pictures: Sequence[Rgb], count: int, drawn: bool, seconds: float) -> str:
    """A row of the table."""
    cameras = [Camera(pictures, 7 * i) for i in range(count)]
    for i, camera in enumerate(cameras):
        camera.session = client.attach(f"camera {i}", camera)
        camera.session.wants_picture = lambda: drawn
        camera.submit()
    while min(camera.answers for camera in cameras) < WARM_UP:
        await asyncio.sleep(0.05)
    for camera in cameras:
        camera.answers = camera.faces = 0
        camera.ms.clear()
    began, used = time.monotonic(), cpu_seconds(client.pid)
    await asyncio.sleep(seconds)
    took, used = time.monotonic() - began, cpu_seconds(client.pid) - used
    answers, waits = sum(camera.answers for camera in cameras), np.concatenate([camera.ms for camera in cameras])
    faces = sum(camera.faces for camera in cameras) / max(1, answers)
    for camera in cameras:
        assert camera.session is not None
        camera.session.close()
    median, late = np.percentile(waits, (50, 95)) if len(waits) else (np.nan, np.nan)
    return (
        f"{count:8d} {'yes' if drawn else 'no':>8s} {answers / took:9.1f} {answers / took / count:9.1f} "
        f"{median:8.1f} {late:8.1f} {1000 * used / max(1, answers):8.1f} {faces:6.0%}"
    )


async def run(options: argparse.Namespace) -> None:
    """All rows."""
    with Video.open(SAMPLE) as video:
        pictures = [rgb for rgb, _ in islice(video, PICTURES)]
    client = EngineClient(partial(HeadPipeline, options.device, options.precision))
    client.start()
    await client.wait_ready()
    try:
        print(f"{client.device}, {client.precision}, {os.cpu_count()} cores, {options.seconds:.0f} s a row")
        titles = f"{'sessions':>8s} {'pictures':>8s} {'frames/s':>9s} {'of each':>9s} {'median':>8s} {'95 %':>8s}"
        print(f"{titles} {'CPU':>8s} {'faces':>6s}  ms")
        for drawn in (False, True):
            for count in options.sessions:
                print(await measure(client, pictures, count, drawn, options.seconds), flush=True)
    finally:
        await client.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", choices=get_args(Device))
    parser.add_argument("--precision", default="auto", choices=get_args(Precision))
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--seconds", type=float, default=5.0)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
