"""One frame with the detector and the network, for observing faces in it that are not tracked."""

from __future__ import annotations

from dataclasses import dataclass

from face3d_live.camera import Camera
from face3d_live.track.crop_placement import centre_of, crop_from_detection
from face3d_live.track.detector import Detection
from face3d_live.track.track_validation import validate_estimate
from face3d_live.track.turning import detect_near_turned, stepped
from face3d_live.track.types import DetectsFaces, EstimatesHeads, FaceEstimate
from face3d_live.typing import Rgb


@dataclass(frozen=True)
class Observation:
    """A frame (H, W, 3) with detector and network; implements `candidates.Observer`."""

    detector: DetectsFaces
    estimator: EstimatesHeads
    rgb: Rgb
    camera: Camera

    def detect_near(self, face: Detection) -> Detection | None:
        """A close-up detection at the place where a face was."""
        return detect_near_turned(self.detector, self.rgb, *centre_of(face), stepped(face.midline_roll))

    def estimate(self, face: Detection) -> FaceEstimate | None:
        """The network's estimate of a face; None where `validate_estimate` says "lost"."""
        crop = crop_from_detection(face, stepped(face.midline_roll))
        estimate = self.estimator.estimate(self.rgb, crop, self.camera)
        lost = validate_estimate(estimate, None, 0.0, (self.camera.width, self.camera.height)) == "lost"
        return None if lost else estimate
