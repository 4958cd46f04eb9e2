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

from face3d_live.codes import ARKIT, INDEX, HeadCodes
from face3d_live.export.glb import head_glb
from face3d_live.export.gltf import Buffer
from face3d_live.export.hair import hair_part
from face3d_live.hairstyle import AS_SEEN, Hair


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
    return head_glb(head, codes, "low", texture, normal_map)


@pytest.fixture(scope="module")
def parsed(data):
    document, binary = read_glb(data)
    primitive = document["meshes"][0]["primitives"][0]
    return document, binary, primitive


def test_the_mesh_is_the_neutral_head_and_the_weights_are_the_photo_s_expression(parsed, head, codes):
    document, binary, primitive = parsed
    mesh = head.topology("low")
    position = accessor_values(document, binary, primitive["attributes"]["POSITION"])
    np.testing.assert_allclose(position, head.neutral(codes.shape)[mesh.split_vertex], atol=1e-6)
    normal = accessor_values(document, binary, primitive["attributes"]["NORMAL"])
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-4)
    uv = accessor_values(document, binary, primitive["attributes"]["TEXCOORD_0"])
    np.testing.assert_allclose(uv, mesh.uv * (1, -1) + (0, 1), atol=1e-6)
    faces = accessor_values(document, binary, primitive["indices"]).reshape(-1, 3)
    assert np.array_equal(faces, mesh.face_uv)
    weights = document["meshes"][0]["weights"]
    assert len(weights) == 52 and weights[INDEX["mouthSmileLeft"]] == 0.75 and sum(weights) == 0.75


def test_the_targets_are_the_52_by_name_and_move_what_they_say(parsed, head, codes):
    document, binary, primitive = parsed
    assert tuple(document["meshes"][0]["extras"]["targetNames"]) == ARKIT
    split = head.topology("low").split_vertex
    neutral = head.neutral(codes.shape)
    for name in ("jawOpen", "eyeBlinkLeft", "eyeLookOutRight", "browInnerUp"):
        offset = accessor_values(document, binary, primitive["targets"][INDEX[name]]["POSITION"])
        expected = head.vertices(codes.shape, np.eye(52, dtype=np.float32)[INDEX[name]]) - neutral
        np.testing.assert_allclose(offset, expected[split], atol=1.1e-5)
        assert np.abs(offset).max() > 1e-3
    chin = head.regions["chin"][split]
    jaw = accessor_values(document, binary, primitive["targets"][INDEX["jawOpen"]]["POSITION"])
    assert jaw[chin, 1].mean() < -0.008
    scalp = head.regions["scalp"][split]
    assert np.abs(jaw[scalp]).max() < 1e-3


def test_the_targets_normals_are_those_of_the_moved_head(parsed, head, codes):
    document, binary, primitive = parsed
    mesh = head.topology("low")
    moved = head.vertices(codes.shape, np.eye(52, dtype=np.float32)[INDEX["mouthSmileLeft"]])
    expected = mesh.normals(moved)[mesh.split_vertex]
    base = accessor_values(document, binary, primitive["attributes"]["NORMAL"])
    offset = accessor_values(document, binary, primitive["targets"][INDEX["mouthSmileLeft"]]["NORMAL"])
    np.testing.assert_allclose(base + offset, expected, atol=3e-3)
    assert np.abs(offset).max() > 0.1


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


def test_the_material_shows_the_texture_and_the_normals(parsed, head):
    document, binary, _ = parsed
    material = document["materials"][0]
    assert material["doubleSided"] is False and material["alphaMode"] == "OPAQUE"
    pictures = []
    for image in document["images"]:
        view = document["bufferViews"][image["bufferView"]]
        with Image.open(io.BytesIO(binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]])) as opened:
            assert image["mimeType"] == f"image/{opened.format.lower()}"
            pictures.append(np.asarray(opened.convert("RGB")))
    base = pictures[document["textures"][material["pbrMetallicRoughness"]["baseColorTexture"]["index"]]["source"]]
    assert base.shape == (64, 64, 3) and np.abs(base.astype(int) - (200, 150, 120)).max() < 6
    gloss = pictures[material["pbrMetallicRoughness"]["metallicRoughnessTexture"]["index"]]
    mesh = head.topology("low")
    at = (mesh.uv * (256, -256) + (0, 256)).clip(0, 255).astype(int)
    roughness = gloss[at[:, 1], at[:, 0], 1]
    part = mesh.part[mesh.split_vertex]
    assert np.median(roughness[part == 1]) < 60 < 120 < np.median(roughness[part == 0])
    assert (pictures[material["normalTexture"]["index"]][20, 20] == (128, 128, 255)).all()


def test_little_light_comes_into_the_mouth(parsed, head):
    """Occlusion, glTF's red: none on skin and eyes, much on the mouth's walls. Read at the triangles' middles."""
    document, binary, _ = parsed
    number = document["textures"][document["materials"][0]["occlusionTexture"]["index"]]["source"]
    view = document["bufferViews"][document["images"][number]["bufferView"]]
    picture = np.asarray(Image.open(io.BytesIO(binary[view["byteOffset"] :][: view["byteLength"]])))
    mesh = head.topology("low")
    part = mesh.part[mesh.faces]
    at = (mesh.uv[mesh.face_uv].mean(1) * (1, -1) + (0, 1)) * picture.shape[0]
    row, column = at.astype(int)[:, 1], at.astype(int)[:, 0]
    open_ = [np.median(picture[row, column, 0][(part == which).all(1)]) / 255 for which in range(5)]
    assert open_[0] == open_[1] == 1 and open_[4] < 0.2 < open_[2] < 0.6 and 0.2 < open_[3] < 0.6


def test_trimesh_opens_it(data, head, codes):
    scene: Any = trimesh.load(io.BytesIO(data), file_type="glb")
    (mesh,) = scene.geometry.values()
    assert len(mesh.faces) == len(head.topology("low").faces)
    np.testing.assert_allclose(mesh.bounds, [f(head.neutral(codes.shape), 0) for f in (np.min, np.max)], atol=1e-5)
    assert mesh.visual.material.baseColorTexture.size == (64, 64)
    out = (mesh.face_normals * (mesh.triangles_center - mesh.centroid)).sum(1)
    assert np.average(out > 0, weights=mesh.area_faces) > 0.75


def test_hair_is_a_mesh_and_a_material_of_its_own(head, codes):
    neutral, skin = head.neutral(codes.shape), np.full((64, 64, 3), (200, 150, 120), np.uint8)
    assert hair_part(head, neutral, Hair("buzz", "#302010")) is None and hair_part(head, neutral, AS_SEEN) is None
    hair = hair_part(head, neutral, Hair("bob", "#b06020"))
    data = head_glb(head, codes, "low", skin, hair=hair)
    document, _ = read_glb(data)
    assert [mesh["name"] for mesh in document["meshes"]] == ["head", "hair"]
    assert document["nodes"][0]["children"] == [1] and document["scenes"][0]["nodes"] == [0], "it turns with the head"
    material = document["materials"][1]
    assert material["name"] == "hair" and material["alphaMode"] == "MASK" and material["doubleSided"]
    scene: Any = trimesh.load(io.BytesIO(data), file_type="glb")
    assert {len(mesh.faces) for mesh in scene.geometry.values()} == {len(head.topology("low").faces), len(hair.faces)}
    solid = hair.picture[..., 3] > 200
    assert np.allclose(np.median(hair.picture[solid][:, :3], 0), (0xB0, 0x60, 0x20), atol=12), "the hair's colour"


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
