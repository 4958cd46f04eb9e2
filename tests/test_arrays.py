"""Files of arrays: what is damaged is said with a code and a cure, whatever the damage."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face3d_live import arrays
from face3d_live.errors import AssetError


def whole() -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, a=np.arange(12.0).reshape(3, 4), names=np.array(["x", "yy"]))
    return out.getvalue()


WHOLE = whole()


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(WHOLE)
    with arrays.asset(path, "thing", "restore it", "make it") as stored:
        assert list(stored["names"]) == ["x", "yy"] and stored["a"][2, 3] == 11


def test_a_missing_file_tells_both_cures(tmp_path: Path) -> None:
    with pytest.raises(AssetError) as caught, arrays.asset(tmp_path / "a.npz", "thing", "restore it", "make it"):
        raise AssertionError("the block runs without a file")
    assert caught.value.code == "thing-missing" and caught.value.message.endswith("restore it or make it")


USES = [lambda s: s["none"], lambda s: s["a"].reshape(5), lambda s: s["a"][9], lambda s: int(s["names"])]


@pytest.mark.parametrize("use", USES)
def test_unexpected_arrays_are_damage_too(tmp_path: Path, use) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(WHOLE)
    with pytest.raises(AssetError) as caught, arrays.asset(path, "thing", "restore it", "make it") as stored:
        use(stored)
    assert caught.value.code == "thing-broken" and caught.value.message.endswith(": restore it")


def test_an_error_of_the_program_is_not_called_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(WHOLE)
    with pytest.raises(AttributeError), arrays.asset(path, "thing", "restore it", "make it") as stored:
        stored["a"].no_such_method()  # type: ignore[attr-defined]


def test_one_bare_array_and_pickles_are_refused() -> None:
    bare, pickled = io.BytesIO(), io.BytesIO()
    np.save(bare, np.zeros(3))
    np.savez(pickled, a=np.array([{"any": "object"}], dtype=object))
    for stream in (bare, pickled):
        stream.seek(0)
        with pytest.raises(ValueError):
            arrays.load(stream)


@settings(max_examples=300, deadline=None)
@given(
    cut=st.integers(0, len(WHOLE)),
    changes=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=6),
)
def test_no_damage_escapes_the_list(cut: int, changes: list[tuple[int, int]]) -> None:
    data = bytearray(WHOLE)
    for place, value in changes:
        data[place] = value
    with contextlib.suppress(arrays.DAMAGE):
        arrays.load(io.BytesIO(bytes(data if changes else data[:cut])))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_escape_the_list(data: bytes) -> None:
    with pytest.raises(arrays.DAMAGE):
        arrays.load(io.BytesIO(data))
