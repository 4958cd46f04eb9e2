"""Protocols of what the tracker uses, and its result, `Tracked`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.regress.crop import Crop
from face3d_live.track.detector import Detection
from face3d_live.typing import AnyArray, Array, Rgb


class FaceEstimate(Protocol):
    """A head estimated in one crop; `face3d_live.regress.estimate` makes them.

    points_px: (478, 2) frame pixels. confidence: 0..1. residual: mean distance of the fitted head's points from
    the network's, as a fraction of the eye distance. predicted: the network's own codes, before the fit.
    point_offsets: (478, 3) from the fitted head's points to the network's, metres, head frame.
    """

    @property
    def codes(self) -> HeadCodes: ...
    @property
    def points_px(self) -> Array: ...
    @property
    def confidence(self) -> float: ...
    @property
    def residual(self) -> float: ...
    @property
    def predicted(self) -> HeadCodes: ...
    @property
    def point_offsets(self) -> Array: ...


class EstimatesHeads(Protocol):
    """The network with its fit."""

    def estimate(
        self,
        frame_rgb: Rgb,
        crop: Crop,
        camera: Camera,
        identity: Array | None = None,
        points: AnyArray | None = None,
    ) -> FaceEstimate:
        """The head in a crop of a frame; `identity` (80,) is its shape where that is known; `points` (478, 2) frame
        pixels are those of the estimate before this one, where there is one."""


class DetectsFaces(Protocol):
    """`face3d_live.track.detector.Detector`, or a stand-in."""

    def detect(self, rgb: Rgb, *, finest: int = ...) -> list[Detection]: ...
    def detect_near(self, rgb: Rgb, centre: AnyArray, side: float) -> Detection | None: ...


class Points(Protocol):
    """`face3d_live.head.model.PointBasis`: the 478 points as a function of the codes, metres."""

    @property
    def mean(self) -> Array: ...  # (478, 3)
    @property
    def shape(self) -> Array: ...  # (80, 478, 3)
    @property
    def expression(self) -> Array: ...  # (52, 478, 3)
    def units(self, shape: AnyArray) -> Array: ...  # (80,) -> (52, 478, 3)


class HasPoints(Protocol):
    """The part of `face3d_live.head.model.Head` that landmarks need."""

    def point_basis(self) -> Points: ...


@dataclass(frozen=True)
class Tracked:
    """A face at one moment.

    face: one was seen in this very frame. codes: smoothed and relative to the neutral face, what avatars and engines
    get; without a face held for a moment, then relaxed to neutral. seen: smoothed, as in the picture (not calibrated),
    what overlays and textures need. raw: this frame's own codes, as fitted. own_shape: (80,) the network's shape of
    this frame, before averaging. landmarks: (68, 2) pixels of the seen head, NaN without a face. confidence: 0..1.
    ms: wall milliseconds of this update. camera: of this frame's size. identity: (80,) the averaged shape.
    """

    face: bool
    codes: HeadCodes
    seen: HeadCodes
    raw: HeadCodes
    own_shape: Array
    landmarks: Array
    confidence: float
    ms: float
    camera: Camera
    identity: Array
