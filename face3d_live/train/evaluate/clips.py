"""Webcam clips through the real tracker, smoothing on, against the other tracker's answers to the same frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import INDEX
from face3d_live.head.points import EYE_CORNERS, IBUG68_FROM_478
from face3d_live.regress.crop import crop_from_points
from face3d_live.regress.estimate import ray_rotation
from face3d_live.track.tracker import Tracker
from face3d_live.train.data.teacher import teacher_answers
from face3d_live.train.evaluate import signals
from face3d_live.train.evaluate.metrics import pearson
from face3d_live.typing import AnyArray
from face3d_live.video import Video

#: What the issue of the first training asks to be followed, each a signed sum of channels.
CHANNELS: dict[str, dict[str, float]] = {
    **{
        name: {name: 1.0}
        for name in (
            "jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight", "browInnerUp",
            "browDownLeft", "browDownRight", "browOuterUpLeft", "browOuterUpRight", "mouthFunnel", "mouthPucker",
        )
    },
    "gaze sideways": {"eyeLookOutLeft": 0.5, "eyeLookInLeft": -0.5, "eyeLookInRight": 0.5, "eyeLookOutRight": -0.5},
}  # fmt: skip

#: Of these the size is judged; how far an eye turns is measured beside them.
SIZED = tuple(name for name in CHANNELS if name != "gaze sideways")

#: What the eye sees of an expression: distances between points of iBUG's 68, the mean of the pairs.
DISTANCES: dict[str, tuple[tuple[int, int], ...]] = {
    "mouth width": ((48, 54),),
    "lip opening": ((62, 66),),
    "eye opening": ((37, 41), (38, 40), (43, 47), (44, 46)),
    "brow height": ((19, 37), (24, 44)),
    "inner brows": ((21, 22),),
}

LIDS = {"eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5}

#: A channel is judged in the clips where the other tracker's answer moves so much (standard deviation).
MOVING = 0.02

#: iBUG's points without the jaw line, whose place across the cheek is nobody's to know.
INNER = slice(17, 68)


@dataclass(frozen=True)
class Track:
    """One tracker's answers for T frames; rows without a face are NaN. landmarks: (T, 68, 2) px."""

    expression: AnyArray  # (T, 52)
    landmarks: AnyArray
    rotation: AnyArray  # (T, 3, 3) camera from head

    @property
    def eyes(self) -> AnyArray:  # (T,)
        """The eye distance, px."""
        right, left = (self.landmarks[:, IBUG68_FROM_478.index(corner)] for corner in EYE_CORNERS)
        result: AnyArray = np.linalg.norm(left - right, axis=-1)
        return result

    def take(self, rows: AnyArray) -> Track:
        """Only these frames."""
        return Track(*(value[rows] for value in vars(self).values()))


def follow(tracker: Tracker, clip: Path) -> tuple[Track, AnyArray, float]:
    """The tracker's answers, (T, 52) coefficients of each frame before smoothing, and frames a second."""
    rows, sharp = [], []
    tracker.reset()
    with Video.open(clip) as video:
        for rgb, t in video:
            seen = tracker.update(rgb, t)
            blank = 1.0 if seen.face else np.nan
            rows.append((seen.codes.expression * blank, seen.landmarks, seen.codes.rotation * blank))
            sharp.append(seen.raw.expression * blank)
    return Track(*(np.array(column) for column in zip(*rows, strict=True))), np.array(sharp), video.fps


def reference(clip: Path, answers: Path, frame: tuple[int, int] = (640, 480)) -> Track:
    """The other tracker's answers, kept in a folder or asked for now; see `teacher.teacher_answers`.

    Its rotation is that of its points in space against those of the first frame, turned by the ray on which the face
    lies: within half a degree of the matrix that MediaPipe itself gives, on these clips.
    """
    points, scores = teacher_answers(clip, answers)
    return Track(scores, points[:, list(IBUG68_FROM_478), :2], rotations_of(points, Camera.webcam(*frame)))


