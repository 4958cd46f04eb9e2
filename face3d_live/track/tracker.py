"""`Tracker`: one face over time, from acquisition by the detector to the end of its track.

A frame without a track runs the detector. The face found there is estimated twice, the second time in the crop that its
own points give. From then on the crop comes from the points of the frame before. `track_validation` says when an
estimate is implausible and when the track ends. Without a track, `detector_schedule` limits the detector's rate.
`candidates` says when the track switches to another face of the picture, `turning` follows heads that are not upright.
"""

from __future__ import annotations

import time
from collections import deque

import numpy as np

from face3d_live.camera import Camera
from face3d_live.checks import checked_finite, checked_rgb
from face3d_live.codes import HeadCodes
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.regress.estimate import EstimateRequest
from face3d_live.track import calibration as neutral
from face3d_live.track.calibration import Calibration
from face3d_live.track.candidates import FORGOTTEN, Candidates
from face3d_live.track.clock import FAMILIAR, FrameClock
from face3d_live.track.crop_placement import anchored, centre_of, crop_from_detection, strayed
from face3d_live.track.detector import SURE, Detection, Detector
from face3d_live.track.detector_schedule import DetectorSchedule
from face3d_live.track.identity import IdentityAverage, frame_share
from face3d_live.track.landmarks import N_LANDMARKS, Landmarks
from face3d_live.track.observation import Observation
from face3d_live.track.smoothing import RELAXED, FaceSmoother, relaxed
from face3d_live.track.sweep import Sweep
from face3d_live.track.track_validation import (
    DETECTOR_PERIOD,
    LOW_CONFIDENCE,
    MAX_MISSES,
    UNBELIEVABLE,
    PreviousFrame,
    box_of,
    miss_tolerance,
    validate_estimate,
)
from face3d_live.track.turning import detect_in_turned_pictures, detect_near_turned, other_ways_up, roll_for, stepped
from face3d_live.track.types import DetectsFaces, EstimatesHeads, FaceEstimate, HasPoints, Tracked
from face3d_live.typing import AnyArray, Device, Precision, Rgb

# For `FAMILIAR` seconds a lost face is preferred near its old place to the largest one.
ALONE = 0.5  # seconds of them in which no other face is taken
NEARBY = 1.0  # sides of the face that it may have moved meanwhile
CONVINCING = 0.65  # confidence of a new face from which no other way up is tried; upside-down faces have up to 0.51
BETTER = 0.15  # by which the confidence of another way up must be higher
DISBELIEF = 0.5  # seconds of estimates below `UNBELIEVABLE` after which a track ends


