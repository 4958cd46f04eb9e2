"""Portraits as samples: a split by person, scores by name, labels that explain the points."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from face3d_live.camera import Camera
from face3d_live.codes import ARKIT, INDEX
from face3d_live.errors import InputError
from face3d_live.head.model import Head
from face3d_live.rotations import angle_between, from_euler
from face3d_live.train.data import portraits
from face3d_live.train.data.pool import Pool, project
from face3d_live.train.data.turned import Turner, moved_expression

pytestmark = pytest.mark.slow

Made = tuple[Path, list[dict[str, np.ndarray]]]
#: In the teacher's own order.
NAMES = ["_neutral", "browInnerUp", "eyeBlinkLeft", "jawOpen", "mouthSmileLeft", "mouthSmileRight"]


@pytest.fixture(scope="module")
def made(head: Head, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A data folder of 24 pictures whose points come from known heads, two of one person; and those heads."""
    data = tmp_path_factory.mktemp("data")
    (data / "faces" / "images").mkdir(parents=True)
    rng, truth, rows, marks, scores = np.random.default_rng(0), [], [], [], []
    camera = Camera(256, 256, portraits.FOCAL * 75)
    for i in range(24):
        shape = rng.normal(size=80).astype(np.float32) * 0.7 if i != 1 else truth[0]["shape"]
        expression = np.zeros(52, np.float32)
        expression[[INDEX["jawOpen"], INDEX["mouthSmileLeft"], INDEX["mouthSmileRight"]]] = rng.uniform(0, 0.8, 3)
        rotation = from_euler(*np.radians(rng.normal(0, (14, 7, 5))))
        points = head.points(head.vertices(shape, expression)) @ rotation.T + (0, 0, -1.2)
        pixels = camera.project(points)
        picture = np.full((256, 256, 3), 60, np.uint8)
        cv2.circle(picture, tuple(int(v) for v in pixels[4]), 6, (255, 255, 255), -1)
        cv2.circle(picture, tuple(int(v) for v in pixels[105]), 4, (0, 255, 0), -1)  # the right brow
        name = f"london_{i:03d}.png" if i < 2 else f"a_{i:03d}.png"
        cv2.imwrite(str(data / "faces" / "images" / name), picture)
        truth.append({"shape": shape, "expression": expression, "rotation": rotation})
        group = ("london_neutral", "london_smiling", "faker")[min(i, 2)]
        rows.append(f"{name},{group},CC0,0,0,{(50, 50, 5, 20)[i % 4]},{'7' if i < 2 else ''}")
        marks.append(np.c_[pixels, np.zeros(478)])
        scores.append([0.0] + [expression[INDEX[n]] for n in NAMES[1:]])
    (data / "faces" / "index.csv").write_text("image,set,licence,yaw_deg,pitch_deg,ita_deg,person\n" + "\n".join(rows))
    order = rng.permutation(24)  # the teacher's file need not follow the index
    np.savez(
        data / "faces" / "teacher.npz",
        landmarks=np.array(marks, np.float32)[order],
        blendshapes=np.array(scores, np.float32)[order],
        blendshape_names=np.array(NAMES),
        image=np.array([row.split(",")[0] for row in rows])[order],
    )
    return data, truth


def test_scores_are_matched_by_name(made: Made) -> None:
    data, truth = made
    index, scores = portraits.load_index(data), portraits.teacher_scores(data)
    for portrait, codes in zip(index, truth, strict=True):
        assert scores[portrait.row, INDEX["jawOpen"]] == pytest.approx(codes["expression"][INDEX["jawOpen"]])
        assert scores[portrait.row, INDEX["mouthPucker"]] == 0
    assert set(portraits.DEAD) <= set(ARKIT)


def test_the_split_is_by_person_and_stays(made: Made) -> None:
    index = portraits.load_index(made[0])
    assert index[0].person == index[1].person != index[2].person
    assert [p.held_out for p in index] == [p.held_out for p in portraits.load_index(made[0])]
    assert 0 < sum(p.held_out for p in index) < 12
    assert {p.copies for p in index if p.tone < 10} == {4}, "dark skin thrice, an AI-made face once more"
    held_out = {p.image for p in index if p.held_out}
    assert not held_out & set(portraits.training_images(made[0]))
    assert portraits.held_out_skins(made[0]) == {f"lifted_{path.stem}" for path in held_out}


def test_fits_find_the_heads_behind_the_points(head: Head, made: Made) -> None:
    data, truth = made
    labeller, index = portraits.Labeller(head, data), portraits.load_index(data)
    angles, jaws = [], []
    for portrait, codes in list(zip(index, truth, strict=True))[:10]:
        (fit,) = labeller.fit([portrait])
        assert fit.residual < 0.012
        sample = labeller.sample(portrait, fit.codes)
        points = head.points(head.vertices(fit.codes.shape, fit.codes.expression))
        assert np.linalg.norm(project(points, sample) - sample["points"], axis=1).mean() < 0.02
        angles.append(np.degrees(angle_between(fit.codes.rotation, codes["rotation"])))
        jaws.append((fit.codes.expression[INDEX["jawOpen"]], codes["expression"][INDEX["jawOpen"]]))
    assert np.mean(angles) < 3
    assert np.corrcoef(np.transpose(jaws))[0, 1] > 0.9


