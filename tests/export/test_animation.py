"""Takes as animations: glTF on the own head and on others, BVH, films. Each is read back and compared with the take."""

from __future__ import annotations

import json
from dataclasses import replace

import av
import numpy as np
import pytest
from glb_support import accessor_values, read_glb
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp
from takes_support import CAMERA, HEADER, expression, frames, write

from face3d_live.codes import ARKIT, HeadCodes, gaze_angles
from face3d_live.errors import AssetError, InputError
from face3d_live.export.animation import animated_glb
from face3d_live.export.gltf import Buffer
from face3d_live.head.model import Head
from face3d_live.rotations import angle_between, from_euler, from_quaternion
from face3d_live.takes import export_video, formats, tools
from face3d_live.takes.bvh import bvh_text
from face3d_live.takes.model import TakeFrame
from face3d_live.takes.reader import load
from face3d_live.takes.resample import quaternions, resample_uniform, sample_at

#: The arrays of a take that have a row for each frame.
FRAMES = ("number", "t", "face", "expression", "rotation", "translation", "light", "person")


@pytest.fixture
def take(tmp_path):
    return load(write(tmp_path / "take.jsonl", frames()))


# --- at other times -------------------------------------------------------------------------------------------------


def test_at_its_own_times_a_take_is_itself(take):
    again = sample_at(take, take.t)
    assert again.expression == pytest.approx(take.expression, abs=1e-6)
    assert angle_between(again.rotation, take.rotation).max() < 1e-3
    assert np.array_equal(again.face, take.face) and np.array_equal(again.person, take.person)


def test_between_frames_it_is_between_them(take):
    middle = sample_at(take, [(take.t[3] + take.t[4]) / 2])
    assert middle.expression[0] == pytest.approx((take.expression[3] + take.expression[4]) / 2, abs=1e-6)
    expected = Slerp([0, 1], Rotation.from_matrix(take.rotation[3:5].astype(float)))(0.5).as_matrix()
    assert angle_between(middle.rotation[0], expected) < 1e-3


def test_outside_nothing_moves(take):
    outside = sample_at(take, [-5.0, 500.0])
    assert np.array_equal(outside.expression, take.expression[[0, -1]])


def test_a_frame_after_a_month_is_not_filled_up(tmp_path):
    first, second = frames(2)
    far = load(write(tmp_path / "far.jsonl", [first, replace(second, t=first.t + 3e6)]))
    with pytest.raises(InputError, match="take-too-long"):
        resample_uniform(far, 30)


def test_a_single_frame_can_be_resampled(tmp_path):
    one = load(write(tmp_path / "one.jsonl", frames(1)))
    assert len(resample_uniform(one, 30)) == 1


# --- glTF -----------------------------------------------------------------------------------------------------------


def animation_of(glb):
    """({(node, path): (times, values)}, document) of the last animation."""
    document, binary = read_glb(glb)
    animation = document["animations"][-1]
    found = {}
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        times, values = (accessor_values(document, binary, sampler[key]) for key in ("input", "output"))
        found[channel["target"]["node"], channel["target"]["path"]] = times, values
    return found, document


@pytest.mark.slow
def test_the_own_head_moves_as_the_take(take, tmp_path):
    """What a viewer computes from the file, vertex by vertex, against the head model."""
    out = tmp_path / "take.glb"
    formats.save_take(take, out)
    glb = out.read_bytes()
    found, document = animation_of(glb)
    _, binary = read_glb(glb)
    times, weights = found[0, "weights"]
    bone = [node["name"] for node in document["nodes"]].index("head")
    _, turns = found[bone, "rotation"]
    weights = weights.reshape(len(take), -1)
    assert times == pytest.approx(take.t, abs=1e-6) and np.all(np.diff(times) > 0)
    accessor = document["accessors"][document["animations"][0]["samplers"][0]["input"]]
    assert accessor["min"] == [0.0] and accessor["max"] == [pytest.approx(take.t[-1])]

    head, mesh = Head.load(), Head.load().topology("low")
    primitive = document["meshes"][0]["primitives"][0]
    rest = accessor_values(document, binary, primitive["attributes"]["POSITION"])
    offsets = np.stack([accessor_values(document, binary, target["POSITION"]) for target in primitive["targets"]])
    joints, shares = (
        accessor_values(document, binary, primitive["attributes"][name]) for name in ("JOINTS_0", "WEIGHTS_0")
    )
    rigid = (joints[:, 0] == 0) & (shares[:, 0] == 255)  # the rest bends with the neck, which stands still
    assert rigid.mean() > 0.85
    faces = accessor_values(document, binary, primitive["indices"]).reshape(-1, 3)
    rows = np.zeros(len(rest), int)
    rows[faces] = mesh.faces[mesh.part[mesh.faces].min(1) == 0]
    for k in (0, 7):
        moved = (rest + np.tensordot(weights[k], offsets, 1))[rigid] @ from_quaternion(turns[k]).T
        codes = take.codes(k).with_(shape=take.identity)
        expected = (head.vertices(codes.shape, codes.expression) @ codes.rotation.T)[rows][rigid]
        assert np.abs(moved - expected)[head.part[rows][rigid] == 0].max() < 5e-4


