"""A training folder and its data made small enough to travel: one tar of a few ten MB, and back.

    python -m face3d_live.train.data.pack_folder unpack TAR --folder DIR
    python -m face3d_live.train.data.pack_folder turn --folder DIR --part K --parts N --copies C

In the tar: `training/skins` (JPEG), `training/packed` (pools, see `packing`), and of the data folder what
`synthetic.Generator` reads: `data/faces` (index, the teacher's scores, the strips that are backgrounds), scans, hair.
Held-out people are in `packed/portraits_heldout` only.
"""

from __future__ import annotations

import argparse
import lzma
import math
import shutil
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.errors import InputError
from face3d_live.head.build.makehuman import BASE_MESH, base_mesh_file
from face3d_live.head.model import Head
from face3d_live.texture.build.files import read_picture
from face3d_live.train.data.packing import pack_samples, turn, unique_samples, unpack_pool
from face3d_live.train.data.pool import Pool
from face3d_live.train.data.portraits import held_out_skins, training_images
from face3d_live.train.synthetic.scene import STRIPS

POOLS = ("portraits_train", "portraits_heldout")
#: Kept of the data: pictures whose strips are backgrounds, sides of a style's strands and of a picture, JPEG quality.
BACKGROUNDS, STRANDS, JPEG = 250, 256, 80


def pack(folder: Path, data: Path, out: Path, most: int, skins: int = 150) -> dict[str, int]:
    """Write the tar, `most` bytes at the largest, with so many `skins`; returns how many of everything it holds.

    As many samples of `portraits_train` travel as there is room for, untouched pictures before turned ones. Raises
    InputError "training-missing" for a folder without skins or pools, "pack-too-large" when nothing fits.
    """
    for needed in ("skins", *(f"pool/{name}" for name in POOLS)):
        if not (folder / needed).is_dir():
            cure = (
                f"{folder / needed} is missing: make it with python -m face3d_live.train.data.prepare --folder {folder}"
            )
            raise InputError("training-missing", cure)
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary)
        counts = {
            "skins": _skins(folder / "skins", tree / "training" / "skins", held_out_skins(data), skins),
            "backgrounds": _faces(data, tree / "data"),
            "hair styles": _hair(data / "makehuman_cc0" / "hair", tree / "data" / "makehuman_cc0" / "hair"),
        }
        if (data / "scan_heads.npz").is_file():
            shutil.copy(data / "scan_heads.npz", tree / "data")
        counts["held-out portraits"] = _pool(folder, tree, POOLS[1])
        counts["portraits"] = _fill(folder, tree, out, most)
    return counts


def unpack(packed: Path, folder: Path) -> dict[str, int]:
    """Unpack into `folder`: `training` with its pools as shards, and `data`; returns the samples of each pool.

    Raises InputError "pack-broken" for a tar that is missing or damaged.
    """
    try:
        with tarfile.open(packed) as tar:
            tar.extractall(folder, filter="data")
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError) as error:
        raise InputError("pack-broken", f"{packed} cannot be read ({error}): pack and copy it again") from error
    training = folder / "training"
    return {name: unpack_pool(_packed(training, name), training / "pool" / name) for name in POOLS}


def _packed(training: Path, name: str) -> Path:
    return training / "packed" / f"{name}.npz"


def _fill(folder: Path, tree: Path, out: Path, most: int) -> int:
    """Write the tar with as many portraits as fit; returns how many."""
    available = len(unique_samples(Pool(folder / "pool" / POOLS[0]))[0])
    empty = _write(tree, out)
    few = min(available, 200)
    _pool(folder, tree, POOLS[0], few)
    each = (_write(tree, out) - empty) / few
    count = min(available, int((most - empty) / each))
    while count > 0:
        _pool(folder, tree, POOLS[0], count)
        size = _write(tree, out)
        if size <= most:
            return count
        count -= int((size - most) / each) + 1 + count // 100
    out.unlink(missing_ok=True)
    line = f"{empty / 1e6:.1f} MB without any portrait where {most / 1e6:.1f} MB are allowed: pack fewer skins"
    raise InputError("pack-too-large", line)


