"""Mapping profiles: what each change does, presets, files there and back, and what errors say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protocol_frames import LEFT, TILT_LEFT, TURN, UP, any_frames, frame_of

from face3d_live.codes import ARKIT, INDEX, MIRROR
from face3d_live.errors import InputError
from face3d_live.mapping import presets
from face3d_live.mapping.apply import Mapping
from face3d_live.mapping.profile import HEAD, LINKS, PAIRS, Channel, Profile
from face3d_live.mapping.store import ProfileStore
from face3d_live.protocols import pose


def named(preset, frame, toml=""):
    mapping = Mapping(Profile.from_toml(toml), preset)
    return dict(zip(mapping.names, mapping.apply(frame).values.tolist(), strict=True))


def tuned(frame, toml):
    return Mapping(Profile.from_toml(toml), "arkit").apply(frame).frame


def code(text, preset="arkit"):
    with pytest.raises(InputError) as caught:
        Mapping(Profile.from_toml(text, "my.toml"), preset)
    assert caught.value.code == "bad-mapping"
    return caught.value.message


# --- channels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "given_", "expected"),
    [
        ("gain = 2", 0.3, 0.6),
        ("gain = 2", 0.7, 1.0),
        ("offset = 0.1", 0.3, 0.4),
        ("offset = -0.5", 0.3, 0.0),
        ("curve = 2", 0.5, 0.25),
        ("dead_zone = 0.2", 0.2, 0.0),
        ("dead_zone = 0.2", 0.6, 0.5),
        ("dead_zone = 0.2", 1.0, 1.0),
        ("max = 0.4", 0.9, 0.4),
        ("min = 0.1", 0.0, 0.1),
        ("drop = true", 0.9, 0.0),
        ("gain = 0.5\noffset = 0.2\ncurve = 2\ndead_zone = 0.5\nmax = 0.16", 0.9, 0.16),
        ("gain = 0.5\noffset = 0.2\ncurve = 2\ndead_zone = 0.5", 0.9, 0.36),
    ],
)
def test_what_each_change_does(changes, given_, expected):
    after = tuned(frame_of(jawOpen=given_, mouthPucker=0.3), f"[channels.jawOpen]\n{changes}")
    assert after.expression[INDEX["jawOpen"]] == pytest.approx(expected, abs=1e-6)
    assert after.expression[INDEX["mouthPucker"]] == pytest.approx(0.3)


def test_no_profile_changes_nothing():
    frame = frame_of(UP, jawOpen=0.3, eyeLookInLeft=0.5)
    after = tuned(frame, "")
    for name in ("expression", "rotation", "translation", "gaze"):
        np.testing.assert_array_equal(getattr(after, name), getattr(frame, name))


def test_mirroring_swaps_sides_turns_and_gaze():
    frame = frame_of((LEFT @ UP @ TILT_LEFT).astype(np.float32), mouthSmileLeft=0.8, eyeLookOutLeft=0.5, jawRight=0.2)
    after = tuned(frame, "mirror = true")
    np.testing.assert_array_equal(after.expression, frame.expression[MIRROR])
    yaw, pitch, roll = pose.angles(frame.rotation)
    assert pose.angles(after.rotation) == pytest.approx((-yaw, pitch, -roll), abs=1e-5)
    assert after.gaze[1, 0] == pytest.approx(-frame.gaze[0, 0]) and after.gaze[0, 0] == -frame.gaze[1, 0]
    np.testing.assert_allclose(after.translation, frame.translation * [-1, 1, 1])


def test_linked_pairs_do_the_same_and_gaze_goes_one_way():
    frame = frame_of(eyeBlinkLeft=1, mouthSmileLeft=0.6, eyeLookOutLeft=0.8, eyeLookUpRight=0.4)
    after = tuned(frame, 'link = ["eyeBlink", "gaze"]')
    assert after.expression[INDEX["eyeBlinkLeft"]] == after.expression[INDEX["eyeBlinkRight"]] == 0.5
    assert after.expression[INDEX["mouthSmileRight"]] == 0
    np.testing.assert_allclose(after.gaze[0], after.gaze[1], atol=1e-6)
    assert after.gaze[0, 0] == pytest.approx(math.radians(12), abs=1e-3) and after.gaze[0, 1] > 0


def test_the_heads_angles_can_be_tuned():
    after = tuned(
        frame_of((LEFT @ UP).astype(np.float32)), "[channels.headYaw]\ngain = -1.5\n[channels.headPitch]\noffset = 5"
    )
    yaw, pitch, _ = pose.angles(after.rotation)
    assert yaw == pytest.approx(-1.5 * TURN, abs=1e-5) and pitch == pytest.approx(-TURN + math.radians(5), abs=1e-5)
    assert pose.angles(tuned(frame_of(LEFT), "[channels.headYaw]\ndrop = true").rotation)[0] == pytest.approx(
        0, abs=1e-6
    )


def test_renaming_and_dropping():
    names = Mapping(
        Profile.from_toml('[channels.jawOpen]\nrename = "Mund"\n[channels.tongueOut]\ndrop = true'), "perfectsync"
    ).names
    assert len(names) == 51 and "Mund" in names and "JawOpen" not in names and "TongueOut" not in names
    values = named("vrm1", frame_of(jawOpen=0.5), '[channels.aa]\ngain = 0.5\noffset = 0.1\nmax = 0.3\nrename = "A"')
    assert values["A"] == pytest.approx(0.3) and "aa" not in values
    assert "Joy" not in named("vrm0", frame_of(), "[channels.Joy]\ndrop = true")


# --- presets --------------------------------------------------------------------------------------------------------


def test_every_preset_is_sound():
    assert set(presets.names()) == {"arkit", "perfectsync", "vrm0", "vrm1", "vts"}
    for name in presets.names():
        preset = presets.load(name)
        assert preset.title and preset.outputs
        for output in preset.outputs.values():
            assert output.low < output.high and output.weights


def test_vrm_expressions_of_clear_faces():
    for preset, (a, u, joy, blink, left, right) in {
        "vrm0": ("A", "U", "Joy", "Blink", "Blink_L", "Blink_R"),
        "vrm1": ("aa", "ou", "happy", "blink", "blinkLeft", "blinkRight"),
    }.items():
        rest = named(preset, frame_of())
        assert all(value == 0 for value in rest.values()), preset
        assert named(preset, frame_of(jawOpen=0.9))[a] > 0.9
        assert named(preset, frame_of(mouthPucker=1))[u] > 0.8
        assert named(preset, frame_of(mouthSmileLeft=0.9, mouthSmileRight=0.9))[joy] > 0.8
        wink = named(preset, frame_of(eyeBlinkLeft=1))
        assert (wink[blink], wink[left], wink[right]) == (0, 1, 0)
        both = named(preset, frame_of(eyeBlinkLeft=1, eyeBlinkRight=0.75))
        # What receivers add up is what each lid does.
        assert (both[blink] + both[left], both[blink] + both[right]) == (1, 0.75)


def test_vtube_studio_which_way_is_left():
    # A model with the standard mapping turns to the picture's right, its own left, at +FaceAngleX, and so with Z.
    assert named("vts", frame_of(LEFT))["FaceAngleX"] == pytest.approx(20, abs=1e-3)
    assert named("vts", frame_of(UP))["FaceAngleY"] == pytest.approx(20, abs=1e-3)
    assert named("vts", frame_of(TILT_LEFT))["FaceAngleZ"] == pytest.approx(20, abs=1e-3)
    eyes = named("vts", frame_of(eyeLookOutLeft=1, eyeLookInRight=1, eyeLookUpLeft=1))
    assert eyes["EyeLeftX"] == eyes["EyeRightX"] == -1 and eyes["EyeLeftY"] > 0.8 and eyes["EyeRightY"] == 0
    rest = named("vts", frame_of())
    assert (rest["EyeOpenLeft"], rest["MouthSmile"], rest["MouthOpen"], rest["FacePositionZ"]) == pytest.approx(
        (1, 0.5, 0, 0), abs=1e-5
    )
    assert named("vts", frame_of(eyeBlinkLeft=1))["EyeOpenLeft"] == 0


# --- anything at all ------------------------------------------------------------------------------------------------

_CHANNELS = st.builds(
    Channel,
    gain=st.floats(-10, 10),
    offset=st.floats(-90, 90),
    curve=st.floats(0.1, 10),
    dead_zone=st.floats(0, 0.95),
    drop=st.booleans(),
)
_PROFILES = st.builds(
    Profile,
    preset=st.none() | st.sampled_from(["arkit", "perfectsync", "vrm0", "vrm1", "vts"]),
    mirror=st.booleans(),
    link=st.lists(st.sampled_from(LINKS), unique=True, max_size=4).map(tuple),
    channels=st.dictionaries(st.sampled_from([*ARKIT, *HEAD]), _CHANNELS, max_size=6),
)


@given(any_frames(), _PROFILES)
@settings(max_examples=150, deadline=None)
@pytest.mark.slow
def test_any_face_and_any_profile_give_finite_values_in_range(frame, profile):
    mapping = Mapping(profile, "vts")
    mapped = mapping.apply(frame)
    assert mapped.values.shape == (len(mapping.names),) and np.isfinite(mapped.values).all()
    assert (mapped.frame.expression >= 0).all() and (mapped.frame.expression <= 1).all()
    if mapping.preset.name != "vts":
        assert (mapped.values >= 0).all() and (mapped.values <= 1).all()
    assert (np.abs(mapped.values) <= 90).all()


@given(_PROFILES)
@settings(max_examples=80, deadline=None)
def test_profiles_survive_their_file(profile):
    again = Profile.from_toml(profile.to_toml())
    assert again.to_plain() == profile.to_plain()
    assert (again.preset, again.mirror, again.link) == (profile.preset, profile.mirror, profile.link)


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_or_refused(text):
    try:
        Profile.from_toml(text)
    except InputError as error:
        assert error.code == "bad-mapping"


# --- errors ---------------------------------------------------------------------------------------------------------


def test_errors_name_the_line_the_key_and_the_cure():
    assert "line 3" in code("version = 1\n[channels.jawOpen]\ngain = 99") and "from -10 to 10" in code(
        "[channels.jawOpen]\ngain=99"
    )
    assert "did you mean gain" in code("[channels.jawOpen]\ngian = 1")
    assert "did you mean jawOpen" in code("[channels.jawOpn]\ngain = 1")
    assert "line 2" in code("\nlink = ['eyeBlnk']") and "did you mean eyeBlink" in code("link = ['eyeBlnk']")
    assert "line 4" in code("[channels.jawOpen]\ngain = 1\n[channels.tongueOut]\ndrop = 3")
    assert "line 2" in code("mirror = true\nlink = = 3")
    assert "version 1" in code("version = 2")
    assert "swap" in code("[channels.jawOpen]\nmin = 0.6\nmax = 0.5")
    assert "true or false" in code("mirror = 1")
    assert "did you mean vrm1" in code("preset = 'vrm3'") or "vrm" in code("preset = 'vrm3'")
    assert "rename" in code("[channels.jawOpen]\nrename = 'x'", "vrm1")
    assert "two outputs" in code("[channels.jawOpen]\nrename = 'tongueOut'")
    assert "coefficients only" in code("[channels.aa]\ncurve = 2", "vrm1")
    assert "table" in code("channels = 3")
    assert "number" in code("[channels.jawOpen]\ngain = nan")


def test_pairs_are_pairs():
    assert "eyeBlink" in PAIRS and "mouthSmile" in PAIRS and "jaw" not in PAIRS and "mouth" not in PAIRS
    assert all(f"{name}Left" in INDEX and f"{name}Right" in INDEX for name in PAIRS)


# --- the store ------------------------------------------------------------------------------------------------------


def test_saved_by_name(tmp_path):
    store = ProfileStore(tmp_path)
    assert store.names() == []
    profile = Profile(mirror=True, channels={"jawOpen": Channel(gain=1.5)})
    store.save("My face 2", profile)
    assert ProfileStore(tmp_path).names() == ["My face 2"] and store.load("My face 2") == profile
    assert [p.name for p in (tmp_path / "mappings").iterdir()] == ["My face 2.toml"]
    store.delete("My face 2")
    for act in (store.load, store.delete):
        with pytest.raises(InputError, match="no-mapping"):
            act("My face 2")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 41, "a\0b", "CON:", "ü"])
def test_names_that_would_leave_the_folder(tmp_path, name):
    with pytest.raises(InputError, match="bad-mapping"):
        ProfileStore(tmp_path).save(name, Profile())
    assert not (tmp_path / "mappings").exists()


def test_files_that_are_none(tmp_path):
    store = ProfileStore(tmp_path)
    store.save("a", Profile())
    path = tmp_path / "mappings" / "a.toml"
    broken = {b"\xff": "UTF-8", b"\xff\xfe\0": "UTF-8", b"x = ": "not TOML", b"#" * 70000: "larger"}
    for content, message in broken.items():
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            store.load("a")
