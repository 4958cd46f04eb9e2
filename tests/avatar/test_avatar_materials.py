"""Avatars' materials: every map is seen where it says, by its own coordinates, and as strongly as the file wants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from avatar_pictures import GREY, LEFT, RIGHT, WHITE_LEFT, flat, halves, square
from avatar_support import changed, pack, tiny

from face3d_live.avatar.load import load_avatar
from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.lighting import lamp
from face3d_live.render.avatar_renderer import AvatarRenderer
from face3d_live.render.view import View

CAMERA = Camera.webcam(640, 480)
SIDE = 64


def seen(data: bytes, light: np.ndarray | None = None, yaw: float = 0.0, mode: str = "avatar") -> np.ndarray:
    """(SIDE, SIDE, 3) of the square, which fills the picture's middle. The tiny file's v runs upwards."""
    renderer = AvatarRenderer(load_avatar(data), SIDE, SIDE)
    codes = HeadCodes() if light is None else HeadCodes(light=light)
    picture = renderer.render(codes, CAMERA, view=View(yaw=yaw), mode=mode, background=(0.0, 0.0, 0.0))
    renderer.close()
    return picture[..., :3].astype(float)


def levels(picture: np.ndarray, *places: tuple[slice, slice]) -> list[float]:
    return [picture[place].mean() for place in places]


# --- what glows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("toon", [False, True])
def test_a_picture_of_what_glows(toon: bool) -> None:
    look = {"extensions": {"VRMC_materials_mtoon": {}}} if toon else {}
    glowing = GREY | look | {"emissiveTexture": {"index": 0}, "emissiveFactor": [1, 0, 0]}
    plain, picture = seen(square(GREY | look, WHITE_LEFT)), seen(square(glowing, WHITE_LEFT))
    red, dark = picture[LEFT].mean((0, 1)), picture[RIGHT].mean((0, 1))
    assert red[0] > 240 and red[1:] == pytest.approx(plain[LEFT].mean((0, 1))[1:], abs=3)
    assert dark == pytest.approx(plain[RIGHT].mean((0, 1)), abs=3)


def test_how_strongly_it_glows() -> None:
    def emissive(factor: float, **extensions: object) -> float:
        return seen(square(GREY | {"emissiveFactor": [factor] * 3, "extensions": extensions}))[LEFT].mean()

    strong = {"KHR_materials_emissive_strength": {"emissiveStrength": 4}}
    assert emissive(0) + 15 < emissive(0.1) and emissive(0.1, **strong) == pytest.approx(emissive(0.4), abs=2)
    assert emissive(0, **strong) == emissive(0)


def test_unlit_surfaces_show_their_colour_and_nothing_else() -> None:
    every = {"emissiveTexture": {"index": 0}, "emissiveFactor": [1, 1, 1], "occlusionTexture": {"index": 0}}
    unlit = GREY | every | {"extensions": {"KHR_materials_unlit": {}}}
    assert np.ptp(seen(square(unlit, WHITE_LEFT))[16:48, 16:48], axis=(0, 1)).max() <= 1
    assert len(load_avatar(square(unlit, WHITE_LEFT)).images) == 0, "and other pictures are not even unpacked"


# --- occlusion, normal map, roughness -------------------------------------------------------------------------------


def test_occlusion_darkens_by_its_strength() -> None:
    black_left = halves((0, 255, 255), (255, 0, 0))  # red counts
    plain = seen(square(GREY, black_left))

    def darker(strength: float) -> tuple[float, float]:
        material = GREY | {"occlusionTexture": {"index": 0, "strength": strength}}
        picture = seen(square(material, black_left))
        return tuple(np.divide(levels(picture, LEFT, RIGHT), levels(plain, LEFT, RIGHT)))

    assert darker(1)[0] < 0.4 and darker(0.5)[0] == pytest.approx(0.5 ** (1 / 2.2), abs=0.08)
    assert darker(0)[0] == pytest.approx(1, abs=0.01) and darker(1)[1] == pytest.approx(1, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("direction", "towards", "away"),
    [((1, 0, 0.2), (230, 128, 200), (26, 128, 200)), ((0, 1, 0.2), (128, 230, 200), (128, 26, 200))],
)
def test_a_normal_map_turns_to_the_light(direction: Any, towards: Any, away: Any) -> None:
    """Red is towards growing u, green upwards, against growing v: the tiny square's v is turned round for it."""
    light = lamp(np.array(direction), np.array([6.0, 6.0, 6.0]))
    upright = {"KHR_texture_transform": {"scale": [1, -1], "offset": [0, 1]}}  # v downwards, as glTF has it

    def lit(bump: tuple[int, int, int], **more: object) -> float:
        material = GREY | {"normalTexture": {"index": 0, "extensions": upright, **more}}
        return seen(square(material, flat(*bump)), light)[LEFT].mean()

    plain = seen(square(GREY), light)[LEFT].mean()
    assert lit((128, 128, 255)) == pytest.approx(plain, abs=2), "no bump is no change"
    assert lit(towards) > plain + 5 > plain - 5 > lit(away)
    assert lit(away, scale=0.0) == pytest.approx(plain, abs=2) and lit(away, scale=-1.0) == pytest.approx(
        lit(towards), abs=6
    )


