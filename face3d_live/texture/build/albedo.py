"""Build models/albedo.npz: `python -m face3d_live.texture.build.albedo --data ../shared/data`.

A PCA over the library of textures (`texture.build.library`, made when it is not there): 20 CC0 body skins and the faces
lifted from portraits, weighted so that every tone from dark to light counts the same. Textures that the components
explain badly (glasses, fringes, misfits) are put aside and the PCA is done again. Prints what it explains.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from face3d_live.codes import N_TEXTURE
from face3d_live.head.model import Head
from face3d_live.paths import MODELS
from face3d_live.texture.albedo import MODE_SIZE, SIZE, Albedo
from face3d_live.texture.build.files import read_picture
from face3d_live.texture.build.library import DEFAULT, LIFTED, build_library
from face3d_live.texture.texels import texels_of
from face3d_live.typing import AnyArray, Array

_SKIN_COUNTS = 12.0  # one painted skin against one photograph
_REJECTED = 0.15  # share of the photographs put aside
_TONES = 8


class Pca(NamedTuple):
    """mean: (D,); modes: (50, D) for unit variance; explained: share of the variance; noise: deviation left."""

    mean: Array
    modes: Array
    explained: float
    noise: float


def principal_components(data: Array, weight: AnyArray) -> Pca:
    """Weighted PCA of the rows of (n, D), n < D, by the eigenvectors of the Gram matrix."""
    weight = weight / weight.sum()
    mean = weight @ data
    centred = (data - mean) * np.sqrt(weight)[:, None]
    values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    order = np.argsort(values)[::-1][:N_TEXTURE]
    modes = vectors[:, order].T.astype(np.float32) @ centred
    sign = np.sign(modes.sum(1, keepdims=True))  # an eigenvector's sign is arbitrary: brighter is positive
    explained = float(values[order].sum() / values.sum())
    left = max(float(values.sum() - values[order].sum()), 1e-12)
    return Pca(mean, modes * np.where(sign == 0, 1, sign), explained, float(np.sqrt(left / data.shape[1])))


def tone_weights(brightness: AnyArray, photograph: AnyArray) -> AnyArray:  # (n,), (n,) bool -> (n,)
    """So that each of eight tones from dark to light weighs the same, within a factor of ten per picture."""
    base = np.where(photograph, 1.0, _SKIN_COUNTS)
    edges = np.linspace(brightness.min(), brightness.max() + 1e-6, _TONES + 1)
    of = np.digitize(brightness, edges) - 1
    mass = np.bincount(of, base, _TONES)
    return np.asarray(base * np.clip(base.sum() / _TONES / np.maximum(mass[of], 1e-6), 0.3, 3.0))


def left_over(data: Array, pca: Pca) -> AnyArray:  # (n,)
    """Root mean square of what the components do not explain of each row."""
    centred = data - pca.mean
    norm = (pca.modes**2).sum(1, keepdims=True)
    codes = centred @ (pca.modes / norm).T
    return np.asarray(np.sqrt(np.maximum((centred**2).sum(1) - (codes**2 * norm[:, 0]).sum(1), 0) / data.shape[1]))


def load_textures(paths: list[Path], head: Head) -> tuple[Array, Array]:
    """Rows of covered texels, (n, 3 N), at MODE_SIZE, and the means at SIZE as (n, 256, 256, 3) uint8."""
    texels = texels_of(head, MODE_SIZE)
    rows, pictures = [], []
    for path in paths:
        picture = read_picture(path)
        pictures.append(cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA))
        small = cv2.resize(picture, (MODE_SIZE, MODE_SIZE), interpolation=cv2.INTER_AREA)
        rows.append(texels.of(small).reshape(-1).astype(np.float32) / 255)
    return np.stack(rows), np.stack(pictures)


def build(folder: Path, head: Head, out: Path) -> list[Path]:
    """PCA of a library folder, written to `out`; returns the textures put aside."""
    paths = sorted(folder.glob("*.png"))
    photograph = np.array([p.stem.startswith(LIFTED) for p in paths])
    data, pictures = load_textures(paths, head)
    weight = tone_weights(data.mean(1), photograph)
    first = principal_components(data, weight)
    odd = left_over(data, first)
    keep = ~photograph | (odd < np.quantile(odd[photograph], 1 - _REJECTED)) if photograph.any() else ~photograph
    pca = principal_components(data[keep], weight[keep])
    texels = texels_of(head, MODE_SIZE)
    modes = np.stack([texels.image(mode.reshape(-1, 3)) for mode in pca.modes])
    scale = np.abs(modes).max(axis=(1, 2, 3)) / 127
    share = (weight * keep)[:, None] / (weight * keep).sum()
    mean = (share.T @ pictures.reshape(len(paths), -1).astype(np.float32)).reshape(SIZE, SIZE, 3)
    np.savez_compressed(
        out,
        mean=np.rint(mean).astype(np.uint8),
        modes=np.rint(modes / scale[:, None, None, None]).astype(np.int8),
        scale=scale.astype(np.float32),
        noise=np.float32(pca.noise),
    )
    print(
        f"{out}: {int(keep.sum())} of {len(paths)} textures, {100 * pca.explained:.1f} % of the variance, "
        f"left {255 * pca.noise:.1f} of 255, {out.stat().st_size / 1e6:.1f} MB"
    )
    return [path for path, kept in zip(paths, keep, strict=True) if not kept]


def write_codes(folder: Path, albedo: Albedo) -> None:
    """`codes.npz` beside the textures: `name` and `code` (n, 50)."""
    paths = sorted(folder.glob("*.png"))
    codes = [albedo.encode(read_picture(path).astype(np.float32) / 255) for path in paths]
    np.savez(folder / "codes.npz", name=np.array([p.stem for p in paths]), code=np.stack(codes))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--library", type=Path, default=DEFAULT, help="folder of textures, made when missing")
    parser.add_argument("--out", type=Path, default=MODELS / "albedo.npz")
    options = parser.parse_args()
    if not any(options.library.glob(f"{LIFTED}_*.png")):
        build_library(options.data, options.library)
    aside = options.library / "aside"
    aside.mkdir(exist_ok=True)
    for path in build(options.library, Head.load(), options.out):
        path.rename(aside / path.name)
    write_codes(options.library, Albedo.load(options.out))


if __name__ == "__main__":
    main()
