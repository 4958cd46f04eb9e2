"""head.vrm: what VRM 1.0 requires, and what our own reader makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from glb_support import accessor_values, read_glb

from face3d_live.avatar import pose
from face3d_live.avatar.load import load_avatar
from face3d_live.avatar.nodes import Nodes
from face3d_live.avatar.vrm import read_vrm
from face3d_live.codes import ARKIT, EYE_YAW, INDEX, HeadCodes
from face3d_live.export.glb import head_glb
from face3d_live.export.parts import carried
from face3d_live.export.textured_head import TexturedHead
from face3d_live.export.vrm import head_vrm
from face3d_live.export.vrm_meta import PERMISSIONS, VrmMeta
from face3d_live.eyewear import Glasses
from face3d_live.hairstyle import Hair
from face3d_live.head.model import EYE_TURN

#: `humanoid.md`, the bones marked as required: name -> the nearest required one above it.
REQUIRED = {
    "hips": None, "spine": "hips", "head": "spine",
    **{side + bone: side + parent if parent not in ("hips", "spine") else parent
       for side in ("left", "right")
       for bone, parent in (("UpperLeg", "hips"), ("LowerLeg", "UpperLeg"), ("Foot", "LowerLeg"),
                            ("UpperArm", "spine"), ("LowerArm", "UpperArm"), ("Hand", "LowerArm"))},
}  # fmt: skip
#: `expressions.md`: the names of presets.
PRESETS = {
    "happy", "angry", "sad", "relaxed", "surprised", "aa", "ih", "ou", "ee", "oh", "blink", "blinkLeft", "blinkRight",
    "lookUp", "lookDown", "lookLeft", "lookRight", "neutral",
}  # fmt: skip
REST = np.eye(3, dtype=np.float32)


@pytest.fixture(scope="module")
def codes():
    shape = np.random.default_rng(1).normal(size=80).astype(np.float32)
    return HeadCodes(shape=shape, expression=np.full(52, 0.2, np.float32))


def worn(head, codes):
    neutral = head.neutral(codes.shape)
    return carried(head, neutral, neutral, Hair("bob", "#b06020"), Glasses("round"))


@pytest.fixture(scope="module")
def data(head, codes):
    meta = VrmMeta.of("Ada", ["A. Person", "B. Person"], ["commercialUsage=personalProfit", "allowRedistribution=true"])
    return head_vrm(
        TexturedHead(head, codes, "low", np.full((64, 64, 3), 180, np.uint8), carried=worn(head, codes)), meta
    )


@pytest.fixture(scope="module")
def document(data) -> dict[str, Any]:
    return read_glb(data)[0]


@pytest.fixture(scope="module")
def vrm(document) -> dict[str, Any]:
    assert document["extensionsUsed"] == ["VRMC_vrm"]
    return document["extensions"]["VRMC_vrm"]


def expression(**values: float) -> np.ndarray:
    codes = np.zeros(52, np.float32)
    for name, value in values.items():
        codes[INDEX[name]] = value
    return codes


def test_the_required_fields_are_there(vrm):
    assert vrm["specVersion"] == "1.0" and {"meta", "humanoid"} <= vrm.keys()
    meta = vrm["meta"]
    assert meta["name"] == "Ada" and meta["authors"] == ["A. Person", "B. Person"]
    assert meta["licenseUrl"] == "https://vrm.dev/licenses/1.0/"
    assert meta["commercialUsage"] == "personalProfit" and meta["allowRedistribution"] is True
    assert meta["avatarPermission"] == "onlyAuthor" and meta["modification"] == "prohibited"
    assert {key for key in meta if key in PERMISSIONS} == set(PERMISSIONS), "nothing is left to a reader's default"


def test_the_humanoid_has_every_required_bone_each_below_the_right_one(document, vrm):
    bones = {name: bone["node"] for name, bone in vrm["humanoid"]["humanBones"].items()}
    assert REQUIRED.keys() | {"neck", "leftEye", "rightEye"} <= bones.keys()
    assert len(set(bones.values())) == len(bones) and len({node["name"] for node in document["nodes"]}) == len(
        document["nodes"]
    )
    nodes = Nodes(document)
    for name, above in REQUIRED.items():
        at = nodes.parent[bones[name]]
        while at >= 0 and at not in {bones[one] for one in REQUIRED}:
            at = nodes.parent[at]
        assert at == (-1 if above is None else bones[above]), name
    place = {name: nodes.world[node][:3, 3] for name, node in bones.items()}
    assert all(np.allclose(nodes.world[node][:3, :3], np.eye(3)) for node in bones.values())
    heights = [place[name][1] for name in ("leftFoot", "leftLowerLeg", "hips", "spine", "neck", "head", "leftEye")]
    assert heights == sorted(heights) and heights[0] > 0, "it stands on the ground"
    assert place["leftHand"][0] > place["leftLowerArm"][0] > place["leftUpperArm"][0] > 0 > place["rightHand"][0]
    assert place["leftHand"][1] == pytest.approx(place["leftUpperArm"][1]), "a T-pose"
    assert place["leftEye"][2] > place["head"][2], "it looks along +z"


def test_presets_and_custom_expressions_bind_what_they_name(document, vrm):
    mesh, expressions = document["meshes"][0], vrm["expressions"]
    names = mesh["extras"]["targetNames"]
    assert set(expressions["preset"]) == PRESETS and set(expressions["custom"]) == set(ARKIT)
    assert "weights" not in mesh, "expressions begin at nothing"
    for primitive in mesh["primitives"]:
        assert len(primitive["targets"]) == len(names)
    for each in [*expressions["preset"].values(), *expressions["custom"].values()]:
        for bind in each["morphTargetBinds"]:
            assert document["nodes"][bind["node"]]["mesh"] == 0 and 0 <= bind["index"] < len(names)
            assert 0 < bind["weight"] <= 1
    bound = {name: {names[b["index"]]: b["weight"] for b in one["morphTargetBinds"]}
             for one_kind in expressions.values() for name, one in one_kind.items()}  # fmt: skip
    assert all(bound[name] == {name: 1.0} for name in ARKIT)
    assert bound["blink"] == {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0} and bound["neutral"] == {}
    assert "jawOpen" in bound["aa"] and "mouthPucker" in bound["ou"] and "mouthFunnel" in bound["oh"]
    assert bound["lookLeft"].keys() == {"eyeLookOutLeft", "eyeLookInRight", "lookLeft"}


def test_looks_turn_the_balls_and_the_arkit_ones_the_lids_alone(data, document):
    binary = read_glb(data)[1]
    names = document["meshes"][0]["extras"]["targetNames"]
    materials = [material["name"] for material in document["materials"]]
    for primitive in document["meshes"][0]["primitives"]:
        part = materials[primitive["material"]]
        for name in ("eyeLookOutLeft", "lookLeft", "lookUp"):
            offset = accessor_values(document, binary, primitive["targets"][names.index(name)]["POSITION"])
            moves = np.abs(offset).max() > 1e-4
            assert moves == (part in (("skin", "lashes") if name.startswith("eyeLook") else ("eyes",))), (part, name)
            if name == "lookLeft" and part == "eyes":
                at = accessor_values(document, binary, primitive["attributes"]["POSITION"])
                assert offset[at[:, 2] > np.quantile(at[:, 2], 0.9), 0].mean() > 0.003, "the subject's left is +x"


def test_our_own_reader_reads_it_back(data, document):
    read = read_vrm(document, len(document["nodes"]))
    assert (read.kind, read.name, read.author, read.look) == ("vrm1", "Ada", "A. Person, B. Person", "bone")
    assert read.bones.keys() == {"head", "neck", "leftEye", "rightEye"}
    avatar = load_avatar(data)
    assert set(avatar.report.found) == set(ARKIT) and avatar.report.warnings == ()
    assert avatar.report.bones == ("neck", "head", "leftEye", "rightEye") and avatar.eye_turns == (True, True)
    turns = pose.turns(avatar, REST, expression(eyeLookOutLeft=1, eyeLookInRight=1))
    ahead = turns[3:, :3, :3] @ np.array([0, 0, 1.0])
    np.testing.assert_allclose(np.arctan2(ahead[:, 0], ahead[:, 2]), EYE_TURN * EYE_YAW, atol=1e-4)


def test_it_is_the_head_of_head_glb(data, head, codes):
    """The same face, bent by the same morphs, in the same frame."""
    other = load_avatar(
        head_glb(TexturedHead(head, codes, "low", np.full((64, 64, 3), 180, np.uint8), carried=worn(head, codes)))
    )
    avatar, talking = load_avatar(data), expression(jawOpen=0.7, eyeBlinkLeft=1.0, mouthSmileRight=0.4)
    assert len(avatar.parts) == len(other.parts)
    for mine, its in zip(avatar.parts, other.parts, strict=True):
        np.testing.assert_allclose(
            pose.deform(mine, pose.weights(avatar, talking))[0], pose.deform(its, pose.weights(other, talking))[0],
            atol=5e-5,
        )  # fmt: skip
        np.testing.assert_array_equal(mine.bones, its.bones)


@pytest.mark.parametrize("licence", ["commercialUsage", "commercialUsage=all", "colour=red", "allowRedistribution=yes"])
def test_a_licence_that_the_format_lacks_is_refused(licence):
    with pytest.raises(ValueError, match="VRM licence"):
        VrmMeta.of(None, (), [licence])


def test_without_words_everything_is_forbidden_and_no_author_is_made_up():
    meta = VrmMeta().to_json()
    assert meta["authors"] == ["not stated"] and all(meta[key] == values[0] for key, values in PERMISSIONS.items())
    with pytest.raises(ValueError, match="author"):
        VrmMeta(authors=(" ",))
