"""Other faces in the picture, and when the track switches to one of them, so that a wrong acquisition is corrected.

A track starts at the face that was detected first. That may be a poster, or a bystander who was in view while the user
was not. So the detector sweeps over the whole picture (`sweep`), and every other face in it is a candidate. The track
switches to a candidate for one of these reasons, in this order:

- "alive": it moves, and the tracked face has not moved for `STILL` seconds, as pictures do not;
- "known": it is the owner of the session by identity, and the tracked face is not;
- "larger": its side is `LARGER` times that of the tracked face, or `MUCH_LARGER` times that of the owner; unless the
  tracked face moves and the candidate is still.

The reason must hold for a dwell time, `VIEWS` estimates of the candidate must have been confident, and `REST` seconds
lie between two switches. With two faces of similar size the track hence stays where it is.

The owner is the first person whose identity was averaged on a face that moved. Another person becomes the owner when
the track switches to them as "larger", or when they keep it for `TENURE` seconds while about as large as the owner was.

Cost: besides the sweep one close-up detection of each of at most `MAX_CONTESTED` candidates every `CONTEST_EVERY`
seconds, while a reason holds or they are new; one estimate at a time, and fewer for a candidate without a reason.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from face3d_live.codes import N_SHAPE, HeadCodes
from face3d_live.rotations import angle_between
from face3d_live.track.crop_placement import centre_of
from face3d_live.track.detector import SURE, Detection
from face3d_live.track.identity import IdentityAverage
from face3d_live.track.types import FaceEstimate
from face3d_live.typing import AnyArray

CONTEST_EVERY = 0.2  # seconds
MAX_CONTESTED = 2
FORGOTTEN = 2.4  # rounds of the sweep after which a candidate that was not detected again is dropped
STEP_ASIDE = 1.0  # sides that a candidate moves between detections at most
SETTLING = 0.5  # seconds of a new track in which the crop still converges, and movement of the codes does not count
# What is movement: change of any coefficient, of rotation, of place (a share of the distance). Within 2 s live faces
# change a coefficient by 0.2 and more; a poster in a noisy picture by 0.005 to 0.05, and turns by 0.1 to 0.9 degrees.
MOVED, TURNED, AWAY = 0.1, np.radians(2.0), 0.06
VIEW_MOVED, VIEW_TURNED, VIEW_AWAY = 0.2, np.radians(4.0), 0.08  # the same between estimates of a candidate; of side
STILL = 3.0  # seconds
LARGER, MUCH_LARGER = 1.3, 2.0  # factors on the side
DWELL = {"alive": 0.4, "known": 0.4, "larger": 1.5}  # seconds
DWELL_STILL = 0.3  # the same for "larger", while the tracked face has not moved since it was found
REST = 3.0  # seconds after a change
VIEWS, MISSES = 2, 3
BELIEVED = 0.45  # least confidence; faces 0.7 to 0.9, other things 0 to 0.3
ANOTHER, SAME = 0.11, 0.6  # rms of shape codes between people (0.12 and more; one person's means 0.01 to 0.07); factor
SMALLER, TENURE = 0.7, 15.0  # of the owner's side: a face that small does not become the owner; seconds
FRESH, PATIENT = 0.8, 4.0  # seconds between estimates of one candidate: while it is new, and at most


class Movement:
    """When a face last moved, by its smoothed codes."""

    def __init__(self, now: float) -> None:
        self._begun = self.at = now
        self.ever = False
        self._reference: HeadCodes | None = None

    def update(self, codes: HeadCodes, now: float) -> None:
        """Take in the codes of a frame."""
        if now - self._begun < SETTLING:
            return
        last = self._reference
        if last is None:
            self._reference = codes
        elif (
            np.abs(codes.expression - last.expression).max() > MOVED
            or angle_between(codes.rotation, last.rotation) > TURNED
            or np.linalg.norm(codes.translation - last.translation) > AWAY * np.linalg.norm(last.translation)
        ):
            self._reference, self.at, self.ever = codes, now, True


@dataclass
class Candidate:
    """Another face. face: its last detection; seen: when, seconds.

    views: confident estimates of it in a row; shape: (80,) the mean of their shape codes.
    """

    face: Detection
    seen: float
    reason: str | None = None
    since: float = 0.0  # the reason holds
    views: int = 0
    asked: float = -np.inf
    wait: float = CONTEST_EVERY
    shape: AnyArray = field(default_factory=lambda: np.zeros(N_SHAPE, np.float32))
    alive: bool = False
    missed: int = 0  # close-ups in a row that did not detect it
    first: tuple[HeadCodes, AnyArray] | None = None  # codes and place of the first view

    @property
    def side(self) -> float:
        """Pixels."""
        return centre_of(self.face)[1]

    @property
    def fresh(self) -> bool:
        """Whether its first few estimates were made just now."""
        return np.isfinite(self.asked) and self.wait <= FRESH

    def add_estimate(self, estimate: FaceEstimate) -> None:
        """Take in one estimate of it."""
        if not np.isfinite(estimate.predicted.shape).all() or estimate.confidence < BELIEVED:
            self.views = 0
            return
        self.views += 1
        self.shape = self.shape + (estimate.predicted.shape - self.shape) / self.views
        codes, place = estimate.codes, centre_of(self.face)[0]
        if self.first is None:
            self.first = codes, place
        before, start = self.first
        self.alive = self.alive or bool(
            np.abs(codes.expression - before.expression).max() > VIEW_MOVED
            or angle_between(codes.rotation, before.rotation) > VIEW_TURNED
            or np.linalg.norm(place - start) > VIEW_AWAY * self.side
        )


class Observer(Protocol):
    """Detector and network on the current frame."""

    def detect_near(self, face: Detection) -> Detection | None:
        """A close-up detection at the place where the face was."""

    def estimate(self, face: Detection) -> FaceEstimate | None:
        """The network's estimate of it; None where it is not plausible."""