def test_a_normal_map_on_a_side_that_is_seen_from_behind() -> None:
    """Towards growing u is to the viewer's left from behind."""
    light = lamp(np.array([-1, 0, 0.2]), np.array([6.0, 6.0, 6.0]))

    def lit(red: int) -> float:
        material = GREY | {"doubleSided": True, "normalTexture": {"index": 0}}
        return seen(square(material, flat(red, 128, 200)), light, yaw=np.pi)[LEFT].mean()

    assert lit(230) > lit(26) + 10


def brightest(material: dict[str, Any], *pictures: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Of a square that is turned before a lamp: the most of each colour in its left and its right half."""
    codes = HeadCodes(light=lamp(np.array([0.3, 0, 1]), np.array([8.0, 8.0, 8.0])))
    renderer = AvatarRenderer(load_avatar(square(material, *pictures)), SIDE, SIDE)
    turned = [
        renderer.render(codes, CAMERA, view=View(yaw=yaw), background=(0.0, 0.0, 0.0))[..., :3].astype(float)
        for yaw in np.linspace(-0.9, 0.9, 19)
    ]
    renderer.close()
    return tuple(np.max([picture[place].max((0, 1)) for picture in turned], axis=0) for place in (LEFT, RIGHT))


RED = [0.3, 0.0, 0.0, 1]


def test_smooth_shines_and_chalk_does_not() -> None:
    """Red has no blue of its own: what is blue is the lamp's mirror image."""
    material = {"pbrMetallicRoughness": {"baseColorFactor": RED, "metallicFactor": 0, "roughnessFactor": 0.35}}
    shiny = brightest(material)[0]
    material["pbrMetallicRoughness"]["roughnessFactor"] = 1.0
    matte = brightest(material)[0]
    assert shiny[2] > matte[2] + 60, (shiny, matte)


def test_roughness_is_green_and_metal_is_blue() -> None:
    mixed = {"baseColorFactor": RED, "roughnessFactor": 1, "metallicRoughnessTexture": {"index": 0}}
    smooth, rough = brightest({"pbrMetallicRoughness": mixed | {"metallicFactor": 0}}, halves((0, 90, 0), (0, 255, 0)))
    assert smooth[2] > rough[2] + 60
    plastic, metal = brightest({"pbrMetallicRoughness": mixed}, halves((0, 90, 0), (0, 90, 255)))
    assert plastic[2] > metal[2] + 60, "metal has mirror images of its own colour"
    assert metal[0] > 60


def test_metal_without_a_picture_is_not_black() -> None:
    """Where a file says nothing, glTF's default is metal of no polish: it looks about like chalk."""
    chalk, metal = (seen(square({"pbrMetallicRoughness": {"metallicFactor": m}}))[LEFT].mean() for m in (0, 1))
    assert metal == pytest.approx(chalk, rel=0.08)
    assert seen(square({}))[LEFT].mean() == pytest.approx(metal, abs=1)


# --- coordinates ----------------------------------------------------------------------------------------------------


def test_a_map_lies_by_its_own_coordinates() -> None:
    def emissive(**texture: object) -> list[float]:
        material = GREY | {"emissiveFactor": [1, 1, 1], "emissiveTexture": {"index": 0, **texture}}
        material["occlusionTexture"] = {"index": 1}  # by the first coordinates, whatever the other does
        return levels(seen(square(material, WHITE_LEFT, flat(255, 255, 255))), LEFT, RIGHT)

    first, second = emissive(), emissive(texCoord=1)
    assert first[0] > 200 > 150 > first[1] and second[1] > 200 > 150 > second[0]
    moved = {"KHR_texture_transform": {"offset": [0.5, 0]}}
    assert emissive(extensions=moved)[1] > 200 > emissive(extensions=moved)[0]
    # The extension's own set comes first.
    both = {"KHR_texture_transform": {"texCoord": 1}}
    assert emissive(texCoord=0, extensions=both) == pytest.approx(second, abs=1)


def test_a_third_set_of_coordinates_is_left_out_and_said() -> None:
    moved = {"KHR_texture_transform": {"offset": [0.25, 0]}}
    material = {
        "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}},
        "emissiveTexture": {"index": 0, "texCoord": 1},
        "occlusionTexture": {"index": 0, "extensions": moved},
        "normalTexture": {"index": 0, "texCoord": 1},
    }
    avatar = load_avatar(square(material, WHITE_LEFT))
    made = avatar.materials[0]
    assert made.occlusion_map is None and made.emissive_map.layer == made.normal_map.layer == 1
    assert any("occlusion left out" in warning for warning in avatar.report.warnings)
    # One picture as colours and as numbers is two: numbers must not be made linear.
    assert [image.linear for image in avatar.images] == [False, True] and made.normal_map.image == 1


def test_older_files_with_glossiness() -> None:
    glossy = {"diffuseFactor": [0, 1, 0, 1], "glossinessFactor": 0.3, "diffuseTexture": {"index": 0}}
    data = square({"extensions": {"KHR_materials_pbrSpecularGlossiness": glossy}}, WHITE_LEFT)
    avatar = load_avatar(data)
    assert avatar.materials[0].roughness == pytest.approx(0.7) and avatar.materials[0].metallic == 0
    picture = seen(data)
    assert picture[LEFT].mean((0, 1))[1] > 120 and picture[LEFT].mean((0, 1))[0] < 80 > picture[RIGHT].mean()


def test_drawn_without_colours_there_are_no_maps() -> None:
    material = GREY | {"emissiveFactor": [1, 1, 1], "emissiveTexture": {"index": 0}}
    for mode in ("geometry", "wireframe"):
        plain, glowing = (seen(square(m, WHITE_LEFT), mode=mode) for m in (GREY, material))
        assert np.array_equal(plain, glowing)


# --- refused, with a cure -------------------------------------------------------------------------------------------


def meshopt(document: dict[str, Any]) -> None:
    """As gltfpack writes it with -cf: not required, and the plain data in a second file."""
    document["buffers"].append({"byteLength": 48, "extensions": {"EXT_meshopt_compression": {"fallback": True}}})
    document["bufferViews"][0] |= {"buffer": 1, "extensions": {"EXT_meshopt_compression": {"buffer": 0}}}


@pytest.mark.parametrize(
    ("change", "cure"),
    [
        (meshopt, "gltfpack"),
        (lambda d: d.update(extensionsRequired=["EXT_meshopt_compression"]), "gltfpack"),
        (lambda d: d.update(extensionsRequired=["KHR_draco_mesh_compression"]), "Blender"),
        (lambda d: d.update(extensionsRequired=["KHR_texture_basisu"]), "PNG"),
    ],
)
def test_compressed_files_are_refused_with_a_cure(change: Any, cure: str) -> None:
    with pytest.raises(InputError) as caught:
        load_avatar(changed(change))
    assert caught.value.code == "avatar-compressed" and cure in caught.value.message


def test_morphs_may_be_quantized() -> None:
    """KHR_mesh_quantization: moves as normalised 16-bit numbers, scaled by the node; a normal as bytes."""
    plain = load_avatar(pack(*tiny()))
    document, binary = tiny()
    lift = np.array([[0, -0.5, 0], [0, -0.5, 0], [0, 0, 0], [0, 0, 0]])
    for data, kind in ((np.round(lift * 32767).astype("<i2"), 5122), (np.tile([0, 0, 127], (4, 1)).astype("i1"), 5120)):
        packed = np.zeros((4, 4), data.dtype)
        packed[:, :3] = data
        view = {"buffer": 0, "byteOffset": len(binary), "byteLength": packed.nbytes, "byteStride": 4 * data.itemsize}
        document["bufferViews"].append(view)
        accessor = {"bufferView": len(document["bufferViews"]) - 1, "componentType": kind, "normalized": True}
        document["accessors"].append({**accessor, "count": 4, "type": "VEC3"})
        binary += packed.tobytes()
    document["buffers"][0]["byteLength"] = len(binary)
    document["meshes"][0]["primitives"][0]["targets"][0]["POSITION"] = 7
    document["meshes"][0]["primitives"][0]["attributes"]["NORMAL"] = 8
    document["extensionsRequired"] = ["KHR_mesh_quantization"]
    made = load_avatar(pack(document, binary))
    assert made.parts[0].morphs[..., :3] == pytest.approx(plain.parts[0].morphs[..., :3], abs=1e-5)
    assert made.parts[0].normals == pytest.approx(plain.parts[0].normals, abs=1e-5)