def small_model(names, *, node=None, above=None, in_primitive=False):
    """A triangle with morph targets, below a bone called Head where `node` is given."""
    buffer = Buffer()
    position = buffer.add_floats(np.eye(3), bounds=True)
    targets = [{"POSITION": buffer.add_floats(np.eye(3) * 0.1 * i, bounds=True)} for i in range(len(names))]
    primitive = {"attributes": {"POSITION": position}, "targets": targets}
    mesh = {"primitives": [primitive]}
    (primitive if in_primitive else mesh)["extras"] = {"targetNames": names}
    nodes = [{"mesh": 0, "skin": 0}, {"name": "Head", **(node or {})}, {"children": [1], **(above or {})}]
    document = {"asset": {"version": "2.0"}, "meshes": [mesh], "nodes": nodes, "skins": [{"joints": [1, 2]}]}
    return buffer.glb(document)


def perform(model, take):
    return animated_glb(model, take.t, take.expression, quaternions(take.rotation))


@pytest.mark.parametrize("in_primitive", [False, True])
def test_targets_are_matched_by_name(take, in_primitive):
    model = small_model(["other", "jawOpen", "MouthSmile_L", "eyeblinkright"], in_primitive=in_primitive)
    found, _ = animation_of(perform(model, take))
    weights = found[0, "weights"][1].reshape(len(take), 4)
    assert not weights[:, 0].any()
    for k, name in ((1, "jawOpen"), (2, "mouthSmileLeft"), (3, "eyeBlinkRight")):
        assert weights[:, k] == pytest.approx(take.expression[:, ARKIT.index(name)], abs=1e-6)


def test_a_bone_turns_in_the_world_whatever_stands_above_it(take):
    above, rest = from_euler(0.7, -0.4, 0.2), from_euler(-0.1, 0.3, 1.2)
    quaternion = Rotation.from_matrix(above.astype(float)).as_quat().tolist()
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = 2 * rest, (1, 2, 3)
    model = small_model(["jawOpen"], node={"matrix": matrix.T.ravel().tolist()}, above={"rotation": quaternion})
    found, document = animation_of(perform(model, take))
    for k, turn in enumerate(found[1, "rotation"][1]):
        world = above @ from_quaternion(turn)
        assert angle_between(world, take.rotation[k] @ above @ rest) < 2e-3
    node = document["nodes"][1]
    assert "matrix" not in node and node["translation"] == [1, 2, 3] and node["scale"] == pytest.approx([2, 2, 2])


def test_a_second_take_is_a_second_animation(take):
    twice = perform(perform(small_model(["jawOpen"]), take), take)
    document, _ = read_glb(twice)
    assert len(document["animations"]) == 2
    first, _ = animation_of(perform(small_model(["jawOpen"]), take))
    second, _ = animation_of(twice)
    assert np.array_equal(first[0, "weights"][1], second[0, "weights"][1])


def test_equal_times_are_set_apart(take):
    times = np.repeat(take.t[::2], 2)
    found, _ = animation_of(animated_glb(small_model(["jawOpen"]), times, take.expression, quaternions(take.rotation)))
    assert np.all(np.diff(found[0, "weights"][0]) > 0)


@pytest.mark.parametrize(("model", "code"), [
    (b"", "not-a-glb"), (b"glTF" + bytes(40), "not-a-glb"), (small_model(["nose", "ear"]), "no-morphs"),
    (small_model([]), "no-morphs"), (Buffer().glb({"nodes": [{"mesh": 9}]}), "not-a-glb"),
    (Buffer().glb({"nodes": 5}), "not-a-glb"),
])  # fmt: skip
def test_models_that_cannot_perform(take, model, code):
    with pytest.raises(InputError) as caught:
        perform(model, take)
    assert caught.value.code == code


