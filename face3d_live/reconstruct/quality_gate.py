"""Quality gate: refuses faces that are too poor for a head, and warns of those that are just good enough.

Thresholds of sharpness and light: 260 portraits of 256 pixels (face 116 wide), as they are and blurred. Sharpness is
above 0.27 in 99 % of them, 0.15 after a Gaussian blur of 2 pixels and 0.10 after 4. The brightest tenth of a face is
above 82 of 255 on all of them, the 99 darkest skins (ITA below 0 degrees) included.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.points import OVAL
from face3d_live.reconstruct.advice import refusal
from face3d_live.reconstruct.find import Found
from face3d_live.reconstruct.search import LEAST_FACE
from face3d_live.regress.crop import CROP_MARGIN, Crop, crop_from_points
from face3d_live.rotations import to_euler
from face3d_live.typing import Picture

SURE = 0.5  # confidence below which the result is conservative
SMALL_FACE = 96  # pixels of the box around the face
LEAST_SHARPNESS, SOFT = 0.085, 0.16
LEAST_LIGHT, DIM = 36.0, 60.0  # of 255: the brightest tenth of the face
SILHOUETTE, BACKLIGHT = 64.0, 190.0  # the same against the brighter quarter of what is around it
CUT_OFF, AT_EDGE = 0.15, 0.02  # share of the face's outline outside the photo
MOST_YAW, MOST_PITCH, TURNED = np.radians(62.0), np.radians(50.0), np.radians(35.0)
_SIDE = 96


@dataclass(frozen=True)
class Quality:
    """Measured quality. face: side in pixels; sharpness: see `sharpness`; light: of 255; outside: share of the face's
    outline beyond the photo; yaw, pitch: radians. warnings: codes of `advice.WARNINGS`. conservative: the result
    gets a small texture, no added detail, and a shape moved towards the mean."""

    face: float
    sharpness: float
    light: float
    outside: float
    yaw: float
    pitch: float
    confidence: float
    warnings: tuple[str, ...]
    conservative: bool

    def to_json(self) -> dict[str, float]:
        """The figures, for report.json; angles in degrees."""
        return {
            "face_pixels": round(self.face, 1),
            "sharpness": round(self.sharpness, 3),
            "light": round(self.light, 1),
            "outside": round(self.outside, 3),
            "yaw_deg": round(float(np.degrees(self.yaw)), 1),
            "pitch_deg": round(float(np.degrees(self.pitch)), 1),
        }


def assess(rgb: Picture, found: Found) -> Quality:
    """The quality of a face of a photo (H, W, 3).

    Raises InputError: "too-small", "extreme-pose", "cropped", "too-dark", "blurred".
    """
    crop = crop_from_points(found.points)
    face = 2 * crop.half / CROP_MARGIN
    if face < LEAST_FACE:
        raise refusal("too-small", f"the face is {face:.0f} pixels wide")
    yaw, pitch = _turn(found.codes, found.camera)
    if abs(yaw) > MOST_YAW or abs(pitch) > MOST_PITCH:
        raise refusal("extreme-pose", f"{np.degrees(yaw):.0f} degrees sideways, {np.degrees(pitch):.0f} up or down")
    outside = found.outside(rgb, OVAL)
    if outside > CUT_OFF:
        raise refusal("cropped")
    rgb = found.picture(rgb)
    grey = cv2.cvtColor(Crop(crop.x, crop.y, face / 2).extract(rgb, _SIDE), cv2.COLOR_RGB2GRAY)
    around = cv2.cvtColor(Crop(crop.x, crop.y, 1.2 * face).extract(rgb, _SIDE), cv2.COLOR_RGB2GRAY)
    light = float(np.percentile(grey[_SIDE // 6 : -_SIDE // 6, _SIDE // 6 : -_SIDE // 6], 90))
    behind = float(np.percentile(around, 75))
    if light < LEAST_LIGHT or (light < SILHOUETTE and behind > BACKLIGHT):
        raise refusal("too-dark")
    sharp = sharpness(grey)
    if sharp < LEAST_SHARPNESS:
        raise refusal("blurred")
    checks = {
        "unsure": found.confidence < SURE or not found.steady,
        "small": face < SMALL_FACE,
        "soft": sharp < SOFT,
        "dim": light < DIM,
        "turned": abs(yaw) > TURNED,
        "edge": outside > AT_EDGE,
        "others": found.others > 0,
        "rotated": found.frame is not None and found.frame.roll != 0,
    }
    warnings = tuple(code for code, true in checks.items() if true)
    conservative = bool({"unsure", "small", "soft", "dim"} & set(warnings))
    return Quality(face, sharp, light, outside, yaw, pitch, found.confidence, warnings, conservative)


def sharpness(grey: Picture) -> float:  # (96, 96)
    """Fine against coarse detail of a face that fills the picture: does not depend on contrast or brightness."""
    plain = grey.astype(np.float32)
    fine, middle, coarse = (cv2.GaussianBlur(plain, (0, 0), sigma) for sigma in (1.0, 2.5, 6.0))
    return float(np.abs(plain - fine).mean() / max(float(np.abs(middle - coarse).mean()), 0.5))


def _turn(codes: HeadCodes, camera: Camera) -> tuple[float, float]:
    """(yaw, pitch), radians, of the face against its viewing ray: away from the axis they differ from the pose's."""
    yaw, pitch, _ = to_euler(codes.rotation)
    x, y, z = codes.translation
    return yaw + float(np.arctan2(x, -z)), pitch - float(np.arctan2(y, -z))
