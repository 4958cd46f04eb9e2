"""How near each way of enlarging a face comes to the truth: `python bench/sharpen.py [--data DIR]`, one table.

Skins of the data folder are baked onto the atlas; each is shrunk as a camera would (area mean, noise, JPEG) and
enlarged again. PSNR and SSIM of brightness over the face; detail: how much of the true fine detail is there, 1 is all;
noise: fine detail that is not true, relative to the true one; worst skin: PSNR against bicubic, of the skin for which
a way does least. The network learned from every second skin; the table is of the others.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from face3d_live.head.model import Head
from face3d_live.texture.build.sharpen import SIZE, photographed
from face3d_live.texture.build.skins import SkinBaker, body_skins
from face3d_live.texture.regions import face_only
from face3d_live.texture.sharpen import sharpen
from face3d_live.texture.texels import texels_of

NOISE = 2.0  # of 255
JPEG = 90


def unsharp(share: float) -> Callable[[np.ndarray, float], np.ndarray]:
    """The usual recipe: add a share of what a blur of one photo pixel takes away."""

    def make(picture: np.ndarray, times: float) -> np.ndarray:
        soft = cv2.GaussianBlur(picture, (0, 0), times)
        return cv2.addWeighted(picture, 1 + share, soft, -share, 0)

    return make


def grey(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)


def detail(truth: np.ndarray, shown: np.ndarray, face: np.ndarray) -> tuple[float, float]:
    """(share of the true fine detail that is there, noise: what fine detail there is beside it, of the true one)."""
    a, b = ((values - cv2.GaussianBlur(values, (0, 0), 2.0))[face] for values in (truth, shown))
    share = float((a * b).sum() / (a * a).sum())
    return share, float((b - share * a).std() / a.std())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--limit", type=int, help="skins at most")
    options = parser.parse_args()
    head = Head.load()
    texels = texels_of(head, SIZE)
    known = texels.image(face_only(head, texels.size), pad=False)
    face = known > 0.9
    baker = SkinBaker(head, SIZE, Path(".cache") / "body_uv.npz")
    ways: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
        "bicubic": lambda picture, times: picture,
        "unsharp masking, 80 %": unsharp(0.8),
        "unsharp masking, 25 %": unsharp(0.25),
        "--sharpen": lambda picture, times: sharpen(picture, known, times),
    }
    rng = np.random.default_rng(0)
    figures: dict[tuple[str, float], list[tuple[float, float, float, float]]] = defaultdict(list)
    skins = [(name, body) for name, body in body_skins(options.data) if not name.endswith("_512")]
    skins = skins[1::2][: options.limit]
    for _, body in skins:
        truth = baker.bake(body)
        for times in (1.5, 1.75, 2.0, 2.5, 3.0, 4.0):
            shown = photographed(truth, times, rng, NOISE, JPEG)
            for way, make in ways.items():
                a, b = grey(truth), grey(make(shown, times))
                psnr = float(10 * np.log10(255**2 / np.mean((a - b)[face] ** 2)))
                alike = structural_similarity(a, b, data_range=255, full=True)[1][face].mean()
                figures[way, times].append((psnr, float(alike), *detail(a, b, face)))
    print(f"{len(skins)} skins, {SIZE} texels, noise {NOISE} of 255, JPEG {JPEG}\n")
    print(
        "| texels per photo pixel | way | PSNR dB | worst skin | SSIM | detail | noise |\n|---|---|---|---|---|---|---|"
    )
    for (way, times), rows in sorted(figures.items(), key=lambda item: item[0][1]):
        psnr, alike, share, noise = np.mean(rows, 0)
        worst = min(row[0] - plain[0] for row, plain in zip(rows, figures["bicubic", times], strict=True))
        print(f"| {times} | {way} | {psnr:.2f} | {worst:+.2f} | {alike:.4f} | {share:.2f} | {noise:.2f} |")


if __name__ == "__main__":
    main()