def rotations_of(points: AnyArray, camera: Camera) -> AnyArray:  # (T, 478, 3) px, y down, z away -> (T, 3, 3)
    """Turns of a face that is nearly rigid, from the first frame that has one (Kabsch 1976); NaN without a face."""
    out = np.full((len(points), 3, 3), np.nan)
    seen = np.flatnonzero(~np.isnan(points[:, 0, 0]))
    skin = points[:, :468] * (1, -1, -1)
    for row in seen:
        first, now = skin[seen[0]], skin[row]
        u, _, vt = np.linalg.svd((now - now.mean(0)).T @ (first - first.mean(0)))
        turn = (u * np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])) @ vt
        out[row] = ray_rotation(crop_from_points(points[row, :, :2]), camera) @ turn
    return out


def clip_figures(ours: Track, theirs: Track, sharp: AnyArray, fps: float) -> dict[str, Any]:
    """One clip. `r` of the channels that move, `moments` of all and `distance_moments` of `DISTANCES`,
    `rotation_degrees`, `landmarks_percent` (without the jaw line), `shake` at rest of both with the number of frames,
    `blinks`, and delays in frames: `delay` behind the other tracker, `smoothing_delay` behind the unsmoothed answers
    (medians over the channels where it can be told)."""
    both = np.isfinite(ours.expression[:, 0]) & np.isfinite(theirs.expression[:, 0])
    out: dict[str, Any] = {"frames": len(both), "seconds": len(both) / fps, "found": int(both.sum())}
    if both.sum() < 2 * signals.CALM_WINDOW:
        return out | {"r": {}}
    a, b, raw = ours.take(both), theirs.take(both), sharp[both]
    pairs = {name: (channel(a.expression, c), channel(b.expression, c)) for name, c in CHANNELS.items()}
    moving = {name: pair for name, pair in pairs.items() if pair[1].std() >= MOVING}
    off = np.linalg.norm(a.landmarks - b.landmarks, axis=-1)[:, INNER].mean(-1) / b.eyes
    rest = signals.at_rest(b.landmarks[:, INNER], b.eyes)
    shakes = [signals.shake(track.landmarks[:, INNER], b.eyes) for track in (a, b)]
    rest &= np.isfinite(shakes[0])
    delays = [signals.delay(*pair) for pair in moving.values()]
    own = [signals.delay(pair[0], channel(raw, CHANNELS[name])) for name, pair in moving.items()]
    ours_shut, theirs_shut = (channel(t.expression, LIDS) for t in (a, b))
    return out | {
        "r": {name: pearson(*pair) for name, pair in moving.items()},
        "moments": {name: _moments(*pair) for name, pair in pairs.items()},
        "distance_moments": {name: _moments(distance(a, name), distance(b, name)) for name in DISTANCES},
        "rotation_degrees": float(signals.relative_rotation_errors(a.rotation, b.rotation).mean()),
        "landmarks_percent": 100 * float(off.mean()),
        "rest_frames": int(rest.sum()),
        "shake": [float(s[rest].mean()) if rest.any() else None for s in shakes],
        "blinks": vars(signals.compare_blinks(ours_shut, theirs_shut, fps)),
        "delay": _median(delays),
        "smoothing_delay": _median(own),
    }


def channel(expression: AnyArray, parts: dict[str, float]) -> AnyArray:  # (T, 52) -> (T,)
    """A signed sum of channels, as in `CHANNELS`."""
    return sum((expression[:, INDEX[name]] * share for name, share in parts.items()), np.zeros(len(expression)))


def distance(track: Track, name: str) -> AnyArray:  # -> (T,)
    """One of `DISTANCES` in eye distances, frame by frame."""
    first, second = np.transpose(DISTANCES[name])
    result: AnyArray = (
        np.linalg.norm(track.landmarks[:, first] - track.landmarks[:, second], axis=-1).mean(-1) / track.eyes
    )
    return result