class Tracker:
    """Follows one face. Frames come in by `update`, in order; every frame gives a `Tracked`.

    estimator and head: `regress.estimate.Estimator` and `head.model.Head`; detector: the shipped one by default.
    smooth=False passes each frame's own codes through (its own shape, too) for measuring.
    `calibration` may be set to one from an earlier session. Not safe to share between threads.
    """

    def __init__(
        self, estimator: EstimatesHeads, head: HasPoints, detector: DetectsFaces | None = None, smooth: bool = True
    ) -> None:
        self._estimator, self._smooth = estimator, smooth
        self._detector = detector or Detector.load()
        self._landmarks = Landmarks(head)
        self._identity = IdentityAverage()
        self._smoother = FaceSmoother()
        self.calibration: Calibration | None = None
        self.reset()

    @classmethod
    def load(
        cls, device: Device = "auto", precision: Precision = "auto", *, smooth: bool = True, regressor: str = "own"
    ) -> Tracker:
        """A tracker on the models that come with the project, or on another regressor (`deep3d:FOLDER`).

        Raises AssetError where a file is missing, InputError "bad-regressor".
        """
        from face3d_live.head.model import Head
        from face3d_live.regress.choose import load_regressor
        from face3d_live.regress.estimate import Estimator

        head = Head.load()
        network = load_regressor(regressor, head, device, precision)
        return cls(Estimator(network, head), head, smooth=smooth)

    def reset(self) -> None:
        """Forget the face and the person; the calibration stays."""
        self._identity.reset()
        self._camera: Camera | None = None
        self._clock, self._share = FrameClock(), 1.0
        self._shown = HeadCodes()
        self._shown_at = -RELAXED
        self._schedule = DetectorSchedule()
        self._candidates, self._sweep = Candidates(), Sweep()
        self._wanted: tuple[float, float] | None = None
        self._end_track()
        self._previous_place: tuple[AnyArray, float] | None = None

    def request(self, rgb: Rgb) -> EstimateRequest | None:
        """What the next `update` will ask the estimator first, for estimates of several faces at once; None while no
        face is tracked, and for a frame (H, W, 3) of another size than the last."""
        camera = self._camera
        if self._previous is None or camera is None or rgb.shape[1::-1] != (camera.width, camera.height):
            return None
        return EstimateRequest(rgb, self._crop, camera, self._known_shape, self._previous.points)

    def update(self, rgb: Rgb, t: float, estimate: FaceEstimate | None = None) -> Tracked:
        """The face in a frame (H, W, 3) uint8 RGB of any size, taken at `t` seconds.

        estimate: of this frame's `request`, where it was made. Raises ValueError, and changes nothing, for other arrays
        (see `checks.checked_rgb`) and for a `t` that is not finite.
        """
        begun = time.perf_counter()
        rgb, t = checked_rgb(rgb, "frame"), checked_finite(t, "t")
        before = self._now
        if self._clock.advance(t):
            self._end_track()
        self._share = frame_share(self._now - before)
        camera = self._camera_of(rgb)
        wanted = self._begin_wanted(rgb, camera)
        begins = wanted is not None or self._previous is None
        estimate = wanted if begins else self._follow(rgb, camera, estimate)
        if self._previous is None:
            estimate = self._acquire(rgb, camera)
        elif (
            estimate is not None
            and not self._chosen
            and (self._sweep.due(self._now) or self._candidates.due(self._now))
        ):
            estimate = self._switch_face(rgb, camera) or estimate
        if estimate is None:
            codes = relaxed(self._shown, self._now - self._shown_at)
            nowhere = np.full((N_LANDMARKS, 2), np.nan, np.float32)
            seen, raw, own, landmarks, confidence = codes, codes, codes.shape, nowhere, 0.0
        else:
            raw, own, confidence = estimate.codes, estimate.predicted.shape, float(estimate.confidence)
            seen = self._smoothed(estimate)
            landmarks = self._landmarks.project(seen, camera, self._identity.offset if self._smooth else None)
            codes = self.calibration.apply(seen) if self.calibration else seen
            self._shown, self._shown_at = codes, self._now
        ms, shape = (time.perf_counter() - begun) * 1e3, self._identity.shape.copy()
        return Tracked(estimate is not None, codes, seen, raw, own, landmarks, confidence, ms, camera, shape)

    def follow(self, x: float, y: float) -> None:
        """Follow the person there: at the next frame the face nearest to the place gets the track, if it is within its
        own size of it, as a person of its own. No other one takes the track while it lasts. x, y: fractions of the
        frame, from its left and its top."""
        self._wanted = x, y

    def calibrate(self, step: str = "neutral") -> Calibration:
        """Take the face of the last half second as neutral, or that of the last second and a half as the full movement
        of a step of `calibration.STEPS`. Raises InputError, see `Calibration.measure` and `Calibration.with_range`."""
        known = self.calibration or Calibration.identity()
        if step == "neutral":
            # The frames of half a second; on a slow machine the last `LEAST` frames, which took longer.
            still = sum(self._now - t <= neutral.SPAN for t, _ in self._recent)
            self.calibration = known.with_neutral([codes for _, codes in self._recent][-max(still, neutral.LEAST) :])
        else:
            self.calibration = known.with_range(step, [codes for _, codes in self._recent])
        return self.calibration

    @property
    def _now(self) -> float:
        return self._clock.now

    def _camera_of(self, rgb: Rgb) -> Camera:
        height, width = rgb.shape[:2]
        if self._camera is None or (self._camera.width, self._camera.height) != (width, height):
            self._camera = Camera.webcam(width, height)
            self._end_track()
            self._previous_place = None
        return self._camera

    def _end_track(self) -> None:
        self._previous: PreviousFrame | None = None
        self._chosen = False  # by `follow`: no other face is compared with it
        self._recent: deque[tuple[float, HeadCodes]] = deque()
        self._asked = self._seen_at = self._believed = self._now
        self._misses = 0.0
        self._smoother.reset()

    # --- with a track -------------------------------------------------------------------------------------------------

    def _follow(self, rgb: Rgb, camera: Camera, estimate: FaceEstimate | None) -> FaceEstimate | None:
        """This frame's estimate in the crop given by the last frame's points.

        None where it is not to be used: the track then ends, or tries the same place again in the next frame.
        """
        assert self._previous is not None
        size, roll = (camera.width, camera.height), self._crop.roll
        if estimate is None:
            estimate = self._estimate(rgb, self._crop, camera, self._previous.points)
        verdict = validate_estimate(estimate, self._previous, self._now, size)
        face: Detection | None = None
        if verdict == "doubtful" or (verdict == "good" and self._now - self._asked >= DETECTOR_PERIOD):
            face = detect_near_turned(self._detector, rgb, *box_of(self._previous.points), roll)
            self._asked = self._now
            if face is not None:
                self._seen_at, self._misses = self._now, 0.0
                if verdict == "doubtful":
                    roll = stepped(face.midline_roll, roll)
                # The points of a poor fit may drift away from the face from frame to frame.
                if roll != self._crop.roll or strayed(estimate, face, roll):
                    estimate = self._estimate(rgb, crop_from_detection(face, roll), camera)
                    verdict = validate_estimate(estimate, None, self._now, size)
            elif verdict == "doubtful":
                self._misses += self._share
                if self._misses < MAX_MISSES:
                    return None
                verdict = "lost"
            elif self._now - self._seen_at >= miss_tolerance(estimate.codes):
                verdict = "lost"
        if estimate.confidence >= UNBELIEVABLE:
            self._believed = self._now
        if verdict == "lost" or self._now - self._believed > DISBELIEF:
            self._end_track()
            return None
        if estimate.confidence < UNBELIEVABLE:
            return None
        self._continue_track(estimate, roll_for(estimate.codes, roll) if verdict == "good" else roll, face)
        return estimate

    def _continue_track(self, estimate: FaceEstimate, roll: float, face: Detection | None = None) -> None:
        """Remember a valid estimate, and where to crop next."""
        self._previous = PreviousFrame(estimate.points_px, estimate.codes, self._now)
        self._previous_place = box_of(estimate.points_px)
        self._crop = crop_from_points(estimate.points_px, roll)
        if face is not None:
            self._crop = anchored(self._crop, crop_from_detection(face, roll))

    def _switch_face(self, rgb: Rgb, camera: Camera) -> FaceEstimate | None:
        """The estimate of another face that the track switches to, or None."""
        assert self._previous is not None
        place, faces = box_of(self._previous.points), []
        if self._sweep.due(self._now):
            faces = self._sweep.faces(self._detector, rgb, place[1], self._crop.roll, self._now)
        observation = Observation(self._detector, self._estimator, rgb, camera)
        winner = self._candidates.update(
            faces, place, self._identity, observation, self._now, FORGOTTEN * self._sweep.round
        )
        if winner is None:
            return None
        before, self._identity = self._identity, self._candidates.identity_of(winner)
        estimate = self._begin_track(rgb, camera, winner.face)
        if estimate is None:
            self._identity = before
        return estimate

    def _begin_wanted(self, rgb: Rgb, camera: Camera) -> FaceEstimate | None:
        """The estimate of the face that `follow` asked for; None where nothing was asked, or nobody is there."""
        if self._wanted is None:
            return None
        place = np.array(self._wanted) * (camera.width, camera.height)
        self._wanted = None
        away = [(float(np.linalg.norm(centre_of(face)[0] - place)), face) for face in self._detector.detect(rgb)]
        distance, nearest = min(away, key=lambda pair: pair[0], default=(np.inf, None))
        if nearest is None or distance > centre_of(nearest)[1]:
            return None
        before, self._identity = self._identity, IdentityAverage()
        estimate = self._begin_track(rgb, camera, nearest)
        if estimate is None:
            self._identity = before
        self._chosen |= estimate is not None
        return estimate

    def _estimate(self, rgb: Rgb, crop: Crop, camera: Camera, points: AnyArray | None = None) -> FaceEstimate:
        return self._estimator.estimate(rgb, crop, camera, self._known_shape, points)

    @property
    def _known_shape(self) -> AnyArray | None:
        return self._identity.shape if self._smooth and self._identity.known else None

    # --- without a track ----------------------------------------------------------------------------------------------

    def _acquire(self, rgb: Rgb, camera: Camera) -> FaceEstimate | None:
        """A new track where the detector finds a face and its estimate is valid, or None."""
        finest = self._schedule.next(self._now, fresh=self._now - self._shown_at < FAMILIAR)
        if finest is None:
            return None
        estimate = self._begin_first(rgb, camera, self._detector.detect(rgb, finest=finest))
        if estimate is None and self._schedule.due_turned("picture", self._now):
            estimate = self._begin_first(rgb, camera, detect_in_turned_pictures(self._detector, rgb))
        return estimate

    def _begin_first(self, rgb: Rgb, camera: Camera, faces: list[Detection]) -> FaceEstimate | None:
        begun = (self._begin_track(rgb, camera, face) for face in self._by_preference(faces)[:2])
        return next((estimate for estimate in begun if estimate is not None), None)

    def _begin_track(self, rgb: Rgb, camera: Camera, face: Detection) -> FaceEstimate | None:
        """A track of a detected face, whichever way up it is, or None where the estimate does not agree."""
        roll, size = stepped(face.midline_roll), (camera.width, camera.height)
        estimate = self._estimate_twice(rgb, camera, face, roll)
        best = 0.0 if estimate is None else estimate.confidence
        if best < CONVINCING and self._schedule.due_turned("face", self._now):
            best += BETTER
            for seen, way in other_ways_up(self._detector, rgb, face, roll):
                other = self._estimate_twice(rgb, camera, seen, way, LOW_CONFIDENCE)
                if other is not None and other.confidence > best:
                    estimate, face, roll, best = other, seen, way, other.confidence
        if estimate is None or estimate.confidence < UNBELIEVABLE:
            return None
        verdict = validate_estimate(estimate, None, self._now, size)
        if verdict == "lost" or (verdict == "doubtful" and (face.score < SURE or strayed(estimate, face, roll))):
            return None
        self._end_track()
        self._identity.begin_track(self._now - self._shown_at)
        self._candidates.begin(self._now)
        self._sweep.begin(self._now)
        self._continue_track(estimate, roll_for(estimate.codes, roll))
        return estimate

    def _estimate_twice(
        self, rgb: Rgb, camera: Camera, face: Detection, roll: float, least: float = 0.0
    ) -> FaceEstimate | None:
        """The second estimate, in the crop given by the first one's points, or None where there is no face: the first
        one has less than the `least` confidence, or is "lost"."""
        estimate = self._estimate(rgb, crop_from_detection(face, roll), camera)
        lost = validate_estimate(estimate, None, self._now, (camera.width, camera.height)) == "lost"
        if lost or estimate.confidence < least:
            return None
        return self._estimate(rgb, crop_from_points(estimate.points_px, roll), camera, estimate.points_px)

    def _by_preference(self, faces: list[Detection]) -> list[Detection]:
        """Largest first; but a face lost a moment ago before all others, and at first no others at all."""
        gone = self._now - self._shown_at
        if self._previous_place is None or gone > FAMILIAR or not faces:
            return faces
        place, side = self._previous_place
        away = np.array([np.linalg.norm(centre_of(face)[0] - place) / side for face in faces])
        order = np.argsort(away, kind="stable")
        return [faces[i] for i in order if away[i] < NEARBY or gone > ALONE]

    # --- the result ---------------------------------------------------------------------------------------------------

    def _smoothed(self, estimate: FaceEstimate) -> HeadCodes:
        """The codes smoothed, with the averaged identity. Updates the identity, the candidates and the recent codes."""
        self._identity.update(estimate.predicted, estimate.confidence, self._share)
        self._identity.update_offset(estimate.point_offsets, estimate.codes, estimate.confidence, self._share)
        seen = estimate.codes
        if self._smooth:
            seen = seen.with_(shape=self._identity.shape, texture=self._identity.texture)
            seen = self._smoother(seen, self._now)
        self._recent.append((self._now, seen))
        self._candidates.update_tracked(seen, self._identity, box_of(estimate.points_px)[1], self._now)
        while self._now - self._recent[0][0] > neutral.RANGE_SPAN:
            self._recent.popleft()
        return seen
