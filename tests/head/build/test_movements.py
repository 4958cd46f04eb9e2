"""Units measured from people: known movements come back, and the mesh is bent to meet them smoothly."""

import numpy as np
import pytest

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, N_EXPRESSION, N_SHAPE, HeadCodes
from face3d_live.head.build.bend import Bender
from face3d_live.head.build.expression import MOVEMENTS, STEMS, sided
from face3d_live.head.model import Head
from face3d_live.rotations import from_euler
from face3d_live.train.data.movements import MEASURED, RIGID, centred, measure
from face3d_live.train.data.observations import Observation

CAMERA = Camera.webcam(640, 480)
SEEN = ("mouthSmileLeft", "mouthSmileRight", "browInnerUp", "jawOpen", "mouthUpperUpLeft", "mouthUpperUpRight")


def people(head: Head, count: int) -> list[Observation]:
    """Three people in front of a camera, each `count` times, whose movements are the head's own."""
    rng, out = np.random.default_rng(0), []
    for person in range(3):
        shape = rng.normal(0, 0.7, N_SHAPE).astype(np.float32)
        for _ in range(count):
            expression = np.zeros(N_EXPRESSION, np.float32)
            smile, brows, jaw, lip = rng.uniform(0, 1, 4) * (rng.random(4) < 0.7)
            for name, value in zip(SEEN, (smile, smile, brows, 0.5 * jaw, lip, lip), strict=True):
                expression[INDEX[name]] = value
            codes = HeadCodes(
                shape,
                expression,
                rotation=from_euler(*rng.normal(0, 0.15, 3)),
                translation=np.array([*rng.normal(0, 0.03, 2), -0.6]),
            )
            space = head.points(head.vertices(shape, expression)) @ codes.rotation.T + codes.translation
            points = (CAMERA.project(space) + rng.normal(0, 0.2, (478, 2))).astype(np.float32)
            out.append(Observation(points, expression, codes, CAMERA, str(person), 1.0))
    return out


@pytest.mark.slow
def test_known_movements_come_back_from_units_of_twice_their_size(head: Head) -> None:
    truth = head.point_basis().expression
    found = measure(head, 2 * truth, people(head, 30))
    assert tuple(found.names) == MEASURED and found.covariance.shape == (52, 52)
    for name in ("mouthSmile", "browInnerUp", "mouthUpperUp"):
        k = found.names.index(name)
        old, new = truth[list(STEMS[name])].sum(0)[:468, :2], found.moved[k, :468, :2]
        size = float((old * new).sum() / (old * old).sum())
        assert size == pytest.approx(1, abs=0.25), name
        assert (old * new).sum() / np.sqrt((old**2).sum() * (new**2).sum()) > 0.9, name
        assert found.evidence[k] > 0.7, name
    unseen = found.names.index("mouthFrown")
    assert found.evidence[unseen] < 0.05
    kept = truth[list(STEMS["jawOpen"])].sum(0)[:468]
    jaw = found.moved[found.names.index("jawOpen"), :468]
    np.testing.assert_allclose(jaw / np.abs(jaw).max(), kept / np.abs(kept).max(), atol=2e-3)
    assert np.abs(jaw).max() >= RIGID["jawOpen"] * 2 * np.abs(kept).max() * 0.999


def test_each_person_is_taken_about_their_own_mean() -> None:
    values = np.array([[1.0], [3.0], [10.0], [20.0]])
    np.testing.assert_allclose(centred(values, np.array(["a", "a", "b", "b"]))[:, 0], [-1, 1, -5, 5])


def test_a_movement_of_both_sides_is_split_in_the_middle(head: Head) -> None:
    moved = np.ones((478, 3))
    left, right = sided(STEMS["mouthSmile"], moved, head.point_basis().mean)
    np.testing.assert_allclose(left + right, moved)
    assert left[291, 0] == 1 and left[61, 0] == 0 and 0.3 < left[13, 0] < 0.7
    assert sided(STEMS["jawOpen"], moved, head.point_basis().mean).shape == (1, 478, 3)


def test_the_mesh_meets_the_points_and_keeps_what_is_held(head: Head) -> None:
    free = (head.part == 0) & (head.template[:, 2] > 0.05)
    trust = np.ones(468)
    bender = Bender(head.faces, free, head.point_faces[:468], head.point_weights[:468], trust, 10.0)
    lips = np.zeros((468, 3), np.float32)
    lips[[14, 87, 317, 17, 84, 314], 1] = -0.006  # the lower lip goes down, the upper one stays
    out = bender.bend(np.zeros_like(head.template), lips)
    assert not out[~free].any()
    reached = np.einsum("pkc,pk->pc", out[head.point_faces], head.point_weights)
    assert reached[14, 1] == pytest.approx(-0.006, abs=0.001)
    assert abs(reached[13, 1]) < 0.001, "on the surface the upper lip is far from the lower one"
    assert np.abs(reached[:468] - lips).max() < 0.004


def test_the_file_of_movements_is_whole() -> None:
    with np.load(MOVEMENTS) as found:
        assert tuple(found["names"]) == MEASURED
        assert found["moved_mm"].shape == (len(MEASURED), 468, 3) and np.isfinite(found["moved_mm"]).all()
        assert np.linalg.norm(found["moved_mm"], axis=-1).max(1).min() > 1.5
        assert np.linalg.eigvalsh(found["covariance"]).min() > -1e-6
