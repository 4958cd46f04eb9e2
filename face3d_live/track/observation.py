"""One frame as the detector and the network see a face in it that is not tracked."""

from __future__ import annotations

from dataclasses import dataclass

from face3d_live.camera import Camera
from face3d_live.track.crop_placement import centre_of, crop_from_detection
from face3d_live.track.detector import Detection
from face3d_live.track.track_validation import judge
from face3d_live.track.turning import near_turned, roll_of, stepped
from face3d_live.track.types import DetectsFaces, Estimate, EstimatesHeads
from face3d_live.typing import Rgb


@dataclass(frozen=True)
class Sight:
    """A frame (H, W, 3) and what looks at it; `candidates.Eyes`."""

    detector: DetectsFaces
    estimator: EstimatesHeads
    rgb: Rgb
    camera: Camera

    def near(self, face: Detection) -> Detection | None:
        """The detector's close look at the place where a face was."""
        return near_turned(self.detector, self.rgb, *centre_of(face), stepped(roll_of(face)))

    def view(self, face: Detection) -> Estimate | None:
        """The network's estimate of a face; None where that makes no sense."""
        crop = crop_from_detection(face, stepped(roll_of(face)))
        estimate = self.estimator.estimate(self.rgb, crop, self.camera)
        lost = judge(estimate, None, 0.0, (self.camera.width, self.camera.height)) == "lost"
        return None if lost else estimate
