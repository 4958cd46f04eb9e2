"""Text files as editors of Windows save them: a byte order mark, UTF-16, and encodings that nothing says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from takes_support import HEADER

from face3d_live.codes import HeadCodes
from face3d_live.errors import InputError
from face3d_live.live.outputs.vtube_studio import TokenStore
from face3d_live.mapping.profile import Channel, Profile
from face3d_live.mapping.store import ProfileStore
from face3d_live.takes.formats import load_take
from face3d_live.takes.model import TakeFrame
from face3d_live.takes.reader import read_summary
from face3d_live.takes.tools import trim
from face3d_live.takes.writer import TakeWriter
from face3d_live.text import decoded
from face3d_live.track.calibration import Calibration
from face3d_live.track.profile import Profile as Person
from face3d_live.track.profile import load_profile

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
    "utf-32-le": b"\xff\xfe\0\0",
}


def saved(text: str, encoding: str) -> bytes:
    return ENCODINGS[encoding] + text.encode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_texts_are_read_by_their_mark(encoding):
    assert decoded(saved("Grüße 😀 = 1\n", encoding)) == "Grüße 😀 = 1\n"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_mappings(tmp_path, encoding):
    store = ProfileStore(tmp_path)
    store.folder.mkdir()
    text = "version = 1\r\n[channels.jawOpen]\r\ngain = 1.4\r\n"
    (store.folder / "loud.toml").write_bytes(saved(text, encoding))
    assert store.load("loud") == Profile(channels={"jawOpen": Channel(gain=1.4)})


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_calibrations(tmp_path, encoding):
    person = Person(Calibration.identity(), "Zoë")
    (tmp_path / "me.json").write_bytes(saved(person.to_text(), encoding))
    assert load_profile(tmp_path / "me.json").person == "Zoë"


@pytest.mark.parametrize("data", ["# Grüße".encode("cp1252"), "# Grüße".encode("utf-16-le"), b"\xff\xfe\x00"])
def test_other_encodings_are_named(tmp_path, data):
    store = ProfileStore(tmp_path)
    store.folder.mkdir()
    (store.folder / "loud.toml").write_bytes(data)
    with pytest.raises(InputError, match=r"UTF-8|not TOML"):
        store.load("loud")
    (tmp_path / "me.json").write_bytes(data)
    with pytest.raises(InputError, match="bad-calibration"):
        load_profile(tmp_path / "me.json")


def take_of(path, name="a"):
    with TakeWriter(path, replace(HEADER, name=name)) as take:
        for i in range(4):
            take.write(TakeFrame(i + 1, i / 30, True, HeadCodes(expression=np.full(52, 0.1 * i))))
    return path


def test_takes_with_a_mark_and_other_line_ends(tmp_path):
    path = take_of(tmp_path / "a.jsonl", "Zoë")
    plain = load_take(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    take = load_take(path)
    assert take.header.name == "Zoë"
    assert not take.notes
    assert (take.expression == plain.expression).all()
    assert read_summary(path).frames == 4
    trim(path, tmp_path / "b.jsonl", 0.0, None)
    assert (tmp_path / "b.jsonl").read_bytes().startswith(b'{"face3d_take"')


def test_takes_in_utf_16_are_refused_with_a_cure(tmp_path):
    path = take_of(tmp_path / "a.jsonl")
    path.write_bytes(path.read_text("utf-8").encode("utf-16"))
    with pytest.raises(InputError, match="save it as UTF-8"):
        load_take(path)


def test_tokens_of_vtube_studio(tmp_path):
    tokens = TokenStore(tmp_path)
    (tmp_path / "vtube-studio.json").write_bytes(saved(json.dumps({"localhost:8001": "secret"}), "utf-8-sig"))
    assert tokens.get("localhost:8001") == "secret"
