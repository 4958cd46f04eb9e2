"""Makes the pictures of the page's avatar gallery: the own head and the avatars of this folder, smiling a little.

python web_client/avatars/make_thumbnails.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from face3d_live.avatar.load import read_avatar
from face3d_live.camera import Camera
from face3d_live.codes import INDEX, N_EXPRESSION, HeadCodes
from face3d_live.head.model import Head
from face3d_live.render.avatar_renderer import AvatarRenderer
from face3d_live.render.renderer import Renderer
from face3d_live.rotations import from_euler

HERE = Path(__file__).resolve().parent
DRAWN, SIZE = 512, 128


def main() -> None:
    expression = np.zeros(N_EXPRESSION, np.float32)
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        expression[INDEX[name]] = 0.5
    codes = HeadCodes(expression=expression, rotation=from_euler(0.25, 0.03, 0.0))
    renderers = {"own": Renderer(Head.load(), DRAWN, DRAWN)}
    renderers |= {path.stem: AvatarRenderer(read_avatar(path), DRAWN, DRAWN) for path in HERE.glob("*.glb")}
    for name, renderer in renderers.items():
        picture = renderer.render(codes, Camera.webcam(DRAWN, DRAWN))[..., :3]
        small = cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(HERE / f"{name}.jpg"), small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
        renderer.close()


if __name__ == "__main__":
    main()
