"""The head's UV layouts: the face large, central and exactly symmetric, all else in what room it leaves.

The left half of the face, with a rim of scalp, is flattened with its profile pinned to the line u = 1/2 and mirrored,
so that texel (u, v) and (1 - u, v) show the same place of the two sides. Angles count most; how large a place is drawn
follows a smooth field that favours what is seen from the front. Scalp and neck, ears, eyeballs, teeth, tongue and mouth
lining are islands of their own, drawn smaller. The other layout, the chart, leaves face, scalp and neck in one piece,
for whatever looks at the neighbourhood of a place. Deterministic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live.head.build import charts
from face3d_live.head.build.charts import Chart
from face3d_live.head.build.flatten import flatten, rest_triangles, stretch, tutte
from face3d_live.head.build.packing import Island, pack
from face3d_live.typing import AnyArray, Array

_ON_LINE = 1e-5  # metres from x = 0
_EAR_HEIGHT = 0.065  # metres, of an auricle
_SKIN, _EYES, _TEETH = 0, 1, 2
#: How large the islands would like to be drawn, against the face; packing shrinks them together until they fit.
_EAR_SCALE, _SCALP_SCALE = 0.6, 0.3
_INNER_SCALE = {_SKIN: 0.3, _EYES: 0.55, _TEETH: 0.6, 3: 0.4, 4: 0.3}
#: Metres below the middle of the head where the rim of the face ends: the neck begins right under the chin.
_RIM_BELOW = 0.08


def build_atlas(
    vertices: AnyArray, faces: AnyArray, part: AnyArray, regions: Mapping[str, AnyArray], whole: bool = False
) -> tuple[Array, NDArray[np.int32]]:
    """Lay the head out in the unit square, with scalp and neck cut off or, for the `whole` chart, not.

    vertices: (V, 3) head frame, the skin mirror-symmetric to 0.1 mm; faces: (F, 3), rows 2i and 2i + 1 halving a quad,
    which is never cut; part: (V,) 0 skin, others inner; regions: "ears" and "face" (V,) bool. Returns uv (U, 2),
    v up, and face_uv (F, 3). Prints the distortion. Raises ValueError for a head that this cutting does not fit.
    """
    vertices = np.asarray(vertices, np.float64)
    seen = charts.exposure(vertices, faces)
    skin = _by_quad((part[faces] == _SKIN).any(1), any_of=True)
    left = _by_quad(vertices[faces].mean(1)[:, 0] > 0, any_of=False)
    ear = _ear(vertices, faces, left & skin, regions["ears"])
    halves = np.flatnonzero(left & skin & ~ear)
    half = max((halves[c] for c in charts.components(faces[halves])), key=len)
    front = half if whole else _front(vertices, faces, half, regions["face"])
    back = half[~np.isin(half, front)]
    head = half_head(vertices, faces, front, ~skin, seen)
    partner = charts.mirror_map(vertices)
    mirrored = _mirror_faces(faces, partner)
    ear_index = np.flatnonzero(ear)
    islands = [
        Island(_upright(vertices, charts.flatten_disc(vertices, faces, index)), True, scale)
        for index, scale in ((ear_index, _EAR_SCALE), (back, _SCALP_SCALE))
        if len(index)
    ]
    done = np.zeros(len(faces), bool)
    for index in (half, ear_index):
        done[index] = done[mirrored[index]] = True
    for index in _discs(vertices, faces, np.flatnonzero(~done), part):
        kind = int(np.bincount(part[faces[index]].ravel()).argmax())
        chart = charts.flatten_disc(vertices, faces, index)
        islands.append(Island(_upright(vertices, chart), False, _INNER_SCALE[kind]))
    uv, face_uv = _assemble(pack(head, islands, faces), faces, mirrored, partner)
    report(vertices, faces, uv, face_uv, seen, regions["face"])
    return uv, face_uv


def _by_quad(flag: Any, any_of: bool) -> AnyArray:  # (F,) -> (F,)
    """The same answer for both halves of a quad."""
    pairs = flag.reshape(-1, 2)
    return np.repeat(pairs.any(1) if any_of else pairs.all(1), 2)


def _front(vertices: AnyArray, faces: AnyArray, half: AnyArray, face: AnyArray) -> AnyArray:  # -> indices of faces
    """Of the left half: the face and a rim of one quad around it, but not of the neck. What it leaves is in one piece.

    Quads are added where either part would hang together by a single vertex.
    """
    low = centre_of(vertices)[1] - _RIM_BELOW
    high = _by_quad(vertices[faces].mean(1)[:, 1] > low, any_of=True)
    inside = _by_quad(face[faces].any(1), any_of=True)
    inside |= _touching(faces, faces[half[inside[half]]]) & high
    while True:
        chosen = half[inside[half]]
        chosen = max((chosen[c] for c in charts.components(faces[chosen])), key=len)
        rest = np.setdiff1d(half, chosen)
        pieces = sorted((rest[c] for c in charts.components(faces[rest])), key=len)
        inside = np.isin(np.arange(len(faces)), np.concatenate([chosen, *pieces[:-1]]))
        parts = (faces[half[inside[half]]], faces[half[~inside[half]]])
        pinched = np.setdiff1d(np.union1d(*map(charts.pinches, parts)), charts.pinches(faces[half]))
        if not len(pinched):
            return half[inside[half]]
        inside |= _touching(faces, pinched)


def _touching(faces: AnyArray, vertices: AnyArray) -> AnyArray:  # -> (F,) bool
    """The quads that have any of these vertices."""
    return _by_quad(np.isin(faces, vertices).any(1), any_of=True)


def centre_of(vertices: AnyArray) -> AnyArray:  # (3,)
    """The point in the head from which directions to its surface are taken."""
    front = vertices[:, 2]
    return np.array([0, vertices[:, 1].max() - 0.13, front.max() * 0.45 + front.min() * 0.55])


def _ear(vertices: AnyArray, faces: AnyArray, candidates: AnyArray, region: AnyArray) -> AnyArray:  # -> (F,) bool
    """The left auricle: the region's largest piece, from which rings are peeled until it is as high as an ear."""
    inside = region & (vertices[:, 0] > 0)
    while len(piece := _piece(faces, candidates, inside)):
        used = np.unique(faces[piece])
        if np.ptp(vertices[used, 1]) <= _EAR_HEIGHT and charts.is_disc(faces[piece]):
            return np.isin(np.arange(len(faces)), piece)
        inside = np.isin(np.arange(len(vertices)), used)
        inside[np.concatenate(charts.boundary_loops(faces[piece]))] = False
    raise ValueError("no auricle in the ear region: it cannot be cut out")


