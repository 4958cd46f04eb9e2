"""Expressions that recolour materials and shift textures: seen in the picture, or named in the report."""

from __future__ import annotations

import json
import struct
from typing import Any

import cv2
import numpy as np
import pytest
from avatar_mutations import mutate
from avatar_pictures import GREY, LEFT, LOWER, RIGHT, UPPER, WHITE_LEFT, flat, halves, square
from avatar_support import expression, pack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from face3d_live.avatar import pose
from face3d_live.avatar.appearance import material_states
from face3d_live.avatar.load import load_avatar
from face3d_live.avatar.model import Avatar
from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.render.avatar_renderer import AvatarRenderer

UNLIT = {"extensions": {"KHR_materials_unlit": {}}}
PICTURE = UNLIT | {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
OPEN = {"jawOpen": 1.0}  # aa 1


def document_of(glb: bytes) -> tuple[dict[str, Any], bytes]:
    length = struct.unpack_from("<I", glb, 12)[0]
    return json.loads(glb[20 : 20 + length]), glb[28 + length :]


def vrm1(material: dict[str, Any], *pictures: bytes, **preset: Any) -> Avatar:
    """The square as a VRM 1.0 without any morph that is followed."""
    document, binary = document_of(square(material, *pictures))
    document["meshes"][0]["extras"]["targetNames"] = ["a", "b"]
    human = {"humanBones": {"head": {"node": 1}}}
    document["extensions"] = {"VRMC_vrm": {"humanoid": human, "expressions": {"preset": preset}}}
    return load_avatar(pack(document, binary))


def vrm0(material: dict[str, Any], *pictures: bytes, mtoon: bool = False, **groups: list[dict[str, Any]]) -> Avatar:
    """The same as VRM 0.x, turned so that it is seen. groups: preset -> material values."""
    document, binary = document_of(square(material | {"name": "face", "doubleSided": True}, *pictures))
    document["meshes"][0]["extras"]["targetNames"] = ["a", "b"]
    master = {"blendShapeGroups": [{"presetName": name, "materialValues": values} for name, values in groups.items()]}
    extension = {"humanoid": {"humanBones": [{"bone": "head", "node": 1}]}, "blendShapeMaster": master}
    if mtoon:
        extension["materialProperties"] = [{"name": "face", "shader": "VRM/MToon"}]
    document["extensions"] = {"VRM": extension}
    return load_avatar(pack(document, binary))


def value(name: str, *target: float, material: str = "face") -> dict[str, Any]:
    return {"materialName": material, "propertyName": name, "targetValue": list(target)}


def seen(avatar: Avatar, **codes: float) -> np.ndarray:
    renderer = AvatarRenderer(avatar, 64, 64)
    picture = renderer.render(HeadCodes(expression=expression(**codes)), Camera.webcam(640, 480), background=(0, 0, 0))
    renderer.close()
    return picture[..., :3].astype(float)


def shift(*offset: float, **more: Any) -> dict[str, Any]:
    return {"textureTransformBinds": [{"material": 0, "offset": list(offset), **more}]}


def paint(kind: str, *target: float, material: int = 0) -> dict[str, Any]:
    return {"materialColorBinds": [{"material": material, "type": kind, "targetValue": list(target)}]}


# --- textures -------------------------------------------------------------------------------------------------------


def test_a_drawn_face_is_moved_by_its_texture() -> None:
    """The mouth is another place of the picture: nothing but an offset says so."""
    avatar = vrm1(PICTURE, WHITE_LEFT, aa=shift(0.5, 0), blink=shift(0.5, 0, scale=[1, 1]))
    assert avatar.report.expressions == ("aa",) and avatar.report.found == ("eyeBlinkLeft", "eyeBlinkRight")
    at_rest = seen(avatar)
    assert at_rest[LEFT].mean() > 250 and at_rest[RIGHT].mean() < 5
    for codes in (OPEN, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}):
        shifted = seen(avatar, **codes)
        assert shifted[LEFT].mean() < 5 and shifted[RIGHT].mean() > 250, codes


