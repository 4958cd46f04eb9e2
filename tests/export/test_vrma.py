"""Takes as VRM animation: read back by the rules of VRMC_vrm_animation 1.0 and compared with the take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from glb_support import accessor_values
from scipy.spatial.transform import Rotation
from takes_support import expression, frames, write

from face3d_live.avatar.gltf.container import split_glb
from face3d_live.codes import ARKIT, INDEX, gaze_angles
from face3d_live.takes import formats, tools
from face3d_live.takes.reader import load

#: What the two documents of the VRM consortium list: humanoid.md (required bones) and expressions.md (presets).
REQUIRED = {
    "hips", "spine", "head", *(side + bone for side in ("left", "right") for bone in (
        "UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand")),
}  # fmt: skip
PRESETS = {
    "happy", "angry", "sad", "relaxed", "surprised", "aa", "ih", "ou", "ee", "oh", "blink", "blinkLeft", "blinkRight",
    "neutral",
}  # fmt: skip
LOOKS = {"lookUp", "lookDown", "lookLeft", "lookRight"}


@pytest.fixture
def take(tmp_path):
    return load(write(tmp_path / "take.jsonl", frames()))


class Played:
    """What a program that knows the specification gets out of a file."""

    def __init__(self, data: bytes) -> None:
        document, binary = split_glb(data)
        self.document = document
        self.extension = document["extensions"]["VRMC_vrm_animation"]
        animation = document["animations"][0]
        self.tracks, self.times = {}, None
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            assert sampler["interpolation"] == "LINEAR"
            self.times = accessor_values(document, binary, sampler["input"])
            key = channel["target"]["node"], channel["target"]["path"]
            assert key not in self.tracks, "one channel for each property"
            self.tracks[key] = accessor_values(document, binary, sampler["output"])
        self.bones = {bone: place["node"] for bone, place in self.extension["humanoid"]["humanBones"].items()}

    def expression(self, kind, name):
        return self.tracks[self.extension["expressions"][kind][name]["node"], "translation"][:, 0]

    def above(self, node):
        return next((i for i, each in enumerate(self.document["nodes"]) if node in each.get("children", ())), None)


@pytest.fixture(params=[".vrma", ".arkit.vrma"])
def played(request, take):
    return Played(formats.to_bytes(take, request.param))


def test_the_file_keeps_to_the_specification(played):
    document, extension = played.document, played.extension
    assert extension["specVersion"] == "1.0" and "VRMC_vrm_animation" in document["extensionsUsed"]
    assert played.bones.keys() >= REQUIRED and not {"leftEye", "rightEye"} & played.bones.keys()
    named = extension["expressions"]
    assert set(named.get("preset", {})) <= PRESETS and not set(named.get("custom", {})) & (PRESETS | LOOKS)
    nodes = [node for kind in named.values() for node in (place["node"] for place in kind.values())]
    everything = [*nodes, *played.bones.values(), extension["lookAt"]["node"]]
    assert len(set(everything)) == len(everything), "each thing has a node of its own"
    assert set(range(len(document["nodes"]))) == set(everything)
    for (node, path), values in played.tracks.items():
        assert path != "scale" and np.isfinite(values).all() and len(values) == len(played.times)
        if node in played.bones.values():
            assert path == "rotation", "only the hips may move, and they do not"
        if path == "rotation":
            assert np.linalg.norm(values, axis=1) == pytest.approx(np.ones(len(values)), abs=1e-5)
            assert ((values[1:] * values[:-1]).sum(1) > 0).all(), "the short way round"
    assert np.all(np.diff(played.times) > 0) and played.times[0] == 0


def test_at_rest_it_stands_in_t_pose(played):
    """Everything upright, arms straight out to the sides, looking along +z: the left is at +x."""
    places = {}
    for bone, node in played.bones.items():
        at, place = node, np.zeros(3)
        while at is not None:
            each = played.document["nodes"][at]
            assert "rotation" not in each and "scale" not in each and "matrix" not in each
            place, at = place + each["translation"], played.above(at)
        places[bone] = place
    assert places["head"][1] > places["neck"][1] > places["spine"][1] > places["hips"][1] > places["leftFoot"][1] > 0
    arm = [places["left" + bone] for bone in ("UpperArm", "LowerArm", "Hand")]
    assert np.ptp(arm, axis=0)[1:] == pytest.approx([0, 0]) and arm[0][0] < arm[1][0] < arm[2][0]
    for bone in ("UpperArm", "Hand", "UpperLeg", "Foot"):
        assert places["left" + bone] == pytest.approx(places["right" + bone] * (-1, 1, 1))
        assert places["left" + bone][0] > 0


def test_neck_and_head_together_turn_as_the_head_did(take, played):
    turned = [Rotation.from_quat(played.tracks[played.bones[bone], "rotation"]) for bone in ("neck", "head")]
    assert played.above(played.bones["head"]) == played.bones["neck"]
    assert (turned[0] * turned[1]).as_matrix() == pytest.approx(take.rotation, abs=1e-4)
    assert turned[0].magnitude().max() < turned[1].magnitude().max()
    assert played.times == pytest.approx(take.t, abs=1e-6)


def test_the_gaze_is_the_eyes(take, played):
    """By the specification's own rule: extrinsic z, x, y; yaw about y, pitch about x; forward is +z."""
    gaze = Rotation.from_quat(played.tracks[played.extension["lookAt"]["node"], "rotation"])
    _, pitch, yaw = gaze.as_euler("zxy").T
    expected = gaze_angles(take.expression).mean(1)
    assert yaw == pytest.approx(expected[:, 0], abs=1e-5)
    assert pitch == pytest.approx(-expected[:, 1], abs=1e-5)  # a turn about x by a positive angle looks down
    towards = gaze.apply([0, 0, 1])
    assert (np.sign(towards[:, 0]) == np.sign(expected[:, 0])).all(), "to the subject's left is +x"
    assert (np.sign(towards[:, 1]) == np.sign(expected[:, 1])).all()


