"""The faces of a picture, which of them is meant, and the codes of that one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.reconstruct.advice import refusal
from face3d_live.regress.crop import crop_from_points
from face3d_live.regress.estimate import Estimate, Estimator
from face3d_live.still import look_again
from face3d_live.track.detector import SURE, Detection, Detector
from face3d_live.track.judge import judge
from face3d_live.track.placing import crop_from_detection

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]
#: "auto": the one face that is clearly meant; "largest"; or a number of `Finder.faces`.
Choice = Literal["auto", "largest"] | int

_BYSTANDER = 0.6  # a face of less than this share of the largest one's side is not meant
_TRIES = 2  # the detector is wrong now and then: so many of its faces are shown to the network


@dataclass(frozen=True)
class Face:
    """A face of a picture. number: 1 is the largest, doubtful ones last; box: x0, y0, x1, y1 pixels; score: 0..1."""

    number: int
    box: tuple[float, float, float, float]
    score: float

    @property
    def side(self) -> float:
        """Its longer side in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


@dataclass(frozen=True)
class Found:
    """A face and what is known of it. codes: in the camera; points: (478, 2) pixels as the network saw them, with
    sigma (478,); confidence: 0..1; others: further faces that were left out."""

    codes: HeadCodes
    camera: Camera
    confidence: float
    points: Array
    sigma: Array
    others: int = 0


def face_choice(text: str) -> Choice:
    """What a user typed. Raises InputError("no-such-face")."""
    if text in ("auto", "largest"):
        return text  # type: ignore[return-value]
    if text.isdecimal() and 0 < int(text) < 1000:
        return int(text)
    raise refusal("no-such-face", repr(text))


class Finder:
    """Detector and network together. For one thread."""

    def __init__(self, detector: Detector, estimator: Estimator) -> None:
        self._detector, self._estimator = detector, estimator

    def faces(self, rgb: Picture) -> list[Face]:
        """Every face of a picture, the largest first; none where there is none."""
        found = self._detector.detect(rgb)
        return [Face(i, _box(face), face.score) for i, face in enumerate(found, 1)]

    def find(self, rgb: Picture, choice: Choice = "auto") -> Found:
        """One face with its codes. Raises InputError: "no-face", "several-faces", "no-such-face"."""
        detections = self._detector.detect(rgb)
        sure = _beyond_doubt(detections)
        if isinstance(choice, int):
            candidates = [_by_number(detections, choice)]
        elif choice == "auto" and len(_meant(sure)) > 1:
            raise refusal("several-faces", _listed(sure, rgb.shape[1]))
        else:
            candidates = detections[:_TRIES]
        height, width = rgb.shape[:2]
        camera = Camera.webcam(width, height)
        for detection in candidates:
            estimate = self._estimate(rgb, detection, camera)
            if estimate is not None:
                look = look_again(self._estimator, rgb, estimate.codes, camera)
                confidence = float(estimate.confidence)
                return Found(look.codes, camera, confidence, look.points, look.sigma, max(len(sure) - 1, 0))
        raise refusal("no-face")

    def _estimate(self, rgb: Picture, face: Detection, camera: Camera) -> Estimate | None:
        """The network's answer in the crop that its own points ask for; None where it does not believe in a face."""
        size = camera.width, camera.height
        first = self._estimator.estimate(rgb, crop_from_detection(face), camera)
        if judge(first, None, 0.0, size) == "lost":
            return None
        second = self._estimator.estimate(rgb, crop_from_points(first.points_px), camera)
        verdict = judge(second, None, 0.0, size)
        return second if verdict == "good" or (verdict == "doubtful" and face.score >= SURE) else None


def _beyond_doubt(faces: Sequence[Detection]) -> list[Detection]:
    """The detector's sure faces, largest first; where it is sure of none, its first answer."""
    return [face for face in faces if face.score >= SURE] or list(faces[:1])


def _meant(faces: Sequence[Detection]) -> list[Detection]:
    """Those about as large as the largest."""
    largest = max((face.area for face in faces), default=0.0)
    return [face for face in faces if face.area > _BYSTANDER**2 * largest]


def _by_number(faces: Sequence[Detection], number: int) -> Detection:
    if not faces:
        raise refusal("no-face")
    if not 1 <= number <= len(faces):
        raise refusal("no-such-face", f"there are {len(faces)} faces")
    return faces[number - 1]


def _box(face: Detection) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(edge) for edge in face.box)
    return x0, y0, x1, y1


def _listed(faces: Sequence[Detection], width: int) -> str:
    """Where each number is, so that one can be chosen without seeing the boxes."""
    places = [f"{i} at {50 * (face.box[0] + face.box[2]) / width:.0f} %" for i, face in enumerate(faces, 1)]
    return f"{', '.join(places)} of the width"
