"""One face over time: found, followed by its own points, judged, smoothed, known again, let go.

A frame without a track asks the detector; the face found there is estimated twice, the second time in the crop that its
own points ask for. From then on the crop comes from the points of the frame before. `judge` says when that has stopped
making sense. Detector looks without a track are rationed by time: the cheap one at most ten times a second once the
face has been gone for a second, the tiles that find small faces less often still. `candidates` says when another face
of the picture gets the track, `turning` follows heads that are not upright.
"""

from __future__ import annotations

import time
from collections import deque

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.points import IBUG68_FROM_478
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.track import calibration as neutral
from face3d_live.track.calibration import Calibration
from face3d_live.track.candidates import FORGOTTEN, Candidates
from face3d_live.track.crop_placement import anchored, centre_of, crop_from_detection, strayed
from face3d_live.track.detector import SURE, Detection, Detector
from face3d_live.track.detector_schedule import Looks
from face3d_live.track.filters import NOMINAL_STEP, step
from face3d_live.track.identity import IdentityAverage
from face3d_live.track.observation import Sight
from face3d_live.track.smoothing import RELAXED, FaceSmoother, relaxed
from face3d_live.track.sweep import Sweep
from face3d_live.track.track_validation import (
    ASK_EVERY,
    LOW_CONFIDENCE,
    REFUSALS,
    UNBELIEVABLE,
    Last,
    box_of,
    grace,
    judge,
)
from face3d_live.track.turning import in_turned_pictures, near_turned, other_ways_up, roll_for, roll_of, stepped
from face3d_live.track.types import DetectsFaces, Estimate, EstimatesHeads, HasPoints, Tracked
from face3d_live.typing import AnyArray, Array, Device, Precision, Rgb

LANDMARKS = list(IBUG68_FROM_478)

FAMILIAR = 1.0  # seconds for which a lost face is preferred in its old place to the largest one
ALONE = 0.5  # seconds of them in which no other face is taken
NEARBY = 1.0  # sides of the face that it may have moved meanwhile

CONVINCING = 0.65  # confidence of a new face from which no other way up is tried; upside-down faces have up to 0.51
BETTER = 0.15  # by which the confidence of another way up must be higher
DISBELIEF = 0.5  # seconds of estimates that cannot be believed, after which a track ends