def _moments(a: AnyArray, b: AnyArray) -> list[float]:  # (T,) x 2
    """Sums about the means: a b, a a, b b."""
    a, b = a - a.mean(), b - b.mean()
    return [float(a @ b), float(a @ a), float(b @ b)]


def _pooled(clips: Sequence[dict[str, Any]]) -> dict[str, float]:
    """r of each channel over the frames of all clips, each about its clip's mean: clips count as much as they move."""
    out = {}
    for name in CHANNELS:
        sums = np.sum([c["moments"][name] for c in clips if "moments" in c] or [[0.0] * 3], axis=0)
        frames = sum(c["found"] for c in clips if "moments" in c)
        if sums[2] >= frames * MOVING**2 and frames:
            out[name] = float(sums[0] / np.sqrt(sums[1] * sums[2])) if sums[1] > 1e-9 else 0.0
    return out


def _slopes(clips: Sequence[dict[str, Any]], key: str) -> dict[str, float]:
    """How far ours move for what the other tracker's do, over the frames of all clips, each about its clip's mean."""
    judged = [c for c in clips if key in c]
    frames = sum(c["found"] for c in judged)
    out = {}
    for name in judged[0][key] if judged else ():
        both, _, theirs = np.sum([c[key][name] for c in judged], axis=0)
        if theirs >= frames * (MOVING**2 if key == "moments" else 1e-6):
            out[name] = float(both / theirs)
    return out


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def group_figures(clips: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Some clips together. `r`: per channel the mean of its clips; `mean_r`: of these; `pooled` and `pooled_r`: the
    same over all frames at once, each clip about its mean; `slope`: ours on the other tracker's likewise, with the
    median and the least of `SIZED`; `distance_slope` of `DISTANCES` with its least; `rotation_degrees` and
    `landmarks_percent`: frames alike; `jitter`: our shake at rest over the other tracker's, frames alike, where that
    shakes at all."""
    slopes, distances = _slopes(clips, "moments"), _slopes(clips, "distance_moments")
    sized = [value for name, value in slopes.items() if name in SIZED]
    r = {name: [c["r"][name] for c in clips if name in c["r"]] for name in CHANNELS}
    pooled = _pooled(clips)
    means = {name: float(np.mean(values)) for name, values in r.items() if values}
    judged = [c for c in clips if "rotation_degrees" in c]
    resting = [c for c in judged if c["rest_frames"]]
    shakes = [sum(c["shake"][i] * c["rest_frames"] for c in resting) for i in (0, 1)]
    seen, found, false = (sum(c["blinks"][key] for c in judged) for key in ("seen", "found", "false"))
    seconds = sum(c["seconds"] for c in clips)
    return {
        "clips": len(clips),
        "seconds": seconds,
        "frames_found": sum(c["found"] for c in clips) / max(sum(c["frames"] for c in clips), 1),
        "r": means,
        "clips_with": {name: len(values) for name, values in r.items() if values},
        "mean_r": float(np.mean(list(means.values()))) if means else None,
        "pooled": pooled,
        "pooled_r": float(np.mean(list(pooled.values()))) if pooled else None,
        "slope": slopes,
        "median_slope": _median(sized),
        "least_slope": min(sized, default=None),
        "distance_slope": distances,
        "least_distance_slope": min(distances.values(), default=None),
        "rotation_degrees": _mean(judged, "rotation_degrees"),
        "landmarks_percent": _mean(judged, "landmarks_percent"),
        "rest_frames": sum(c["rest_frames"] for c in resting),
        "jitter": shakes[0] / shakes[1] if shakes[1] else None,
        "blinks": {"seen": seen, "found": found, "false": false},
        "blinks_found": found / seen if seen else None,
        "false_blinks_a_minute": 60 * false / seconds if seconds else None,
        "delay": _median(c["delay"] for c in judged),
        "smoothing_delay": _median(c["smoothing_delay"] for c in judged),
    }


def _mean(clips: Sequence[dict[str, Any]], key: str) -> float | None:
    frames = sum(c["found"] for c in clips)
    return sum(c[key] * c["found"] for c in clips) / frames if frames else None
