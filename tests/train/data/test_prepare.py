"""What a training folder is given before the first step."""

from pathlib import Path

import pytest

from face3d_live.errors import AssetError
from face3d_live.head.model import Head
from face3d_live.train.data import clips, portraits, prepare, turned


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Stands in for the long work; what was asked for, in order."""
    done: list[str] = []

    def pools(name: str) -> None:
        done.append(name)
        (tmp_path / "pool" / "portraits_train").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(portraits, "load_index", lambda data: [])
    monkeypatch.setattr(prepare, "build_library", lambda data, out: done.append("skins") or out.mkdir())
    monkeypatch.setattr(portraits, "build", lambda *args: pools("portraits"))
    monkeypatch.setattr(turned, "build", lambda *args: pools("turned"))

    def frames(head: Head, data: Path, pool: Path, answers: Path) -> None:
        assert (pool, answers) == (tmp_path / "pool", tmp_path / "teacher")
        done.append("clips")
        (pool / "portraits_train" / clips.SHARDS[0]).mkdir()

    monkeypatch.setattr(clips, "build", frames)
    (tmp_path / "pool" / "synthetic_heldout").mkdir(parents=True)
    return done


def test_everything_is_made_once(made: list[str], tmp_path: Path) -> None:
    for _ in range(2):
        prepare.prepare(Head.load(), tmp_path, tmp_path / "data")
    assert made == ["skins", "portraits", "turned", "clips"]


def test_without_mediapipe_it_trains_without_clips_and_says_so(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(code: str) -> None:
        def build(*_: object) -> None:
            raise AssetError(code, "MediaPipe is missing: install it")

        monkeypatch.setattr(clips, "build", build)

    fails("teacher-missing")
    prepare.prepare(Head.load(), tmp_path, tmp_path / "data")
    assert "no frames of clips" in capsys.readouterr().out
    fails("teacher-broken")
    with pytest.raises(AssetError, match="teacher-broken"):
        prepare.prepare(Head.load(), tmp_path, tmp_path / "data")
