"""head.glb: what the file says, and that a stranger can read it."""

import io
from typing import Any

import numpy as np
import pytest
import trimesh
from glb_support import accessor_values, read_glb
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy.spatial import cKDTree

from face3d_live.avatar.load import load_avatar
from face3d_live.avatar.nodes import Nodes
from face3d_live.codes import ARKIT, INDEX, HeadCodes
from face3d_live.export.glb import head_glb
from face3d_live.export.gltf import Buffer
from face3d_live.export.obj import part_mtl_text
from face3d_live.export.parts import carried
from face3d_live.export.textured_head import TexturedHead
from face3d_live.eyewear import NO_GLASSES, Glasses
from face3d_live.hairstyle import AS_SEEN, Hair
from face3d_live.head.regions import REGION_NAMES
from face3d_live.lighting import to_linear
from face3d_live.texture.eyes import DARK_BROWN_EYES, EyeColours, paint_eyes
from face3d_live.texture.texels import texels_of


@pytest.fixture(scope="module")
def codes():
    shape = np.random.default_rng(1).normal(size=80).astype(np.float32)
    expression = np.zeros(52, np.float32)
    expression[INDEX["mouthSmileLeft"]] = 0.75
    return HeadCodes(shape=shape, expression=expression)


@pytest.fixture(scope="module")
def data(head, codes):
    rng = np.random.default_rng(0)
    texture = np.full((64, 64, 4), (200, 150, 120, 255), np.uint8)
    normal_map = np.full((64, 64, 3), (128, 128, 255), np.uint8)
    normal_map[:8] = rng.integers(100, 150, (8, 64, 3))
    return head_glb(TexturedHead(head, codes, "low", texture, normal_map))


@pytest.fixture(scope="module")
def parsed(data):
    document, binary = read_glb(data)
    primitive = document["meshes"][0]["primitives"][0]
    return document, binary, primitive


def piece(parsed, name):
    """(primitive, its positions) of a material."""
    document, binary, _ = parsed
    number = [material["name"] for material in document["materials"]].index(name)
    (primitive,) = (one for one in document["meshes"][0]["primitives"] if one["material"] == number)
    return primitive, accessor_values(document, binary, primitive["attributes"]["POSITION"])


def rows_of(head, codes, positions):
    """Which vertices of the low level lie at these places."""
    distance, rows = cKDTree(head.neutral(codes.shape)).query(positions)
    assert distance.max() < 1e-6
    return rows


def test_the_mesh_is_the_neutral_head_and_the_weights_are_the_photo_s_expression(parsed, head, codes):
    document, binary, primitive = parsed
    mesh, neutral = head.topology("low"), head.neutral(codes.shape)
    position = accessor_values(document, binary, primitive["attributes"]["POSITION"])
    normal = accessor_values(document, binary, primitive["attributes"]["NORMAL"])
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-4)
    uv = accessor_values(document, binary, primitive["attributes"]["TEXCOORD_0"])
    faces = accessor_values(document, binary, primitive["indices"]).reshape(-1, 3)
    skin = mesh.part[mesh.faces].min(1) == 0
    np.testing.assert_allclose(position[faces], neutral[mesh.faces[skin]], atol=1e-6)
    np.testing.assert_allclose(uv[faces], mesh.uv[mesh.face_uv[skin]] * (1, -1) + (0, 1), atol=1e-6)
    weights = document["meshes"][0]["weights"]
    assert len(weights) == 52 and weights[INDEX["mouthSmileLeft"]] == 0.75 and sum(weights) == 0.75


def test_every_part_has_a_primitive_and_a_material_of_its_own(parsed, head, codes):
    document, binary, _ = parsed
    assert [material["name"] for material in document["materials"]] == [
        "skin", "eyes", "teeth", "tongue", "mouth", "lashes"]  # fmt: skip
    total = 0
    for number, name in enumerate(("skin", "eyes", "teeth", "tongue", "mouth")):
        primitive, position = piece(parsed, name)
        faces = accessor_values(document, binary, primitive["indices"]).reshape(-1, 3)
        rows = rows_of(head, codes, position)
        assert (head.part[rows[faces]].min(1) == number).all()
        assert len(primitive["targets"]) == 52
        total += len(faces)
    assert total == len(head.topology("low").faces), "no triangle is lost"
    pictures = {m["pbrMetallicRoughness"]["baseColorTexture"]["index"] for m in document["materials"]}
    assert len(pictures) == 6, "each has its picture"
    rough = {m["name"]: m["pbrMetallicRoughness"]["roughnessFactor"] for m in document["materials"]}
    assert rough["eyes"] < 0.2 < rough["teeth"] < 0.4 < rough["skin"], "eyes and teeth are wet"
    assert document["materials"][5]["alphaMode"] == "BLEND" and document["materials"][5]["doubleSided"]


