"""Avatar files that break the rules: each gets a clear code, none crashes the reader or fills the memory."""

from __future__ import annotations

import copy
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from avatar_mutations import mutate
from avatar_support import changed, fox, pack, png, tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from face3d_live.avatar import images
from face3d_live.avatar.gltf import accessors, container
from face3d_live.avatar.load import load_avatar, read_avatar
from face3d_live.errors import InputError

Change = Callable[[dict[str, Any]], object]


def code_of(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        load_avatar(data)
    assert len(caught.value.message) > 20, "a message says what to do"
    return caught.value.code


def test_the_tiny_file_is_fine() -> None:
    avatar = load_avatar(pack(*tiny()))
    assert avatar.report.found == ("jawOpen", "mouthSmileLeft") and avatar.report.bones == ("head",)
    assert avatar.images[0].rgba.shape == (4, 4, 4)
    assert avatar.parts[0].morphs.shape == (2, 2, 6)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "avatar-not-glb"),
        (b"glTF", "avatar-truncated"),
        (b'{"asset":{}}', "avatar-not-glb"),
        (b"Kaydara FBX Binary", "avatar-not-glb"),
        (struct.pack("<4sII", b"glTF", 1, 12), "avatar-not-glb"),
        (struct.pack("<4sII", b"glTF", 2, 12), "avatar-broken"),
        (pack(*tiny())[:-40], "avatar-truncated"),
        (pack(*tiny())[:300], "avatar-truncated"),
        (pack(b"nonsense"), "avatar-broken"),
        (pack(b"[1]"), "avatar-broken"),
        (pack(b'{"a": NaN}'), "avatar-broken"),
        (pack(b'{"a": ' + b"[" * 100_000), "avatar-broken"),
        (pack(b"\xff\xfe{}"), "avatar-broken"),
        (pack({}), "avatar-no-morphs"),
    ],
)
def test_what_is_no_file(data: bytes, code: str) -> None:
    assert code_of(data) == code


def put(*path: Any) -> Change:
    """Set the value at a path: the last item."""
    *way, last, value = path

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in way:
            place = place[step]
        place[last] = value

    return change


PRIMITIVE = ("meshes", 0, "primitives", 0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (put("buffers", 0, "uri", "face.bin"), "avatar-external"),
        (put("buffers", [{"byteLength": 10**9}]), "avatar-truncated"),
        (put("buffers", []), "avatar-broken"),
        (put("images", 0, {"uri": "skin.png"}), "avatar-external"),
        (put("bufferViews", 0, "byteLength", 10**6), "avatar-broken"),
        (put("bufferViews", 0, "byteOffset", -4), "avatar-broken"),
        (put("bufferViews", 0, "buffer", 7), "avatar-broken"),
        (put("bufferViews", 0, "byteStride", 4), "avatar-broken"),
        (put("accessors", 0, "count", 5), "avatar-broken"),
        (put("accessors", 0, "count", 10**7), "avatar-broken"),
        (put("accessors", 0, "count", -1), "avatar-broken"),
        (put("accessors", 0, "count", True), "avatar-broken"),
        (put("accessors", 0, "byteOffset", 4), "avatar-broken"),
        (put("accessors", 0, "type", "VEC9"), "avatar-broken"),
        (put("accessors", 0, "type", "VEC2"), "avatar-broken"),
        (put("accessors", 0, "componentType", 1), "avatar-broken"),
        (put("accessors", 1, "count", 3), "avatar-broken"),
        (put("accessors", 3, "bufferView", 0), "avatar-broken"),
        (put("accessors", 6, "sparse", "count", 9), "avatar-broken"),
        (put("accessors", 6, "sparse", "indices", "bufferView", 0), "avatar-broken"),
        (put("accessors", 6, "sparse", "values", {}), "avatar-broken"),
        (put(*PRIMITIVE, "indices", 99), "avatar-broken"),
        (put(*PRIMITIVE, "indices", "all"), "avatar-broken"),
        (put(*PRIMITIVE, "material", 5), "avatar-broken"),
        (put(*PRIMITIVE, "mode", 1), "avatar-empty"),
        (put(*PRIMITIVE, "targets", []), "avatar-no-morphs"),
        (put("meshes", 0, "extras", {"targetNames": ["A", "B"]}), "avatar-no-morphs"),
        (put("meshes", 0, "extras", "none"), "avatar-no-morphs"),
        (put("scenes", 0, "nodes", []), "avatar-no-morphs"),
        (put("scenes", 0, "nodes", [-1]), "avatar-broken"),
        (put("nodes", 0, "children", [0]), "avatar-broken"),
        (put("nodes", 1, "children", [0]), "avatar-broken"),
        (put("nodes", 1, "children", [2]), "avatar-broken"),
        (put("nodes", 0, "children", [1, 77]), "avatar-broken"),
        (put("nodes", 0, "scale", [0, 0, 0]), "avatar-size"),
        (put("nodes", 0, "scale", [1e30, 1, 1]), "avatar-broken"),
        (put("nodes", 0, "rotation", [0, 0, 0, 0]), "avatar-broken"),
        (put("nodes", 0, "matrix", [1, 2, 3]), "avatar-broken"),
        (put("nodes", 2, "mesh", 3), "avatar-broken"),
        (put("nodes", 2, "skin", 3), "avatar-broken"),
        (put("nodes", [{}] * 10_000), "avatar-too-complex"),
        (put("skins", 0, "joints", []), "avatar-broken"),
        (put("skins", 0, "joints", [4]), "avatar-broken"),
        (put("textures", 0, "source", 4), "avatar-broken"),
        (put("images", 0, "bufferView", 1), "avatar-image"),
        (put("extensionsRequired", ["KHR_draco_mesh_compression"]), "avatar-compressed"),
        (put("extensionsRequired", ["EXT_meshopt_compression"]), "avatar-compressed"),
        (put("extensionsRequired", ["ACME_secret"]), "avatar-extension"),
        (put(*PRIMITIVE, "extensions", {"KHR_draco_mesh_compression": {}}), "avatar-compressed"),
        (put("extensions", {"VRM": {"humanoid": {"humanBones": [{"bone": "head", "node": 9}]}}}), "avatar-broken"),
        (put("extensions", {"VRMC_vrm": {"humanoid": {"humanBones": {"head": 3}}}}), "avatar-broken"),
        (put("extensions", []), "avatar-broken"),
    ],
)  # fmt: skip
def test_files_that_break_a_rule(change: Change, code: str) -> None:
    assert code_of(changed(change)) == code


