"""What people's faces do: the data folder's portraits and clips as points, teacher's scores and fitted heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.regress.crop import crop_from_points
from face3d_live.regress.fit import Fitter
from face3d_live.train.data.clips import COVERED, PEOPLE, SHAPE_EVERY, find_clips, frame_size, guesses
from face3d_live.train.data.portraits import FIT_STEPS, POINT_ERROR, Labeller, load_index, point_trust
from face3d_live.train.data.shared_shape import fit_together
from face3d_live.train.data.teacher import steady_answers
from face3d_live.typing import AnyArray, Array

#: One picture of a person says little of their neutral face: a portrait counts so much of a frame of a clip.
PORTRAIT_WEIGHT = 0.05
#: What the fit misses by more, in eye distances, is left out.
MOST_RESIDUAL = 0.04


@dataclass(frozen=True)
class Observation:
    """One picture. points: (478, 2) pixels of `camera`.

    scores: (52,) the teacher's. codes: the head fitted to the points. person: those of one name share a neutral face.
    """

    points: Array
    scores: Array
    codes: HeadCodes
    camera: Camera
    person: str
    weight: float

    @property
    def sigma(self) -> Array:  # (478,)
        """Standard deviation of the teacher's points, pixels."""
        half = float(crop_from_points(self.points).half)
        return (POINT_ERROR * half / np.sqrt(point_trust())).astype(np.float32)


def observe(head: Head, data: Path, answers: Path) -> list[Observation]:
    """All portraits and the frames of all clips.

    answers: folder of the teacher's answers. Raises InputError "data-missing" and what the teacher raises.
    """
    labeller = Labeller(head, data)
    clips = [clip for path in find_clips(data) for clip in _clip(labeller, path, answers)]
    return [*_portraits(labeller, data), *clips]


def refitted(fitter: Fitter, seen: Sequence[Observation], rest: AnyArray) -> list[Observation]:
    """The same pictures with heads fitted to their points alone. rest: (52,) where every expression begins."""
    start = np.clip(rest, 0, 1).astype(np.float32)
    return [
        replace(o, codes=fitter.fit(o.points, o.sigma, o.camera, o.codes.with_(expression=start), steps=5).codes)
        for o in seen
    ]


def _portraits(labeller: Labeller, data: Path) -> list[Observation]:
    index = load_index(data)
    out = []
    for portrait, fit in zip(index, labeller.fit_all(index), strict=True):
        crop = labeller.crop(portrait)
        points = crop.from_frame(labeller.landmarks[portrait.row]) + 1  # the camera's pixels: half sides
        person = portrait.person if portrait.group.startswith("london") else "portraits"
        if fit.residual < MOST_RESIDUAL:
            scores = labeller.scores[portrait.row]
            out.append(Observation(points, scores, fit.codes, labeller.camera, person, PORTRAIT_WEIGHT))
    return out


def _clip(labeller: Labeller, path: Path, answers: Path) -> list[Observation]:
    points, scores, _ = steady_answers(path, answers)
    camera, fitter = Camera.webcam(*frame_size(path)), labeller.fitter
    usable = np.asarray(np.isfinite(points).all((1, 2)))
    first, last = COVERED.get(path.stem, (1, 0))
    usable[first : last + 1] = False
    points, scores = points[usable], scores[usable]
    person = next((name for name, clips in PEOPLE.items() if path.stem in clips), path.stem)
    starts = [
        fitter.initial(seen, camera).with_(expression=guess)
        for seen, guess in zip(points, guesses(points, scores, labeller.rest), strict=True)
    ]
    rows = [Observation(*row, camera, person, 1.0) for row in zip(points, scores, starts, strict=True)]
    some = rows[::SHAPE_EVERY]
    together = fit_together(
        fitter, [o.points for o in some], [o.sigma for o in some], camera, [o.codes for o in some], FIT_STEPS
    )
    shape = together[0].codes.shape
    fits = [fitter.fit(o.points, o.sigma, camera, o.codes.with_(shape=shape), steps=FIT_STEPS) for o in rows]
    return [replace(o, codes=fit.codes) for o, fit in zip(rows, fits, strict=True) if fit.residual < MOST_RESIDUAL]