def _piece(faces: AnyArray, candidates: AnyArray, inside: AnyArray) -> AnyArray:
    """The largest connected set of quads inside, with what it encloses."""
    index = np.flatnonzero(candidates & _by_quad(np.asarray(inside[faces].all(1)), any_of=False))
    if not len(index):
        return index
    piece = max((index[c] for c in charts.components(faces[index])), key=len)
    around = np.setdiff1d(np.flatnonzero(candidates), piece)
    enclosed = sorted((around[c] for c in charts.components(faces[around])), key=len)[:-1]
    return np.sort(np.concatenate([piece, *enclosed]))


def _mirror_faces(faces: AnyArray, partner: AnyArray) -> AnyArray:  # (F,), -1 where a face has no counterpart
    """The face over on the other side, whichever way its quad is halved."""
    quads = faces.reshape(-1, 6)
    row = {tuple(np.unique(q).tolist()): i for i, q in enumerate(quads)}
    found = [row.get(tuple(np.unique(partner[q]).tolist()), -1) for q in quads]
    first = np.array(found)
    return np.where(np.repeat(first, 2) < 0, -1, np.stack([2 * first, 2 * first + 1], 1).ravel())


def _discs(vertices: AnyArray, faces: AnyArray, index: AnyArray, part: AnyArray) -> list[AnyArray]:
    """Split what is left into discs: by connection, then each closed or handled piece through its middle."""
    found, queue = [], [index[c] for c in charts.components(faces[index])] if len(index) else []
    while queue:
        piece = queue.pop(0)
        if charts.is_disc(faces[piece]):
            found.append(piece)
            continue
        middle = vertices[faces[piece]].reshape(-1, 6, 3).mean(1)
        eye = (part[faces[piece]] == _EYES).all()
        axis = 2 if eye else int(np.ptp(middle, axis=0).argmin())
        queue += _halves(faces, piece, np.repeat(middle[:, axis] > np.median(middle[:, axis]), 2))
    return found


