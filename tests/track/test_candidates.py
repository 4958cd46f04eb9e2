"""Who keeps the track: posters, bystanders and the user who comes back, in the world of known faces."""

from __future__ import annotations

import numpy as np
import pytest
from tracker_world import FPS, World, at, live

from face3d_live.track.sweep import QUICKEST

USER, OTHER = 0.3, -0.3  # shape codes of two people


def x_of(out) -> np.ndarray:
    """Metres to the right of every frame's head, NaN without one."""
    return np.array([o.seen.translation[0] if o.face else np.nan for o in out])


def test_a_poster_gives_the_user_back():
    world = World({
        "user": lambda t: None if 1.5 < t < 3.5 else live(t, x=-0.15, z=-0.6, person=USER),
        "poster": lambda t: at(x=0.4, z=-1.2, person=OTHER),
    })  # fmt: skip
    x = x_of(world.play(world.tracker(), 6))
    assert (x[round(2.5 * FPS) : round(3.4 * FPS)] > 0).all()
    assert (x[round(5.0 * FPS) :] < 0).all()


def test_a_poster_loses_against_a_smaller_living_face_for_good():
    world = World({
        "poster": lambda t: at(x=0.3, z=-0.6, person=OTHER),
        "user": lambda t: live(t, x=-0.3, z=-0.9, person=USER) if t > 1 else None,
    })  # fmt: skip
    x = x_of(world.play(world.tracker(), 12))
    assert (x[:FPS] > 0).all()
    assert (x[6 * FPS :] < 0).all()


def test_two_posters_keep_what_they_have():
    world = World({"a": lambda t: at(x=0.2, z=-0.6), "b": lambda t: at(x=-0.2, z=-0.65)}, noise=0.3)
    x = x_of(world.play(world.tracker(), 8))
    assert (x > 0).all()


def test_a_living_bystander_gives_the_nearer_user_the_track():
    world = World({
        "bystander": lambda t: live(t + 0.4, x=0.4, z=-1.5, person=OTHER),
        "user": lambda t: live(t, x=-0.15, z=-0.6, person=USER) if t > 5 else None,
    })  # fmt: skip
    x = x_of(world.play(world.tracker(), 10))
    assert (x[: 5 * FPS] > 0).all()
    assert (x[8 * FPS :] < 0).all()


def test_the_owner_is_known_by_identity_though_no_larger():
    world = World({
        "user": lambda t: None if 4 < t < 7 else live(t, x=-0.2, z=-0.7, person=USER),
        "bystander": lambda t: live(t + 0.4, x=0.35, z=-1.0, person=OTHER),
    })  # fmt: skip
    tracker = world.tracker()
    out = world.play(tracker, 11)
    x = x_of(out)
    assert (x[round(5.5 * FPS) : 7 * FPS] > 0).all()
    assert (x[10 * FPS :] < 0).all()
    assert out[-1].identity == pytest.approx(np.full(80, USER), abs=1e-3)


@pytest.mark.parametrize("sway", [0.0, 0.06])
@pytest.mark.slow
def test_two_people_side_by_side_do_not_flicker(sway):
    world = World({
        "a": lambda t: live(t, x=-0.15, z=-0.7 + sway * np.sin(2 * t), person=USER),
        "b": lambda t: live(t + 0.4, x=0.15, z=-0.7 - sway * np.sin(2 * t), person=OTHER),
    }, noise=0.3)  # fmt: skip
    x = x_of(world.play(world.tracker(), 15))
    assert np.count_nonzero(np.diff(np.sign(x))) == 0


@pytest.mark.slow
def test_two_strangers_who_change_places_of_size_change_seldom():
    """Sizes that swing far beyond the hysteresis: the track may change, but not more often than the rest allows."""
    world = World({
        "a": lambda t: live(t, x=-0.2, z=-0.8 + 0.4 * np.sin(t)),
        "b": lambda t: live(t + 0.4, x=0.2, z=-0.8 - 0.4 * np.sin(t)),
    })  # fmt: skip
    x = x_of(world.play(world.tracker(), 20))
    assert np.count_nonzero(np.diff(np.sign(x))) <= 20 / 3


def test_what_the_network_does_not_believe_gets_nothing():
    world = World({
        "poster": lambda t: at(x=0.3, z=-0.9),
        "curtain": lambda t: live(t, x=-0.2, z=-0.5) if t > 1 else None,
    })  # fmt: skip
    honest = world.estimate

    def estimate(frame_rgb, crop, camera, identity=None, points=None):
        found = honest(frame_rgb, crop, camera, identity)
        found.confidence = 0.2 if crop.x < 320 else 0.9
        return found

    world.estimate = estimate
    assert (x_of(world.play(world.tracker(), 8)) > 0).all()


@pytest.mark.slow
def test_the_cost_is_bounded():
    """A lasting second face costs a look each half second, and of the network next to nothing."""
    world = World({
        "user": lambda t: live(t, x=-0.15, z=-0.6, person=USER),
        "poster": lambda t: at(x=0.4, z=-1.2, person=OTHER),
    })  # fmt: skip
    tracker = world.tracker()
    world.play(tracker, 5)
    world.looks.clear()
    world.estimates = 0
    out = world.play(tracker, 10)
    assert all(o.face for o in out)
    assert len(world.looks) <= 10 / QUICKEST + 1
    assert set(world.looks) == {0}
    assert world.estimates <= len(out) + 10


@pytest.mark.slow
def test_two_posters_ask_the_network_seldom():
    world = World({"a": lambda t: at(x=0.2, z=-0.6), "b": lambda t: at(x=-0.2, z=-0.65)})
    tracker = world.tracker()
    world.play(tracker, 10)
    world.estimates = 0
    out = world.play(tracker, 20)
    assert world.estimates <= len(out) + 8


def test_the_person_who_was_chosen_is_followed_and_kept():
    """The smaller of two, chosen by a click; the larger one would get the track back otherwise."""
    world = World({
        "large": lambda t: live(t, x=-0.2, z=-0.5, person=USER),
        "small": lambda t: live(t + 0.4, x=0.4, z=-1.2, person=OTHER),
    })  # fmt: skip
    tracker = world.tracker()
    assert (x_of(world.play(tracker, 2)) < 0).all()
    tracker.follow(0.5, 0.05)  # nobody there
    assert (x_of(world.play(tracker, 1)) < 0).all()
    tracker.follow(0.5 + 0.4 / 1.2, 0.5)
    assert (x_of(world.play(tracker, 10)) > 0).all()
    tracker.follow(0.5 - 0.2 / 0.5, 0.5)
    assert (x_of(world.play(tracker, 2)) < 0).all()