def test_the_targets_are_the_52_by_name_and_move_what_they_say(parsed, head, codes):
    document, binary, primitive = parsed
    assert tuple(document["meshes"][0]["extras"]["targetNames"]) == ARKIT
    neutral = head.neutral(codes.shape)
    moving = {"jawOpen": {"skin", "teeth", "tongue", "mouth"}, "eyeBlinkLeft": {"skin", "lashes"},
              "eyeLookOutRight": {"skin", "eyes"}, "browInnerUp": {"skin"}}  # fmt: skip
    for name, parts in moving.items():
        moved = head.vertices(codes.shape, np.eye(52, dtype=np.float32)[INDEX[name]]) - neutral
        for part in ("skin", "eyes", "teeth", "tongue", "mouth"):
            primitive, position = piece(parsed, part)
            offset = accessor_values(document, binary, primitive["targets"][INDEX[name]]["POSITION"])
            np.testing.assert_allclose(offset, moved[rows_of(head, codes, position)], atol=1.1e-5)
            assert (np.abs(offset).max() > 1e-3) == (part in parts) or part in ("skin", "mouth"), (name, part)
    lid = accessor_values(document, binary, piece(parsed, "lashes")[0]["targets"][INDEX["eyeBlinkLeft"]]["POSITION"])
    assert lid[:, 1].min() < -0.004, "lashes go with the lid"
    primitive, position = piece(parsed, "skin")
    region = head.region_of[rows_of(head, codes, position)]
    jaw = accessor_values(document, binary, primitive["targets"][INDEX["jawOpen"]]["POSITION"])
    assert jaw[region == REGION_NAMES.index("chin"), 1].mean() < -0.008
    assert np.abs(jaw[region == REGION_NAMES.index("scalp")]).max() < 1e-3


def test_the_targets_normals_are_those_of_the_moved_head(parsed, head, codes):
    document, binary, primitive = parsed
    mesh = head.topology("low")
    moved = head.vertices(codes.shape, np.eye(52, dtype=np.float32)[INDEX["mouthSmileLeft"]])
    rows = rows_of(head, codes, accessor_values(document, binary, primitive["attributes"]["POSITION"]))
    base = accessor_values(document, binary, primitive["attributes"]["NORMAL"])
    offset = accessor_values(document, binary, primitive["targets"][INDEX["mouthSmileLeft"]]["NORMAL"])
    np.testing.assert_allclose(base + offset, mesh.normals(moved)[rows], atol=3e-3)
    assert np.abs(offset).max() > 0.1