def test_200_mb_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.vrm"
    with path.open("wb") as file:
        file.truncate(200_000_000)  # takes no room on the disk
    with pytest.raises(InputError, match="avatar-too-large"):
        read_avatar(path)
    with pytest.raises(InputError, match="avatar-missing"):
        read_avatar(tmp_path / "none.vrm")
    assert container.MAX_BYTES < 200_000_000


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data))
    return b"\x89PNG\r\n\x1a\n" + chunks + struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (9000, 10), (10_000, 10_000), (400, 400)])
def test_image_bombs_and_half_images(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="avatar-image"):
        images.decode_image(bomb(*size), "image 0")


def test_other_formats_are_no_images() -> None:
    for data in (b"GIF89a" + bytes(20), b"<svg/>", b"%!PS-Adobe", b""):
        with pytest.raises(InputError, match="avatar-image"):
            images.decode_image(data, "image 0")


def test_large_images_are_made_smaller() -> None:
    assert images.decode_image(png(3000, 1500), "image 0").shape == (1024, 2048, 4)


def test_a_small_file_cannot_unpack_to_gigabytes() -> None:
    """A thousand targets of two million vertices each, all of them nothing."""
    document, binary = tiny()
    count = accessors.MAX_COUNT
    document["accessors"][0] = {"componentType": 5126, "count": count, "type": "VEC3"}
    document["accessors"].append({"componentType": 5125, "count": 6, "type": "SCALAR"})
    empty = len(document["accessors"])
    document["accessors"] += [{"componentType": 5126, "count": count, "type": "VEC3"} for _ in range(1000)]
    document["meshes"][0]["primitives"][0] = {
        "attributes": {"POSITION": 0},
        "indices": empty - 1,
        "targets": [{"POSITION": empty + i} for i in range(1000)],
    }
    document["meshes"][0]["extras"] = {"targetNames": ["jawOpen"] * 1000}
    assert code_of(pack(document, binary)) == "avatar-too-complex"


def test_too_many_triangles() -> None:
    document, binary = tiny()
    document["accessors"][3] = {"componentType": 5125, "count": 1_900_000, "type": "SCALAR"}
    assert code_of(pack(document, binary)) == "avatar-too-complex"


def test_quantized_and_strided_data_are_read() -> None:
    """KHR_mesh_quantization: positions as normalised bytes, four apart."""
    document, binary = tiny()
    square = np.array([[-127, -127, 0, 99], [127, -127, 0, 99], [127, 127, 0, 99], [-127, 127, 0, 99]], np.int8)
    document["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": 15, "byteStride": 4})
    binary += square.tobytes()
    document["buffers"][0]["byteLength"] = len(binary)
    document["accessors"][0] = {"bufferView": 9, "componentType": 5120, "normalized": True, "count": 4, "type": "VEC3"}
    document["extensionsRequired"] = ["KHR_mesh_quantization"]
    plain, packed = load_avatar(pack(*tiny())), load_avatar(pack(document, binary))
    assert np.allclose(plain.parts[0].positions, packed.parts[0].positions, atol=1e-6)


# --- anything at all


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    for whole in (data, b"glTF" + data, pack(data, data)):
        with pytest.raises(InputError):
            load_avatar(whole)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
@pytest.mark.slow
def test_any_value_anywhere(data: st.DataObject) -> None:
    """The tiny file with up to three values replaced or removed is read, or refused; never more."""
    document, binary = tiny()
    mutate(data, document)
    try:
        avatar = load_avatar(pack(document, binary))
    except InputError as error:
        assert error.code.startswith("avatar-") and error.message
    else:
        assert all(np.isfinite(part.positions).all() and np.isfinite(part.morphs).all() for part in avatar.parts)


def parts_of(glb: bytes) -> tuple[dict[str, Any], bytes]:
    length = struct.unpack_from("<I", glb, 12)[0]
    return json.loads(glb[20 : 20 + length]), glb[28 + length :]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(["VRM", "VRMC_vrm"]), st.data())
@pytest.mark.slow
def test_any_value_anywhere_in_a_vrm(kind: str, data: st.DataObject) -> None:
    """Only the extension is changed, and the geometry is the tiny file's, which is read in no time."""
    plain, _ = parts_of(fox("vrm0" if kind == "VRM" else "vrm1"))
    document, binary = tiny()
    extension = copy.deepcopy(plain["extensions"])
    mutate(data, extension)
    document["extensions"] = extension
    document["nodes"] += [{}] * 8
    try:
        load_avatar(pack(document, binary))
    except InputError as error:
        assert error.code.startswith("avatar-")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_bit_of_the_data(data: st.DataObject) -> None:
    """Damaged floats, indices, joints and pictures."""
    document, binary = tiny()
    damaged = bytearray(binary)
    for _ in range(data.draw(st.integers(1, 20))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        load_avatar(pack(document, bytes(damaged)))
    except InputError as error:
        assert error.code in ("avatar-broken", "avatar-image", "avatar-size", "avatar-no-morphs")
