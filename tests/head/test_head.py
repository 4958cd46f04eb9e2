"""The shipped head: its channels move what their names say, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from face3d_live.codes import ARKIT, INDEX, MIRROR, N_EXPRESSION, N_SHAPE
from face3d_live.errors import AssetError
from face3d_live.head import points as P
from face3d_live.head.build.closing import MARGINS
from face3d_live.head.model import Head

MM = 1e-3


def code(**values: float) -> np.ndarray:
    expression = np.zeros(N_EXPRESSION, np.float32)
    for name, value in values.items():
        expression[INDEX[name]] = value
    return expression


def shown(head: Head, **values: float) -> np.ndarray:
    """(478, 3) points of the mean head with an expression."""
    return head.points(head.vertices(np.zeros(N_SHAPE), code(**values)))


def moved(head: Head, name: str, value: float = 1.0) -> np.ndarray:
    """(478, 3) how a channel moves the points, millimetres."""
    return (shown(head, **{name: value}) - shown(head)) / MM


def test_sizes_and_file(head: Head) -> None:
    assert 4500 <= head.n_vertices <= 5000
    assert head.shape_basis.shape == (N_SHAPE, head.n_vertices, 3)
    assert head.expression_basis.shape == (N_EXPRESSION, head.n_vertices, 3)
    assert head.faces.max() == head.n_vertices - 1
    assert len(head.quad_uv) == len(head.quads)
    from face3d_live.paths import MODELS

    assert (MODELS / "head.npz").stat().st_size <= 12e6


def test_it_is_a_head_facing_plus_z(head: Head) -> None:
    p = shown(head)
    nose, chin, brow = p[1], p[152], p[10]
    assert nose[2] == p[:, 2].max()
    assert chin[1] < nose[1] < brow[1]
    assert p[263, 0] > 0.03 and p[33, 0] < -0.03  # the subject's left is +x
    eyes = head.eye_centers
    assert eyes[0, 0] > 0 > eyes[1, 0]
    assert abs(eyes[:, 1]).max() < 3 * MM  # the origin is at eye height
    assert 55 * MM < eyes[0, 0] - eyes[1, 0] < 70 * MM
    ears = head.template[head.regions["ears"]]
    assert abs(ears[:, 2].mean()) < 8 * MM  # and between the ears


def test_the_mean_head_is_symmetric(head: Head) -> None:
    p = shown(head)
    mirrored = p[P.MIRROR_478] * [-1, 1, 1]
    assert np.linalg.norm(p - mirrored, axis=1).max() < 1.0 * MM


@pytest.mark.parametrize(
    ("name", "point", "direction", "least"),
    [
        ("jawOpen", 152, (0, -1, 0), 15),
        ("jawLeft", 152, (1, 0, 0), 2),
        ("jawRight", 152, (-1, 0, 0), 2),
        ("jawForward", 152, (0, 0, 1), 2),
        ("mouthSmileLeft", 291, (0.7, 0.7, 0), 4),
        ("mouthSmileRight", 61, (-0.7, 0.7, 0), 4),
        ("mouthFrownLeft", 291, (0, -1, 0), 1.5),
        ("mouthFrownRight", 61, (0, -1, 0), 1.5),
        ("mouthStretchLeft", 291, (1, 0, 0), 1.5),
        ("mouthLeft", 13, (1, 0, 0), 2),
        ("mouthRight", 13, (-1, 0, 0), 2),
        ("mouthPucker", 291, (-1, 0, 0), 2),
        ("mouthUpperUpLeft", 312, (0, 1, 0), 1),
        ("mouthLowerDownRight", 87, (0, -1, 0), 1),
        ("browInnerUp", 107, (0, 1, 0), 1.5),
        ("browOuterUpLeft", 300, (0, 1, 0), 1.5),
        ("browDownRight", 107, (0, -1, 0), 1.5),
        ("eyeBlinkLeft", 386, (0, -1, 0), 4),
        ("eyeBlinkRight", 159, (0, -1, 0), 4),
        ("eyeWideLeft", 386, (0, 1, 0), 0.7),
        ("cheekPuff", 425, (0.5, 0, 0.5), 1),
        ("eyeLookOutLeft", 473, (1, 0, 0), 4),
        ("eyeLookInLeft", 473, (-1, 0, 0), 4),
        ("eyeLookOutRight", 468, (-1, 0, 0), 4),
        ("eyeLookUpRight", 468, (0, 1, 0), 4),
        ("eyeLookDownRight", 468, (0, -1, 0), 4),
    ],
)
def test_channels_move_what_they_name(
    head: Head, name: str, point: int, direction: tuple[float, float, float], least: float
) -> None:
    """`least`: millimetres along the direction."""
    unit = np.array(direction) / np.linalg.norm(direction)
    assert moved(head, name)[point] @ unit > least


def test_every_channel_does_something(head: Head) -> None:
    for name in ARKIT:
        change = head.vertices(np.zeros(N_SHAPE), code(**{name: 1})) - head.template
        assert np.linalg.norm(change, axis=1).max() > 0.8 * MM, name


@pytest.mark.parametrize("name", [n for n in ARKIT if n.endswith("Left") and n.startswith("eye")])
def test_a_left_eye_leaves_the_right_one(head: Head, name: str) -> None:
    change = np.linalg.norm(moved(head, name), axis=1)
    right = [*P.EYE_RIGHT, *P.IRIS_RIGHT]
    assert change[right].max() < 0.3
    assert change[[*P.EYE_LEFT, *P.IRIS_LEFT]].max() > 0.8


@pytest.mark.slow
def test_left_and_right_are_mirror_images(head: Head) -> None:
    worst = 0.0
    for i, name in enumerate(ARKIT):
        here = moved(head, name)
        there = moved(head, ARKIT[MIRROR[i]])[P.MIRROR_478] * [-1, 1, 1]
        worst = max(worst, float(np.abs(here - there).max()))
    assert worst < 1.2  # millimetres


def test_no_expression_moves_the_skull(head: Head) -> None:
    y, z = head.template[:, 1], head.template[:, 2]
    still = head.regions["ears"] | (head.regions["scalp"] & (z < -0.01))
    base = (head.part == 0) & (y < y[head.part == 0].min() + 0.015)
    assert base.sum() > 20
    assert np.abs(head.expression_basis[:, still | base]).max() == 0


def test_eyeballs_turn_rigidly_in_any_head(head: Head) -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        shape = rng.normal(size=N_SHAPE)
        neutral = head.neutral(shape)
        looking = head.vertices(shape, rng.uniform(0, 1, N_EXPRESSION))
        centers = head.eye_positions(shape)
        for eye, ids in enumerate(head.eye_vertices):
            before, after = neutral[ids] - centers[eye], looking[ids] - centers[eye]
            np.testing.assert_allclose(before @ before.T, after @ after.T, atol=1e-8)
            front = np.linalg.norm(before[before[:, 2] > 0.006], axis=1)
            assert front.std() / front.mean() < 0.03  # still a ball


@pytest.mark.parametrize("seed", range(4))
def test_blink_closes_the_lids_in_front_of_the_eye(head: Head, seed: int) -> None:
    shape = np.zeros(N_SHAPE) if seed == 0 else np.random.default_rng(seed).normal(0, 0.8, N_SHAPE)

    def gaps(amount: float) -> np.ndarray:
        p = head.points(head.vertices(shape, code(eyeBlinkLeft=amount, eyeBlinkRight=amount)))
        upper = p[[*P.LID_UPPER_LEFT[1:-1], *P.LID_UPPER_RIGHT[1:-1]]]
        lower = p[[*P.LID_LOWER_LEFT[1:-1][::-1], *P.LID_LOWER_RIGHT[1:-1][::-1]]]
        front = upper[:, 2].min() - head.eye_positions(shape)[:, 2].max()
        return np.array([upper[:, 1].mean() - lower[:, 1].mean(), front])

    assert gaps(0)[0] > 5 * MM
    assert gaps(1)[0] < 1.8 * MM
    assert gaps(1)[1] > 0.006  # lids lie on the front of the balls


def test_the_margins_of_the_lids_meet_in_narrow_and_wide_eyes(head: Head) -> None:
    assert len(np.unique(head.blink_vertices)) == len(head.blink_vertices)
    rng = np.random.default_rng(3)
    open_gaps = []
    for _ in range(12):
        shape = rng.normal(0, 1, N_SHAPE)
        neutral = head.points(head.neutral(shape))
        closed = head.points(head.vertices(shape, code(eyeBlinkLeft=1, eyeBlinkRight=1)))
        for upper, lower in MARGINS.values():
            open_gaps.append(np.linalg.norm(neutral[upper[3]] - neutral[lower[3]]) / MM)
            assert np.linalg.norm(closed[list(upper)] - closed[list(lower)], axis=1).max() < 0.4 * MM
    assert max(open_gaps) > 1.3 * min(open_gaps), "narrow and wide eyes were among them"


def skin_before(head: Head, vertices: np.ndarray, center: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(N,) z of the foremost skin around an eye at the x, y of places (N, 3); -inf where there is none."""
    near = (np.linalg.norm(vertices - center, axis=1) < 0.035) & (head.part == 0) & (vertices[:, 2] > center[2])
    a, b, c = (vertices[corner] for corner in head.faces[near[head.faces].all(1)].T)

    def cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]

    p = places[:, None]
    area = cross(b - a, c - a)
    w0, w1 = cross(b - p, c - p) / area, cross(c - p, a - p) / area
    w2 = 1 - w0 - w1
    inside = (w0 >= 0) & (w1 >= 0) & (w2 >= 0)
    return np.where(inside, w0 * a[:, 2] + w1 * b[:, 2] + w2 * c[:, 2], -np.inf).max(1)


