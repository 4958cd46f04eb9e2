"""The shipped atlas, and the flattening that made it."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from face3d_live.head.build import charts, packing
from face3d_live.head.build.atlas import build_atlas
from face3d_live.head.build.flatten import flatten, rest_triangles, stretch, tutte
from face3d_live.raster import rasterize


def weighted_percentile(values, weight, share):
    order = np.argsort(values)
    return values[order][np.searchsorted(np.cumsum(weight[order]) / weight.sum(), share)]


def test_no_triangle_is_flipped_or_outside_the_square(head):
    mesh = head.topology("low")
    corners = mesh.uv[mesh.face_uv].astype(float)
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    assert (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0).all()
    assert mesh.uv.min() > 0.002 and mesh.uv.max() < 0.998


@pytest.mark.slow
def test_no_two_triangles_share_a_texel(head):
    mesh, size = head.topology("low"), 1024
    points = mesh.uv * size
    once = rasterize(points, mesh.face_uv, size, size).triangle
    back = rasterize(points, mesh.face_uv[::-1], size, size).triangle  # the other one of a pair would win now
    back = np.where(back >= 0, len(mesh.face_uv) - 1 - back, -1)
    assert (once >= 0).mean() > 0.7
    assert (once != back).mean() < 1e-4  # centres exactly on an edge belong to both


def test_the_skin_is_mirrored_at_one_half(head):
    mesh = head.topology("low")
    skin = np.flatnonzero(head.part[mesh.split_vertex] == 0)
    uv = {tuple(np.round(p, 5)) for p in mesh.uv[skin].astype(float)}
    mirrored = [tuple(np.round([1 - u, v], 5)) for u, v in mesh.uv[skin].astype(float)]
    near = [any((u + du, v + dv) in uv for du in (-1e-5, 0, 1e-5) for dv in (-1e-5, 0, 1e-5)) for u, v in mirrored]
    # rounding may put a neighbour into another cell, the mirror itself is exact
    assert np.mean(near) > 0.97
    x = head.template[mesh.split_vertex[skin], 0]
    face = head.regions["face"][mesh.split_vertex[skin]] & (np.abs(x) > 0.002)
    assert (np.sign(mesh.uv[skin, 0] - 0.5) == np.sign(x))[face].all()


def test_face_scalp_and_neck_hang_together_on_the_chart(head):
    """And both ears lie beside; in the atlas both halves of scalp and neck do, too."""
    pieces = []
    for mesh in (head.chart, head.topology("medium")):
        assert np.array_equal(mesh.split_vertex[mesh.face_uv], mesh.faces)
        pieces.append(len(charts.components(mesh.face_uv[(mesh.part[mesh.faces] == 0).all(1)])))
    assert pieces == [3, 5]
    corners = head.chart.uv[head.chart.face_uv].astype(float)
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    assert (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0).all()


@pytest.mark.slow
def test_the_face_is_large_central_upright_and_nearly_conformal(head):
    mesh = head.topology("low")
    rest = rest_triangles(head.template.astype(float), mesh.faces)
    ratio, growth = stretch(mesh.uv.astype(float), mesh.face_uv, rest)
    seen = charts.exposure(head.template.astype(float), mesh.faces) > 0.25
    face = head.regions["face"][mesh.faces].all(1) & seen
    area = np.linalg.det(rest[face]) / 2
    assert weighted_percentile(ratio[face], area, 0.5) < 1.12
    assert weighted_percentile(ratio[face], area, 0.95) < 1.25
    assert (growth[face] * area).sum() > 0.45  # of the square; in MakeHuman's body layout 0.024
    eyes = [
        mesh.uv[np.isin(mesh.split_vertex, np.flatnonzero(head.regions[f"eyelids_{s}"]))] for s in ("left", "right")
    ]
    (lu, lv), (ru, rv) = (e.mean(0) for e in eyes)
    assert lu > 0.5 > ru and abs(lv - rv) < 0.003 and 0.25 < lu - ru < 0.35
    upper = mesh.uv[np.isin(mesh.split_vertex, np.flatnonzero(head.regions["lips_upper"]))]
    assert abs(upper[:, 0].mean() - 0.5) < 0.003 and np.ptp(upper[:, 0]) > 2.0 * np.ptp(upper[:, 1])


def test_ears_lie_in_the_corners(head):
    mesh = head.topology("low")
    outermost = np.argsort(-np.abs(head.template[:, 0]) * (head.part == 0))[:40]
    uv = mesh.uv[np.isin(mesh.split_vertex, outermost)]
    assert (np.abs(uv - 0.5) > (0.2, 0.35)).all()


@pytest.mark.slow
def test_a_symmetric_head_is_laid_out_again_without_flips_and_exactly_mirrored(head, capsys, monkeypatch):
    monkeypatch.setattr(packing, "GRID", 256)  # a coarser search for places is quicker
    partner = cKDTree(head.template).query(head.template * [-1, 1, 1])[1]
    pairs = (partner[partner] == np.arange(len(partner))) & (head.part == 0)
    symmetric = head.template.astype(float)
    symmetric[pairs] = (symmetric[pairs] + symmetric[partner[pairs]] * [-1, 1, 1]) / 2
    assert pairs[head.part == 0].all()
    uv, face_uv = build_atlas(symmetric, head.faces, head.part, head.regions)
    _, growth = stretch(uv.astype(float), face_uv, rest_triangles(symmetric, head.faces))
    assert (growth > 0).all()
    assert "0 flipped" in capsys.readouterr().out
    vertex_uv = np.zeros((len(symmetric), 2))
    vertex_uv[head.faces] = uv[face_uv]
    face = head.regions["nose"] | head.regions["cheeks"] | head.regions["chin"]
    np.testing.assert_allclose(vertex_uv[face] * [-1, 1] + [1, 0], vertex_uv[partner[face]], atol=1e-6)


def bowl(n=12):
    """A hemisphere cut from a grid: (vertices, faces, boundary in order)."""
    axis = np.linspace(-1, 1, n)
    x, y = (g.ravel() for g in np.meshgrid(axis, axis))
    z = np.sqrt(np.maximum(2.2 - x**2 - y**2, 0))
    i = np.arange((n - 1) * (n - 1))
    k = i // (n - 1) * n + i % (n - 1)
    faces = np.concatenate([np.stack([k, k + 1, k + n], 1), np.stack([k + 1, k + n + 1, k + n], 1)])
    return np.stack([x, y, z], 1), faces


def test_flattening_a_bowl_lowers_distortion_without_flips():
    vertices, faces = bowl()
    loop = charts.boundary_loops(faces)[0]
    turn = 2 * np.pi * np.arange(len(loop)) / len(loop)
    start = tutte(len(vertices), faces, np.array(loop), np.stack([np.cos(turn), np.sin(turn)], 1))
    rest = rest_triangles(vertices, faces)
    weight = np.linalg.det(rest)
    uv = flatten(start, faces, rest, weight, np.full(len(faces), 0.3), np.empty(0, int))
    before, _ = stretch(start, faces, rest)
    after, growth = stretch(uv, faces, rest)
    assert growth.min() > 0
    assert np.percentile(after, 95) < 1.25 < np.percentile(before, 95)


def test_pinned_vertices_stay_on_their_line():
    vertices, faces = bowl(9)
    loop = charts.boundary_loops(faces)[0]
    turn = 2 * np.pi * np.arange(len(loop)) / len(loop)
    start = tutte(len(vertices), faces, np.array(loop), np.stack([np.cos(turn), np.sin(turn)], 1))
    pinned = np.flatnonzero(np.abs(vertices[:, 0]) < 1e-9)
    rest = rest_triangles(vertices, faces)
    uv = flatten(start, faces, rest, np.linalg.det(rest), np.full(len(faces), 0.3), pinned, rounds=5)
    assert np.array_equal(uv[pinned, 0], start[pinned, 0])
    assert not np.allclose(uv[pinned, 1], start[pinned, 1], atol=1e-3)


def test_discs_are_told_from_rings_and_balls():
    _, faces = bowl(6)
    assert charts.is_disc(faces)
    inner = np.isin(faces, [14, 15, 20, 21]).any(1)
    assert not charts.is_disc(faces[~inner])  # a hole
    tetrahedron = np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]])
    assert not charts.is_disc(tetrahedron)


@pytest.mark.slow
def test_exposure_tells_inside_from_outside():
    vertices, faces = bowl(14)
    both = np.concatenate([faces, faces[:, ::-1]])  # the bowl's outside, then its inside
    seen = charts.exposure(0.1 * (vertices - [0, 0, 1.0]), both)
    assert seen[: len(faces)].mean() > 0.95
    assert seen[len(faces) :].mean() < seen[: len(faces)].mean() - 0.12


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0]])
def test_rasterizer_weights_give_back_the_pixel(order):
    points = np.array([[2.0, 1.0], [17.5, 4.0], [6.0, 14.0]])
    cover = rasterize(points, np.array([order]), 20, 16)
    rows, columns = np.nonzero(cover.triangle == 0)
    back = (points[order][None] * cover.weights[rows, columns][..., None]).sum(1)
    assert len(rows) > 60
    np.testing.assert_allclose(back, np.stack([columns + 0.5, rows + 0.5], 1), atol=1e-4)


def test_rasterizer_shows_the_nearer_triangle_and_covers_shared_edges_once():
    square = np.array([[1.0, 1], [9, 1], [9, 9], [1, 9]])
    points = np.concatenate([square, square])
    near = np.array([1.0] * 4 + [2.0] * 4)
    faces = np.array([[4, 5, 6], [0, 1, 2], [0, 2, 3]])
    cover = rasterize(points, faces, 10, 10, near).triangle
    assert (cover[1:9, 1:9] >= 0).all() and (cover[:, 0] == -1).all() and (cover[9] == -1).all()
    assert cover[2, 7] == 0 and cover[7, 2] == 2
    assert rasterize(points + 100, faces, 10, 10).triangle.max() == -1
