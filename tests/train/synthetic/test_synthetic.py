"""Synthetic training samples: labels that fit the picture, expressions that faces make, shards that survive."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face3d_live import rotations
from face3d_live.codes import AMBIENT, INDEX, gaze_angles
from face3d_live.errors import AssetError
from face3d_live.head.model import Head
from face3d_live.head.points import IRIS_LEFT
from face3d_live.lighting import sh_basis, shade
from face3d_live.texture.albedo import Albedo
from face3d_live.train.data.pool import KEYS, STORED, Mixture, Pool, ShardWriter, project
from face3d_live.train.synthetic.expressions import ExpressionSampler, look_along
from face3d_live.train.synthetic.generate import Generator, write_shard
from face3d_live.train.synthetic.render import Subject
from face3d_live.train.synthetic.scene import Light, place, sample_light
from face3d_live.train.synthetic.skins import Skin, TextureCoder, load_skins

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def generator(head: Head, tmp_path_factory: pytest.TempPathFactory) -> Generator:
    """Without the data folder: shapes of the basis, one grey skin."""
    folder = tmp_path_factory.mktemp("skins")
    cv2.imwrite(str(folder / "grey.png"), np.full((64, 64, 3), 170, np.uint8))
    return Generator(head, folder / "no-data", folder)


@pytest.fixture(scope="module")
def samples(generator: Generator) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(3)
    return [generator.sample(rng) for _ in range(24)]


def draw(
    generator: Generator, expression: dict[str, float], yaw: float = 0.0
) -> tuple[np.ndarray, np.ndarray, Subject]:
    """A bare, evenly lit head; returns (rgba, depth, subject)."""
    head, rng = generator.head, np.random.default_rng(0)
    codes = np.zeros(52, np.float32)
    for name, value in expression.items():
        codes[INDEX[name]] = value
    identity = replace(generator.identities.sample(rng), shape=np.zeros(80, np.float32), neutral=head.template)
    vertices = head.posed(identity.neutral, identity.shape, codes)
    person = generator.people.sample(rng, identity, vertices, head.points(vertices), codes, np.eye(3))
    where = place(head.points(vertices), rotations.from_euler(yaw, 0, 0), 0.8)
    light = Light(AMBIENT.reshape(9, 3) * 0.6, np.array([0, 0, 1.0], np.float32), np.zeros(3, np.float32))
    uniforms = {**person.subject.look.uniforms, "tone": (1.0, 1.0, 1.0), "beard": 0.0, "lash": 0.0}
    look = replace(person.subject.look, uniforms=uniforms)
    subject = replace(person.subject, placement=where, light=light, look=look, style=None, caps=[], props=[])
    rgba, depth = generator.painter.draw(subject)
    return rgba, depth, subject


def pixel(generator: Generator, points: np.ndarray) -> np.ndarray:
    """Crop coordinates -> whole pixels of the drawn picture."""
    return ((points / STORED + 1) / 2 * generator.painter.size).astype(int)


def test_labels_put_the_head_where_its_points_are(head: Head, samples: list[dict[str, np.ndarray]]) -> None:
    for sample in samples:
        points = head.points(head.vertices(sample["shape"], sample["expression"]))
        error = np.linalg.norm(project(points, sample) - sample["points"], axis=1)
        assert error.max() < 0.01


def test_samples_follow_the_crop_rule(samples: list[dict[str, np.ndarray]]) -> None:
    for sample in samples:
        low, high = sample["points"].min(0), sample["points"].max(0)
        assert np.max(high - low) == pytest.approx(2 / 1.4, rel=1e-3)
        assert np.abs(low + high).max() < 2e-3
        assert np.linalg.det(sample["rotation"]) == pytest.approx(1, abs=1e-4)


def test_samples_are_pictures_of_a_head(generator: Generator, samples: list[dict[str, np.ndarray]]) -> None:
    seen = np.mean([sample["visible"].mean() for sample in samples])
    assert 0.5 < seen < 0.99
    assert np.mean([sample["image"].std() for sample in samples]) > 20
    rgba, _, subject = draw(generator, {})
    points = subject.placement.project(generator.head.points(subject.vertices))
    column, row = pixel(generator, points).T
    assert rgba[row, column, 3].mean() > 250, "the points lie on the drawn head"
    assert rgba[:12, :12, 3].max() == 0, "the corner shows background"


def test_the_iris_looks_where_the_code_says(generator: Generator) -> None:
    found = {}
    for side, codes in {"left": {"eyeLookOutLeft": 0.8}, "ahead": {}, "right": {"eyeLookInLeft": 0.8}}.items():
        rgba, _, subject = draw(generator, {**codes, "eyeWideLeft": 0.5})
        marks = subject.placement.project(generator.head.points(subject.vertices))
        column, row = pixel(generator, marks[IRIS_LEFT[0]])
        patch = rgba[row - 4 : row + 5, column - 4 : column + 5, :3].astype(int).sum(2)
        dark = np.argwhere(patch < 200).mean(0)
        assert np.abs(dark - 4).max() < 1.8, "the iris is drawn at the iris point"
        found[side] = column
    assert found["left"] > found["ahead"] + 1 > found["right"] + 2, "the subject's left is the picture's right"


def test_the_far_side_of_a_turned_head_is_hidden(generator: Generator) -> None:
    _, depth, subject = draw(generator, {}, yaw=np.radians(55))
    points = generator.head.points(subject.vertices)
    visible = generator.visible(points, subject.placement, depth)
    assert visible[234] == 1 and visible[454] == 0, "turned to its left, the head shows its right cheek"


def test_an_opening_jaw_shows(generator: Generator) -> None:
    shut, _, subject = draw(generator, {})
    wide, _, opened = draw(generator, {"jawOpen": 0.9})
    marks = opened.placement.project(generator.head.points(opened.vertices))
    column, row = pixel(generator, marks[[13, 14]].mean(0))
    lips = pixel(generator, subject.placement.project(generator.head.points(subject.vertices))[[13]])[0]
    assert wide[row, column, :3].mean() < shut[lips[1] - 8, lips[0], :3].mean() - 25, "a dark mouth between the lips"


def test_light_labels_shade_as_the_shader_does(generator: Generator) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        light = sample_light(rng)
        normals = rng.normal(size=(200, 3))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        exact = sh_basis(normals) @ light.soft + light.lamp * np.maximum(0, normals @ light.direction)[:, None]
        told = sh_basis(normals) @ light.label.reshape(9, 3)
        assert np.abs(told - exact).mean() < 0.06 * max(1.0, float(light.lamp.max()))
    assert shade(light.label, np.array([0, 0, 1.0], np.float32)).shape == (3,)


def test_the_same_seed_gives_the_same_sample(generator: Generator) -> None:
    first, second = (generator.sample(np.random.default_rng(9)) for _ in range(2))
    for key in KEYS:
        np.testing.assert_array_equal(first[key], second[key])


def test_scans_are_labelled_with_their_nearest_code(head: Head, shared_data: Path) -> None:
    from face3d_live.train.synthetic.identities import Scans

    scans, rng = Scans(head, shared_data / "scan_heads.npz"), np.random.default_rng(0)
    face = head.regions["face"]
    for _ in range(20):
        identity = scans.sample(rng)
        distance = np.linalg.norm(identity.neutral - head.neutral(identity.shape), axis=1)[face]
        assert distance.mean() < 0.0025 and np.abs(identity.shape).max() < 7


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_expressions_are_possible(seed: int) -> None:
    values = ExpressionSampler().sample(np.random.default_rng(seed))
    assert values.shape == (52,) and values.min() >= 0 and values.max() <= 1
    assert values[INDEX["mouthClose"]] <= values[INDEX["jawOpen"]] + 1e-6
    if values[INDEX["tongueOut"]] > 0.05:
        assert values[INDEX["jawOpen"]] >= 0.25
    for side in ("Left", "Right"):
        assert values[INDEX[f"eyeLookIn{side}"]] * values[INDEX[f"eyeLookOut{side}"]] == 0
        assert values[INDEX[f"eyeLookUp{side}"]] * values[INDEX[f"eyeLookDown{side}"]] == 0
    assert values[INDEX["eyeLookUpLeft"]] == values[INDEX["eyeLookUpRight"]], "eyes rise together"


def test_eyes_meet_the_camera_when_told_to() -> None:
    for yaw, pitch in ((20, 5), (-25, -15), (8, 12)):
        rotation = rotations.from_euler(np.radians(yaw), np.radians(pitch), 0)
        looking = look_along(np.full(52, 0.3, np.float32), rotation.T @ (0, 0, 1))
        for across, up in gaze_angles(looking):
            gaze = (np.sin(across) * np.cos(up), np.sin(up), np.cos(across) * np.cos(up))
            assert (rotation @ gaze)[2] > np.cos(np.radians(2))
    assert look_along(np.full(52, 0.3, np.float32), np.array([0, 0, 1]))[INDEX["jawOpen"]] == np.float32(0.3)


def test_expressions_cover_what_portraits_lack() -> None:
    rng, sampler = np.random.default_rng(0), ExpressionSampler()
    drawn = np.stack([sampler.sample(rng) for _ in range(3000)])
    assert (drawn > 0.8).any(0).all(), "every coefficient comes near its full movement"
    share = {name: float((drawn[:, INDEX[name]] > 0.5).mean()) for name in INDEX}
    assert share["eyeBlinkLeft"] > 0.12 and share["jawOpen"] > 0.08
    assert share["browInnerUp"] > 0.08 and share["mouthSmileLeft"] > 0.08
    assert float((drawn[:, : INDEX["browDownLeft"]].max(1) < 0.3).mean()) > 0.03, "neutral faces come up, too"


def test_a_shard_ends_by_the_clock_with_what_there_is(generator: Generator, tmp_path: Path) -> None:
    write_shard(generator, tmp_path, seed=5, number=0, count=4)
    write_shard(generator, tmp_path / "late", seed=5, number=0, count=4, until=0.0)
    whole, late = Pool(tmp_path).take(np.arange(4)), Pool(tmp_path / "late")
    assert len(late) == 1
    np.testing.assert_array_equal(late.take(np.array([0]))["image"][0], whole["image"][0])


def test_a_shard_is_whole_or_not_there(generator: Generator, tmp_path: Path) -> None:
    write_shard(generator, tmp_path, seed=5, number=0, count=3)
    (tmp_path / ".s0005_00001.1").mkdir()  # what an interrupted writer leaves
    pool = Pool(tmp_path)
    assert len(pool) == 3
    write_shard(generator, tmp_path, seed=5, number=1, count=2)
    assert pool.refresh() == 5
    batch = pool.take(np.array([4, 0, 4]))
    np.testing.assert_array_equal(batch["image"][0], batch["image"][2])
    assert not np.array_equal(batch["image"][0], batch["image"][1])
    assert {key: value.shape[1:] for key, value in batch.items()} == {key: shape for key, (shape, _) in KEYS.items()}
    with pytest.raises(IndexError):
        pool.take(np.array([5]))


def blank(source: int) -> dict[str, np.ndarray]:
    sample = {key: np.zeros(shape, kind) if shape else kind(0) for key, (shape, kind) in KEYS.items()}
    return sample | {"source": np.uint8(source)}


def test_mixtures_keep_their_shares_and_resume(tmp_path: Path) -> None:
    for name, source in (("a", 0), ("b", 1)):
        writer = ShardWriter(tmp_path / name, "only", {})
        for _ in range(7):
            writer.add(blank(source))
        writer.close()
    pools = [(Pool(tmp_path / "a"), 0.6), (Pool(tmp_path / "b"), 0.4), (Pool(tmp_path / "empty"), 0.5)]
    mixture = Mixture(pools, seed=1)
    share = np.mean([mixture.batch(50)["source"].mean() for _ in range(20)])
    assert share == pytest.approx(0.4, abs=0.06)
    state = mixture.state()
    expected = mixture.batch(16)["source"]
    again = Mixture(pools, seed=2)
    again.restore(state)
    np.testing.assert_array_equal(again.batch(16)["source"], expected)
    with pytest.raises(ValueError, match="empty"):
        Mixture(pools[2:], seed=0).batch(1)


def test_shards_refuse_malformed_samples(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, "x", {})
    with pytest.raises(ValueError, match="keys differ"):
        writer.add({"image": np.zeros(3)})
    with pytest.raises(ValueError, match="points"):
        writer.add(blank(0) | {"points": np.zeros((3, 2), np.float32)})


def test_texture_codes_agree_with_the_albedo_model() -> None:
    albedo, rng = Albedo.load(), np.random.default_rng(0)
    codes = rng.normal(size=(4, 50)).astype(np.float32)
    images = [(albedo.decode(code, 512) * 255).astype(np.uint8) for code in codes]
    skins = [Skin(f"lifted_{i}", image, np.ones(3, np.float32), 0.1) for i, image in enumerate(images)]
    coder = TextureCoder(skins, albedo)
    for i, image in enumerate(images):
        found = coder(i, np.ones(3))
        assert np.corrcoef(found, albedo.encode(image / 255))[0, 1] > 0.95
    assert np.abs(coder(0, np.full(3, 0.3)) - coder(0, np.ones(3))).max() > 0.5, "a darker tone has another code"


def test_uneven_and_unwanted_skins_are_left_out(head: Head, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("lifted_a", "lifted_b", "painted"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((64, 64, 3), 150, np.uint8))
    for name in ("lifted_spots", "painted_spots"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), rng.choice([5, 250], (512, 512, 1)).repeat(3, 2).astype(np.uint8))
    names = [skin.name for skin in load_skins(tmp_path, head, frozenset({"lifted_b"}))]
    assert names == ["lifted_a", "painted", "painted_spots"]
    with pytest.raises(AssetError, match=r"face3d_live\.texture"):
        load_skins(tmp_path / "none", head)
