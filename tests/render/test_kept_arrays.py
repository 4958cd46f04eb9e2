"""Arrays of earlier starts: found again, never those of something else, and no harm from a bad folder."""

import numpy as np
import pytest

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.render.kept_arrays import KEPT, folder, kept_array
from face3d_live.render.renderer import Renderer

SHAPE = (3, 2)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FACE3D_CACHE", str(tmp_path / "cache"))


class Maker:
    """Counts how often it makes its array."""

    def __init__(self, value=1.5):
        self.value, self.calls = value, 0

    def __call__(self):
        self.calls += 1
        return np.full(SHAPE, self.value, np.float32)

    def kept(self, *made_from):
        return kept_array(self, SHAPE, made_from or (np.arange(3), "llvmpipe"), [__file__])


def test_the_second_time_nothing_is_made():
    make = Maker()
    first, second = make.kept(), make.kept()
    assert make.calls == 1 and np.array_equal(first, second) and first.dtype == second.dtype
    assert (folder().stat().st_mode & 0o777, next(folder().iterdir()).stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize("other", [(np.arange(4), "llvmpipe"), (np.arange(3.0), "llvmpipe"), (np.arange(3), "a GPU")])
def test_what_was_made_from_something_else_is_not_taken(other):
    Maker().kept()
    make = Maker(7)
    assert make.kept(*other)[0, 0] == 7 and make.calls == 1


@pytest.mark.parametrize("damage", [b"", b"no zip", None], ids=["empty", "text", "a byte"])
def test_a_damaged_file_is_made_anew(damage):
    make = Maker()
    make.kept()
    (path,) = folder().iterdir()
    data = path.read_bytes()
    path.write_bytes(data.replace(np.float32(1.5).tobytes(), np.float32(9).tobytes()) if damage is None else damage)
    assert make.kept()[0, 0] == 1.5 and make.calls == 2
    assert make.kept()[0, 0] == 1.5 and make.calls == 2


def test_another_shape_is_made_anew():
    kept_array(lambda: np.zeros(5), (5,), ["same"], [])
    assert kept_array(lambda: np.ones(6), (6,), ["same"], []).tolist() == [1] * 6


def test_a_folder_that_cannot_be_made_costs_time_alone(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FACE3D_CACHE", str(tmp_path / "file"))
    make = Maker()
    assert make.kept()[0, 0] == make.kept()[0, 0] == 1.5 and make.calls == 2


def test_old_files_go():
    for number in range(KEPT + 3):
        Maker(number).kept(number)
    assert len(list(folder().iterdir())) == KEPT


def test_a_head_is_drawn_alike_at_the_second_start(head):
    def drawn():
        renderer = Renderer(head, 96, 96, level="low")
        picture = renderer.render(HeadCodes(translation=np.array([0, 0, -0.6], np.float32)), Camera.webcam(96, 96))
        renderer.close()
        return picture

    first = drawn()
    assert len(list(folder().iterdir())) == 2
    assert np.array_equal(drawn(), first)
