"""An output of your own: each frame of a video or camera as one JSON datagram to a program of yours.

    python examples/python/custom_output.py VIDEO_OR_CAMERA HOST PORT

The live server sends to many programs already (docs/outputs.md), and streams to any (docs/api.md). This is for
programs that have neither: replace `packet` by what yours understands.
"""

import json
import socket
import sys
import time

import cv2

from face3d_live import ARKIT, Tracked, Tracker


def packet(face: Tracked, t: float) -> bytes:
    """What your program understands: here the coefficients by name, and where the head is, metres."""
    coefficients = {name: round(float(value), 4) for name, value in zip(ARKIT, face.codes.expression, strict=True)}
    return json.dumps({"t": t, "face": face.face, "place": face.codes.translation.tolist(), **coefficients}).encode()


def main(source: str, host: str, port: str) -> None:
    camera = cv2.VideoCapture(int(source) if source.isdigit() else source)
    tracker, out = Tracker.load(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    begun = time.monotonic()
    while True:
        there, bgr = camera.read()
        if not there:
            break
        t = time.monotonic() - begun
        face = tracker.update(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), t)
        out.sendto(packet(face, t), (host, int(port)))


if __name__ == "__main__":
    main(*sys.argv[1:])
