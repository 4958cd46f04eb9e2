"""VRM's expressions: binary ones, those that override others, looks by range, and what names ARKit drives them by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from avatar_support import changed, expression

from face3d_live.avatar import pose
from face3d_live.avatar.load import load_avatar
from face3d_live.avatar.model import Avatar
from face3d_live.avatar.weights import expression_weights
from face3d_live.errors import InputError

BOTH = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
SMILES = {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}
#: Moods of which the preset table makes about what is asked.
HALF_HAPPY = {"mouthSmileLeft": 0.65 / 1.2, "mouthSmileRight": 0.65 / 1.2}
FROWNS = {"browDownLeft": 0.6, "browDownRight": 0.6}


def binds(*indices: int, weight: float = 1.0) -> list[dict[str, Any]]:
    return [{"node": 2, "index": i, "weight": weight} for i in indices]


def vrm1(
    preset: dict[str, Any], custom: dict[str, Any] | None = None, names: tuple[str, str] = ("a", "b"), **more: Any
):
    """The tiny model as a VRM 1.0: expressions that name no binds move its second target."""

    def change(document: dict[str, Any]) -> None:
        document["meshes"][0]["extras"]["targetNames"] = list(names)
        for one in (*preset.values(), *(custom or {}).values()):
            if "morphTargetBinds" not in one and "materialColorBinds" not in one:
                one["morphTargetBinds"] = binds(1)
        human = {"humanBones": {"head": {"node": 1}}}
        extension = {"specVersion": "1.0", "humanoid": human, "expressions": {"preset": preset, "custom": custom or {}}}
        document["extensions"] = {"VRMC_vrm": extension | more}

    return load_avatar(changed(change))


def vrm0(*groups: dict[str, Any], names: tuple[str, str] = ("a", "b"), **more: Any) -> Avatar:
    def change(document: dict[str, Any]) -> None:
        document["meshes"][0]["extras"]["targetNames"] = list(names)
        human = {"humanBones": [{"bone": "head", "node": 1}]}
        master = {"blendShapeGroups": list(groups)}
        document["extensions"] = {"VRM": {"humanoid": human, "blendShapeMaster": master} | more}

    return load_avatar(changed(change))


def group(preset: str, name: str = "", index: int = 0, **more: Any) -> dict[str, Any]:
    return {"presetName": preset, "name": name, "binds": [{"mesh": 0, "index": index, "weight": 100}], **more}


def weights(avatar: Avatar, **codes: float) -> dict[str, float]:
    """Of the expressions by their names."""
    found = expression_weights(avatar.expressions, expression(**codes))
    return dict(zip(avatar.expressions.names, found.tolist(), strict=True))


def moved(avatar: Avatar, **codes: float) -> list[float]:
    """How far each of the two targets is on, by what happens to the vertices."""
    part = avatar.parts[0]
    by = pose.deform(part, pose.weights(avatar, expression(**codes)))[0] - part.positions
    size = float(np.ptp(part.positions[:, 0])) / 2
    return [float(-by[0, 1] / size / 0.5), float(abs(by[0, 2]) / size / 0.2)]  # VRM 0 is turned round


# --- binary ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "on"), [(0.0, 0), (0.3, 0), (0.5, 0), (0.51, 1), (0.8, 1), (1.0, 1)])
def test_binary_is_all_or_nothing(value: float, on: int) -> None:
    codes = {"eyeBlinkLeft": value, "eyeBlinkRight": value}
    new = vrm1({"blink": {"isBinary": True, "morphTargetBinds": binds(0)}})
    old = vrm0(group("blink", isBinary=True))
    for avatar in (new, old):
        assert moved(avatar, **codes) == pytest.approx([on, 0], abs=1e-5)
    assert moved(vrm1({"blink": {"morphTargetBinds": binds(0)}}), **codes)[0] == pytest.approx(value, abs=1e-5)


def test_a_binary_expression_still_moves_by_its_binds() -> None:
    avatar = vrm1({"aa": {"isBinary": True, "morphTargetBinds": binds(0, weight=0.4)}})
    assert moved(avatar, jawOpen=0.7)[0] == pytest.approx(0.4, abs=1e-5) and moved(avatar, jawOpen=0.4)[0] == 0


def test_binary_by_arkit_names_too() -> None:
    for avatar in (vrm1({}, {"jawOpen": {"isBinary": True}}), vrm0(group("unknown", "JawOpen", 1, isBinary=True))):
        assert moved(avatar, jawOpen=0.4) == [0, 0] and moved(avatar, jawOpen=0.6) == pytest.approx([0, 1], abs=1e-5)


# --- overrides ------------------------------------------------------------------------------------------------------


def blinking(way: str, binary: bool = False, **happy: Any) -> Avatar:
    blink = {"morphTargetBinds": binds(0), "isBinary": binary}
    return vrm1({"blink": blink, "happy": {"overrideBlink": way} | happy})


def test_block() -> None:
    avatar = blinking("block")
    assert moved(avatar, **BOTH, **SMILES) == pytest.approx([0, 1], abs=1e-5)
    assert moved(avatar, **BOTH, **HALF_HAPPY) == pytest.approx([0, 0.5], abs=1e-4), "at any weight"
    assert moved(avatar, **BOTH) == pytest.approx([1, 0], abs=1e-5)


def test_blend() -> None:
    avatar = blinking("blend")
    assert moved(avatar, **BOTH, **SMILES) == pytest.approx([0, 1], abs=1e-5)
    assert moved(avatar, **BOTH, **HALF_HAPPY) == pytest.approx([0.5, 0.5], abs=1e-4)


@pytest.mark.parametrize("way", ["none", "BLOCK", "soften", None, 3])
def test_other_words_do_nothing(way: Any) -> None:
    assert moved(blinking(way), **BOTH, **SMILES) == pytest.approx([1, 1], abs=1e-5)


def test_several_that_blend_add_up() -> None:
    avatar = vrm1({"blink": {"morphTargetBinds": binds(0)}, "happy": {"overrideBlink": "blend"},
                   "surprised": {"overrideBlink": "blend"}})  # fmt: skip
    wide = {"browOuterUpLeft": 1.0, "browOuterUpRight": 1.0}  # surprised 0.3
    assert weights(avatar, **wide)["surprised"] == pytest.approx(0.3, abs=1e-5)
    assert weights(avatar, **BOTH, **wide)["blink"] == pytest.approx(0.7, abs=1e-5)
    assert weights(avatar, **BOTH, **wide, **HALF_HAPPY)["blink"] == pytest.approx(0.2, abs=1e-4)
    assert weights(avatar, **BOTH, **wide, **SMILES)["blink"] == 0, "never below nothing"


def test_binary_ones_override_by_what_they_show() -> None:
    avatar = blinking("block", isBinary=True)
    little = {"mouthSmileLeft": 0.4, "mouthSmileRight": 0.4}  # happy 0.33
    assert moved(avatar, **BOTH, **little) == pytest.approx([1, 0], abs=1e-5)
    assert moved(avatar, **BOTH, mouthSmileLeft=0.7, mouthSmileRight=0.7) == pytest.approx([0, 1], abs=1e-5)


def test_binary_ones_are_overridden_wholly() -> None:
    avatar = blinking("blend", binary=True)
    assert moved(avatar, **BOTH, **HALF_HAPPY) == pytest.approx([0, 0.5], abs=1e-4)
    assert moved(avatar, **BOTH) == pytest.approx([1, 0], abs=1e-5)


def test_the_mouth_and_both_lids() -> None:
    preset = {name: {"morphTargetBinds": binds(0)} for name in ("aa", "blinkLeft", "blinkRight")}
    avatar = vrm1(preset | {"happy": {"overrideMouth": "block", "overrideBlink": "blend"}})
    found = weights(avatar, jawOpen=0.8, **BOTH, **HALF_HAPPY)
    assert found == pytest.approx({"blinkLeft": 0.5, "blinkRight": 0.5, "aa": 0.0, "happy": 0.5}, abs=1e-4)
    found = weights(avatar, jawOpen=0.8, **BOTH)
    assert found["aa"] == pytest.approx(0.88, abs=1e-5) and found["blinkLeft"] == 1


def test_none_overrides_its_own_kind() -> None:
    blink = {"morphTargetBinds": binds(0), "overrideBlink": "block", "overrideMouth": "block"}
    avatar = vrm1({"blink": blink, "aa": {"overrideMouth": "blend"}})
    assert weights(avatar, **BOTH)["blink"] == 1
    assert weights(avatar, jawOpen=0.5)["aa"] == pytest.approx(0.55, abs=1e-5)
    assert weights(avatar, jawOpen=0.5, **BOTH) == pytest.approx({"blink": 1, "aa": 0})


def test_an_expression_without_binds_still_overrides() -> None:
    avatar = vrm1(
        {"blink": {"morphTargetBinds": binds(0)}, "happy": {"morphTargetBinds": [], "overrideBlink": "block"}}
    )
    assert moved(avatar, **BOTH, **SMILES)[0] == 0 and avatar.report.expressions == ()


def test_overrides_hold_where_the_target_has_arkits_name() -> None:
    """The lid's target is called eyeBlinkLeft, and blinkLeft moves it: the expression is what counts."""
    lid = {"blinkLeft": {"morphTargetBinds": binds(0)}, "happy": {"overrideBlink": "block"}}
    avatar = vrm1(lid, names=("eyeBlinkLeft", "b"))
    assert moved(avatar, eyeBlinkLeft=1.0) == pytest.approx([1, 0], abs=1e-5)
    assert moved(avatar, eyeBlinkLeft=1.0, **SMILES)[0] == 0


