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
import yaml

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


# --- clusters ---------------------------------------------------------------------------------------------------------


def cluster_commands(text):
    """The `face3d-live` lines of a file: (words of the command, its options)."""
    joined = text.replace("\n              ", " ")
    for line in re.findall(r"face3d-live ((?:live|cluster) [^\n&>]*)", joined):
        words = shlex.split(line)
        yield words, used(words)


@pytest.mark.parametrize("name", ["cluster.yaml", "kuberay.yaml"])
def test_clusters_start_the_program_with_options_that_it_has(name):
    text = (DEPLOY / name).read_text()
    found = list(cluster_commands(text))
    assert {words[0] for words, _ in found} == {"live", "cluster"}
    for words, options in found:
        command = CLI.commands["live"] if words[0] == "live" else CLI.commands["cluster"].commands[words[1]]
        assert options <= {name for each in command.params for name in each.opts}, words
    assert text.count("disable-usage-stats") >= 2 and "include-dashboard" in text
    documents = list(yaml.safe_load_all(text))
    assert all(isinstance(document, dict) for document in documents)


def test_ports_of_media_are_those_that_the_cluster_opens():
    rules = yaml.safe_load((DEPLOY / "cluster.yaml").read_text())["provider"]["security_group"]["IpPermissions"]
    (udp,) = [rule for rule in rules if rule["IpProtocol"] == "udp"]
    for name in ("cluster.yaml", "kuberay.yaml"):
        assert f"--media-ports {udp['FromPort']}-{udp['ToPort']}" in (DEPLOY / name).read_text()


def test_the_image_of_a_cluster_asks_for_rays_token_and_tells_nobody():
    text = (DEPLOY / "cluster.Dockerfile").read_text()
    for setting in ("RAY_USAGE_STATS_ENABLED=0", "RAY_AUTH_MODE=token", "RAY_AUTH_TOKEN_PATH=/run/secrets/ray_token"):
        assert setting in text
    assert re.search(r"^USER ray$", text, re.M) and "[${EXTRAS}]" in text
