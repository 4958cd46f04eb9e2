"""Files built as Blender, three.js, Ready Player Me and UniVRM build theirs: the structure, around the tiny square."""

from __future__ import annotations

from typing import Any

import pytest
from avatar_support import changed, expression

from face3d_live.avatar import pose
from face3d_live.avatar.load import load_avatar
from face3d_live.avatar.model import Avatar
from face3d_live.codes import ARKIT
from face3d_live.errors import InputError

Document = dict[str, Any]


def on(avatar: Avatar, **codes: float) -> int:
    """How many morphs of all parts are on."""
    weights = pose.weights(avatar, expression(**codes))
    return sum(int((weights[part.rows] > 0).sum()) for part in avatar.parts)


def blender(document: Document) -> None:
    """I/O 4.x: an armature above mesh and bones, one primitive a material, sparse targets with normals, empty ones."""
    document["asset"] = {"generator": "Khronos glTF Blender I/O v4.2.57", "version": "2.0"}
    document["extensionsUsed"] = ["KHR_materials_specular", "KHR_materials_ior", "EXT_mesh_gpu_instancing"]
    document["nodes"] = [
        {"name": "Armature", "children": [1, 2], "rotation": [0, 0, 0, 1], "extras": {"prop": 1}},
        {"name": "Neck", "children": [3], "translation": [0, -1, 0]},
        {"name": "Face", "mesh": 0, "skin": 0},
        {"name": "Head", "translation": [0, 1, 0]},
    ]
    document["skins"] = [{"joints": [3, 1], "name": "Armature"}]
    mesh = document["meshes"][0]
    first = mesh["primitives"][0]
    document["accessors"].append({"componentType": 5126, "count": 4, "type": "VEC3"})  # a key that moves nothing here
    first["targets"] = [{"POSITION": 1, "NORMAL": 6}, {"POSITION": 6, "NORMAL": 7}, {"POSITION": 7, "NORMAL": 7}]
    document["materials"].append({"name": "hair", "alphaMode": "MASK", "extensions": {"KHR_materials_ior": {"ior": 1}}})
    mesh["primitives"].append({**first, "material": 1, "targets": [{"POSITION": 7}, {"POSITION": 7}, {"POSITION": 7}]})
    mesh |= {"weights": [0, 0, 0.0], "extras": {"targetNames": ["jawOpen", "mouthSmileLeft", "cheekPuff"], "x": [1]}}
    document["animations"] = [{"channels": [], "samplers": [], "name": "Shape Key Action"}]


def three(document: Document) -> None:
    """GLTFExporter: matrices, user data everywhere, lights that the file insists on, names on accessors as well."""
    document["asset"] = {"version": "2.0", "generator": "THREE.GLTFExporter r160"}
    document["extensionsUsed"] = document["extensionsRequired"] = ["KHR_lights_punctual", "KHR_texture_transform"]
    document["extensions"] = {"KHR_lights_punctual": {"lights": [{"type": "directional"}]}}
    document["nodes"][0]["matrix"] = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    document["nodes"][0]["children"].append(3)
    document["nodes"].append({"name": "light", "extensions": {"KHR_lights_punctual": {"light": 0}}})
    document["scenes"][0]["extras"] = document["nodes"][2]["extras"] = {"userData": {"deep": [None, {}]}}
    document["meshes"][0]["weights"] = [0, 0]
    texture = document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    texture["extensions"] = {"KHR_texture_transform": {"offset": [0, 1], "scale": [1, -1]}}


RPM = [*ARKIT, "mouthOpen", "mouthSmile", "eyesClosed", "eyesLookUp", "viseme_aa", "viseme_sil"]


def ready_player_me(document: Document) -> None:
    """Head, teeth and eyes each with all the targets, under a long skeleton; names on mesh and primitive."""
    document["nodes"] = [
        {"name": "Armature", "children": [1, 6, 7, 8]},
        {"name": "Hips", "children": [2]},
        {"name": "Neck", "children": [3]},
        {"name": "Head", "children": [4, 5]},
        {"name": "LeftEye", "translation": [0.3, 0, 0]},
        {"name": "RightEye", "translation": [-0.3, 0, 0]},
        *({"name": f"Wolf3D_{name}", "mesh": i, "skin": 0} for i, name in enumerate(("Head", "Teeth", "Body"))),
    ]
    document["skins"] = [{"joints": [3, 1, 2, 4, 5]}]
    first = document["meshes"][0]["primitives"][0]
    targets = [{"POSITION": 1 if i % 2 else 6} for i in range(len(RPM))]
    names = {"targetNames": RPM}
    document["meshes"] = [
        {"primitives": [{**first, "targets": targets, "extras": names}], "extras": names, "weights": [0] * len(RPM)},
        {"primitives": [{**first, "targets": targets}], "extras": names},
        {"primitives": [{**first, "targets": []}], "extras": {}},
    ]


def test_blender() -> None:
    avatar = load_avatar(changed(blender))
    assert {"jawOpen", "mouthSmileLeft"} <= set(avatar.report.found) and avatar.report.bones == ("neck", "head")
    assert on(avatar, jawOpen=0.5) == 1 and on(avatar, cheekPuff=1.0) == 0
    assert not any("not 0 in the file" in warning for warning in avatar.report.warnings)


def test_three() -> None:
    avatar = load_avatar(changed(three))
    assert avatar.report.found == ("jawOpen", "mouthSmileLeft") and on(avatar, jawOpen=0.5) == 1


def test_ready_player_me() -> None:
    avatar = load_avatar(changed(ready_player_me))
    assert len(avatar.report.found) == 52 and avatar.report.bones == ("neck", "head")
    assert on(avatar, jawOpen=0.5) == 2, "head and teeth, and mouthOpen left alone"
    assert on(avatar, eyeBlinkLeft=1.0) == 2