def test_version_0_knows_no_overrides() -> None:
    avatar = vrm0(group("blink"), group("joy", index=1, overrideBlink="block"))
    assert moved(avatar, **BOTH, **SMILES) == pytest.approx([1, 1], abs=1e-5)


# --- what drives them -----------------------------------------------------------------------------------------------


def test_perfect_sync_comes_before_presets() -> None:
    """Many files have both, each moving a lid of its own making: one of them is enough."""
    both = vrm1({"blinkLeft": {"morphTargetBinds": binds(0)}}, {"EyeBlinkLeft": {}})
    old = vrm0(group("blink_l"), group("unknown", "EyeBlinkLeft", 1))
    for avatar in (both, old):
        assert moved(avatar, eyeBlinkLeft=0.6) == pytest.approx([0, 0.6], abs=1e-5)


def test_the_same_lid_by_two_names_shuts_once() -> None:
    avatar = vrm1({"blinkLeft": {"morphTargetBinds": binds(0)}}, {"eyeBlinkLeft": {"morphTargetBinds": binds(0)}})
    assert moved(avatar, eyeBlinkLeft=0.4)[0] == pytest.approx(0.4, abs=1e-5)
    named = vrm1({}, {"jawOpen": {"morphTargetBinds": binds(0)}}, names=("jawOpen", "b"))
    assert moved(named, jawOpen=0.4)[0] == pytest.approx(0.4, abs=1e-5)


