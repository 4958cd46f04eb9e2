#!/usr/bin/env python3
"""docs/images/hair.jpg: every hair style on three heads nobody has, from three sides. Ten seconds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

import face3d_live.cli  # noqa: F401  # one thread for OpenBLAS, as the program has it
from face3d_live.camera import Camera
from face3d_live.codes import N_SHAPE, N_TEXTURE, HeadCodes
from face3d_live.hairstyle import STYLES, Hair
from face3d_live.head.model import Head
from face3d_live.render.renderer import Renderer
from face3d_live.rotations import from_euler
from face3d_live.takes.default_head import texture_from_code

OUT = Path(__file__).resolve().parents[1] / "docs" / "images" / "hair.jpg"
SIDE, COLUMNS, QUALITY = 168, 7, 88
YAWS = np.radians([0, -50, -90])
#: Of each head: its skin's tone, the seed of its shape, and the hair's colour.
PEOPLE = ((-1.8, 3, "#1a1513"), (1.6, 5, "#8a5a34"), (1.9, 9, "#c9a05a"))


def main() -> None:
    head = Head.load()
    renderer, camera = Renderer(head, 2 * SIDE, 2 * SIDE, "medium", samples=4), Camera.webcam(2 * SIDE, 2 * SIDE)
    shapes = [np.random.default_rng(seed).normal(0, 0.7, N_SHAPE).astype(np.float32) for _, seed, _ in PEOPLE]
    for person, (tone, _, _) in enumerate(PEOPLE):
        code = tone * np.eye(1, N_TEXTURE, dtype=np.float32)[0]
        renderer.set_texture(texture_from_code(code, head, 1024), str(person))
    blocks = []
    for number, style in enumerate(STYLES):
        person = number % len(PEOPLE)
        views = []
        for yaw in YAWS:
            codes = HeadCodes(shape=shapes[person], rotation=from_euler(yaw, 0, 0), translation=np.array([0, 0, -0.62]))
            hair = Hair(style, PEOPLE[person][2])
            shown = renderer.render(codes, camera, hair=hair, texture=str(person))[..., :3]
            views.append(cv2.resize(shown, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
        block = np.vstack(views)
        cv2.putText(
            block, style.replace("_", " "), (5, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA
        )
        blocks.append(block)
    renderer.close()
    rows = [np.hstack(blocks[start : start + COLUMNS]) for start in range(0, len(blocks), COLUMNS)]
    cv2.imwrite(str(OUT), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


if __name__ == "__main__":
    main()
