"""Avatars from files: what is found in them and what it does. `test_avatar_files` has the files that break rules."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from avatar_support import all_positions, changed, expression, fox, pack, tiny
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from face3d_live.avatar import pose
from face3d_live.avatar.load import load_avatar
from face3d_live.avatar.model import HEAD_HEIGHT, Avatar
from face3d_live.avatar.names import arkit_shares
from face3d_live.avatar.presets import AS_ARKIT, PRESETS, REPLACED_BY, VRM0, preset_values
from face3d_live.codes import ARKIT, EYE_YAW, INDEX, HeadCodes
from face3d_live.export.glb import head_glb
from face3d_live.export.textured_head import TexturedHead
from face3d_live.head.model import Head
from face3d_live.rotations import from_euler

REST = np.eye(3, dtype=np.float32)


@pytest.fixture(scope="module")
def glb() -> Avatar:
    return load_avatar(fox("glb"))


@pytest.fixture(scope="module")
def vrm0() -> Avatar:
    return load_avatar(fox("vrm0"))


@pytest.fixture(scope="module")
def vrm1() -> Avatar:
    return load_avatar(fox("vrm1"))


def posed(avatar: Avatar, codes: np.ndarray, rotation: np.ndarray = REST) -> list[np.ndarray]:
    """Every part's vertices as the vertex shader would place them."""
    turns = pose.turns(avatar, rotation, codes)
    weights = pose.weights(avatar, codes)
    found = []
    for part in avatar.parts:
        shares = np.column_stack([1 - part.bones.sum(1), part.bones])
        matrices = np.einsum("nb,bij->nij", shares, turns)
        positions = pose.deform(part, weights)[0]
        found.append(np.einsum("nij,nj->ni", matrices[:, :3, :3], positions) + matrices[:, :3, 3])
    return found


# --- names


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("eyeBlinkLeft", "eyeBlinkLeft"),
        ("EYEBLINKLEFT", "eyeBlinkLeft"),
        ("eyeBlink_L", "eyeBlinkLeft"),
        ("eyeBlink.R", "eyeBlinkRight"),
        ("EyeBlink_Left", "eyeBlinkLeft"),
        ("blendShape1.mouthSmile_R", "mouthSmileRight"),
        ("Face_M_jawOpen", "jawOpen"),
        ("ARKit_52.browInnerUp", "browInnerUp"),
        ("mouth_Left", "mouthLeft"),
        ("jaw-right", "jawRight"),
        ("tongue_out", "tongueOut"),
        ("Tongue Out", "tongueOut"),
        ("cheekPuff_L", "cheekPuff"),
    ],
)
def test_names_as_exporters_write_them(name: str, means: str) -> None:
    assert arkit_shares(name) == ((INDEX[means], 1.0),)


@pytest.mark.parametrize(
    "name", ["", "_", "Fcl_MTH_A", "left", "L", "blink", "smile2", "jawOpenX", "vrc.v_aa", "mouth"]
)
def test_names_that_mean_nothing(name: str) -> None:
    assert arkit_shares(name) == ()


def test_every_arkit_name_in_three_spellings() -> None:
    for name in ARKIT:
        short = name.replace("Left", "_L").replace("Right", "_R")
        for spelling in (name, name.lower(), short):
            assert arkit_shares(spelling) == ((INDEX[name], 1.0),), spelling


def test_a_name_for_both_sides_follows_their_mean() -> None:
    assert dict(arkit_shares("mouthSmile")) == {INDEX["mouthSmileLeft"]: 0.5, INDEX["mouthSmileRight"]: 0.5}
    assert dict(arkit_shares("eyesClosed")) == {INDEX["eyeBlinkLeft"]: 0.5, INDEX["eyeBlinkRight"]: 0.5}


def test_both_sides_at_once_give_way_to_one_for_each() -> None:
    def rename(document: dict) -> None:
        document["meshes"][0]["extras"]["targetNames"] = ["mouthSmile", "mouthSmile_L"]

    avatar = load_avatar(changed(rename))
    weights = pose.weights(avatar, expression(mouthSmileLeft=1.0))
    assert sorted(weights.tolist()) == [0.0, 1.0]
    assert sorted(pose.weights(avatar, expression(mouthSmileRight=1.0)).tolist()) == [0.0, 0.5]


# --- presets


def test_presets_of_clear_faces() -> None:
    def strongest(**named: float) -> str:
        return PRESETS[int(preset_values(expression(**named)).argmax())]

    both = {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}
    assert strongest(jawOpen=0.8) == "aa"
    assert strongest(mouthPucker=0.9, jawOpen=0.1) == "ou"
    assert strongest(mouthFunnel=0.9, jawOpen=0.3) == "oh"
    assert strongest(**both) == "happy"
    assert strongest(browDownLeft=1, browDownRight=1) == "angry"
    assert strongest(mouthFrownLeft=1, mouthFrownRight=1) == "sad"
    assert not preset_values(expression()).any()