def test_an_arkit_name_that_does_nothing_leaves_the_preset_in_place() -> None:
    empty = {"eyeBlinkLeft": {"morphTargetBinds": []}}
    avatar = vrm1({"blinkLeft": {"morphTargetBinds": binds(0)}}, empty)
    assert moved(avatar, eyeBlinkLeft=0.6)[0] == pytest.approx(0.6, abs=1e-5)


@pytest.mark.parametrize("name", ["Blink", "BLINK", "bLiNk"])
def test_presets_whatever_their_case(name: str) -> None:
    for avatar in (vrm1({name: {"morphTargetBinds": binds(0)}}), vrm0(group(name)), vrm0(group("", name))):
        assert moved(avatar, **BOTH)[0] == pytest.approx(1, abs=1e-5)


def test_unknown_groups_go_by_their_name() -> None:
    avatar = vrm0(group("unknown", "mouthSmileLeft"), group("Unknown", "Surprised", 1), group("unknown", "Hat on"))
    assert avatar.report.found == ("mouthSmileLeft",) and avatar.report.expressions == ("surprised",)


def test_an_empty_group_does_not_hide_one_that_moves() -> None:
    """VRoid writes all presets, empty ones included, and its user's own group of the same name."""
    avatar = vrm0(group("surprised", "Surprised", binds=[]), group("unknown", "Surprised", 1))
    assert avatar.report.expressions == ("surprised",)
    assert vrm1({"surprised": {"morphTargetBinds": []}}, {"Surprised": {}}).report.expressions == ("surprised",)


# --- looks ----------------------------------------------------------------------------------------------------------

RANGES = {f"rangeMap{way}": {"inputMaxValue": 60.0, "outputScale": 0.8} for way in
          ("HorizontalInner", "HorizontalOuter", "VerticalDown", "VerticalUp")}  # fmt: skip
LOOK_LEFT = {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}  # 30 degrees
LOOK_UP = {"eyeLookUpLeft": 1.0, "eyeLookUpRight": 1.0}  # 25


def looking(kind: str, ranges: dict[str, Any] = RANGES, **happy: Any) -> Avatar:
    looks = {name: {"morphTargetBinds": binds(0)} for name in ("lookLeft", "lookRight", "lookUp", "lookDown")}
    return vrm1(looks | {"happy": happy}, lookAt={"type": kind} | ranges)