def test_scale_and_offset_replace_the_textures_own() -> None:
    """What lies turned, scaled and moved in the file goes to the expression's values, at half weight half way."""
    own = {"KHR_texture_transform": {"offset": [0.25, 0.5], "scale": [0.5, 0.5], "rotation": 0.3}}
    texture = {"index": 0, "extensions": own}
    avatar = vrm1(UNLIT | {"pbrMetallicRoughness": {"baseColorTexture": texture}}, WHITE_LEFT, aa=shift(0.5, 0.1))
    place = avatar.materials[0].places[0]
    assert place.tolist() == [0.25, 0.5, 0.5, 0.5, 0.3]
    part, corners = avatar.parts[0], np.array([[0, 0], [1, 0], [1, 1], [0, 1]])

    def by(offset: tuple[float, float], scale: float) -> np.ndarray:
        c, s = np.cos(0.3), np.sin(0.3)
        return (corners * scale) @ np.array([[c, s], [-s, c]]).T + offset

    assert part.uv[:, :2] == pytest.approx(by((0.25, 0.5), 0.5), abs=1e-6)
    for jaw, expected in ((1.0, by((0.5, 0.1), 1.0)), (0.5 / 1.1, by((0.375, 0.3), 0.75))):
        look = material_states(avatar, expression(jawOpen=jaw))[0].uv[0]
        assert part.uv[:, :2] @ look[:, :2].T + look[:, 2] == pytest.approx(expected, abs=1e-5)
    assert material_states(avatar, expression()) == {}


def test_all_textures_of_a_material_are_shifted() -> None:
    """The colour's by the first coordinates, and what glows by the second, which are mirrored."""
    grey = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 1}, "metallicFactor": 0}}
    glowing = {"emissiveFactor": [1, 1, 1], "emissiveTexture": {"index": 0, "texCoord": 1}}
    avatar = vrm1(grey | glowing, WHITE_LEFT, halves((9, 9, 9), (60, 9, 9)), aa=shift(0.5, 0))
    at_rest, shifted = seen(avatar), seen(avatar, **OPEN)
    assert at_rest[RIGHT].mean() > 200 > 100 > at_rest[LEFT].mean()
    assert shifted[LEFT].mean() > 200 > 100 > shifted[RIGHT].mean()
    red = [picture[place][..., 0].mean() - picture[place][..., 1].mean() for picture, place in
           ((at_rest, LEFT), (shifted, RIGHT))]  # fmt: skip
    assert np.allclose(red, 0, atol=3), "where nothing glows the colour is the left half's, before and after"


@pytest.mark.slow
def test_version_0_shifts_with_v_upwards() -> None:
    picture = quarters()
    plain = vrm0(PICTURE, picture, a=[value("_MainTex_ST", 1, 1, 0, 0)])
    here = seen(plain)
    assert np.abs(here - seen(plain, **OPEN)).max() <= 1, "the textures' own place"
    sideways = seen(vrm0(PICTURE, picture, a=[value("_MainTex_ST", 1, 1, 0.5, 0)]), **OPEN)
    upwards = seen(vrm0(PICTURE, picture, a=[value("_MainTex_ST", 1, 1, 0, 0.5)]), **OPEN)
    assert np.abs(sideways[LEFT] - here[RIGHT]).mean() < 12 and np.abs(upwards[UPPER] - here[LOWER]).mean() < 12
    # One axis alone leaves the other.
    assert np.array_equal(seen(vrm0(PICTURE, picture, a=[value("_MainTex_ST_S", 1, 9, 0.5, 9)]), **OPEN), sideways)
    assert np.array_equal(seen(vrm0(PICTURE, picture, a=[value("_MainTex_ST_T", 9, 1, 9, 0.5)]), **OPEN), upwards)
    small = vrm0(PICTURE, picture, a=[value("_MainTex_ST", 0.5, 0.5, 0, 0)])
    look = material_states(small, expression(**OPEN))[0].uv[0]
    # Unity's lower left quarter: u from 0 to 0.5, v (downwards) from 0.5 to 1.
    assert look[:, :2] @ [0, 1] + look[:, 2] == pytest.approx([0, 1]) and look[:, 2] == pytest.approx([0, 0.5])


