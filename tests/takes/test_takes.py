"""Takes: lossless, recoverable after a crash at any byte, and the same in every lossless format."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from takes_support import CAMERA, HEADER, FullDisk, expression, frames, with_gap, write

from face3d_live.codes import ARKIT, HeadCodes
from face3d_live.errors import InputError
from face3d_live.rotations import from_euler
from face3d_live.takes import formats, livelink_csv
from face3d_live.takes.jsonl import Decoder, Encoder
from face3d_live.takes.model import Gap, Header, Take, TakeFrame
from face3d_live.takes.reader import TakeReader, load
from face3d_live.takes.writer import SYNC_SECONDS, TakeWriter


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "hello.jsonl", with_gap(frames()))


def same(a: Take, b: Take):
    """Bit for bit, whatever the types say."""
    for field in fields(Take):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype and left.tobytes() == right.tobytes(), field.name
        elif field.name != "notes":
            assert left == right, field.name


# --- lossless -------------------------------------------------------------------------------------------------------


def test_what_was_written_is_read(path):
    made, take = frames(), load(path)
    assert take.header == HEADER and take.camera == CAMERA and take.notes == ()
    assert take.gaps == ((5, Gap(2, "busy")),)
    assert take.t.tolist() == [frame.t - made[0].t for frame in made]
    assert take.face.tolist() == [frame.face for frame in made] and not take.face[2]
    assert take.number.tolist() == [frame.number for frame in made]
    assert len(take.shapes) == 2, "a person is written when it changes, not with every frame"
    for i, frame in enumerate(made):
        for name, values in frame.codes.to_arrays().items():
            assert take.codes(i).to_arrays()[name].tobytes() == values.tobytes(), (i, name)


any_float32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(hnp.arrays(np.float32, 52, elements=any_float32), st.floats(0, 1e7))
@settings(max_examples=200, deadline=None)
def test_every_float32_survives(values, t):
    frame = TakeFrame(1, t, True, HeadCodes(expression=values))
    again = [Decoder().record(line) for line in Encoder().record(frame).splitlines()][-1]
    assert again.codes.expression.tobytes() == values.tobytes()
    assert again.t == t


@pytest.mark.parametrize("suffix", [".npz", ".jsonl"])
def test_lossless_formats_round_trip(path, tmp_path, suffix):
    take = load(path)
    out = tmp_path / ("again" + suffix)
    formats.save_take(take, out)
    same(formats.load_take(out), take)


def test_an_empty_take_is_read_but_not_exported(tmp_path):
    take = load(write(tmp_path / "empty.jsonl", []))
    assert len(take) == 0 and take.seconds == 0
    with pytest.raises(InputError, match="empty-take"):
        formats.save_take(take, tmp_path / "out.npz")


def test_unknown_formats_are_named(path, tmp_path):
    with pytest.raises(InputError, match=r"unknown-format.*csv"):
        formats.save_take(load(path), tmp_path / "a.docx")


# --- crashes --------------------------------------------------------------------------------------------------------


def test_a_file_cut_off_anywhere_keeps_all_whole_records(path, tmp_path):
    data = path.read_bytes()
    header_end = data.index(b"\n") + 1
    cut = tmp_path / "cut.jsonl"
    for end in range(header_end, len(data), 97):
        cut.write_bytes(data[:end])
        take = load(cut)
        whole = sum(line.startswith(b'{"n"') for line in data[:end].split(b"\n")[:-1])
        assert len(take) == whole
        assert any("interrupted" in note for note in take.notes)
        assert any("cut off" in note for note in take.notes) == (data[end - 1 : end] != b"\n")
        assert all(gap.why == "busy" for _, gap in take.gaps), "a cut is at the end, not a gap"


def test_a_damaged_record_becomes_a_marked_gap(path, tmp_path):
    lines = path.read_bytes().split(b"\n")
    bad = next(i for i, line in enumerate(lines) if b'"n":104' in line)
    lines[bad] = lines[bad][:200] + b"\x00\xff" + lines[bad][202:]
    path.write_bytes(b"\n".join(lines))
    take = load(path)
    assert len(take) == 11 and (4, Gap(0, "damaged")) in take.gaps
    assert take.notes == ("1 damaged record was left out",)


@given(st.binary(max_size=300), st.integers(0, 2000))
@settings(max_examples=150, deadline=None)
def test_no_bytes_crash_the_reader(tmp_path_factory, noise, at):
    folder = tmp_path_factory.mktemp("noise")
    good = write(folder / "good.jsonl", frames(2)).read_bytes()
    mixed = folder / "mixed.jsonl"
    mixed.write_bytes(good[:at] + noise + good[at:])
    try:
        take = load(mixed)
    except InputError as error:
        assert error.code == "not-a-take"
    else:
        assert np.isfinite(take.expression).all() and np.all(np.diff(take.t) >= 0)


@pytest.mark.parametrize("line", [
    '{"n":1}', '{"n":true,"t":0}', "[]", "7", '{"gap":{"pictures":-1,"why":"busy"}}', '{"end":[]}', "[" * 20000,
    '{"gap":{"pictures":1,"why":"boredom"}}', '{"camera":{"width":0,"height":1,"focal":1}}', '{"person":{"shape":[]}}',
    '{"something":1}', '{"end":{"frames":1e400}}',
])  # fmt: skip
def test_bad_lines_are_refused(line):
    with pytest.raises(ValueError):
        Decoder().record(line)


@pytest.mark.parametrize("spoil", [
    lambda j: j.update(face=1), lambda j: j.update(t="x"), lambda j: j["expression"].pop(), lambda j: j.pop("light"),
    lambda j: j["rotation"].__setitem__(0, 9), lambda j: j.update(t=None), lambda j: j["light"].__setitem__(0, 1e99),
    lambda j: j["light"].__setitem__(0, True), lambda j: j["light"].__setitem__(0, "1"), lambda j: j.update(n=0.5),
    lambda j: j.update(t=-1), lambda j: j.update(t=1e8), lambda j: j.update(t=float("inf")),
])  # fmt: skip
def test_bad_frames_are_refused(spoil):
    plain = json.loads(Encoder().record(frames(1)[0]).splitlines()[-1])
    assert isinstance(Decoder().record(json.dumps(plain)), TakeFrame)
    spoil(plain)
    with pytest.raises(ValueError):
        Decoder().record(json.dumps(plain))


@pytest.mark.parametrize("text", ["", "{}", "hello\n", '{"face3d_take":2}\n', '{"face3d_take":1,"names":[]}\n', "\xff"])
def test_other_files_are_no_takes(tmp_path, text):
    path = tmp_path / "x.jsonl"
    path.write_text(text, "latin-1")
    with pytest.raises(InputError, match="not-a-take"):
        load(path)


@pytest.mark.parametrize("data", [b"", b"PK", b"hello"])
def test_other_npz_are_no_takes(tmp_path, data):
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    with pytest.raises(InputError, match="not-a-take"):
        formats.load_take(path)


@pytest.mark.parametrize("spoil", [
    lambda a: a.update(rotation=np.zeros_like(a["rotation"])), lambda a: a.update(t=a["t"][::-1].copy()),
    lambda a: a["light"].__setitem__((0, 0), np.nan), lambda a: a.update(person=a["person"] + 9), lambda a: a.pop("t"),
    lambda a: a.update(gap_why=np.array(["boredom"])), lambda a: a.update(expression=a["expression"][:, :5]),
    lambda a: a.update(fps=np.array(0.0)), lambda a: a.update(camera=np.array([1.0])), lambda a: a.pop("detected"),
    lambda a: a.update(created=np.array("9999-12-31T00:00:00+00:00")), lambda a: a.update(fps=np.array("fast")),
])  # fmt: skip
def test_spoilt_npz_are_no_takes(path, tmp_path, spoil):
    out = tmp_path / "x.npz"
    formats.save_take(load(path), out)
    with np.load(out) as stored:
        arrays = dict(stored)
    spoil(arrays)
    np.savez(out, **arrays)
    with pytest.raises(InputError, match="not-a-take"):
        formats.load_take(out)


def test_what_track_writes_is_a_take(tmp_path):
    face = np.array([False, True, True, False])
    codes = [frame.codes for frame in frames(4)]
    rows = {
        name: np.stack(
            [
                getattr(c, name) if seen else np.full_like(getattr(c, name), np.nan)
                for c, seen in zip(codes, face, strict=True)
            ]
        )
        for name in ("expression", "rotation", "translation")
    }
    track = {
        "fps": 25.0,
        "frame_size": [640, 480],
        "detected": face,
        "expression_names": ARKIT,
        "identity": codes[0].shape,
    }
    np.savez(tmp_path / "talk.npz", **track, **rows)
    take = formats.load_take(tmp_path / "talk.npz")
    assert take.face.tolist() == face.tolist() and take.t.tolist() == [0, 0.04, 0.08, 0.12]
    for i, shown in enumerate((1, 1, 2, 2)):
        assert np.array_equal(take.expression[i], codes[shown].expression), "without a face the last one is held"
    assert np.array_equal(take.identity, codes[0].shape) and take.camera == CAMERA


def test_missing_takes_and_folders(tmp_path):
    for name in ("no.jsonl", "no.npz"):
        with pytest.raises(InputError, match="missing-take"):
            formats.load_take(tmp_path / name)
    with pytest.raises(InputError, match="not-a-take"):
        load(tmp_path)


def test_a_killed_program_leaves_its_frames(tmp_path):
    """Killed in mid-take, without a chance to tidy up."""
    script = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from takes_support import HEADER, frames
        from face3d_live.takes.writer import TakeWriter
        take = TakeWriter(Path(sys.argv[1]), HEADER)
        for frame in frames(30):
            take.write(frame)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    path = tmp_path / "killed.jsonl"
    tests = os.fspath(Path(__file__).resolve().parents[1] / "support")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([tests, *sys.path])}
    done = subprocess.run([sys.executable, "-c", script, path], env=environment, check=False)
    assert done.returncode == -9
    take = load(path)
    assert len(take) == 30 and any("interrupted" in note for note in take.notes)


def test_the_disk_is_asked_once_a_second(tmp_path, monkeypatch):
    now, synced = [0.0], []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(now[0]))
    writer = TakeWriter(tmp_path / "a.jsonl", HEADER, clock=lambda: now[0])
    for i, frame in enumerate(frames(90)):
        now[0] = i / 30
        writer.write(frame)
    assert max(np.diff(synced)) <= SYNC_SECONDS + 1 / 30
    assert len(synced) < 6


# --- the disk -------------------------------------------------------------------------------------------------------


def test_a_full_disk_says_so_and_leaves_a_readable_take(tmp_path):
    path = tmp_path / "a.jsonl"
    disk = FullDisk(path)
    with disk.opened():
        writer = TakeWriter(path, HEADER)
    good = frames(4)
    for frame in good[:3]:
        writer.write(frame)
    disk.left = 500
    with pytest.raises(InputError, match="disk-full"):
        writer.write(good[3])
    disk.file.close()
    take = load(path)
    assert len(take) == 3 and take.notes == ("the take was not closed: its recording was interrupted",)


def test_places_that_cannot_be_written(tmp_path, path):
    with pytest.raises(InputError, match="take-exists"):
        TakeWriter(path, HEADER)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match="takes-unwritable"):
        TakeWriter(file / "a.jsonl", HEADER)
    with pytest.raises(InputError, match="takes-unwritable"):
        formats.save_take(load(path), file / "a.npz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "hello.jsonl"]


def test_times_never_run_back_and_start_at_zero(tmp_path):
    made = frames(3)
    back = [made[0], replace(made[1], t=made[0].t - 4), made[2]]
    take = load(write(tmp_path / "a.jsonl", back))
    assert take.t[0] == take.t[1] == 0 and take.t[2] > 0


def test_a_long_take_is_streamed(tmp_path, monkeypatch):
    monkeypatch.setattr("face3d_live.takes.reader.MAX_FRAMES", 10)
    path = write(tmp_path / "a.jsonl", frames(12))
    with pytest.raises(InputError, match=r"take-too-long.*trim"):
        load(path)
    with TakeReader(path) as reader:
        assert sum(isinstance(record, TakeFrame) for record in reader) == 12


# --- Live Link Face -------------------------------------------------------------------------------------------------

#: The first line of a file that the app wrote.
APP_HEADER = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,"
    "EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,"
    "EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,"
    "MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,"
    "MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,MouthPressLeft,MouthPressRight,"
    "MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,"
    "BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,"
    "TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)


def csv_rows(take):
    lines = livelink_csv.csv_text(take).splitlines()
    assert lines[0] == APP_HEADER
    return [dict(zip(APP_HEADER.split(","), line.split(","), strict=True)) for line in lines[1:]]


def test_csv_by_name(path):
    take = load(path)
    rows = csv_rows(take)
    assert len(rows) == len(take)
    for i, row in enumerate(rows):
        assert row["BlendShapeCount"] == "61"
        for k, name in enumerate(ARKIT):
            assert float(row[name[0].upper() + name[1:]]) == pytest.approx(take.expression[i, k], abs=1e-8)


def test_csv_angles(tmp_path):
    looks = expression(eyeLookOutLeft=1, eyeLookInRight=1)
    left = HeadCodes(expression=looks, rotation=from_euler(0.3, 0, 0))
    row = csv_rows(load(write(tmp_path / "a.jsonl", [TakeFrame(1, 0, True, left)])))[0]
    assert float(row["HeadYaw"]) * float(row["LeftEyeYaw"]) > 0, "head and eyes turned to the same side"
    assert abs(float(row["HeadYaw"])) == pytest.approx(0.3, abs=1e-4)
    assert float(row["LeftEyeYaw"]) == float(row["RightEyeYaw"])
    up = HeadCodes(expression=expression(eyeLookUpLeft=1, eyeLookUpRight=1), rotation=from_euler(0, -0.2, 0))
    row = csv_rows(load(write(tmp_path / "b.jsonl", [TakeFrame(1, 0, True, up)])))[0]
    assert float(row["HeadPitch"]) * float(row["LeftEyePitch"]) > 0


@pytest.mark.parametrize(("t", "fps", "code"), [
    (0.0, 30, "23:59:58:07.500"), (0.75, 30, "23:59:59:00.000"), (1.75, 30, "00:00:00:00.000"),
    (0.0, 59.94, "23:59:58:15.000"), (0.7499999, 30, "23:59:59:00.000"), (0.1, 25, "23:59:58:08.750"),
])  # fmt: skip
def test_timecodes(t, fps, code):
    assert livelink_csv.timecode(replace(HEADER, fps=fps), t) == code


@given(st.floats(0, 100_000), st.floats(0.5, 240))
@settings(max_examples=200, deadline=None)
def test_timecodes_are_the_time_of_day(t, fps):
    hours, minutes, seconds, rest = livelink_csv.timecode(replace(HEADER, fps=fps), t).split(":")
    base = max(round(fps), 1)
    assert float(rest) < base
    said = int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(rest) / base
    moment = HEADER.created + timedelta(seconds=t)
    true = moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
    assert (said - true + 43200) % 86400 - 43200 == pytest.approx(0, abs=0.6e-3 / base + 2e-6)


def test_headers_are_checked():
    with pytest.raises(ValueError):
        Header("a", HEADER.created.replace(tzinfo=None))
    with pytest.raises(ValueError):
        Header("a", HEADER.created, 0)
