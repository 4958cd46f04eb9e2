"""Default weights of morph targets: what the file has on is on at rest, in the picture, and in exported takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from avatar_mutations import mutate
from avatar_support import changed, expression, pack, tiny
from glb_support import accessor_values, read_glb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from face3d_live.avatar import pose
from face3d_live.avatar.load import load_avatar
from face3d_live.avatar.model import HEAD_HEIGHT, Avatar
from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.export.animation import animated_glb
from face3d_live.export.glb import head_glb
from face3d_live.export.textured_head import TexturedHead
from face3d_live.head.model import Head
from face3d_live.render.avatar_renderer import AvatarRenderer

TALL = ["Body_Tall", "mouthSmile_L"]
#: The tiny square is 2 wide and high; its first target lowers the lower edge by 0.5, its second brings that forwards.
GROWN = 2.5 / 2


def named(document: dict[str, Any], *names: str, **more: Any) -> None:
    document["meshes"][0] |= {"extras": {"targetNames": list(names)}} | more


def ratio(avatar: Avatar, part: int = 0, **codes: float) -> float:
    """Height of a part by its width: scaling to a head's height leaves it alone."""
    positions = pose.deform(avatar.parts[part], pose.weights(avatar, expression(**codes)))[0]
    across, up = np.ptp(positions, axis=0)[:2]
    return float(up / across)


def depth(avatar: Avatar, **codes: float) -> float:
    """How far the lower edge is in front of the upper one, in widths of the square."""
    positions = pose.deform(avatar.parts[0], pose.weights(avatar, expression(**codes)))[0]
    return float(np.ptp(positions[:, 2]) / np.ptp(positions[:, 0]))


def test_a_mesh_weight_is_on_at_rest() -> None:
    avatar = load_avatar(changed(lambda d: named(d, *TALL, weights=[1.0, 0.0])))
    assert ratio(avatar) == pytest.approx(GROWN) and ratio(avatar, mouthSmileLeft=1.0) == pytest.approx(GROWN)
    assert avatar.high[1] - avatar.low[1] == pytest.approx(HEAD_HEIGHT, abs=1e-6), "the head is framed as it is shown"
    assert ratio(load_avatar(changed(lambda d: named(d, *TALL)))) == pytest.approx(1)


def test_a_nodes_weights_come_before_its_meshs() -> None:
    def change(document: dict[str, Any]) -> None:
        named(document, *TALL, weights=[1.0, 0.0])
        document["nodes"][2]["weights"] = [0.5, 0.0]

    assert ratio(load_avatar(changed(change))) == pytest.approx(2.25 / 2)

    def off(document: dict[str, Any]) -> None:
        named(document, *TALL, weights=[1.0, 0.0])
        document["nodes"][2]["weights"] = [0, 0]

    assert ratio(load_avatar(changed(off))) == pytest.approx(1)


@pytest.mark.parametrize(("weight", "height"), [(-0.5, 1.75), (2.0, 3.0), (0.25, 2.125)])
def test_weights_may_be_anything(weight: float, height: float) -> None:
    avatar = load_avatar(changed(lambda d: named(d, *TALL, weights=[weight, 0])))
    assert ratio(avatar) == pytest.approx(height / 2)


def test_what_is_driven_goes_from_its_weight_to_one() -> None:
    avatar = load_avatar(changed(lambda d: named(d, "jawOpen", "mouthSmile_L", weights=[0.4, 0.0])))
    for jaw, on in ((0.0, 0.4), (0.5, 0.7), (1.0, 1.0)):
        assert ratio(avatar, jawOpen=jaw) == pytest.approx((2 + 0.5 * on) / 2)
    assert any("jawOpen 0.4" in warning for warning in avatar.report.warnings), "people leave sliders on by mistake"
    assert not any("jawOpen" in warning for warning in load_avatar(changed(lambda d: None)).report.warnings)


def test_sparse_targets_and_skins_have_default_weights_too() -> None:
    """The second target is a sparse accessor, and the square hangs on a joint that is moved."""

    def change(document: dict[str, Any]) -> None:
        named(document, "jawOpen", "Nose_Long", weights=[0, 1])
        document["nodes"][1]["translation"] = [0, 3, 0]

    avatar = load_avatar(changed(change))
    assert depth(avatar) == pytest.approx(0.1) and ratio(avatar, jawOpen=1.0) == pytest.approx(GROWN)
    towards = avatar.parts[0].normals
    assert np.allclose(np.linalg.norm(towards, axis=1), 1, atol=1e-5) and (towards[:, 1] > 0.05).all(), "normals turn"


