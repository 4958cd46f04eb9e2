"""A real Chromium through a gateway that is a program of its own, its media straight to the worker."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import browser_support as support
import pytest
import ray
from playwright.sync_api import sync_playwright
from waiting import wait_until

from face3d_live.cluster.names import worker_of

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

LIVE = "document.body.dataset.state === 'live'"
OFFERED = "window.connections.at(-1).remoteDescription.sdp"
#: The first message of each session.
HELLOS = "window.recorded.filter(({ type }) => type === 'hello')"


@pytest.fixture(scope="module")
def cluster(simulated):
    simulated.start()
    simulated.ready()
    yield simulated
    simulated.stop()


@pytest.fixture(scope="module")
def gateway(cluster, tmp_path_factory):
    """The address that the program printed."""
    program = subprocess.Popen(
        [sys.executable, str(support.ROOT / "run_live.py"), "--port", "0", "--cluster", cluster.address],
        stdout=subprocess.PIPE,
        text=True,
        cwd=support.ROOT,
    )
    lines = iter(program.stdout.readline, "")
    yield next(found[1] for line in lines if (found := re.search(r"Gateway to 2 workers: open (\S+)", line)))
    program.send_signal(signal.SIGINT)
    assert program.wait(20) == 0


def test_a_page_whose_worker_dies_or_is_drained_goes_on_with_another(cluster, gateway, tmp_path):
    flags = [*support.FLAGS, f"--use-file-for-fake-video-capture={support.camera_file(tmp_path)}"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=support.CHROMIUM, args=flags)
        context = chromium.new_context()
        context.grant_permissions(["camera"])
        context.add_init_script(support.FEW_PICTURES + support.RECORDER + support.CONNECTIONS)
        page = context.new_page()
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(gateway)
        page.click("#start")
        first = live_on(page, 1)
        where = cluster.where(first)
        ports = set(re.findall(r"^a=candidate:\S+ 1 udp \d+ \S+ (\d+) typ host", page.evaluate(OFFERED), re.M))
        assert ports & udp_ports(where["server_pid"])  # of the worker, not of the gateway
        began = time.monotonic()
        os.kill(where["pid"], signal.SIGKILL)
        second = live_on(page, 2)
        print(f"killed: went on after {time.monotonic() - began:.2f} s")
        wait_until(lambda: all(load.ready for load in cluster.table().values()))
        began = time.monotonic()
        assert ray.get(cluster.controller.drain.remote(second, True))
        third = live_on(page, 3)
        print(f"drained: went on after {time.monotonic() - began:.2f} s")
        assert first != second != third and faults == []
        page.click("#stop")
        chromium.close()
    wait_until(lambda: not any(load.sessions for load in cluster.table().values()))
    with urllib.request.urlopen(gateway + "metrics") as answer:
        assert b"face3d_gateway_resumed_total 2.0" in answer.read()


def live_on(page, connection):
    """The worker of the page's session, once its so-many-th connection shows pictures."""
    support.until(page, f"window.connections.length >= {connection} && {LIVE} && {HELLOS}.length >= {connection}")
    return worker_of(page.evaluate(f"{HELLOS}.at(-1).session"))


def udp_ports(pid):
    """The UDP ports that a process has bound."""
    process = Path("/proc", str(pid))
    sockets = {os.fspath(entry.readlink()) for entry in (process / "fd").iterdir()}
    rows = [row.split() for name in ("udp", "udp6") for row in (process / "net" / name).read_text().splitlines()[1:]]
    return {str(int(row[1].rpartition(":")[2], 16)) for row in rows if f"socket:[{row[9]}]" in sockets}