@pytest.mark.parametrize("amount", [0.0, 1.0])
def test_closed_lids_cover_the_eyeball_and_open_ones_do_not(head: Head, amount: float) -> None:
    rng = np.random.default_rng(9)
    for _ in range(12):
        shape = rng.normal(0, 0.8, N_SHAPE)
        vertices = head.vertices(shape, code(eyeBlinkLeft=amount, eyeBlinkRight=amount))
        for eye, ids in enumerate(head.eye_vertices):
            center = head.eye_positions(shape)[eye]
            arm = vertices[ids] - center
            front = vertices[ids][arm[:, 2] > 0.85 * np.linalg.norm(arm, axis=1)]
            covered = skin_before(head, vertices, center, front) > front[:, 2]
            assert covered.all() if amount else not covered.all()


def test_mouth_is_closed_at_rest_and_opens(head: Head) -> None:
    def gap(**values: float) -> float:
        p = shown(head, **values)
        return float(p[13, 1] - p[14, 1]) / MM

    assert gap() < 2.5
    assert gap(jawOpen=1) > 18
    assert gap(jawOpen=0.6, mouthClose=0.6) < 0.5 * gap(jawOpen=0.6)


def test_lower_teeth_and_tongue_follow_the_jaw(head: Head) -> None:
    teeth = np.flatnonzero(head.regions["teeth"])
    height = head.template[teeth, 1]
    change = (head.vertices(np.zeros(N_SHAPE), code(jawOpen=1)) - head.template)[teeth, 1] / MM
    lower, upper = teeth[change < -1], teeth[change > -1e-3]
    assert len(lower) == len(upper) == len(teeth) // 2
    assert height[change < -1].mean() < height[change > -1e-3].mean()
    tongue = head.regions["tongue"]
    out = (head.vertices(np.zeros(N_SHAPE), code(tongueOut=1)) - head.template)[tongue] / MM
    assert out[:, 2].max() > 12