@given(st.lists(st.floats(0, 1), min_size=52, max_size=52))
def test_presets_are_shares(values: list[float]) -> None:
    found = preset_values(np.array(values, np.float32))
    assert found.shape == (len(PRESETS),) and (found >= 0).all() and (found <= 1).all()


def test_the_tables_speak_of_the_same_presets() -> None:
    assert set(VRM0.values()) == {*PRESETS, *AS_ARKIT} and set(PRESETS) == set(REPLACED_BY)
    assert all(name in INDEX for names in REPLACED_BY.values() for name in names)


# --- what is found


@pytest.mark.slow
def test_the_report_of_a_plain_glb(glb: Avatar) -> None:
    report = glb.report
    assert report.kind == "glb" and set(report.found) | set(report.missing) == set(ARKIT)
    assert "jawOpen" in report.found and report.missing == tuple(
        name for name in ARKIT if name.startswith(("eyeLookIn", "eyeLookOut", "mouthRoll", "mouthPress"))
        or name in ("mouthShrugUpper",)
    )  # fmt: skip
    assert report.bones == ("neck", "head", "leftEye", "rightEye") and glb.eye_turns == (True, True)
    plain = report.to_json()
    assert plain["found"] == list(report.found) and plain["triangles"] > 3000


@pytest.mark.slow
def test_vrm_0_is_driven_by_presets(vrm0: Avatar) -> None:
    assert vrm0.report.kind == "vrm0" and vrm0.report.found == ("eyeBlinkLeft", "eyeBlinkRight")
    assert set(vrm0.report.expressions) == {
        "aa",
        "ih",
        "ou",
        "ee",
        "oh",
        "happy",
        "angry",
        "sad",
        "relaxed",
        "surprised",
    }
    assert vrm0.report.name == "Fox" and vrm0.report.author == "Face3D Live"
    assert pose.weights(vrm0, expression(eyeBlinkLeft=1.0)).sum() == 1, (
        "blink is left alone where each side has its own"
    )
    lids = posed(vrm0, expression(eyeBlinkLeft=1.0))
    moved = np.concatenate(lids) - all_positions(vrm0)
    assert moved[:, 1].min() < -0.01 and all_positions(vrm0)[moved[:, 1] < -0.005][:, 0].min() > -0.005  # the left eye


@pytest.mark.slow
def test_vrm_1_prefers_its_own_arkit_expressions(vrm1: Avatar) -> None:
    assert vrm1.report.kind == "vrm1" and "jawOpen" in vrm1.report.found and vrm1.report.author == "Face3D Live"
    assert vrm1.report.expressions == ()
    assert [material.style for material in vrm1.materials] == ["toon", "lit", "unlit"]  # fur, blush, iris


def test_all_three_kinds_are_the_same_fox(glb: Avatar, vrm0: Avatar, vrm1: Avatar) -> None:
    """VRM 0 looks the other way in its file."""
    for other in (vrm0, vrm1):
        assert np.allclose(all_positions(other), all_positions(glb), atol=1e-5)
        assert np.allclose(other.eyes, glb.eyes, atol=1e-5)
        faces = [np.cross(p.positions[p.faces[:, 1]] - p.positions[p.faces[:, 0]],
                          p.positions[p.faces[:, 2]] - p.positions[p.faces[:, 0]]) for p in other.parts]  # fmt: skip
        along = [(f * p.normals[p.faces[:, 0]]).sum(1) for f, p in zip(faces, other.parts, strict=True)]
        assert np.concatenate(along).mean() > 0, "turned inside out"


def test_the_head_is_framed(glb: Avatar) -> None:
    assert glb.high[1] - glb.low[1] == pytest.approx(HEAD_HEIGHT, abs=1e-5)
    assert np.abs(all_positions(glb)[:, 0]).max() < 0.2, "shoulders included, still about metres"
    assert all_positions(glb)[:, 1].min() < glb.low[1] - 0.05, "the bust is not part of the head"
    assert glb.eyes[0, 0] > 0 > glb.eyes[1, 0] and (glb.eyes[:, 2] > 0).all()


@pytest.mark.slow
def test_our_own_head_comes_back() -> None:
    head = Head.load()
    skin = np.full((64, 64, 3), 180, np.uint8)
    avatar = load_avatar(head_glb(TexturedHead(head, HeadCodes(), "low", skin)))
    assert len(avatar.report.found) == 52 and avatar.report.missing == ()
    assert avatar.report.bones == ("neck", "head", "leftEye", "rightEye") and avatar.report.warnings == ()
    scale = float(np.ptp(avatar.parts[0].positions[:, 0]) / np.ptp(head.template[:, 0]))
    assert avatar.high[1] - avatar.low[1] == pytest.approx(HEAD_HEIGHT, abs=1e-5)
    codes = expression(jawOpen=0.8, mouthSmileLeft=0.6, eyeLookUpLeft=1.0, eyeBlinkRight=1.0)
    expected = head.vertices(np.zeros(80, np.float32), codes) * scale
    for rest, got in list(zip(posed(avatar, expression()), posed(avatar, codes), strict=True))[
        :-1
    ]:  # without the lashes
        distance, rows = cKDTree(head.template * scale).query(rest)
        assert distance.max() < 1e-5 and np.abs(expected[rows] - got).max() < 2e-4, "metres"


