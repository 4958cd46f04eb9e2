"""Frames of the data folder's clips as training samples: a webcam's real pictures of one face that moves.

They are further shards of the pool `portraits_train`. Training reads `TRAINING_CLIPS` only; the other clips show other
people and are for evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from face3d_live import rotations
from face3d_live.camera import Camera
from face3d_live.codes import ARKIT, INDEX, HeadCodes
from face3d_live.errors import InputError
from face3d_live.head.model import Head
from face3d_live.head.points import IRIS_LEFT, IRIS_RIGHT
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.regress.estimate import ray_rotation
from face3d_live.regress.fit import FROM_SCORES, UNSEEN, Fitter
from face3d_live.train.data.lids import LIDS, close_lids, lid_gap
from face3d_live.train.data.pool import UNIT, Sample, ShardWriter
from face3d_live.train.data.portraits import DEAD, FIT_STEPS, POINT_ERROR, labelled, point_trust, teacher_scores
from face3d_live.train.data.shared_shape import fit_together
from face3d_live.train.data.teacher import steady_answers
from face3d_live.train.data.turned import Turner
from face3d_live.train.synthetic.scene import Placement
from face3d_live.typing import AnyArray, Array
from face3d_live.video import Video

#: Who is in the clips that are trained on: one person who signs and six who speak (`clips/grid`). Two speakers, bbaf2n
#: and lbbc2a, are held out with the three other people who sign.
PEOPLE: dict[str, tuple[str, ...]] = {
    "signer": ("again", "brother", "help", "no", "student", "yes"),
    "speaker 1": ("brbk7n",),
    "speaker 2": ("id2_vcd_swwp2s", "pwij3p"),
    "speaker 3": ("lbax4n",),
    "speaker 4": ("lwbsza",),
    "speaker 5": ("sbwe5n",),
    "speaker 6": ("swiz3n",),
}
TRAINING_CLIPS = tuple(chain.from_iterable(PEOPLE.values()))
#: The shards made of them: frames as they are, and turned to other poses.
SHARDS = ("clips_a00", "clips_turned_00")
#: How many samples of each person, as they are and turned: together a fifth of the portraits' pool.
SAMPLES, TURNED_SAMPLES = 600, 400
#: Frames, first and last, in which a hand lies over the face and the teacher guesses.
COVERED = {"brother": (13, 29), "help": (24, 43), "student": (23, 25)}
#: A fit that misses the points by more, in eye distances, is of no use.
MOST_RESIDUAL = 0.03
#: The shape is sought on every so many frames: neighbours say the same.
SHAPE_EVERY = 6
#: Standard deviation, in frames, of what the poses are smoothed with; forwards and backwards, so nothing lags.
POSE_BLUR = 0.7
#: What seldom happens, by kind, and how far from the person's median it has to go.
RARE = {
    "lids": (("eyeBlink", 0.3),),
    "gaze": (("eyeLook", 0.2),),
    "brows": (("brow", 0.25),),
    "mouth": (("jaw", 0.12), ("mouthFunnel", 0.15), ("mouthPucker", 0.2), ("mouthSmile", 0.15)),
}
_TURNED_AWAY = np.radians(9)


@dataclass(frozen=True)
class LabelledFrame:
    """A frame of a clip with what is known of it. rgb: (H, W, 3). points: (478, 2) pixels, spread: (478,) their
    standard deviation. scores: (52,) the teacher's. codes: the fitted head before `camera`."""

    rgb: NDArray[np.uint8]
    points: Array
    spread: Array
    scores: Array
    codes: HeadCodes
    residual: float


def find_clips(data: Path) -> list[Path]:
    """The clips of the data folder. Raises InputError "data-missing" when there are none."""
    folder = data / "clips"
    clips = sorted([*folder.glob("*.mkv"), *folder.glob("grid/*.mpg")])
    if not clips:
        raise InputError("data-missing", f"{folder} holds no clips: give the folder of faces and clips with --data")
    return clips


def frame_size(clip: Path) -> tuple[int, int]:
    """Width and height of a clip's pictures, pixels."""
    with Video.open(clip) as video:
        height, width = next(iter(video))[0].shape[:2]
    return width, height


def read_clip(clip: str, data: Path, answers: Path) -> list[tuple[NDArray[np.uint8], Array, Array, Array]]:
    """The frames of a training clip that show the whole face: picture, points, scores, spread (`steady_answers`).

    Raises InputError "clip-held-out" for a clip of a person whom training must not see, "data-missing" for one that is
    not there, and what the teacher raises.
    """
    if clip not in TRAINING_CLIPS:
        raise InputError("clip-held-out", f"{clip} is kept for evaluation: train on {', '.join(TRAINING_CLIPS)}")
    path = next((path for path in find_clips(data) if path.stem == clip), None)
    if path is None:
        raise InputError(
            "data-missing", f"{data / 'clips'} has no {clip}: give the folder of faces and clips with --data"
        )
    points, scores, spread = steady_answers(path, answers)
    first, last = COVERED.get(clip, (1, 0))
    with Video.open(path) as video:
        return [
            (rgb, points[i], scores[i], spread[i])
            for i, (rgb, _) in enumerate(video)
            if not first <= i <= last and np.isfinite(points[i]).all()
        ]