class Candidates:
    """All faces but the tracked one. Times are seconds of the tracker's own clock."""

    def __init__(self) -> None:
        self.owner: IdentityAverage | None = None
        self._owner_side = 0.0
        self.begin(0.0)

    def begin(self, now: float) -> None:
        """A track begins. The owner stays known."""
        self._begun = self._watched = now
        self._found: list[Candidate] = []
        self._movement = Movement(now)
        self._owned = False

    def update_tracked(self, seen: HeadCodes, identity: IdentityAverage, side: float, now: float) -> None:
        """Take in a frame of the tracked face: its smoothed codes, its averaged identity, its side in pixels."""
        self._movement.update(seen, now)
        moving = self._movement.ever and now - self._movement.at < STILL
        same = self.owner is not None and not self._is_another(identity)
        if not (moving and identity.frozen):
            self._owned = self._owned and same
            return
        takes_over = side > SMALLER * self._owner_side and now - self._begun > TENURE
        self._owned = self.owner is None or same or takes_over
        if self._owned:
            # Arrays of an average are replaced, never written to: a shallow copy keeps this moment.
            self.owner, self._owner_side = copy.copy(identity), side

    def due(self, now: float) -> bool:
        """Whether a close-up of a candidate is due."""
        contested = any(candidate.reason or candidate.fresh for candidate in self._found)
        return contested and now - self._watched >= CONTEST_EVERY

    def update(
        self,
        faces: Sequence[Detection],
        tracked: tuple[AnyArray, float],
        identity: IdentityAverage,
        observer: Observer,
        now: float,
        memory: float,
    ) -> Candidate | None:
        """The candidate that the track switches to now, or None.

        faces: those that the sweep has just detected. tracked: centre (2,) and side of the tracked face, pixels.
        memory: seconds after which a candidate that is not detected again is dropped.
        """
        self._match([face for face in faces if face.score >= SURE and not _same(face, tracked)], now)
        self._update_contested(observer, tracked, now)
        self._found = [each for each in self._found if now - each.seen < memory]
        worth = [each for each in self._found if each.seen == now and self._matters(each, tracked[1], identity, now)]
        for candidate in sorted(worth, key=lambda each: each.asked)[:1]:
            estimate = observer.estimate(candidate.face)
            candidate.asked, candidate.wait = now, min(2 * candidate.wait, PATIENT)
            if estimate is not None:
                candidate.add_estimate(estimate)
        for candidate in self._found:
            reason = self._reason(candidate, tracked[1], identity, now)
            if reason != candidate.reason:
                candidate.reason, candidate.since = reason, now
        winners = [candidate for candidate in self._found if self._wins(candidate, now)]
        return max(winners, key=lambda each: (tuple(DWELL)[::-1].index(each.reason or ""), each.side), default=None)

    def identity_of(self, winner: Candidate) -> IdentityAverage:
        """The identity to continue with: the owner's where the candidate is the owner, else a new average."""
        if self.owner is not None and _apart(winner.shape, self.owner) < ANOTHER:
            return copy.copy(self.owner)
        if winner.reason == "larger":
            self.owner = None  # else the track would switch back to the former owner
        return IdentityAverage()

    def _match(self, faces: list[Detection], now: float) -> None:
        for face in faces:
            place, side = centre_of(face)
            reach = [each for each in self._found if each.seen < now]
            away = [float(np.linalg.norm(centre_of(each.face)[0] - place)) for each in reach]
            nearest = int(np.argmin(away)) if away else -1
            if away and away[nearest] < STEP_ASIDE * max(side, reach[nearest].side):
                reach[nearest].face, reach[nearest].seen = face, now
            else:
                self._found.append(Candidate(face, now))

    def _update_contested(self, observer: Observer, tracked: tuple[AnyArray, float], now: float) -> None:
        """Close-up detections of the candidates that the track may switch to."""
        if not self.due(now):
            return
        self._watched = now
        contested = [each for each in self._found if each.seen < now and (each.reason or each.fresh)]
        for each in sorted(contested, key=lambda each: -each.side)[:MAX_CONTESTED]:
            face = observer.detect_near(each.face)
            if face is None or _same(face, tracked):
                each.missed += 1
            else:
                each.face, each.seen, each.missed = face, now, 0
        self._found = [each for each in self._found if each.missed < MISSES]

    def _reason(self, each: Candidate, side: float, identity: IdentityAverage, now: float) -> str | None:
        still = now - self._movement.at >= STILL
        if still and not self._owned and each.alive:
            return "alive"
        if each.views >= VIEWS and self._is_owner(each, identity):
            return "known"
        enough = MUCH_LARGER if self._owned else LARGER
        return "larger" if each.side > enough * side and (each.alive or still or not self._movement.ever) else None

    def _matters(self, each: Candidate, side: float, identity: IdentityAverage, now: float) -> bool:
        """Whether an estimate of a candidate could change the decision, and one is due."""
        if now - each.asked < (CONTEST_EVERY if each.reason else each.wait):
            return False
        larger = each.side > (MUCH_LARGER if self._owned else LARGER) * side
        unknown = self.owner is not None and not self._owned and self._is_another(identity)
        return larger or unknown or (not self._owned and now - self._movement.at >= STILL / 2)

    def _wins(self, each: Candidate, now: float) -> bool:
        if each.reason is None or each.views < VIEWS or each.seen < now or now - self._begun < self._rest():
            return False
        dwell = DWELL_STILL if each.reason == "larger" and not self._movement.ever else DWELL[each.reason]
        return now - each.since >= dwell - 1e-6

    def _rest(self) -> float:
        """Seconds before a switch. A tracked face that has never moved (a picture) may be left at once."""
        return REST if self._movement.ever else SETTLING

    def _is_another(self, identity: IdentityAverage) -> bool:
        return self.owner is not None and identity.known and _apart(identity.shape, self.owner) > ANOTHER

    def _is_owner(self, each: Candidate, identity: IdentityAverage) -> bool:
        if self.owner is None or self._owned or not self._is_another(identity):
            return False
        return _apart(each.shape, self.owner) < min(ANOTHER, SAME * _apart(identity.shape, self.owner))


def _apart(shape: AnyArray, person: IdentityAverage) -> float:
    """Root mean square difference of shape codes."""
    return float(np.sqrt(np.mean((shape - person.shape) ** 2)))


def _same(face: Detection, tracked: tuple[AnyArray, float]) -> bool:
    """Whether a detection is the tracked face itself."""
    place, side = centre_of(face)
    return bool(np.linalg.norm(place - tracked[0]) < 0.5 * max(side, tracked[1]))
