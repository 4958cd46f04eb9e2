"""Subdivision, mesh levels, and the build's small geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face3d_live.head import points, subdivide
from face3d_live.head.build import mouth
from face3d_live.head.model import Head
from face3d_live.head.topology import MeshTopology
from face3d_live.rotations import from_vector


def cube() -> tuple[np.ndarray, np.ndarray]:
    vertices = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], np.int32)
    return vertices, quads


def as_mesh(n: int, quads: np.ndarray) -> MeshTopology:
    flat = np.zeros(n, np.uint8)
    uv = np.random.default_rng(0).random((n, 2)).astype(np.float32)
    return MeshTopology(quads, quads, uv, flat, flat)


def test_catmull_clark_on_a_cube_gives_the_known_points() -> None:
    vertices, quads = cube()
    step = subdivide.split(quads, 8)
    refined = subdivide.catmull_clark(step) @ vertices
    assert step.n_new == 8 + 12 + 6
    assert step.quads.shape == (24, 4)
    np.testing.assert_allclose(np.abs(refined[:8]), 5 / 9, atol=1e-6)  # (F + 2R) / 3 with F = 1/3, R = 2/3
    edges = np.sort(np.abs(refined[8:20]), 1)
    np.testing.assert_allclose(edges, np.tile([0, 0.75, 0.75], (12, 1)), atol=1e-6)
    np.testing.assert_allclose(np.abs(refined[20:]).sum(1), 1, atol=1e-6)


def test_boundaries_subdivide_as_curves() -> None:
    vertices = np.array([[x, y, 0] for y in range(3) for x in range(3)], np.float32)
    quads = np.array([[0, 1, 4, 3], [1, 2, 5, 4], [3, 4, 7, 6], [4, 5, 8, 7]], np.int32)
    refined = subdivide.catmull_clark(subdivide.split(quads, 9)) @ vertices
    np.testing.assert_allclose(refined[1], [1, 0, 0], atol=1e-6)  # the middle of a straight side stays
    np.testing.assert_allclose(refined[0], [1 / 8, 1 / 8, 0], atol=1e-6)  # a corner: 3/4 P + 1/8 + 1/8
    assert np.abs(refined[:, 2]).max() == 0


def test_refinement_keeps_constants_and_hardly_shrinks() -> None:
    vertices, quads = cube()
    mesh = as_mesh(8, quads).finer().finer()
    np.testing.assert_allclose(mesh.refine(np.ones((8, 3), np.float32)), 1, atol=1e-5)
    step = subdivide.split(quads, 8)
    plain = subdivide.catmull_clark(step)
    loss = np.linalg.norm(plain[:8] @ vertices - vertices, axis=1).mean()
    kept = np.linalg.norm(subdivide.sharpened(step, plain)[:8] @ vertices - vertices, axis=1).mean()
    assert kept < 0.5 * loss


def test_normals_of_a_refined_cube_point_outwards() -> None:
    vertices, quads = cube()
    mesh = as_mesh(8, quads).finer().finer()
    refined = mesh.refine(vertices)
    normals = mesh.normals(refined)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    assert ((normals * refined).sum(1) / np.linalg.norm(refined, axis=1)).min() > 0.8


@given(st.lists(st.permutations([0, 1, 2, 3]), min_size=1, max_size=6))
def test_quads_and_triangles_are_inverse(orders: list[list[int]]) -> None:
    quads = np.array([[4 * i + k for k in order] for i, order in enumerate(orders)], np.int32)
    back = subdivide.quads_from_pairs(subdivide.triangles_from_quads(quads))
    for a, b in zip(quads, back, strict=True):
        assert any((np.roll(a, k) == b).all() for k in range(4))


def test_head_levels_have_the_promised_sizes_and_agree() -> None:
    head = Head.load()
    v = head.template
    for level, least, most in (("low", 4500, 5000), ("medium", 15_000, 20_000), ("high", 50_000, 72_000)):
        mesh = head.topology(level)
        refined = mesh.refine(v)
        assert least <= len(refined) <= most
        assert len(mesh.part) == len(mesh.region) == len(refined)
        drift = np.linalg.norm(refined[: len(v)] - v, axis=1)
        assert drift.mean() < 0.2e-3 and drift.max() < 3e-3
        np.testing.assert_array_equal(mesh.split_vertex[mesh.face_uv], mesh.faces)
        assert mesh.uv.min() >= 0 and mesh.uv.max() <= 1
        normals = mesh.normals(refined)
        nose = int(np.argmax(np.where(mesh.part == 0, refined[:, 2], -1)))
        assert normals[nose, 2] > 0.7
    with pytest.raises(KeyError):
        head.topology("huge")


def edges_of(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(E, 2) edges of triangles and how many triangles each has."""
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(np.unique(directed, axis=0)) == len(directed), "two triangles beside each other are wound differently"
    return np.unique(np.sort(directed, 1), axis=0, return_counts=True)