def quarters() -> bytes:
    """A PNG of four colours."""
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:4, :4], picture[:4, 4:], picture[4:, :4], picture[4:, 4:] = 255, (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return cv2.imencode(".png", picture)[1].tobytes()


# --- colours --------------------------------------------------------------------------------------------------------


def test_the_colour_of_a_material() -> None:
    grey = UNLIT | {"pbrMetallicRoughness": {"baseColorFactor": [0.2, 0.2, 0.2, 1]}}
    avatar = vrm1(grey, aa=paint("color", 1, 0, 0, 1))
    assert seen(avatar, **OPEN)[LEFT].mean((0, 1)) == pytest.approx([255, 0, 0], abs=2)
    look = material_states(avatar, expression(jawOpen=0.5 / 1.1))[0]
    assert look.colour == pytest.approx([0.6, 0.1, 0.1, 1], abs=1e-5)


def test_alpha_too_and_only_where_it_is_given() -> None:
    """A blush: see-through at rest."""
    blush = UNLIT | {"alphaMode": "BLEND", "pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 0]}}
    avatar = vrm1(blush, aa=paint("color", 1, 0, 0, 1))
    assert seen(avatar)[LEFT].max() == 0 and seen(avatar, **OPEN)[LEFT].mean((0, 1))[0] > 250
    three = vrm1(blush, aa=paint("color", 1, 1, 0))
    assert material_states(three, expression(**OPEN))[0].colour == pytest.approx([1, 1, 0, 0])


def test_several_expressions_add_up() -> None:
    grey = UNLIT | {"pbrMetallicRoughness": {"baseColorFactor": [0.5, 0.5, 0.5, 1]}}
    avatar = vrm1(grey, aa=paint("color", 1, 0.5, 0.5, 1), blink=paint("color", 0.5, 0.5, 0, 1))
    both = material_states(avatar, expression(eyeBlinkLeft=1.0, eyeBlinkRight=1.0, **OPEN))[0]
    assert both.colour == pytest.approx([1, 0.5, 0, 1], abs=1e-5), "base, and each one's difference from it"


def test_what_glows_and_the_shaded_side() -> None:
    emissive = vrm1(GREY, aa=paint("emissionColor", 0, 0, 1, 1))
    assert seen(emissive, **OPEN)[LEFT].mean((0, 1))[2] > 240 > 200 > seen(emissive)[LEFT].mean((0, 1))[2]
    strong = {"KHR_materials_emissive_strength": {"emissiveStrength": 2}}
    avatar = vrm1(GREY | {"extensions": strong}, aa=paint("emissionColor", 0.25, 0, 0, 1))
    assert material_states(avatar, expression(**OPEN))[0].emissive == pytest.approx([0.5, 0, 0]), (
        "times the file's strength"
    )
    toon = GREY | {"extensions": {"VRMC_materials_mtoon": {"shadeColorFactor": [1, 1, 1]}}}
    avatar = vrm1(toon, aa=paint("shadeColor", 0.1, 0.2, 0.3, 1))
    assert material_states(avatar, expression(**OPEN))[0].shade == pytest.approx([0.1, 0.2, 0.3])


def test_binary_and_overridden_ones_recolour_so() -> None:
    grey = UNLIT | {"pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 1]}}
    red = paint("color", 1, 0, 0, 1)
    avatar = vrm1(grey, aa=red | {"isBinary": True}, happy={"overrideMouth": "block"})
    assert material_states(avatar, expression(jawOpen=0.4)) == {}
    assert material_states(avatar, expression(jawOpen=0.6))[0].colour[0] == pytest.approx(1)
    assert material_states(avatar, expression(jawOpen=0.6, mouthSmileLeft=1.0, mouthSmileRight=1.0)) == {}


def test_version_0_has_colours_of_screens() -> None:
    grey = UNLIT | {"pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 1]}}
    avatar = vrm0(grey, a=[value("_Color", 0.5, 0.5, 0.5, 1)])
    assert seen(avatar, **OPEN)[LEFT].mean() == pytest.approx(128, abs=3)
    toon = vrm0(GREY, mtoon=True, a=[value("_ShadeColor", 0.5, 0, 0, 1), value("_EmissionColor", 0, 0, 0.5, 1)])
    look = material_states(toon, expression(**OPEN))[0]
    assert look.shade == pytest.approx([0.5**2.2, 0, 0], abs=1e-5) and look.emissive == pytest.approx([0, 0, 0.5])


def test_materials_that_are_not_there() -> None:
    avatar = vrm1(PICTURE, WHITE_LEFT, aa=shift(0.5, 0), oh=paint("color", 1, 0, 0, 1, material=7))
    assert avatar.report.expressions == ("aa",)
    with pytest.raises(InputError, match="avatar-no-morphs"):
        vrm0(PICTURE, WHITE_LEFT, a=[value("_Color", 1, 0, 0, 1, material="hat")])


@pytest.mark.parametrize("kind", ["rimColor", "matcapColor", "outlineColor"])
def test_what_is_not_drawn_is_named(kind: str) -> None:
    avatar = vrm1(PICTURE, WHITE_LEFT, aa=shift(0.5, 0), blink=paint(kind, 1, 0, 0, 1))
    assert any("blink" in warning and kind in warning for warning in avatar.report.warnings)
    with pytest.raises(InputError, match=kind) as caught:
        vrm1(PICTURE, WHITE_LEFT, aa=paint(kind, 1, 0, 0, 1))
    assert caught.value.code == "avatar-no-morphs"


def test_version_0_names_what_is_not_drawn() -> None:
    avatar = vrm0(PICTURE, WHITE_LEFT, a=[value("_MainTex_ST", 1, 1, 0.5, 0), value("_RimColor", 1, 0, 0, 1)])
    assert any("aa" in warning and "_RimColor" in warning for warning in avatar.report.warnings)


def test_a_drawn_face_beside_a_body_is_where_the_eyes_are_taken_to_be() -> None:
    """Only the face's material changes: it says where the face is."""
    document, binary = document_of(square(PICTURE, flat(200, 0, 0), halves((0, 0, 9), (9, 0, 0))))
    document["materials"].append({"pbrMetallicRoughness": {"baseColorFactor": [1, 1, 1, 1]}})
    document["meshes"][0]["extras"]["targetNames"] = ["a", "b"]
    body = {"primitives": [{"attributes": {"POSITION": 0}, "indices": 3, "material": 1}]}
    document["meshes"].append(body)
    document["nodes"].append({"mesh": 1, "scale": [4, 4, 1], "translation": [0, -4, -1]})
    document["nodes"][0]["children"].append(3)
    extension = {"humanoid": {"humanBones": {"head": {"node": 1}}}, "expressions": {"preset": {"aa": shift(0.5, 0)}}}
    document["extensions"] = {"VRMC_vrm": extension}
    avatar = load_avatar(pack(document, binary))
    face = next(part for part in avatar.parts if part.material == 0)
    assert face.positions[:, 1].min() < avatar.eyes[0, 1] < face.positions[:, 1].max()


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.booleans(), st.data())
@pytest.mark.slow
def test_any_value_anywhere(old: bool, data: st.DataObject) -> None:
    """Expressions, looks and default weights with anything in their places: an avatar, or refused."""
    document, binary = document_of(square(PICTURE | {"name": "face"}, WHITE_LEFT))
    extension: dict[str, Any] = {"humanoid": {}, "lookAt": {"type": "expression", "rangeMapVerticalUp": {}}}
    if old:
        binds = [{"mesh": 0, "index": 0, "weight": 100}]
        values = [value("_Color", 1, 0, 0, 1), value("_MainTex_ST_S", 1, 1, 0.5, 0)]
        group = {"presetName": "a", "binds": binds, "materialValues": values, "isBinary": True}
        extension = {"blendShapeMaster": {"blendShapeGroups": [group]}, "firstPerson": {"lookAtTypeName": "BlendShape"}}
        extension["materialProperties"] = [{"shader": "VRM/MToon", "vectorProperties": {"_MainTex": [0, 0, 1, 1]}}]
    else:
        both = shift(0.5, 0, scale=[1, 2]) | paint("color", 1, 0, 0, 1)
        extension["expressions"] = {"preset": {"aa": both | {"overrideBlink": "blend"}, "lookUp": both, "blink": both}}
    changing = {"vrm": extension, "mesh": {"weights": [0.5, 1]}, "node": {"weights": [1, 0]}}
    mutate(data, changing)
    document["extensions"] = {"VRM" if old else "VRMC_vrm": changing.get("vrm", {})}
    for place, name in ((document["meshes"][0], "mesh"), (document["nodes"][2], "node")):
        place |= changing[name] if isinstance(changing.get(name), dict) else {}
    try:
        avatar = load_avatar(pack(document, binary))
    except InputError as error:
        assert error.code.startswith("avatar-") and error.message
    else:
        for codes in (expression(), expression(eyeBlinkLeft=1.0, eyeLookUpLeft=1.0, **OPEN)):
            found = [look for look in material_states(avatar, codes).values()]
            assert all(np.isfinite(part).all() for look in found for part in look)
            assert np.isfinite(pose.weights(avatar, codes)).all()