# --- what it does


def test_a_morph_moves_what_its_formula_moves(glb: Avatar) -> None:
    still, moved = posed(glb, expression())[0], posed(glb, expression(jawOpen=0.5))[0]
    scale = HEAD_HEIGHT / (0.15 + 0.0977)  # from below the chin to the ears' tips
    assert (moved - still)[:, 1].min() == pytest.approx(-0.5 * 0.034 * scale, rel=0.25)
    above = still[:, 1] > glb.eyes[0, 1]
    assert np.abs(moved - still)[above].max() == 0, "the jaw moves no forehead"


def test_weights_are_linear_and_bounded(glb: Avatar) -> None:
    half, whole, over = (pose.weights(glb, expression(jawOpen=v)) for v in (0.5, 1.0, 3.0))
    assert np.allclose(2 * half, whole) and np.array_equal(whole, over) and whole.max() == 1


@pytest.mark.parametrize("rotation", [from_euler(0.5, 0, 0), from_euler(0, -0.4, 0), from_euler(0.2, 0.3, -0.4)])
def test_the_head_turns_as_tracked_and_the_shoulders_stay(glb: Avatar, rotation: np.ndarray) -> None:
    turns = pose.turns(glb, rotation, expression())
    assert np.allclose(turns[2, :3, :3], rotation, atol=1e-5)
    still, moved = np.concatenate(posed(glb, expression())), np.concatenate(posed(glb, expression(), rotation))
    low = still[:, 1] < -0.12
    assert np.abs(moved - still)[low].max() < 1e-6, "the bust's lower end"
    nose = int(still[:, 2].argmax())
    forward = rotation @ [0, 0, 1.0]
    assert np.sign(moved[nose] - still[nose])[np.abs(forward[:2]).argmax()] == np.sign(
        forward[np.abs(forward[:2]).argmax()]
    )


def test_eyes_follow_the_gaze_within_the_files_range(glb: Avatar, vrm1: Avatar) -> None:
    for avatar, most in ((glb, EYE_YAW), (vrm1, np.radians(14) * np.degrees(EYE_YAW) / 90)):
        turns = pose.turns(avatar, REST, expression(eyeLookOutLeft=1.0, eyeLookInRight=1.0))
        assert turns[3, 0, 2] == pytest.approx(np.sin(most), abs=1e-4), "the left eye looks to the subject's left"
        up = pose.turns(avatar, REST, expression(eyeLookUpLeft=1.0))
        assert up[3, 1, 2] > 0.01 and np.allclose(up[4], np.eye(4), atol=1e-6)


def test_eyes_that_morphs_move_are_not_turned_twice() -> None:
    def look(document: dict) -> None:
        document["nodes"][1]["name"] = "LeftEye"
        document["meshes"][0]["extras"]["targetNames"] = ["jawOpen", "eyeLookInLeft"]

    assert load_avatar(changed(look)).eye_turns == (False, False)
    document, binary = tiny()
    document["nodes"][1]["name"] = "LeftEye"
    assert load_avatar(pack(document, binary)).eye_turns == (True, False)


def test_without_a_head_bone_everything_turns() -> None:
    avatar = load_avatar(changed(lambda document: document["nodes"][1].update(name="Bone")))
    assert avatar.report.bones == () and avatar.report.warnings
    turned = posed(avatar, expression(), from_euler(np.pi / 2, 0, 0))[0]
    assert np.abs(turned[:, 0]).max() < 1e-5, "edge on"


def test_a_face_that_looks_back_is_turned_round() -> None:
    """A square with morphs on the far side of a block behind it."""
    document, binary = tiny()
    far = np.array([[-1, -1, 3], [1, -1, 3], [1, 1, 3], [-1, 1, 3]], "<f4").tobytes()
    document["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(far)})
    binary += far
    document["buffers"][0]["byteLength"] = len(binary)
    document["accessors"].append({**document["accessors"][0], "bufferView": len(document["bufferViews"]) - 1})
    document["meshes"].append({"primitives": [{"attributes": {"POSITION": 7}, "indices": 3}]})
    document["nodes"][1]["mesh"] = 1
    avatar = load_avatar(pack(document, binary))
    face, back = avatar.parts if len(avatar.parts[0].rows) else avatar.parts[::-1]
    assert face.positions[:, 2].mean() > back.positions[:, 2].mean()


def test_an_avatar_travels_between_processes(glb: Avatar) -> None:
    back = pickle.loads(pickle.dumps(glb))
    assert back.report == glb.report
    assert np.array_equal(all_positions(back), all_positions(glb)) and np.array_equal(back.drive, glb.drive)