def test_looks_by_expressions_go_by_the_range() -> None:
    avatar = looking("expression")
    assert weights(avatar, **LOOK_LEFT)["lookLeft"] == pytest.approx(30 / 60 * 0.8, abs=1e-4)
    assert weights(avatar, **LOOK_LEFT)["lookRight"] == 0
    assert weights(avatar, **LOOK_UP)["lookUp"] == pytest.approx(25 / 60 * 0.8, abs=1e-4)
    narrow = {key: {"inputMaxValue": 15.0, "outputScale": 0.6} for key in RANGES}
    assert weights(looking("expression", narrow), **LOOK_LEFT)["lookLeft"] == pytest.approx(0.6), "and no farther"


def test_looks_are_overridden_and_binary() -> None:
    avatar = looking("expression", overrideLookAt="blend")
    assert weights(avatar, **LOOK_LEFT, **HALF_HAPPY)["lookLeft"] == pytest.approx(0.2, abs=1e-4)


def test_ranges_that_are_no_degrees() -> None:
    odd = {key: {"inputMaxValue": 1.0, "outputScale": 1.0} for key in RANGES}
    assert weights(looking("expression", odd), **LOOK_LEFT)["lookLeft"] == pytest.approx(1)
    assert weights(looking("expression", {}), **LOOK_LEFT)["lookLeft"] == pytest.approx(1)


def eyes(kind: str, **more: Any) -> Avatar:
    """Two eye bones and look expressions. more: presets."""

    def change(document: dict[str, Any]) -> None:
        document["nodes"] += [{"name": "l", "mesh": 0}, {"name": "r", "mesh": 0}]
        document["nodes"][1]["children"] = [3, 4]
        human = {bone: {"node": node} for bone, node in (("head", 1), ("leftEye", 3), ("rightEye", 4))}
        looks = {"lookLeft": {"morphTargetBinds": binds(0)}, "blink": {"morphTargetBinds": binds(1)}} | more
        document["extensions"] = {"VRMC_vrm": {"humanoid": {"humanBones": human}, "lookAt": {"type": kind} | RANGES,
                                               "expressions": {"preset": looks}}}  # fmt: skip
        document["meshes"][0]["extras"]["targetNames"] = ["a", "b"]

    return load_avatar(changed(change))


def test_the_file_says_whether_bones_or_expressions_look() -> None:
    bones, shapes = eyes("bone"), eyes("expression")
    assert bones.eye_turns == (True, True) and "lookLeft" not in bones.expressions.names
    assert shapes.eye_turns == (False, False) and "lookLeft" in shapes.expressions.names
    turned = pose.turns(bones, np.eye(3, dtype=np.float32), expression(**LOOK_LEFT))
    assert turned[3, 0, 2] == pytest.approx(np.sin(np.radians(30 / 60 * 0.8)), abs=1e-4), "degrees there"


def test_bones_are_overridden_as_expressions_are() -> None:
    """As UniVRM does it: a closed, smiling eye must not turn through its lid, whatever turns it."""

    def turned(way: str, **codes: float) -> float:
        avatar = eyes("bone", happy={"morphTargetBinds": binds(1), "overrideLookAt": way})
        matrix = pose.turns(avatar, np.eye(3, dtype=np.float32), expression(**LOOK_LEFT, **codes))
        return float(np.degrees(np.arcsin(matrix[3, 0, 2])))

    assert turned("block") == pytest.approx(0.4, abs=1e-3) and turned("block", **HALF_HAPPY) == 0
    assert turned("blend", **HALF_HAPPY) == pytest.approx(0.2, abs=1e-3)
    assert turned("none", **SMILES) == pytest.approx(0.4, abs=1e-3)


def test_version_0_looks_by_groups() -> None:
    ranges = {f"lookAt{way}": {"xRange": 90.0, "yRange": 1.0} for way in
              ("HorizontalInner", "HorizontalOuter", "VerticalDown", "VerticalUp")}  # fmt: skip
    avatar = vrm0(group("LookLeft"), firstPerson={"lookAtTypeName": "BlendShape"} | ranges)
    assert weights(avatar, **LOOK_LEFT)["lookLeft"] == pytest.approx(1 / 3, abs=1e-4)


@pytest.mark.slow
def test_a_small_file_cannot_ask_for_gigabytes() -> None:
    """A thousand expressions, each on fifty targets of its own."""
    custom = {f"{i}.jawOpen": {"morphTargetBinds": binds(*range(50 * i, 50 * i + 50))} for i in range(1000)}
    with pytest.raises(InputError, match="avatar-too-complex"):
        vrm1({}, custom)