def test_the_skeleton_carries_the_head(parsed, head, codes):
    """At rest the skin's joints leave every vertex where it is; the eyes hang on their bones, the neck's end on its."""
    document, binary, _ = parsed
    (skin,) = document["skins"]
    nodes = Nodes(document)
    assert [nodes.names[joint] for joint in skin["joints"]] == ["head", "neck", "leftEye", "rightEye"]
    inverse = accessor_values(document, binary, skin["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
    np.testing.assert_allclose(nodes.world[skin["joints"]] @ inverse, np.tile(np.eye(4), (4, 1, 1)), atol=1e-6)
    places = nodes.world[skin["joints"]][:, :3, 3]
    np.testing.assert_allclose(places[0], 0, atol=1e-6)
    np.testing.assert_allclose(places[2:], head.eye_positions(codes.shape), atol=1e-5)
    assert -0.2 < places[1, 1] < -0.1 and abs(places[1, 0]) < 0.005
    neck_end = head.neutral(codes.shape)[:, 1].min()
    for name in ("skin", "eyes", "teeth", "tongue", "mouth", "lashes"):
        primitive, position = piece(parsed, name)
        weights = accessor_values(document, binary, primitive["attributes"]["WEIGHTS_0"])
        joints = accessor_values(document, binary, primitive["attributes"]["JOINTS_0"])
        assert (weights.sum(1) == 255).all(), "one, as bytes count"
        first = joints[:, 0]
        if name == "eyes":
            assert np.array_equal(first, np.where(position[:, 0] > 0, 2, 3)) and (weights[:, 0] == 255).all()
        else:
            assert (first == 0).all()
        on_neck = np.where(joints[:, 1] == 1, weights[:, 1], 0) / 255
        if name == "skin":
            face = head.region_of[rows_of(head, codes, position)] < REGION_NAMES.index("ears")
            assert on_neck[face].max() == 0, "the face is the head's alone"
            assert on_neck[position[:, 1] < neck_end + 0.004].min() > 0.9
        else:
            assert on_neck.max() == 0


def test_every_accessor_keeps_to_the_format(parsed):
    document, binary, primitive = parsed
    for view in document["bufferViews"]:
        assert view["byteOffset"] % 4 == 0 and view["byteOffset"] + view["byteLength"] <= len(binary)
    assert document["buffers"] == [{"byteLength": len(binary)}]
    count = document["accessors"][primitive["attributes"]["POSITION"]]["count"]
    sparse = 0
    for target in primitive["targets"]:
        for index in target.values():
            accessor = document["accessors"][index]
            assert accessor["count"] == count and accessor["type"] == "VEC3"
            if "sparse" in accessor:
                sparse += 1
                place = accessor["sparse"]["indices"]
                start = document["bufferViews"][place["bufferView"]]["byteOffset"]
                rows = np.frombuffer(binary, "<u2", accessor["sparse"]["count"], start)
                assert (np.diff(rows.astype(int)) > 0).all() and rows.max() < count
        bounded = document["accessors"][target["POSITION"]]
        values = accessor_values(document, binary, target["POSITION"])
        np.testing.assert_allclose([bounded["min"], bounded["max"]], [values.min(0), values.max(0)])
    assert sparse > 50


def picture(parsed, number):
    document, binary, _ = parsed
    image = document["images"][document["textures"][number]["source"]]
    view = document["bufferViews"][image["bufferView"]]
    with Image.open(io.BytesIO(binary[view["byteOffset"] :][: view["byteLength"]])) as opened:
        assert image["mimeType"] == f"image/{opened.format.lower()}"
        return np.asarray(opened.convert("RGB")).astype(int)


def base_picture(parsed, name):
    (material,) = (one for one in parsed[0]["materials"] if one["name"] == name)
    return picture(parsed, material["pbrMetallicRoughness"]["baseColorTexture"]["index"])


def test_the_skin_shows_the_texture_and_the_normals(parsed):
    material = parsed[0]["materials"][0]
    assert material["doubleSided"] is False and material["alphaMode"] == "OPAQUE"
    base = base_picture(parsed, "skin")
    assert base.shape == (64, 64, 3) and np.abs(base - (200, 150, 120)).max() < 6
    assert (picture(parsed, material["normalTexture"]["index"])[20, 20] == (128, 128, 255)).all()
    assert not any("normalTexture" in other for other in parsed[0]["materials"][1:])


def test_an_eye_has_pupil_iris_and_sclera_in_the_texture_s_colours(head, codes):
    texels = texels_of(head, 256)
    skin = np.full((256, 256, 4), (200, 150, 120, 255), np.uint8)
    blue = EyeColours(np.array([0.30, 0.40, 0.55], np.float32), np.array([0.74, 0.70, 0.68], np.float32))
    eyes = {}
    for name, colours in (("blue", blue), ("brown", DARK_BROWN_EYES)):
        data = head_glb(TexturedHead(head, codes, "low", paint_eyes(skin, head, texels, colours)))
        eyes[name] = base_picture((*read_glb(data), None), "eyes")
        side = len(eyes[name])
        pupil, ring, white = (eyes[name][side // 2 + 4, side // 2 + int(x * side)] for x in (0, 0.13, 0.28))
        assert pupil.mean() < 25 < ring.mean() < white.mean()
    red, _, blue_ = np.moveaxis(eyes["blue"][140, 150:165], 1, 0)
    assert (blue_ > 1.2 * red).all() and (eyes["brown"][140, 150:165, 0] > eyes["brown"][140, 150:165, 2]).all()


def test_teeth_are_single_ones_in_gums_and_the_back_of_the_mouth_is_dark(parsed, head, codes):
    teeth = base_picture(parsed, "teeth")
    rows, columns = teeth.shape[:2]
    crown = teeth[int(0.7 * rows), columns // 2 - columns // 12 : columns // 2 + columns // 12].mean(1)
    middle, gap = crown[len(crown) // 4], crown[len(crown) // 2]
    assert middle > 1.15 * gap, "a gap between the two front teeth"
    gum = teeth[2, columns // 2]
    assert gum[0] > 1.5 * gum[1] and teeth[int(0.8 * rows), 4].mean() < 0.6 * middle, "back teeth are darker"
    document, binary, _ = parsed
    primitive, position = piece(parsed, "mouth")
    uv = accessor_values(document, binary, primitive["attributes"]["TEXCOORD_0"])
    seen = base_picture(parsed, "mouth")
    light = seen[(uv[:, 1] * 63).astype(int), (uv[:, 0] * 63).astype(int)].mean(1)
    front, back = position[:, 2] > np.quantile(position[:, 2], 0.9), position[:, 2] < np.median(position[:, 2])
    assert np.median(light[back]) < 0.4 * np.median(light[front])


def test_trimesh_opens_it(data, head, codes):
    scene: Any = trimesh.load(io.BytesIO(data), file_type="glb")
    meshes = [mesh for mesh in scene.geometry.values() if mesh.visual.material.name != "lashes"]
    assert sum(len(mesh.faces) for mesh in meshes) == len(head.topology("low").faces)
    (mesh,) = (mesh for mesh in meshes if mesh.visual.material.name == "skin")
    np.testing.assert_allclose(mesh.bounds, [f(head.neutral(codes.shape), 0) for f in (np.min, np.max)], atol=1e-5)
    assert mesh.visual.material.baseColorTexture.size == (64, 64)
    out = (mesh.face_normals * (mesh.triangles_center - mesh.centroid)).sum(1)
    assert np.average(out > 0, weights=mesh.area_faces) > 0.75


def test_hair_is_a_mesh_and_a_material_of_its_own(head, codes):
    neutral, skin = head.neutral(codes.shape), np.full((64, 64, 3), (200, 150, 120), np.uint8)
    for none in (Hair("buzz", "#302010"), AS_SEEN):
        assert carried(head, neutral, neutral, none, NO_GLASSES) == []
    (hair,) = carried(head, neutral, neutral, Hair("bob", "#b06020"), NO_GLASSES)
    data = head_glb(TexturedHead(head, codes, "low", skin, carried=[hair]))
    document, _ = read_glb(data)
    assert [mesh["name"] for mesh in document["meshes"]] == ["head", "hair"]
    (bone,) = (node for node in document["nodes"] if node["name"] == "head")
    assert document["nodes"][bone["children"][-1]] == {"mesh": 1, "name": "hair"}, "it turns with the head"
    material = document["materials"][-1]
    assert material["name"] == "hair" and material["alphaMode"] == "MASK" and material["doubleSided"]
    scene: Any = trimesh.load(io.BytesIO(data), file_type="glb")
    assert len(hair.faces) in {len(mesh.faces) for mesh in scene.geometry.values()}
    strands = hair.material.picture
    assert strands is not None
    solid = strands[..., 3] > 200
    assert np.allclose(np.median(strands[solid][:, :3], 0), (0xB0, 0x60, 0x20), atol=12), "the hair's colour"


def test_glasses_are_a_frame_and_lenses_that_one_sees_through(head, codes):
    neutral, skin = head.neutral(codes.shape), np.full((64, 64, 3), (200, 150, 120), np.uint8)
    parts = carried(head, neutral, neutral, Hair("buzz"), Glasses("square", "#802010"))
    data = head_glb(TexturedHead(head, codes, "low", skin, carried=parts))
    document, _ = read_glb(data)
    assert [mesh["name"] for mesh in document["meshes"]] == ["head", "glasses", "lenses"]
    frame, lenses = document["materials"][-2:]
    red, green, blue, alpha = frame["pbrMetallicRoughness"]["baseColorFactor"]
    assert frame["alphaMode"] == "OPAQUE" and alpha == 1.0
    np.testing.assert_allclose([red, green, blue], to_linear(np.array([0x80, 0x20, 0x10]) / 255), atol=1e-3)
    assert lenses["alphaMode"] == "BLEND" and lenses["pbrMetallicRoughness"]["baseColorFactor"][3] < 0.2
    worn, bare = load_avatar(data), load_avatar(head_glb(TexturedHead(head, codes, "low", skin)))
    assert len(worn.parts) == len(bare.parts) + 2 and worn.report.warnings == (), "the page takes it back"
    text = part_mtl_text(parts[1])
    assert "newmtl lenses" in text and "d 0.060" in text and "map_Kd" not in text


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(3)), elements=st.floats(-2, 2, width=32)))
def test_offsets_come_back_but_for_the_smallest(values):
    buffer = Buffer()
    index = buffer.add_offsets(values, 0.01, bounds=True)
    document, binary = read_glb(buffer.glb({"asset": {"version": "2.0"}}))
    found = accessor_values(document, binary, index)
    np.testing.assert_allclose(found, np.where(np.abs(values).max(1, keepdims=True) > 0.01, values, 0))


def test_many_vertices_need_wider_numbers():
    buffer = Buffer()
    index = buffer.add_indices(np.array([[0, 1, 70_000]]))
    document, binary = read_glb(buffer.glb({"asset": {"version": "2.0"}}))
    assert document["accessors"][index]["componentType"] == 5125
    assert accessor_values(document, binary, index).tolist() == [0, 1, 70_000]


def test_what_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="finite"):
        Buffer().add_floats(np.array([[0.0, np.nan, 1.0]]))