def _halves(faces: AnyArray, piece: AnyArray, high: AnyArray) -> list[AnyArray]:
    """Two connected halves: crumbs on the wrong side go over to the other."""
    for _ in range(2):
        mine = piece[high]
        high = np.isin(piece, max((mine[c] for c in charts.components(faces[mine])), key=len))
        high = ~high  # and the same for the other half
    return [piece[high], piece[~high]]


def _upright(vertices: AnyArray, chart: Chart) -> Chart:
    """Turn a chart so that up on the head is up on the map."""
    centred = chart.uv - chart.uv.mean(0)
    height = vertices[chart.vertices, 1] - vertices[chart.vertices, 1].mean()
    up = np.linalg.lstsq(centred, height, rcond=None)[0]
    up /= max(np.linalg.norm(up), 1e-12)
    return chart._replace(uv=centred @ np.array([[up[1], up[0]], [-up[0], up[1]]]))


def _assemble(
    placed: list[Island], faces: AnyArray, mirrored: AnyArray, partner: AnyArray
) -> tuple[Array, NDArray[np.int32]]:
    """Number the texture coordinates, chart by chart; a mirrored chart is followed by its other side at 1 - u."""
    uv: list[AnyArray] = []
    face_uv = np.full(faces.shape, -1, np.int32)
    count = 0
    for island in placed:
        chart = island.chart
        face_uv[chart.faces] = np.searchsorted(chart.vertices, faces[chart.faces]) + count
        uv.append(chart.uv)
        if island.mirrored:
            other = mirrored[chart.faces]
            twin = np.searchsorted(chart.vertices, partner[faces[other]])
            shared = np.abs(chart.uv[twin, 0] - 0.5) < 1e-9  # the profile is one line, not two
            face_uv[other] = twin + count + np.where(shared, 0, len(chart.uv))
            uv.append(chart.uv * [-1, 1] + [1, 0])
        count += len(chart.uv) * (1 + island.mirrored)
    used, compact = np.unique(face_uv, return_inverse=True)
    return np.concatenate(uv)[used].astype(np.float32), compact.reshape(-1, 3).astype(np.int32)


def report(
    vertices: AnyArray, faces: AnyArray, uv: AnyArray, face_uv: AnyArray, seen: AnyArray, face: AnyArray
) -> None:
    """Print angle distortion (larger over smaller stretch, area-weighted) and how much of the square the face gets."""
    rest = rest_triangles(vertices, faces)
    ratio, growth = stretch(uv.astype(np.float64), face_uv, rest)
    outside = seen > 0.25
    for name, chosen in (("face", face[faces].all(1) & outside), ("whole outside", outside)):
        area = np.linalg.det(rest[chosen])
        order = np.argsort(ratio[chosen])
        share = np.cumsum(area[order]) / area.sum()
        median, p95 = (ratio[chosen][order][np.searchsorted(share, p)] for p in (0.5, 0.95))
        drawn = float((np.abs(growth[chosen]) * area).sum() / 2)
        print(f"atlas, {name}: stretch ratio median {median:.3f}, p95 {p95:.3f}; {100 * drawn:.1f} % of the square")
    print(f"atlas: {len(uv)} coordinates, {int((growth <= 0).sum())} flipped triangles")


def half_head(vertices: AnyArray, faces: AnyArray, index: AnyArray, inner: AnyArray, seen: AnyArray) -> Chart:
    """Flatten the left half (x >= 0) of the head's skin, the faces `index`, of its skin; its profile goes to u = 0.

    inner: (F,) the faces of other materials; seen: (F,) exposure. Holes (mouth, ear) are filled while flattening so
    that nothing grows into them.
    """
    used, local = np.unique(faces[index], return_inverse=True)
    local, points = local.reshape(-1, 3), vertices[used]
    real = len(local)
    outer, *holes = charts.boundary_loops(local)
    for hole in holes:
        local = np.concatenate([local, charts.fill(local, hole, len(points), close=True)])
        points = np.concatenate([points, points[hole].mean(0, keepdims=True)])
    lips = np.flatnonzero(np.isin(used, faces[inner]))
    outer, local, points = _close_mouth(outer, local, points, lips)
    line, arc = _profile(outer, points)
    start = _half_disc(points, local, line, arc, 0.12)
    rest = rest_triangles(points, local)
    weight, area, scale = _wishes(
        points, local, rest, np.append(seen[index], np.zeros(len(local) - real)), real, centre_of(vertices)
    )
    uv = flatten(start, local, rest * scale[:, None, None], weight, area, np.array(line), rounds=60)
    return Chart(index, used, uv[: len(used)])


