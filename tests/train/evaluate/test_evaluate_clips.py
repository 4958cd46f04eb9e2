"""Clips against another tracker: figures of tracks that are known, and frames of a real file through a stand-in."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from face3d_live import rotations
from face3d_live.camera import Camera
from face3d_live.codes import INDEX, N_EXPRESSION, HeadCodes
from face3d_live.head.model import Head
from face3d_live.paths import WEB_CLIENT
from face3d_live.track.detector import Detector
from face3d_live.track.types import Tracked
from face3d_live.train.command import plain_skins
from face3d_live.train.data.clips import find_clips, frame_size
from face3d_live.train.evaluate import clips, rendered_clips, signals
from face3d_live.train.synthetic.generate import Generator
from face3d_live.video import Video

FPS, FRAMES = 30.0, 120
SAMPLE = WEB_CLIENT / "sample" / "sample.mp4"


def track(seed: int = 0, noise: float = 0.0) -> clips.Track:
    """A face of 80 px that talks, smiles, blinks at frames 30 and 90, looks about, and turns in the second half."""
    rng, t = np.random.default_rng(seed), np.arange(FRAMES) / FPS
    expression = np.zeros((FRAMES, N_EXPRESSION))
    for phase, name in enumerate(("jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "eyeLookOutLeft")):
        expression[:, INDEX[name]] = 0.4 + 0.3 * np.sin(2 * np.pi * (0.9 * t + 0.13 * phase))
    for frame in (30, 90):
        for name in ("eyeBlinkLeft", "eyeBlinkRight"):
            expression[frame - 2 : frame + 3, INDEX[name]] = (0.3, 0.7, 0.9, 0.7, 0.3)
    turn = np.radians(20) * np.clip((t - 2) / 2, 0, 1)
    rotation = np.stack([rotations.from_euler(yaw, 0, 0) for yaw in turn])
    face = np.random.default_rng(7).uniform(0, 80, (68, 2))
    face[36], face[45] = (10, 30), (60, 30)  # the eyes' outer corners, 50 px apart
    landmarks = face + turn[:, None, None] * 300 + rng.normal(0, 1, (FRAMES, 68, 2)) * noise
    return clips.Track(expression, landmarks, rotation)


def figures(ours: clips.Track, theirs: clips.Track, sharp: np.ndarray | None = None) -> dict[str, Any]:
    return clips.clip_figures(ours, theirs, ours.expression if sharp is None else sharp, FPS)


def test_a_tracker_agrees_with_itself() -> None:
    same = figures(track(noise=0.1), track(noise=0.1))
    assert set(same["r"]) == {
        "jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "eyeBlinkLeft", "eyeBlinkRight", "gaze sideways",
    }  # fmt: skip
    assert same["r"] == pytest.approx(dict.fromkeys(same["r"], 1.0))
    assert same["rotation_degrees"] == pytest.approx(0, abs=0.05) and same["landmarks_percent"] == 0
    assert same["shake"][0] == same["shake"][1] > 0
    assert same["blinks"] == {"seen": 2, "found": 2, "false": 0}
    assert same["delay"] == pytest.approx(0, abs=0.01)
    together = clips.group_figures([same, same])
    assert together["pooled_r"] == pytest.approx(1) and set(together["pooled"]) == set(same["r"])
    assert together["jitter"] == pytest.approx(1) and together["mean_r"] == pytest.approx(1)
    assert together["median_slope"] == pytest.approx(1) and together["least_slope"] == pytest.approx(1)
    assert together["blinks"] == {"seen": 4, "found": 4, "false": 0} and together["false_blinks_a_minute"] == 0


def test_only_frames_at_rest_count_for_jitter() -> None:
    result = figures(track(1, noise=0.2), track(2, noise=0.1))
    assert 40 < result["rest_frames"] < 70  # the second half turns
    assert clips.group_figures([result])["jitter"] == pytest.approx(2, rel=0.1)
    assert result["landmarks_percent"] == pytest.approx(100 * np.hypot(0.1, 0.2) * np.sqrt(np.pi / 2) / 50, rel=0.05)


def test_three_frames_late() -> None:
    theirs = track()
    late = replace(theirs, expression=np.roll(theirs.expression, 3, 0))
    result = figures(late, theirs, sharp=np.roll(theirs.expression, 1, 0))
    assert result["delay"] == pytest.approx(3, abs=0.1)
    assert result["smoothing_delay"] == pytest.approx(2, abs=0.1)
    assert result["blinks"]["found"] == 2  # a tenth of a second is near enough


def test_a_constant_turn_of_the_head_frame_is_no_error_but_a_missed_turn_is() -> None:
    theirs = track()
    other = replace(theirs, rotation=theirs.rotation @ rotations.from_euler(0.1, 0.2, 0))
    assert figures(other, theirs)["rotation_degrees"] == pytest.approx(0, abs=0.05)
    still = replace(theirs, rotation=np.tile(np.eye(3), (FRAMES, 1, 1)))
    assert figures(still, theirs)["rotation_degrees"] > 4


def test_pooled_clips_count_as_much_as_they_move() -> None:
    """One clip in which the jaw moves, rightly followed, and one in which it hardly does, wrongly followed."""
    theirs, nearly = track(), track()
    jaw = INDEX["jawOpen"]
    nearly.expression[:, jaw] = 0.2 + 0.1 * (nearly.expression[:, jaw] - 0.4)
    wrong = replace(nearly, expression=nearly.expression.copy())
    wrong.expression[:, jaw] = 0.4 - nearly.expression[:, jaw]
    together = clips.group_figures([figures(theirs, theirs), figures(wrong, nearly)])
    assert together["r"]["jawOpen"] == pytest.approx(0, abs=1e-6)  # the mean of 1 and -1
    assert together["pooled"]["jawOpen"] == pytest.approx((1 - 0.01) / (1 + 0.01), abs=1e-3)


def test_half_the_movement_is_half_the_slope() -> None:
    theirs = track()
    mouth = np.linspace(0, 12, FRAMES)[:, None] * (0.5, 0)
    wide = replace(theirs, landmarks=theirs.landmarks.copy())
    wide.landmarks[:, 54] += 2 * mouth
    theirs.landmarks[:, 54] += 4 * mouth
    half = replace(wide, expression=theirs.expression / 2)
    group = clips.group_figures([figures(half, theirs)])
    assert group["mean_r"] == pytest.approx(1)
    assert group["slope"] == pytest.approx(dict.fromkeys(group["slope"], 0.5))
    assert group["median_slope"] == pytest.approx(0.5)
    assert set(group["distance_slope"]) == {"mouth width"}, "nothing else moves"
    assert group["least_distance_slope"] == pytest.approx(0.5, abs=0.1)


def test_frames_without_a_face_are_left_out() -> None:
    ours = track()
    for value in vars(ours).values():
        value[100:] = np.nan
    result = figures(ours, track())
    assert (result["frames"], result["found"]) == (FRAMES, 100)
    assert result["blinks"]["seen"] == 2 and all(np.isfinite(list(result["r"].values())))
    nothing = replace(track(), expression=np.full((FRAMES, N_EXPRESSION), np.nan))
    lost = figures(nothing, track())
    assert lost["found"] == 0 and lost["r"] == {}
    group = clips.group_figures([lost])
    assert group["mean_r"] is None and group["jitter"] is None and group["frames_found"] == 0


def test_rotations_come_from_points_in_space() -> None:
    head = Head.load()
    space = head.points(head.template)
    camera = Camera.webcam(640, 480)
    truth = np.stack([rotations.from_euler(yaw, pitch, 0.1) for yaw, pitch in ((0, 0), (0.3, 0), (-0.2, 0.2))])
    turned = np.einsum("tij,nj->tni", truth, space) * 500  # about 80 px across, seen from far away
    middle = (turned.min(1, keepdims=True) + turned.max(1, keepdims=True)) / 2  # of the picture: the ray stays
    points = (turned - middle) * (1, -1, -1) + (320, 240, 0)
    seen = clips.rotations_of(np.concatenate([points, np.full((1, 478, 3), np.nan)]), camera)
    assert np.isnan(seen[3]).all()
    between = np.degrees(rotations.angle_between(seen[1:3], truth[1:] @ truth[0].T))
    assert between == pytest.approx(np.zeros(2), abs=0.1)


def test_motions_blink_and_come_to_rest() -> None:
    motion = rendered_clips.sample_motion(np.random.default_rng(0), lambda rng: np.full(N_EXPRESSION, 0.8, np.float32))
    assert motion.expression.shape == (rendered_clips.FRAMES, N_EXPRESSION) and motion.rotation.shape == (
        rendered_clips.FRAMES,
        3,
        3,
    )
    assert motion.expression.min() >= 0 and motion.expression.max() <= 1
    lids = motion.expression[:, INDEX["eyeBlinkLeft"]]
    blinks = signals.blink_times(lids, rendered_clips.FPS)
    assert 3 <= len(blinks) <= 7 and (lids[blinks] > 0.9).all()
    assert np.median(lids) < 0.05  # between them the eyes are open, whatever the face does
    jaw = motion.expression[:, INDEX["jawOpen"]]
    assert jaw.min() < 0.05 and jaw.max() == pytest.approx(0.8, abs=0.02)
    assert np.abs(np.diff(jaw)).max() < 0.5  # no jumps


@pytest.mark.slow
def test_moving_heads_are_drawn_with_their_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture shows what the truth says: a face that a tracker knowing nothing of it finds at the landmarks."""
    monkeypatch.setattr(rendered_clips, "FRAMES", 20)
    head = Head.load()
    generator = Generator(head, tmp_path / "no-data", plain_skins(tmp_path / "skins"))
    rendered_clips.draw(generator, tmp_path / "clips", 2)
    (clip,) = rendered_clips.find_rendered(tmp_path / "clips")
    truth = rendered_clips.truth(clip)
    with Video.open(clip) as video:
        pictures = [rgb for rgb, _ in video]
    assert len(pictures) == 20 and pictures[0].shape == (rendered_clips.SIDE, rendered_clips.SIDE, 3)
    assert truth.expression.shape == (20, N_EXPRESSION) and truth.rotation.shape == (20, 3, 3)
    assert (truth.landmarks > 0).all() and (truth.landmarks < rendered_clips.SIDE).all()
    face = max(Detector.load().detect(pictures[10]), key=lambda found: found.score)
    eyes = truth.landmarks[10, [36, 45]].mean(0)
    assert np.linalg.norm(face.keypoints[:2].mean(0) - eyes) < 0.25 * truth.eyes[10]