def test_pictures_of_one_person_share_a_shape(head: Head, made: Made) -> None:
    """And it is nearer to the true one than what either picture says alone."""
    data, truth = made
    labeller, index = portraits.Labeller(head, data), portraits.load_index(data)
    first, second, third = labeller.fit_all(index[:3])
    np.testing.assert_array_equal(first.codes.shape, second.codes.shape)
    assert np.abs(first.codes.shape - third.codes.shape).max() > 0.1, "the third is somebody else"
    assert np.abs(first.codes.expression - second.codes.expression).max() > 0.05
    assert max(first.residual, second.residual) < 0.012
    alone = [np.linalg.norm(labeller.fit([p])[0].codes.shape - truth[0]["shape"]) for p in index[:2]]
    assert np.linalg.norm(first.codes.shape - truth[0]["shape"]) < np.mean(alone)


def test_pools_are_written_with_the_picture_at_its_labels(head: Head, made: Made, tmp_path: Path) -> None:
    counts = portraits.build(head, made[0], tmp_path)
    train, held_out = Pool(tmp_path / "portraits_train"), Pool(tmp_path / "portraits_heldout")
    assert (len(train), len(held_out)) == (counts["train"], counts["held out"])
    assert len(train) > 24 - len(held_out), "rare faces come up more than once"
    batch = held_out.take(np.arange(len(held_out)))
    for image, points in zip(batch["image"], batch["points"], strict=True):
        column, row = ((points[4] / (1.7 / 1.4) + 1) / 2 * 144).astype(int)
        assert image[row, column].min() > 200 > image[5, 5].max(), "the white dot lies at the tip of the nose"
    assert batch["texture_valid"].sum() == batch["light_valid"].sum() == 0
    assert (batch["teacher_weight"][:, INDEX["cheekPuff"]] == 0).all() and (batch["source"] == 1).all()


def test_turned_portraits_carry_the_picture_to_their_labels(head: Head, made: Made) -> None:
    labeller, turner, rng = portraits.Labeller(head, made[0]), Turner(head), np.random.default_rng(0)
    distances, turns = [], []
    for portrait in portraits.load_index(made[0])[2:8]:
        plain = labeller.sample(portrait, labeller.fit([portrait])[0].codes)
        for _ in range(3):
            sample = turner.sample(plain, labeller.picture(portrait), labeller.crop(portrait), rng)
            for point, dot in ((4, sample["image"].min(2) > 150), (105, np.ptp(sample["image"], 2) > 120)):
                row, column = np.argwhere(dot).mean(0)
                found = ((np.array([column, row]) + 0.5) / 144 * 2 - 1) * (1.7 / 1.4)
                distances.append(np.linalg.norm(found - sample["points"][point]))
            turns.append(np.degrees(angle_between(sample["rotation"], plain["rotation"])))
            points = head.points(head.vertices(sample["shape"], sample["expression"]))
            assert np.linalg.norm(project(points, sample) - sample["points"], axis=1).mean() < 0.02
            low, high = sample["points"].min(0), sample["points"].max(0)
            assert np.max(high - low) == pytest.approx(2 / 1.4, rel=0.05)
    assert np.max(distances) < 0.05 and np.mean(distances) < 0.02, "the dots lie where the labels say"
    assert np.mean(turns) > 8


def test_turned_portraits_keep_expressions_possible() -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([moved_expression(np.full(52, 0.3, np.float32), rng) for _ in range(300)])
    assert drawn.min() >= 0 and drawn.max() <= 1
    assert (drawn[:, INDEX["browInnerUp"]] > 0.6).mean() > 0.1
    assert (drawn[:, INDEX["jawOpen"]] == np.float32(0.3)).all(), "an opening jaw would uncover what no picture shows"


def test_missing_data_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--data") as error:
        portraits.load_index(tmp_path)
    assert error.value.code == "data-missing"
    assert portraits.exemplars(tmp_path) is None


def test_real_portraits_are_explained(head: Head, shared_data: Path) -> None:
    labeller, index = portraits.Labeller(head, shared_data), portraits.load_index(shared_data)
    assert 0.07 < np.mean([p.held_out for p in index]) < 0.13
    london = [p for p in index if p.group.startswith("london")]
    people = {p.person: {q.held_out for q in london if q.person == p.person} for p in london}
    assert all(len(sides) == 1 for sides in people.values()) and len(people) < len(london)
    residuals = [labeller.fit([p])[0].residual for p in index[::160]]
    assert np.median(residuals) < 0.035