def test_teeth_stay_behind_closed_lips_in_random_heads(head: Head) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        shape = rng.normal(0, 0.8, N_SHAPE)
        v = head.neutral(shape)
        lips = head.points(v)[list(P.LIPS_INNER)]
        assert v[head.regions["teeth"], 2].max() < lips[:, 2].max() - 1.5 * MM


def test_points_lie_on_the_surface_and_basis_agrees(head: Head) -> None:
    assert np.allclose(head.point_weights.sum(1), 1, atol=1e-3)
    assert head.point_weights.min() >= 0
    assert head.point_usable.shape == (478,) and head.point_usable.min() > 0 and head.point_usable.max() <= 1
    basis = head.point_basis()
    rng = np.random.default_rng(2)
    shape, expression = rng.normal(size=N_SHAPE), rng.uniform(0, 0.6, N_EXPRESSION)
    linear = basis.mean + np.tensordot(shape, basis.shape, 1) + np.tensordot(expression, basis.units(shape), 1)
    exact = head.points(head.vertices(shape, expression))
    np.testing.assert_allclose(linear[: P.N_SKIN], exact[: P.N_SKIN], atol=2e-6)
    assert np.linalg.norm(linear[P.N_SKIN :] - exact[P.N_SKIN :], axis=1).max() < 2.5 * MM


def test_gaze_basis_is_exact_at_full_turn(head: Head) -> None:
    basis = head.point_basis()
    for name, iris in (("eyeLookOutLeft", 473), ("eyeLookDownRight", 468)):
        linear = basis.mean[iris] + basis.expression[INDEX[name], iris]
        np.testing.assert_allclose(linear, shown(head, **{name: 1})[iris], atol=1e-5)


