"""An avatar from a file, moved by the face of a video and drawn without a window: one PNG a second of the video.

python examples/python/avatar.py VIDEO AVATAR.glb|.vrm OUT_FOLDER
"""

import sys
from pathlib import Path

import cv2

from face3d_live import AvatarRenderer, Tracker, read_avatar


def main(video: str, avatar: str, out: str) -> None:
    capture, tracker = cv2.VideoCapture(video), Tracker.load()
    fps = capture.get(cv2.CAP_PROP_FPS) or 30.0
    renderer = AvatarRenderer(read_avatar(Path(avatar)), 512, 512)
    Path(out).mkdir(parents=True, exist_ok=True)
    number = 0
    while True:
        there, bgr = capture.read()
        if not there:
            break
        face = tracker.update(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), number / fps)
        if number % round(fps) == 0:
            picture = renderer.render(face.codes, face.camera, background="transparent")  # (512, 512, 4) RGBA
            cv2.imwrite(str(Path(out) / f"{number:05d}.png"), cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA))
        number += 1
    renderer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
