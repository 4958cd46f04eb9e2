"""Numbers and strings that enter as JSON: one reader, that lets nothing through which later fails."""

import ast
import json
import math
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face3d_live import strict_json
from face3d_live.checks import checked_finite

PACKAGE = Path(__file__).resolve().parents[1] / "face3d_live"
#: Read what the program itself wrote or ships, or (takes) check each number by itself.
TRUSTED = {
    "strict_json.py", "takes/jsonl.py", "protocols/json_stream.py", "reconstruct/report.py",
    "regress/activation_ranges.py", "regress/weights.py",
    "live/engine/stored_avatar.py", "live/studio/view.py",
}  # fmt: skip

WRONG = [
    "", " ", "{", "nul", "NaN", "Infinity", "-Infinity", "[1e999]", "-1e400", "1" + "0" * 400, "-" + "9" * 21, "01",
    "9" * 5000, "1e999999999999", '"\\ud800"', '{"\\udfff":1}', '["\\ud83d"]', '"a\\u0000b"', '"\ud800"', '"a\nb"',
    "[" * 100_000, '{"a":' * 50_000, "\0", "[1,]", "{'a':1}", "1 2",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_used_is_a_value_error(text):
    with pytest.raises(ValueError):
        strict_json.loads(text)
    with pytest.raises(ValueError):
        strict_json.loads(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b'"\xed\xa0\x80"', b"\xc3", b"\xef\xbb"])
def test_bytes_that_are_no_text(data):
    with pytest.raises(ValueError):
        strict_json.loads(data)


def test_what_can_be_used_comes_through():
    assert strict_json.loads('{"a": [1, -0, -0.0, 1e308, true, null, "\\ud83d\\ude00\\n"]}')["a"][-1] == "😀\n"
    assert strict_json.loads(b"18446744073709551616") == 2**64
    assert math.copysign(1, strict_json.loads("-0.0")) == -1
    assert strict_json.loads('["\\ud83d x", "\\u0000", "\\ud83d\\ude00"]', repair=True) == ["\ufffd x", "\ufffd", "😀"]


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()), lambda each: (
    st.lists(each) | st.dictionaries(st.text(st.characters()), each))), st.booleans())  # fmt: skip
def test_what_comes_through_can_be_written_again(plain, repair):
    try:
        read = strict_json.loads(json.dumps(plain), repair)
    except ValueError:
        return
    written = json.dumps(read, allow_nan=False, ensure_ascii=False)
    assert strict_json.loads(written.encode()) == read and "\\u0000" not in written


@pytest.mark.parametrize("value", [True, None, "1", [1], math.nan, math.inf, 10**400, -(10**400), 1j])
def test_what_is_no_number(value):
    with pytest.raises(ValueError):
        checked_finite(value, "x")


def test_large_bodies_are_quick():
    start = time.process_time()
    strict_json.loads("[" + ",".join(["0.123456"] * 300_000) + "]")
    strict_json.loads('{"a":"' + "\\u00e9" * 300_000 + '"}')
    assert time.process_time() - start < 2


@pytest.mark.slow
def test_nothing_else_in_the_package_reads_json_from_elsewhere():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("json.loads", "json.load"):
                found.add(path.relative_to(PACKAGE).as_posix())
    assert {name for name in found if not name.startswith(("train/", "head/build/", "texture/build/"))} <= TRUSTED
