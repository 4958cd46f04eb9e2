"""Photos and videos on a simulated Ray cluster: what breaks stops nothing, what is there is not made again."""

import base64
import csv
from itertools import islice

import av
import browser_support
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
from batch_actor import Doubler
from video_support import write
from waiting import wait_until

from face3d_live.cli.app import app
from face3d_live.cluster.batch import Machines, read_lists, spread
from face3d_live.cluster.running import start_all
from face3d_live.errors import InputError
from face3d_live.train.command import drawing_arguments, plain_skins
from face3d_live.train.data.pool import Pool
from face3d_live.train.synthetic import generate


def faces():
    """The sample's pictures."""
    with av.open(str(browser_support.SAMPLE)) as source:
        for frame in source.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def run(*arguments):
    return app([str(argument) for argument in arguments], standalone_mode=False)


def test_lists_of_addresses(tmp_path):
    table = pyarrow.table({"n": [1, 2, 3], "photo": ["a.jpg", "s3://bucket/b.jpg", None]})
    pyarrow.parquet.write_table(table, tmp_path / "list.parquet")
    pyarrow.csv.write_csv(table.select(["photo"]), tmp_path / "list.csv")
    for name in ("list.parquet", "list.csv"):
        assert [path.name for path in read_lists([tmp_path / name, tmp_path / "c.jpg"])] == ["a.jpg", "b.jpg", "c.jpg"]
    (tmp_path / "bad.parquet").write_bytes(b"no")
    with pytest.raises(InputError, match="bad-list"):
        read_lists([tmp_path / "bad.parquet"])


@pytest.mark.cluster
def test_a_row_that_kills_its_process_is_left_out(simulated):
    machines = Machines(simulated.address)
    made = dict(spread({str(n): {"n": n} for n in (1, 13, 2, 3)}, Doubler, (2,), machines))
    assert {key: row["made"] for key, row in made.items()} == {"1": 2, "2": 4, "3": 6}


@pytest.mark.cluster
@pytest.mark.slow
def test_photos_on_two_nodes(simulated, tmp_path, capsys):
    photos, out = tmp_path / "photos", tmp_path / "heads"
    photos.mkdir()
    (photos / "face.jpg").write_bytes(base64.b64decode(browser_support.still_jpeg()))
    (photos / "broken.jpg").write_bytes(b"no photo")
    command = ["reconstruct", photos, "-o", out, "--only", "structure", "--device", "cpu", "--ray", simulated.address]
    assert run(*command) == 1
    said = capsys.readouterr()
    assert "error: not-an-image" in said.err and f"{out / 'face'}: structure" in said.out
    assert (out / "face" / "structure.png").stat().st_size > 1000 and not (out / "broken").exists()
    rows = {row["folder"]: row for row in pyarrow.parquet.read_table(out / "summary.parquet").to_pylist()}
    assert {name: row["state"] for name, row in rows.items()} == {"face": "done", "broken": "failed"}
    assert rows["face"]["confidence"] > 0.3 and rows["broken"]["code"] == "not-an-image"
    (photos / "broken.jpg").unlink()
    assert run(*command) == 0  # nothing is left to do
    assert "there already" in capsys.readouterr().out
    with (out / "summary.csv").open() as table:
        assert [row["state"] for row in csv.DictReader(table)] == ["skipped"]
    assert run(*command, "--fuse") == 1 and "bad-option" in capsys.readouterr().err


@pytest.mark.cluster
@pytest.mark.slow
def test_videos_on_two_nodes(simulated, tmp_path, capsys):
    broken, short = tmp_path / "broken.mp4", tmp_path / "short.mp4"
    broken.write_bytes(b"no video")
    write(short, list(islice(faces(), 6)))
    out = tmp_path / "tracks"
    command = ["track", short, broken, "-o", out, "--device", "cpu", "--ray", simulated.address]
    assert run(*command) == 1
    said = capsys.readouterr()
    assert "error: not-a-video" in said.err and "frames, face in 100%" in said.out
    assert (out / "short.npz").is_file() and not (out / "broken.npz").exists()
    rows = pyarrow.parquet.read_table(out / "summary.parquet").to_pylist()
    assert [(row["video"], row["state"]) for row in rows] == [
        (str(short), "done"),
        (str(broken), "failed"),
    ]
    assert run(*command) == 1
    assert "there already" in capsys.readouterr().out


@pytest.mark.cluster
@pytest.mark.slow
def test_training_faces_are_drawn_on_the_nodes(simulated, tmp_path):
    skins = plain_skins(tmp_path / "skins")
    arguments = drawing_arguments(tmp_path, tmp_path / "no-data", skins, 2)
    few = ["--shards", "1", "--count", "1"]
    drawing = start_all(simulated.address, generate.__name__, [[*each, *few] for each in arguments])
    try:
        wait_until(lambda: all(each.poll() == 0 for each in drawing), 100)
        assert len(Pool(tmp_path / "synthetic")) == 2
    finally:
        for each in drawing:
            each.terminate()
    (failing,) = start_all(simulated.address, "no.such.module", [[]])
    wait_until(lambda: failing.poll() == 1)
    failing.terminate()
