"""The reference pictures of the shaders: what they show, how far a picture may stray, and how they are made anew.

Look at every picture after `python tests/support/golden_pictures.py`, which overwrites tests/golden/.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.eyewear import Glasses
from face3d_live.head.model import Head
from face3d_live.lighting import PRESETS
from face3d_live.render.renderer import Renderer
from face3d_live.render.view import View
from face3d_live.rotations import from_euler

FOLDER = Path(__file__).resolve().parents[1] / "golden"
SIZE = 192
CAMERA = Camera.webcam(640, 480)

#: Grey values. llvmpipe rounds differently between Mesa's releases and CPUs; edges may jump a pixel here and there.
MEAN_TOLERANCE = 1.5
#: At most this share of values may be off by more than `FAR`.
FAR, FAR_SHARE = 40, 0.01


def expression(**named: float) -> np.ndarray:
    codes = np.zeros(len(INDEX), np.float32)
    for name, value in named.items():
        codes[INDEX[name]] = value
    return codes


TALKING = expression(jawOpen=0.5, mouthSmileLeft=0.5, mouthSmileRight=0.5, browInnerUp=0.7)
SMILING = expression(mouthSmileLeft=0.9, mouthSmileRight=0.9, eyeBlinkRight=1, eyeLookOutLeft=0.5)
TRACKED = HeadCodes(
    expression=TALKING,
    rotation=from_euler(0.4, 0.1, -0.15),
    translation=np.array([0.05, -0.02, -0.5], np.float32),
    light=PRESETS["evening"],
)


def checker(width: int, height: int) -> np.ndarray:
    """A picture whose scaling and cutting can be seen."""
    y, x = np.mgrid[0:height, 0:width]
    board = ((x // 40 + y // 40) % 2)[..., None] * np.array([40, 60, 80]) + np.array([60, 80, 60])
    return board.astype(np.uint8)


def draw_all(head: Head) -> dict[str, np.ndarray]:
    """Every reference picture, drawn now: name -> (SIZE, SIZE, 4)."""
    renderer = Renderer(head, SIZE, SIZE, "medium")
    pictures = {
        "avatar": renderer.render(HeadCodes(), CAMERA),
        "avatar_talking": renderer.render(HeadCodes(expression=TALKING), CAMERA, view=View(yaw=0.5)),
        "avatar_wink": renderer.render(
            HeadCodes(expression=SMILING), CAMERA, view=View(zoom=1.6), background="transparent"
        ),
        "avatar_profile": renderer.render(HeadCodes(), CAMERA, view=View(yaw=-1.4, pitch=0.2)),
        "avatar_glasses": renderer.render(
            HeadCodes(), CAMERA, view=View(yaw=-0.6, zoom=1.7), glasses=Glasses("square", "#5a2a18")
        ),
        "overlay": renderer.render(TRACKED, CAMERA, mode="overlay", background=checker(640, 480)),
        "wireframe": renderer.render(HeadCodes(expression=TALKING), CAMERA, mode="wireframe", view=View(yaw=0.4)),
        "geometry": renderer.render(HeadCodes(expression=TALKING), CAMERA, mode="geometry", view=View(yaw=-0.4)),
    }
    renderer.close()
    return pictures


def read(name: str) -> np.ndarray:
    """A stored reference, RGBA."""
    return cv2.cvtColor(cv2.imread(str(FOLDER / f"{name}.png"), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, picture in draw_all(Head.load()).items():
        cv2.imwrite(str(FOLDER / f"{name}.png"), cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA))
        print(f"wrote {FOLDER / name}.png")


if __name__ == "__main__":
    main()
