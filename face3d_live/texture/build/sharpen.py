"""Learns the filters of `sharpen`: `python -m face3d_live.texture.build.sharpen --data ../shared/data`.

Every second body skin of the data folder is baked onto the atlas; the others are left for `bench/sharpen.py`. Each is
photographed several times (`photographed`), with noise and JPEG as photos have them, and the filters are the ridge
least-squares map from the enlarged photo to what it lacks. A skin and its quarter turns count
alike, so that no filter learns where on a face it is.

A least-squares answer shrinks what it is unsure of. Aiming beyond the truth gives the contrast back and costs nearness:
each ratio's aim is the farthest with which every skin that had no part in the filters still comes nearer to its truth
than bicubic enlarging brings it (`aims`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from face3d_live.head.model import Head
from face3d_live.texture.build.skins import SkinBaker, body_skins
from face3d_live.texture.regions import face_only
from face3d_live.texture.sharpen import FILTERS, N_CLASSES, RATIOS, SIDE, classes, sharper_grey
from face3d_live.texture.texels import texels_of
from face3d_live.typing import AnyArray, Array, Mask, Picture

SIZE = 512
_NOISES, _JPEGS = (1.0, 2.5), (95, 88)
_AIMS = (0.4, 0.3, 0.2, 0.1, 0.0)  # shares of the fine detail to aim beyond the truth by
LEAST_GAIN = 0.05  # dB on bicubic, of the skin that gains least
_RIDGE = 3e-4  # of the mean square of a neighbour


def photographed(skin: Picture, times: float, rng: np.random.Generator, noise: float, jpeg: int) -> Picture:
    """A skin (S, S, 3) as a photo with `times` fewer pixels a side shows it, enlarged again bicubically.

    noise: of 255, jpeg: quality.
    """
    size = skin.shape[0]
    side = round(size / times)
    small = cv2.resize(skin, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    noisy = np.clip(small + rng.normal(0, noise, small.shape), 0, 255).astype(np.uint8)
    packed = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, jpeg])[1]
    opened = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return np.asarray(cv2.resize(opened, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def learn(skins: Sequence[Picture], where: Mask, seed: int = 0) -> tuple[Array, Array]:
    """Filters (ratios, classes, SIDE, SIDE) from skins (S, S, 3), at the texels `where` (S, S): (those that aim at the
    truth, what aiming beyond it by all of its fine detail adds to them)."""
    rng = np.random.default_rng(seed)
    found = np.zeros((2, len(RATIOS), N_CLASSES, SIDE, SIDE), np.float32)
    for at, times in enumerate(RATIOS):
        gram = np.zeros((N_CLASSES, SIDE**2, SIDE**2))
        targets = np.zeros((N_CLASSES, SIDE**2, 2))
        for skin in skins:
            for noise, jpeg in zip(_NOISES, _JPEGS, strict=True):
                shown = photographed(skin, times, rng, noise, jpeg)
                for turn in range(4):
                    there = np.rot90(where, turn)
                    _add(gram, targets, np.rot90(skin, turn), np.rot90(shown, turn), there, times)
        for kind in range(N_CLASSES):
            ridge = _RIDGE * max(np.trace(gram[kind]) / SIDE**2, 1e-6) * np.eye(SIDE**2)
            found[:, at, kind] = np.linalg.solve(gram[kind] + ridge, targets[kind]).T.reshape(2, SIDE, SIDE)
    # Neighbours were taken less their centre: the filter's own centre makes its sum zero, so that brightness stays.
    found[..., SIDE // 2, SIDE // 2] -= found.sum((-2, -1))
    return found[0], found[1]


def aims(skins: Sequence[Picture], where: Mask, seed: int = 1) -> list[float]:
    """How far beyond the truth to aim, for each ratio: see the module docstring. Cross-validated over two halves."""
    halves = skins[0::2], skins[1::2]
    learned = [learn(half, where, seed + i) for i, half in enumerate(halves)]
    gains = np.full((len(RATIOS), len(_AIMS)), np.inf)
    rng = np.random.default_rng(seed)
    known = where.astype(np.float32)
    for (pure, extra), evaluated in zip(learned, halves[::-1], strict=True):
        for at, times in enumerate(RATIOS):
            for skin in evaluated:
                truth, grey = _grey(skin), _grey(photographed(skin, times, rng, float(np.mean(_NOISES)), _JPEGS[-1]))
                plain = np.mean((grey - truth)[where] ** 2)
                for k, aim in enumerate(_AIMS):
                    sharper = sharper_grey(grey, known, pure[at] + aim * extra[at], times)
                    gain = 10 * np.log10(plain / np.mean((sharper - truth)[where] ** 2))
                    gains[at, k] = min(gains[at, k], gain)
    print("least gain on bicubic, dB, by ratio and aim:\n", gains.round(3))
    return [next((aim for aim, gain in zip(_AIMS, row, strict=True) if gain > LEAST_GAIN), 0.0) for row in gains]


def _grey(picture: Picture) -> Array:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(picture, np.float32) / 255, cv2.COLOR_RGB2GRAY))


def _add(gram: AnyArray, targets: AnyArray, skin: Picture, shown: Picture, where: AnyArray, times: float) -> None:
    """Sums of one picture for the normal equations of every class."""
    truth, grey = _grey(skin), _grey(shown)
    kind = classes(grey, times)
    reach = SIDE // 2
    rows, columns = np.nonzero(where)
    inside = (rows >= reach) & (columns >= reach) & (rows < len(grey) - reach) & (columns < len(grey) - reach)
    rows, columns = rows[inside][::3], columns[inside][::3]
    windows = np.lib.stride_tricks.sliding_window_view(grey, (SIDE, SIDE))[rows - reach, columns - reach]
    patches = (windows - grey[rows, columns, None, None]).reshape(len(rows), -1)
    soft = cv2.GaussianBlur(truth, (0, 0), times)
    lacking = np.stack([truth - grey, truth - soft], -1)[rows, columns]
    mine = kind[rows, columns]
    for number in range(N_CLASSES):
        chosen = patches[mine == number]
        gram[number] += chosen.T @ chosen
        targets[number] += chosen.T @ lacking[mine == number]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=FILTERS)
    options = parser.parse_args()
    head = Head.load()
    texels = texels_of(head, SIZE)
    baker = SkinBaker(head, SIZE, Path(".cache") / "body_uv.npz")
    bodies = [body for name, body in body_skins(options.data) if not name.endswith("_512")][0::2]
    where = texels.image(face_only(head, texels.size), pad=False) > 0.9
    skins = [baker.bake(body) for body in bodies]
    found = aims(skins, where)
    pure, extra = learn(skins, where)
    filters = pure + np.array(found, np.float32)[:, None, None, None] * extra
    np.savez_compressed(options.out, filters=filters.astype(np.float16))
    print(f"{options.out}: {options.out.stat().st_size / 1e3:.0f} kB from {len(bodies)} skins, aims {found}")


if __name__ == "__main__":
    main()