def holes(faces: np.ndarray) -> tuple[int, int]:
    """(Euler characteristic, edges with one triangle only). A T-junction changes both."""
    edges, sides = edges_of(faces)
    assert sides.max() == 2
    return len(np.unique(faces)) - len(edges) + len(faces), int((sides == 1).sum())


@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_no_crack_opens_wherever_a_mesh_is_refined(chosen: list[bool]) -> None:
    vertices, quads = cube()
    mesh = as_mesh(8, quads).finer(np.array(chosen))
    assert mesh.n_vertices == len(mesh.refine(vertices))
    assert holes(mesh.faces) == (2, 0) and len(np.unique(mesh.faces)) == mesh.n_vertices
    corners = mesh.refine(vertices)[mesh.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.linalg.norm(across, axis=1).min() > 0.1, "a flat triangle"
    assert ((across * corners.mean(1)).sum(1) > 0).all(), "a triangle that looks inwards"
    if len(mesh.triangles):
        with pytest.raises(ValueError, match="finest"):
            mesh.finer()


@pytest.mark.slow
def test_the_high_level_is_closed_where_it_gets_coarser() -> None:
    head = Head.load()
    medium, high = head.topology("medium"), head.topology("high")
    assert 0 < len(high.triangles) < 0.01 * len(high.faces)
    (euler, _), (before, rim) = holes(high.faces), holes(medium.faces)
    assert euler == before
    edges, sides = edges_of(medium.faces)
    outer = np.zeros(medium.n_vertices, bool)
    outer[medium.quads[medium.outer]] = True
    lone = edges[sides == 1]
    assert holes(high.faces)[1] == rim + outer[lone].all(1).sum()  # in two where the rim is refined
    assert holes(high.face_uv)[0] == holes(medium.face_uv)[0]


def test_skin_and_eyes_are_what_they_are_when_everything_is_refined() -> None:
    head = Head.load()
    rng = np.random.default_rng(1)
    low = head.vertices(rng.normal(size=80), rng.uniform(0, 0.5, 52))
    high, whole = head.topology("high"), head.topology("medium").finer()
    mine, all_of_it = high.refine(low), whole.refine(low)
    places = {point.tobytes(): i for i, point in enumerate(all_of_it)}
    same = np.array([places.get(point.tobytes(), -1) for point in mine])
    assert (same >= 0).all(), "every vertex is one of the whole level's"
    left_out = np.setdiff1d(np.arange(whole.n_vertices), same)
    assert (whole.part[left_out] >= 2).all() and len(left_out) > 10_000
    np.testing.assert_array_equal(high.region, whole.region[same])
    skin = (high.part == 0) & ~np.isin(np.arange(high.n_vertices), high.triangles)
    turned = (high.normals(mine) * whole.normals(all_of_it)[same]).sum(1)
    assert turned[skin].min() > 0.9999 and np.percentile(turned, 0.1) > 0.97


def test_the_high_level_s_texture_covers_what_the_medium_s_does() -> None:
    head = Head.load()

    def areas(level: str) -> np.ndarray:
        mesh = head.topology(level)
        a, b, c = (mesh.uv[mesh.face_uv[:, k]] for k in range(3))
        return 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])

    medium, high = areas("medium"), areas("high")
    assert high.sum() == pytest.approx(medium.sum(), rel=1e-4)
    assert medium.min() > 0 and high.min() > 0, "a triangle turned over"