@given(st.binary(max_size=200), st.integers(0, 400))
@settings(max_examples=100, deadline=None)
def test_damaged_models_are_refused_or_used(noise, where):
    model = small_model(["jawOpen"])
    damaged = model[:where] + noise + model[where + len(noise) :]
    try:
        animated_glb(damaged, np.zeros(1), np.zeros((1, 52)), np.array([[0, 0, 0, 1.0]]))
    except InputError as error:
        assert error.code in ("not-a-glb", "no-morphs")


# --- BVH ------------------------------------------------------------------------------------------------------------


def read_bvh(text):
    """({bone: (T, 3, 3) in its parent}, positions (T, 3), frame time) by a reader that knows the format only."""
    head, motion = text.split("MOTION\n")
    bones, channels = [], []
    for line in head.splitlines():
        words = line.split()
        if words[0] in ("ROOT", "JOINT"):
            bones.append(words[1])
        if words[0] == "CHANNELS":
            channels.append(words[2:])
    assert head.count("{") == head.count("}")
    lines = motion.splitlines()
    count, step = int(lines[0].split()[1]), float(lines[1].split()[2])
    values = np.array([[float(v) for v in line.split()] for line in lines[2:]])
    assert values.shape == (count, sum(map(len, channels)))
    turns, start = {}, 0
    for bone, own in zip(bones, channels, strict=True):
        part = values[:, start : start + len(own)]
        start += len(own)
        order = "".join(name[0] for name in own[-3:])
        turns[bone] = Rotation.from_euler(order, part[:, -3:], degrees=True).as_matrix()
    return turns, values[:, :3], step


def test_bvh_turns_head_and_eyes(take):
    text = bvh_text(take, Head.load().eye_centers)
    turns, _, step = read_bvh(text)
    even = resample_uniform(take, 30)
    assert step == pytest.approx(1 / 30, abs=1e-7) and len(turns["Head"]) == len(even)
    assert angle_between(turns["Neck"] @ turns["Head"], even.rotation).max() < 2e-3
    gaze = gaze_angles(even.expression)
    for eye, name in enumerate(("LeftEye", "RightEye")):
        looks = turns[name] @ np.array([0, 0, 1])
        assert np.arctan2(looks[:, 0], looks[:, 2]) == pytest.approx(gaze[:, eye, 0], abs=2e-3)
        assert np.arcsin(looks[:, 1]) == pytest.approx(gaze[:, eye, 1], abs=2e-3)


def test_bvh_signs(tmp_path):
    """Turned to the subject's left, which is +x; the eyes look up."""
    codes = HeadCodes(expression=expression(eyeLookUpLeft=1, eyeLookUpRight=1), rotation=from_euler(0.5, 0, 0))
    turns, _, _ = read_bvh(
        bvh_text(load(write(tmp_path / "a.jsonl", [TakeFrame(1, 0, True, codes)])), np.zeros((2, 3)))
    )
    assert (turns["Neck"] @ turns["Head"])[0, 0, 2] > 0.4
    assert turns["LeftEye"][0, 1, 2] > 0.3


# --- films ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def talk(tmp_path):
    """Half a second: the jaw opens, the head turns."""
    made = [
        TakeFrame(
            i, i / 20, True, HeadCodes(expression=expression(jawOpen=i / 10), rotation=from_euler(i / 25, 0, 0)), CAMERA
        )
        for i in range(11)
    ]
    return load(write(tmp_path / "talk.jsonl", made, replace(HEADER, fps=20.0)))


def pictures(path, decoder=None):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if decoder is None:
            return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(stream)]
        context = av.CodecContext.create(decoder, "r")
        packets = [packet for packet in container.demux(stream) if packet.size]
        return [frame for packet in [*packets, None] for frame in context.decode(packet)]


@pytest.mark.slow
def test_a_film_shows_the_take(talk, tmp_path):
    out = tmp_path / "talk.mp4"
    done = []
    export_video.write_video(talk, out, 128, on_frame=lambda i, n: done.append((i, n)))
    shown = pictures(out)
    assert len(shown) == 11 and done[-1] == (11, 11)
    assert np.diff([time for time, _ in shown]) == pytest.approx(0.05, abs=1e-3)
    first, last = shown[0][1].astype(float), shown[-1][1].astype(float)
    assert first.std() > 20 and np.abs(first - last).mean() > 4, "the head turns"