class Tracker:
    """Follows one face. Frames come in by `update`, in order; every frame gives a `Tracked`.

    estimator and head: `regress.estimate.Estimator` and `head.model.Head`; detector: the shipped one by default.
    smooth=False passes each frame's own codes through (its own shape, too) for measuring.
    `calibration` may be set to one from an earlier session. Not safe to share between threads.
    """

    def __init__(
        self,
        estimator: EstimatesHeads,
        head: HasPoints,
        detector: DetectsFaces | None = None,
        smooth: bool = True,
    ) -> None:
        self._estimator, self._smooth = estimator, smooth
        self._detector = detector or Detector.load()
        self._basis = head.point_basis()
        self._shape: Array | None = None  # that the next two belong to
        self._rest, self._units = self._basis.mean[LANDMARKS], self._basis.expression[:, LANDMARKS]
        self._identity = IdentityAverage()
        self._smoother = FaceSmoother()
        self.calibration: Calibration | None = None
        self.reset()

    @classmethod
    def load(cls, device: Device = "auto", precision: Precision = "auto", *, smooth: bool = True) -> Tracker:
        """A tracker on the models that come with the project. Raises AssetError where one is missing."""
        from face3d_live.head.model import Head
        from face3d_live.regress.estimate import Estimator
        from face3d_live.regress.runtime import Regressor

        head = Head.load()
        return cls(Estimator(Regressor.load(device, precision=precision), head), head, smooth=smooth)

    def reset(self) -> None:
        """Forget the face and the person; the calibration stays."""
        self._identity.reset()
        self._camera: Camera | None = None
        self._stamp: float | None = None
        self._now = 0.0  # seconds, never running back, whatever the timestamps do
        self._shown = HeadCodes()
        self._shown_at = -RELAXED
        self._looks = Looks()
        self._candidates, self._sweep = Candidates(), Sweep()
        self._end_track()
        self._old_place: tuple[AnyArray, float] | None = None

    def update(self, rgb: Rgb, t: float) -> Tracked:
        """The face in a frame (H, W, 3) taken at `t` seconds. Raises nothing for odd pictures: they hold no face."""
        begun = time.perf_counter()
        self._tick(t)
        camera = self._camera_of(rgb)
        estimate = self._follow(rgb, camera) if self._last is not None else None
        if self._last is None:
            estimate = self._acquire(rgb, camera)
        elif estimate is not None and (self._sweep.due(self._now) or self._candidates.due(self._now)):
            estimate = self._reconsider(rgb, camera) or estimate
        if estimate is None:
            codes = relaxed(self._shown, self._now - self._shown_at)
            nowhere = np.full((len(LANDMARKS), 2), np.nan, np.float32)
            seen, raw, own, landmarks, confidence = codes, codes, codes.shape, nowhere, 0.0
        else:
            raw, own, confidence = estimate.codes, estimate.predicted.shape, float(estimate.confidence)
            seen = self._settle(estimate)
            landmarks = self._landmarks(seen, camera)
            codes = self.calibration.apply(seen) if self.calibration else seen
            self._shown, self._shown_at = codes, self._now
        ms = (time.perf_counter() - begun) * 1e3
        face = estimate is not None
        return Tracked(face, codes, seen, raw, own, landmarks, confidence, ms, camera, self._identity.shape.copy())

    def calibrate(self, step: str = "neutral") -> Calibration:
        """Take the face of the last half second as neutral, or that of the last second and a half as the full movement
        of a step of `calibration.STEPS`. Raises InputError, see `Calibration.measure` and `Calibration.widened`."""
        known = self.calibration or Calibration.nothing()
        if step == "neutral":
            # Half a second of pictures; on a slow machine as many as are needed, of a little longer.
            still = sum(self._now - t <= neutral.SPAN for t, _ in self._recent)
            self.calibration = known.again([codes for _, codes in self._recent][-max(still, neutral.LEAST) :])
        else:
            self.calibration = known.widened(step, [codes for _, codes in self._recent])
        return self.calibration

    def _tick(self, t: float) -> None:
        """Advance the own clock by what the frame's timestamp says, or by something sensible where it is no use."""
        if not np.isfinite(t):
            self._now += NOMINAL_STEP
            return
        dt = step(self._stamp, t)
        if dt is None:
            ahead = t - self._stamp if self._stamp is not None else 0.0
            dt = ahead if ahead > 0 else FAMILIAR + NOMINAL_STEP  # a clock set back: as good as a long gap
            if dt > FAMILIAR:
                self._end_track()
        self._now += dt
        self._stamp = t

    def _camera_of(self, rgb: Rgb) -> Camera:
        height, width = rgb.shape[:2]
        if self._camera is None or (self._camera.width, self._camera.height) != (width, height):
            self._camera = Camera.webcam(width, height)
            self._end_track()
            self._old_place = None
        return self._camera

    def _end_track(self) -> None:
        self._last: Last | None = None
        self._recent: deque[tuple[float, HeadCodes]] = deque()
        self._asked = self._seen_at = self._believed = self._now
        self._refusals = 0
        self._smoother.reset()

    # --- with a track -------------------------------------------------------------------------------------------------

    def _follow(self, rgb: Rgb, camera: Camera) -> Estimate | None:
        """This frame's estimate in the crop that the last frame's points ask for.

        None where it cannot be believed: the track then ends, or tries the same place again in the next frame.
        """
        assert self._last is not None
        size, roll = (camera.width, camera.height), self._crop.roll
        estimate = self._estimate(rgb, self._crop, camera)
        verdict = judge(estimate, self._last, self._now, size)
        face: Detection | None = None
        if verdict == "doubtful" or (verdict == "good" and self._now - self._asked >= ASK_EVERY):
            face = near_turned(self._detector, rgb, *box_of(self._last.points), roll)
            self._asked = self._now
            if face is not None:
                self._seen_at, self._refusals = self._now, 0
                if verdict == "doubtful":
                    roll = stepped(roll_of(face), roll)
                # A poor fit's own points may lead it astray little by little.
                if roll != self._crop.roll or strayed(estimate, face, roll):
                    estimate = self._estimate(rgb, crop_from_detection(face, roll), camera)
                    verdict = judge(estimate, None, self._now, size)
            elif verdict == "doubtful":
                self._refusals += 1
                if self._refusals < REFUSALS:
                    return None
                verdict = "lost"
            elif self._now - self._seen_at >= grace(estimate.codes):
                verdict = "lost"
        if estimate.confidence >= UNBELIEVABLE:
            self._believed = self._now
        if verdict == "lost" or self._now - self._believed > DISBELIEF:
            self._end_track()
            return None
        if estimate.confidence < UNBELIEVABLE:
            return None
        self._keep(estimate, roll_for(estimate.codes, roll) if verdict == "good" else roll, face)
        return estimate

    def _keep(self, estimate: Estimate, roll: float, face: Detection | None = None) -> None:
        """Remember a believed estimate, and where to crop next."""
        self._last = Last(estimate.points_px, estimate.codes, self._now)
        self._old_place = box_of(estimate.points_px)
        self._crop = crop_from_points(estimate.points_px, roll)
        if face is not None:
            self._crop = anchored(self._crop, crop_from_detection(face, roll))

    def _reconsider(self, rgb: Rgb, camera: Camera) -> Estimate | None:
        """The estimate of another face that gets the track, or None."""
        assert self._last is not None

        place, faces = box_of(self._last.points), []
        if self._sweep.due(self._now):
            faces = self._sweep.faces(self._detector, rgb, place[1], self._crop.roll, self._now)
        sight = Sight(self._detector, self._estimator, rgb, camera)
        winner = self._candidates.look(faces, place, self._identity, sight, self._now, FORGOTTEN * self._sweep.round)
        if winner is None:
            return None
        before, self._identity = self._identity, self._candidates.identity_of(winner)
        estimate = self._begin(rgb, camera, winner.face)
        if estimate is None:
            self._identity = before
        return estimate

    def _estimate(self, rgb: Rgb, crop: Crop, camera: Camera) -> Estimate:
        known = self._identity.shape if self._smooth and self._identity.known else None
        return self._estimator.estimate(rgb, crop, camera, known)

    # --- without ------------------------------------------------------------------------------------------------------

    def _acquire(self, rgb: Rgb, camera: Camera) -> Estimate | None:
        """A new track where the detector sees a face and the estimate agrees, or None."""
        finest = self._looks.next(self._now, fresh=self._now - self._shown_at < FAMILIAR)
        if finest is None:
            return None
        estimate = self._begin_any(rgb, camera, self._detector.detect(rgb, finest=finest))
        if estimate is None and self._looks.turned("picture", self._now):
            estimate = self._begin_any(rgb, camera, in_turned_pictures(self._detector, rgb))
        return estimate

    def _begin_any(self, rgb: Rgb, camera: Camera, faces: list[Detection]) -> Estimate | None:
        begun = (self._begin(rgb, camera, face) for face in self._by_preference(faces)[:2])
        return next((estimate for estimate in begun if estimate is not None), None)

    def _begin(self, rgb: Rgb, camera: Camera, face: Detection) -> Estimate | None:
        """A track of a detected face, whichever way up it is, or None where the estimate does not agree."""
        roll, size = stepped(roll_of(face)), (camera.width, camera.height)
        estimate = self._look_twice(rgb, camera, face, roll)
        best = 0.0 if estimate is None else estimate.confidence
        if best < CONVINCING and self._looks.turned("face", self._now):
            best += BETTER
            for seen, way in other_ways_up(self._detector, rgb, face, roll):
                other = self._look_twice(rgb, camera, seen, way, LOW_CONFIDENCE)
                if other is not None and other.confidence > best:
                    estimate, face, roll, best = other, seen, way, other.confidence
        if estimate is None or estimate.confidence < UNBELIEVABLE:
            return None
        verdict = judge(estimate, None, self._now, size)
        if verdict == "lost" or (verdict == "doubtful" and (face.score < SURE or strayed(estimate, face, roll))):
            return None
        self._end_track()
        self._identity.begin_track(self._now - self._shown_at)
        self._candidates.begin(self._now)
        self._sweep.begin(self._now)
        self._keep(estimate, roll_for(estimate.codes, roll))
        return estimate

    def _look_twice(
        self, rgb: Rgb, camera: Camera, face: Detection, roll: float, least: float = 0.0
    ) -> Estimate | None:
        """The estimate in the crop that the face's own points ask for, or None where there is no face: the first one
        has less than the `least` confidence, or makes no sense."""
        estimate = self._estimate(rgb, crop_from_detection(face, roll), camera)
        lost = judge(estimate, None, self._now, (camera.width, camera.height)) == "lost"
        if lost or estimate.confidence < least:
            return None
        return self._estimate(rgb, crop_from_points(estimate.points_px, roll), camera)

    def _by_preference(self, faces: list[Detection]) -> list[Detection]:
        """Largest first; but a face lost a moment ago before all others, and at first no others at all."""
        gone = self._now - self._shown_at
        if self._old_place is None or gone > FAMILIAR or not faces:
            return faces
        place, side = self._old_place
        away = np.array([np.linalg.norm(centre_of(face)[0] - place) / side for face in faces])
        order = np.argsort(away, kind="stable")
        return [faces[i] for i in order if away[i] < NEARBY or gone > ALONE]

    # --- what comes of it ---------------------------------------------------------------------------------------------

    def _settle(self, estimate: Estimate) -> HeadCodes:
        """The codes as seen: smoothed, with the averaged identity; and the memories kept for later."""
        self._identity.update(estimate.predicted, estimate.confidence)
        self._identity.learn(estimate.missing, estimate.codes, estimate.confidence)
        seen = estimate.codes
        if self._smooth:
            seen = seen.with_(shape=self._identity.shape, texture=self._identity.texture)
            seen = self._smoother(seen, self._now)
        self._recent.append((self._now, seen))
        self._candidates.follow(seen, self._identity, box_of(estimate.points_px)[1], self._now)
        while self._now - self._recent[0][0] > neutral.RANGE_SPAN:
            self._recent.popleft()
        return seen

    def _landmarks(self, codes: HeadCodes, camera: Camera) -> Array:  # -> (68, 2) pixels
        # No eyeball carries one of the 68, so that the basis is exact for them.
        if self._shape is None or not np.array_equal(codes.shape, self._shape):  # an averaged identity changes rarely
            self._shape = codes.shape
            self._rest = self._basis.mean[LANDMARKS] + np.tensordot(codes.shape, self._basis.shape[:, LANDMARKS], 1)
            self._units = self._basis.units(codes.shape)[:, LANDMARKS]
        head = self._rest + np.tensordot(codes.expression, self._units, 1)
        if self._smooth:
            head = head + self._identity.offset[LANDMARKS]
        return camera.project(head @ codes.rotation.T + codes.translation)