def _write(tree: Path, out: Path) -> int:
    """The tar of everything below `tree`; returns its bytes."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(out, "w:xz", preset=6) as tar:
        for part in sorted(tree.iterdir()):
            tar.add(part, part.name)
    return out.stat().st_size


def _pool(folder: Path, tree: Path, name: str, most: int | None = None) -> int:
    """Pack a pool, or its first samples that differ; returns how many."""
    pool = Pool(folder / "pool" / name)
    indices, repeats = (rows[:most] for rows in unique_samples(pool))
    path = _packed(tree / "training", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, allow_pickle=False, **pack_samples(pool.take(indices), repeats))
    return len(indices)


def _skins(folder: Path, out: Path, without: frozenset[str], most: int) -> int:
    """The drawn skins and evenly many of the lifted ones from dark to light, as JPEG; returns how many."""
    paths = sorted(p for p in [*folder.glob("*.png"), *folder.glob("*.jpg")] if p.stem not in without)
    pictures = {path: read_picture(path) for path in paths}
    drawn = [path for path in paths if not path.stem.startswith("lifted")]
    lifted = sorted(set(paths) - set(drawn), key=lambda path: float(pictures[path].mean()))
    count = min(len(lifted), max(0, most - len(drawn)))
    kept = [lifted[i] for i in np.linspace(0, len(lifted) - 1, count).round().astype(int)] if count else []
    for path in drawn + kept:
        _write_jpeg(out / f"{path.stem}.jpg", pictures[path])
    return len(drawn) + len(kept)


def _faces(data: Path, out: Path) -> int:
    """The index, the teacher's scores, and pictures of which nothing is left but the strips; returns how many."""
    faces = out / "faces"
    faces.mkdir(parents=True)
    shutil.copy(data / "faces" / "index.csv", faces)
    with np.load(data / "faces" / "teacher.npz") as teacher:
        scores = teacher["blendshapes"].astype(np.float16)
        kept = {"blendshapes": scores, "blendshape_names": teacher["blendshape_names"], "image": teacher["image"]}
        np.savez(faces / "teacher.npz", allow_pickle=False, **kept)
    paths = training_images(data)[:BACKGROUNDS]
    for path in paths:
        picture = read_picture(path)
        blank = np.full_like(picture, 128)
        for strip in STRIPS:
            blank[strip] = picture[strip]
        _write_jpeg(faces / "images" / path.name, blank)
    return len(paths)


def _hair(folder: Path, out: Path) -> int:
    """The hair meshes with small textures, and the base mesh they are tied to; returns how many styles."""
    base = base_mesh_file(folder)
    if base is None or not folder.is_dir():
        return 0
    out.mkdir(parents=True)
    shutil.copy(base, out / BASE_MESH)
    styles = sorted(folder.glob("*/*.mhclo"))
    for path in styles:
        (out / path.parent.name).mkdir(exist_ok=True)
        for file in (path, path.with_suffix(".obj")):
            shutil.copy(file, out / path.parent.name)
        for picture in path.parent.glob("*_diffuse.png"):
            image = np.asarray(cv2.imread(str(picture), cv2.IMREAD_UNCHANGED), np.uint8)  # with its alpha
            small = cv2.resize(image, (STRANDS, STRANDS), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(out / path.parent.name / picture.name), small)
    return len(styles)


def _write_jpeg(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Under any name: the data folder's index names its pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    path.write_bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG])[1].tobytes())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    opening = commands.add_parser("unpack")
    opening.add_argument("tar", type=Path)
    opening.add_argument("--folder", type=Path, required=True)
    turning = commands.add_parser("turn")
    turning.add_argument("--folder", type=Path, required=True, help="where it was unpacked")
    turning.add_argument("--part", type=int, default=0)
    turning.add_argument("--parts", type=int, default=1)
    turning.add_argument("--copies", type=int, default=1)
    turning.add_argument("--seconds", type=float, default=math.inf, help="stop after so long")
    options = parser.parse_args(arguments)
    if options.command == "unpack":
        try:
            print(", ".join(f"{name} {count}" for name, count in unpack(options.tar, options.folder).items()))
        except InputError as error:
            print(error, file=sys.stderr)
            return 1
        return 0
    training = options.folder / "training"
    packed, pool = _packed(training, POOLS[0]), training / "pool" / POOLS[0]
    until = time.monotonic() + options.seconds
    print(turn(Head.load(), packed, pool, options.part, options.parts, options.copies, until), "turned portraits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
