"""The tracker's logic, driven by a world of known faces: no pixels are needed to lose a face and find it again."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data
from tracker_world import FPS, FakeEstimate, FakeHead, Points, World, at, live

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.errors import InputError
from face3d_live.regress.crop import CROP_MARGIN, Crop
from face3d_live.rotations import angle_between
from face3d_live.track.crop_placement import crop_from_detection
from face3d_live.track.detector import Detection, Detector
from face3d_live.track.sweep import SLOWEST
from face3d_live.track.track_validation import DETECTOR_PERIOD, MISS_TOLERANCE, box_of
from face3d_live.track.tracker import Tracker

JAW = INDEX["jawOpen"]


def error(tracked, codes: HeadCodes) -> float:
    """Distance in space of the tracked head from the true one, metres."""
    return float(np.linalg.norm(tracked.seen.translation - codes.translation))


def test_follows_a_moving_face_by_its_own_points():
    def path(t):
        return at(
            x=0.15 * np.sin(2 * t), y=0.05 * np.cos(3 * t), yaw=0.5 * np.sin(t), jawOpen=0.5 + 0.5 * np.sin(4 * t)
        )

    world = World({"a": path}, noise=0.5)
    out = world.play(world.tracker(), 4)
    assert all(tracked.face for tracked in out)
    assert world.looks[0] == 2  # one thorough look, on the first frame, and cheap ones after it
    assert world.looks[1:] == [0] * len(world.looks[1:])
    assert len(world.looks) <= 1 + 4 / SLOWEST
    assert world.estimates == len(out) + 1  # twice on the first frame
    truth = [path(i / FPS) for i in range(len(out))]
    assert max(error(o, c) for o, c in zip(out, truth, strict=True)) < 0.03
    assert np.mean([abs(o.codes.expression[JAW] - c.expression[JAW]) for o, c in zip(out, truth, strict=True)]) < 0.08
    expected = Points.of(truth[-1], world.camera)
    low, high = expected.min(0) - 10, expected.max(0) + 10
    assert ((out[-1].landmarks > low) & (out[-1].landmarks < high)).all()


@pytest.mark.parametrize(("shift", "growth"), [((0.25, 0), 1.0), ((0, -0.25), 1.0), ((0, 0), 1.5), ((0.15, 0.1), 0.7)])
def test_the_crop_loop_converges_from_a_poor_box(shift, growth):
    world = World({"a": lambda t: at()})
    right = world.box(at())
    side = right.box[2] - right.box[0]
    centre = (right.box[:2] + right.box[2:]) / 2 + np.array(shift) * side
    box = np.concatenate([centre - growth * side / 2, centre + growth * side / 2])
    world.box = lambda codes: Detection(box, 0.9, np.zeros((6, 2), np.float32))
    crops, honest = [], world.estimate

    def estimate(frame_rgb, crop, camera, identity=None, points=None):
        crops.append(crop)
        return honest(frame_rgb, crop, camera, identity)

    world.estimate = estimate
    world.play(world.tracker(), 0.5)
    true_centre, true_side = box_of(Points.of(at(), world.camera))
    assert (crops[-1].x, crops[-1].y) == pytest.approx(true_centre, abs=0.01 * true_side)
    assert 2 * crops[-1].half / CROP_MARGIN == pytest.approx(true_side, rel=0.01)


def test_crop_from_detection_is_the_crop_rule_on_average():
    world = World({})
    points = Points.of(at(x=0.1, y=-0.1), world.camera)
    crop = crop_from_detection(world.box(at(x=0.1, y=-0.1)))
    assert (crop.x, crop.y) == pytest.approx(tuple(box_of(points)[0]), abs=1.5)
    assert crop.half == pytest.approx(CROP_MARGIN / 2 * box_of(points)[1], rel=0.01)


def test_lost_held_relaxed_and_found_again():
    def face(t):
        return at(x=0.1, yaw=0.4, jawOpen=0.8) if t < 1 or t > 4 else None

    world = World({"a": face})
    out = world.play(world.tracker(), 5)

    def when(t):
        return out[round(t * FPS)]

    assert when(0.9).face
    assert not when(1.2).face
    assert np.isnan(when(1.2).landmarks).all()
    assert when(1.3).codes.expression[JAW] == pytest.approx(0.8, abs=0.05)  # held
    assert 0.05 < when(2.0).codes.expression[JAW] < 0.75  # on the way
    for o in out[round(3.1 * FPS) : round(3.9 * FPS)]:  # 2 s after the last sight of it
        assert not o.face
        assert o.codes.expression.max() < 0.01
        assert angle_between(o.codes.rotation, np.eye(3)) < 0.01
        assert o.codes.translation[:2] == pytest.approx([0, 0], abs=1e-3)
        assert np.isfinite(o.codes.translation).all()
    jaws = [o.codes.expression[JAW] for o in out[round(1.1 * FPS) : round(3.5 * FPS)]]
    assert (np.diff(jaws) <= 1e-6).all()
    back = next(i for i in range(4 * FPS + 1, len(out)) if out[i].face)
    assert back / FPS - 4 < 0.15


def test_before_any_face_the_head_is_neutral():
    world = World({})
    out = world.play(world.tracker(), 0.5)
    assert not any(o.face for o in out)
    assert out[-1].codes.expression.max() == 0
    assert out[-1].codes.rotation == pytest.approx(np.eye(3))
    assert out[-1].confidence == 0


def test_without_a_face_the_looks_are_rationed():
    world = World({})
    world.play(world.tracker(), 10)
    assert 60 <= len(world.looks) <= 170  # three of them in the turned picture, every half second
    assert world.looks[0] == 2
    assert 3 <= sum(f == 2 for f in world.looks) <= 6


def test_largest_face_first_then_the_same_face():
    near, far = 0.5, 0.9

    def left(t):
        return at(x=-0.15, z=-near if t < 1 else -far, person=0.3)

    def right(t):
        return at(x=0.15, z=-far if t < 1 else -near, person=-0.3)

    def steady(face):  # walks instead of jumping
        return lambda t: live(
            t, x=face(0).translation[0], z=np.interp(t, [1, 2], [face(0).translation[2], face(3).translation[2]])
        )

    world = World({"left": steady(left), "right": steady(right)})
    out = world.play(world.tracker(), 3)
    assert out[0].seen.translation[0] < 0  # the larger one
    assert all(o.face and o.seen.translation[0] < 0 for o in out)  # and still, though the other is larger now


def test_two_faces_crossing_are_not_swapped():
    world = World(
        {
            "a": lambda t: at(x=-0.3 + 0.2 * t, y=0.02, z=-0.6, person=0.3),
            "b": lambda t: at(x=0.3 - 0.2 * t, y=-0.02, z=-0.75, person=-0.3),
        },
        noise=0.3,
    )
    out = world.play(world.tracker(), 3)
    assert all(o.face for o in out)
    assert [o.own_shape[0] > 0 or o.identity[0] > 0 for o in out].count(False) == 0
    assert out[-1].seen.translation[0] == pytest.approx(0.28, abs=0.05)


def test_a_face_lost_for_a_moment_is_preferred_to_a_larger_one():
    def small(t):
        return None if 1 < t < 1.4 else live(t, x=-0.2, z=-0.8)

    world = World({"small": small, "large": lambda t: live(t, x=0.2, z=-0.5) if t > 0.5 else None})
    out = world.play(world.tracker(), 2.5)
    assert not out[round(1.2 * FPS)].face
    assert out[-1].face
    assert all(o.seen.translation[0] < 0 for o in out if o.face)


def test_a_face_gone_for_good_makes_room_for_another():
    world = World({"a": lambda t: at(x=-0.2) if t < 1 else None, "b": lambda t: at(x=0.2, z=-0.8)})
    out = world.play(world.tracker(), 2)
    assert out[round(0.9 * FPS)].seen.translation[0] < 0
    assert out[-1].face
    assert out[-1].seen.translation[0] > 0.1


def test_the_size_of_frames_may_change():
    world = World({"a": lambda t: at(x=0.05)})
    tracker = world.tracker()
    world.play(tracker, 1)
    for size in ((1280, 720), (360, 640), (640, 480)):
        world.size = size
        out = world.play(tracker, 0.5)
        assert all(o.face for o in out)
        assert (out[-1].camera.width, out[-1].camera.height) == size
        assert error(out[-1], at(x=0.05)) < 0.01


@pytest.mark.parametrize("stamps", [
    [1.0] * 60, list(np.linspace(3, 1, 60)), [i % 30 / 30 for i in range(60)],
    [1e12] * 60, [-5 + i / 30 for i in range(60)],
])  # fmt: skip
def test_odd_timestamps(stamps):
    world = World({"a": lambda t: at(jawOpen=0.5)})
    tracker = world.tracker()
    out = [tracker.update(np.zeros((480, 640, 3), np.uint8), t) for t in stamps]
    assert all(o.face for o in out)
    assert out[-1].codes.expression[JAW] == pytest.approx(0.5, abs=0.02)


def test_a_frozen_camera():
    world = World({"a": lambda t: at(jawOpen=0.5)})
    out = world.play(world.tracker(), 3)
    assert all(o.face for o in out)
    assert out[-1].codes.expression == pytest.approx(out[-2].codes.expression, abs=1e-5)
    assert out[-1].codes.translation == pytest.approx(out[30].codes.translation, abs=1e-4)


def test_an_empty_chair_is_noticed_though_the_network_is_sure():
    world = World({"a": lambda t: at() if t < 1 else None}, hallucinate=True)
    out = world.play(world.tracker(), 4)
    gone = next(i for i in range(FPS, len(out)) if not out[i].face) / FPS
    assert gone < 1 + MISS_TOLERANCE + 2 * DETECTOR_PERIOD + 0.1
    assert not any(o.face for o in out[round(gone * FPS) + 1 :])


def test_a_doubtful_face_goes_on_while_the_detector_sees_it():
    world = World({"a": lambda t: at()})
    tracker = world.tracker()
    world.play(tracker, 1)
    world.unsure = True
    assert all(o.face for o in world.play(tracker, 1))
    world.blind = True
    out = world.play(tracker, 1)
    assert not out[5].face


def test_a_sure_fit_outlives_a_short_refusal():
    world = World({"a": lambda t: at()})
    tracker = world.tracker()
    world.play(tracker, 1)
    world.blind = True
    assert all(o.face for o in world.play(tracker, MISS_TOLERANCE * 0.5))
    world.blind = False
    assert all(o.face for o in world.play(tracker, 2))


def test_a_profile_is_kept_though_the_detector_cannot_see_it():
    world = World({"a": lambda t: at(yaw=1.0 if t > 1 else t)})
    tracker = world.tracker()
    world.play(tracker, 1)
    world.blind = True
    assert all(o.face for o in world.play(tracker, 3))
    assert not world.play(tracker, 2)[-1].face


def test_a_jump_of_the_fit_is_put_right():
    """For one frame the network takes a poster for the face; the detector knows better."""
    world = World({"a": lambda t: at(x=-0.1)})
    tracker = world.tracker()
    world.play(tracker, 1)
    honest, astray = world.estimate, [True]

    def estimate(frame_rgb, crop, camera, identity=None, points=None):
        if astray.pop() if astray else False:
            return FakeEstimate(at(x=0.25), Points.of(at(x=0.25), camera), 0.9, 0.03)
        return honest(frame_rgb, crop, camera, identity)

    world.estimate = estimate
    out = world.play(tracker, 0.2)
    assert all(o.face for o in out)
    assert all(error(o, at(x=-0.1)) < 0.02 for o in out)


@pytest.mark.parametrize("damage", ["nan", "inf", "tiny", "away", "behind"])
def test_nonsense_ends_the_track_at_once(damage):
    world = World({"a": lambda t: at()})
    tracker = world.tracker()
    world.play(tracker, 0.5)
    points = Points.of(at(), world.camera)
    codes = at()
    if damage == "nan":
        points = np.full_like(points, np.nan)
    elif damage == "inf":
        points = np.full_like(points, np.inf)
    elif damage == "tiny":
        points = points * 0.01 + 300
    elif damage == "away":
        points = points + 2000
    else:
        codes = codes.with_(translation=np.array([0, 0, 0.5]))
    world.estimate = lambda *a, **k: FakeEstimate(codes, points, 0.9, 0.03)
    out = tracker.update(np.zeros((480, 640, 3), np.uint8), world.t)
    assert not out.face
    assert np.isfinite(out.codes.expression).all()


number = st.floats(-1e6, 1e6)
anything = st.one_of(number, st.sampled_from([float("nan"), float("inf"), 0.0]))


@given(st.lists(st.tuples(number, number, number, st.floats(0, 1), anything, number), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
@pytest.mark.slow
def test_whatever_the_network_says_the_output_is_finite(script):
    world = World({"a": lambda t: at()})
    tracker = world.tracker()
    rest = iter(script)
    honest = world.estimate

    def estimate(frame_rgb, crop: Crop, camera, identity=None, points=None):
        x, y, z, confidence, scale, value = next(rest, (0, 0, -0.6, 0.9, 1, 0.5))
        turn = np.eye(3) * (scale if np.isfinite(scale) else 1)
        codes = HeadCodes(expression=np.full(52, value), rotation=turn, translation=np.array([x, y, z]))
        base = honest(frame_rgb, crop, camera)
        with np.errstate(all="ignore"):
            return FakeEstimate(codes, base.points_px * scale + x, confidence, 1 - confidence)

    world.estimate = estimate
    for o in world.play(tracker, 0.5):
        for codes in (o.codes, o.seen):
            assert np.isfinite(codes.translation).all()
            assert np.isfinite(codes.rotation).all()
            assert codes.expression.min() >= 0
            assert codes.expression.max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (480, 640), (2400, 3200)])
@pytest.mark.parametrize("kind", ["black", "noise"])
@pytest.mark.slow
def test_degenerate_frames_with_the_real_detector(shape, kind):
    world = World({})
    tracker = Tracker(world, FakeHead())
    frame = np.zeros((*shape, 3), np.uint8)
    if kind == "noise":
        frame[:] = np.random.default_rng(0).integers(0, 256, frame.shape)
    for i in range(3):
        assert not tracker.update(frame, i / 30).face


def test_identity_is_averaged_frozen_and_given_to_the_fit():
    world = World({"a": lambda t: at(person=0.5)})
    tracker = world.tracker()
    out = world.play(tracker, 3)
    assert world.identities[0] is None
    assert world.identities[-1] == pytest.approx(np.full(80, 0.5), abs=1e-4)
    assert out[-1].identity == pytest.approx(np.full(80, 0.5), abs=1e-4)
    assert out[-1].seen.shape == pytest.approx(out[-1].identity)


def test_without_smoothing_each_frame_is_its_own():
    world = World({"a": lambda t: at(person=0.5 + (round(t * FPS) % 2), jawOpen=float(round(t * FPS) % 2))})
    out = world.play(world.tracker(smooth=False), 3)
    assert [o.codes.expression[JAW] for o in out[10:14]] == [0, 1, 0, 1]
    assert out[11].seen.shape[0] == pytest.approx(1.5)
    assert all(identity is None for identity in world.identities)


def test_calibration():
    world = World({"a": lambda t: at(x=0.1, yaw=0.2, jawOpen=0.2 if t < 2 else 0.6)})
    tracker = world.tracker()
    with pytest.raises(InputError, match="no-face"):
        tracker.calibrate()
    world.play(tracker, 1)
    tracker.calibrate()
    out = world.play(tracker, 2)
    assert out[0].codes.expression[JAW] == pytest.approx(0, abs=0.01)
    assert angle_between(out[0].codes.rotation, np.eye(3)) < 0.01
    assert out[0].seen.expression[JAW] == pytest.approx(0.2, abs=0.01)
    assert error(out[-1], at(x=0.1)) < 0.01  # seen stays where the picture has it
    assert out[-1].codes.expression[JAW] == pytest.approx(0.5, abs=0.01)
    tracker.reset()
    assert tracker.calibration is not None


def test_a_lost_face_cannot_be_calibrated():
    world = World({"a": lambda t: at() if t < 1 else None})
    tracker = world.tracker()
    world.play(tracker, 1.5)
    with pytest.raises(InputError, match="no-face"):
        tracker.calibrate()


def test_own_cost_is_small():
    """All but network and fit: 2 ms wanted on a quiet core, asserted with room for a busy one."""
    world = World({"a": lambda t: at()})
    tracker = world.tracker()
    world.play(tracker, 2)
    canned = world.estimate(None, Crop(320, 240, 100), world.camera)
    world.estimate = lambda *a, **k: canned
    frame, spent = np.zeros((480, 640, 3), np.uint8), []
    for _ in range(60):
        begun = time.process_time()
        tracker.update(frame, world.t)
        spent.append(time.process_time() - begun)
        world.t += 1 / FPS
    assert np.median(spent) < 0.004


@pytest.mark.parametrize("fps", [8, 15, 60, 120])
def test_other_frame_rates(fps):
    world = World({"a": lambda t: at(x=0.1 * np.sin(2 * t), jawOpen=0.5)}, noise=0.3)
    out = world.play(world.tracker(), 2, fps=fps)
    assert all(o.face for o in out)
    assert out[-1].codes.expression[JAW] == pytest.approx(0.5, abs=0.05)
    assert world.looks.count(2) == 1


def test_the_shipped_detector_is_the_default(monkeypatch):
    world = World({"a": lambda t: at()})
    monkeypatch.setattr(Detector, "load", lambda: world)
    assert Tracker(world, FakeHead()).update(world.frame(), 0.0).face and world.looks


@pytest.mark.parametrize("frame", [
    np.zeros((48, 64, 3)), np.zeros((48, 64, 3), np.uint16), np.zeros((48, 64), np.uint8),
    np.zeros((48, 64, 4), np.uint8), np.zeros((0, 64, 3), np.uint8), None,
])  # fmt: skip
def test_what_is_no_picture_is_refused_and_changes_nothing(frame):
    world = World({"a": lambda t: at(jawOpen=0.5)})
    tracker = world.tracker()
    before = world.play(tracker, 0.5)[-1]
    with pytest.raises(ValueError, match=r"frame: expected uint8 \(H, W, 3\), got"):
        tracker.update(frame, 100.0)
    after = tracker.update(world.frame(), world.t)
    assert after.face and after.codes.expression == pytest.approx(before.codes.expression, abs=1e-3)
    assert len(world.looks) <= 2  # the track was not lost


@pytest.mark.parametrize("t", [float("nan"), float("inf"), None, "0"])
def test_a_time_that_is_no_number_is_refused(t):
    with pytest.raises(ValueError, match="t: expected a"):
        World({}).tracker().update(np.zeros((48, 64, 3), np.uint8), t)


def test_views_of_other_memory_are_pictures(head):
    """A mirrored view, BGR turned around, every second pixel of a larger picture: all give what the copy gives."""
    picture = np.ascontiguousarray(data.astronaut()[:300, 80:380])
    wide = np.zeros((600, 600, 4), np.uint8)
    wide[::2, ::2, :3] = picture
    views = [picture, wide[::2, ::2, :3], picture[..., ::-1].copy()[..., ::-1], np.asfortranarray(picture)]
    detector = Detector.load()
    found = []
    for view in views:
        world = World({})
        tracker = Tracker(world, FakeHead(), detector)
        tracker.update(view, 0.0)
        found.append(world.estimates)
    assert found[0] >= 1 and found == [found[0]] * len(found)