def guesses(points: AnyArray, scores: AnyArray, usual: AnyArray) -> Array:  # (T, 478, 2), (T, 52), (52,) -> (T, 52)
    """The expressions of one person's frames: the teacher's scores beyond what neutral faces score, as in portraits.

    usual: (52,) what neutral faces score. What this one person scores at rest is left in: a single picture does not
    tell it from an expression. Lids are read from the points: the teacher calls open eyes that are narrow half closed.
    """
    out = np.clip(scores - usual, 0, 1)
    out[:, [INDEX[name] for name in (*DEAD, *UNSEEN)]] = 0
    for side in LIDS:
        gap = lid_gap(points, side)
        open_gap = np.percentile(gap, 75)
        out[:, INDEX[f"eyeBlink{side}"]] = np.clip(1 - gap / open_gap, 0, 1)
    result: Array = out.astype(np.float32)
    return result


class ClipLabeller:
    """Fits one head to all frames of one person's clips: one shape, smooth poses."""

    def __init__(self, head: Head, data: Path, answers: Path) -> None:
        self.fitter = Fitter(head, FROM_SCORES)
        self.data, self.answers = data, answers
        self.usual = np.percentile(teacher_scores(data), 15, axis=0)
        self.trust = point_trust()

    def label(self, clips: Sequence[str]) -> list[LabelledFrame]:
        """All usable frames of these clips of one person. Raises as `read_clip`."""
        read = [read_clip(clip, self.data, self.answers) for clip in clips]
        rgb, points, scores, spread = (list(column) for column in zip(*chain.from_iterable(read), strict=True))
        camera = self.camera(rgb[0])
        sigmas = [POINT_ERROR / np.sqrt(self.trust) * crop_from_points(seen).half for seen in points]
        starts = [
            self.fitter.initial(seen, camera).with_(expression=guess)
            for seen, guess in zip(points, guesses(np.array(points), np.array(scores), self.usual), strict=True)
        ]
        some = slice(None, None, SHAPE_EVERY)
        shape = fit_together(self.fitter, points[some], sigmas[some], camera, starts[some], FIT_STEPS)[0].codes.shape
        codes = [
            self.fitter.fit(seen, sigma, camera, start.with_(shape=shape), steps=FIT_STEPS).codes
            for seen, sigma, start in zip(points, sigmas, starts, strict=True)
        ]
        closed = [close_lids(self.fitter, seen, one, camera) for seen, one in zip(points, codes, strict=True)]
        points, codes = [seen for seen, _ in closed], [one for _, one in closed]
        ends = np.cumsum([len(frames) for frames in read])[:-1]
        codes = [one for part in np.split(np.arange(len(codes)), ends) for one in smooth([codes[i] for i in part])]
        residuals = [self.fitter.report(c, seen, camera).residual for c, seen in zip(codes, points, strict=True)]
        frames = map(LabelledFrame, rgb, points, spread, scores, codes, residuals)
        return [frame for frame in frames if frame.residual < MOST_RESIDUAL]

    def camera(self, rgb: NDArray[np.uint8]) -> Camera:
        return Camera.webcam(rgb.shape[1], rgb.shape[0])

    def sample(self, frame: LabelledFrame, rgb: NDArray[np.uint8]) -> Sample:
        """The sample of a frame, its picture replaced by `rgb`."""
        crop = crop_from_points(frame.points)
        # A point on which the teacher does not agree with itself is no label: half the weight at 2 % of the crop.
        certain = 1 / (1 + (frame.spread / (0.02 * crop.half)) ** 2)
        weight = (self.fitter.usable * self.trust * certain).astype(np.float32)
        where = placement(frame.codes, crop, self.camera(rgb))
        sample = labelled(rgb, crop, frame.points, weight, where, frame.codes, frame.scores)
        for side, iris in (("Left", IRIS_LEFT), ("Right", IRIS_RIGHT)):  # nobody sees where a closed eye looks
            if frame.codes.expression[INDEX[f"eyeBlink{side}"]] > 0.7:
                sample["weight"][list(iris)] = 0
                looks = [INDEX[f"eyeLook{way}{side}"] for way in ("In", "Out", "Up", "Down")]
                sample["expression_weight"][looks] = 0
        return sample


