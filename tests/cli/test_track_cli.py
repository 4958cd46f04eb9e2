"""`track` on files: every key of the contract, NaN rows, bad input, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from track_cli_helpers import Bright, FlatHead, fake_tracker, write_video

from face3d_live.codes import ARKIT, N_TEXTURE
from face3d_live.errors import InputError
from face3d_live.track.track_video import Summary, save, track_video
from face3d_live.track.tracker import Tracker

LEVELS = [200] * 20 + [0] * 20 + [120] * 20


@pytest.mark.parametrize("smooth", [True, False])
def test_the_file_holds_what_the_contract_says(tmp_path, smooth):
    video, out = write_video(tmp_path / "a.mp4", LEVELS), tmp_path / "deep" / "out.npz"
    summary = track_video(video, out, smooth=smooth, progress=False, tracker=fake_tracker(smooth))
    frames = len(LEVELS)
    with np.load(out) as z:
        got = {key: z[key] for key in z.files}
    expected = {
        "fps": ((), np.float64), "frame_size": ((2,), np.int32), "detected": ((frames,), np.bool_),
        "t": ((frames,), np.float64),
        "expression": ((frames, 52), np.float32), "landmarks": ((frames, 68, 2), np.float32),
        "rotation": ((frames, 3, 3), np.float32), "translation": ((frames, 3), np.float32),
        "shape": ((frames, 80), np.float32), "texture": ((frames, N_TEXTURE), np.float32),
        "identity": ((80,), np.float32), "ms": ((frames,), np.float32), "confidence": ((frames,), np.float32),
    }  # fmt: skip
    assert set(got) == {*expected, "expression_names"}
    for key, (shape, dtype) in expected.items():
        assert (key, got[key].shape, got[key].dtype) == (key, shape, dtype)
    assert tuple(got["expression_names"]) == ARKIT
    assert got["fps"] == pytest.approx(30)
    assert got["frame_size"].tolist() == [128, 96]
    found = got["detected"]
    assert found[:20].all()
    assert not found[20:40].any()
    assert found[42:].all()
    for key in ("expression", "landmarks", "rotation", "translation", "shape", "texture"):
        assert np.isfinite(got[key][found]).all(), key
        assert np.isnan(got[key][~found]).all(), key
    jaw = got["expression"][:, ARKIT.index("jawOpen")]
    assert jaw[15] == pytest.approx(200 / 255, abs=0.02)
    assert jaw[59] == pytest.approx(120 / 255, abs=0.02)
    assert got["identity"] == pytest.approx(np.full(80, 0.5), abs=1e-4)
    assert (got["ms"] > 0).all()
    assert summary.frames == frames
    assert summary.detected == pytest.approx(found.mean())
    assert "60 frames" in str(summary)
    assert list(out.parent.iterdir()) == [out]  # nothing else left behind


def test_a_face_seen_badly_is_said_so(tmp_path):
    tracker = fake_tracker(confidence=0.2)
    summary = track_video(write_video(tmp_path / "a.mp4", [200] * 9), tmp_path / "o.npz", False, tracker=tracker)
    assert summary.warning is not None
    assert "confidence 0.20" in str(summary)
    with np.load(tmp_path / "o.npz") as z:
        assert z["confidence"] == pytest.approx(np.full(9, 0.2))


def test_no_face_at_all(tmp_path):
    summary = track_video(write_video(tmp_path / "a.mp4", [0] * 12), tmp_path / "o.npz", tracker=fake_tracker())
    assert summary.detected == 0
    with np.load(tmp_path / "o.npz") as z:
        assert np.isnan(z["expression"]).all()
        assert np.isnan(z["identity"]).all()
        assert z["expression"].shape == (12, 52)


def test_cut_off_video_is_tracked_as_far_as_it_goes(tmp_path):
    path = write_video(tmp_path / "a.mkv", [int(v) for v in 60 + 150 * np.random.default_rng(0).random(90)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    summary = track_video(path, tmp_path / "o.npz", progress=False, tracker=fake_tracker())
    assert 5 < summary.frames < 90
    assert summary.warning is not None
    assert "cut off" in summary.warning


@pytest.mark.parametrize(("content", "code"), [(b"", "empty-video"), (b"some text\n" * 99, "not-a-video")])
def test_bad_videos_leave_no_file(tmp_path, content, code):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        track_video(path, tmp_path / "o.npz", progress=False, tracker=fake_tracker())
    assert caught.value.code == code
    assert not (tmp_path / "o.npz").exists()


def test_an_existing_file_survives_a_failure(tmp_path):
    out = tmp_path / "o.npz"
    save(out, {"a": np.arange(3)})
    video = write_video(tmp_path / "a.mp4", LEVELS)

    class Failing(Tracker):
        def update(self, rgb, t, estimate=None):
            raise RuntimeError("no")

    world = Bright()
    with pytest.raises(RuntimeError):
        track_video(video, out, progress=False, tracker=Failing(world, FlatHead(), world))
    with np.load(out) as z:
        assert z["a"].tolist() == [0, 1, 2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "o.npz"]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot-write"):
        save(tmp_path / "file" / "o.npz", {"a": np.arange(3)})


def test_the_bar_does_not_change_the_result(tmp_path, capsys):
    video = write_video(tmp_path / "a.mp4", LEVELS)
    summary = track_video(video, tmp_path / "o.npz", progress=True, tracker=fake_tracker())
    assert summary.frames == len(LEVELS)
    assert capsys.readouterr().out == ""  # the bar is on stderr: stdout is for the summary


def test_summary_reads_well():
    text = str(Summary(Path("o.npz"), 90, 0.5, 41.23))
    assert text == "o.npz: 90 frames, face in 50%, 41.2 ms per frame"
    assert str(Summary(Path("o.npz"), 90, 0.5, 41.23, "cut off")) == f"{text}\nwarning: cut off"
