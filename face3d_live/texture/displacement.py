"""Displacement map and normal map from shading: folds beside nose and mouth, wrinkles, finer than the mesh.

Shading that is left in the texture, in the band from one to some millimetres and beyond what the albedo model explains,
is explained by displacement. The displacement d (metres, along the normal) minimises

    sum_i w_i (a_i . grad d - r_i)^2 / NOISE^2  +  sum_i (d_i - DEPTH r_i)^2 / SPREAD^2  +  |laplace d|^2 / ROUGH^2

r: relative brightness in that band; a: derivative of the photo's shading by the slope of d. Light from the side
constrains d by this first term. For light from the front a is near zero, and the second term, "dark is deep", takes
over (a crease receives less ambient light: Beeler et al., "High-Quality Single-Shot Capture of Facial Geometry",
SIGGRAPH 2010). Brows, lids, lips, nostrils and texels that were not seen are not displaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.head.topology import MeshTopology
from face3d_live.lighting import sh_basis, shading_gradient, to_linear
from face3d_live.texture.albedo import Albedo
from face3d_live.texture.regions import share_of
from face3d_live.texture.texels import LEVEL, Texels, texels_of
from face3d_live.typing import Array, Array64, Mask, Picture

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


SIZE = 384  # texels of the displacement map: 0.75 mm each on the face
MOST = 8e-4  # metres
_FINE, _COARSE = 1.0, 6.0  # texels: the band
NOISE, DEPTH, SPREAD, ROUGH = 0.05, 1.2e-3, 3e-4, 1.5e-4
_MOST_RATIO = 0.4
_ROUNDS, _REST = 60, 1e-4
_GREY = np.full(3, 1 / 3, np.float32)
_KEPT_OUT = (
    "brows_left",
    "brows_right",
    "eyelids_left",
    "eyelids_right",
    "lips_upper",
    "lips_lower",
    "ears",
    "scalp",
    "neck",
)


def estimate_displacement(texture: Picture, seen: Mask, codes: HeadCodes, head: Head, albedo: Albedo) -> Array:
    """(SIZE, SIZE) metres outwards along the normal.

    texture: (S, S, 3 or 4) albedo in sRGB, seen: (S, S) where a photo showed it; codes: with the light and the albedo
    code of that photo.
    """
    texels = texels_of(head, SIZE)
    ratio, known = _band(texture, seen, codes, albedo, texels)
    mask = _mask(head, texels) * known
    inside = mask > 0.05
    if inside.sum() < 500:
        return np.zeros((SIZE, SIZE), np.float32)
    slope = _slopes(codes, head, texels, inside)
    found = _solve(np.clip(ratio, -_MOST_RATIO, _MOST_RATIO), slope, mask, inside)
    return np.clip(found * mask, -MOST, MOST).astype(np.float32)


def normal_map(depth: Array, codes: HeadCodes, head: Head) -> Picture:  # (SIZE, SIZE) -> (SIZE, SIZE, 3)
    """The displacement map as a tangent-space normal map: red along u, green along v upwards, blue outwards."""
    place = _places(codes, head, texels_of(head, SIZE))
    across, along = _steps(place)
    by_u, by_v = (
        slope / np.maximum(np.sqrt(np.einsum("ijk,ijk->ij", way, way)), 1e-5)
        for slope, way in ((_centred(depth, 1), across), (-_centred(depth, 0), along))
    )
    scale = 127.5 / np.sqrt(by_u**2 + by_v**2 + 1)
    normal = cv2.merge([128 - by_u * scale, 128 - by_v * scale, 128 + scale])
    return np.asarray(np.clip(normal, 0, 255), np.uint8)


def displaced(vertices: Array, mesh: MeshTopology, depth: Array) -> Array:  # (V, 3) -> (V, 3)
    """The vertices of a mesh level moved along their normals by a displacement map."""
    where = np.ascontiguousarray(mesh.uv * (SIZE, -SIZE) + (0, SIZE) - 0.5, np.float32)
    at = np.zeros(mesh.n_vertices, np.float32)
    x, y = (np.resize(where[:, k], (-(-len(where) // 4096), 4096)) for k in (0, 1))  # remap wants narrow maps
    values = cv2.remap(depth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    at[mesh.split_vertex] = values.ravel()[: len(where)]
    return (vertices + at[:, None] * mesh.normals(vertices)).astype(np.float32)


def _band(texture: Picture, seen: Mask, codes: HeadCodes, albedo: Albedo, texels: Texels) -> tuple[Array, Array]:
    """(relative brightness in the band, how far it is known 0..1), both (SIZE, SIZE)."""
    known = cv2.resize(seen.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_AREA) * texels.covered
    small = cv2.resize(np.ascontiguousarray(texture[..., :3]), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    both = small.astype(np.float32) / 255, albedo.decode(codes.texture, SIZE)
    own, usual = (np.log(np.maximum(to_linear(each) @ _GREY, 5e-3)) for each in both)
    whole = (known > 0.5).astype(np.float32)

    def blurred(values: Array, sigma: float) -> Array:  # only what is known counts
        mass = cv2.GaussianBlur(whole, (0, 0), sigma)
        return np.asarray(cv2.GaussianBlur(values * whole, (0, 0), sigma) / np.maximum(mass, 1e-3))

    rest = own - usual
    return blurred(rest, _FINE) - blurred(rest, _COARSE), known


def _mask(head: Head, texels: Texels) -> Array:
    """1 on bare skin of the face, falling to 0 before features and towards ears, neck and scalp."""
    kept_out = share_of(head, texels, _KEPT_OUT)
    kept_out[texels.part > 0] = 1
    picture = texels.image(kept_out, pad=False)
    picture[~texels.covered] = 1
    clear = cv2.erode(1 - np.clip(picture, 0, 1), np.ones((7, 7)))
    return np.asarray(cv2.GaussianBlur(clear, (0, 0), 3.0) * (clear > 0.5))


def _places(codes: HeadCodes, head: Head, texels: Texels) -> Array:  # (SIZE, SIZE, 3) head axes
    vertices = head.topology(LEVEL).refine(head.vertices(codes.shape, codes.expression))
    return texels.image(texels.at(vertices))


def _centred(values: Array, axis: int) -> Array:
    return np.asarray(np.gradient(values, axis=axis), np.float32)


def _steps(place: Array) -> tuple[Array, Array]:
    """Metres per texel along columns (u) and against rows (v upwards), (S, S, 3) each."""
    return _centred(place, 1), -_centred(place, 0)


def _slopes(codes: HeadCodes, head: Head, texels: Texels, inside: Mask) -> Array:  # -> (N, 2)
    """Relative change of brightness per metre of rise to the next texel: along columns, along rows; of the N inside."""
    mesh = head.topology(LEVEL)
    vertices = mesh.refine(head.vertices(codes.shape, codes.expression))
    both = texels.image(texels.at(np.concatenate([vertices, mesh.normals(vertices)], 1)))
    across, along = (way[inside] for way in _steps(np.ascontiguousarray(both[..., :3])))
    turned = both[inside, 3:] @ codes.rotation.T
    shading = np.maximum(sh_basis(turned) @ codes.light.reshape(9, 3).mean(1), 0.3)
    towards = shading_gradient(codes.light, turned) @ codes.rotation / shading[:, None]  # head axes
    slopes = [np.einsum("ij,ij->i", towards, way) / np.maximum((way**2).sum(1), 1e-9) for way in (-across, along)]
    return np.stack(slopes, 1).astype(np.float32)


def _solve(ratio: Array, slope: Array, mask: Array, inside: Mask) -> Array:  # (S, S), (N, 2), (S, S) x 2 -> (S, S)
    """Conjugate gradients on the normal equations of the module docstring, over the texels inside."""
    from scipy.sparse import coo_matrix, diags, identity

    count = int(inside.sum())
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(count)

    def difference(rows: int, columns: int) -> csr_matrix:
        """Value at the next texel less the own; zero where there is no next one."""
        here, there = number, np.roll(number, (-rows, -columns), (0, 1))
        both = inside & (there >= 0)
        a, b = here[both], there[both]
        ones = np.ones(len(a))
        return coo_matrix((np.r_[-ones, ones], (np.r_[a, a], np.r_[a, b])), (count, count)).tocsr()

    by_column, by_row = difference(0, 1), difference(1, 0)
    tilt = diags(slope[:, 0]) @ by_column + diags(slope[:, 1]) @ by_row
    weight = diags(mask[inside] / NOISE**2)
    curve = by_column.T @ by_column + by_row.T @ by_row
    system = tilt.T @ weight @ tilt + identity(count) / SPREAD**2 + curve.T @ curve / ROUGH**2
    r = ratio[inside].astype(np.float64)
    target = tilt.T @ (weight @ r) + DEPTH * r / SPREAD**2
    out = np.zeros(inside.shape, np.float32)
    out[inside] = conjugate_gradients(system.tocsr(), target, DEPTH * r)
    return out


def conjugate_gradients(system: csr_matrix, target: Array64, start: Array64) -> Array64:  # (N, N), (N,) x 2 -> (N,)
    """x of system x = target (Hestenes and Stiefel, 1952): until the rest is `_REST` of the target, or `_ROUNDS`.

    SciPy's own would do; importing it takes longer than solving.
    """
    x, rest = start, target - system @ start
    along, square = rest, float(rest @ rest)
    for _ in range(_ROUNDS):
        if square <= _REST**2 * float(target @ target):
            break
        towards = system @ along
        step = square / float(along @ towards)
        x, rest = x + step * along, rest - step * towards
        before, square = square, float(rest @ rest)
        along = rest + square / before * along
    return x