class Seeing:
    """A tracker that sees the same face in every frame but the first."""

    def __init__(self) -> None:
        self.frames = 0

    def reset(self) -> None:
        self.frames = 0

    def update(self, rgb: np.ndarray, t: float) -> Tracked:
        self.frames += 1
        expression = np.full(N_EXPRESSION, 0.5, np.float32)
        codes, raw = HeadCodes(expression=expression), HeadCodes(expression=expression / 2)
        found = self.frames > 1
        landmarks = np.ones((68, 2), np.float32) * (1 if found else np.nan)
        camera = Camera.webcam(*rgb.shape[1::-1])
        return Tracked(found, codes, codes, raw, codes.shape, landmarks, 0.9, 1.0, camera, codes.shape)


def test_a_clip_says_its_size() -> None:
    assert frame_size(SAMPLE) == (640, 480)


def test_every_frame_of_a_file_is_followed() -> None:
    ours, sharp, fps = clips.follow(Seeing(), SAMPLE)
    assert len(ours.expression) == len(ours.rotation) == len(sharp) > 100 and fps == pytest.approx(30, abs=1)
    assert np.isnan(ours.expression[0]).all() and np.isnan(ours.rotation[0]).all()
    assert (ours.expression[1:] == 0.5).all() and (sharp[1:] == 0.25).all()


def test_held_out_clips_have_kept_answers(shared_data: Path, tmp_path: Path) -> None:
    """Answers in the form in which the teacher keeps them are read back as a track."""
    assert "sister" in {clip.stem for clip in find_clips(shared_data)}
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(100, 200, (4, 478, 3)).astype(np.float32)
    names, scores = np.array(["_neutral", "jawOpen"]), rng.random((4, 2)).astype(np.float32)
    np.savez(tmp_path / "sister.npz", landmarks=landmarks, blendshapes=scores, names=names)
    theirs = clips.reference(shared_data / "clips" / "sister.mkv", tmp_path)
    assert (theirs.expression[:, INDEX["jawOpen"]] == scores[:, 1]).all()
    assert theirs.landmarks.shape == (4, 68, 2) and theirs.rotation.shape == (4, 3, 3)
