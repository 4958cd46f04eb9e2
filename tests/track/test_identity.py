"""Identity: averaged over good frames, frozen, and released when another person sits down."""

from __future__ import annotations

import numpy as np
import pytest

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.rotations import from_euler
from face3d_live.track.identity import PATIENCE, PATIENCE_NEW, IdentityAverage, frame_share, goodness

RNG = np.random.default_rng(0)
ALICE, BOB = RNG.normal(0, 0.8, 80).astype(np.float32), RNG.normal(0, 0.8, 80).astype(np.float32)


def frame(person: np.ndarray, noise: float = 0.3, seed: int = 0, yaw: float = 0.0) -> HeadCodes:
    rng = np.random.default_rng(seed)
    return HeadCodes(shape=person + rng.normal(0, noise, 80), texture=np.full(50, person[0]),
                     rotation=from_euler(np.radians(yaw), 0, 0))  # fmt: skip


def watch(average: IdentityAverage, person: np.ndarray, frames: int, seed: int = 0, **options) -> None:
    for i in range(frames):
        codes = frame(person, seed=seed + i, **options)
        average.update(codes, 0.9)


def test_goodness_prefers_frontal_calm_and_confident():
    calm = HeadCodes()
    agape = np.zeros(52, np.float32)
    agape[INDEX["jawOpen"]] = 1
    assert goodness(calm, 1.0) == 1
    assert goodness(calm, 0.5) == 0.5
    assert goodness(calm, 7.0) == 1
    assert goodness(calm.with_(rotation=from_euler(np.radians(45), 0, 0)), 1.0) == 0
    assert 0 < goodness(calm.with_(rotation=from_euler(np.radians(20), 0, 0)), 1.0) < 1
    assert goodness(calm.with_(rotation=from_euler(0, np.radians(40), 0)), 1.0) == 0
    assert goodness(calm.with_(expression=agape), 1.0) == 0


def test_the_average_beats_single_frames_and_freezes():
    average = IdentityAverage()
    watch(average, ALICE, 60)
    assert average.frozen
    assert np.sqrt(np.mean((average.shape - ALICE) ** 2)) < 0.3 / 4
    assert average.spread == pytest.approx(0.3, rel=0.15)
    assert average.texture == pytest.approx(np.full(50, ALICE[0]), abs=1e-4)
    kept = average.shape.copy()
    watch(average, ALICE, 60, seed=900)
    assert average.shape == pytest.approx(kept)


def test_it_is_weighted_by_confidence():
    average = IdentityAverage()
    for person, confidence in ((np.zeros(80), 0.9), (np.ones(80), 0.3)):
        codes = HeadCodes(shape=person)
        average.update(codes, confidence)
    assert average.shape == pytest.approx(np.full(80, 0.25), abs=1e-5)


def test_turned_away_frames_do_not_count_but_are_better_than_nothing():
    average = IdentityAverage()
    watch(average, ALICE, 1, yaw=60)
    assert average.shape == pytest.approx(frame(ALICE, seed=0).shape)
    watch(average, BOB, 1, noise=0.0)
    assert average.shape == pytest.approx(BOB, abs=1e-5)  # the first good frame replaces it altogether
    watch(average, ALICE, 100, yaw=60)
    assert average.shape == pytest.approx(BOB, abs=1e-5)
    assert not average.frozen


def test_the_same_person_is_kept_through_new_tracks():
    average = IdentityAverage()
    watch(average, ALICE, 60)
    kept = average.shape.copy()
    for i in range(5):
        average.begin_track()
        watch(average, ALICE, 40, seed=1000 + 100 * i)
    assert average.frozen
    assert average.shape == pytest.approx(kept)


def test_a_new_person_in_a_new_track_is_noticed_soon():
    average = IdentityAverage()
    watch(average, ALICE, 60)
    average.begin_track()
    watch(average, BOB, PATIENCE_NEW + 2, seed=500)
    assert np.sqrt(np.mean((average.shape - BOB) ** 2)) < 0.35
    watch(average, BOB, 60, seed=600)
    assert average.frozen
    assert np.sqrt(np.mean((average.shape - BOB) ** 2)) < 0.1


def test_a_new_person_within_a_track_is_noticed_later():
    average = IdentityAverage()
    watch(average, ALICE, 60)
    watch(average, BOB, PATIENCE - 5, seed=500)
    assert np.sqrt(np.mean((average.shape - ALICE) ** 2)) < 0.1
    watch(average, BOB, 60, seed=600)
    assert np.sqrt(np.mean((average.shape - BOB) ** 2)) < 0.15


def test_a_noisy_network_does_not_release_its_own_person():
    average = IdentityAverage()
    watch(average, ALICE, 60, noise=1.2)
    kept = average.shape.copy()
    watch(average, ALICE, 300, seed=5000, noise=1.2)
    assert average.shape == pytest.approx(kept)


def test_whoever_comes_after_a_long_absence_is_another():
    average = IdentityAverage()
    watch(average, ALICE, 60)
    average.begin_track(absent=1.0)
    assert average.frozen
    average.begin_track(absent=60.0)
    assert not average.known
    watch(average, ALICE, 1, noise=0.0)
    assert average.known
    assert average.shape == pytest.approx(ALICE, abs=1e-5)


@pytest.mark.parametrize("rate", [15, 30, 60, 120])
def test_an_identity_takes_its_time_at_any_rate(rate: int) -> None:
    """Seconds until it is frozen, and until another person is noticed: at 60 frames a second as at 30."""
    average, share = IdentityAverage(), frame_share(1 / rate)

    def seconds(person: np.ndarray, done) -> float:
        for i in range(20 * rate):
            average.update(frame(person, 0.05, seed=i), 0.9, share)
            if done():
                return (i + 1) / rate
        raise AssertionError("never")

    frozen = seconds(ALICE, lambda: average.frozen)
    noticed = seconds(BOB, lambda: not average.frozen)
    slower = 2 if rate == 15 else 1  # as many frames, at least
    assert frozen == pytest.approx(slower * 34 / 30, rel=0.05)
    assert noticed == pytest.approx(slower * PATIENCE_NEW / 30 if noticed < 0.5 else slower * PATIENCE / 30, rel=0.25)