def _close_mouth(
    outer: list[int], faces: AnyArray, points: AnyArray, lips: AnyArray
) -> tuple[list[int], AnyArray, AnyArray]:
    """Where the outline leaves the profile for the rim of the mouth (vertices `lips`), fan that run shut."""
    loop = np.array(outer)
    rim = np.isin(loop, lips) & (np.abs(points[loop, 0]) > _ON_LINE)
    if not rim.any():
        return outer, faces, points
    first = int(np.flatnonzero(rim & ~np.roll(rim, 1))[0])
    loop = np.roll(loop, 1 - first)  # now it starts on the profile, just before the rim
    last = int(np.count_nonzero(rim)) + 1
    path, apex = loop[: last + 1].tolist(), len(points)
    centre = points[path].mean(0) * [0, 1, 1]
    faces = np.concatenate([faces, charts.fill(faces, path, apex, close=False)])
    return [path[0], apex, *loop[last:].tolist()], faces, np.concatenate([points, centre[None]])


def _profile(outer: list[int], points: AnyArray) -> tuple[list[int], list[int]]:
    """(line, arc): the outline's run on x = 0 from the neck's front over the face to the crown, and the rest."""
    loop = np.array(outer)
    p = points[loop]
    middle = p[:, 2].max() * 0.35 + p[:, 2].min() * 0.65
    on_line = (np.abs(p[:, 0]) < _ON_LINE) & (p[:, 2] > middle)
    first = int(np.flatnonzero(on_line & ~np.roll(on_line, 1))[0])
    loop, on_line = np.roll(loop, -first), np.roll(on_line, -first)
    count = int(np.argmin(on_line))
    return loop[:count].tolist(), loop[count:].tolist()


def _half_disc(points: AnyArray, faces: AnyArray, line: list[int], arc: list[int], radius: float) -> AnyArray:
    """Tutte's map onto a half disc at u >= 0: the profile on its diameter, spaced as on the head."""
    length = np.linalg.norm(np.diff(points[line], axis=0), axis=1)
    along = np.append(0, np.cumsum(np.maximum(length, 1e-5)))
    sign = 1.0 if points[line[-1], 1] > points[line[0], 1] else -1.0
    v = sign * radius * (2 * along / along[-1] - 1)
    turn = np.pi * np.arange(1, len(arc) + 1) / (len(arc) + 1)
    on_arc = np.stack([radius * np.sin(turn), sign * radius * np.cos(turn)], 1)
    on_line = np.stack([np.zeros_like(v), v], 1)
    return tutte(len(points), faces, np.array(line + arc), np.concatenate([on_line, on_arc]))


def _wishes(
    points: AnyArray, faces: AnyArray, rest: AnyArray, seen: AnyArray, real: int, centre: AnyArray
) -> tuple[AnyArray, AnyArray, AnyArray]:
    """(weight, area weight, scale) of every triangle: what may be distorted, and how large it wants to be drawn."""
    middle = points[faces].mean(1) - centre
    forward = np.array([0.0, -0.1, 1.0])
    cosine = middle @ forward / np.linalg.norm(middle, axis=1) / np.linalg.norm(forward)
    back = np.clip((np.arccos(np.clip(cosine, -1, 1)) - np.radians(40)) / np.radians(70), 0, 1)
    back = back * back * (3 - 2 * back)
    down = np.clip((-middle[:, 1] - 0.09) / 0.06, 0, 1)  # the neck counts no more than the back of the head
    back = np.maximum(back, down * down * (3 - 2 * down))
    shown = np.clip(seen / 0.25, 0, 1)
    scale = (1 - 0.8 * back) * (0.5 + 0.5 * shown)
    weight = np.linalg.det(rest) * (1 - 0.8 * back) * (0.01 + 0.99 * shown)
    weight[real:] = 1e-4 * np.median(weight)
    return weight, 0.15 + 0.85 * back, scale
