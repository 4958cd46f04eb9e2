"""Figures over time on signals whose delay, blinks, shaking and turns are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face3d_live import rotations
from face3d_live.train.evaluate import signals

FPS = 30.0


def speech(length: int, seed: int = 0) -> np.ndarray:
    """Something that moves like a mouth: a few slow waves."""
    rng, t = np.random.default_rng(seed), np.arange(length) / FPS
    waves = [np.sin(2 * np.pi * (f * t + rng.random())) for f in (0.7, 1.3, 2.1, 3.2)]
    return 0.4 + 0.1 * np.sum(waves, axis=0)


def lids(length: int, at: list[int], depth: float = 0.6, rest: float = 0.15) -> np.ndarray:
    """Blinks of five frames."""
    out = np.full(length, rest)
    for frame in at:
        out[frame - 2 : frame + 3] += depth * np.array([0.3, 0.8, 1.0, 0.8, 0.3])
    return out


@pytest.mark.parametrize("frames", [-2, 0, 3, 5])
def test_a_shifted_signal_gives_its_shift(frames: int) -> None:
    signal = speech(120)
    late, reference = signal[10 - frames : 110 - frames], signal[10:110]
    assert signals.delay(0.3 * late + 0.1, reference) == pytest.approx(frames, abs=0.05)


def test_half_a_frame_is_seen() -> None:
    t = np.arange(100) / FPS
    wave = np.sin(2 * np.pi * t)
    assert signals.delay(np.sin(2 * np.pi * (t - 0.5 / FPS)), wave) == pytest.approx(0.5, abs=0.1)


def test_no_delay_where_there_is_none_to_tell() -> None:
    rng = np.random.default_rng(0)
    assert signals.delay(rng.normal(size=100), speech(100)) is None  # nothing alike
    assert signals.delay(speech(10), speech(10)) is None  # too short
    assert signals.delay(np.zeros(100), speech(100)) is None
    ramp = np.arange(100.0)
    assert signals.delay(ramp, ramp) is None  # alike at every lag: the peak is nowhere


def test_blinks_found_missed_and_false() -> None:
    truth = lids(300, [40, 100, 160, 220])
    ours = lids(300, [42, 99, 222, 270], depth=0.4)  # the third is missed, the last is false
    assert signals.compare_blinks(ours, truth, FPS) == signals.Blinks(seen=4, found=3, false=1)
    assert signals.compare_blinks(truth, truth, FPS) == signals.Blinks(4, 4, 0)
    assert signals.compare_blinks(np.full(300, 0.2), truth, FPS) == signals.Blinks(4, 0, 0)
    assert signals.compare_blinks(truth, np.full(300, 0.2), FPS) == signals.Blinks(0, 0, 4)


def test_a_blink_counts_once() -> None:
    truth = lids(200, [60])
    twice = lids(200, [57, 63])
    assert signals.compare_blinks(twice, truth, FPS).found == 1


def test_what_is_no_blink() -> None:
    closed = np.full(200, 0.1)
    closed[60:110] = 0.9  # a second and a half
    assert len(signals.blink_times(closed, FPS)) == 0
    assert len(signals.blink_times(lids(200, [60], depth=0.05), FPS)) == 0
    drowsy = 0.1 + 0.5 * np.arange(200) / 200
    assert signals.blink_times(drowsy + lids(200, [90], rest=0.0), FPS).tolist() == [90]


def test_a_rise_of_the_reference_excuses_a_blink() -> None:
    half = lids(200, [60], depth=0.1)
    assert signals.compare_blinks(lids(200, [60]), half, FPS) == signals.Blinks(0, 0, 0)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=0, max_size=60), st.lists(st.floats(0, 1), min_size=0, max_size=60))
def test_blinks_add_up(a: list[float], b: list[float]) -> None:
    length = min(len(a), len(b))
    ours, truth = np.array(a[:length]), np.array(b[:length])
    got = signals.compare_blinks(ours, truth, FPS)
    assert 0 <= got.found <= got.seen == len(signals.blink_times(truth, FPS))
    assert got.found + got.false <= len(signals.blink_times(ours, FPS))


def test_shaking_is_measured_where_a_face_rests() -> None:
    rng = np.random.default_rng(0)
    steady = np.tile(rng.uniform(0, 80, (51, 2)), (120, 1, 1))
    eyes = np.full(120, 50.0)
    noise = rng.normal(0, 0.1, steady.shape)
    walk = np.concatenate([np.zeros(60), np.arange(60) * 2.0])  # from the middle on it moves by 4 % a frame
    moving = steady + walk[:, None, None]
    rest = signals.at_rest(moving + noise, eyes)
    assert rest[5:50].all() and not rest[70:].any()
    one, two = (np.nanmean(signals.shake(moving + k * noise, eyes)[rest]) for k in (1, 2))
    assert two == pytest.approx(2 * one, rel=0.02)
    assert np.isnan(signals.shake(moving, eyes)[[0, -1]]).all()
    assert np.nanmax(signals.shake(steady, eyes)) == 0


def test_rotation_relative_to_another_frame_of_the_head() -> None:
    rng = np.random.default_rng(0)
    track = np.stack([rotations.from_euler(*rng.normal(0, 0.3, 3)) for _ in range(50)])
    turned = track @ rotations.from_euler(0.2, -0.1, 0.05)
    assert signals.relative_rotation_errors(turned, track) == pytest.approx(np.zeros(50), abs=0.1)
    wobble = np.stack([rotations.from_euler(np.radians(3) * (-1) ** i, 0, 0) for i in range(50)])
    assert signals.relative_rotation_errors(turned @ wobble, track).mean() == pytest.approx(3, abs=0.1)
