"""How near the hair of a head is to its photo's: python bench/hair.py DATA [--count 60].

Held-out portraits of the data folder become textures; each is drawn over its photo, at its pose and in its light, and
the medians of both pictures are compared where the render has hair and the photo no skin: CIE Delta E 2000, by tone of
the skin. Left out are caps, scarves (`face3d_live/train/hair_labels.txt`), and who is drawn bald. Needs scikit-image.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import face3d_live.cli  # isort: skip  # noqa: F401  # one thread for OpenBLAS, as the program has it
import cv2
import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

from face3d_live.errors import InputError
from face3d_live.hairstyle import Hair
from face3d_live.reconstruct import Reconstructor, read_photo
from face3d_live.reconstruct.find import Found
from face3d_live.render.renderer import Renderer
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.portrait import texture_from_photo
from face3d_live.train.data.portraits import load_index
from face3d_live.train.hair_style import labels

SIDE = 256
NO_SKIN = 18.0  # CIEDE2000: a forehead differs from its cheeks by up to 15
TONES = (("light", 41.0, 180.0), ("medium", 10.0, 41.0), ("dark", -180.0, 10.0))


def difference(rgb: np.ndarray, found: Found, maker: Reconstructor, albedo: Albedo, renderer: Renderer) -> float | None:
    """Of one portrait; None where no hair is drawn."""
    made = texture_from_photo(rgb, found.codes, found.camera, maker.head, albedo, 512)
    renderer.set_texture(made.texture)
    over = [
        renderer.render(made.codes, found.camera, mode="overlay", background="transparent", hair=hair)
        for hair in (None, Hair("bald", "#000000"))
    ]
    apart = np.abs(over[0].astype(int) - over[1]).max(2) > 12
    hair = cv2.erode((apart & (over[0][..., 3] > 250)).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    photo = cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    skin = over[1][..., 3] > 250  # of the bald head: its lower half shows the face
    skin[: np.nonzero(skin.any(1))[0].mean().astype(int)] = False
    unlike = deltaE_ciede2000(rgb2lab(photo), rgb2lab(np.full_like(photo, np.median(photo[skin], 0)))) > NO_SKIN
    hair = hair & unlike if (hair & unlike).sum() >= 100 else hair  # a forehead that the render has hair on is no hair
    if hair.sum() < 100:
        return None
    medians = [rgb2lab(np.median(picture[hair][:, :3], 0) / 255) for picture in (photo, over[0])]
    return float(deltaE_ciede2000(*medians))


def measured(data: Path, count: int) -> Iterator[tuple[float, float]]:
    """Tone of the skin (ITA, degrees) and difference of each portrait."""
    maker, albedo, said = Reconstructor("cpu"), Albedo.load(), labels()
    renderer = Renderer(maker.head, SIDE, SIDE, "medium", samples=4)
    known = [one for one in load_index(data) if one.held_out and one.image.name in said]
    chosen = np.random.default_rng(3).permutation(len(known))[:count]
    for one in (known[i] for i in chosen):
        rgb = read_photo(one.image)
        try:
            off = difference(rgb, maker.find(rgb, "largest"), maker, albedo, renderer)
        except InputError:
            continue
        if off is not None:
            yield one.tone, off


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=60)
    args = parser.parse_args()
    rows = np.array(list(measured(args.data, args.count)))
    print("| skin | portraits | median | nine of ten |\n|---|---|---|---|")
    for name, low, high in (("all", -180.0, 180.0), *TONES):
        mine = rows[(rows[:, 0] > low) & (rows[:, 0] <= high), 1]
        if len(mine):
            print(f"| {name} | {len(mine)} | {np.median(mine):.1f} | {np.quantile(mine, 0.9):.1f} |")


if __name__ == "__main__":
    main()
