"""Log lines: JSON or text, session ids in, session descriptions, tokens and addresses out."""

import json
import logging
import subprocess
import sys

import pytest
from fuzz_targets import OFFER

from face3d_live.live import logs

SESSION = "a1b2c3d4e5f60718"


def lines(*arguments, form="json", error=None, secrets=("s3cret",)):
    formatter = logs.JsonFormatter(secrets) if form == "json" else logs.TextFormatter(secrets)
    record = logging.LogRecord("face3d_live.x", logging.WARNING, "f", 1, arguments[0], arguments[1:], error)
    return formatter.format(record)


def raised():
    try:
        raise ValueError(f"at 203.0.113.9 with s3cret\n{OFFER}")
    except ValueError:
        return sys.exc_info()


def test_json_lines_have_their_session():
    plain = json.loads(lines("session %s: connection %s", SESSION, "closed"))
    assert (
        plain["session"] == SESSION and plain["level"] == "warning" and plain["message"].endswith("connection closed")
    )
    assert plain["time"].endswith("+00:00") and "session" not in json.loads(lines("the engine died"))


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("what", [
    *OFFER.strip().split("\n")[7:14], "203.0.113.9", "10.0.0.7:49983", "[2001:db8::17]:80", "fe80::1",
    "::ffff:10.0.0.7", "s3cret", "http://x/#token=abc-def", "?token=abc-def&x=1", "Authorization: Bearer abc-def",
    "turn:me:hunter2@x", "face3d.token.abc-def", repr(OFFER),
])  # fmt: skip
def test_what_is_nobodys_business_is_left_out(form, what):
    line = lines("session %s: failed at %s, and so on", SESSION, what, form=form, error=raised())
    for secret in (
        "203.0.113",
        "10.0.0.7",
        "2001:db8",
        "fe80",
        "s3cret",
        "abc-def",
        "hunter2",
        "4ZcD",
        "2/1muCW",
        "75:74",
    ):
        assert secret not in line, line
    assert SESSION in line and "Traceback" in line


def test_what_people_need_stays():
    text = "output osf://127.0.0.1:39539 at 12:30:45.5, version 1.2.3, 4:3, ::1, 0.0.0.0"
    assert logs.redacted(text) == text


def test_children_log_as_their_parent_does():
    code = (
        "import logging, subprocess, sys\nfrom face3d_live.live import logs\n"
        "logs.inherit() if len(sys.argv) > 1 else logs.configure('json', True)\n"
        "logging.getLogger('face3d_live.a').info('session %s: %s', 'a1b2c3d4', len(sys.argv))\n"
        "len(sys.argv) > 1 or subprocess.run([sys.executable, '-c', sys.argv[0] or CODE, 'child'], check=True)"
    )
    code = f"CODE = {code!r}\n" + code.replace("sys.argv[0] or CODE", "'CODE = 1\\n' + CODE")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert [json.loads(line)["session"] for line in done.stderr.splitlines()] == ["a1b2c3d4"] * 2