@pytest.mark.slow
def test_a_film_wears_the_takes_own_head(talk):
    """Its person's shape, and the skin of its texture code: not the same head for everybody."""
    first = replace(talk, **{name: getattr(talk, name)[:1] for name in FRAMES})
    code, shape = np.zeros((1, 50), np.float32), np.ones((1, 80), np.float32)
    code[0, :2] = 2
    plain, skin, wide = (
        next(export_video.draw_pictures(take, 128, True)).astype(int)
        for take in (first, replace(first, textures=code), replace(first, shapes=shape))
    )
    assert np.abs(plain - skin)[50:80, 50:80, :3].mean() > 3 and np.abs(plain - wide)[..., 3].mean() > 2


@pytest.mark.slow
def test_a_transparent_film(talk, tmp_path):
    out = tmp_path / "talk.webm"
    export_video.write_video(talk, out, 128, alpha=True)
    shown = pictures(out, "libvpx-vp9")
    assert len(shown) == 11 and shown[0].format.name == "yuva420p"
    alpha = shown[5].to_ndarray(format="rgba")[..., 3]
    assert alpha[60, 64] > 250, "the face is opaque"
    assert alpha[:8, :8].max() < 5 and alpha[-8:, -8:].max() < 5, "the corners are not"


def test_what_films_cannot_do(talk, tmp_path, monkeypatch):
    for name, options, code in (("a.mp4", {"alpha": True}, "no-alpha"), ("a.webm", {"size": 63}, "bad-size")):
        with pytest.raises(InputError, match=code):
            export_video.write_video(talk, tmp_path / name, **options)
    monkeypatch.setattr(av, "codecs_available", {"libvpx-vp9"})
    with pytest.raises(AssetError, match=r"no-encoder.*webm"):
        export_video.write_video(talk, tmp_path / "a.mp4", 128)
    assert not list(tmp_path.glob("*.mp4")) and not list(tmp_path.glob(".*"))


# --- tools ----------------------------------------------------------------------------------------------------------


def test_trimming(take, tmp_path):
    path = tmp_path / "take.jsonl"
    start, end = float(take.t[4]), float(take.t[9])
    tools.trim(path, tmp_path / "part.jsonl", start, end)
    part = load(tmp_path / "part.jsonl")
    assert np.array_equal(part.expression, take.expression[4:9]) and np.array_equal(part.number, take.number[4:9])
    assert part.t == pytest.approx(take.t[4:9] - take.t[4]) and part.notes == ()
    assert (part.header.created - HEADER.created).total_seconds() == pytest.approx(start, abs=2e-3)
    in_memory = tools.cut(take, start, end)
    assert np.array_equal(in_memory.expression, part.expression) and in_memory.t == pytest.approx(part.t)
    for bad, code in (((0.2, 0.1), "bad-range"), ((-1, None), "bad-range"), ((99, None), "nothing-left")):
        with pytest.raises(InputError, match=code):
            tools.trim(path, tmp_path / "no.jsonl", *bad)
        with pytest.raises(InputError, match=code):
            tools.cut(take, *bad)
    assert not (tmp_path / "no.jsonl").exists()


def test_recovering(take, tmp_path):
    path = tmp_path / "take.jsonl"
    path.write_bytes(path.read_bytes()[:-200])
    said = tools.recover(path, None)
    assert "interrupted" in said and "interrupted" in tools.describe(path)
    mended = load(tmp_path / "take-recovered.jsonl")
    assert mended.notes == () and len(mended) == 11
    assert np.array_equal(mended.expression, take.expression[:11])


def test_info_counts(take, tmp_path):
    text = tools.describe(tmp_path / "take.jsonl")
    assert "12 frames" in text and "91.7%" in text and "gaps     0" in text
    formats.save_take(take, tmp_path / "take.npz")
    assert tools.describe(tmp_path / "take.npz") == text


def test_export_to_a_given_model(take, tmp_path):
    (tmp_path / "model.glb").write_bytes(small_model(["jawOpen"]))
    tools.export(tmp_path / "take.jsonl", tmp_path / "out.glb", model=tmp_path / "model.glb")
    assert json.dumps(animation_of((tmp_path / "out.glb").read_bytes())[1]["meshes"]).count("jawOpen") == 1
    with pytest.raises(InputError, match="missing-model"):
        tools.export(tmp_path / "take.jsonl", tmp_path / "out.glb", model=tmp_path / "none.glb")
