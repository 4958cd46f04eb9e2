"""The portraits whose labels in the data folder are those of other pictures, labelled anew.

Many are old or dark-skinned, which the other portraits seldom are. They and turned copies are
further shards of the pool `portraits_train`; needs MediaPipe, see `teacher`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from face3d_live.head.model import Head
from face3d_live.train.pool import ShardWriter
from face3d_live.train.portraits import Labeller, mislabelled
from face3d_live.train.teacher import picture_answers
from face3d_live.train.turned import Turner

SHARD = "relabelled_000"
#: Fits worse than this part of the eye distance are of no use, nor are faces of which more than a little is cut off.
MOST_RESIDUAL, LEAST_INSIDE = 0.03, 0.97


def build(head: Head, data: Path, out: Path, answers: Path, copies: int) -> int:
    """Add a shard of these portraits as they are and `copies` of them turned; returns how many portraits there are.

    Held-out people stay out. answers: folder where the teacher's answers are kept. Raises InputError "data-missing",
    AssetError "teacher-missing" or "teacher-broken".
    """
    everyone = mislabelled(data)
    points, scores = picture_answers([portrait.image for portrait in everyone], answers)
    labeller, turner = Labeller(head, data), Turner(head)
    rows = [portrait.row for portrait in everyone]
    labeller.landmarks[rows], labeller.scores[rows] = points, scores
    samples = []
    for portrait in everyone:
        marks = labeller.landmarks[portrait.row]
        if portrait.held_out or np.isnan(marks).any():
            continue
        height, width = labeller.picture(portrait).shape[:2]
        (fit,) = labeller.fit([portrait])
        inside = ((marks > 0) & (marks < (width, height))).all(1).mean()
        if fit.residual < MOST_RESIDUAL and inside > LEAST_INSIDE:
            samples.append((portrait, labeller.sample(portrait, fit.codes)))
    for number in range(copies + 1):
        rng = np.random.default_rng([3, number])
        about = {"kind": "portraits labelled anew", "turned": number > 0}
        writer = ShardWriter(out / "portraits_train", f"{SHARD[:-3]}{number:03d}", about)
        for portrait, sample in samples:
            rgb, crop = labeller.picture(portrait), labeller.crop(portrait)
            for _ in range(portrait.copies):
                writer.add(turner.sample(sample, rgb, crop, rng) if number else sample)
        writer.close()
    return len(samples)
