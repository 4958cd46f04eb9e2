"""File names that are not UTF-8: paths keep their bytes, the terminal gets them, files and messages show them."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from track_cli_helpers import fake_tracker, write_video

from face3d_live.errors import InputError
from face3d_live.reconstruct import batch, outcome
from face3d_live.takes import record, tools
from face3d_live.takes.formats import load_take
from face3d_live.takes.reader import load
from face3d_live.text import shown
from face3d_live.track.track_video import track_video

NAME = os.fsdecode(b"caf\xe9")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")


@pytest.mark.parametrize(("name", "text"), [
    ("plain é 😀.mp4", "plain é 😀.mp4"), (NAME, "caf\\xe9"), (Path(NAME) / "é", "caf\\xe9/é"), ("\ud800", "\\ud800"),
])  # fmt: skip
def test_what_is_shown(name, text):
    assert shown(name) == text


def test_errors_can_be_sent_and_printed():
    error = InputError("no-file", f"{NAME} is not there")
    assert str(error).encode() == b"no-file: caf\\xe9 is not there"
    assert json.dumps({"message": error.message}, ensure_ascii=False).encode()


@pytest.mark.slow
def test_takes_of_such_videos_with_such_names(tmp_path):
    video = write_video(tmp_path / f"{NAME}.mp4", [200] * 8)
    out = tmp_path / f"{NAME}.jsonl"
    assert NAME in record.record(str(video), out, None, fake_tracker())
    header = load(out).header
    assert (header.name, header.source) == ("caf\\xe9", "caf\\xe9.mp4")
    assert "caf\\xe9" in tools.describe(out)
    for suffix in (".npz", ".csv", ".bvh", ".glb", ".vrma", ".jsonl"):
        made = tmp_path / f"{NAME}-2{suffix}"
        tools.export(out, made)
        assert made.stat().st_size > 100
    tools.recover(out, None)
    assert (tmp_path / f"{NAME}-recovered.jsonl").is_file()
    track_video(video, tmp_path / f"{NAME}-3.npz", tracker=fake_tracker())
    load_take(tmp_path / f"{NAME}-3.npz").header.name.encode()


def test_the_table_of_photos(tmp_path):
    (tmp_path / "photos").mkdir()
    photo = tmp_path / "photos" / f"{NAME}.jpg"
    photo.write_bytes(b"no picture")
    task = outcome.Task(photo, tmp_path / "heads" / NAME)
    outcomes = [outcome.Outcome(task, "failed", "unreadable", f"{photo} is no picture")]
    batch.write_summary(outcomes, tmp_path / "heads")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "heads" / "summary.csv").read_text("utf-8"))))
    assert rows[0]["photo"].endswith("photos/caf\\xe9.jpg")
    assert rows[0]["folder"] == "caf\\xe9"


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict", "latin-1:strict"])
@pytest.mark.slow
def test_the_program_prints_them_on_any_terminal(tmp_path, encoding):
    """In a process of its own, as the terminal's encoding is set when Python starts."""
    take = tmp_path / f"{NAME} ü.jsonl"
    record.record(str(write_video(tmp_path / "v.mp4", [200] * 4)), take, None, fake_tracker())
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"}
    for arguments, status in ((["info", take], 0), (["trim", take, "-o", tmp_path / f"{NAME}-b.jsonl"], 0),
                              (["info", tmp_path / f"{NAME}-none.jsonl"], 1)):  # fmt: skip
        program = [sys.executable, "-m", "face3d_live", "takes", *arguments]
        done = subprocess.run(program, env=environment, capture_output=True, check=False)
        assert done.returncode == status, done.stderr
        assert b"Traceback" not in done.stderr
        if arguments[0] == "trim":
            assert b"caf\xe9-b.jsonl" in done.stdout


def test_a_fused_head_names_its_pictures():
    from face3d_live.reconstruct.reconstructor import Reconstructor

    maker = Reconstructor("cpu")
    with pytest.raises(ValueError, match=r"caf\\xe9"):
        maker.person([(NAME, np.zeros((4, 4, 3), float))])
