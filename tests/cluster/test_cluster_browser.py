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
from playwright.sync_api import sync_playwright
from waiting import wait_until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.browser,
    pytest.mark.skipif(support.CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]

LIVE = "document.body.dataset.state === 'live'"
OFFERED = "window.connections.at(-1).remoteDescription.sdp"
#: The pictures of the avatar that were shown, with each connection's.
SHOWN = "document.querySelector('#avatar').getVideoPlaybackQuality().totalVideoFrames"


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


def test_a_page_whose_worker_dies_goes_on_with_another(cluster, gateway, tmp_path):
    flags = [*support.FLAGS, f"--use-file-for-fake-video-capture={support.camera_file(tmp_path)}"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=support.CHROMIUM, args=flags)
        context = chromium.new_context()
        context.grant_permissions(["camera"])
        context.add_init_script(support.RECORDER)
        context.add_init_script(support.CONNECTIONS)
        page = context.new_page()
        page.goto(gateway)
        page.click("#start")
        support.until(page, LIVE)
        support.until(page, f"{SHOWN} > 10")
        name = next(load.name for load in cluster.table().values() if load.sessions)
        where = cluster.where(name)
        ports = set(re.findall(r"^a=candidate:\S+ 1 udp \d+ \S+ (\d+) typ host", page.evaluate(OFFERED), re.M))
        assert ports & udp_ports(where["server_pid"])  # of the worker, not of the gateway
        began = time.monotonic()
        os.kill(where["pid"], signal.SIGKILL)
        support.until(page, "window.connections.length > 1")
        support.until(page, f"{LIVE} && window.recorded.filter(({{type}}) => type === 'hello').length > 1")
        print(f"went on after {time.monotonic() - began:.2f} s")
        session = page.evaluate("window.recorded.filter(({type}) => type === 'hello').at(-1).session")
        assert not session.startswith(name)
        page.click("#stop")
        chromium.close()
    wait_until(lambda: not any(load.sessions for load in cluster.table().values()))
    with urllib.request.urlopen(gateway + "metrics") as answer:
        assert b"face3d_gateway_resumed_total 1.0" in answer.read()


def udp_ports(pid):
    """The UDP ports that a process has bound."""
    process = Path("/proc", str(pid))
    sockets = {os.fspath(entry.readlink()) for entry in (process / "fd").iterdir()}
    rows = [row.split() for name in ("udp", "udp6") for row in (process / "net" / name).read_text().splitlines()[1:]]
    return {str(int(row[1].rpartition(":")[2], 16)) for row in rows if f"socket:[{row[9]}]" in sockets}
