"""Portraits with wrong labels: left out everywhere, and added again with right ones."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from face3d_live.camera import Camera
from face3d_live.codes import ARKIT, INDEX, N_EXPRESSION
from face3d_live.errors import AssetError
from face3d_live.head.model import Head
from face3d_live.rotations import from_euler
from face3d_live.train import portraits, relabelled
from face3d_live.train.pool import STORED, Pool
from face3d_live.train.teacher import picture_answers

#: One that is right, and four whose labels are those of another; of these the last is cut off.
NAMES = ("faker_0964.jpg", "faker_1060.jpg", "faker_1061.jpg", "faker_1062.jpg", "faker_1150.jpg")


@pytest.fixture(scope="module")
def data(head: Head, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A white dot at each nose, the folder's (wrong) labels, and the teacher's (right) ones; the right points."""
    root = tmp_path_factory.mktemp("data")
    (root / "faces" / "images").mkdir(parents=True)
    rng, true = np.random.default_rng(1), []
    camera = Camera(256, 256, portraits.FOCAL * 75)
    for name in NAMES:
        expression = np.zeros(N_EXPRESSION, np.float32)
        expression[INDEX["jawOpen"]] = rng.uniform(0, 0.5)
        points = head.points(head.vertices(rng.normal(size=80) * 0.5, expression))
        aside = 0.17 if name == NAMES[-1] else 0.0
        points = points @ from_euler(*rng.normal(0, 0.1, 3)).T + (aside, 0.01 * rng.normal(), -1.2)
        true.append(camera.project(points))
        picture = np.full((256, 256, 3), 60, np.uint8)
        cv2.circle(picture, tuple(int(v) for v in true[-1][4]), 6, (255, 255, 255), -1)
        cv2.imwrite(str(root / "faces" / "images" / name), picture)
    rows = "".join(f"{name},faker,CC0,0,0,5,\n" for name in NAMES)
    (root / "faces" / "index.csv").write_text("image,set,licence,yaw_deg,pitch_deg,ita_deg,person\n" + rows)
    wrong = np.zeros((len(NAMES), 478, 3), np.float32)
    wrong[..., :2] = true[0]
    scores = np.zeros((len(NAMES), 52), np.float32)
    names = {"blendshapes": scores, "blendshape_names": np.array(ARKIT), "image": np.array(NAMES)}
    np.savez(root / "faces" / "teacher.npz", landmarks=wrong, **names)
    (root / "answers").mkdir()
    right = np.array(true[1:], np.float32)
    np.savez(root / "answers" / "pictures.npz", names=np.array(NAMES[1:]), points=right, scores=scores[1:] + 0.25)
    return root, right


def test_they_are_left_out_of_the_portraits(data: tuple[Path, np.ndarray]) -> None:
    assert [p.image.name for p in portraits.load_index(data[0])] == [NAMES[0]]
    assert [p.image.name for p in portraits.mislabelled(data[0])] == list(NAMES[1:])
    assert NAMES[1] not in {path.name for path in portraits.training_images(data[0])}


def test_they_come_back_with_their_own_points(
    head: Head, data: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = {NAMES[2]}
    monkeypatch.setattr(portraits.Portrait, "held_out", property(lambda portrait: portrait.image.name in held_out))
    count = relabelled.build(head, data[0], tmp_path, data[0] / "answers", copies=2)
    assert count == 2, "one is held out, one is cut off"
    shards = sorted(path.name for path in (tmp_path / "portraits_train").iterdir())
    assert shards == ["relabelled_000", "relabelled_001", "relabelled_002"]
    pool = Pool(tmp_path / "portraits_train")
    assert len(pool) == 3 * 2 * 4, "dark skins of faker come up four times"
    batch = pool.take(np.arange(len(pool)))
    for image, points in zip(batch["image"], batch["points"], strict=True):
        row, column = np.argwhere(image.min(2) > 180).mean(0)
        found = ((np.array([column, row]) + 0.5) / 144 * 2 - 1) * STORED
        assert np.linalg.norm(found - points[4]) < 0.05, "the dot lies at the tip of the nose"
    assert batch["teacher"].min() == np.float32(0.25)


def test_other_pictures_are_asked_about_anew(
    data: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, paths = data[0] / "answers", [data[0] / "faces" / "images" / name for name in NAMES]
    np.testing.assert_array_equal(picture_answers(paths[1:], answers)[0], data[1])
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    for folder, some in ((answers, paths[:2]), (tmp_path, paths[1:])):
        with pytest.raises(AssetError, match="teacher-missing"):
            picture_answers(some, folder)