def univrm(document: Document) -> None:
    """VRM 0.x as UniVRM and VRoid write it: everything there, most of it empty."""
    document["extensionsUsed"] = ["VRM", "KHR_materials_unlit", "KHR_texture_transform"]
    mesh = document["meshes"][0]
    first = mesh["primitives"][0]
    first["extras"] = {"targetNames": ["Fcl_MTH_A", "Fcl_EYE_Close"]}
    mesh["extras"] = {"targetNames": ["Fcl_MTH_A", "Fcl_EYE_Close"]}
    mesh["primitives"].append({**first, "material": 1})
    first["targets"] = [{**target, "NORMAL": -1, "TANGENT": -1} for target in first["targets"]]
    first["targets"].append({"POSITION": -1})
    document["nodes"][1] |= {"mesh": -1, "skin": -1}
    document["materials"].append({"name": "hair"})
    none = {"binds": [], "materialValues": [], "isBinary": False}
    groups = [{"name": name, "presetName": name.lower(), **none} for name in
              ("Neutral", "I", "U", "E", "O", "Joy", "Angry", "Sorrow", "Fun", "LookUp", "LookDown", "LookLeft",
               "LookRight", "Blink_L", "Blink_R")]  # fmt: skip
    groups += [
        {"name": "A", "presetName": "a", **none, "binds": [{"mesh": 0, "index": 0, "weight": 100}]},
        {"name": "Blink", "presetName": "blink", **none, "binds": [{"mesh": 0, "index": 1, "weight": 100}]},
        {"name": "TongueOut", "presetName": "unknown", **none, "binds": [{"mesh": 0, "index": 2, "weight": 100}]},
        {"name": "Hat", "presetName": "unknown", **none, "binds": [{"mesh": -1, "index": -1, "weight": 0}]},
    ]
    properties = {
        "floatProperties": {"_Cutoff": 0.5},
        "vectorProperties": {"_Color": [1, 1, 1, 1], "_ShadeColor": [0.9, 0.8, 0.8, 1], "_MainTex": [0, 0, 1, 1]},
        "textureProperties": {"_MainTex": 0},
        "keywordMap": {},
        "tagMap": {},
    }
    looks = {f"lookAt{way}": {"curve": [0, 0, 0, 1, 1, 1, 1, 0], "xRange": 90, "yRange": 10} for way in
             ("HorizontalInner", "HorizontalOuter", "VerticalDown", "VerticalUp")}  # fmt: skip
    document["extensions"] = {"VRM": {
        "exporterVersion": "UniVRM-0.99.0", "specVersion": "0.0",
        "meta": {"title": "x", "texture": -1},
        "humanoid": {"humanBones": [{"bone": "head", "node": 1, "useDefaultValues": True}], "armStretch": 0.05},
        "firstPerson": {"firstPersonBone": 1, "lookAtTypeName": "Bone", **looks},
        "blendShapeMaster": {"blendShapeGroups": groups},
        "secondaryAnimation": {"boneGroups": [], "colliderGroups": []},
        "materialProperties": [{"name": n, "shader": "VRM/MToon", "renderQueue": 2000, **properties} for n in "ab"],
    }}  # fmt: skip


def test_univrm() -> None:
    avatar = load_avatar(changed(univrm))
    assert avatar.report.expressions == ("aa",) and set(avatar.report.missing).isdisjoint(("eyeBlinkLeft", "tongueOut"))
    assert on(avatar, tongueOut=1.0) == 0, "its target has nothing in it"
    assert on(avatar, eyeBlinkLeft=1.0, eyeBlinkRight=1.0) == 2 and on(avatar, jawOpen=1.0) == 2
    assert avatar.materials[0].places[0].tolist() == [0, 0, 1, 1, 0]


def test_version_0_places_textures_beside_the_material() -> None:
    """MToon's _MainTex: offset and scale, v upwards; KHR_texture_transform comes first where there is one."""

    def change(document: Document, transform: bool = False) -> None:
        univrm(document)
        document["extensions"]["VRM"]["materialProperties"][0]["vectorProperties"]["_MainTex"] = [0.5, 0.25, 0.5, 0.5]
        if transform:
            texture = document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
            texture["extensions"] = {"KHR_texture_transform": {"offset": [0.1, 0]}}

    assert load_avatar(changed(change)).materials[0].places[0].tolist() == [0.5, 0.25, 0.5, 0.5, 0]
    placed = load_avatar(changed(lambda d: change(d, True))).materials[0].places[0]
    assert placed.tolist() == [0.1, 0, 1, 1, 0]


def test_nodes_that_the_file_hides() -> None:
    """KHR_node_visibility: another outfit's mesh, with what hangs on it."""

    def change(document: Document) -> None:
        document["extensionsUsed"] = document["extensionsRequired"] = ["KHR_node_visibility"]
        document["nodes"] += [
            {"mesh": 0, "extensions": {"KHR_node_visibility": {"visible": False}}, "children": [4]},
            {"mesh": 0},
            {"mesh": 0, "extensions": {"KHR_node_visibility": {"visible": True}}},
        ]
        document["nodes"][0]["children"] += [3, 5]

    assert len(load_avatar(changed(change)).parts) == 2


@pytest.mark.parametrize("required", [True, False])
def test_draco_is_refused_with_its_name(required: bool) -> None:
    def change(document: Document) -> None:
        document["extensionsUsed"] = ["KHR_draco_mesh_compression"]
        if required:
            document["extensionsRequired"] = ["KHR_draco_mesh_compression"]
        document["meshes"][0]["primitives"][0]["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": 0}}

    with pytest.raises(InputError, match="Compression") as caught:
        load_avatar(changed(change))
    assert caught.value.code == "avatar-compressed"
