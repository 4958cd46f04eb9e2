"""How well occlusions are removed from a texture: `python bench/occlusion.py [--count N] [--sheet PNG] [--portraits]`.

Synthetic people are drawn twice in the same light, once with glasses or hair over the forehead and once without, and
both pictures become textures, with the true codes. What the cover hides is known: where the two pictures differ.
recall: per cent of that which is recognised, precision: per cent of what is recognised that is so (hair: on the
forehead; what hangs before the cheeks below the nose is not looked for). hidden: mean difference of the two textures
there, of 255; around: the same on the rest of the face. The same people bare say what is taken for a cover and is none:
share of the face, and what filling it changes.

--portraits: real people whom training never saw. Whose forehead or temples hair, a cap or a scarf partly covers was
seen by eye (`COVERED`). taken: people of whom more than `MUCH` of the forehead is recognised as covered; forehead: how
much of it on average.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.eyewear import NO_GLASSES
from face3d_live.head.model import Head
from face3d_live.reconstruct import read_photo
from face3d_live.reconstruct.reconstructor import Reconstructor
from face3d_live.rotations import from_euler
from face3d_live.texture import analysis
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.occlusion import Occlusion
from face3d_live.texture.portrait import PhotoTexture, observe_texture, texture_from_photo
from face3d_live.texture.regions import share_of
from face3d_live.texture.sample import pose_head, sample_pixels
from face3d_live.texture.texels import texels_of
from face3d_live.train.data.pool import STORED
from face3d_live.train.data.portraits import load_index
from face3d_live.train.evaluate.faces import COVERED, GLASSES
from face3d_live.train.synthetic.hair import load_styles
from face3d_live.train.synthetic.identities import IdentitySampler
from face3d_live.train.synthetic.people import PersonSampler
from face3d_live.train.synthetic.render import Painter, Subject
from face3d_live.train.synthetic.skins import load_skins

SIDE, SIZE = 320, 256
CHANGED = 14.0  # of 255: where two pictures differ
LEAST = 0.15  # share of the forehead that has to be covered
FACE = ("forehead", "cheeks", "nose", "chin", "jaw", "eyelids_left", "eyelids_right", "brows_left", "brows_right")

JUDGED = 0.25  # weight of a view from which a texel is asked for
DARK = 70.0  # of 255: mean red, green and blue of a dark skin in its picture
MUCH = 0.04  # share of the forehead
NOTHING = Occlusion(np.zeros((SIZE, SIZE), np.float32), NO_GLASSES)


@dataclass(frozen=True)
class Pair:
    """Pictures (SIDE, SIDE, 3) of one person with a cover and without; what was drawn where, the codes are true."""

    cover: str
    covered: np.ndarray
    bare: np.ndarray
    codes: HeadCodes
    camera: Camera


class Studio:
    """Draws people in pairs."""

    def __init__(self, head: Head, data: Path, skins: Path) -> None:
        drawn = [skin for skin in load_skins(skins, head) if not skin.lifted]
        self.painter = Painter(head, drawn, load_styles(data / "makehuman_cc0" / "hair", head), SIDE)
        self.people, self.head = PersonSampler(self.painter, drawn), head
        self.identities = IdentitySampler(head, Path(), 0)

    def pairs(self, count: int) -> Iterator[Pair]:
        """`count` people of each kind of cover; hair needs the extra "build", for the mesh that it is made on."""
        left, seed = {"glasses": count, "hair": count if self.painter.styles else 0}, 0
        while any(left.values()):
            seed += 1
            for pair in self._person(np.random.default_rng(seed)):
                if left[pair.cover]:
                    left[pair.cover] -= 1
                    yield pair

    def _person(self, rng: np.random.Generator) -> Iterator[Pair]:
        identity = self.identities.sample(rng)
        rest = np.zeros(52, np.float32)
        vertices = self.head.vertices(identity.shape, rest)
        turn = from_euler(*np.radians(rng.normal(0, (11, 7, 4))))
        person = self.people.sample(rng, identity, vertices, self.head.points(vertices), rest, turn).subject
        bare = replace(person, props=[p for p in person.props if p.kind == "torso"], style=None, caps=[])
        place = person.placement
        codes = HeadCodes(shape=identity.shape, rotation=place.rotation, translation=place.translation)
        camera = Camera(SIDE, SIDE, SIDE / 2 * place.focal / STORED)
        plain = self._picture(bare)
        glasses = [prop for prop in person.props if prop.kind in ("frame", "lenses")]
        if glasses and "sunglasses" not in person.look.wears:
            yield Pair("glasses", self._picture(replace(bare, props=bare.props + glasses)), plain, codes, camera)
        if person.style is not None:
            haired = self._picture(replace(bare, style=person.style))
            over = share_of(self.head, texels_of(self.head, SIZE), ("forehead",))[_face(self.head)] > 0.5
            if _hidden(haired, plain, codes, camera, self.head)[over].mean() > LEAST:
                yield Pair("hair", haired, plain, codes, camera)

    def _picture(self, subject: Subject) -> np.ndarray:
        rgba, _ = self.painter.draw(subject)
        behind = 150.0 * (1 - rgba[..., 3:] / 255)
        return np.clip(rgba[..., :3] + behind, 0, 255).astype(np.uint8)


def _hidden(covered: np.ndarray, bare: np.ndarray, codes: HeadCodes, camera: Camera, head: Head) -> np.ndarray:
    """(F,) bool: of the face's texels, those where the pictures differ."""
    texels = texels_of(head, SIZE)
    view = pose_head(codes, camera, head).view(texels)
    change = np.abs(covered.astype(np.float32) - bare).max(2)
    wide = cv2.dilate(change, np.ones((3, 3)))  # what lies between two pixels is half covered
    grey = np.repeat(wide[..., None], 3, 2).astype(np.uint8)
    return (255 * sample_pixels(grey, view.pixel, 1.0)[:, 0] > CHANGED)[_face(head)]


