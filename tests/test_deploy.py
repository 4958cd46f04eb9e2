"""deploy/: the unit and the image start the program with options that it has, without root, and ask for its health."""

import configparser
import http.server
import re
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import typer

from face3d_live.cli.app import app

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
ROOT = DEPLOY.parent
CLI: Any = typer.main.get_command(app)
OPTIONS = {name for each in CLI.commands["live"].params for name in each.opts}


def unit():
    parsed = configparser.RawConfigParser(strict=False, delimiters="=", comment_prefixes="#")
    parsed.optionxform = str
    parsed.read(DEPLOY / "face3d-live.service")
    return parsed


def used(words):
    return {word for word in words if word.startswith("--")}


def test_the_unit_starts_the_program_with_few_rights():
    service = unit()["Service"]
    words = shlex.split(service["ExecStart"])
    assert words[1] == "live" and used(words) <= OPTIONS and "--token-file" in words
    for key in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "RestrictNamespaces"):
        assert service[key] == "yes"
    assert service["ProtectSystem"] == "strict" and service["CapabilityBoundingSet"] == "" and service["User"] != "root"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_systemd_reads_the_unit():
    done = subprocess.run(
        ["systemd-analyze", "verify", DEPLOY / "face3d-live.service"], capture_output=True, text=True, timeout=60
    )
    complaints = [
        line for line in done.stderr.splitlines() if "face3d-live.service:" in line and "not executable" not in line
    ]
    assert not complaints


def test_the_image_runs_without_root_and_says_its_health():
    text = (DEPLOY / "Dockerfile").read_text()
    last = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER [1-9]\d*$", last, re.M) and "HEALTHCHECK" in last and "--read-only" in text
    words = re.findall(r'"([^"]+)"', last[last.index("ENTRYPOINT") :])
    assert used(words) <= OPTIONS and {"--tls", "--token-file"} <= set(words)
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M):
        assert all((ROOT / name).exists() for name in source.split()), source


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (None, 1)])
def test_the_health_check(status, code):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status or 500)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        if status is None:
            server.shutdown()
            server.server_close()
        command = [sys.executable, str(DEPLOY / "healthcheck.py"), f"http://127.0.0.1:{port}/healthz"]
        assert subprocess.run(command, capture_output=True, timeout=30).returncode == code
        if status is not None:
            server.shutdown()
