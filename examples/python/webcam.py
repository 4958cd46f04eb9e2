"""A webcam loop with OpenCV: prints the strongest movements of the face in front of the camera.

python examples/python/webcam.py [CAMERA_NUMBER_OR_VIDEO]
"""

import sys
import time

import cv2

from face3d_live import ARKIT, Tracker


def main(source: str = "0") -> None:
    camera = cv2.VideoCapture(int(source) if source.isdigit() else source)
    tracker = Tracker.load()
    begun = time.monotonic()
    while True:
        there, bgr = camera.read()
        if not there:
            break
        face = tracker.update(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), time.monotonic() - begun)
        if not face.face:
            print("no face")
            continue
        strongest = sorted(zip(face.codes.expression, ARKIT, strict=True), reverse=True)[:3]
        print("  ".join(f"{name} {value:.2f}" for value, name in strongest))


if __name__ == "__main__":
    main(*sys.argv[1:])