def _face(head: Head) -> np.ndarray:
    return share_of(head, texels_of(head, SIZE), FACE) > 0.5


def _share(what: np.ndarray, of: np.ndarray) -> float:
    """Of one mask, the part that lies in another; NaN of nothing."""
    return float(what[of].mean()) if of.any() else np.nan


def measure(pair: Pair, head: Head, albedo: Albedo) -> tuple[dict[str, float], np.ndarray]:
    """The figures of the module docstring, and a picture."""
    face, texels = _face(head), texels_of(head, SIZE)
    hidden = _hidden(pair.covered, pair.bare, pair.codes, pair.camera, head)

    def made(picture: np.ndarray) -> PhotoTexture:
        return texture_from_photo(picture, pair.codes, pair.camera, head, albedo, SIZE)

    def off(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(texels.of(a[..., :3].astype(np.float32)) - texels.of(b[..., :3])).mean(1)[face]

    found, truth = made(pair.covered).texture, made(pair.bare)
    with patch.object(analysis, "find_occlusion", lambda *_: NOTHING):
        untouched, plain = made(pair.bare).texture, made(pair.covered).texture
    error, without = off(found, untouched), off(plain, untouched)
    marked = observe_texture(pair.covered, pair.codes, pair.camera, head, albedo, SIZE).occlusion
    known = pose_head(pair.codes, pair.camera, head).view(texels).weight[face] > JUDGED
    asked = known & ((pair.cover == "glasses") | (share_of(head, texels, ("forehead",))[face] > 0.5))
    taken = texels.of(marked)[face] > 0.5
    figures = {
        "recall": 100 * _share(taken, hidden & asked),
        "precision": 100 * _share(hidden, taken & asked),
        "hidden": float(error[hidden].mean()) if hidden.any() else np.nan,
        "as it is": float(without[hidden].mean()) if hidden.any() else np.nan,
        "around": float(error[~hidden].mean()),
        "taken": 100 * truth.occluded,
        "changed": float(off(truth.texture, untouched).mean()),
    }
    shown = [cv2.resize(p, (SIZE, SIZE)) for p in (pair.covered, pair.bare)]
    zoom = [cv2.resize(p[40:180, 48:208, :3], (SIZE, SIZE)) for p in (plain, found, untouched)]
    return figures, np.hstack([*shown, *zoom])


def dark(pair: Pair, head: Head) -> bool:
    """Whether the person's cheeks are dark in the picture."""
    texels = texels_of(head, SIZE)
    cheeks = share_of(head, texels, ("cheeks",)) > 0.9
    pixel = pose_head(pair.codes, pair.camera, head).view(texels).pixel[cheeks]
    return bool(255 * np.median(sample_pixels(pair.bare, pixel, 1.0)) < DARK)


def sitters(data: Path, head: Head, albedo: Albedo) -> None:
    """Prints the table of the held-out portraits."""
    maker, texels = Reconstructor("cpu"), texels_of(head, SIZE)
    forehead = share_of(head, texels, ("forehead",)) > 0.5
    shares: dict[str, list[float]] = defaultdict(list)
    worn: dict[str, list[str]] = defaultdict(list)
    for sitter in load_index(data):
        if not sitter.held_out:
            continue
        rgb = read_photo(sitter.image)
        found = maker.find(rgb, "largest")
        seen = observe_texture(rgb, found.codes, found.camera, head, albedo, SIZE)
        worn["yes" if sitter.image.stem in GLASSES else "no"].append(seen.glasses.style or "none")
        asked = forehead & (pose_head(found.codes, found.camera, head).view(texels).weight > JUDGED)
        name, tone = sitter.image.stem, "dark skin" if sitter.tone < 10 else "others"
        over = "covered in part" if name in COVERED else "bare, glasses" if name in GLASSES else "bare"
        shares[f"{over}, {tone}"].append(_share(texels.of(seen.occlusion) > 0.5, asked))
    print("\n| glasses | people | found | as |\n|---|---|---|---|")
    for kind, styles in sorted(worn.items()):
        said = Counter(style for style in styles if style != "none")
        print(f"| {kind} | {len(styles)} | {said.total()} | {', '.join(f'{n} {s}' for s, n in said.most_common())} |")
    print("\n| forehead | people | taken | of it |\n|---|---|---|---|")
    for kind, each in sorted(shares.items()):
        some = sum(share > MUCH for share in each)
        print(f"| {kind} | {len(each)} | {some} | {100 * np.nanmean(each):.1f} % |")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--skins", type=Path, default=Path(".cache/textures"))
    parser.add_argument("--count", type=int, default=30, help="people of each kind; 0: no synthetic ones")
    parser.add_argument("--sheet", type=Path, help="picture, bare; texture as it is, found, true")
    parser.add_argument("--portraits", action="store_true", help="real people, too")
    options = parser.parse_args()
    head, albedo = Head.load(), Albedo.load()
    figures: dict[str, list[dict[str, float]]] = defaultdict(list)
    rows = []
    if not options.count:
        sitters(options.data, head, albedo)
        return
    for pair in Studio(head, options.data, options.skins).pairs(options.count):
        found, row = measure(pair, head, albedo)
        kind = "glasses" if pair.cover == "glasses" else f"hair, {'dark' if dark(pair, head) else 'light'} skin"
        figures[kind].append(found)
        rows.append((found["hidden"], row))
    names = list(next(iter(figures.values()))[0])
    print(f"{options.count} people of each kind\n\n| cover | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    for cover, rows_of in figures.items():
        print(f"| {cover} | {' | '.join(f'{np.nanmean([each[name] for each in rows_of]):.2f}' for name in names)} |")
    if options.portraits:
        sitters(options.data, head, albedo)
    if options.sheet:
        worst = [row for _, row in sorted(rows, key=lambda pair: -pair[0])]
        cv2.imwrite(str(options.sheet), np.vstack(worst[:: max(1, len(worst) // 10)])[..., ::-1])


if __name__ == "__main__":
    main()