def test_arkit_names_carry_the_coefficients(take):
    played = Played(formats.to_bytes(take, ".arkit.vrma"))
    assert set(played.extension["expressions"]) == {"custom"}
    assert set(played.extension["expressions"]["custom"]) == {n for n in ARKIT if not n.startswith("eyeLook")}
    for name in ("jawOpen", "mouthSmileLeft", "eyeBlinkRight"):
        assert played.expression("custom", name) == pytest.approx(take.expression[:, INDEX[name]], abs=1e-6)


def test_presets_are_what_the_face_does(take):
    poses = [{}, {"jawOpen": 1}, {"mouthSmileLeft": 1, "mouthSmileRight": 1}, {"eyeBlinkLeft": 0.7}, {"mouthPucker": 1}]
    acted = np.stack([expression(**pose) for pose in poses])
    count = len(poses)
    short = replace(tools.cut(take, 0, float(take.t[count])), expression=acted)
    played = Played(formats.to_bytes(short, ".vrma"))
    assert set(played.extension["expressions"]) == {"preset"}
    weights = {name: played.expression("preset", name) for name in played.extension["expressions"]["preset"]}
    assert all(weights[name][0] < 0.05 for name in weights), "a face at rest shows nothing"
    assert max(weights["aa"][1], weights["oh"][1]) > 0.5 and weights["happy"][1] < 0.1
    assert weights["happy"][2] > 0.5 and weights["aa"][2] < 0.1
    assert weights["blinkLeft"].tolist() == pytest.approx([0, 0, 0, 0.7, 0]) and not weights["blinkRight"].any()
    assert weights["ou"][4] > 0.4


def test_the_name_of_the_file_tells_the_names_in_it(take, tmp_path):
    source = write(tmp_path / "a.jsonl", frames())
    for name, kind in (("b.vrma", "preset"), ("b.ARKit.vrma", "custom"), ("b.v2.vrma", "preset")):
        tools.export(source, tmp_path / name)
        assert set(Played((tmp_path / name).read_bytes()).extension["expressions"]) == {kind}
