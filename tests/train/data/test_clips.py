"""Frames of clips as samples: the split by person, one shape, labels that lie on the picture, lids that close."""

import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from face3d_live.camera import Camera
from face3d_live.codes import ARKIT, INDEX, MIRROR, N_EXPRESSION, HeadCodes
from face3d_live.errors import AssetError, InputError
from face3d_live.head.model import Head
from face3d_live.head.points import MIRROR_478
from face3d_live.regress.crop import crop_from_points
from face3d_live.regress.estimate import codes_from
from face3d_live.regress.fit import Fitter
from face3d_live.regress.prediction import Prediction
from face3d_live.rotations import angle_between, from_euler
from face3d_live.train.data import clips, lids, teacher
from face3d_live.train.data.pool import STORED, Pool, project

ALL = ("again", "brother", "eat", "help", "hungry", "milk", "night", "no", "sister", "sorry", "student", "want", "yes")
CAMERA = Camera.webcam(320, 240)
LENGTH = 14


def face(i: int, shape: np.ndarray) -> HeadCodes:
    """Frame i of a clip: a head that turns slowly, blinks in frames 4 and 5, opens its mouth from frame 8 on."""
    expression = np.zeros(N_EXPRESSION, np.float32)
    expression[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = 0.6 if i in (4, 5) else 0
    expression[INDEX["jawOpen"]] = max(0, i - 8) * 0.12
    rotation = from_euler(*np.radians((i - 6.0, 4.0, 0.5 * i)))
    return HeadCodes(shape, expression, rotation=rotation, translation=np.array([0.2 - 0.01 * i, 0.1, -0.9]))


def seen(head: Head, codes: HeadCodes) -> np.ndarray:  # (478, 2) pixels
    points = head.points(head.vertices(codes.shape, codes.expression)) @ codes.rotation.T + codes.translation
    return CAMERA.project(points)


@pytest.fixture(scope="module")
def data(head: Head, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[HeadCodes]]:
    """Two clips of one known head with a white dot on its nose and a green one on its right brow, the teacher's
    answers (kept in `answers`) and a folder of portraits' answers. The face of the last frame is lost."""
    root = tmp_path_factory.mktemp("data")
    for name in ("clips", "answers", "faces"):
        (root / name).mkdir()
    rng = np.random.default_rng(0)
    shape, truth = rng.normal(size=80).astype(np.float32) * 0.7, []
    np.savez(
        root / "faces" / "teacher.npz", blendshapes=np.zeros((9, 52), np.float32), blendshape_names=np.array(ARKIT)
    )
    for clip in ("again", "student"):
        codes = [face(i, shape) for i in range(LENGTH)]
        points = np.array([seen(head, one) for one in codes], np.float32)
        with av.open(str(root / "clips" / f"{clip}.mkv"), "w") as out:
            stream = out.add_stream("mjpeg", rate=30)
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj444p"
            for marks in points:
                picture = np.full((240, 320, 3), 60, np.uint8)
                cv2.circle(picture, tuple(int(v) for v in marks[4]), 3, (255, 255, 255), -1)
                cv2.circle(picture, tuple(int(v) for v in marks[105]), 2, (0, 255, 0), -1)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            out.mux(stream.encode())
        points = points + rng.normal(0, 0.1, points.shape).astype(np.float32)
        points[-1] = np.nan
        scores = np.array([one.expression for one in codes])
        spread = np.full((LENGTH, 478), 0.1, np.float32)
        spread[:, 152] = 5
        np.savez(root / "answers" / f"{clip}.steady.npz", points=points, scores=scores, spread=spread)
        truth += codes
    (root / "clips" / "eat.mkv").write_bytes(b"nobody may open this")
    return root, truth


@pytest.fixture(scope="module")
def frames(head: Head, data: tuple[Path, list[HeadCodes]]) -> list[clips.LabelledFrame]:
    return clips.ClipLabeller(head, data[0], data[0] / "answers").label(("again", "student"))


def test_the_clips_of_other_people_are_refused(head: Head, data: tuple[Path, list[HeadCodes]], tmp_path: Path) -> None:
    root = data[0]
    assert set(clips.PEOPLE["signer"]) == {"again", "brother", "help", "no", "student", "yes"}, "all of one person"
    assert len(clips.PEOPLE) == 7 and not {"bbaf2n", "lbbc2a"} & set(clips.TRAINING_CLIPS), "two speakers are held out"
    for clip in {*ALL, "bbaf2n", "lbbc2a"} - set(clips.TRAINING_CLIPS):
        with pytest.raises(InputError) as caught:
            clips.read_clip(clip, root, root / "answers")
        assert caught.value.code == "clip-held-out"
        with pytest.raises(InputError, match="kept for evaluation"):
            clips.build(head, root, tmp_path, root / "answers", (4, 4), {"signer": ("again", clip)})
    assert not list(tmp_path.glob("*/*")), "nothing is written"


def test_frames_with_a_hand_or_without_a_face_are_left_out(frames: list[clips.LabelledFrame]) -> None:
    """The last of each clip has no face; none of "student" up to its end is among the covered frames of this length."""
    assert len(frames) == 2 * (LENGTH - 1)


def test_covered_frames_are_left_out(data: tuple[Path, list[HeadCodes]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(clips.COVERED, "again", (3, 6))
    read = clips.read_clip("again", data[0], data[0] / "answers")
    assert len(read) == LENGTH - 1 - 4
    dots = [np.argwhere(rgb.min(2) > 180).mean(0)[::-1] for rgb, *_ in read]
    assert max(np.abs(dot - row[1][4]).max() for dot, row in zip(dots, read, strict=True)) < 1.5, "picture and points"


def test_one_shape_and_the_poses_behind_the_points(
    frames: list[clips.LabelledFrame], data: tuple[Path, list[HeadCodes]]
) -> None:
    truth = [one for i, one in enumerate(data[1]) if i % LENGTH != LENGTH - 1]
    assert all((frame.codes.shape == frames[0].codes.shape).all() for frame in frames)
    residuals = [frame.residual for frame in frames]
    assert np.median(residuals) < 0.01 and max(residuals) < clips.MOST_RESIDUAL
    turns = [angle_between(f.codes.rotation, one.rotation) for f, one in zip(frames, truth, strict=True)]
    assert np.degrees(np.mean(turns)) < 3
    jaws = np.array([[f.codes.expression[INDEX["jawOpen"]], one.expression[INDEX["jawOpen"]]]
                     for f, one in zip(frames, truth, strict=True)])  # fmt: skip
    assert np.corrcoef(jaws.T)[0, 1] > 0.97


def test_samples_explain_their_points_and_show_them(
    head: Head, frames: list[clips.LabelledFrame], data: tuple[Path, list[HeadCodes]]
) -> None:
    labeller = clips.ClipLabeller(head, data[0], data[0] / "answers")
    for frame in frames[::5]:
        sample = labeller.sample(frame, frame.rgb)
        points = head.points(head.vertices(sample["shape"], sample["expression"]))
        assert np.linalg.norm(project(points, sample) - sample["points"], axis=1).mean() < 0.03
        for point, dot in ((4, sample["image"].min(2) > 180), (105, np.ptp(sample["image"], 2) > 120)):
            row, column = np.argwhere(dot).mean(0)
            found = ((np.array([column, row]) + 0.5) / 144 * 2 - 1) * STORED
            assert np.linalg.norm(found - sample["points"][point]) < 0.05, "the dots lie where the labels say"
        assert sample["weight"][152] < 0.1 * labeller.fitter.usable[152], "the teacher was not sure of the chin"
        assert sample["texture_valid"] == sample["light_valid"] == 0
        assert sample["expression_weight"][INDEX["cheekPuff"]] == sample["teacher_weight"][INDEX["noseSneerLeft"]] == 0
        assert sample["expression_weight"][INDEX["jawOpen"]] == 1


def test_a_placement_is_what_the_program_reads_back() -> None:
    codes = face(3, np.zeros(80, np.float32))
    crop = crop_from_points(np.array([[30.0, 20], [110, 100]]))
    where = clips.placement(codes, crop, CAMERA)
    one = np.zeros((1, 1), np.float32)
    prediction = Prediction(
        expression=np.zeros((1, 52)), shape=np.zeros((1, 80)), texture=np.zeros((1, 50)), rotation=where.rotation[None],
        scale=np.array([where.scale]), position=where.position[None], light=np.zeros((1, 27)), points=one, sigma=one,
        confidence=one, coefficients=one,
    )  # fmt: skip
    back = codes_from(prediction, crop, CAMERA)
    np.testing.assert_allclose(back.rotation, codes.rotation, atol=1e-5)
    np.testing.assert_allclose(back.translation, codes.translation, atol=1e-5)


def test_lids_that_nearly_meet_are_closed_and_open_ones_left(head: Head) -> None:
    fitter, shape = Fitter(head), np.zeros(80, np.float32)
    last = 1.0
    for blink in np.linspace(1, 0, 11):
        expression = np.zeros(N_EXPRESSION, np.float32)
        expression[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = blink
        codes = face(6, shape).with_(expression=expression)
        points = CAMERA.project(fitter.points3d(codes))
        before = lids.lid_gap(points, "Left")
        moved, closed = lids.close_lids(fitter, points, codes, CAMERA)
        after, label = lids.lid_gap(moved, "Left"), closed.expression[INDEX["eyeBlinkRight"]]
        if before > lids.NARROW:
            assert moved is points and closed is codes
        if 0 < before < lids.SHUT:
            assert abs(after) < 0.02 and label > 0.95
        assert after <= before + 1e-4 and label <= last + 1e-4, "what is closed more is called so"
        assert np.abs(moved[152] - points[152]).max() < 0.01, "the chin stays"
        last = label


def test_narrow_eyes_are_no_blink(head: Head) -> None:
    """A face whose eyes the teacher always calls half closed begins its fit with open ones."""
    points = np.array([seen(head, face(i, np.zeros(80, np.float32))) for i in range(12)])
    scores = np.zeros((12, 52), np.float32)
    scores[:, INDEX["eyeBlinkLeft"]] = 0.5
    scores[:, INDEX["eyeLookOutLeft"]] = 0.4
    scores[7, INDEX["mouthPucker"]] = 0.7
    scores[:, INDEX["cheekPuff"]] = 0.9
    guess = clips.guesses(points, scores, np.full(52, 0.1))
    assert guess[0, INDEX["eyeBlinkLeft"]] < 0.1 and guess[4, INDEX["eyeBlinkLeft"]] > 0.4
    assert (guess[:, INDEX["eyeLookOutLeft"]] > 0.29).all(), "looking aside all the time is no rest"
    assert guess[7, INDEX["mouthPucker"]] == pytest.approx(0.6) and guess[:, INDEX["cheekPuff"]].max() == 0


def test_half_of_the_samples_are_rare(frames: list[clips.LabelledFrame]) -> None:
    kinds, rng = clips.rare(frames), np.random.default_rng(0)
    blinks = {i + clip * (LENGTH - 1) for clip in (0, 1) for i in (4, 5)}
    assert blinks in [set(kind.tolist()) for kind in kinds]
    drawn = clips.balanced(kinds, len(frames), 200, rng)
    counts = np.bincount(drawn, minlength=len(frames))
    assert counts.sum() == 200 and counts.min() > 0
    seldom = np.unique(np.concatenate(kinds))
    assert 90 <= counts[seldom].sum() <= 110
    assert min(counts[kind].sum() for kind in kinds) >= 100 // len(kinds)
    assert len(clips.balanced([], 5, 7, rng)) == 7, "a clip in which nothing happens"


@pytest.mark.slow
def test_shards_are_written(head: Head, data: tuple[Path, list[HeadCodes]], tmp_path: Path) -> None:
    root = data[0]
    counts = clips.build(head, root, tmp_path, root / "answers", (20, 10), {"signer": ("again", "student")})
    assert counts["frames"] == 2 * (LENGTH - 1) and counts["residual"] < 0.02
    pool = Pool(tmp_path / "portraits_train")
    assert len(pool) == 30
    batch = pool.take(np.arange(30))
    assert (batch["source"] == 1).all() and all(np.isfinite(values).all() for values in batch.values())
    assert (batch["teacher_weight"].max(1) == [1] * 20 + [0] * 10).all(), "the teacher saw no turned face"
    assert len({image.tobytes() for image in batch["image"]}) > 25, "repeated frames differ in exposure"
    yaw = np.degrees(angle_between(batch["rotation"], np.eye(3)))
    assert np.std(yaw[20:]) > np.std(yaw[:20])


def test_the_teacher_is_matched_by_name_and_its_gaps_stay() -> None:
    scores = teacher.in_order(np.array([[0.1, 0.2, 0.3], [np.nan] * 3]), ["_neutral", "jawOpen", "eyeBlinkLeft"])
    assert scores[0, INDEX["jawOpen"]] == np.float32(0.2) and scores[0].sum() == pytest.approx(0.5)
    assert np.isnan(scores[1]).all()


def test_kept_answers_need_no_teacher(tmp_path: Path) -> None:
    names = np.array(["eyeBlinkLeft", "jawOpen"])
    landmarks = np.arange(2 * 478 * 3, dtype=np.float32).reshape(2, 478, 3)
    np.savez(tmp_path / "me.npz", landmarks=landmarks, blendshapes=np.array([[0.5, 0.25]] * 2), names=names)
    points, scores = teacher.teacher_answers(Path("me.mp4"), tmp_path)
    np.testing.assert_array_equal(points, landmarks)
    assert scores[1, INDEX["jawOpen"]] == 0.25
    (tmp_path / "me.npz").write_bytes(b"no arrays")
    with pytest.raises(AssetError, match="teacher-broken"):
        teacher.teacher_answers(Path("me.mp4"), tmp_path)


def test_without_a_teacher_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(AssetError, match="pip install") as caught:
        teacher.teacher_answers(tmp_path / "none.mp4", tmp_path)
    assert caught.value.code == "teacher-missing" and not list(tmp_path.iterdir())


def test_steady_answers_average_cuts_and_mirrors(head: Head) -> None:
    """A teacher that finds a bright dot and calls every point there; in a mirror it sees the other eye blink."""
    rgb = np.zeros((240, 320, 3), np.uint8)
    rough = seen(head, face(2, np.zeros(80, np.float32)))
    x, y = (int(v) for v in rough[1])
    cv2.circle(rgb, (x, y), 4, (255, 255, 255), -1)
    looks: list[np.ndarray] = []

    def answer(picture: np.ndarray, _: int) -> teacher.Answer | None:
        looks.append(picture)
        if len(looks) == 2:
            return None
        row, column = np.argwhere(picture.min(2) > 100).mean(0) + 0.5
        mirrored = len(looks) % 2 == 0
        points = np.tile([column, row, 0.0], (478, 1))
        points[MIRROR_478[33] if mirrored else 33] += 6
        return teacher.Answer(points, [0.8], ["eyeBlinkRight" if mirrored else "eyeBlinkLeft"])

    points, scores, spread = teacher.average_answer(answer, rgb, rough.astype(np.float32))
    assert len(looks) == len(teacher.VIEWS)
    assert np.abs(points[152] - (x + 0.5, y + 0.5)).max() < 0.5
    assert scores[INDEX["eyeBlinkLeft"]] == pytest.approx(0.8) and scores[INDEX["eyeBlinkRight"]] == 0
    assert spread[33] > spread[152], "it put the eye's corner elsewhere in the mirror"
    assert MIRROR[INDEX["eyeBlinkLeft"]] == INDEX["eyeBlinkRight"]
    blind = teacher.average_answer(lambda *_: None, rgb, rough.astype(np.float32))
    assert all(np.isnan(part).all() for part in blind)