def test_landmarks68_are_the_same_points(head: Head) -> None:
    p = shown(head, jawOpen=0.4)
    lm = head.landmarks68(head.vertices(np.zeros(N_SHAPE), code(jawOpen=0.4)))
    assert lm.shape == (68, 3)
    np.testing.assert_allclose(lm, p[list(P.IBUG68_FROM_478)], atol=1e-7)
    assert lm[8, 1] < lm[30, 1]  # chin under nose tip
    assert lm[36, 0] < lm[45, 0]  # the subject's right eye comes first


def test_inner_lips_are_told_apart_by_the_jaw(head: Head) -> None:
    change = moved(head, "jawOpen")[:, 1]
    assert change[[82, 13, 312]].min() > -6
    assert change[[87, 14, 317]].max() < -12


def test_batches_equal_single_heads(head: Head) -> None:
    rng = np.random.default_rng(1)
    shape, expression = rng.normal(size=(3, N_SHAPE)), rng.uniform(-0.2, 1.3, (3, N_EXPRESSION))
    batch = head.vertices(shape, expression)
    for i in range(3):
        np.testing.assert_allclose(batch[i], head.vertices(shape[i], expression[i]), atol=1e-6)
        np.testing.assert_allclose(head.points(batch)[i], head.points(batch[i]), atol=1e-6)


def test_expression_is_clipped(head: Head) -> None:
    zero = np.zeros(N_SHAPE)
    np.testing.assert_array_equal(head.vertices(zero, code(jawOpen=3)), head.vertices(zero, code(jawOpen=1)))
    np.testing.assert_array_equal(head.vertices(zero, code(jawOpen=-1)), head.vertices(zero, code()))


def test_shape_components_have_unit_variance_meaning(head: Head) -> None:
    """One standard deviation moves the face by millimetres, not micrometres or centimetres, and falls with the rank."""
    face = head.regions["face"]
    rms = np.sqrt((head.shape_basis[:, face] ** 2).sum(2).mean(1)) / MM
    assert 1 < rms[0] < 8
    assert rms[:10].mean() > 4 * rms[-10:].mean()
    assert rms[-1] > 0.02


def test_regions_divide_the_head(head: Head) -> None:
    names = [n for n in head.regions if n != "face"]
    total = sum(head.regions[n].astype(int) for n in names)
    assert (total == 1).all()
    for n in names:
        assert head.regions[n].sum() >= 20, n
    lips = [head.regions["lips_upper"], head.regions["lips_lower"]]
    assert head.template[lips[0], 1].mean() > head.template[lips[1], 1].mean()
    for left, right in (("eyelids_left", "eyelids_right"), ("brows_left", "brows_right")):
        assert head.template[head.regions[left], 0].min() > 0 > head.template[head.regions[right], 0].max()
    assert {0, 1, 2, 3, 4} == set(head.part.tolist())


def test_missing_and_broken_files_say_what_to_do(tmp_path) -> None:
    with pytest.raises(AssetError, match="head-missing"):
        Head.load(tmp_path / "head.npz")
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"not a zip")
    with pytest.raises(AssetError, match="head-broken"):
        Head.load(bad)
    from face3d_live.paths import MODELS

    bad.write_bytes((MODELS / "head.npz").read_bytes()[:100_000])
    with pytest.raises(AssetError, match="head-broken"):
        Head.load(bad)
    np.savez(bad, template=np.zeros((3, 3)))
    with pytest.raises(AssetError, match="head-broken"):
        Head.load(bad)


@pytest.mark.parametrize("texture", [np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8), "texture.png"])
def test_a_mesh_takes_pictures_only_as_its_texture(head: Head, texture: object) -> None:
    with pytest.raises(ValueError, match=r"texture: expected uint8 \(H, W, 3 or 4\), got"):
        head.mesh(texture=texture)


def test_without_a_blink_nothing_is_computed_for_it(head: Head) -> None:
    """The shape-dependent part of a blink is skipped, and is the same where one head of a batch blinks."""
    shape, still, shut = np.ones(80, np.float32), np.zeros(52, np.float32), np.zeros(52, np.float32)
    shut[INDEX["eyeBlinkLeft"]] = 1
    both = head.vertices(np.stack([shape, shape]), np.stack([still, shut]))
    np.testing.assert_allclose(both[0], head.vertices(shape, still), atol=1e-6)
    np.testing.assert_allclose(both[1], head.vertices(shape, shut), atol=1e-6)
    assert np.abs(both[0] - both[1]).max() > 0.003
