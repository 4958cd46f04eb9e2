"""How long a picture takes: python bench/render.py [--size 512] [--frames 40] [--hair].

Prints wall and processor milliseconds per frame (median; llvmpipe uses all cores: LP_NUM_THREADS=1 for one), for each
mode and mesh level, from codes to RGBA. --hair: of the low level, for each hair style, in black and in blond.
"""

from __future__ import annotations

import argparse
import time

import face3d_live.cli  # isort: skip  # noqa: F401  # one thread for OpenBLAS, as the program has it
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.hairstyle import STYLES, Hair
from face3d_live.head.model import Head
from face3d_live.render.renderer import Renderer
from face3d_live.render.view import Mode
from face3d_live.rotations import from_euler

MODES: tuple[Mode, ...] = ("avatar", "overlay", "wireframe", "geometry")


def nodding(frame: int) -> HeadCodes:
    """A head that talks and turns, so that no frame is like the last."""
    expression = np.zeros(len(INDEX), np.float32)
    expression[INDEX["jawOpen"]] = 0.5 + 0.5 * np.sin(frame)
    return HeadCodes(expression=expression, rotation=from_euler(0.3 * np.sin(0.3 * frame), 0.1 * np.cos(frame), 0))


def clocked(renderer: Renderer, frames: int, **options: object) -> str:
    """Wall and processor milliseconds of a frame."""
    clocks = []
    for frame in range(frames):
        wall, cpu = time.perf_counter(), time.process_time()
        renderer.render(nodding(frame), Camera.webcam(640, 480), **options)
        clocks.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall_ms, cpu_ms = 1e3 * np.median(clocks, axis=0)
    return f"{wall_ms:.1f} ({cpu_ms:.1f})"


def styles(size: int, frames: int) -> None:
    """The table of hair styles."""
    renderer = Renderer(Head.load(), size, size, "low")
    for style in STYLES:
        line = [clocked(renderer, frames, hair=Hair(style, colour)) for colour in ("#171310", "#b98d52")]
        print(f"{style:13} black {line[0]}  blond {line[1]}", flush=True)
    renderer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--hair", action="store_true")
    args = parser.parse_args()
    print(f"{args.size}x{args.size}, median of {args.frames} frames: wall ms (processor ms)")
    if args.hair:
        styles(args.size, args.frames)
        return
    head = Head.load()
    behind = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    for level in ("low", "medium"):
        for samples in (1, 4):
            start = time.perf_counter()
            renderer = Renderer(head, args.size, args.size, level, samples)
            line = f"{level:7} samples {samples}  start {time.perf_counter() - start:.2f} s"
            for mode in MODES:
                background = behind if mode == "overlay" else None
                line += f"  {mode} {clocked(renderer, args.frames, mode=mode, background=background)}"
            renderer.close()
            print(line, flush=True)


if __name__ == "__main__":
    main()