def test_refinement_is_linear_in_the_vertices() -> None:
    head = Head.load()
    mesh = head.topology("medium")
    a, b = head.template, head.shape_basis[0]
    np.testing.assert_allclose(mesh.refine(a + b), mesh.refine(a) + mesh.refine(b), atol=1e-6)


def test_the_skin_has_no_hole_but_the_neck() -> None:
    head = Head.load()
    step = subdivide.split(head.quads, head.n_vertices)
    rim = step.edges[step.edge_quads[:, 1] < 0]
    skin = rim[(head.part[rim] == 0).all(1)]
    assert len(skin) > 20
    assert head.template[skin, 1].max() < head.points(head.template)[152, 1] + 0.025  # it climbs to the nape


def test_affine_and_rigid_following() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(40, 3)).astype(np.float32), rng.normal(size=(7, 3)).astype(np.float32)
    matrix = rng.normal(size=(3, 3))
    carried = mouth.affine_follow(source, target, (source @ matrix.T + 2)[None].astype(np.float32))
    np.testing.assert_allclose(carried[0], target @ matrix.T + 2, atol=1e-4)
    turn = from_vector(np.array([0.3, -0.2, 0.5]))
    offset = mouth.rigid_follow(source, source @ turn.T + 0.1, target)
    np.testing.assert_allclose(target + offset, target @ turn.T + 0.1, atol=1e-5)


def test_teeth_face_outwards_and_stay_apart_from_their_gum() -> None:
    lining = np.random.default_rng(0).uniform([-0.03, 0.05, 0.08], [0.03, 0.09, 0.14], (200, 3)).astype(np.float32)
    teeth = mouth.build_teeth(lining)
    mesh = as_mesh(len(teeth.vertices), teeth.quads)
    normals = mesh.normals(teeth.vertices)
    front = (~teeth.gum) & (teeth.vertices[:, 2] > lining[:, 2].max() - 0.012)
    outer = np.zeros(len(teeth.gum), bool)
    outer[3 :: mouth.N_ROWS] = True  # the bulge of each crown
    assert normals[outer & front, 2].min() > 0.5
    assert teeth.vertices[teeth.lower, 1].mean() < teeth.vertices[~teeth.lower, 1].mean()
    np.testing.assert_allclose(teeth.vertices[:, 0].sum(), 0, atol=1e-5)


def test_point_groups_are_consistent() -> None:
    mirror = points.MIRROR_478
    np.testing.assert_array_equal(mirror[mirror], np.arange(478))
    np.testing.assert_array_equal(points.MIRROR_68[points.MIRROR_68], np.arange(68))
    assert set(mirror[list(points.EYE_LEFT)]) == set(points.EYE_RIGHT)
    assert set(mirror[list(points.BROW_LEFT)]) == set(points.BROW_RIGHT)
    assert set(mirror[list(points.IRIS_LEFT)]) == set(points.IRIS_RIGHT)
    for group in (points.LIPS_INNER, points.LIPS_OUTER, points.OVAL, points.LIPS_UPPER, points.LIPS_LOWER):
        assert set(mirror[list(group)]) == set(group)
    # iBUG's own mirror rule for a few
    assert points.MIRROR_68[0] == 16 and points.MIRROR_68[36] == 45 and points.MIRROR_68[48] == 54
    assert points.MIRROR_68[17] == 26 and points.MIRROR_68[62] == 62
