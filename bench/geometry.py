"""How well the form of a face is found in a photo: `python bench/geometry.py [--count N] [--skins DIR] [--data DIR]`.

Synthetic photos of seeds that nothing is trained on, 512 pixels wide: people as in training, half of them with the
statistics of real scans, turned by up to 30 degrees, 0.28 to 1.8 m from cameras of which nothing is told. Each goes the
way of a user's photo: face found, judged, fitted, refined. Errors are mean distances of the face's vertices, with the
photo's expression, in mm: after rigid alignment, and after alignment with the size given
(`train.metrics.known_scale_errors`).
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.head.model import Head
from face3d_live.reconstruct import Options, Reconstructor
from face3d_live.rotations import from_euler
from face3d_live.train.data.portraits import exemplars, held_out_skins, training_images
from face3d_live.train.evaluate import metrics
from face3d_live.train.synthetic.compose import compose
from face3d_live.train.synthetic.expressions import ExpressionSampler
from face3d_live.train.synthetic.hair import load_styles
from face3d_live.train.synthetic.identities import IdentitySampler
from face3d_live.train.synthetic.people import PersonSampler
from face3d_live.train.synthetic.render import Painter
from face3d_live.train.synthetic.scene import Backgrounds, Placement
from face3d_live.train.synthetic.skins import load_skins

SIDE, SEED = 512, 8181
TURN, MOST = (14.0, 8.0, 5.0), 30.0  # degrees of yaw, pitch, roll: standard deviations, and where they end
WIDER = (1.0, 1.7)  # the picture, as a multiple of the stored one of training
NOISE = 2.0  # grey levels


@dataclass(frozen=True)
class Photo:
    """rgb: (SIDE, SIDE, 3). face: (F, 3) the true vertices of the face region, head frame, metres."""

    rgb: np.ndarray
    face: np.ndarray


class Studio:
    """Takes photos of synthetic people."""

    def __init__(self, head: Head, data: Path, skins: Path) -> None:
        faces = load_skins(skins, head, held_out_skins(data))
        self._head = head
        self._painter = Painter(head, faces, load_styles(data / "makehuman_cc0" / "hair", head), SIDE)
        self._people = PersonSampler(self._painter, faces)
        self._identities = IdentitySampler(head, data / "scan_heads.npz")
        self._expressions = ExpressionSampler(exemplars(data))
        self._backgrounds = Backgrounds(training_images(data))

    def photos(self, count: int) -> Iterator[Photo]:
        """Always the same ones; no sunglasses."""
        taken, number = 0, 0
        while taken < count:
            photo = self._photo(np.random.default_rng([SEED, number]))
            number += 1
            if photo is not None:
                taken += 1
                yield photo

    def _photo(self, rng: np.random.Generator) -> Photo | None:
        identity, expression = self._identities.sample(rng), self._expressions.sample(rng)
        turn = from_euler(*np.radians(np.clip(rng.normal(0, TURN), -MOST, MOST)))
        vertices = self._head.posed(identity.neutral, identity.shape, expression)
        points = self._head.points(vertices)
        person = self._people.sample(rng, identity, vertices, points, expression, turn)
        if len(person.hidden):
            return None
        place = wider(person.subject.placement, float(rng.uniform(*WIDER)))
        rgba, _ = self._painter.draw(replace(person.subject, placement=place))
        behind = self._backgrounds.sample(rng, SIDE)
        picture, _ = compose(rng, rgba, behind, place.project(points), person)
        noisy = picture + rng.normal(0, NOISE, picture.shape)
        return Photo(np.clip(noisy, 0, 255).astype(np.uint8), vertices[self._head.regions["face"]])


def wider(place: Placement, times: float) -> Placement:
    """The same head and camera; the picture shows so many times more."""
    scale = place.scale + float(np.log(times))
    return Placement(place.rotation, scale, place.position / np.float32(times), place.focal / times)


def surface(head: Head, codes: HeadCodes) -> np.ndarray:  # -> (F, 3)
    """The vertices of the face region."""
    return head.vertices(codes.shape, codes.expression)[head.regions["face"]]


def measure(head: Head, found: np.ndarray, truth: np.ndarray) -> str:  # (N, F, 3) x 2
    """The cells of a line of the table."""
    cells = []
    for errors in (metrics.aligned_errors(found, truth), metrics.known_scale_errors(found, truth)):
        cells += [errors.mean(), np.median(errors), np.percentile(errors, 90), np.percentile(errors, 95)]
    return " | ".join(f"{value:.2f}" for value in cells)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--skins", type=Path, default=Path("training/skins"), help="folder of skins, as for training")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    maker = Reconstructor(options.device)
    head = maker.head
    truth, refused = [], Counter[str]()
    found: dict[str, list[np.ndarray]] = {"the average face": [], "not refined": [], "refined": []}
    for photo in Studio(head, options.data, options.skins).photos(options.count):
        try:
            first, better = (maker.geometry(photo.rgb, Options(face="largest", refine=on)) for on in (False, True))
        except InputError as error:
            refused[error.code] += 1
            continue
        truth.append(photo.face)
        for name, codes in zip(found, (HeadCodes(), first.codes, better.codes), strict=True):
            found[name].append(surface(head, codes))
    print(f"{len(truth)} photos; refused: {dict(refused)}\n")
    print("| mm | rigid: mean | median | 90 % | 95 % | size given: mean | median | 90 % | 95 % |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, surfaces in found.items():
        print(f"| {name} | {measure(head, np.stack(surfaces), np.stack(truth))} |")


if __name__ == "__main__":
    main()
