"""Synthetic training samples: `python -m face3d_live.train.synthetic.generate --out DIR --shards N --seed S`.

Each shard has its own seed, so an interrupted run goes on where it stopped and any shard can be made again. With
`--seconds` a run ends by the clock, and its last shard holds what there is by then.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from face3d_live.head.model import Head
from face3d_live.paths import MODELS
from face3d_live.texture.albedo import Albedo
from face3d_live.train.data.pool import SIZE, SYNTHETIC, WORN, Sample, ShardWriter
from face3d_live.train.data.portraits import exemplars, held_out_skins, training_images
from face3d_live.train.synthetic.appearance import Appearance
from face3d_live.train.synthetic.compose import compose
from face3d_live.train.synthetic.expressions import ExpressionSampler, look_along
from face3d_live.train.synthetic.hair import load_styles
from face3d_live.train.synthetic.identities import IdentitySampler
from face3d_live.train.synthetic.people import PersonSampler
from face3d_live.train.synthetic.render import Painter, metres
from face3d_live.train.synthetic.scene import Backgrounds, Placement, sample_rotation
from face3d_live.train.synthetic.skins import TextureCoder, load_skins
from face3d_live.typing import AnyArray, Array

SHARD = 1000
DRAWN = 184  # pixels; pictures are drawn larger than kept, then averaged
AT_CAMERA = 0.35  # share of heads that look into the camera, however they are turned
HIDDEN = 0.008  # metres that something must lie in front of a point to hide it


class Generator:
    """Makes samples. data: the folder of faces and heads; skins: a folder of skins in the head's atlas."""

    def __init__(self, head: Head, data: Path, skins: Path) -> None:
        self.head = head
        self.skins = load_skins(skins, head, held_out_skins(data))
        self.painter = Painter(head, self.skins, load_styles(data / "makehuman_cc0" / "hair", head), DRAWN)
        self.identities = IdentitySampler(head, data / "scan_heads.npz")
        self.expressions = ExpressionSampler(exemplars(data))
        self.backgrounds = Backgrounds(training_images(data) if (data / "faces").is_dir() else [])
        albedo = MODELS / "albedo.npz"  # made from the same skins: the first samples of all are made without it
        coder = TextureCoder(self.skins, Albedo.load()) if albedo.is_file() else None
        self.people = PersonSampler(self.painter, self.skins, coder)

    def sample(self, rng: np.random.Generator) -> Sample:
        """One random head, drawn and labelled."""
        identity = self.identities.sample(rng)
        rotation = sample_rotation(rng)
        expression = self.expressions.sample(rng)
        if rng.random() < AT_CAMERA:
            expression = look_along(expression, rotation.T @ (0, 0, 1) + rng.normal(0, 0.05, 3))
        vertices = self.head.posed(identity.neutral, identity.shape, expression)
        points = self.head.points(vertices)
        person = self.people.sample(rng, identity, vertices, points, expression, rotation)
        place = person.subject.placement
        rgba, depth = self.painter.draw(person.subject)
        seen = place.project(points)
        visible = self.visible(points, place, depth)
        image, covered = compose(rng, rgba, self.backgrounds.sample(rng, SIZE), seen, person)
        visible[covered] = 0
        visible[person.hidden] = 0
        return {
            "image": image,
            "points": seen,
            "visible": visible,
            "weight": self.head.point_usable.astype(np.float32),
            "expression": expression,
            "expression_weight": np.ones(52, np.float32),
            "shape": identity.shape,
            "shape_weight": np.float32(1),
            "rotation": place.rotation,
            "scale": np.float32(place.scale),
            "position": place.position,
            "focal": np.float32(place.focal),
            "texture": person.texture,
            "texture_valid": np.float32(person.texture.any()),
            "light": person.subject.light.label,
            "light_valid": np.float32(1),
            "teacher": np.zeros(52, np.float32),
            "teacher_weight": np.zeros(52, np.float32),
            "source": np.uint8(SYNTHETIC),
            "worn": _worn(person.subject.look, bool(covered.any())),
        }

    def visible(self, points: AnyArray, place: Placement, depth: AnyArray) -> Array:  # (478, 3) -> (478,)
        """1 where nothing drawn lies more than `HIDDEN` before the point."""
        distance = -(points @ place.rotation.T + place.translation)[:, 2]
        clip = place.clip_matrix()
        camera = points @ place.rotation.T + place.translation
        x, y = (camera[:, :2] * (1, -1) * clip[0, 0] / -camera[:, 2:]).T
        column = np.clip((x + 1) / 2 * len(depth), 0, len(depth) - 1).astype(int)
        row = np.clip((y + 1) / 2 * len(depth), 0, len(depth) - 1).astype(int)
        return (metres(depth[row, column]) > distance - HIDDEN).astype(np.float32)


def _worn(look: Appearance, covered: bool) -> NDArray[np.int8]:  # -> (len(WORN),)
    """What this person wears, and whether something is held before the face."""
    facts = {"hat": look.hat != "", "before": covered}
    return np.array([facts.get(name, name in look.wears) for name in WORN], np.int8)


def shard_name(seed: int, number: int) -> str:
    """The folder of a shard inside its pool."""
    return f"s{seed:04d}_{number:05d}"


def write_shard(
    generator: Generator, pool: Path, seed: int, number: int, count: int = SHARD, until: float = math.inf
) -> Path:
    """Make shard `number` of the run `seed`. until: when to stop before it has `count` samples, in `time.monotonic()`;
    one it has in any case."""
    rng = np.random.default_rng([seed, number])
    writer = ShardWriter(pool, shard_name(seed, number), {"kind": "synthetic", "seed": seed, "number": number})
    while len(writer.samples) < count and (time.monotonic() < until or not writer.samples):
        writer.add(generator.sample(rng))
    return writer.close()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the pool")
    parser.add_argument("--shards", type=int, default=60, help=f"shards of {SHARD} samples")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--skins", type=Path, required=True, help="folder of skins in the head's atlas")
    parser.add_argument("--count", type=int, default=SHARD, help="samples in a shard")
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop after so long, its start included")
    options = parser.parse_args(arguments)
    until = time.monotonic() + options.seconds
    # llvmpipe shall draw in this thread: more processes are the better use of more cores.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    generator = Generator(Head.load(), options.data, options.skins)
    for number in range(options.shards):
        if (options.out / shard_name(options.seed, number) / "about.json").is_file():
            continue
        start = time.monotonic()
        if start > until:
            break
        path = write_shard(generator, options.out, options.seed, number, options.count, until)
        rate = json.loads((path / "about.json").read_text())["count"] / (time.monotonic() - start)
        print(f"{path.name}: {rate:.0f} samples a second", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