def smooth(codes: Sequence[HeadCodes]) -> list[HeadCodes]:
    """The same heads with poses smoothed over neighbouring frames."""
    six = np.array([rotations.to_6d(c.rotation) for c in codes])
    turned = rotations.from_6d(gaussian_filter1d(six, POSE_BLUR, axis=0, mode="nearest"))
    moved = gaussian_filter1d([c.translation for c in codes], POSE_BLUR, axis=0, mode="nearest")
    return [c.with_(rotation=r, translation=t) for c, r, t in zip(codes, turned, moved, strict=True)]


def placement(codes: HeadCodes, crop: Crop, camera: Camera) -> Placement:
    """A pose before a camera as seen along the ray through the crop's centre: `estimate.codes_from` backwards."""
    turn = ray_rotation(crop, camera)
    focal = camera.focal / float(turn[2, 2]) / crop.half  # turn[2, 2]: cosine between the ray and the optical axis
    x, y, z = turn.T @ codes.translation
    half = -float(z) / focal
    position = np.array([x, -y], np.float32) / np.float32(half)
    return Placement(turn.T @ codes.rotation, float(np.log(half / UNIT)), position, focal)


def rare(frames: Sequence[LabelledFrame]) -> list[NDArray[np.int64]]:
    """Indices of the frames that show what this person seldom does, one array for each kind of `RARE` that occurs, and
    one for the head turned away from where it mostly looks."""
    expression = np.array([f.codes.expression for f in frames])
    beyond = np.abs(expression - np.median(expression, axis=0))
    masks = []
    for channels in RARE.values():
        limits = [next((most for name, most in channels if channel.startswith(name)), np.inf) for channel in ARKIT]
        masks.append((beyond > limits).any(1))
    rotation = np.array([f.codes.rotation for f in frames])
    usual = rotations.from_6d(np.median([rotations.to_6d(r) for r in rotation], axis=0))
    masks.append(rotations.angle_between(rotation, usual) > _TURNED_AWAY)
    return [np.flatnonzero(mask) for mask in masks if mask.any()]


def balanced(
    kinds: Sequence[NDArray[np.int64]], total: int, count: int, rng: np.random.Generator
) -> NDArray[np.int64]:  # -> (count,)
    """Indices of `total` frames: half of them rare, with the same share of every kind; the rest of the others."""
    common = np.setdiff1d(np.arange(total), np.concatenate([*kinds, []]))
    shares = [count // 2 // max(1, len(kinds))] * len(kinds)
    drawn = [_deal(rows, share, rng) for rows, share in zip(kinds, shares, strict=True)]
    drawn.append(_deal(common if len(common) else np.arange(total), count - sum(shares), rng))
    return rng.permutation(np.concatenate(drawn))


def _deal(rows: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`count` of these, each as often as the others."""
    return np.concatenate([rng.permutation(rows) for _ in range(count // len(rows) + 1)])[:count]


def exposed(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture a little brighter or darker, flatter or harder, warmer or colder."""
    gain = np.exp(rng.normal(0, 0.1) + rng.normal(0, 0.02, 3))
    value = gain * (rgb.astype(np.float32) / 255) ** np.exp(rng.normal(0, 0.1))
    result: NDArray[np.uint8] = (np.clip(value, 0, 1) * 255 + 0.5).astype(np.uint8)
    return result


def build(
    head: Head,
    data: Path,
    out: Path,
    answers: Path,
    counts: tuple[int, int] = (SAMPLES, TURNED_SAMPLES),
    people: Mapping[str, Sequence[str]] = PEOPLE,
) -> dict[str, float]:
    """Add `SHARDS` with so many samples of each person to the portraits of training.

    answers: folder where the teacher's answers are kept. Returns the median residual and how many frames there are.
    Raises as `read_clip`.
    """
    labeller, turner, rng = ClipLabeller(head, data, answers), Turner(head), np.random.default_rng(0)
    writers = [
        ShardWriter(out / "portraits_train", name, {"kind": "frames of clips", "people": dict(people)})
        for name in SHARDS
    ]
    residuals: list[float] = []
    seldom = 0
    for clips in people.values():
        frames = labeller.label(clips)
        kinds = rare(frames)
        residuals += [frame.residual for frame in frames]
        seldom += len(np.unique(np.concatenate(kinds))) if kinds else 0
        for writer, count in zip(writers, counts, strict=True):
            for i in balanced(kinds, len(frames), count, rng):
                rgb = exposed(frames[i].rgb, rng)
                sample = labeller.sample(frames[i], rgb)
                if writer is writers[1]:
                    sample = turner.sample(sample, rgb, crop_from_points(frames[i].points), rng)
                writer.add(sample)
    for writer in writers:
        writer.close()
    return {"residual": float(np.median(residuals)), "frames": len(residuals), "rare": seldom}