def test_a_mesh_shown_twice_has_each_nodes_weights() -> None:
    def change(document: dict[str, Any]) -> None:
        named(document, *TALL, weights=[1, 0])
        document["nodes"][0]["children"].append(3)
        document["nodes"].append({"mesh": 0, "weights": [0, 0], "translation": [5, 0, 0]})

    avatar = load_avatar(changed(change))
    assert ratio(avatar, 0) == pytest.approx(GROWN) and ratio(avatar, 1) == pytest.approx(1)


def test_a_node_that_a_scene_names_twice_is_shown_once() -> None:
    avatar = load_avatar(changed(lambda d: d["scenes"][0].update(nodes=[0, 0, 2])))
    assert len(avatar.parts) == 1


def test_primitives_with_fewer_targets_keep_what_they_have() -> None:
    def change(document: dict[str, Any]) -> None:
        named(document, *TALL, weights=[1, 0])
        first = document["meshes"][0]["primitives"][0]
        document["meshes"][0]["primitives"] += [{**first, "targets": first["targets"][:1]}, {**first, "targets": []}]

    avatar = load_avatar(changed(change))
    heights = [ratio(avatar, part) for part in range(3)]
    assert heights == pytest.approx([GROWN, GROWN, 1])


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0, 0.3, 0.9]])
def test_lists_of_another_length_count_as_far_as_they_go(weights: list[float]) -> None:
    assert ratio(load_avatar(changed(lambda d: named(d, *TALL, weights=weights)))) == pytest.approx(GROWN)


@pytest.mark.parametrize("weights", ["all", {"0": 1}, [True, 0], ["1", 0], [1e8, 0], [None, 0]])
def test_weights_that_are_none(weights: Any) -> None:
    with pytest.raises(InputError, match="avatar-broken"):
        load_avatar(changed(lambda d: named(d, *TALL, weights=weights)))


def test_targets_without_positions_move_nothing_and_hurt_nobody() -> None:
    def change(document: dict[str, Any]) -> None:
        named(document, "cheekPuff", "jawOpen", weights=[1, 0])
        document["meshes"][0]["primitives"][0]["targets"][0] = {"NORMAL": 1}

    avatar = load_avatar(changed(change))
    assert ratio(avatar) == pytest.approx(1) and depth(avatar, jawOpen=1.0) == pytest.approx(0.1)


def test_names_in_the_extras_of_any_primitive() -> None:
    def change(document: dict[str, Any]) -> None:
        mesh = document["meshes"][0]
        names = mesh.pop("extras")
        first = mesh["primitives"][0]
        mesh["primitives"] = [{**first, "extras": {"targetNames": []}}, {**first, "extras": names}]

    assert load_avatar(changed(change)).report.found == ("jawOpen", "mouthSmileLeft")


def vrm(document: dict[str, Any], index: int) -> None:
    bind = {"node": 2, "index": index, "weight": 1.0}
    preset = {"blink": {"morphTargetBinds": [bind]}}
    human = {"humanBones": {"head": {"node": 1}}}
    document["extensions"] = {"VRMC_vrm": {"specVersion": "1.0", "humanoid": human, "expressions": {"preset": preset}}}


def test_in_a_vrm_what_expressions_move_begins_at_nothing() -> None:
    """ "Set all MorphTargets to 0" is how VRM's update begins; what no expression moves is as in any glTF."""

    def change(document: dict[str, Any]) -> None:
        named(document, "shape_0", "shape_1", weights=[1.0, 0.5])
        vrm(document, 1)

    avatar = load_avatar(changed(change))
    assert ratio(avatar) == pytest.approx(GROWN) and depth(avatar) == 0
    assert depth(avatar, eyeBlinkLeft=1.0, eyeBlinkRight=1.0) == pytest.approx(0.1)


