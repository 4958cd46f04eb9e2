"""Range calibration on fabricated signals, and the file a person's calibration is kept in."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from face3d_live.codes import ARKIT, INDEX, HeadCodes
from face3d_live.errors import InputError
from face3d_live.rotations import from_euler
from face3d_live.track.calibration import LID_PLAY, RISE, STEPS, Calibration
from face3d_live.track.profile import MAX_BYTES, Profile, load_profile

LEFT, RIGHT = INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]


def face(**values: float) -> HeadCodes:
    made = np.zeros(52, np.float32)
    for name, value in values.items():
        made[INDEX[name]] = value
    return HeadCodes(expression=made)


def lids(left: float, right: float) -> HeadCodes:
    return face(eyeBlinkLeft=left, eyeBlinkRight=right)


def signal(level: float, count: int = 45, noise: float = 0.03, seed: int = 0) -> np.ndarray:
    return np.clip(level + np.random.default_rng(seed).normal(0, noise, count), 0, 1)


def calibrated(open_lids, shut_lids, noise=0.03):
    """Neutral and blink measured on noisy lids; (left, right) levels."""

    def seen(levels, seed):
        both = (signal(level, noise=noise, seed=seed + i) for i, level in enumerate(levels))
        return [lids(a, b) for a, b in zip(*both, strict=True)]

    rest, shut = seen(open_lids, 0), seen(shut_lids, 2)
    return Calibration.identity().with_neutral(rest).with_range("blink", shut)


def blinks(calibration, left, right):
    out = calibration.apply(lids(left, right)).expression
    return float(out[LEFT]), float(out[RIGHT])


# Open and shut, as a network may see them: wide eyes; narrow eyes, which look half shut; glasses, which hide the lid
# from it and glint; one drooping lid.
EYES = {
    "wide": ((0.05, 0.05), (0.95, 0.92)),
    "narrow": ((0.55, 0.6), (0.85, 0.9)),
    "glasses": ((0.2, 0.15), (0.45, 0.4)),
    "drooping": ((0.4, 0.05), (0.8, 0.9)),
}


@pytest.mark.parametrize("kind", EYES)
def test_shut_is_one_and_open_is_zero(kind):
    open_lids, shut_lids = EYES[kind]
    calibration = calibrated(open_lids, shut_lids)
    assert blinks(calibration, *open_lids) == (0, 0)
    assert blinks(calibration, *shut_lids) == (1, 1)
    middle = [(a + b) / 2 for a, b in zip(open_lids, shut_lids, strict=True)]
    assert blinks(calibration, *middle) == pytest.approx((0.5, 0.5), abs=0.12)


@pytest.mark.parametrize("kind", EYES)
def test_a_wink_stays_a_wink(kind):
    (open_left, open_right), (shut_left, shut_right) = EYES[kind]
    calibration = calibrated((open_left, open_right), (shut_left, shut_right))
    assert blinks(calibration, shut_left, open_right) == (1, 0)
    assert blinks(calibration, open_left, shut_right) == (0, 1)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_one_lid_never_moves_the_other(left, right, other):
    calibration = calibrated((0.3, 0.2), (0.7, 0.8))
    assert blinks(calibration, left, right)[0] == blinks(calibration, left, other)[0]


def test_resting_lids_do_not_tremble():
    calibration = calibrated((0.3, 0.3), (0.7, 0.7), noise=0.01)
    shown = [blinks(calibration, a, a)[0] for a in signal(0.3, noise=0.02, seed=9)]
    assert np.mean(shown) < 0.01 and max(shown) < 0.05
    assert LID_PLAY * 0.4 > 0.04, "the play covers two deviations"


@pytest.mark.parametrize(("step", "names"), STEPS.items())
def test_the_full_movement_is_one(step, names):
    rest = face(**{name: 0.1 for name in names})
    full = face(**{name: 0.4 + 0.05 * i for i, name in enumerate(names)})
    calibration = Calibration.identity().with_neutral([rest] * 15).with_range(step, [full] * 40)
    out = calibration.apply(full).expression
    assert out[[INDEX[name] for name in names]] == pytest.approx(1)
    assert calibration.apply(rest).expression == pytest.approx(0)
    others = [i for i, name in enumerate(ARKIT) if name not in names and "eyeLook" not in name]
    half = calibration.apply(HeadCodes(expression=np.full(52, 0.5))).expression
    assert half[others] == pytest.approx(0.5), "other channels are left alone"


def test_a_late_start_and_one_outlier_do_not_count():
    values = [*[0.0] * 12, *signal(0.5, 30, 0.01), 1.0]
    calibration = Calibration.identity().with_range("jaw", [face(jawOpen=v) for v in values])
    assert calibration.peak[INDEX["jawOpen"]] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("step", "recent", "code"), [
    ("jaw", [face(jawOpen=0.05)] * 40, "no-movement"),
    ("blink", [lids(0.9, 0.0)] * 40, "no-movement"),
    ("jaw", [face(jawOpen=0.9)] * 3, "no-face"),
    ("jaw", [face(jawOpen=0.9).with_(rotation=from_euler(1, 0, 0))] * 40, "turned-away"),
    ("dance", [face()] * 40, "no-step"),
])  # fmt: skip
def test_refusals(step, recent, code):
    known = Calibration.identity().with_range("smile", [face(mouthSmileLeft=0.5, mouthSmileRight=0.5)] * 40)
    with pytest.raises(InputError) as caught:
        known.with_range(step, recent)
    assert caught.value.code == code and len(caught.value.message) > 20


def test_steps_can_be_repeated_in_any_order():
    jaw, wider = [face(jawOpen=0.4)] * 40, [face(jawOpen=0.6)] * 40
    calibration = Calibration.identity().with_range("jaw", jaw)
    assert calibration.apply(face(jawOpen=0.4)).expression[INDEX["jawOpen"]] == pytest.approx(1)
    calibration = calibration.with_range("jaw", wider).with_neutral([face(jawOpen=0.1)] * 15)
    out = [calibration.apply(face(jawOpen=v)).expression[INDEX["jawOpen"]] for v in (0.1, 0.35, 0.6)]
    assert out == pytest.approx([0, 0.5, 1], abs=1e-5)


def test_a_neutral_that_leaves_no_room_drops_the_range():
    calibration = (
        Calibration.identity().with_range("jaw", [face(jawOpen=0.4)] * 40).with_neutral([face(jawOpen=0.35)] * 15)
    )
    assert calibration.peak[INDEX["jawOpen"]] == 0


def test_nothing_changes_nothing():
    codes = HeadCodes(
        expression=np.linspace(0, 1, 52) * ["eyeLook" not in name for name in ARKIT],
        rotation=from_euler(0.3, 0.1, -0.2),
        translation=np.array([0.1, -0.05, -0.8]),
    )
    out = Calibration.identity().apply(codes)
    for name, values in codes.to_arrays().items():
        assert out.to_arrays()[name] == pytest.approx(values, abs=1e-6)


unit = st.floats(0, 1, width=32)


@given(*[hnp.arrays(np.float32, 52, elements=unit)] * 3)
@settings(max_examples=100, deadline=None)
def test_always_within_bounds_and_rising(neutral, peak, expression):
    straight = np.eye(3, dtype=np.float32), np.array([0, 0, -0.6], np.float32)
    calibration = Calibration(neutral, *straight, peak)
    out = calibration.apply(HeadCodes(expression=expression)).expression
    assert np.isfinite(out).all() and out.min() >= 0 and out.max() <= 1
    more = calibration.apply(HeadCodes(expression=np.minimum(expression + 0.1, 1))).expression
    lids_and_mouth = [i for i, name in enumerate(ARKIT) if not name.startswith("eyeLook")]
    assert (more - out)[lids_and_mouth].min() >= -1e-6


# --- the file -------------------------------------------------------------------------------------------------------


@pytest.fixture
def profile():
    return Profile.fresh(calibrated(*EYES["narrow"]), "  Zoë\n Müller ")


def test_the_file_round_trips(profile, tmp_path):
    path = tmp_path / "zoe.json"
    path.write_text(profile.to_text(), "utf-8")
    again = load_profile(path)
    assert again.person == "Zoë Müller" and again.created == profile.created
    for name in ("expression", "peak", "translation"):
        assert np.array_equal(getattr(again.calibration, name), getattr(profile.calibration, name))
    assert again.calibration.rotation == pytest.approx(profile.calibration.rotation, abs=1e-6)
    assert blinks(again.calibration, *EYES["narrow"][1]) == (1, 1)


def test_a_file_without_a_range_is_a_neutral_one(profile):
    plain = json.loads(profile.to_text())
    del plain["range"]
    assert not Profile.parse(json.dumps(plain)).calibration.peak.any()


@pytest.mark.parametrize("spoil", [
    lambda j: j.update(face3d_calibration=2), lambda j: j.pop("face3d_calibration"), lambda j: j.update(person=5),
    lambda j: j.update(range=[1]), lambda j: j["range"].update(eyeBlinkLeft=1.5), lambda j: j.update(created=None),
    lambda j: j["range"].update(eyeBlinkLeft=-0.1), lambda j: j["range"].update(eyeBlinkLeft="0.5"),
    lambda j: j["range"].update(eyeBlinkLeft=True), lambda j: j["expression"].update(jawOpen=float("nan")),
    lambda j: j.update(translation=[0, 0, 1e300]), lambda j: j.update(rotation=[0, 0, 0, 50]),
])  # fmt: skip
def test_bad_files_say_so(profile, spoil):
    plain = json.loads(profile.to_text())
    spoil(plain)
    with pytest.raises(InputError, match="bad-calibration"):
        Profile.parse(json.dumps(plain))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)


@given(st.one_of(st.binary(max_size=400), st.text(max_size=400), json_values.map(json.dumps)))
@settings(max_examples=120, deadline=None)
def test_anything_else_is_refused(data):
    with pytest.raises(InputError, match="bad-calibration"):
        Profile.parse(data)


@given(st.sampled_from(["expression", "rotation", "translation", "range", "person", "created"]), json_values)
@settings(max_examples=120, deadline=None)
def test_a_changed_part_is_refused_or_harmless(key, value):
    plain = json.loads(Profile.fresh(Calibration.identity()).to_text()) | {key: value}
    try:
        parsed = Profile.parse(json.dumps(plain))
    except InputError as error:
        assert error.code == "bad-calibration"
        return
    out = parsed.calibration.apply(face(jawOpen=0.5))
    assert all(np.isfinite(values).all() for values in out.to_arrays().values())
    parsed.to_text().encode()


def test_large_and_missing_files(tmp_path):
    (tmp_path / "big.json").write_bytes(b" " * (MAX_BYTES + 10))
    with pytest.raises(InputError, match="bad-calibration"):
        load_profile(tmp_path / "big.json")
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="missing-calibration"):
            load_profile(path)


def test_a_rise_is_more_than_noise():
    assert 1 / RISE < 10
