"""Smoothing: jitter goes, blinks stay, winks and blinks do not spill over."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from face3d_live.codes import INDEX, HeadCodes
from face3d_live.rotations import angle_between, from_euler
from face3d_live.track.filters import GAP, NOMINAL_STEP, DeadZone, OneEuro, RotationFilter, smoothing_factor, step
from face3d_live.track.smoothing import FaceSmoother, signed_gaze, with_gaze

FPS = 30
BLINK = [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]


def expression(**values: float) -> np.ndarray:
    e = np.zeros(52, np.float32)
    for name, value in values.items():
        e[INDEX[name]] = value
    return e


def lid(t: float, start: float, length: float) -> float:
    """A blink as a raised cosine."""
    phase = (t - start) / length
    return float(0.5 - 0.5 * np.cos(2 * np.pi * phase)) if 0 < phase < 1 else 0.0


def test_smoothing_factor_is_that_of_a_first_order_low_pass():
    # One time constant (dt = tau) gives one half; no time, nothing; much time, all.
    assert smoothing_factor(1 / (2 * np.pi), 1.0) == pytest.approx(0.5)
    assert smoothing_factor(1.0, 0.0) == 0
    assert smoothing_factor(1.0, 1e6) == pytest.approx(1, abs=1e-5)


def test_one_euro_follows_a_step_and_uses_real_time():
    slow, quick = OneEuro(np.array([1.0]), np.array([0.0])), OneEuro(np.array([1.0]), np.array([0.0]))
    slow(np.zeros(1), 0.1), quick(np.zeros(1), 0.1)
    for _ in range(10):
        a = slow(np.ones(1), 0.1)
    for _ in range(100):
        b = quick(np.ones(1), 0.01)
    assert a == pytest.approx(b, abs=0.02)  # one second is one second at 10 and at 100 frames a second
    assert 0.97 < b < 1


def test_speed_term_shortens_the_lag():
    ramp = np.arange(60) / 60
    lags = []
    for beta in (0.0, 5.0):
        one = OneEuro(np.array([1.0]), np.array([beta]))
        out = [one(np.array([v]), 1 / 30)[0] for v in ramp]
        lags.append(ramp[-1] - out[-1])
    assert lags[1] < 0.4 * lags[0]


def test_dead_zone_holds_small_moves_and_follows_large_ones():
    play = DeadZone(np.array([0.1]))
    assert play(np.array([0.0])) == 0
    assert play(np.array([0.09])) == 0
    assert play(np.array([1.0])) == pytest.approx(0.9)
    assert play(np.array([0.95])) == pytest.approx(0.9)


@pytest.mark.parametrize(("last", "now", "expected"), [
    (None, 1.0, None), (0.0, 0.04, 0.04), (1.0, 1.0, NOMINAL_STEP), (1.0, 0.9, NOMINAL_STEP),
    (1.0, 0.5, None), (0.0, GAP + 0.01, None), (0.0, float("nan"), None), (0.0, 1e-9, 1e-3),
])  # fmt: skip
def test_step(last, now, expected):
    assert step(last, now) == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("length", [0.1, 0.15])
@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5, 0.75])
def test_a_blink_survives(length, offset):
    smoother, raw, out = FaceSmoother(), [], []
    for i in range(60):
        t = i / FPS
        value = lid(t, 1 + offset / FPS, length)
        raw.append(value)
        codes = HeadCodes(expression=expression(eyeBlinkLeft=value, eyeBlinkRight=value))
        out.append(smoother(codes, t).expression[BLINK[0]])
    assert max(out) > 0.85 * max(raw)
    assert out[-1] < 0.02
    assert np.argmax(out) - np.argmax(raw) <= 1


def test_jitter_is_reduced():
    rng = np.random.default_rng(0)
    smoother = FaceSmoother()
    rest = expression(jawOpen=0.3, browInnerUp=0.3, mouthSmileLeft=0.3, eyeLookUpLeft=0.3, eyeBlinkLeft=0.3)
    raw, out = [], []
    for i in range(300):
        noisy = HeadCodes(
            expression=np.clip(rest + rng.normal(0, 0.03, 52), 0, 1),
            rotation=from_euler(*rng.normal(0, 0.01, 3)),
            translation=np.array([0, 0, -0.6]) + rng.normal(0, [0.0005, 0.0005, 0.004]),
        )
        raw.append(noisy), out.append(smoother(noisy, i / FPS))
    raw, out = raw[30:], out[30:]

    def jitter(values):
        return np.abs(np.diff(np.stack(values), axis=0)).mean(0)

    def ratio(pick):
        return jitter([pick(c) for c in out]) / jitter([pick(c) for c in raw])

    def channel(name):
        return ratio(lambda c: c.expression[INDEX[name]])

    assert channel("jawOpen") < 0.45
    assert channel("browInnerUp") < 0.3
    assert channel("eyeLookUpLeft") < 0.5
    assert channel("eyeBlinkLeft") < 0.85
    assert (ratio(lambda c: c.translation) < 0.2).all()

    def turn(codes):
        return np.mean([angle_between(a.rotation, b.rotation) for a, b in pairwise(codes)])

    assert turn(out) < 0.42 * turn(raw)


def test_rotation_takes_the_short_way_and_arrives():
    one = RotationFilter(1.5, 2.0)
    one(from_euler(np.pi - 0.05, 0, 0), 1 / FPS)
    goal = from_euler(-np.pi + 0.05, 0, 0)
    away = [float(angle_between(one(goal, 1 / FPS), goal)) for _ in range(60)]
    assert max(away) < 0.1 + 1e-3
    assert away[-1] < 0.005


def test_a_turning_head_lags_little():
    one, rate = RotationFilter(1.5, 4.0), 2.0  # radians a second: a brisk turn
    for i in range(30):
        out = one(from_euler(rate * i / FPS - 1, 0, 0), 1 / FPS)
    behind = float(angle_between(out, from_euler(rate * 29 / FPS - 1, 0, 0)))
    assert behind / rate < 0.04  # seconds


def test_a_wink_does_not_throw_the_gaze():
    smoother = FaceSmoother()
    look = {"eyeLookOutLeft": 0.4, "eyeLookInRight": 0.4}
    for i in range(60):
        t, wink = i / FPS, lid(i / FPS, 1.0, 0.4)
        wild = expression(**look, eyeBlinkLeft=wink, eyeLookDownLeft=wink)  # under the lid the network sees nonsense
        if wink > 0.5:
            wild[INDEX["eyeLookOutLeft"]], wild[INDEX["eyeLookInLeft"]] = 0, 0.9
        gaze = signed_gaze(smoother(HeadCodes(expression=wild), t).expression)
        assert gaze[1] == pytest.approx([0.4, 0], abs=0.02)
        assert abs(gaze[0, 0] - 0.4) < 0.25
        if wink > 0.9:
            assert abs(gaze[0, 0] - 0.4) < 0.15


def test_gaze_stays_through_a_blink_of_both_eyes():
    smoother = FaceSmoother()
    for i in range(60):
        t, blink = i / FPS, lid(i / FPS, 1.0, 0.2)
        e = expression(eyeLookUpLeft=0.3, eyeLookUpRight=0.3, eyeBlinkLeft=blink, eyeBlinkRight=blink)
        if blink > 0.75:
            e = expression(eyeLookDownLeft=1, eyeLookDownRight=1, eyeBlinkLeft=blink, eyeBlinkRight=blink)
        gaze = signed_gaze(smoother(HeadCodes(expression=e), t).expression)
        assert gaze[:, 1] == pytest.approx([0.3, 0.3], abs=0.06)


def test_a_blink_does_not_push_the_head_but_a_step_forward_does():
    smoother, z = FaceSmoother(), []
    for i in range(150):
        t, blink = i / FPS, lid(i / FPS, 1.0, 0.2)
        push = 0.05 * blink - (0.1 if t > 2.5 else 0)
        codes = HeadCodes(
            expression=expression(eyeBlinkLeft=blink, eyeBlinkRight=blink), translation=np.array([0, 0, -0.6 + push])
        )
        z.append(smoother(codes, t).translation[2])
    assert np.ptp(z[:70]) < 0.01
    assert z[-1] == pytest.approx(-0.7, abs=0.005)


def test_closed_eyes_do_not_freeze_the_distance():
    smoother = FaceSmoother()
    for i in range(90):
        blink = 1.0 if i > 10 else 0.0
        codes = HeadCodes(
            expression=expression(eyeBlinkLeft=blink, eyeBlinkRight=blink),
            translation=np.array([0, 0, -0.6 if i < 20 else -0.8]),
        )
        out = smoother(codes, i / FPS)
    assert out.translation[2] == pytest.approx(-0.8, abs=0.01)


@pytest.mark.parametrize(("yaw", "hidden", "shown"), [(55, "Left", "Right"), (-55, "Right", "Left")])
def test_an_eye_out_of_sight_copies_the_other(yaw, hidden, shown):
    e = expression(**{f"eyeBlink{shown}": 0.2, f"eyeBlink{hidden}": 0.9, f"eyeLookUp{shown}": 0.5})
    out = FaceSmoother()(HeadCodes(expression=e, rotation=from_euler(np.radians(yaw), 0, 0)), 0.0).expression
    assert out[INDEX[f"eyeBlink{hidden}"]] == pytest.approx(0.2, abs=1e-5)
    assert out[INDEX[f"eyeLookUp{hidden}"]] == pytest.approx(0.5, abs=1e-5)
    assert out[INDEX[f"eyeBlink{shown}"]] == pytest.approx(0.2, abs=1e-5)


def test_frontal_winks_stay_one_sided():
    out = FaceSmoother()(HeadCodes(expression=expression(eyeBlinkLeft=1.0)), 0.0).expression
    assert out[BLINK[0]] == 1
    assert out[BLINK[1]] == 0


def test_gaze_round_trip():
    gaze = np.array([[0.4, -0.2], [-0.1, 0.9]])
    assert signed_gaze(with_gaze(np.zeros(52), gaze)) == pytest.approx(gaze)


def test_a_gap_resets():
    smoother = FaceSmoother()
    smoother(HeadCodes(), 0.0)
    jump = HeadCodes(expression=expression(jawOpen=1.0), translation=np.array([0.1, 0, -0.9]))
    assert smoother(jump, 1 / FPS).expression[INDEX["jawOpen"]] < 0.9
    out = smoother(jump, 1 / FPS + GAP + 0.1)
    assert out.expression[INDEX["jawOpen"]] == 1
    assert out.translation == pytest.approx(jump.translation, abs=1e-6)


def test_a_clock_that_stands_still_still_moves_the_face():
    smoother = FaceSmoother()
    smoother(HeadCodes(), 5.0)
    for _ in range(60):
        out = smoother(HeadCodes(expression=expression(jawOpen=1.0)), 5.0)
    assert out.expression[INDEX["jawOpen"]] > 0.98


def test_sixty_frames_a_second_are_smoothed_as_thirty():
    """The same movement, with the same jitter in both: a blink, a turning head, a smile, seen at either rate."""

    def shown(rate: int) -> np.ndarray:  # (90, 52 + 9 + 3) at 30 a second
        smoother, out = FaceSmoother(), []
        for i in range(3 * rate):
            t = i / rate
            shake = 0.01 * np.sin(2 * np.pi * 11 * t)
            blink = lid(t, 1.5, 0.15)
            smile = 0.4 + 0.3 * np.sin(2 * np.pi * 0.7 * t) + shake
            codes = HeadCodes(
                expression=expression(eyeBlinkLeft=blink, eyeBlinkRight=blink, mouthSmileLeft=smile),
                rotation=from_euler(0.4 * np.sin(t) + shake, 0.1 * shake, 0),
                translation=np.array([0.05 * np.sin(2 * t), 0, -0.6 - 0.02 * np.cos(t)]),
            )
            seen = smoother(codes, t)
            if i % (rate // 30) == 0:
                out.append(np.concatenate([seen.expression, seen.rotation.ravel(), seen.translation]))
        return np.stack(out)

    usual, fast = shown(30), shown(60)
    apart = np.abs(usual - fast)[15:]
    assert apart[:, 52:].max() < 0.02  # rotation and place
    assert np.delete(apart, [*BLINK, INDEX["mouthSmileLeft"]], axis=1).max() < 0.05
    assert apart[:, INDEX["mouthSmileLeft"]].max() < 0.05
    peaks = usual[:, BLINK[0]].max(), fast[:, BLINK[0]].max()
    assert peaks[1] == pytest.approx(peaks[0], abs=0.15) and peaks[1] > 0.6  # sampled at other moments
