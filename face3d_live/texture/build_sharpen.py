"""Learns the filters of `sharpen`: `python -m face3d_live.texture.build_sharpen --data ../shared/data`.

Every second body skin of the data folder is baked onto the atlas; the others are left for `bench/sharpen.py`. Each is
photographed several times (`photographed`), with noise and JPEG as photos have them, and the filters are the ridge
least-squares map from the enlarged photo to what it lacks. A skin and its quarter turns count
alike, so that no filter learns where on a face it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.head.model import Head
from face3d_live.texture.regions import face_only
from face3d_live.texture.sharpen import FILTERS, N_CLASSES, RATIOS, SIDE, classes
from face3d_live.texture.skins import SkinBaker, body_skins
from face3d_live.texture.texels import texels_of

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]

SIZE = 512
_NOISES, _JPEGS = (1.0, 2.5), (95, 88)
#: A least-squares answer shrinks what it is unsure of: aiming a little beyond the truth gives the contrast back.
_EMPHASIS = 0.4
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


def learn(skins: Sequence[Picture], where: NDArray[np.bool_], seed: int = 0) -> Array:
    """The filters (ratios, classes, SIDE, SIDE) from skins (S, S, 3), at the texels `where` (S, S)."""
    rng = np.random.default_rng(seed)
    filters = np.zeros((len(RATIOS), N_CLASSES, SIDE, SIDE), np.float32)
    for at, times in enumerate(RATIOS):
        gram = np.zeros((N_CLASSES, SIDE**2, SIDE**2))
        target = np.zeros((N_CLASSES, SIDE**2))
        for skin in skins:
            for noise, jpeg in zip(_NOISES, _JPEGS, strict=True):
                shown = photographed(skin, times, rng, noise, jpeg)
                for turn in range(4):
                    there = np.rot90(where, turn)
                    _add(gram, target, np.rot90(skin, turn), np.rot90(shown, turn), there, times)
        for kind in range(N_CLASSES):
            ridge = _RIDGE * max(np.trace(gram[kind]) / SIDE**2, 1e-6) * np.eye(SIDE**2)
            filters[at, kind] = np.linalg.solve(gram[kind] + ridge, target[kind]).reshape(SIDE, SIDE)
    # Neighbours were taken less their centre: the filter's own centre makes its sum zero, so that brightness stays.
    filters[:, :, SIDE // 2, SIDE // 2] -= filters.sum((2, 3))
    return filters


def _add(gram: NDArray, target: NDArray, skin: Picture, shown: Picture, where: NDArray, times: float) -> None:
    """Sums of one picture for the normal equations of every class."""
    truth, grey = (cv2.cvtColor(np.ascontiguousarray(p, np.float32) / 255, cv2.COLOR_RGB2GRAY) for p in (skin, shown))
    kind = classes(grey, times)
    reach = SIDE // 2
    rows, columns = np.nonzero(where)
    inside = (rows >= reach) & (columns >= reach) & (rows < len(grey) - reach) & (columns < len(grey) - reach)
    rows, columns = rows[inside][::3], columns[inside][::3]
    windows = np.lib.stride_tricks.sliding_window_view(grey, (SIDE, SIDE))[rows - reach, columns - reach]
    patches = (windows - grey[rows, columns, None, None]).reshape(len(rows), -1)
    soft = cv2.GaussianBlur(truth, (0, 0), times)
    lacking = (truth + _EMPHASIS * (truth - soft) - grey)[rows, columns]
    mine = kind[rows, columns]
    for number in range(N_CLASSES):
        chosen = patches[mine == number]
        gram[number] += chosen.T @ chosen
        target[number] += chosen.T @ lacking[mine == number]


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
    where = texels.image(face_only(head, texels), pad=False) > 0.9
    filters = learn([baker.bake(body) for body in bodies], where)
    np.savez_compressed(options.out, filters=filters.astype(np.float16))
    print(f"{options.out}: {options.out.stat().st_size / 1e3:.0f} kB from {len(bodies)} skins")


if __name__ == "__main__":
    main()
