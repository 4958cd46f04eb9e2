"""`run_live.py` as a user starts it, with the real model."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, str(ROOT / "run_live.py")]


@contextlib.contextmanager
def start(*arguments):
    pipe = subprocess.PIPE
    with subprocess.Popen([*PROGRAM, *arguments], stdout=pipe, stderr=pipe, text=True, cwd="/") as process:
        try:
            yield process
        finally:
            process.kill()  # where the test has failed


def test_it_starts_serves_and_ends_on_ctrl_c():
    with start("--port", "0", "--token", "a b") as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "Loading the model ...\n"
        line = process.stdout.readline()
        assert line.startswith("Face3D Live on c"), line + process.stderr.read()
        address = next(word for word in line.split() if word.startswith("http://"))
        assert address.startswith("http://localhost:") and address.endswith("/#token=a%20b")
        base = address.partition("#")[0]
        with urllib.request.urlopen(base + "healthz") as response:
            assert json.load(response)["status"] == "ok"
        with urllib.request.urlopen(
            urllib.request.Request(base + "api/sessions", headers={"Authorization": "Bearer a b"})
        ) as response:
            assert json.load(response) == {"sessions": []}
        with urllib.request.urlopen(base) as response:
            assert b"<script" in response.read()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=15)
        assert (process.returncode, errors) == (0, "")


def test_ctrl_c_while_it_loads():
    with start("--port", "0") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=15)
        assert (process.returncode, errors) == (0, "")


def test_a_taken_port_and_a_missing_source_are_told_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start("--port", str(port)) as process:
            output, errors = process.communicate(timeout=30)
        assert process.returncode == 1 and output == ""
        assert errors == f"error: port-taken: port {port} is in use: end the other program, or choose another with " \
                         f"--port {port + 1}\n"  # fmt: skip
    with start("--source", "/no/such/clip.mp4") as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1 and errors.startswith("error: missing-video: ") and errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--host", "no.such.host.invalid"], "bad-host"),
        (["--port", "99999"], "bad-port"),
        (["--limit", "seats=3"], "bad-limit"),
    ],
)
def test_options_that_are_none(arguments, code):
    with start(*arguments) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and errors.startswith(f"error: {code}: ") and errors.count("\n") == 1


def test_the_help_names_every_option():
    text = subprocess.run([*PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    for option in ("--host", "--port", "--device", "--token", "--source"):
        assert option in text
    assert "127.0.0.1" in text and "8080" in text