@pytest.mark.slow
def test_our_own_head_follows_from_its_neutral_face() -> None:
    """`head.glb` opens with the photo's expression, and its shape keys are ARKit's own: 0 is their rest."""
    smiling = HeadCodes(expression=expression(mouthSmileLeft=0.8, mouthSmileRight=0.8))
    skin = np.full((64, 64, 3), 180, np.uint8)
    neutral, posed = (
        load_avatar(head_glb(TexturedHead(Head.load(), codes, "low", skin))) for codes in (HeadCodes(), smiling)
    )
    assert np.array_equal(neutral.parts[0].positions, posed.parts[0].positions)


def test_the_picture_shows_it() -> None:
    def width(weights: list[float]) -> int:
        renderer = AvatarRenderer(load_avatar(changed(lambda d: named(d, *TALL, weights=weights))), 64, 64)
        picture = renderer.render(HeadCodes(), Camera.webcam(640, 480), background="transparent")
        renderer.close()
        return int((picture[32, :, 3] > 128).sum())

    assert width([1, 0]) == pytest.approx(width([0, 0]) / GROWN, abs=2), "taller, and so narrower at the same height"


# --- exported takes -------------------------------------------------------------------------------------------------


def exported(model: bytes, *rows: np.ndarray) -> tuple[dict[int, np.ndarray], dict[str, Any]]:
    """Node -> (T, targets) of the animation, and the document."""
    count = len(rows)
    turns = np.tile([0, 0, 0, 1.0], (count, 1))
    document, binary = read_glb(animated_glb(model, np.arange(count) / 30, np.array(rows), turns))
    animation = document["animations"][-1]
    found = {}
    for channel in animation["channels"]:
        if channel["target"]["path"] == "weights":
            values = accessor_values(document, binary, animation["samplers"][channel["sampler"]]["output"])
            found[channel["target"]["node"]] = values.reshape(count, -1)
    return found, document


REST, SMILE = expression(), expression(mouthSmileLeft=0.5)


def test_an_exported_take_keeps_what_it_does_not_move() -> None:
    weights, _ = exported(changed(lambda d: named(d, *TALL, weights=[1.0, 0.2])), REST, SMILE)
    assert weights[2] == pytest.approx(np.array([[1, 0.2], [1, 0.6]]))

    def node(document: dict[str, Any]) -> None:
        named(document, *TALL, weights=[1.0, 0.0])
        document["nodes"][2]["weights"] = [0.3, 0.0]

    assert exported(changed(node), REST, SMILE)[0][2] == pytest.approx(np.array([[0.3, 0], [0.3, 0.5]]))


def test_an_exported_take_on_a_vrm_follows_its_expressions() -> None:
    def change(document: dict[str, Any]) -> None:
        named(document, "shape_0", "shape_1", weights=[1.0, 0.5])
        vrm(document, 1)

    shut = expression(eyeBlinkLeft=0.6, eyeBlinkRight=0.6)
    assert exported(changed(change), REST, shut)[0][2] == pytest.approx(np.array([[1, 0], [1, 0.6]]))


def test_a_model_with_its_data_in_uris_can_perform() -> None:
    from avatar_buffers import as_uri, several

    document, binary = tiny()
    document["buffers"][0]["uri"] = as_uri(binary)
    plain = exported(pack(*tiny()), REST, SMILE)
    for model in (pack(document), pack(*several(second_uri=True)), pack(*tiny()) + b"\0" * 8):
        weights, made = exported(model, REST, SMILE)
        assert weights[2] == pytest.approx(plain[0][2]) and len(made["buffers"]) == 1
        whole = load_avatar(pack(*tiny()))
        again = load_avatar(animated_glb(model, np.zeros(1), REST[None], np.array([[0, 0, 0, 1.0]])))
        assert np.array_equal(again.parts[0].positions, whole.parts[0].positions)
        assert np.array_equal(again.images[0].rgba, whole.images[0].rgba)
    with pytest.raises(InputError, match="not-a-glb"):
        exported(pack(*several(second_uri=False)), REST)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_any_value_anywhere_in_a_model_that_performs(data: st.DataObject) -> None:
    document, binary = tiny()
    named(document, "shape_0", "jawOpen", weights=[1.0, 0.5])
    vrm(document, 0)
    document |= {"animations": [], "buffers": [{"byteLength": len(binary)}, {"byteLength": 3, "uri": "data:,abc"}]}
    mutate(data, document)
    try:
        exported(pack(document, binary), REST, SMILE)
    except InputError as error:
        assert error.code in ("not-a-glb", "no-morphs")
