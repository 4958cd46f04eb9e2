"""The faces of a picture, which of them is meant, and the codes of that one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.points import EYE_CORNERS
from face3d_live.reconstruct.advice import refusal
from face3d_live.reconstruct.augmented_estimate import estimate_augmented
from face3d_live.reconstruct.frame import LEANING, PhotoFrame, frame_around
from face3d_live.reconstruct.rotation_consistency import disagreement
from face3d_live.reconstruct.search import search
from face3d_live.regress.crop import crop_from_points
from face3d_live.regress.estimate import Estimate, Estimator
from face3d_live.rotations import wrap_angle
from face3d_live.track.crop_placement import crop_from_detection
from face3d_live.track.detector import SURE, Detection, Detector
from face3d_live.track.track_validation import validate_estimate
from face3d_live.typing import Array, Picture

#: "auto": the one face that is clearly meant; "largest"; or a number of `Finder.faces`.
Choice = Literal["auto", "largest"] | int

_BYSTANDER = 0.6  # a face of less than this share of the largest one's side is not meant
_TRIES = 3  # detections tried with the network: some are no faces
#: The network's confidence below which a face is estimated the other ways up, too, and by how much one of those has to
#: be better. Of 80 portraits upright 76 have 0.8 and more, the least 0.54; upside down they have 0.51 at most.
_CONVINCED, _BETTER = 0.65, 0.15
#: Disagreement between rotated crops, see `rotation_consistency`: no face, and a face that is hard to see.
_NO_FACE, _HARD = 0.10, 0.05


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
    """A face with its codes. codes: camera frame; points: (478, 2) the network's, pixels, with sigma (478,).

    confidence: 0..1; others: number of further faces that were left out; frame: the part of the photo that camera and
    points refer to, None: the photo itself; steady: whether estimates in rotated crops agreed closely. coefficients:
    (n,) the network's own numbers, see `Prediction`.
    """

    codes: HeadCodes
    camera: Camera
    confidence: float
    points: Array
    sigma: Array
    others: int = 0
    frame: PhotoFrame | None = None
    steady: bool = True
    coefficients: Array = field(default_factory=lambda: np.zeros(0, np.float32))

    def picture(self, photo: Picture) -> Picture:
        """What the camera took."""
        return photo if self.frame is None else self.frame.picture

    def outside(self, photo: Picture, chosen: Sequence[int]) -> float:
        """Share of these of the points that lie beyond the photo (H, W, 3)."""
        points = self.points[list(chosen)] if self.frame is None else self.frame.in_photo(self.points[list(chosen)])
        size = photo.shape[1::-1] if self.frame is None else self.frame.size
        return float(((points < 0) | (points >= size)).any(1).mean())


@dataclass(frozen=True)
class Reading:
    """The network's estimate of a face in a frame. valid: whether it passed `validate_estimate`."""

    frame: PhotoFrame
    estimate: Estimate
    valid: bool


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
        """Every face of a photo of any size, the largest first; none where there is none."""
        return [Face(i, _box(face), face.score) for i, face in enumerate(search(self._detector, rgb), 1)]

    def find(self, rgb: Picture, choice: Choice = "auto", detections: Sequence[Detection] | None = None) -> Found:
        """One face of a photo of any size with its codes. detections: of `search`, where it was done before.

        Raises InputError: "no-face", "several-faces", "no-such-face".
        """
        detections = search(self._detector, rgb) if detections is None else list(detections)
        sure = _beyond_doubt(detections)
        if isinstance(choice, int):
            candidates = [_by_number(detections, choice)]
        elif choice == "auto" and len(_meant(sure)) > 1:
            raise refusal("several-faces", _listed(sure, rgb.shape[1]))
        else:
            candidates = detections[:_TRIES]
        for detection in candidates:
            read = self.upright(rgb, detection)
            found = None if read is None else self._refined(read)
            if found is not None:
                return replace(found, others=max(len(sure) - 1, 0))
        raise refusal("no-face")

    def upright(self, rgb: Picture, face: Detection) -> Reading | None:
        """The estimate of the face as it is, or turned upright where that is more confident; None without a face."""
        plain = self.read_frame(frame_around(rgb, face), face) if abs(face.roll) <= LEANING else None
        if plain is not None and plain.estimate.confidence >= _CONVINCED:
            return plain if plain.valid else None
        turned = [self.read_frame(frame_around(rgb, face, roll), face) for roll in _rolls(face)]
        others = [read for read in turned if read is not None and read.valid]
        best = max(others, key=lambda read: read.estimate.confidence, default=None)
        best = best if best is None else self._straightened(rgb, face, best)
        if plain is None or not plain.valid:
            return best
        better = best is not None and best.estimate.confidence > plain.estimate.confidence + _BETTER
        return best if better else plain

    def _straightened(self, rgb: Picture, face: Detection, read: Reading) -> Reading:
        """Estimated again with the roll left between its eye corners undone, where that is more confident."""
        x, y = read.estimate.points_px[EYE_CORNERS[1]] - read.estimate.points_px[EYE_CORNERS[0]]
        leaning = -math.atan2(y, x)  # y down
        if abs(leaning) <= LEANING / 2:
            return read
        again = self.read_frame(frame_around(rgb, face, read.frame.roll + leaning), face)
        better = again is not None and again.estimate.confidence > read.estimate.confidence
        return again if again is not None and better else read

    def read_frame(self, frame: PhotoFrame, face: Detection) -> Reading | None:
        """The network's second estimate in a frame, in the crop given by the first; None where it is "lost"."""
        centre, side = frame.here(face)
        near = self._detector.detect_near(frame.picture, centre, side) if frame.roll else None
        square = np.concatenate([centre - side / 2, centre + side / 2])
        here = near or Detection(square, face.score, face.keypoints)
        size = frame.camera.width, frame.camera.height
        first = self._estimator.estimate(frame.picture, crop_from_detection(here), frame.camera)
        if validate_estimate(first, None, 0.0, size) == "lost":
            return None
        again = crop_from_points(first.points_px)
        second = self._estimator.estimate(frame.picture, again, frame.camera, points=first.points_px)
        verdict = validate_estimate(second, None, 0.0, size)
        return Reading(frame, second, verdict == "good" or (verdict == "doubtful" and here.score >= SURE))

    def _refined(self, read: Reading) -> Found | None:
        """The face with its codes by test-time augmentation; None where estimates in rotated crops disagree."""
        frame = read.frame
        augmented = estimate_augmented(self._estimator, frame.picture, read.estimate.codes, frame.camera)
        apart = disagreement(self._estimator.regressor, frame.picture, augmented.points)
        if apart > _NO_FACE:
            return None
        return Found(
            augmented.codes,
            frame.camera,
            float(read.estimate.confidence),
            augmented.points,
            augmented.sigma,
            frame=frame,
            steady=apart <= _HARD,
            coefficients=augmented.coefficients,
        )


def _rolls(face: Detection) -> Iterator[float]:
    """Possible rolls of a face, radians: that of its keypoints, then those a half and a quarter turn from it."""
    own = 0.0 if abs(face.roll) <= LEANING else face.roll
    for turn in (0.0, math.pi, -math.pi / 2, math.pi / 2):
        roll = wrap_angle(own + turn)
        if abs(roll) > LEANING:
            yield roll


def _beyond_doubt(faces: Sequence[Detection]) -> list[Detection]:
    """The detections above `SURE`, largest first; where there are none, the first detection."""
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
