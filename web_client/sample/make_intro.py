"""Makes what the page shows before the start: the sample's codes on the project's own head, and their coefficients.

    python web_client/sample/make_intro.py

intro.mp4 and intro.webm loop without a seam; intro.json has what the bars show meanwhile, in percent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import cv2
from make_sample import FPS, HERE, Rgb, codes, write_clip

from face3d_live.camera import Camera
from face3d_live.codes import ARKIT, HeadCodes
from face3d_live.head.model import Head
from face3d_live.render.renderer import Renderer

SIZE = 512
#: The bars are drawn at a half of the pictures' rate.
EVERY = 2


def frames(clip: list[HeadCodes]) -> Iterator[Rgb]:
    """The pictures (SIZE, SIZE, 3): the avatar as the live page shows it, drawn twice as large and reduced."""
    camera = Camera.webcam(640, 480)
    with_background = Renderer(Head.load(), 2 * SIZE, 2 * SIZE, level="medium")
    for now in clip:
        picture = with_background.render(now, camera)[..., :3]
        yield cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    with_background.close()


def main() -> None:
    clip = codes()
    pictures = list(frames(clip))
    for suffix in (".mp4", ".webm"):
        write_clip((HERE / "intro").with_suffix(suffix), pictures, (SIZE, SIZE))
    values = [[round(100 * float(value)) for value in now.expression] for now in clip[::EVERY]]
    plain = {"fps": FPS / EVERY, "names": list(ARKIT), "values": values}
    (HERE / "intro.json").write_text(json.dumps(plain, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
